"""The queue for a title: who waits, and who is first of those who can have an item now.

Who is blocked, is away, or no longer wants it keeps the place, and is passed by.
Not responsible for: setting an item aside (aside.py), a patron's own holds (holds.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, or_, select, true

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date
from sync.central.circulation.items import Item, ItemState
from sync.central.circulation.outcomes import RecordId
from sync.central.schema import blocks, holds, items, loans, material_groups, patrons


@dataclass(frozen=True, slots=True)
class Hold:
    """One place in a queue. item: set aside. can_be_filled: its patron is not blocked, not away, and still wants it."""

    hold: int
    patron: PatronId
    pickup: BranchId
    placed_at: datetime
    item: ItemId | None
    shelf: str
    pickup_by: date | None
    can_be_filled: bool

    @property
    def waits(self) -> bool:
        """An item could be set aside for it now."""
        return self.item is None and self.can_be_filled


def queue_of(connection: Connection, record: RecordId, now: datetime) -> tuple[Hold, ...]:
    """Every hold on the title, first come first."""
    query = _queue(local_date(now)).where(holds.c.record_id == record)
    return tuple(_hold(row) for row in connection.execute(query))


def next_for(connection: Connection, record: RecordId, now: datetime, minimum_age: int = 0) -> Hold | None:
    """The first who waits and can have an item now. minimum_age: the item's."""
    today = local_date(now)
    query = _queue(today).where(holds.c.record_id == record, holds.c.item_id.is_(None), _can_be_filled(today))
    if minimum_age:
        query = query.where(patrons.c.birth_date <= _born_by(today, minimum_age))
    return _one(connection, query.limit(1))


def of_patron(connection: Connection, patron: PatronId, hold: int, now: datetime) -> Hold | None:
    query = _queue(local_date(now)).where(holds.c.hold_id == hold, holds.c.patron_id == patron)
    return _one(connection, query)


def tied_to(connection: Connection, item: ItemId, now: datetime) -> Hold | None:
    """The hold that the item is set aside for."""
    return _one(connection, _queue(local_date(now)).where(holds.c.item_id == item))


def stale(connection: Connection, now: datetime) -> tuple[Hold, ...]:
    """Not fetched in time, or no longer wanted while still waiting."""
    today = local_date(now)
    unwanted = and_(holds.c.item_id.is_(None), holds.c.wanted_until < today)
    query = _queue(today).where(or_(holds.c.pickup_by < today, unwanted))
    return tuple(_hold(row) for row in connection.execute(query))


def free_copies(connection: Connection, item: Item, patron: PatronId) -> int:
    """How many others of the title could fill a hold now. What is set aside for the patron would be free again."""
    lent = exists().where(loans.c.item_id == items.c.item_id, loans.c.returned_at.is_(None))
    aside = exists().where(holds.c.item_id == items.c.item_id, holds.c.patron_id != patron)
    query = select(func.count()).select_from(items.join(material_groups))
    others = query.where(items.c.record_id == item.work.record, items.c.item_id != item.item)
    free: int = connection.execute(others.where(_fills_holds(), ~lent, ~aside)).scalar_one()
    return free


def _queue(today: date) -> Select[Any]:
    query = select(holds, _can_be_filled(today).label("can_be_filled")).join(patrons)
    return query.order_by(holds.c.placed_at, holds.c.hold_id)


def _can_be_filled(today: date) -> ColumnElement[bool]:
    away_from, away_to = patrons.c.absent_from, patrons.c.absent_to
    present = or_(and_(away_from.is_(None), away_to.is_(None)), away_from > today, away_to < today)
    wanted = or_(holds.c.wanted_until.is_(None), holds.c.wanted_until >= today)
    return and_(present, wanted, ~exists().where(blocks.c.patron_id == holds.c.patron_id))


def _fills_holds() -> ColumnElement[bool]:
    """As Item.fills_holds."""
    here = items.c.state == ItemState.HERE.value
    return and_(here, items.c.for_loan == true(), material_groups.c.holdable == true())


def _born_by(today: date, years: int) -> date:
    """The last birth date that makes so many whole years."""
    leap_day = (today.month, today.day) == (2, 29)
    return (today - timedelta(days=1) if leap_day else today).replace(year=today.year - years)


def _one(connection: Connection, query: Select[Any]) -> Hold | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else _hold(row)


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        row.hold_id,
        PatronId(row.patron_id),
        BranchId(row.pickup_branch),
        row.placed_at,
        None if row.item_id is None else ItemId(row.item_id),
        row.shelf_number,
        row.pickup_by,
        bool(row.can_be_filled),
    )
