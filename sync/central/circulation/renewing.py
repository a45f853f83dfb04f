"""Renewals: a loan runs anew from today, unless a rule says no; then nothing about it changes.

    a chosen loan --> late: its fee up to today is made first, it is owed either way --> judged --> due, renewals

What is late after that is a fee of its own: it belongs to the day of the renewal.
Not responsible for: how long and how often (periods.py), what lateness costs (lateness.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, and_, bindparam, exists, func, select, update

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import holds, items, lateness, periods
from sync.central.circulation.items import ItemState, OpenLoan, work_of
from sync.central.circulation.lateness import FeeDay
from sync.central.circulation.outcomes import LoanLine, Renewal, RenewalStatus
from sync.central.desk import Desk
from sync.central.schema import blocks, library, loan_profiles, loans, patrons, records
from sync.central.schema import holds as holds_
from sync.central.schema import items as items_
from sync.central.statement import Statement

_DONE = (RenewalStatus.RENEWED,)


@dataclass(frozen=True, slots=True)
class Judged:
    """A loan, what renewing it would answer, and the due date that it would get; None where nothing says how long.

    branch: where it was lent, and may be brought back; it gets no due date on which that is closed.
    """

    line: LoanLine
    loan: OpenLoan
    branch: BranchId
    renewed_due: date | None


def renew(connection: Connection, desk: Desk, patron: PatronId, loan_ids: tuple[int, ...]) -> tuple[Renewal, ...]:
    """One answer to each loan, in the order asked. A loan that is not the patron's is not found."""
    chosen = tuple(dict.fromkeys(loan_ids))
    done = {renewal.loan: renewal for renewal in _renew(connection, desk, patron, frozenset(chosen))}
    return tuple(done.get(loan) or Renewal(ItemId(""), (RenewalStatus.ITEM_NOT_FOUND,), loan) for loan in chosen)


def renew_all(connection: Connection, desk: Desk, patron: PatronId) -> tuple[Renewal, ...]:
    """Every loan, by due date."""
    return _renew(connection, desk, patron, None)


def renew_item(connection: Connection, desk: Desk, patron: PatronId, item_id: ItemId) -> Renewal:
    """The patron's loan of the item."""
    query = select(loans.c.loan_id).where(loans.c.item_id == item_id, loans.c.patron_id == patron)
    loan = connection.execute(query.where(loans.c.returned_at.is_(None))).scalar_one_or_none()
    if loan is None:
        return Renewal(item_id, (RenewalStatus.ITEM_NOT_FOUND,))
    return renew(connection, desk, patron, (loan,))[0]


def judge(connection: Connection, patron: PatronId, now: datetime) -> tuple[Judged, ...]:
    """Every loan of the patron, by due date. One statement, and three more per loan that another may wait for."""
    today = local_date(now)
    rows = _OPEN.all(connection, patron=patron)
    return tuple(
        _judged(row, today, waited=row.asked_for and _is_waited_for(connection, row, patron, now)) for row in rows
    )


def _is_waited_for(connection: Connection, row: Row[Any], patron: PatronId, now: datetime) -> bool:
    item = items.find(connection, ItemId(row.item_id))
    return item is not None and holds.someone_waits(connection, item, patron, now)


def _renew(connection: Connection, desk: Desk, patron: PatronId, chosen: frozenset[int] | None) -> tuple[Renewal, ...]:
    """chosen: None for all."""
    today = local_date(desk.at)
    mine = _chosen(judge(connection, patron, desk.at), chosen)
    late = dict.fromkeys(FeeDay(patron, judged.loan.fee_day) for judged in mine if judged.loan.due < today)
    if lateness.reckon(connection, late, desk.at):  # the debt may have become too high
        mine = _chosen(judge(connection, patron, desk.at), chosen)
    return tuple(_carry_out(connection, judged, desk.at) for judged in mine)


def _chosen(judged: Iterable[Judged], chosen: frozenset[int] | None) -> list[Judged]:
    return [loan for loan in judged if chosen is None or loan.line.loan in chosen]


def _carry_out(connection: Connection, judged: Judged, now: datetime) -> Renewal:
    line, today = judged.line, local_date(now)
    if line.renewal != _DONE or judged.renewed_due is None:
        return Renewal(line.item, line.renewal, line.loan, line.work, line.due)
    if line.due < today:
        lateness.keep(connection, judged.loan, today, now)
    due = periods.open_day(connection, judged.branch, judged.renewed_due)
    items.prolong(connection, line.loan, due, today)
    connection.execute(update(loans).where(loans.c.loan_id == line.loan).values(renewals=line.renewals + 1))
    return Renewal(line.item, _DONE, line.loan, line.work, due)


# --- rules --------------------------------------------------------------------------------------


def _judged(row: Row[Any], today: date, *, waited: bool) -> Judged:
    due = None if row.loan_days is None else today + timedelta(days=row.loan_days)
    statuses = tuple(_refusals(row, today, due, waited=waited)) or _DONE
    lent_on = local_date(row.lent_at)
    line = LoanLine(row.loan_id, ItemId(row.item_id), work_of(row), lent_on, row.due, row.renewals, statuses)
    loan = OpenLoan(row.loan_id, PatronId(row.patron_id), row.lent_at, row.due, items.fee_day_of(row))
    return Judged(line, loan, BranchId(row.branch_id), due)


def _refusals(row: Row[Any], today: date, due: date | None, *, waited: bool) -> Iterator[RenewalStatus]:
    if row.blocked:
        yield RenewalStatus.BLOCKED
    if waited:
        yield RenewalStatus.RESERVED
    if not row.for_loan or row.state != ItemState.HERE.value:
        yield RenewalStatus.NOT_LOANABLE
    if due is None:
        yield RenewalStatus.PROFILE_NOT_FOUND
        return
    if row.renewals >= row.most:
        yield RenewalStatus.MAX_RENEWALS
    if today + timedelta(days=row.renew_from_days) < row.due or due <= row.due:
        yield RenewalStatus.OTHER  # too early: nothing would be won


def _open() -> Select[Any]:
    """A patron's loans with all that is judged by, by due date. Profiles as in periods.py, for many at once."""
    patron: BindParameter[str] = bindparam("patron")
    own, every = loan_profiles.alias(), loan_profiles.alias()
    joined = loans.join(items_, loans.c.item_id == items_.c.item_id).join(records)
    joined = joined.join(patrons, loans.c.patron_id == patrons.c.patron_id).join(library, library.c.library_id == 1)
    joined = joined.outerjoin(
        own, and_(own.c.material_group == items_.c.material_group, own.c.patron_group == patrons.c.patron_group)
    ).outerjoin(every, and_(every.c.material_group == items_.c.material_group, every.c.patron_group == ""))
    other = holds_.c.record_id == items_.c.record_id, holds_.c.patron_id != patron, holds_.c.item_id.is_(None)
    query = select(
        *(loans.c.loan_id, loans.c.item_id, loans.c.patron_id, loans.c.branch_id, loans.c.lent_at, loans.c.due),
        *(loans.c.renewals, loans.c.fee_day, records, items_.c.for_loan, items_.c.state, library.c.renew_from_days),
        func.coalesce(own.c.loan_days, every.c.loan_days).label("loan_days"),
        func.coalesce(own.c.renewals, every.c.renewals).label("most"),
        exists().where(blocks.c.patron_id == patron).label("blocked"),
        exists().where(*other).label("asked_for"),
    )
    mine = loans.c.patron_id == patron, loans.c.returned_at.is_(None)
    return query.select_from(joined).where(*mine).order_by(loans.c.due, loans.c.loan_id)


_OPEN = Statement(_open())
