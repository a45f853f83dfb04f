"""One message that is asked, and who is meant by it: card and PIN, checked as on every other face of the store.

    AA -> whose card          AD -> count the try while Argon2id runs -> proved, or not
    nothing of the record is read for a patron whose PIN is not proved

Not responsible for: what is answered (answers.py), tries and lock-out (patrons/tries.py).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from kiosk.model import BranchId, Credential, ItemId, PatronId, Pin
from sync.central.desk import Desk
from sync.central.patrons import admission, tries
from sync.central.patrons.cards import LookupKey
from sync.central.patrons.tries import Attempt
from sync.central.schema import branches, library
from sync.central.sip2.dialect import Dialect
from sync.central.web.questions import Site
from sync.sip2 import dates
from sync.sip2.codec import Message, message

LOCAL = ZoneInfo("Europe/Copenhagen")
_NEED_A_PIN = frozenset({"23", "63", "11", "29", "65", "15"})


@dataclass(frozen=True, slots=True)
class Who:
    """Whose card it is. proved: the PIN was right too."""

    patron: PatronId | None = field(default=None, repr=False)
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One message at a desk. agency: the library's, as AO."""

    desk: Desk
    agency: str
    dialect: Dialect
    said: Message
    lookup: LookupKey
    who: Who = Who()

    @property
    def now(self) -> str:
        """The store's time, as SIP2 writes it."""
        return dates.stamp(self.desk.at, LOCAL)

    @property
    def item(self) -> ItemId:
        return ItemId(self.said.first("AB").strip())

    @property
    def is_done_already(self) -> bool:
        """No block: it happened while nobody could be asked."""
        return self.said.fixed_of("no_block") == "Y"

    @property
    def patron(self) -> PatronId | None:
        """Who is answered for: proved by the PIN, or known by the card for what has been done already."""
        return self.who.patron if self.who.proved or self.is_done_already else None

    @property
    def is_cancelled(self) -> bool:
        """It failed on the machine's side: security could not be switched off."""
        return self.said.first("BI") == "Y"

    @property
    def then(self) -> Desk:
        """The desk when it happened; never in the future, for what lies there would be kept for ever."""
        if not self.is_done_already:
            return self.desk
        told = self.said.fixed_of("return_date") or self.said.fixed_of("transaction_date")
        return self.desk.earlier(min(dates.moment(told, LOCAL) or self.desk.at, self.desk.at))

    @property
    def told_due(self) -> date | None:
        """The due date that the machine gave out; None when it says none that can be read."""
        return dates.day(self.said.fixed_of("nb_due_date"), LOCAL)

    def answer(self, code: str, fixed: Sequence[str], *fields: tuple[str, str]) -> Message:
        """With AO first."""
        return message(code, fixed, ("AO", self.agency), *fields)


async def identify(site: Site, said: Message, at: datetime) -> Who:
    """An unknown card takes the time of a wrong PIN. A PIN that nothing hangs on is not tried."""
    number, pin = said.first("AA").strip(), said.first("AD")
    if not number:
        return Who()
    digest = site.locks.lookup.of_card(Credential(number))
    patron = await site.look(lambda connection: admission.of_card(connection, digest))
    if not pin or said.id not in _NEED_A_PIN or said.fixed_of("no_block") == "Y":
        return Who(patron)
    attempt = await site.look(lambda connection: tries.attempt(connection, digest, at))
    proved = isinstance(attempt, Attempt) and await _proved(site, attempt, Pin(pin), at)
    return Who(patron, proved and patron is not None)


async def _proved(site: Site, attempt: Attempt, pin: Pin, at: datetime) -> bool:
    counting = site.write(lambda connection: tries.count_try(connection, attempt.subject, at))
    check = partial(site.locks.pins.matches, pin, attempt.pin_hash)
    checking = asyncio.get_running_loop().run_in_executor(site.pool, check)
    counted, right = await asyncio.gather(counting, checking)
    if not counted or not right:
        return False
    await site.write(lambda connection: tries.clear_tries(connection, attempt.subject))
    return True


def agency_of(connection: Connection) -> str:
    agency: str = connection.execute(select(library.c.agency)).scalar_one()
    return agency


def branch_name(connection: Connection, branch: BranchId) -> str:
    name: str = connection.execute(select(branches.c.name).where(branches.c.branch_id == branch)).scalar_one()
    return name
