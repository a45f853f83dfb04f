"""What each message of SIP2 is answered with, over the same circulation as every other face of the store.

    message -> who is meant (asked.py) -> work on the SQL thread, in one transaction -> message
    BX of 98 says what is answered here; the rest is not: 19, 25, and what the standard does not know

Not responsible for: login, checksums and resending (listener.py), Cicero's envelope (cicero.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy import Connection, select

from sync.central.desk import Desk
from sync.central.schema import library
from sync.central.sip2 import holds, loans, patrons, payments, renewals
from sync.central.sip2.asked import Asked, agency_of, identify
from sync.central.sip2.dialect import Dialect
from sync.central.web.questions import Site
from sync.sip2.codec import Message

Answer = Callable[[Connection, Asked], Message]

_VERSION = "2.00"


def _status(connection: Connection, asked: Asked) -> Message:
    name = connection.execute(select(library.c.name)).scalar_one()
    fixed = ("Y", "Y", "Y", "Y", "Y", "Y", *asked.dialect.limits, asked.now, _VERSION)
    return asked.answer("98", fixed, ("AM", name), ("BX", supported()))


_ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "99": _status,
        "23": patrons.status,
        "63": patrons.information,
        "35": patrons.end_of_session,
        "11": loans.checkout,
        "09": loans.checkin,
        "17": loans.item_information,
        "15": holds.hold,
        "29": renewals.renew,
        "65": renewals.renew_all,
        "37": payments.fee_paid,
        "01": patrons.block,
    }
)

# BX, position by position. 97 and 93 are answered where the connection is.
_POSITIONS = ("23", "11", "09", "01", "99", "97", "93", "63", "35", "37", "17", "19", "25", "15", "29", "65")


def supported() -> str:
    """BX: Y for every message that is answered."""
    return "".join("Y" if code in _ANSWERS or code in ("93", "97") else "N" for code in _POSITIONS)


async def answer(site: Site, desk: Desk, said: Message, dialect: Dialect) -> Message | None:
    """None: the message is not one that is answered here."""
    work = _ANSWERS.get(said.id)
    if work is None:
        return None
    who = await identify(site, said, desk.at)

    def answered(connection: Connection) -> Message:
        return work(connection, replace(asked, agency=agency_of(connection)))

    asked = Asked(desk, "", dialect, said, site.locks.lookup, who)
    return await site.write(answered)
