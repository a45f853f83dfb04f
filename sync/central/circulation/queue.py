"""The queue for a title: who waits, and who is first of those who can have an item now.

Who is blocked, is away, or no longer wants it keeps the place, and is passed by.
Not responsible for: setting an item aside (aside.py), a patron's own holds (holds.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    true,
)

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


# Built once, as in items.py. `today` is asked for in each.
_TODAY = bindparam("today", type_=Date)
_RECORD: BindParameter[str] = bindparam("record")
_ITEM: BindParameter[str] = bindparam("this_item")
_AWAY_FROM, _AWAY_TO, _UNTIL = patrons.c.absent_from, patrons.c.absent_to, holds.c.wanted_until
_CAN_BE_FILLED = and_(
    or_(and_(_AWAY_FROM.is_(None), _AWAY_TO.is_(None)), _AWAY_FROM > _TODAY, _AWAY_TO < _TODAY),
    or_(_UNTIL.is_(None), _UNTIL >= _TODAY),
    ~exists().where(blocks.c.patron_id == holds.c.patron_id),
)
_QUEUE = select(holds, _CAN_BE_FILLED.label("can_be_filled")).join(patrons).order_by(holds.c.placed_at, holds.c.hold_id)
_OF_RECORD = _QUEUE.where(holds.c.record_id == _RECORD)
_NEXT = _OF_RECORD.where(
    holds.c.item_id.is_(None), _CAN_BE_FILLED, patrons.c.birth_date <= bindparam("born_by", type_=Date)
).limit(1)
_OF_PATRON = _QUEUE.where(holds.c.hold_id == bindparam("hold"), holds.c.patron_id == bindparam("patron"))
_TIED = _QUEUE.where(holds.c.item_id == _ITEM)
_STALE = _QUEUE.where(or_(holds.c.pickup_by < _TODAY, and_(holds.c.item_id.is_(None), _UNTIL < _TODAY)))


def queue_of(connection: Connection, record: RecordId, now: datetime) -> tuple[Hold, ...]:
    """Every hold on the title, first come first."""
    asked = {"record": record, "today": local_date(now)}
    return tuple(_hold(row) for row in connection.execute(_OF_RECORD, asked))


def next_for(connection: Connection, record: RecordId, now: datetime, minimum_age: int = 0) -> Hold | None:
    """The first who waits and can have an item now. minimum_age: the item's."""
    today = local_date(now)
    asked = {"record": record, "today": today, "born_by": _born_by(today, minimum_age)}
    return _one(connection, _NEXT, asked)


def of_patron(connection: Connection, patron: PatronId, hold: int, now: datetime) -> Hold | None:
    return _one(connection, _OF_PATRON, {"hold": hold, "patron": patron, "today": local_date(now)})


def tied_to(connection: Connection, item: ItemId, now: datetime) -> Hold | None:
    """The hold that the item is set aside for."""
    return _one(connection, _TIED, {"this_item": item, "today": local_date(now)})


def stale(connection: Connection, now: datetime) -> tuple[Hold, ...]:
    """Not fetched in time, or no longer wanted while still waiting."""
    return tuple(_hold(row) for row in connection.execute(_STALE, {"today": local_date(now)}))


def free_copies(connection: Connection, item: Item, patron: PatronId) -> int:
    """How many others of the title could fill a hold now. What is set aside for the patron would be free again."""
    lent = exists().where(loans.c.item_id == items.c.item_id, loans.c.returned_at.is_(None))
    aside = exists().where(holds.c.item_id == items.c.item_id, holds.c.patron_id != patron)
    query = select(func.count()).select_from(items.join(material_groups))
    others = query.where(items.c.record_id == item.work.record, items.c.item_id != item.item)
    free: int = connection.execute(others.where(_fills_holds(), ~lent, ~aside)).scalar_one()
    return free


def _fills_holds() -> ColumnElement[bool]:
    """As Item.fills_holds."""
    here = items.c.state == ItemState.HERE.value
    return and_(here, items.c.for_loan == true(), material_groups.c.holdable == true())


def _born_by(today: date, years: int) -> date:
    """The last birth date that makes so many whole years."""
    leap_day = (today.month, today.day) == (2, 29)
    return (today - timedelta(days=1) if leap_day else today).replace(year=today.year - years)


def _one(connection: Connection, query: Select[Any], asked: Mapping[str, object]) -> Hold | None:
    row = connection.execute(query, asked).one_or_none()
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
