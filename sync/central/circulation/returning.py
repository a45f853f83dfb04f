"""Returns: the loan ends, and the item goes to who waits for it, to its shelf, or home to its branch.

    returned ---> a hold, here: the hold shelf, under a number
             ---> a hold, or its home, elsewhere: sent there
             ---> neither: its place here (sorting, else its department)
    told afterwards: the loan ends when it was returned, and its fee is reckoned anew; nothing is set aside (aside.py)

Not responsible for: what lateness costs (lateness.py), which hold is first (queue.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from kiosk.model import ItemId, ReturnRefusal
from sync.central.calendar import local_date
from sync.central.circulation import aside, items, lateness, waiving
from sync.central.circulation.items import Item, ItemState, OpenLoan
from sync.central.circulation.lateness import FeeDay
from sync.central.circulation.outcomes import NotReturned, Returned
from sync.central.circulation.queue import Hold
from sync.central.desk import Desk
from sync.central.schema import branches, sorting
from sync.central.statement import Statement

_HOLD_SHELF = "Reserveringshylden {}"
_SENT_TO = "Sendes til {}"
_NAME = Statement(select(branches.c.name).where(branches.c.branch_id == bindparam("goal")))
_SORTING = Statement(
    select(sorting.c.bin, sorting.c.place).where(
        sorting.c.branch_id == bindparam("here"), sorting.c.department == bindparam("shelf")
    )
)
_HOLDS = "*"  # as a department in sorting: the hold shelf


def checkin(connection: Connection, desk: Desk, item_id: ItemId) -> Returned | NotReturned:
    """Ends the loan, if there is one, and says where to lay the item. Never who waits.

    desk.at: when it was. Told late, and with the item lent or returned since, it moves nothing: but the loan of then
    was over when it was brought, not when it was found in the machine.
    """
    item = items.find(connection, item_id)
    if item is None:
        return NotReturned(item_id, ReturnRefusal.NOT_FOUND)
    lent = items.open_loan(connection, item_id)
    if _is_overtaken(item, lent, desk.at):
        end_of_then(connection, desk, item_id)
        return _returned(connection, desk, item, None)
    if lent is not None:
        end(connection, desk, lent)
    if item.state is ItemState.LOST:
        waiving.lift(connection, item_id, desk.now)
    item = item.returned(desk.branch, desk.at)
    hold = _set_aside(connection, desk, item)
    items.put(connection, item.bound_for(hold.pickup if hold else item.home_branch))
    return _returned(connection, desk, item, hold, lent)


def _is_overtaken(item: Item, lent: OpenLoan | None, at: datetime) -> bool:
    return (lent is not None and lent.lent_at > at) or (item.seen_at is not None and item.seen_at > at)


def end(connection: Connection, desk: Desk, lent: OpenLoan) -> None:
    """At desk.at. Its fee is what it was late then, whatever has been made of it until now."""
    items.end_loan(connection, lent, desk.at)
    if local_date(desk.now) > lent.due:
        lateness.reckon(connection, (FeeDay(lent.patron, lent.fee_day),), desk.now)


def end_of_then(connection: Connection, desk: Desk, item: ItemId) -> None:
    """The loan that ended after desk.at, if there is one, had ended by then."""
    lent = items.loan_then(connection, item, desk.at)
    if lent is not None:
        items.end_loan(connection, lent, desk.at)
        lateness.lower(connection, FeeDay(lent.patron, lent.fee_day), desk.now)


def _set_aside(connection: Connection, desk: Desk, item: Item) -> Hold | None:
    if desk.told_at is not None:
        return aside.left_lying(connection, item, desk.now)
    return aside.set_aside(connection, item, desk.at, new=desk.fills_holds)


def _returned(
    connection: Connection, desk: Desk, item: Item, hold: Hold | None, lent: OpenLoan | None = None
) -> Returned:
    goal = hold.pickup if hold else item.home_branch
    bin_, place = _place(connection, desk, item, hold)
    return Returned(
        item.item,
        item.work,
        place,
        bin_,
        held=hold is not None,
        sent_to=goal if goal != desk.branch else None,
        parts=item.parts,
        had=lent.patron if lent else None,
    )


def _place(connection: Connection, desk: Desk, item: Item, hold: Hold | None) -> tuple[str, str]:
    """(bin, place)."""
    goal = hold.pickup if hold else item.home_branch
    if goal != desk.branch:
        row = _SORTING.one(connection, here=desk.branch, shelf=goal)
        return _bin(row), _SENT_TO.format(_NAME.the(connection, goal=goal).name)
    if hold is not None:
        row = _SORTING.one(connection, here=desk.branch, shelf=_HOLDS)
        return _bin(row), _HOLD_SHELF.format(hold.shelf)
    row = _SORTING.one(connection, here=desk.branch, shelf=item.department)
    return _bin(row), item.department if row is None else row.place


def _bin(row: Row[Any] | None) -> str:
    return "" if row is None else row.bin
