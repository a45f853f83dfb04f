"""Waiving: what is owed, and no longer asked for. What was paid of it stays paid.

    payments   \\x1fwaived FEE PAID    settles the rest as a payment would: a late fee that rises later is owed only
                                        above it. No payment's own reference can begin so (payments.py)

Not responsible for: who may waive and why (staff/money.py), money (payments.py).
"""

from datetime import datetime

from sqlalchemy import Connection, and_, func, insert, select, update

from kiosk.model import ItemId, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import fees as owed
from sync.central.schema import fees, payments

_WAIVED = "\x1fwaived "


def waive(connection: Connection, patron: PatronId, fee: int, now: datetime) -> int:
    """What is owed no longer, in øre; 0: the patron owes nothing of such a fee."""
    mine = (line for line in owed.lines_of(connection, patron) if line.fee == fee)
    rest = sum(line.owed for line in mine)
    if rest:
        _settle(connection, fee, rest, now)
        owed.follow_debt(connection, patron, local_date(now))
    return rest


def lift(connection: Connection, item: ItemId, now: datetime) -> int:
    """The item that was lost is back: nobody owes a compensation for it. In øre, what was owed."""
    open_ = fees.c.item_id == item, fees.c.kind == owed.COMPENSATION, fees.c.settled_at.is_(None)
    rows = connection.execute(select(fees.c.fee_id, fees.c.patron_id).where(*open_)).all()
    return sum(waive(connection, PatronId(row.patron_id), row.fee_id, now) for row in rows)


def waived_of(connection: Connection, patron: PatronId) -> tuple[int, ...]:
    """Of every fee of the patron, in the order of their numbers. In øre."""
    of_it = and_(payments.c.fee_id == fees.c.fee_id, payments.c.reference.startswith(_WAIVED))
    query = select(func.coalesce(func.sum(payments.c.amount), 0))
    mine = query.select_from(fees.outerjoin(payments, of_it)).where(fees.c.patron_id == patron)
    return tuple(map(int, connection.execute(mine.group_by(fees.c.fee_id).order_by(fees.c.fee_id)).scalars()))


def _settle(connection: Connection, fee: int, rest: int, now: datetime) -> None:
    paid = update(fees).where(fees.c.fee_id == fee).values(paid=fees.c.paid + rest, settled_at=now)
    settled: int = connection.execute(paid.returning(fees.c.paid)).scalar_one()
    reference = f"{_WAIVED}{fee} {settled}"
    connection.execute(insert(payments).values(reference=reference, fee_id=fee, amount=rest, paid_at=now))
