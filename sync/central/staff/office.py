"""Where staff's commands work: the store, this moment, and the log of what they did.

    staff_log   when, who was logged in, the act, digest of the lånernummer, what it was about; in the act's transaction

Not responsible for: what a command does, what is typed (typed.py), how long the log is kept (retention.py).
"""

import getpass
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, insert, select

from kiosk.model import PatronId
from sync.central import start
from sync.central.patrons.cards import LookupKey
from sync.central.patrons.locks import Locks
from sync.central.schema import staff_log
from sync.central.staff.said import CommandError, moment, table
from sync.central.start import Home

ResultT = TypeVar("ResultT")

REVEAL = "reveal"
_SHORT = 12  # letters of a digest: enough to tell one from another


@dataclass(frozen=True, slots=True)
class Done:
    """An act, for the log. about: numbers of things, words of closed lists; never what was typed freely."""

    act: str
    patron: PatronId | None = field(default=None, repr=False)
    about: str = ""


@dataclass(frozen=True, slots=True)
class Office:
    """A store that has been begun. now: the computer's."""

    home: Home
    now: datetime

    @property
    def locks(self) -> Locks:
        return start.locks(self.home)

    def write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """In one transaction; works while the store runs."""
        with closing(start.open_database(self.home)) as database:
            return database.write(work).result()

    @property
    def lookup(self) -> LookupKey:
        """Of the locks, the one that costs nothing."""
        return LookupKey(self.home.lookup.read_bytes())

    def log(self, connection: Connection, done: Done) -> None:
        """In the transaction of the act: both are, or neither."""
        patron = "" if done.patron is None else self.lookup.of_patron(done.patron)
        line = {"staff": getpass.getuser(), "act": done.act, "patron_digest": patron, "about": done.about}
        connection.execute(insert(staff_log).values(done_at=self.now, **line))


def logged(office: Office, patron: PatronId | None) -> str:
    """What staff did, latest first; patron: only with theirs. A patron is named by a digest."""
    query = select(staff_log).order_by(staff_log.c.done_at.desc(), staff_log.c.entry_id.desc())
    if patron is not None:
        query = query.where(staff_log.c.patron_digest == office.lookup.of_patron(patron))
    rows = office.write(lambda connection: connection.execute(query).all())
    lines = [(moment(row.done_at), row.staff, row.act, row.patron_digest[:_SHORT], row.about) for row in rows]
    return table(("when", "who", "act", "patron", "about"), lines) if lines else "nothing has been done"


def begun(home: Home) -> Home:
    """Raises CommandError."""
    if not home.is_begun:
        raise CommandError("there is no store in this directory; start it with: kiosk central serve")
    return home
