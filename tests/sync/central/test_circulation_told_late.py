"""What a machine tells afterwards: fees by the day of the return, nothing set aside, due dates that can be."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from kiosk.model import BranchId, ItemId, PatronId
from sync.central import retention
from sync.central.calendar import local_date
from sync.central.circulation import fees, holds, lateness, lending, payments, renewing, returning
from sync.central.circulation.account import account_of
from sync.central.circulation.outcomes import HoldState, Lent, Returned
from sync.central.circulation.payments import Paid
from sync.central.patrons import admission
from sync.central.schema import branches, loan_profiles, loans
from sync.central.schema import fees as fees_
from tests.sync.central.small_library import (
    ALMA,
    ATLAS,
    ATLAS_1,
    BO,
    CARLA,
    NOVEL,
    NOVEL_1,
    NOVEL_2,
    ULFBORG,
    VINDERUP,
    SmallLibrary,
)

DUE = date(2026, 12, 24)  # of what is lent in the morning


def lend(small: SmallLibrary, item: ItemId = NOVEL_1, patron: PatronId = ALMA) -> None:
    lent = small.lend(patron, item)
    assert isinstance(lent, Lent)
    assert lent.due == DUE


def rise_at(small: SmallLibrary, day: date) -> None:
    """It is that day, and the store has done what it does by itself."""
    small.now = datetime.combine(day, small.now.timetz())
    lateness.reckon(small.connection, lateness.rising(small.connection, small.now), small.now)


def tell_return(small: SmallLibrary, item: ItemId, on: date, branch: BranchId = ULFBORG) -> Returned:
    """It was returned then, and is told now."""
    desk = small.desk(branch, datetime.combine(on, small.now.timetz()))
    said = returning.checkin(small.connection, desk, item)
    assert isinstance(said, Returned)
    return said


def tell_loan(small: SmallLibrary, patron: PatronId, item: ItemId, due: date, on: date | None = None) -> Lent:
    desk = small.desk(at=datetime.combine(on or local_date(small.now), small.now.timetz()))
    out = lending.carried_out(small.connection, desk, patron, item, due).outcome
    assert isinstance(out, Lent)
    return out


def owed(small: SmallLibrary, patron: PatronId = ALMA) -> int:
    return fees.debt_of(small.connection, patron)


def due_of(small: SmallLibrary, item: ItemId) -> date:
    """Of its last loan."""
    query = select(loans.c.due).where(loans.c.item_id == item).order_by(loans.c.lent_at.desc())
    due: date = small.connection.execute(query.limit(1)).scalar_one()
    return due


def letters(small: SmallLibrary) -> list[str]:
    return [block.blocked_reason for block in admission.blocks_of(small.connection, ALMA)]


# --- fees ---------------------------------------------------------------------------------------


def test_a_return_in_time_that_is_told_late_takes_back_the_fee_that_rose_meanwhile(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, date(2027, 1, 8))
    assert owed(small) == 120_00
    assert tell_return(small, NOVEL_1, DUE - timedelta(days=1)).had == ALMA
    assert account_of(small.connection, ALMA, small.now).fees == ()


def test_a_day_late_that_is_told_late_costs_a_day_and_blocks_nobody(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE + timedelta(days=40))
    assert letters(small) == ["E"]
    tell_return(small, NOVEL_1, DUE + timedelta(days=1))
    assert (owed(small), letters(small)) == (20_00, [])


def test_what_is_paid_of_a_fee_that_is_taken_back_stays_paid(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE + timedelta(days=15))
    assert isinstance(payments.pay_any(small.connection, ALMA, 70_00, "some", small.now), Paid)
    tell_return(small, NOVEL_1, DUE)
    assert owed(small) == 0
    (settled,) = fees.lines_of(small.connection, ALMA, settled=True)
    assert (settled.amount, settled.paid) == (70_00, 70_00)


def test_a_fee_sinks_no_lower_than_what_is_still_out_or_came_back_late(small: SmallLibrary) -> None:
    for item in (NOVEL_1, NOVEL_2, ATLAS_1):
        lend(small, item)
    rise_at(small, DUE + timedelta(days=8))
    small.bring_back(NOVEL_2)
    rise_at(small, DUE + timedelta(days=15))
    assert owed(small) == 120_00
    tell_return(small, NOVEL_1, DUE)
    assert owed(small) == 120_00  # the atlas is out
    tell_return(small, ATLAS_1, DUE)
    assert owed(small) == 60_00  # the other novel was as late


def test_what_staff_find_in_the_machine_was_returned_when_it_was_put_there(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE + timedelta(days=10))
    small.bring_back(NOVEL_1)
    assert owed(small) == 60_00
    tell_return(small, NOVEL_1, DUE)
    assert owed(small) == 0
    assert small.on_loan() == {}


def test_what_was_paid_and_is_forgotten_is_not_charged_anew(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE + timedelta(days=5))
    payments.pay_any(small.connection, ALMA, 20_00, "some", small.now)
    small.now += timedelta(days=31)
    small.connection.execute(update(fees_).values(amount=230_00, paid=230_00))  # as if it had risen, and been paid
    small.bring_back(NOVEL_1)
    retention.purge(small.connection, small.now)
    assert fees.lines_of(small.connection, ALMA, settled=True) == ()
    tell_return(small, NOVEL_1, DUE + timedelta(days=30))
    assert owed(small) == 0


def test_who_has_the_item_now_keeps_it_and_who_had_it_pays_up_to_the_return(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE + timedelta(days=10))
    tell_loan(small, BO, NOVEL_1, DUE + timedelta(days=40))
    assert owed(small) == 60_00
    tell_return(small, NOVEL_1, DUE + timedelta(days=2))
    assert (owed(small), small.on_loan()) == (20_00, {NOVEL_1: BO})


def test_what_another_carries_out_late_costs_its_fee_at_once(small: SmallLibrary) -> None:
    lend(small)
    rise_at(small, DUE)
    small.forward(days=8)
    tell_loan(small, BO, NOVEL_1, DUE + timedelta(days=40))
    assert owed(small) == 60_00


def test_a_loan_that_was_late_and_over_when_it_is_told_costs_its_fee(small: SmallLibrary) -> None:
    rise_at(small, DUE + timedelta(days=8))
    small.bring_back(NOVEL_1)
    tell_loan(small, BO, NOVEL_1, DUE, on=DUE - timedelta(days=30))
    assert (owed(small, BO), small.on_loan()) == (60_00, {})


# --- holds --------------------------------------------------------------------------------------


def test_a_return_told_late_sets_nothing_aside_and_the_hold_waits_for_the_next(small: SmallLibrary) -> None:
    lend(small)
    small.hold(BO)
    rise_at(small, DUE + timedelta(days=20))
    assert not tell_return(small, NOVEL_1, DUE).held
    assert holds.expire(small.connection, small.now) == 0
    line = small.line(BO)
    assert line is not None
    assert (line.state, line.place, line.pickup_by) == (HoldState.RESERVED, 1, None)
    small.lend(CARLA, NOVEL_2)
    assert not isinstance(small.lend(CARLA, NOVEL_1), Lent)  # it is kept for Bo
    assert small.bring_back(NOVEL_1).place == "Reserveringshylden 1"
    line = small.line(BO)
    assert line is not None
    assert (line.state, line.pickup_by) == (HoldState.READY, local_date(small.now) + timedelta(days=7))


def test_what_arrives_off_line_is_not_said_to_be_ready(small: SmallLibrary) -> None:
    small.hold(BO, pickup=VINDERUP)
    small.bring_back(NOVEL_1)
    small.forward(days=2)
    tell_return(small, NOVEL_1, local_date(small.now) - timedelta(days=1), VINDERUP)  # before nothing else is known
    tell = small.line(BO)
    assert tell is not None
    assert tell.state is HoldState.RESERVED
    assert small.bring_back(NOVEL_1, VINDERUP).place == "Reserveringshylden 1"


def test_what_stands_on_the_hold_shelf_stays_there_whatever_is_told_of_it(small: SmallLibrary) -> None:
    small.hold(BO)
    small.bring_back(NOVEL_1)
    before = small.line(BO)
    small.forward(days=2)
    assert tell_return(small, NOVEL_1, local_date(small.now)).held
    assert small.line(BO) == before


def test_what_passes_on_by_a_loan_told_late_may_be_fetched_from_now_on(small: SmallLibrary) -> None:
    small.hold(ALMA)
    small.hold(BO)
    small.bring_back(NOVEL_1)
    small.forward(days=6)
    tell_loan(small, ALMA, NOVEL_2, DUE, on=local_date(small.now) - timedelta(days=5))
    line = small.line(BO)
    assert line is not None
    assert (line.item, line.pickup_by) == (NOVEL_1, local_date(small.now) + timedelta(days=7))


# --- due dates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, 30, 366])
def test_the_due_date_that_was_told_holds(small: SmallLibrary, days: int) -> None:
    told = local_date(small.now) + timedelta(days=days)
    assert tell_loan(small, ALMA, ATLAS_1, told).due == told == due_of(small, ATLAS_1)


@pytest.mark.parametrize("told", [date.min, date(2026, 11, 23), date(2027, 11, 26), date.max])
def test_a_due_date_that_cannot_be_is_the_profiles_and_the_loan_stands(small: SmallLibrary, told: date) -> None:
    assert tell_loan(small, ALMA, ATLAS_1, told).due == DUE
    account_of(small.connection, ALMA, small.now)
    small.connection.execute(loan_profiles.delete())
    small.connection.execute(update(branches).values(loan_days=5))
    assert tell_loan(small, BO, NOVEL_1, told).due == local_date(small.now) + timedelta(days=5)


@pytest.mark.parametrize("kept", [date.min, date.max])
def test_a_due_date_at_the_end_of_time_breaks_no_page(small: SmallLibrary, kept: date) -> None:
    lend(small)
    small.connection.execute(update(loans).values(due=kept))
    assert len(account_of(small.connection, ALMA, small.now).loans) == 1
    assert len(renewing.renew_all(small.connection, small.desk(), ALMA)) == 1


def test_the_later_date_holds_of_what_one_scans_again_off_line(small: SmallLibrary) -> None:
    lend(small, ATLAS_1)
    small.forward(days=20)
    later = DUE + timedelta(days=20)
    assert tell_loan(small, ALMA, ATLAS_1, later).due == later == due_of(small, ATLAS_1)
    assert tell_loan(small, ALMA, ATLAS_1, DUE).due == later == due_of(small, ATLAS_1)
    rise_at(small, later)
    assert owed(small) == 0


def test_what_another_waits_for_keeps_its_date_when_it_is_scanned_again(small: SmallLibrary) -> None:
    lend(small, ATLAS_1)
    small.hold(BO, ATLAS)
    assert tell_loan(small, ALMA, ATLAS_1, DUE + timedelta(days=20)).due == DUE == due_of(small, ATLAS_1)


def test_what_was_late_when_it_was_scanned_again_is_owed_and_no_more(small: SmallLibrary) -> None:
    lend(small, ATLAS_1)
    rise_at(small, DUE + timedelta(days=20))
    assert owed(small) == 120_00
    tell_loan(small, ALMA, ATLAS_1, DUE + timedelta(days=31), on=DUE + timedelta(days=1))
    assert owed(small) == 20_00
    rise_at(small, DUE + timedelta(days=32))
    assert [line.owed for line in fees.lines_of(small.connection, ALMA)] == [20_00, 20_00]


def test_nobody_waits_for_a_title_that_a_free_copy_serves(small: SmallLibrary) -> None:
    lend(small)
    small.hold(BO, NOVEL)
    later = DUE + timedelta(days=20)
    assert tell_loan(small, ALMA, NOVEL_1, later).due == later
