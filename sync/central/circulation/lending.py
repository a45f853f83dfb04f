"""Loans, as the store decides them.

A loan: known item? patron free of blocks? lent at all, and for how long? old enough? on nobody else's name? not one too
many? reserved for nobody else?
A loan to the patron who already has the item is answered as it stands: the machine may disarm the tag once more.
Not responsible for: the same question twice (machines/answers.py), who the patron is (patrons/), renewing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

from sqlalchemy import BindParameter, Connection, bindparam, delete, exists, func, insert, select

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation import aside, holds, items, lateness, periods, queue, returning, waiving
from sync.central.circulation.holds import Fulfilled
from sync.central.circulation.items import Item, ItemState, OpenLoan
from sync.central.circulation.lateness import FeeDay
from sync.central.circulation.outcomes import Lent, NotLent, RecordId
from sync.central.circulation.periods import Profile
from sync.central.circulation.queue import Hold
from sync.central.desk import Desk
from sync.central.patrons import admission
from sync.central.schema import blocks, branches, loans, patron_groups, patrons
from sync.central.schema import items as items_
from sync.central.statement import Statement

_LONGEST = timedelta(days=366)  # from a loan to its due date


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """ended_another: the item stood on another patron's name, which was ended first."""

    outcome: Lent | NotLent
    ended_another: bool


@dataclass(frozen=True, slots=True)
class _Borrower:
    patron: PatronId
    age: int
    blocked: bool
    loans: int
    max_loans: int


@dataclass(frozen=True, slots=True)
class _New:
    """A loan to be. waiting: everybody's holds on the title."""

    patron: PatronId
    item: Item
    due: date
    waiting: tuple[Hold, ...]


# --- a loan that is asked for -------------------------------------------------------------------


def checkout(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId) -> Lent | NotLent:
    """Lends, or says why not. patron: a known one."""
    item = items.find(connection, item_id)
    if item is None:
        return NotLent(item_id, LoanRefusal.NOT_FOUND)
    who = _borrower(connection, patron, desk.at)
    lent = items.open_loan(connection, item_id)
    profile = periods.profile(connection, patron, item.group)
    refusal = next(_refusals(who, item, profile, lent), None)
    if refusal is None and lent is not None:
        return Lent(lent.loan, item_id, item.work, lent.due, item.parts, again=True)
    waiting = queue.queue_of(connection, item.work.record, desk.at)
    if refusal is None and _is_reserved(connection, item, patron, waiting, desk.at):
        refusal = LoanRefusal.RESERVED
    if refusal is not None or profile is None:
        return NotLent(item_id, refusal or LoanRefusal.NOT_FOR_LOAN, item.work)
    due = periods.open_day(connection, desk.branch, local_date(desk.at) + timedelta(days=profile.loan_days))
    return _lent(connection, desk, _New(patron, item, due, waiting))


def _refusals(who: _Borrower, item: Item, profile: Profile | None, lent: OpenLoan | None) -> Iterator[LoanRefusal]:
    """In the order they are told."""
    if who.blocked:
        yield LoanRefusal.BLOCKED
    if profile is None or not item.is_lendable:
        yield LoanRefusal.NOT_FOR_LOAN
    if who.age < item.minimum_age:
        yield LoanRefusal.TOO_YOUNG
    if lent is not None and lent.patron != who.patron:
        yield LoanRefusal.ON_LOAN
    if lent is None and who.loans >= who.max_loans:
        yield LoanRefusal.TOO_MANY


def _is_reserved(
    connection: Connection, item: Item, patron: PatronId, waiting: tuple[Hold, ...], now: datetime
) -> bool:
    """Set aside for another; or more wait ahead of the patron than the other free copies of the title can serve."""
    tied = next((hold for hold in waiting if hold.item == item.item), None)
    if tied is not None:
        return tied.patron != patron
    return queue.is_needed(connection, item, patron, takewhile(lambda hold: hold.patron != patron, waiting), now)


# --- a loan that was made without asking --------------------------------------------------------


def carried_out(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId, due: date) -> CarriedOut:
    """Lends what was lent without asking: it has left the building, so a hold and a loan to another give way.

    patron: a known one. due: as the patron was told, unless no machine can have said so. desk.at: when it was; told
    late, and with the item returned or lent since, it takes nothing from anybody.
    """
    item = items.find(connection, item_id)
    if item is not None and admission.blocks_of(connection, patron):
        return CarriedOut(NotLent(item_id, LoanRefusal.BLOCKED, item.work), False)
    return vouched_for(connection, desk, patron, item_id, due)


def vouched_for(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId, due: date) -> CarriedOut:
    """As carried_out, on the word of staff: no block brings the item back."""
    item = items.find(connection, item_id)
    if item is None:
        return CarriedOut(NotLent(item_id, LoanRefusal.NOT_FOUND), False)
    due = _believed(connection, desk, patron, item, due)
    lent = items.open_loan(connection, item_id)
    if lent is not None and lent.patron == patron:
        return CarriedOut(_again(connection, desk, item, lent, due), False)
    since = _since(connection, item, desk.at)
    if since is not None:
        return CarriedOut(_is_over(connection, desk, _New(patron, item, due, ()), since), False)
    if lent is not None:
        returning.end(connection, desk, lent)
    waiting = queue.queue_of(connection, item.work.record, desk.now)
    return CarriedOut(_lent(connection, desk, _New(patron, item, due, waiting)), lent is not None)


def _believed(connection: Connection, desk: Desk, patron: PatronId, item: Item, told: date) -> date:
    """The due date that was told, if it can be one."""
    day = local_date(desk.at)
    if day <= told <= day + _LONGEST:
        return told
    profile = periods.profile(connection, patron, item.group)
    days: int = profile.loan_days if profile else _HANDED_OUT.the(connection, here=desk.branch).loan_days
    return day + timedelta(days=days)


def _again(connection: Connection, desk: Desk, item: Item, lent: OpenLoan, told: date) -> Lent:
    """It stood on this patron's name already: the later date holds, for that is what the receipt says.

    As a renewal would, it gives way to who waits, and what was late until then is owed.
    """
    if told <= lent.due or holds.someone_waits(connection, item, lent.patron, desk.now):
        return Lent(lent.loan, item.item, item.work, lent.due, item.parts, again=True)
    day = max(local_date(desk.at), lent.fee_day)
    lateness.keep(connection, lent, day, desk.now)
    items.prolong(connection, lent.loan, told, day)
    lateness.reckon(connection, (FeeDay(lent.patron, lent.fee_day), FeeDay(lent.patron, day)), desk.now)
    return Lent(lent.loan, item.item, item.work, told, item.parts, again=True)


def _is_over(connection: Connection, desk: Desk, new: _New, since: datetime) -> Lent:
    """A loan that had ended by the time it is told."""
    item = new.item
    returning.end_of_then(connection, desk, item.item)
    loan = _insert(connection, desk, new, returned_at=since)
    if local_date(since) > new.due:
        lateness.reckon(connection, (FeeDay(new.patron, local_date(desk.at)),), desk.now)
    return Lent(loan, item.item, item.work, new.due, item.parts)


def _since(connection: Connection, item: Item, at: datetime) -> datetime | None:
    """When the item was next lent or returned after this moment."""
    lent = _NEXT_LENT.the(connection, item=item.item, at=at).at
    later = (lent, item.seen_at)
    return min((moment for moment in later if moment is not None and moment > at), default=None)


# --- undone -------------------------------------------------------------------------------------


def undo(connection: Connection, item_id: ItemId, lent_at: datetime) -> None:
    """The loan that was made at this moment was never handed over: it has not been. An older one stands.

    A hold that it fulfilled waits again at its old place.
    """
    made = delete(loans).where(loans.c.item_id == item_id, loans.c.lent_at == lent_at, loans.c.returned_at.is_(None))
    row = connection.execute(made.returning(loans)).one_or_none()
    if row is None or row.hold_placed_at is None:
        return
    title = select(items_.c.record_id).where(items_.c.item_id == item_id)
    record = RecordId(connection.execute(title).scalar_one())
    patron, pickup = PatronId(row.patron_id), BranchId(row.hold_pickup)
    holds.put_back(connection, Fulfilled(patron, record, pickup, row.hold_placed_at, row.hold_wanted_until))


def take_again(connection: Connection, item_id: ItemId, at: datetime) -> None:
    """The open loan was confirmed to its patron once more: what happened before, and is told after, ends it no more."""
    lent = items.open_loan(connection, item_id)
    if lent is not None and at > lent.lent_at:
        items.begin_at(connection, lent, at)


# --- rows ---------------------------------------------------------------------------------------


_PATRON: BindParameter[str] = bindparam("patron")
_LOANS = select(func.count()).select_from(loans).where(loans.c.patron_id == _PATRON, loans.c.returned_at.is_(None))
_BORROWER = Statement(
    select(
        patrons.c.birth_date,
        patron_groups.c.max_loans,
        _LOANS.scalar_subquery().label("lent"),
        exists().where(blocks.c.patron_id == _PATRON).label("blocked"),
    )
    .select_from(patrons.join(patron_groups))
    .where(patrons.c.patron_id == _PATRON)
)
_HANDED_OUT = Statement(select(branches.c.loan_days).where(branches.c.branch_id == bindparam("here")))
_MAKE = Statement(insert(loans).returning(loans.c.loan_id))
_NEXT_LENT = Statement(
    select(func.min(loans.c.lent_at).label("at")).where(
        loans.c.item_id == bindparam("item"), loans.c.lent_at > bindparam("at")
    )
)


def _borrower(connection: Connection, patron: PatronId, now: datetime) -> _Borrower:
    row = _BORROWER.the(connection, patron=patron)
    age = whole_years(row.birth_date, local_date(now))
    return _Borrower(patron, age, row.blocked, row.lent, row.max_loans)


def _lent(connection: Connection, desk: Desk, new: _New) -> Lent:
    """The loan is made, the patron's hold fulfilled; whoever the item was set aside for waits again."""
    item = new.item
    loan = _insert(connection, desk, new)
    mine = _mine(new)
    if any(hold.item == item.item and hold is not mine for hold in new.waiting):
        aside.release(connection, item.item)
    if mine is not None:
        aside.drop(connection, mine, desk.now, lent=item.item)
    if item.state is ItemState.LOST:
        waiving.lift(connection, item.item, desk.now)
    seen = item.seen(desk.branch)
    if seen != item:
        items.put(connection, seen)
    return Lent(loan, item.item, item.work, new.due, item.parts)


def _insert(connection: Connection, desk: Desk, new: _New, returned_at: datetime | None = None) -> int:
    """The loan's number."""
    mine = _mine(new)
    loan: int = _MAKE.the(
        connection,
        item_id=new.item.item,
        patron_id=new.patron,
        branch_id=desk.branch,
        lent_at=desk.at,
        due=new.due,
        renewals=0,
        hold_placed_at=mine.placed_at if mine else None,
        hold_pickup=mine.pickup if mine else None,
        hold_wanted_until=mine.wanted_until if mine else None,
        returned_at=returned_at,
    ).loan_id
    return loan


def _mine(new: _New) -> Hold | None:
    return next((hold for hold in new.waiting if hold.patron == new.patron), None)
