"""Loans and returns, as the store decides them.

A loan: known item? patron free of blocks? for loan, old enough, on nobody else's name, reserved for nobody else?
A loan to the patron who already has the item is answered as it stands: the machine may disarm the tag once more.
Not responsible for: the same question twice (answers.py), who the patron is (patrons.py).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId, ReturnRefusal
from sync.central import patrons
from sync.central.devices import Desk
from sync.central.schema import branches, holds, items, loans
from sync.rest.wire import LoanAnswer, ReturnAnswer

_HOLD_SHELF = "Reserveringshylden"
_SENT_TO = "Sendes til {}"


@dataclass(frozen=True, slots=True)
class _Item:
    item: ItemId
    title: str
    home_branch: BranchId
    shelf: str
    for_loan: bool
    minimum_age: int


@dataclass(frozen=True, slots=True)
class _Lent:
    loan_id: int
    patron: PatronId
    due: date


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """ended_another: the item stood on another patron's name, which was ended first."""

    answer: LoanAnswer
    ended_another: bool


def checkout(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId) -> LoanAnswer:
    """Lends, or says why not. patron: a known one."""
    item = _item(connection, item_id)
    if item is None:
        return LoanAnswer(refusal=LoanRefusal.NOT_FOUND.value, material_item_number=item_id)
    lent = _lent(connection, item_id)
    refusal = _refusal(connection, desk, patron, item) or _taken(connection, patron, item, lent)
    if refusal is not None:
        return LoanAnswer(refusal=refusal.value, material_item_number=item_id, title=item.title)
    due = lent.due if lent else patrons.local_date(desk.at) + timedelta(days=_loan_days(connection, desk.branch))
    if lent is None:
        _lend(connection, desk, patron, item_id, due)
    return LoanAnswer(material_item_number=item_id, title=item.title, due_date=due)


def _refusal(connection: Connection, desk: Desk, patron: PatronId, item: _Item) -> LoanRefusal | None:
    if patrons.blocks_of(connection, patron):
        return LoanRefusal.BLOCKED
    if not item.for_loan:
        return LoanRefusal.NOT_FOR_LOAN
    if patrons.age_of(connection, patron, desk.at) < item.minimum_age:
        return LoanRefusal.TOO_YOUNG
    return None


def _taken(connection: Connection, patron: PatronId, item: _Item, lent: _Lent | None) -> LoanRefusal | None:
    if lent is not None:
        return None if lent.patron == patron else LoanRefusal.ON_LOAN
    held_for = _held_for(connection, item.item)
    return LoanRefusal.RESERVED if held_for not in (None, patron) else None


def carried_out(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId, due: date) -> CarriedOut:
    """Lends what was lent without asking: it has left the building, so a hold and a loan to another give way.

    patron: a known one. due: as the patron was told.
    """
    item = _item(connection, item_id)
    if item is None:
        return CarriedOut(LoanAnswer(refusal=LoanRefusal.NOT_FOUND.value, material_item_number=item_id), False)
    if patrons.blocks_of(connection, patron):
        return CarriedOut(LoanAnswer(refusal=LoanRefusal.BLOCKED.value, material_item_number=item_id), False)
    lent = _lent(connection, item_id)
    if lent is None or lent.patron != patron:
        if lent is not None:
            _end(connection, desk, lent)
        _lend(connection, desk, patron, item_id, due)
    answer = LoanAnswer(material_item_number=item_id, title=item.title, due_date=due)
    return CarriedOut(answer, lent is not None and lent.patron != patron)


def undo(connection: Connection, item_id: ItemId, lent_at: datetime) -> None:
    """The loan that was made at this moment was never handed over: it has not been. An older one stands."""
    connection.execute(
        delete(loans).where(loans.c.item_id == item_id, loans.c.lent_at == lent_at, loans.c.returned_at.is_(None))
    )


def checkin(connection: Connection, desk: Desk, item_id: ItemId) -> ReturnAnswer:
    """Ends the loan, if there is one, and says where to lay the item. Never who had it or who waits."""
    item = _item(connection, item_id)
    if item is None:
        return ReturnAnswer(refusal=ReturnRefusal.NOT_FOUND.value, material_item_number=item_id)
    lent = _lent(connection, item_id)
    if lent is not None:
        _end(connection, desk, lent)
    pickup = _pickup(connection, item_id)
    place = _place(connection, desk, item, pickup)
    return ReturnAnswer(material_item_number=item_id, title=item.title, place=place, held=pickup is not None)


def _place(connection: Connection, desk: Desk, item: _Item, pickup: BranchId | None) -> str:
    goal = pickup or item.home_branch
    if goal != desk.branch:
        name = connection.execute(select(branches.c.name).where(branches.c.branch_id == goal)).scalar_one()
        return _SENT_TO.format(name)
    return _HOLD_SHELF if pickup else item.shelf


# --- rows ---------------------------------------------------------------------------------------


def _item(connection: Connection, item: ItemId) -> _Item | None:
    row = connection.execute(select(items).where(items.c.item_id == item)).one_or_none()
    if row is None:
        return None
    return _Item(item, row.title, BranchId(row.home_branch), row.shelf, row.for_loan, row.minimum_age)


def _lent(connection: Connection, item: ItemId) -> _Lent | None:
    query = select(loans).where(loans.c.item_id == item, loans.c.returned_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _Lent(row.loan_id, PatronId(row.patron_id), row.due)


def _lend(connection: Connection, desk: Desk, patron: PatronId, item: ItemId, due: date) -> None:
    connection.execute(
        insert(loans).values(item_id=item, patron_id=patron, branch_id=desk.branch, lent_at=desk.at, due=due)
    )
    connection.execute(delete(holds).where(holds.c.item_id == item, holds.c.patron_id == patron))


def _end(connection: Connection, desk: Desk, lent: _Lent) -> None:
    connection.execute(update(loans).where(loans.c.loan_id == lent.loan_id).values(returned_at=desk.at))


def _held_for(connection: Connection, item: ItemId) -> PatronId | None:
    found = connection.execute(select(holds.c.patron_id).where(holds.c.item_id == item)).scalar_one_or_none()
    return None if found is None else PatronId(found)


def _pickup(connection: Connection, item: ItemId) -> BranchId | None:
    found = connection.execute(select(holds.c.pickup_branch).where(holds.c.item_id == item)).scalar_one_or_none()
    return None if found is None else BranchId(found)


def _loan_days(connection: Connection, branch: BranchId) -> int:
    days: int = connection.execute(select(branches.c.loan_days).where(branches.c.branch_id == branch)).scalar_one()
    return days
