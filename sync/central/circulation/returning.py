"""Returns: the loan ends, and the item goes to who waits for it, to its shelf, or home to its branch.

    returned ---> a hold, here: the hold shelf, under a number
             ---> a hold, or its home, elsewhere: sent there
             ---> neither: its place here (sorting, else its department)

Not responsible for: what lateness costs (fees.py), which hold is first (queue.py).
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from kiosk.model import ItemId, ReturnRefusal
from sync.central.calendar import local_date
from sync.central.circulation import aside, fees, items
from sync.central.circulation.items import Item, OpenLoan
from sync.central.circulation.outcomes import NotReturned, Returned
from sync.central.circulation.queue import Hold
from sync.central.desk import Desk
from sync.central.schema import branches, sorting

_HOLD_SHELF = "Reserveringshylden {}"
_SENT_TO = "Sendes til {}"
_NAME = select(branches.c.name).where(branches.c.branch_id == bindparam("goal"))
_SORTING = select(sorting.c.bin, sorting.c.place).where(
    sorting.c.branch_id == bindparam("here"), sorting.c.department == bindparam("shelf")
)


def checkin(connection: Connection, desk: Desk, item_id: ItemId) -> Returned | NotReturned:
    """Ends the loan, if there is one, and says where to lay the item. Never who waits.

    desk.at: when it was; told late, and with the item lent or returned since, it changes nothing.
    """
    item = items.find(connection, item_id)
    if item is None:
        return NotReturned(item_id, ReturnRefusal.NOT_FOUND)
    lent = items.open_loan(connection, item_id)
    if _is_overtaken(item, lent, desk.at):
        return _returned(connection, desk, item, None)
    if lent is not None:
        _end(connection, lent, desk.at)
    item = item.returned(desk.branch, desk.at)
    hold = aside.set_aside(connection, item, desk.at, new=desk.fills_holds)
    items.put(connection, item.bound_for(hold.pickup if hold else item.home_branch))
    return _returned(connection, desk, item, hold, lent)


def _is_overtaken(item: Item, lent: OpenLoan | None, at: datetime) -> bool:
    return (lent is not None and lent.lent_at > at) or (item.seen_at is not None and item.seen_at > at)


def _end(connection: Connection, lent: OpenLoan, at: datetime) -> None:
    items.end_loan(connection, lent, at)
    if local_date(at) > lent.due:
        fees.charge_late(connection, lent.patron, lent.lent_at, lent.due, local_date(at), at)


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
        name = connection.execute(_NAME, {"goal": goal}).scalar_one()
        return "", _SENT_TO.format(name)
    if hold is not None:
        return "", _HOLD_SHELF.format(hold.shelf)
    row = connection.execute(_SORTING, {"here": desk.branch, "shelf": item.department}).one_or_none()
    return ("", item.department) if row is None else (row.bin, row.place)
