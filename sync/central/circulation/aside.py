"""Setting an item aside: which hold it goes to, on the shelf under a number or on its way.

    RESERVED --- an item is returned at the pick-up branch ---> READY: a shelf number, a last day
        |                                                         ^
        +------- returned elsewhere ---> IN_TRANSIT --- there ----+

What its patron gives up or lets stand passes to the next, and keeps its number on the same shelf. What is on its way is
believed to have arrived only when it is returned there; whose patron is away by then, blocked, or no longer wants it
waits again at the old place, as does whose item has not arrived in the library's time: it is then missing. A copy that
is returned where one is waited for that is still on its way takes its place. Once an item stands on the shelf, the
interest date no longer matters.
Not responsible for: who is first (queue.py), telling the patron (messages/).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import ColumnElement, Connection, bindparam, delete, literal_column, select, update

from kiosk.model import BranchId, ItemId
from sync.central.calendar import local_date
from sync.central.circulation import items, queue
from sync.central.circulation.items import Item, ItemState
from sync.central.circulation.queue import Hold
from sync.central.schema import holds, library
from sync.central.statement import Statement

_THIS: ColumnElement[bool] = holds.c.hold_id == bindparam("this_hold")
_TIE, _DROP = Statement(update(holds).where(_THIS)), Statement(delete(holds).where(_THIS))
_RELEASE = Statement(
    update(holds)
    .where(holds.c.item_id == bindparam("this_item"))
    .values(item_id=None, shelf_number="", pickup_by=None, sent_on=None)
)
_TRANSIT = Statement(select(library.c.transit_days))
_DAYS = Statement(select(library.c.pickup_days))
_SHELF = Statement(
    select(holds.c.shelf_number).where(
        holds.c.pickup_branch == bindparam("branch"), holds.c.shelf_number != literal_column("''")
    )
)


def set_aside(connection: Connection, item: Item, now: datetime, *, new: bool = True) -> Hold | None:
    """Ties the item, as it stands, to the hold it is set aside for, or (new) to the first that can have it."""
    tied = queue.tied_to(connection, item.item, now)
    if tied is not None and (tied.is_ready or tied.can_be_filled):
        return _tie(connection, tied, item, now)
    if tied is not None:
        release(connection, item.item)
    return _tie_first(connection, item, now) if new else None


def left_lying(connection: Connection, item: Item, now: datetime) -> Hold | None:
    """As set_aside, of a return that is told afterwards: only what stands on its hold shelf already is set aside.

    The machine could not ask, so it sent nobody to the hold shelf: the item lies among the others. Were it set aside
    now, its patron would be told to fetch it from a shelf where it is not. So it is a free copy in the house, kept
    back from others for who waits (lending.py), and is set aside when staff empty the machine and return it once more.
    """
    tied = queue.tied_to(connection, item.item, now)
    if tied is not None and tied.is_ready and item.stands_at(tied.pickup):
        return tied
    if tied is not None:
        release(connection, item.item)
    return None


def pass_on(connection: Connection, item_id: ItemId, now: datetime, shelf_number: str = "") -> None:
    """Whoever it was set aside for does without: it goes to the next, or home. shelf_number: where it stands."""
    item = items.find(connection, item_id)
    if item is None:
        return
    first = _tie_first(connection, item, now, shelf_number)
    items.put(connection, item.bound_for(first.pickup if first else item.home_branch))


def search(connection: Connection, now: datetime) -> int:
    """How many items have been on their way to a hold for too long: missing, until they turn up."""
    days: int = _TRANSIT.the(connection).transit_days
    overdue = queue.sent_before(connection, local_date(now) - timedelta(days=days), now)
    for hold in overdue:
        item = None if hold.item is None else items.find(connection, hold.item)
        if item is not None:
            release(connection, item.item)
            items.put(connection, replace(item, state=ItemState.MISSING))
    return len(overdue)


def release(connection: Connection, item: ItemId) -> None:
    """The item is gone: who it was set aside for waits again, at the old place."""
    _RELEASE.run(connection, this_item=item)


def drop(connection: Connection, hold: Hold, now: datetime, *, lent: ItemId | None = None) -> None:
    """The hold is no more; what was set aside for it passes on, unless that is what was lent."""
    _DROP.run(connection, this_hold=hold.hold)
    if hold.item not in (None, lent):
        pass_on(connection, hold.item, now, hold.shelf)


def _tie_first(connection: Connection, item: Item, now: datetime, shelf_number: str = "") -> Hold | None:
    """To the first that can have it; what was on its way there passes on."""
    if not item.fills_holds:
        return None
    first = queue.next_for(connection, item, now)
    if first is None:
        return None
    tied = _tie(connection, replace(first, shelf=shelf_number), item, now)
    if first.item is not None:
        pass_on(connection, first.item, now)
    return tied


def _tie(connection: Connection, hold: Hold, item: Item, now: datetime) -> Hold:
    """Ready where it stands at the pick-up branch, else on its way."""
    is_there = item.stands_at(hold.pickup)
    tied = replace(hold, item=item.item, shelf="", pickup_by=None)
    if is_there:
        tied = replace(
            tied,
            shelf=hold.shelf or _free_number(connection, hold.pickup),
            pickup_by=hold.pickup_by or local_date(now) + timedelta(days=_pickup_days(connection)),
        )
    sent_on = None if is_there else local_date(now)
    stands = {"shelf_number": tied.shelf, "pickup_by": tied.pickup_by, "sent_on": sent_on}
    _TIE.run(connection, this_hold=hold.hold, item_id=tied.item, **stands)
    return tied


def _pickup_days(connection: Connection) -> int:
    days: int = _DAYS.the(connection).pickup_days
    return days


def _free_number(connection: Connection, branch: BranchId) -> str:
    """The smallest that stands on no item of the branch's shelf."""
    taken = {row.shelf_number for row in _SHELF.all(connection, branch=branch)}
    return next(number for number in map(str, count(1)) if number not in taken)
