"""What lateness costs: one fee per patron and day of lending or renewal, by the latest of that day's loans.

    loans of the day, returned ones up to their return, the others up to today
      --> the dearest step, a child's or an adult's --> the fee: made, raised, lowered, or taken back

What is paid stays paid, and what late loans cost that were renewed (`least`) stays owed. A fee is lowered only when a
return is told afterwards: the book was in the machine while its fee rose here.
Not responsible for: what else is owed and block E (fees.py), when an item came back (returning.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Date, Row, and_, bindparam, delete, exists, insert, select, update

from kiosk.model import PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation.fees import LATE, follow_debt
from sync.central.circulation.items import OpenLoan, fee_day_of
from sync.central.schema import blocks, fee_steps, fees, library, loans, patron_groups, patrons
from sync.central.statement import Statement

_DECEASED = "D"
EVER = range(1, 36_525)  # days late: since yesterday, or since any day


@dataclass(frozen=True, slots=True)
class FeeDay:
    """Of which one fee is: all that one patron borrowed or renewed on one day."""

    patron: PatronId
    day: date


@dataclass(frozen=True, slots=True)
class _Payer:
    """A child's steps are for whoever is one on the due date, so that no birthday makes an old lateness dearer."""

    born: date
    child_below: int
    pays: bool

    def is_child(self, due: date) -> bool:
        return whole_years(self.born, due) < self.child_below


@dataclass(frozen=True, slots=True)
class _Steps:
    """(child, from day, øre) of every step."""

    rows: tuple[tuple[bool, int, int], ...]

    def amount(self, who: _Payer, due: date, until: date) -> int:
        child, days = who.is_child(due), (until - due).days
        return max((amount for of_child, start, amount in self.rows if of_child == child and start <= days), default=0)


def rising(connection: Connection, now: datetime, late: range = EVER) -> tuple[FeeDay, ...]:
    """Whose fees must be made or raised for what is so many days late and still out. Three statements."""
    steps, today, dearest = _steps(connection), local_date(now), dict[FeeDay, int]()
    due = {"first": today - timedelta(days=late.stop - 1), "last": today - timedelta(days=late.start)}
    for row in _ALL_OUT.all(connection, **due):
        key = FeeDay(PatronId(row.patron_id), fee_day_of(row))
        dearest[key] = max(steps.amount(_payer(row), row.due, today), dearest.get(key, 0))
    made = {FeeDay(PatronId(row.patron_id), row.lent_on): row.amount for row in _MADE.all(connection, **due)}
    return tuple(key for key, amount in dearest.items() if amount > made.get(key, 0))


def reckon(connection: Connection, days: Iterable[FeeDay], now: datetime) -> int:
    """How many of these fees were changed, to what their loans say at this moment. Harmless when repeated."""
    days = tuple(days)
    if not days:
        return 0
    steps = _steps(connection)
    changed = [day for day in days if _reckon(connection, steps, day, now)]
    _follow(connection, changed, now)
    return len(changed)


def lower(connection: Connection, day: FeeDay, now: datetime) -> None:
    """Less of it is late than it was thought to be. A fee that is paid and forgotten is not made anew."""
    if _fee(connection, day) is not None:
        reckon(connection, (day,), now)


def keep(connection: Connection, loan: OpenLoan, until: date, now: datetime) -> None:
    """The loan, late up to this day, is to run anew: what that costs can no longer be told from the loan."""
    key, who = FeeDay(loan.patron, loan.fee_day), _who(connection, loan.patron)
    least, before = _steps(connection).amount(who, loan.due, until), _fee(connection, key)
    if not who.pays or least <= (before.least if before else 0):
        return
    _put(connection, key, before, max(least, before.amount if before else 0), now)
    _KEEP.run(connection, patron=key.patron, day=key.day, least=least)
    _follow(connection, (key,), now)


# --- one fee ------------------------------------------------------------------------------------


def _reckon(connection: Connection, steps: _Steps, key: FeeDay, now: datetime) -> bool:
    """False: it is right already."""
    who, before = _who(connection, key.patron), _fee(connection, key)
    amount = max((steps.amount(who, due, until) for due, until in _loans(connection, key, now)), default=0)
    if not who.pays:
        amount = min(amount, before.amount if before else 0)
    if before is not None:
        amount = max(amount, before.least, before.paid)
    return _put(connection, key, before, amount, now)


def _put(connection: Connection, key: FeeDay, before: Row[Any] | None, amount: int, now: datetime) -> bool:
    """False: it is so already. Lowered to what is paid it is settled now, raised after that it is owed again."""
    where = {"patron": key.patron, "day": key.day}
    if amount == (before.amount if before else 0):
        return False
    if before is None:
        new = {"amount": amount, "paid": 0, "least": 0, "made_at": now}
        _MAKE.run(connection, patron_id=key.patron, kind=LATE, lent_on=key.day, **new)
    elif amount == 0:
        _TAKE_BACK.run(connection, **where)
    else:
        _CHANGE.run(connection, **where, amount=amount, settled_at=now if amount == before.paid else None)
    return True


def _loans(connection: Connection, key: FeeDay, now: datetime) -> Iterator[tuple[date, date]]:
    """(due, until) of the day's loans that are or were late, as far as they are known still."""
    today = local_date(now)
    for row in _MINE.all(connection, patron=key.patron, today=today):
        if fee_day_of(row) == key.day:
            yield row.due, today if row.returned_at is None else local_date(row.returned_at)


def _follow(connection: Connection, changed: Iterable[FeeDay], now: datetime) -> None:
    for patron in dict.fromkeys(key.patron for key in changed):
        follow_debt(connection, patron, local_date(now))


# --- rows ---------------------------------------------------------------------------------------

_THAT = fees.c.patron_id == bindparam("patron"), fees.c.kind == LATE, fees.c.lent_on == bindparam("day")
_FEE, _MAKE = Statement(select(fees.c.amount, fees.c.paid, fees.c.least).where(*_THAT)), Statement(insert(fees))
_CHANGE, _KEEP = Statement(update(fees).where(*_THAT)), Statement(update(fees).where(*_THAT))
_TAKE_BACK = Statement(delete(fees).where(*_THAT))
_STEPS = Statement(select(fee_steps.c.child, fee_steps.c.from_day, fee_steps.c.amount))

_DEAD = exists().where(blocks.c.patron_id == patrons.c.patron_id, blocks.c.reason == _DECEASED)
_PAYS = and_(patron_groups.c.pays_fees, ~_DEAD)
_PATRONS = patrons.join(patron_groups).join(library, library.c.library_id == 1)
_PAYER = patrons.c.birth_date, library.c.child_below, _PAYS.label("pays")
_WHO = Statement(select(*_PAYER).select_from(_PATRONS).where(patrons.c.patron_id == bindparam("patron")))

_LOAN = loans.c.lent_at, loans.c.fee_day, loans.c.due
_MINE = Statement(
    select(*_LOAN, loans.c.returned_at).where(
        loans.c.patron_id == bindparam("patron"), loans.c.due < bindparam("today", type_=Date)
    )
)
_FIRST, _LAST = bindparam("first", type_=Date), bindparam("last", type_=Date)
_OUT = loans.c.returned_at.is_(None), loans.c.due >= _FIRST, loans.c.due <= _LAST
_ALL_OUT = Statement(
    select(*_LOAN, loans.c.patron_id, *_PAYER)
    .select_from(_PATRONS.join(loans, loans.c.patron_id == patrons.c.patron_id))
    .where(*_OUT, _PAYS)
)
_MADE = Statement(
    select(fees.c.patron_id, fees.c.lent_on, fees.c.amount).where(
        fees.c.kind == LATE, fees.c.patron_id.in_(select(loans.c.patron_id).where(*_OUT))
    )
)


def _who(connection: Connection, patron: PatronId) -> _Payer:
    return _payer(_WHO.the(connection, patron=patron))


def _payer(row: Row[Any]) -> _Payer:
    return _Payer(row.birth_date, row.child_below, row.pays)


def _fee(connection: Connection, key: FeeDay) -> Row[Any] | None:
    return _FEE.one(connection, patron=key.patron, day=key.day)


def _steps(connection: Connection) -> _Steps:
    return _Steps(tuple((row.child, row.from_day, row.amount) for row in _STEPS.all(connection)))
