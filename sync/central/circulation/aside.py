"""Setting an item aside: which hold it goes to, on the shelf under a number or on its way.

    RESERVED --- an item is returned at the pick-up branch ---> READY: a shelf number, a last day
        |                                                         ^
        +------- returned elsewhere ---> IN_TRANSIT --- there ----+

What its patron gives up or lets stand passes to the next, and keeps its number on the same shelf. What is on its way is
believed to have arrived only when it is returned there. Once an item is set aside, the interest date no longer matters.
Not responsible for: who is first (queue.py), telling the patron (messages/).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import Connection, delete, select, update

from kiosk.model import BranchId, ItemId
from sync.central.calendar import local_date
from sync.central.circulation import items, queue
from sync.central.circulation.items import Item
from sync.central.circulation.queue import Hold
from sync.central.schema import holds, library


def set_aside(connection: Connection, item: Item, now: datetime, *, new: bool = True) -> Hold | None:
    """Ties the item, as it stands, to the hold it is set aside for, or (new) to the first that can have it."""
    tied = queue.tied_to(connection, item.item, now)
    if tied is not None:
        return _tie(connection, tied, item, now)
    if not new or not item.fills_holds:
        return None
    first = queue.next_for(connection, item.work.record, now, item.minimum_age)
    return None if first is None else _tie(connection, first, item, now)


def pass_on(connection: Connection, item_id: ItemId, now: datetime, shelf_number: str = "") -> None:
    """Whoever it was set aside for does without: it goes to the next, or home. shelf_number: where it stands."""
    item = items.find(connection, item_id)
    if item is None:
        return
    first = queue.next_for(connection, item.work.record, now, item.minimum_age) if item.fills_holds else None
    if first is not None:
        _tie(connection, replace(first, shelf=shelf_number), item, now)
    items.put(connection, item.bound_for(first.pickup if first else item.home_branch))


def release(connection: Connection, item: ItemId) -> None:
    """The item is gone: who it was set aside for waits again, at the old place."""
    waits = update(holds).where(holds.c.item_id == item).values(item_id=None, shelf_number="", pickup_by=None)
    connection.execute(waits)


def drop(connection: Connection, hold: Hold, now: datetime, *, lent: ItemId | None = None) -> None:
    """The hold is no more; what was set aside for it passes on, unless that is what was lent."""
    connection.execute(delete(holds).where(holds.c.hold_id == hold.hold))
    if hold.item not in (None, lent):
        pass_on(connection, hold.item, now, hold.shelf)


def _tie(connection: Connection, hold: Hold, item: Item, now: datetime) -> Hold:
    """Ready where it stands at the pick-up branch, else on its way."""
    tied = replace(hold, item=item.item, shelf="", pickup_by=None)
    if item.stands_at(hold.pickup):
        tied = replace(
            tied,
            shelf=hold.shelf or _free_number(connection, hold.pickup),
            pickup_by=hold.pickup_by or local_date(now) + timedelta(days=_pickup_days(connection)),
        )
    connection.execute(
        update(holds)
        .where(holds.c.hold_id == hold.hold)
        .values(item_id=tied.item, shelf_number=tied.shelf, pickup_by=tied.pickup_by)
    )
    return tied


def _pickup_days(connection: Connection) -> int:
    days: int = connection.execute(select(library.c.pickup_days)).scalar_one()
    return days


def _free_number(connection: Connection, branch: BranchId) -> str:
    """The smallest that stands on no item of the branch's shelf."""
    query = select(holds.c.shelf_number).where(holds.c.pickup_branch == branch, holds.c.shelf_number != "")
    taken = set(connection.execute(query).scalars())
    return next(number for number in map(str, count(1)) if number not in taken)
