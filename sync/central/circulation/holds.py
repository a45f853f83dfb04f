"""A patron's holds: placed, cancelled, moved to another branch, seen on my page; and let go when time is up.

Not responsible for: who is first (queue.py), what happens to the item (aside.py), fulfilling one (lending.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, unique
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation import aside, queue
from sync.central.circulation.items import Item, ItemState, work_of
from sync.central.circulation.outcomes import HoldLine, HoldState, RecordId
from sync.central.schema import blocks, branches, holds, items, loans, material_groups, patron_groups, patrons, records
from sync.central.statement import Statement


@unique
class HoldRefusal(Enum):
    """FBS: reservationResult."""

    PATRON_NOT_FOUND = "patron_not_found"
    BLOCKED = "patron_is_blocked"
    RECORD_NOT_FOUND = "material_not_found"
    ALREADY_RESERVED = "already_reserved"
    ALREADY_LOANED = "already_loaned"
    NOT_RESERVABLE = "not_reservable"  # by rule: not this patron, or nobody
    NO_ITEMS = "no_reservable_materials"  # there are none, or none left
    TOO_MANY = "exceeds_max_reservations"
    OTHER = "error"  # no such pick-up branch, or an interest date that is over


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """A hold that a loan had fulfilled, and the loan was undone."""

    patron: PatronId
    record: RecordId
    pickup: BranchId
    placed_at: datetime
    wanted_until: date | None


def place(
    connection: Connection,
    patron: PatronId,
    record: RecordId,
    pickup: BranchId,
    now: datetime,
    wanted_until: date | None = None,
) -> int | HoldRefusal:
    """The hold's number. An item that stands free is set aside when it is next returned, or fetched by staff."""
    today = local_date(now)
    refusal = next(_refusals(connection, patron, record, pickup, today), None)
    if refusal is not None:
        return refusal
    if wanted_until is not None and wanted_until < today:
        return HoldRefusal.OTHER
    new = insert(holds).values(
        record_id=record, patron_id=patron, pickup_branch=pickup, placed_at=now, wanted_until=wanted_until
    )
    hold: int = connection.execute(new.returning(holds.c.hold_id)).scalar_one()
    return hold


def put_back(connection: Connection, hold: Fulfilled) -> None:
    """It waits again at its old place."""
    connection.execute(
        insert(holds).values(
            record_id=hold.record,
            patron_id=hold.patron,
            pickup_branch=hold.pickup,
            placed_at=hold.placed_at,
            wanted_until=hold.wanted_until,
        )
    )


def cancel(connection: Connection, patron: PatronId, hold: int, now: datetime) -> bool:
    """False: the patron has no such hold."""
    mine = queue.of_patron(connection, patron, hold, now)
    if mine is not None:
        aside.drop(connection, mine, now)
    return mine is not None


def cancel_all(connection: Connection, patron: PatronId, now: datetime) -> None:
    """Of a patron who goes."""
    for hold in connection.execute(select(holds.c.hold_id).where(holds.c.patron_id == patron)).scalars().all():
        cancel(connection, patron, hold, now)


def move(connection: Connection, patron: PatronId, hold: int, pickup: BranchId, now: datetime) -> bool:
    """To another pick-up branch. False: no such hold or branch, or it stands ready already."""
    mine = queue.of_patron(connection, patron, hold, now)
    if mine is None or mine.pickup_by is not None or not _is_branch(connection, pickup):
        return False
    connection.execute(update(holds).where(holds.c.hold_id == hold).values(pickup_branch=pickup))
    if mine.item is not None:
        connection.execute(update(items).where(items.c.item_id == mine.item).values(transit_to=pickup))
    return True


def someone_waits(connection: Connection, item: Item, patron: PatronId, now: datetime) -> bool:
    """Another than the patron, who has it, could have it now; and no other free copy of the title serves them."""
    others = (hold for hold in queue.queue_of(connection, item.work.record, now) if hold.patron != patron)
    return queue.is_needed(connection, item, patron, others, now)


def expire(connection: Connection, now: datetime) -> int:
    """How many holds went: not fetched in time, or no longer wanted. All go before any item passes on."""
    gone = queue.stale(connection, now)
    connection.execute(delete(holds).where(holds.c.hold_id.in_([hold.hold for hold in gone])))
    for hold in gone:
        if hold.item is not None:
            aside.pass_on(connection, hold.item, now, hold.shelf)
    return len(gone)


def lines_of(connection: Connection, patron: PatronId, now: datetime) -> tuple[HoldLine, ...]:
    """The patron's holds, oldest first."""
    rows = _LINES.all(connection, patron=patron, today=local_date(now))
    return tuple(_line(row) for row in rows)


def _lines() -> Select[Any]:
    today: BindParameter[date] = bindparam("today")
    ahead = holds.alias()
    sooner = or_(
        ahead.c.placed_at < holds.c.placed_at,
        and_(ahead.c.placed_at == holds.c.placed_at, ahead.c.hold_id < holds.c.hold_id),
    )
    wanted = or_(ahead.c.wanted_until.is_(None), ahead.c.wanted_until >= today)
    waiting = ahead.c.record_id == holds.c.record_id, ahead.c.item_id.is_(None), wanted
    before = select(func.count()).select_from(ahead).where(*waiting, sooner).scalar_subquery()
    query = select(holds, records, before.label("before")).select_from(holds.join(records))
    return query.where(holds.c.patron_id == bindparam("patron")).order_by(holds.c.placed_at, holds.c.hold_id)


_LINES = Statement(_lines())


def _line(row: Row[Any]) -> HoldLine:
    return HoldLine(
        row.hold_id,
        work_of(row),
        _state(row),
        row.before + 1 if row.item_id is None else 0,
        BranchId(row.pickup_branch),
        row.placed_at,
        None if row.item_id is None else ItemId(row.item_id),
        row.shelf_number,
        row.pickup_by,
        row.wanted_until,
    )


def _state(row: Row[Any]) -> HoldState:
    if row.item_id is None:
        return HoldState.RESERVED
    return HoldState.IN_TRANSIT if row.pickup_by is None else HoldState.READY


def _is_branch(connection: Connection, branch: BranchId) -> bool:
    return connection.execute(select(branches.c.branch_id).where(branches.c.branch_id == branch)).first() is not None


# --- why not ------------------------------------------------------------------------------------


def _refusals(
    connection: Connection, patron: PatronId, record: RecordId, pickup: BranchId, today: date
) -> Iterator[HoldRefusal]:
    """In the order they are told; only the first is looked for."""
    who = connection.execute(_standing(patron)).one_or_none()
    if who is None:
        yield HoldRefusal.PATRON_NOT_FOUND
        return
    if who.blocked:
        yield HoldRefusal.BLOCKED
    yield from _about_title(connection, patron, record, whole_years(who.birth_date, today))
    if who.placed >= who.max_holds:
        yield HoldRefusal.TOO_MANY
    if not _is_branch(connection, pickup):
        yield HoldRefusal.OTHER


def _standing(patron: PatronId) -> Select[Any]:
    placed = select(func.count()).select_from(holds).where(holds.c.patron_id == patron).scalar_subquery()
    blocked = exists().where(blocks.c.patron_id == patron)
    columns = (patrons.c.birth_date, patron_groups.c.max_holds, placed.label("placed"), blocked.label("blocked"))
    return select(*columns).select_from(patrons.join(patron_groups)).where(patrons.c.patron_id == patron)


def _about_title(connection: Connection, patron: PatronId, record: RecordId, age: int) -> Iterator[HoldRefusal]:
    mine = exists().where(holds.c.record_id == record, holds.c.patron_id == patron)
    out = loans.c.item_id == items.c.item_id, loans.c.patron_id == patron, loans.c.returned_at.is_(None)
    have = exists(select(loans.c.loan_id).where(items.c.record_id == record, *out).select_from(loans.join(items)))
    query = select(mine.label("reserved"), have.label("loaned")).where(records.c.record_id == record)
    row = connection.execute(query.select_from(records)).one_or_none()
    if row is None:
        yield HoldRefusal.RECORD_NOT_FOUND
    elif row.reserved:
        yield HoldRefusal.ALREADY_RESERVED
    elif row.loaned:
        yield HoldRefusal.ALREADY_LOANED
    else:
        yield from _about_items(connection, record, age)


def _about_items(connection: Connection, record: RecordId, age: int) -> Iterator[HoldRefusal]:
    query = select(items, material_groups.c.holdable).select_from(items.join(material_groups))
    copies = connection.execute(query.where(items.c.record_id == record)).all()
    allowed = [copy for copy in copies if copy.for_loan and copy.holdable and copy.minimum_age <= age]
    if copies and not allowed:
        yield HoldRefusal.NOT_RESERVABLE
    elif not any(copy.state == ItemState.HERE.value for copy in allowed):
        yield HoldRefusal.NO_ITEMS
