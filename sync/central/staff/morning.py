"""The holds of a branch, as a librarian goes through them in the morning: three lists, and nobody's name in them.

    to fetch       free copies that stand here, each for a hold that waits: first in the queue first, one for each
    to take off    stands on the hold shelf, and its time is up
    in transit     has been on its way to or from here for long, or is missing there

Not responsible for: setting an item aside (its return does), letting holds go (circulation/holds.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, or_, select, true

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation import queue
from sync.central.circulation.items import ItemState
from sync.central.circulation.outcomes import RecordId
from sync.central.schema import branches, holds, items, loans, material_groups, patrons, records
from sync.central.staff.office import Office
from sync.central.staff.said import WIDTH, CommandError, day, fitted

_DEPARTMENT, _ITEM, _GOES = 14, 12, 18  # columns


@dataclass(frozen=True, slots=True)
class Copy:
    """One that could be fetched."""

    item: ItemId
    title: str
    department: str
    branch: BranchId
    minimum_age: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hold that could have an item now. age: of who waits, in whole years."""

    pickup: BranchId
    placed_at: datetime
    age: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """A copy for a hold."""

    copy: Copy
    hold: Waiting


def listed(office: Office, branch: BranchId, days: int) -> str:
    """days: how long an item may be in transit before it is told."""

    today = local_date(office.now)

    def look(connection: Connection) -> str:
        names = {BranchId(row.branch_id): row.name for row in connection.execute(select(branches))}
        if branch not in names:
            raise CommandError("no such branch in this store")
        fetch = [found for found in to_fetch(connection, office.now) if found.copy.branch == branch]
        return "\n".join(
            (
                f"{names[branch]}, {day(today)}",
                *_part("To fetch from the shelf", [_fetch(found, names) for found in fetch]),
                *_part("To take off the hold shelf", list(_take_off(connection, branch, today))),
                *_part(
                    f"In transit for more than {days} days, or missing on the way",
                    list(_transit(connection, branch, today - timedelta(days=days), names)),
                ),
            )
        )

    return office.write(look)


def _part(heading: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"\n{heading} ({len(lines)})"
    yield from lines


# --- to fetch -----------------------------------------------------------------------------------


def to_fetch(connection: Connection, now: datetime) -> list[Fetched]:
    """In every branch, who waited longest first."""
    found: list[Fetched] = []
    for record, rows in groupby(connection.execute(_FREE).all(), key=lambda row: row.record_id):
        free = [_copy(row) for row in rows]
        found += assigned(_waiting(connection, RecordId(record), now), free)
    return sorted(found, key=lambda fetched: (fetched.hold.placed_at, fetched.copy.item))


def assigned(waiting: Iterable[Waiting], free: Sequence[Copy]) -> Iterator[Fetched]:
    """To each in turn a copy of where it is picked up, else of elsewhere. waiting: the queue's order."""
    left = list(free)
    for hold in waiting:
        fit = [copy for copy in left if copy.minimum_age <= hold.age]
        if fit:
            copy = next((copy for copy in fit if copy.branch == hold.pickup), fit[0])
            left.remove(copy)
            yield Fetched(copy, hold)


def _free() -> Select[Any]:
    """As Item.fills_holds: stands somewhere, in nobody's hands, set aside for nobody, and somebody waits for one."""
    lent = exists().where(loans.c.item_id == items.c.item_id, loans.c.returned_at.is_(None))
    aside = exists().where(holds.c.item_id == items.c.item_id)
    waited_for = exists().where(holds.c.record_id == items.c.record_id, holds.c.item_id.is_(None))
    stands = items.c.state == ItemState.HERE.value, items.c.for_loan == true(), items.c.transit_to.is_(None)
    query = select(items, records.c.title).select_from(items.join(records).join(material_groups))
    free = query.where(*stands, material_groups.c.holdable == true(), ~lent, ~aside, waited_for)
    return free.order_by(items.c.record_id, items.c.item_id)


_FREE = _free()


def _copy(row: Row[Any]) -> Copy:
    return Copy(ItemId(row.item_id), row.title, row.department, BranchId(row.at_branch), row.minimum_age)


def _waiting(connection: Connection, record: RecordId, now: datetime) -> Iterator[Waiting]:
    for hold in queue.queue_of(connection, record, now):
        if hold.waits:
            yield Waiting(hold.pickup, hold.placed_at, _age(connection, hold.patron, local_date(now)))


def _age(connection: Connection, patron: PatronId, today: date) -> int:
    born = select(patrons.c.birth_date).where(patrons.c.patron_id == patron)
    return whole_years(connection.execute(born).scalar_one(), today)


def _fetch(found: Fetched, names: Mapping[BranchId, str]) -> str:
    copy, pickup = found.copy, found.hold.pickup
    goes = "" if pickup == copy.branch else f"to {names[pickup]}"
    return _line(copy.department, copy.item, copy.title, goes)


# --- to take off, in transit --------------------------------------------------------------------


def _take_off(connection: Connection, branch: BranchId, today: date) -> Iterator[str]:
    query = select(holds.c.shelf_number, holds.c.pickup_by, items.c.item_id, records.c.title)
    query = query.select_from(
        holds.join(items, items.c.item_id == holds.c.item_id).join(records, records.c.record_id == items.c.record_id)
    )
    late = holds.c.pickup_branch == branch, holds.c.pickup_by < today
    for row in connection.execute(query.where(*late).order_by(holds.c.pickup_by, holds.c.hold_id)):
        yield _line(f"no. {row.shelf_number}", row.item_id, row.title, f"until {day(row.pickup_by)}")


def _transit(connection: Connection, branch: BranchId, before: date, names: Mapping[BranchId, str]) -> Iterator[str]:
    """Sent before that day, or missing by now (aside.search).

    What is set aside says when it was sent; what goes home, when it was last returned.
    """
    of_it = holds.c.item_id == items.c.item_id
    query = select(items, records.c.title, holds.c.sent_on).select_from(items.join(records).outerjoin(holds, of_it))
    ours = or_(items.c.at_branch == branch, items.c.transit_to == branch)
    states = items.c.state.in_((ItemState.HERE.value, ItemState.MISSING.value))
    for row in connection.execute(
        query.where(ours, states, items.c.transit_to.is_not(None)).order_by(items.c.seen_at, items.c.item_id)
    ):
        since = row.sent_on or (local_date(row.seen_at) if row.seen_at else None)
        if since is None or since < before or row.state == ItemState.MISSING.value:
            way = f"to {names[row.transit_to]}" if row.at_branch == branch else f"from {names[row.at_branch]}"
            yield _line(day(since), row.item_id, row.title, way)


def _line(first: str, item: str, title: str, goes: str) -> str:
    title_width = WIDTH - 2 - _DEPARTMENT - 2 - max(_ITEM, len(item)) - 2 - 2 - _GOES
    return (
        f"  {fitted(first, _DEPARTMENT):<{_DEPARTMENT}}  {item:<{_ITEM}}  "
        f"{fitted(title, title_width):<{title_width}}  {fitted(goes, _GOES)}"
    ).rstrip()
