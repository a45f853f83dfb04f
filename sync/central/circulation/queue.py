"""The queue for a title: who waits, and who is first of those who can have an item now.

Who is blocked, is away, or no longer wants it keeps the place, and is passed by.
Not responsible for: setting an item aside (aside.py), a patron's own holds (holds.py).
"""

from calendar import isleap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    and_,
    bindparam,
    exists,
    or_,
    select,
    true,
)

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation.items import Item, ItemState
from sync.central.circulation.outcomes import RecordId
from sync.central.schema import blocks, holds, items, loans, material_groups, patrons
from sync.central.statement import Statement


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
    wanted_until: date | None
    can_be_filled: bool
    born: date = field(repr=False)

    @property
    def is_ready(self) -> bool:
        """Set aside, and on the shelf."""
        return self.pickup_by is not None

    @property
    def waits(self) -> bool:
        """An item could be set aside for it now."""
        return self.item is None and self.can_be_filled


# `today` is asked for in each.
_TODAY = bindparam("today", type_=Date)
_RECORD: BindParameter[str] = bindparam("record")
_ITEM: BindParameter[str] = bindparam("this_item")
_AWAY_FROM, _AWAY_TO, _UNTIL = patrons.c.absent_from, patrons.c.absent_to, holds.c.wanted_until
_CAN_BE_FILLED = and_(
    or_(and_(_AWAY_FROM.is_(None), _AWAY_TO.is_(None)), _AWAY_FROM > _TODAY, _AWAY_TO < _TODAY),
    or_(_UNTIL.is_(None), _UNTIL >= _TODAY),
    ~exists().where(blocks.c.patron_id == holds.c.patron_id),
)
_QUEUE = (
    select(holds, patrons.c.birth_date, _CAN_BE_FILLED.label("can_be_filled"))
    .join(patrons)
    .order_by(holds.c.placed_at, holds.c.hold_id)
)
_RECORDS = _QUEUE.where(holds.c.record_id == _RECORD)
_OF_RECORD = Statement(_RECORDS)
_COMES = and_(holds.c.sent_on.is_not(None), holds.c.pickup_branch == bindparam("here"), holds.c.item_id != _ITEM)
_NEXT = Statement(
    _RECORDS.where(
        or_(holds.c.item_id.is_(None), _COMES),
        _CAN_BE_FILLED,
        patrons.c.birth_date <= bindparam("born_by", type_=Date),
    ).limit(1)
)
_OF_PATRON = Statement(_QUEUE.where(holds.c.hold_id == bindparam("hold"), holds.c.patron_id == bindparam("patron")))
_TIED = Statement(_QUEUE.where(holds.c.item_id == _ITEM))
_SENT = Statement(_QUEUE.where(holds.c.sent_on < bindparam("day", type_=Date)))
_STALE = Statement(_QUEUE.where(or_(holds.c.pickup_by < _TODAY, and_(holds.c.item_id.is_(None), _UNTIL < _TODAY))))


def queue_of(connection: Connection, record: RecordId, now: datetime) -> tuple[Hold, ...]:
    """Every hold on the title, first come first."""
    return tuple(_hold(row) for row in _OF_RECORD.all(connection, record=record, today=local_date(now)))


def next_for(connection: Connection, item: Item, now: datetime) -> Hold | None:
    """The first who waits and can have the item now, or waits where it stands for another that is on its way there."""
    today = local_date(now)
    here = item.at_branch if item.transit_to is None else ""
    who = {"record": item.work.record, "born_by": _born_by(today, item.minimum_age)}
    return _one(_NEXT.one(connection, this_item=item.item, here=here, today=today, **who))


def of_patron(connection: Connection, patron: PatronId, hold: int, now: datetime) -> Hold | None:
    return _one(_OF_PATRON.one(connection, hold=hold, patron=patron, today=local_date(now)))


def tied_to(connection: Connection, item: ItemId, now: datetime) -> Hold | None:
    """The hold that the item is set aside for."""
    return _one(_TIED.one(connection, this_item=item, today=local_date(now)))


def stale(connection: Connection, now: datetime) -> tuple[Hold, ...]:
    """Not fetched in time, or no longer wanted while still waiting."""
    return tuple(_hold(row) for row in _STALE.all(connection, today=local_date(now)))


def sent_before(connection: Connection, day: date, now: datetime) -> tuple[Hold, ...]:
    """Whose item has been on its way since before that day."""
    return tuple(_hold(row) for row in _SENT.all(connection, day=day, today=local_date(now)))


def is_needed(connection: Connection, item: Item, patron: PatronId, ahead: Iterable[Hold], now: datetime) -> bool:
    """Whether fewer of those who wait ahead of the patron could be served if the item were not there for them.

    By the other free copies of the title; what is set aside for the patron would be free again.
    """
    ages = sorted(whole_years(hold.born, local_date(now)) for hold in ahead if hold.waits)
    if not ages or not item.fills_holds:
        return False
    rows = _FREE.all(connection, record=item.work.record, this_item=item.item, patron=patron)
    others = [row.minimum_age for row in rows]
    return _served(ages, others) < _served(ages, [*others, item.minimum_age])


def _served(ages: list[int], minimums: list[int]) -> int:
    """How many can have a copy each. ages: ascending: the youngest are given what all may have."""
    copies, served = sorted(minimums), 0
    for age in ages:
        served += served < len(copies) and copies[served] <= age
    return served


def _free() -> Statement:
    lent = exists().where(loans.c.item_id == items.c.item_id, loans.c.returned_at.is_(None))
    aside = exists().where(holds.c.item_id == items.c.item_id, holds.c.patron_id != bindparam("patron"))
    query = select(items.c.minimum_age).select_from(items.join(material_groups))
    others = query.where(items.c.record_id == _RECORD, items.c.item_id != _ITEM)
    return Statement(others.where(_fills_holds(), ~lent, ~aside))


def _fills_holds() -> ColumnElement[bool]:
    """As Item.fills_holds."""
    here = items.c.state == ItemState.HERE.value
    return and_(here, items.c.for_loan == true(), material_groups.c.holdable == true())


_FREE = _free()


def _born_by(today: date, years: int) -> date:
    """The last birth date that makes so many whole years; who was born on 29 February is older on 1 March."""
    unborn_day = (today.month, today.day) == (2, 29) and not isleap(today.year - years)
    return (today - timedelta(days=1) if unborn_day else today).replace(year=today.year - years)


def _one(row: Row[Any] | None) -> Hold | None:
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
        row.wanted_until,
        bool(row.can_be_filled),
        row.birth_date,
    )
