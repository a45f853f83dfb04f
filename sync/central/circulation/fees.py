"""What a patron owes: a fee for what is late, one per day of lending or renewal; a compensation for what is lost.

    paid  --> settled once all of it is; raised after that, the rest is owed
    debt above the library's limit --> block E        not above --> block E is lifted

Not responsible for: what lateness costs (lateness.py), how a payment was made, when it is forgotten (retention.py).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, select

from kiosk.model import ItemId, PatronId
from sync.central.calendar import local_date
from sync.central.circulation.items import work_of
from sync.central.circulation.outcomes import FeeLine
from sync.central.patrons import blocks
from sync.central.schema import fees, items, library, records
from sync.central.statement import Statement

LATE, COMPENSATION = "fee", "compensation"  # FBS: feeType
_DEBT = "E"


def compensate(connection: Connection, patron: PatronId, item: ItemId, amount: int, now: datetime) -> int:
    """The fee's number. amount: above 0. Both are known."""
    new = insert(fees).values(patron_id=patron, kind=COMPENSATION, item_id=item, amount=amount, made_at=now)
    fee: int = connection.execute(new.returning(fees.c.fee_id)).scalar_one()
    follow_debt(connection, patron, local_date(now))
    return fee


_DEBT_OF = Statement(
    select(func.coalesce(func.sum(fees.c.amount - fees.c.paid), 0).label("owed")).where(
        fees.c.patron_id == bindparam("patron"), fees.c.settled_at.is_(None)
    )
)
_LIMIT = Statement(select(library.c.debt_limit))


def debt_of(connection: Connection, patron: PatronId) -> int:
    return int(_DEBT_OF.the(connection, patron=patron).owed)


def follow_debt(connection: Connection, patron: PatronId, today: date) -> None:
    """Block E as the debt is now: after every change of it."""
    limit: int = _LIMIT.the(connection).debt_limit
    if debt_of(connection, patron) > limit:
        blocks.block(connection, patron, _DEBT, today)
    else:
        blocks.unblock(connection, patron, _DEBT)


def lines_of(connection: Connection, patron: PatronId, *, settled: bool = False) -> tuple[FeeLine, ...]:
    """Oldest first: what is owed, or what has been settled and is not forgotten yet."""
    rows = (_SETTLED if settled else _OWED).all(connection, patron=patron)
    return tuple(_line(row) for row in rows)


def _lines(done: ColumnElement[bool]) -> Statement:
    columns = fees.c.fee_id, fees.c.kind, fees.c.amount, fees.c.paid, fees.c.made_at, fees.c.item_id, records
    query = select(*columns).select_from(fees.outerjoin(items).outerjoin(records))
    mine = fees.c.patron_id == bindparam("patron")
    return Statement(query.where(mine, done).order_by(fees.c.made_at, fees.c.fee_id))


_OWED, _SETTLED = _lines(fees.c.settled_at.is_(None)), _lines(fees.c.settled_at.is_not(None))


def _line(row: Row[Any]) -> FeeLine:
    item = None if row.item_id is None else ItemId(row.item_id)
    work = None if item is None else work_of(row)
    return FeeLine(row.fee_id, row.kind, row.amount, row.paid, local_date(row.made_at), work, item)
