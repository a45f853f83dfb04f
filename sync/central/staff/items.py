"""What staff see and change of an item: where it is, on whose name, and whether it is lost.

Not responsible for: lending and returning (circulation/).
"""

from dataclasses import replace

from sqlalchemy import Connection

from kiosk.model import ItemId
from sync.central.circulation import aside, items
from sync.central.circulation.items import Item, ItemState, OpenLoan
from sync.central.staff.office import Office
from sync.central.staff.said import CommandError, day, printable

_GONE = (ItemState.LOST, ItemState.MISSING, ItemState.DISCARDED)


def show(office: Office, item_id: ItemId, state: ItemState | None) -> str:
    """state: what it is from now on; None: as it is."""

    def look(connection: Connection) -> tuple[Item, OpenLoan | None]:
        item, lent = items.find(connection, item_id), items.open_loan(connection, item_id)
        if item is None:
            raise CommandError("no such item")
        return item if state is None else _put(connection, item, lent, state), lent

    return _said(*office.write(look))


def _put(connection: Connection, item: Item, lent: OpenLoan | None, state: ItemState) -> Item:
    """Whoever it was set aside for waits again."""
    if lent is not None and state in (ItemState.MISSING, ItemState.DISCARDED):
        raise CommandError("it is on loan: return it first, or call it lost")
    changed = replace(item, state=state)
    items.put(connection, changed)
    if state in _GONE:
        aside.release(connection, item.item)
    return changed


def _said(item: Item, lent: OpenLoan | None) -> str:
    where = item.at_branch if item.transit_to is None else f"on its way to {item.transit_to}"
    loan = f"lent to {lent.patron}, due {day(lent.due)}" if lent else "not lent"
    return f"{item.item}  {printable(item.work.title)}\n{item.state.value}; {where}, {item.department}; {loan}"
