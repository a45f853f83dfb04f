"""Items: what one is, where it is, and on whose name.

    here          lent, returned, set aside, sent on their way
    lost, missing are here again once they are returned, or have been carried out
    discarded     for good

Not responsible for: why it goes where (returning.py, holds.py).
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum, unique
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, bindparam, select, update

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date
from sync.central.circulation.outcomes import RecordId, Work
from sync.central.schema import Instant, items, loans, material_groups, records
from sync.central.statement import Statement


@unique
class ItemState(StrEnum):
    HERE = "here"  # or on loan: loans tell
    LOST = "lost"
    MISSING = "missing"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Item:
    """at_branch: where it was last seen. transit_to: on its way there. seen_at: its last return, at any branch."""

    item: ItemId
    work: Work
    group: str
    holdable: bool
    home_branch: BranchId
    department: str
    for_loan: bool
    minimum_age: int
    parts: int
    state: ItemState
    at_branch: BranchId
    transit_to: BranchId | None
    seen_at: datetime | None

    @property
    def is_lendable(self) -> bool:
        return self.for_loan and self.state is ItemState.HERE

    @property
    def fills_holds(self) -> bool:
        return self.is_lendable and self.holdable

    def stands_at(self, branch: BranchId) -> bool:
        return self.transit_to is None and self.at_branch == branch

    def bound_for(self, goal: BranchId) -> "Item":
        """On its way there, unless it stands there."""
        ahead = None if self.stands_at(goal) else goal
        return self if ahead == self.transit_to else replace(self, transit_to=ahead)

    def seen(self, branch: BranchId) -> "Item":
        """In somebody's hands at the branch: not on its way, and not lost."""
        return self.returned(branch, self.seen_at)

    def returned(self, branch: BranchId, at: datetime | None) -> "Item":
        state = self.state if self.state is ItemState.DISCARDED else ItemState.HERE
        return replace(self, state=state, at_branch=branch, transit_to=None, seen_at=at)


@dataclass(frozen=True, slots=True)
class OpenLoan:
    """A loan, mostly the one an item is out on. fee_day: the day of lending or renewal that its fee belongs to."""

    loan: int
    patron: PatronId
    lent_at: datetime
    due: date
    fee_day: date


_ITEM: BindParameter[str] = bindparam("this_item")
_FIND = Statement(
    select(items, records, material_groups.c.holdable)
    .select_from(items.join(records).join(material_groups))
    .where(items.c.item_id == _ITEM)
)
_PUT = Statement(update(items).where(items.c.item_id == _ITEM))
_LOANS = select(loans.c.loan_id, loans.c.patron_id, loans.c.lent_at, loans.c.due, loans.c.fee_day).where(
    loans.c.item_id == _ITEM
)
_OPEN_LOAN = Statement(_LOANS.where(loans.c.returned_at.is_(None)))
_AT = bindparam("at", type_=Instant)
_LOAN_THEN = Statement(_LOANS.where(loans.c.lent_at <= _AT, loans.c.returned_at > _AT).order_by(loans.c.lent_at))
_THIS_LOAN: ColumnElement[bool] = loans.c.loan_id == bindparam("this_loan")
_END_LOAN, _PROLONG = Statement(update(loans).where(_THIS_LOAN)), Statement(update(loans).where(_THIS_LOAN))
_BEGIN_AT = Statement(update(loans).where(_THIS_LOAN))


def find(connection: Connection, item: ItemId) -> Item | None:
    row = _FIND.one(connection, this_item=item)
    return None if row is None else _item(row)


def work_of(row: Row[Any]) -> Work:
    """From a row with the columns of records."""
    return Work(RecordId(row.record_id), row.title, row.author, row.gmb, row.smb, row.dk5)


def _item(row: Row[Any]) -> Item:
    return Item(
        ItemId(row.item_id),
        work_of(row),
        row.material_group,
        row.holdable,
        BranchId(row.home_branch),
        row.department,
        row.for_loan,
        row.minimum_age,
        row.parts,
        ItemState(row.state),
        BranchId(row.at_branch),
        None if row.transit_to is None else BranchId(row.transit_to),
        row.seen_at,
    )


def put(connection: Connection, item: Item) -> None:
    """Writes down where it is and in what state."""
    now = {"state": item.state.value, "at_branch": item.at_branch, "transit_to": item.transit_to}
    _PUT.run(connection, this_item=item.item, seen_at=item.seen_at, **now)


def open_loan(connection: Connection, item: ItemId) -> OpenLoan | None:
    row = _OPEN_LOAN.one(connection, this_item=item)
    return None if row is None else _loan(row)


def loan_then(connection: Connection, item: ItemId, at: datetime) -> OpenLoan | None:
    """The loan it was out on at that moment, and is no longer."""
    rows = _LOAN_THEN.all(connection, this_item=item, at=at)
    return _loan(rows[-1]) if rows else None


def fee_day_of(row: Row[Any]) -> date:
    """From a row with lent_at and fee_day of loans."""
    return row.fee_day or local_date(row.lent_at)


def _loan(row: Row[Any]) -> OpenLoan:
    return OpenLoan(row.loan_id, PatronId(row.patron_id), row.lent_at, row.due, fee_day_of(row))


def end_loan(connection: Connection, lent: OpenLoan, at: datetime) -> None:
    _END_LOAN.run(connection, this_loan=lent.loan, returned_at=at)


def begin_at(connection: Connection, lent: OpenLoan, at: datetime) -> None:
    """It is a loan of this moment; what it costs when it is late stays as it was."""
    _BEGIN_AT.run(connection, this_loan=lent.loan, lent_at=at, fee_day=lent.fee_day)


def prolong(connection: Connection, loan: int, due: date, fee_day: date) -> None:
    """It runs anew from fee_day."""
    _PROLONG.run(connection, this_loan=loan, due=due, fee_day=fee_day)
