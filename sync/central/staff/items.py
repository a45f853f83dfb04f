"""What staff see and change of an item: where it is, on whose name, and whether it is lost, and who pays for it.

Not responsible for: lending and returning (circulation/).
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from kiosk.model import ItemId
from sync.central.circulation import aside, fees, items, waiving
from sync.central.circulation.items import Item, ItemState, OpenLoan
from sync.central.staff.office import Done, Office
from sync.central.staff.said import CommandError, day, kroner, printable

_GONE = (ItemState.LOST, ItemState.MISSING, ItemState.DISCARDED)


@dataclass(frozen=True, slots=True)
class Change:
    """state: from now on; None: as it is. charge: øre, of whoever has it on loan, which ends; None: nobody pays."""

    state: ItemState | None = None
    charge: int | None = None


def show(office: Office, item_id: ItemId, change: Change) -> str:
    """The item as it is then."""
    if change.charge is not None and change.state is not ItemState.LOST:
        raise CommandError("only for a lost item is there a charge: --state lost --charge KR")

    def look(connection: Connection) -> str:
        item, lent = items.find(connection, item_id), items.open_loan(connection, item_id)
        if item is None:
            raise CommandError("no such item")
        if change.charge is not None:
            return _lose(connection, office, item, lent, change.charge)
        return _said(item, lent) if change.state is None else _turn(connection, office, item, lent, change.state)

    return office.write(look)


def _turn(connection: Connection, office: Office, item: Item, lent: OpenLoan | None, state: ItemState) -> str:
    """One that was lost and is here again is owed by nobody."""
    back = item.state is ItemState.LOST and state is ItemState.HERE
    changed, about = _put(connection, item, lent, state), f"{item.item} {state.value}"
    lifted = waiving.lift(connection, item.item, office.now) if back else 0
    office.log(connection, Done("item", about=f"{about}, {kroner(lifted)} kr. waived" if lifted else about))
    said = _said(changed, lent)
    return f"{said}\n{kroner(lifted)} kr. that was owed for it is waived" if lifted else said


def _lose(connection: Connection, office: Office, item: Item, lent: OpenLoan | None, amount: int) -> str:
    """Whoever has it on loan pays."""
    if lent is None:
        raise CommandError("nobody has it on loan: there is nobody to charge, and nothing is changed")
    lost = _put(connection, item, lent, ItemState.LOST)
    items.end_loan(connection, lent, office.now)
    fees.compensate(connection, lent.patron, item.item, amount, office.now)
    office.log(connection, Done("item", lent.patron, f"{item.item} lost {kroner(amount)} kr."))
    return f"{_said(lost, None)}\n{lent.patron} is charged {kroner(amount)} kr. for it, and the loan is ended"


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
