"""Loans and returns, as the store decides them.

A loan: known item? patron free of blocks? for loan, old enough, on nobody else's name, reserved for nobody else?
A loan to the patron who already has the item is answered as it stands: the machine may disarm the tag once more.
Not responsible for: the same question twice (machines/answers.py), who the patron is (patrons/).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId, ReturnRefusal
from sync.central.calendar import local_date
from sync.central.circulation.outcomes import Lent, NotLent, NotReturned, RecordId, Returned, Work
from sync.central.desk import Desk
from sync.central.patrons import admission
from sync.central.schema import branches, holds, items, loan_profiles, loans, patrons, records

_HOLD_SHELF = "Reserveringshylden"
_SENT_TO = "Sendes til {}"


@dataclass(frozen=True, slots=True)
class _Item:
    item: ItemId
    work: Work
    group: str
    home_branch: BranchId
    department: str
    for_loan: bool
    minimum_age: int
    parts: int


@dataclass(frozen=True, slots=True)
class _Loan:
    loan_id: int
    patron: PatronId
    due: date


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """ended_another: the item stood on another patron's name, which was ended first."""

    outcome: Lent | NotLent
    ended_another: bool


def checkout(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId) -> Lent | NotLent:
    """Lends, or says why not. patron: a known one."""
    item = _item(connection, item_id)
    if item is None:
        return NotLent(item_id, LoanRefusal.NOT_FOUND)
    lent = _lent(connection, item_id)
    refusal = _refusal(connection, desk, patron, item) or _taken(connection, patron, item, lent)
    if refusal is not None:
        return NotLent(item_id, refusal, item.work)
    if lent is not None:
        return Lent(lent.loan_id, item_id, item.work, lent.due, item.parts, again=True)
    due = local_date(desk.at) + timedelta(days=_loan_days(connection, patron, item))
    return Lent(_lend(connection, desk, patron, item, due), item_id, item.work, due, item.parts)


def _refusal(connection: Connection, desk: Desk, patron: PatronId, item: _Item) -> LoanRefusal | None:
    if admission.blocks_of(connection, patron):
        return LoanRefusal.BLOCKED
    if not item.for_loan:
        return LoanRefusal.NOT_FOR_LOAN
    if admission.age_of(connection, patron, desk.at) < item.minimum_age:
        return LoanRefusal.TOO_YOUNG
    return None


def _taken(connection: Connection, patron: PatronId, item: _Item, lent: _Loan | None) -> LoanRefusal | None:
    if lent is not None:
        return None if lent.patron == patron else LoanRefusal.ON_LOAN
    held_for = _held_for(connection, item)
    return LoanRefusal.RESERVED if held_for not in (None, patron) else None


def carried_out(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId, due: date) -> CarriedOut:
    """Lends what was lent without asking: it has left the building, so a hold and a loan to another give way.

    patron: a known one. due: as the patron was told.
    """
    item = _item(connection, item_id)
    if item is None:
        return CarriedOut(NotLent(item_id, LoanRefusal.NOT_FOUND), False)
    if admission.blocks_of(connection, patron):
        return CarriedOut(NotLent(item_id, LoanRefusal.BLOCKED, item.work), False)
    lent = _lent(connection, item_id)
    if lent is not None and lent.patron == patron:
        return CarriedOut(Lent(lent.loan_id, item_id, item.work, due, item.parts, again=True), False)
    if lent is not None:
        _end(connection, desk, lent)
    loan = _lend(connection, desk, patron, item, due)
    return CarriedOut(Lent(loan, item_id, item.work, due, item.parts), lent is not None)


def undo(connection: Connection, item_id: ItemId, lent_at: datetime) -> None:
    """The loan that was made at this moment was never handed over: it has not been. An older one stands."""
    connection.execute(
        delete(loans).where(loans.c.item_id == item_id, loans.c.lent_at == lent_at, loans.c.returned_at.is_(None))
    )


def checkin(connection: Connection, desk: Desk, item_id: ItemId) -> Returned | NotReturned:
    """Ends the loan, if there is one, and says where to lay the item. Never who waits."""
    item = _item(connection, item_id)
    if item is None:
        return NotReturned(item_id, ReturnRefusal.NOT_FOUND)
    lent = _lent(connection, item_id)
    if lent is not None:
        _end(connection, desk, lent)
    pickup = _pickup(connection, item)
    goal = pickup or item.home_branch
    return Returned(
        item_id,
        item.work,
        _place(connection, desk, item, pickup),
        bin="",
        held=pickup is not None,
        sent_to=goal if goal != desk.branch else None,
        parts=item.parts,
        had=lent.patron if lent else None,
    )


def _place(connection: Connection, desk: Desk, item: _Item, pickup: BranchId | None) -> str:
    goal = pickup or item.home_branch
    if goal != desk.branch:
        name = connection.execute(select(branches.c.name).where(branches.c.branch_id == goal)).scalar_one()
        return _SENT_TO.format(name)
    return _HOLD_SHELF if pickup else item.department


# --- rows ---------------------------------------------------------------------------------------


def _item(connection: Connection, item: ItemId) -> _Item | None:
    row = connection.execute(select(items, records).join(records).where(items.c.item_id == item)).one_or_none()
    if row is None:
        return None
    work = Work(RecordId(row.record_id), row.title, row.author, row.gmb, row.smb, row.dk5)
    home = BranchId(row.home_branch)
    return _Item(item, work, row.material_group, home, row.department, row.for_loan, row.minimum_age, row.parts)


def _lent(connection: Connection, item: ItemId) -> _Loan | None:
    query = select(loans).where(loans.c.item_id == item, loans.c.returned_at.is_(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else _Loan(row.loan_id, PatronId(row.patron_id), row.due)


def _lend(connection: Connection, desk: Desk, patron: PatronId, item: _Item, due: date) -> int:
    """The loan's number."""
    made = insert(loans).values(
        item_id=item.item, patron_id=patron, branch_id=desk.branch, lent_at=desk.at, due=due, renewals=0
    )
    loan: int = connection.execute(made.returning(loans.c.loan_id)).scalar_one()
    mine = delete(holds).where(holds.c.record_id == item.work.record, holds.c.patron_id == patron)
    connection.execute(mine)
    return loan


def _end(connection: Connection, desk: Desk, lent: _Loan) -> None:
    connection.execute(update(loans).where(loans.c.loan_id == lent.loan_id).values(returned_at=desk.at))


def _held_for(connection: Connection, item: _Item) -> PatronId | None:
    found = connection.execute(_queue(item)).first()
    return None if found is None else PatronId(found.patron_id)


def _pickup(connection: Connection, item: _Item) -> BranchId | None:
    found = connection.execute(_queue(item)).first()
    return None if found is None else BranchId(found.pickup_branch)


def _queue(item: _Item) -> Select[Any]:
    return select(holds).where(holds.c.record_id == item.work.record).order_by(holds.c.placed_at).limit(1)


def _loan_days(connection: Connection, patron: PatronId, item: _Item) -> int:
    group = select(patrons.c.patron_group).where(patrons.c.patron_id == patron).scalar_subquery()
    profile = (
        select(loan_profiles.c.loan_days)
        .where(loan_profiles.c.material_group == item.group, loan_profiles.c.patron_group.in_((group, "")))
        .order_by(loan_profiles.c.patron_group.desc())
        .limit(1)
    )
    days: int = connection.execute(profile).scalar_one()
    return days
