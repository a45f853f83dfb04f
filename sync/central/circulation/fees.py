"""What a patron owes: a fee for what is late, one per day of lending; a compensation for what is lost.

    late  --> the step for the days late, child's or adult's --> made, or raised: never lowered, what is paid stays paid
    paid  --> settled once all of it is; raised after that, the rest is owed
    debt above the library's limit --> block E        not above --> block E is lifted

Not responsible for: when an item came back (returning.py), how a payment was made, when it is forgotten (retention.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, insert, select, update

from kiosk.model import ItemId, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation.items import work_of
from sync.central.circulation.outcomes import FeeLine
from sync.central.patrons import blocks
from sync.central.schema import fee_steps, fees, items, library, loans, patron_groups, patrons, records

LATE, COMPENSATION = "fee", "compensation"  # FBS: feeType
_DEBT = "E"


@dataclass(frozen=True, slots=True)
class _Late:
    """What one patron has had too long, of one day's lending. days: of the latest."""

    patron: PatronId
    lent_on: date
    child: bool
    days: int


@dataclass(frozen=True, slots=True)
class _Steps:
    """(child, from day, øre) of every step."""

    rows: tuple[tuple[bool, int, int], ...]

    def amount(self, late: _Late) -> int:
        reached = (step for step in self.rows if step[0] == late.child and step[1] <= late.days)
        return max((amount for _, _, amount in reached), default=0)


def charge_late(
    connection: Connection, patron: PatronId, lent_at: datetime, due: date, until: date, now: datetime
) -> None:
    """Makes the fee of the day of lending, or raises it. until: the day it came back, or today while it is out."""
    who = connection.execute(_payers().where(patrons.c.patron_id == patron)).one_or_none()
    if who is not None:
        _charge(connection, [_late(who, lent_at, due, until)], now)


def rise(connection: Connection, now: datetime, share: str = "") -> int:
    """How many fees were made or raised for what is late and still out. Harmless when repeated.

    share: only of patrons whose number ends so. It is random, so each ending is as many, and nobody waits for all.
    """
    today = local_date(now)
    query = _payers().add_columns(loans.c.lent_at, loans.c.due).join(loans, loans.c.patron_id == patrons.c.patron_id)
    late = loans.c.returned_at.is_(None), loans.c.due < today, patrons.c.patron_id.endswith(share)
    rows = connection.execute(query.where(*late))
    return _charge(connection, [_late(row, row.lent_at, row.due, today) for row in rows], now)


def compensate(connection: Connection, patron: PatronId, item: ItemId, amount: int, now: datetime) -> int:
    """The fee's number. amount: above 0. Both are known."""
    new = insert(fees).values(patron_id=patron, kind=COMPENSATION, item_id=item, amount=amount, made_at=now)
    fee: int = connection.execute(new.returning(fees.c.fee_id)).scalar_one()
    follow_debt(connection, patron, local_date(now))
    return fee


def debt_of(connection: Connection, patron: PatronId) -> int:
    owed = func.coalesce(func.sum(fees.c.amount - fees.c.paid), 0)
    query = select(owed).where(fees.c.patron_id == patron, fees.c.settled_at.is_(None))
    return int(connection.execute(query).scalar_one())


def follow_debt(connection: Connection, patron: PatronId, today: date) -> None:
    """Block E as the debt is now: after every change of it."""
    limit: int = connection.execute(select(library.c.debt_limit)).scalar_one()
    if debt_of(connection, patron) > limit:
        blocks.block(connection, patron, _DEBT, today)
    else:
        blocks.unblock(connection, patron, _DEBT)


def lines_of(connection: Connection, patron: PatronId, *, settled: bool = False) -> tuple[FeeLine, ...]:
    """Oldest first: what is owed, or what has been settled and is not forgotten yet."""
    rows = connection.execute(_SETTLED if settled else _OWED, {"patron": patron})
    return tuple(_line(row) for row in rows)


def _lines(done: ColumnElement[bool]) -> Select[Any]:
    columns = fees.c.fee_id, fees.c.kind, fees.c.amount, fees.c.paid, fees.c.made_at, fees.c.item_id, records
    query = select(*columns).select_from(fees.outerjoin(items).outerjoin(records))
    mine = fees.c.patron_id == bindparam("patron")
    return query.where(mine, done).order_by(fees.c.made_at, fees.c.fee_id)


_OWED, _SETTLED = _lines(fees.c.settled_at.is_(None)), _lines(fees.c.settled_at.is_not(None))


def _line(row: Row[Any]) -> FeeLine:
    item = None if row.item_id is None else ItemId(row.item_id)
    work = None if item is None else work_of(row)
    return FeeLine(row.fee_id, row.kind, row.amount, row.paid, local_date(row.made_at), work, item)


# --- what is late -------------------------------------------------------------------------------


def _payers() -> Select[Any]:
    """Of groups that pay fees."""
    joined = patrons.join(patron_groups).join(library, library.c.library_id == 1)
    query = select(patrons.c.patron_id, patrons.c.birth_date, library.c.child_below).select_from(joined)
    return query.where(patron_groups.c.pays_fees)


def _late(who: Row[Any], lent_at: datetime, due: date, until: date) -> _Late:
    """A child is who is one on the day up to which is counted."""
    child = whole_years(who.birth_date, until) < who.child_below
    return _Late(PatronId(who.patron_id), local_date(lent_at), child, (until - due).days)


def _charge(connection: Connection, lates: Iterable[_Late], now: datetime) -> int:
    steps, dearest = _steps(connection), dict[tuple[PatronId, date], int]()
    for late in lates:
        key, amount = (late.patron, late.lent_on), steps.amount(late)
        dearest[key] = max(amount, dearest.get(key, 0))
    changed = [key for key, amount in dearest.items() if amount and _raised(connection, *key, amount, now)]
    for patron in {patron for patron, _ in changed}:
        follow_debt(connection, patron, local_date(now))
    return len(changed)


def _raised(connection: Connection, patron: PatronId, lent_on: date, amount: int, now: datetime) -> bool:
    """False: it is as high already."""
    mine = fees.c.patron_id == patron, fees.c.kind == LATE, fees.c.lent_on == lent_on
    before = connection.execute(select(fees.c.amount).where(*mine)).scalar_one_or_none()
    if before is None:
        new = insert(fees).values(patron_id=patron, kind=LATE, lent_on=lent_on, amount=amount, made_at=now)
        connection.execute(new)
    elif before < amount:
        connection.execute(update(fees).where(*mine).values(amount=amount, settled_at=None))
    return before is None or before < amount


def _steps(connection: Connection) -> _Steps:
    rows = connection.execute(select(fee_steps.c.child, fee_steps.c.from_day, fee_steps.c.amount))
    return _Steps(tuple((row.child, row.from_day, row.amount) for row in rows))
