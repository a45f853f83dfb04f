"""What the store's own tables say, for staff's commands and for whoever checks a machine against them. Reads only.

Not responsible for: changing anything, names (none stands here).
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import Connection, select

from kiosk.model import BranchId, DeviceId, ItemId, PatronId
from sync.central.schema import branches, events, items, loans, records
from sync.central.start import Home, open_database

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class LoanEntry:
    """returned_at: None while it is out."""

    item: ItemId
    title: str
    patron: PatronId = field(repr=False)
    branch: str
    due: date
    lent_at: datetime
    returned_at: datetime | None


@dataclass(frozen=True, slots=True)
class BranchEntry:
    """staffed, unstaffed: OSM opening_hours."""

    name: str
    staffed: str
    unstaffed: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    """As it came from one device. detail: from closed sets only."""

    sequence: int
    kind: str
    outcome: str
    detail: str
    occurred_at: datetime


def loans_of(home: Home) -> tuple[LoanEntry, ...]:
    """All loans there are records of, by due date and item."""
    return _read(home, _loans)


def branch_of(home: Home, branch: BranchId) -> BranchEntry:
    """A branch that this store has."""
    return _read(home, lambda connection: _branch(connection, branch))


def events_of(home: Home, device: DeviceId) -> tuple[EventEntry, ...]:
    """In the device's own order."""
    return _read(home, lambda connection: _events(connection, device))


def _read(home: Home, work: Callable[[Connection], ResultT]) -> ResultT:
    with closing(open_database(home)) as database:
        return database.read(work).result()


def _branch(connection: Connection, branch: BranchId) -> BranchEntry:
    row = connection.execute(select(branches).where(branches.c.branch_id == branch)).one()
    return BranchEntry(row.name, row.staffed, row.unstaffed)


def _loans(connection: Connection) -> tuple[LoanEntry, ...]:
    query = (
        select(loans, records.c.title)
        .select_from(loans.join(items).join(records))
        .order_by(loans.c.due, loans.c.item_id)
    )
    return tuple(
        LoanEntry(r.item_id, r.title, r.patron_id, r.branch_id, r.due, r.lent_at, r.returned_at)
        for r in connection.execute(query)
    )


def _events(connection: Connection, device: DeviceId) -> tuple[EventEntry, ...]:
    query = select(events).where(events.c.device_id == device).order_by(events.c.queue_epoch, events.c.sequence)
    return tuple(EventEntry(r.sequence, r.kind, r.outcome, r.detail, r.occurred_at) for r in connection.execute(query))
