"""Loans and returns at the level of the tables: periods, limits, states, and what is told late."""

from datetime import date, timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId
from sync.central import standard
from sync.central.calendar import local_date
from sync.central.circulation import items, lending, periods, returning
from sync.central.circulation.items import ItemState
from sync.central.circulation.lending import CarriedOut
from sync.central.circulation.outcomes import HoldState, Lent, NotLent, NotReturned, Returned, Work
from sync.central.circulation.periods import Profile
from sync.central.schema import fees, loan_profiles, loans, patron_groups, sorting
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
    overheard,
)

DUE = date(2026, 12, 24)


@pytest.fixture
def town(small: SmallLibrary) -> SmallLibrary:
    return small


def carry_out(town: SmallLibrary, patron: PatronId, item: ItemId, *, earlier_min: int = 0) -> CarriedOut:
    desk = town.desk(at=town.forward() - timedelta(minutes=earlier_min))
    return lending.carried_out(town.connection, desk, patron, item, DUE)


def bring_back_earlier(town: SmallLibrary, item: ItemId, *, earlier_min: int, branch: BranchId = ULFBORG) -> Returned:
    desk = town.desk(branch, town.forward() - timedelta(minutes=earlier_min))
    said = returning.checkin(town.connection, desk, item)
    assert isinstance(said, Returned)
    return said


def history(town: SmallLibrary, item: ItemId) -> list[tuple[PatronId, bool]]:
    """(whose, is it out) of every loan, oldest first."""
    rows = town.connection.execute(select(loans).where(loans.c.item_id == item).order_by(loans.c.lent_at))
    return [(row.patron_id, row.returned_at is None) for row in rows]


# --- periods ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "patron_group", "days"),
    [
        (standard.STANDARD, standard.ADULT, 30),
        (standard.STANDARD, standard.STAFF, 90),
        (standard.FILM, standard.ADULT, 7),
        (standard.FILM, standard.STAFF, 7),
    ],
)
def test_the_period_is_of_the_material_and_of_the_patrons_group(
    town: SmallLibrary, group: str, patron_group: str, days: int
) -> None:
    town.set_item(ATLAS_1, material_group=group)
    town.set_patron(ALMA, patron_group=patron_group)
    lent = town.lend(ALMA, ATLAS_1)
    assert isinstance(lent, Lent)
    assert lent.due == local_date(town.now) + timedelta(days=days)


def test_material_without_a_period_is_not_lent(town: SmallLibrary) -> None:
    assert periods.profile(town.connection, ALMA, standard.STANDARD) == Profile(30, 3)
    town.connection.execute(delete(loan_profiles).where(loan_profiles.c.patron_group == ""))
    assert periods.profile(town.connection, ALMA, standard.STANDARD) is None
    assert town.lend(ALMA, ATLAS_1) is LoanRefusal.NOT_FOR_LOAN


# --- limits and states --------------------------------------------------------------------------


def test_as_many_loans_as_the_group_may_have(town: SmallLibrary) -> None:
    town.connection.execute(update(patron_groups).values(max_loans=1))
    town.lend(ALMA, NOVEL_1)
    assert town.lend(ALMA, ATLAS_1) is LoanRefusal.TOO_MANY
    again = town.lend(ALMA, NOVEL_1)
    assert isinstance(again, Lent)
    assert again.again
    town.bring_back(NOVEL_1)
    assert isinstance(town.lend(ALMA, ATLAS_1), Lent)


@pytest.mark.parametrize("state", ["lost", "missing", "discarded"])
def test_what_is_not_here_is_not_lent_but_may_have_been_carried_out(town: SmallLibrary, state: str) -> None:
    town.set_item(ATLAS_1, state=state)
    assert town.lend(ALMA, ATLAS_1) is LoanRefusal.NOT_FOR_LOAN
    assert isinstance(carry_out(town, ALMA, ATLAS_1).outcome, Lent)


@pytest.mark.parametrize(("state", "then"), [("lost", "here"), ("missing", "here"), ("discarded", "discarded")])
def test_what_was_lost_is_here_again_when_it_is_returned(town: SmallLibrary, state: str, then: str) -> None:
    town.set_item(ATLAS_1, state=state)
    town.hold(ALMA)
    town.bring_back(ATLAS_1)
    item = items.find(town.connection, ATLAS_1)
    assert item is not None
    assert item.state is ItemState(then)


def test_the_age_limit_is_the_items(town: SmallLibrary) -> None:
    town.set_patron(ALMA, birth_date=date(2012, 11, 25))  # 14 until tomorrow
    town.set_item(ATLAS_1, minimum_age=14)
    assert town.lend(ALMA, ATLAS_1) is LoanRefusal.TOO_YOUNG
    town.forward(days=1)
    assert isinstance(town.lend(ALMA, ATLAS_1), Lent)


def test_a_box_with_three_discs_says_so(town: SmallLibrary) -> None:
    town.set_item(ATLAS_1, parts=3)
    lent = town.lend(ALMA, ATLAS_1)
    assert isinstance(lent, Lent)
    assert (lent.parts, town.bring_back(ATLAS_1).parts) == (3, 3)


# --- returns ------------------------------------------------------------------------------------


def test_a_return_without_a_loan_says_where_the_item_is(town: SmallLibrary) -> None:
    said = town.bring_back(NOVEL_1, VINDERUP)
    assert (said.place, said.sent_to, said.had) == ("Sendes til Ulfborg", ULFBORG, None)
    assert town.where(NOVEL_1) == (VINDERUP, ULFBORG)
    assert town.bring_back(NOVEL_1).place == "Romaner"
    assert town.where(NOVEL_1) == (ULFBORG, None)


def test_the_branchs_sorting_says_the_bin_and_the_place(town: SmallLibrary) -> None:
    row = {"branch_id": ULFBORG, "department": "Romaner", "bin": "102", "place": "Vogn 2"}
    town.connection.execute(insert(sorting).values(row))
    said = town.bring_back(NOVEL_1)
    assert (said.bin, said.place) == ("102", "Vogn 2")
    town.hold(ALMA)
    held = town.bring_back(NOVEL_1)
    assert (held.bin, held.place) == ("", "Reserveringshylden 1")


def test_it_says_whose_loan_it_was_and_a_late_one_costs(town: SmallLibrary) -> None:
    town.lend(ALMA, NOVEL_1)
    town.forward(days=30)
    assert town.bring_back(NOVEL_1).had == ALMA
    assert not town.connection.execute(select(fees)).all()
    town.lend(ALMA, NOVEL_1)
    town.forward(days=31)
    town.bring_back(NOVEL_1)
    assert [(row.patron_id, row.amount) for row in town.connection.execute(select(fees))] == [(ALMA, 20_00)]


def test_an_unknown_item_is_not_returned(town: SmallLibrary) -> None:
    assert isinstance(returning.checkin(town.connection, town.desk(), ItemId("nothing")), NotReturned)


def test_lending_ends_a_transit(town: SmallLibrary) -> None:
    town.bring_back(NOVEL_1, VINDERUP)
    town.lend(ALMA, NOVEL_1, VINDERUP)
    assert town.where(NOVEL_1) == (VINDERUP, None)


# --- undone -------------------------------------------------------------------------------------


def test_an_undone_loan_puts_the_hold_back_at_its_old_place(town: SmallLibrary) -> None:
    town.hold(ALMA, ATLAS, VINDERUP)
    town.hold(BO, ATLAS)
    before = town.line(ALMA)
    town.lend(ALMA, ATLAS_1)
    lending.undo(town.connection, ATLAS_1, town.now)
    after = town.line(ALMA)
    assert before is not None
    assert after is not None
    assert (after.place, after.placed_at, after.pickup_branch) == (1, before.placed_at, VINDERUP)
    assert town.lend(BO, ATLAS_1) is LoanRefusal.RESERVED


def test_a_hold_that_an_undone_loan_puts_back_is_wanted_as_long_as_before(town: SmallLibrary) -> None:
    until = town.now.date() + timedelta(days=9)
    town.hold(ALMA, ATLAS, until=until)
    town.lend(ALMA, ATLAS_1)
    lending.undo(town.connection, ATLAS_1, town.now)
    after = town.line(ALMA)
    assert after is not None
    assert after.wanted_until == until


def test_only_the_loan_of_that_moment_is_undone(town: SmallLibrary) -> None:
    town.lend(ALMA, ATLAS_1)
    lending.undo(town.connection, ATLAS_1, town.now - timedelta(seconds=1))
    assert town.on_loan() == {ATLAS_1: ALMA}


# --- made without asking, told late -------------------------------------------------------------


def test_what_was_carried_out_leaves_whoever_it_was_set_aside_for_waiting(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.bring_back(NOVEL_1)
    assert carry_out(town, BO, NOVEL_1) == CarriedOut(Lent(1, NOVEL_1, _novel(town), DUE), False)
    line = town.line(ALMA)
    assert line is not None
    assert (line.state, line.place, line.item, line.shelf) == (HoldState.RESERVED, 1, None, "")
    assert town.bring_back(NOVEL_2).held


def test_what_was_carried_out_fulfils_the_patrons_own_hold(town: SmallLibrary) -> None:
    town.hold(ALMA)
    carry_out(town, ALMA, NOVEL_1)
    assert town.queue() == []


def test_a_loan_told_late_does_not_take_away_a_newer_one(town: SmallLibrary) -> None:
    town.lend(ALMA, ATLAS_1)
    out = carry_out(town, BO, ATLAS_1, earlier_min=10)
    assert (isinstance(out.outcome, Lent), out.ended_another) == (True, False)
    assert town.on_loan() == {ATLAS_1: ALMA}
    assert history(town, ATLAS_1) == [(BO, False), (ALMA, True)]
    ended = select(loans.c.returned_at).where(loans.c.patron_id == BO)
    begun = select(loans.c.lent_at).where(loans.c.patron_id == ALMA)
    assert town.connection.execute(ended).scalar_one() == town.connection.execute(begun).scalar_one()


def test_a_loan_told_after_its_return_is_over(town: SmallLibrary) -> None:
    town.hold(CARLA, ATLAS)
    town.bring_back(ATLAS_1)
    carry_out(town, BO, ATLAS_1, earlier_min=10)
    assert town.on_loan() == {}
    line = town.line(CARLA)
    assert line is not None
    assert line.state is HoldState.READY


def test_a_loan_told_after_a_newer_one_is_over_too(town: SmallLibrary) -> None:
    town.lend(ALMA, ATLAS_1)
    town.bring_back(ATLAS_1)
    carry_out(town, BO, ATLAS_1, earlier_min=10)
    assert town.on_loan() == {}


def test_told_in_order_the_older_loan_gives_way(town: SmallLibrary) -> None:
    town.lend(ALMA, ATLAS_1)
    town.forward(hours=1)
    assert carry_out(town, BO, ATLAS_1, earlier_min=10).ended_another
    assert history(town, ATLAS_1) == [(ALMA, False), (BO, True)]


def test_a_return_told_late_does_not_end_a_newer_loan(town: SmallLibrary) -> None:
    town.lend(ALMA, ATLAS_1)
    said = bring_back_earlier(town, ATLAS_1, earlier_min=10, branch=VINDERUP)
    assert (said.had, said.held) == (None, False)
    assert town.on_loan() == {ATLAS_1: ALMA}
    assert town.where(ATLAS_1) == (ULFBORG, None)


def test_a_return_told_late_does_not_move_what_was_returned_since(town: SmallLibrary) -> None:
    town.hold(BO, ATLAS)
    town.bring_back(ATLAS_1)
    bring_back_earlier(town, ATLAS_1, earlier_min=10, branch=VINDERUP)
    line = town.line(BO)
    assert line is not None
    assert (line.state, town.where(ATLAS_1)) == (HoldState.READY, (ULFBORG, None))


def test_who_is_blocked_has_carried_nothing_out(town: SmallLibrary) -> None:
    town.block(BO)
    assert carry_out(town, BO, ATLAS_1).outcome == NotLent(ATLAS_1, LoanRefusal.BLOCKED, _atlas(town))


def _novel(town: SmallLibrary) -> Work:
    item = items.find(town.connection, NOVEL_1)
    assert item is not None
    assert item.work.record == NOVEL
    return item.work


def _atlas(town: SmallLibrary) -> Work:
    item = items.find(town.connection, ATLAS_1)
    assert item is not None
    assert item.work.record == ATLAS
    return item.work


# --- what it costs ------------------------------------------------------------------------------


def test_a_loan_is_few_statements(town: SmallLibrary) -> None:
    with overheard(town.connection) as said:
        assert isinstance(town.lend(ALMA, ATLAS_1), Lent)
    assert 0 < len(said) <= 7
    with overheard(town.connection) as said:
        assert town.bring_back(ATLAS_1).place == "Romaner"
    assert 0 < len(said) <= 7
