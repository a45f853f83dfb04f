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

from sqlalchemy import BindParameter, Connection, Row, bindparam, select, update

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.circulation.outcomes import RecordId, Work
from sync.central.schema import items, loans, material_groups, records


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
        return replace(self, transit_to=None if self.stands_at(goal) else goal)

    def seen(self, branch: BranchId) -> "Item":
        """In somebody's hands at the branch: not on its way, and not lost."""
        state = self.state if self.state is ItemState.DISCARDED else ItemState.HERE
        return replace(self, state=state, at_branch=branch, transit_to=None)

    def returned(self, branch: BranchId, at: datetime) -> "Item":
        return replace(self.seen(branch), seen_at=at)


@dataclass(frozen=True, slots=True)
class OpenLoan:
    """The loan an item is out on."""

    loan: int
    patron: PatronId
    lent_at: datetime
    due: date


# Built once: to build a statement costs more than SQLite takes to carry it out.
_ITEM: BindParameter[str] = bindparam("this_item")
_FIND = (
    select(items, records, material_groups.c.holdable)
    .select_from(items.join(records).join(material_groups))
    .where(items.c.item_id == _ITEM)
)
_PUT = update(items).where(items.c.item_id == _ITEM)
_OPEN_LOAN = select(loans.c.loan_id, loans.c.patron_id, loans.c.lent_at, loans.c.due).where(
    loans.c.item_id == _ITEM, loans.c.returned_at.is_(None)
)
_END_LOAN = update(loans).where(loans.c.loan_id == bindparam("this_loan"))


def find(connection: Connection, item: ItemId) -> Item | None:
    row = connection.execute(_FIND, {"this_item": item}).one_or_none()
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
    connection.execute(_PUT, {"this_item": item.item, "seen_at": item.seen_at, **now})


def open_loan(connection: Connection, item: ItemId) -> OpenLoan | None:
    row = connection.execute(_OPEN_LOAN, {"this_item": item}).one_or_none()
    return None if row is None else OpenLoan(row.loan_id, PatronId(row.patron_id), row.lent_at, row.due)


def end_loan(connection: Connection, lent: OpenLoan, at: datetime) -> None:
    connection.execute(_END_LOAN, {"this_loan": lent.loan, "returned_at": at})
