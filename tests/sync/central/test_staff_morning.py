"""The three lists of a branch's holds: which copy for whom, and what a librarian reads."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from kiosk.model import BranchId, ItemId
from sync.central import seed
from sync.central.schema import holds, items, loans
from sync.central.staff import morning
from sync.central.staff.morning import Copy, Fetched, Waiting
from sync.central.staff.said import WIDTH
from sync.central.start import Home
from tests.sync.central.library import MORNING
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
from tests.sync.central.test_central_staff import Desk


@pytest.fixture
def desk(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(home, capsys, monkeypatch)


def fetched(small: SmallLibrary) -> list[tuple[ItemId, BranchId]]:
    """(item, where it is picked up)."""
    return [(found.copy.item, found.hold.pickup) for found in morning.to_fetch(small.connection, small.now)]


# --- to fetch -----------------------------------------------------------------------------------


def test_one_copy_is_fetched_for_each_hold_and_who_waited_longest_is_first(small: SmallLibrary) -> None:
    assert fetched(small) == []
    small.hold(BO, ATLAS)
    small.hold(ALMA, NOVEL)
    assert fetched(small) == [(ATLAS_1, ULFBORG), (NOVEL_1, ULFBORG)]
    small.hold(CARLA, NOVEL)
    small.hold(BO, NOVEL)
    assert fetched(small) == [(ATLAS_1, ULFBORG), (NOVEL_1, ULFBORG), (NOVEL_2, ULFBORG)]


def test_a_copy_of_the_branch_where_it_is_picked_up_goes_before_another(small: SmallLibrary) -> None:
    small.hold(ALMA, NOVEL, VINDERUP)
    assert fetched(small) == [(NOVEL_2, VINDERUP)]
    small.set_item(NOVEL_2, state="missing")
    assert fetched(small) == [(NOVEL_1, VINDERUP)]


@pytest.mark.parametrize(
    "columns", [{"state": "missing"}, {"for_loan": False}, {"transit_to": VINDERUP}, {"minimum_age": 99}]
)
def test_a_copy_that_cannot_fill_the_hold_stays_on_its_shelf(small: SmallLibrary, columns: dict[str, object]) -> None:
    small.hold(ALMA, ATLAS)
    small.set_item(ATLAS_1, **columns)
    assert fetched(small) == []


def test_a_copy_that_is_lent_or_set_aside_is_not_fetched(small: SmallLibrary) -> None:
    small.lend(BO, ATLAS_1)
    small.hold(ALMA, ATLAS)
    assert fetched(small) == []
    assert small.bring_back(ATLAS_1).held
    small.hold(CARLA, ATLAS)
    assert fetched(small) == []


def test_who_cannot_have_an_item_now_is_passed_by(small: SmallLibrary) -> None:
    small.hold(ALMA, ATLAS, VINDERUP)
    small.hold(BO, ATLAS, ULFBORG)
    small.block(ALMA)
    assert fetched(small) == [(ATLAS_1, ULFBORG)]


def test_what_is_fetched_is_set_aside_once_it_is_returned(small: SmallLibrary) -> None:
    small.hold(ALMA, ATLAS)
    assert small.bring_back(ATLAS_1).held
    assert fetched(small) == []


BRANCHES = st.sampled_from((ULFBORG, VINDERUP))
COPIES = st.lists(st.tuples(BRANCHES, st.integers(0, 20)), max_size=6)
HOLDS = st.lists(st.tuples(BRANCHES, st.integers(0, 30)), max_size=6)


@given(COPIES, HOLDS)
def test_no_copy_and_no_hold_is_told_twice_and_no_hold_that_could_be_filled_is_forgotten(
    made: list[tuple[BranchId, int]], asked: list[tuple[BranchId, int]]
) -> None:
    free = [Copy(ItemId(str(number)), "", "", branch, age) for number, (branch, age) in enumerate(made)]
    waiting = [Waiting(pickup, MORNING + timedelta(days=n), age) for n, (pickup, age) in enumerate(asked)]
    found = list(morning.assigned(waiting, free))
    assert len({one.copy.item for one in found}) == len({one.hold.placed_at for one in found}) == len(found)
    assert all(one.copy.minimum_age <= one.hold.age for one in found)
    left = [copy for copy in free if copy not in [one.copy for one in found]]
    for hold in waiting:
        if hold not in [one.hold for one in found]:
            assert not [copy for copy in left if copy.minimum_age <= hold.age]


def test_of_two_that_fit_the_nearer_is_taken() -> None:
    near, far = (Copy(ItemId(branch), "", "", branch, 0) for branch in (VINDERUP, ULFBORG))
    hold = Waiting(VINDERUP, MORNING, 40)
    assert list(morning.assigned([hold], [far, near])) == [Fetched(near, hold)]


# --- as it is read ------------------------------------------------------------------------------


def test_a_branch_reads_its_own_shelf_and_nobodys_name(desk: Desk) -> None:
    said = desk.says("staff", "holds", "--branch", seed.ULFBORG)
    assert said == (
        "Ulfborg, 24.11.2026\n\n"
        "To fetch from the shelf (2)\n"
        "  Romaner         5010000002    Babettes gæstebud\n"
        "  Romaner         5010000007    Himmerlandshistorier          to Vinderup\n\n"
        "To take off the hold shelf (0)\n\n"
        "In transit for more than 7 days, or missing on the way (0)\n"
    )
    assert "To fetch from the shelf (0)" in desk.says("staff", "holds", "--branch", seed.VINDERUP)


def test_what_was_not_fetched_in_time_is_told_by_the_number_it_stands_under(desk: Desk) -> None:
    today, ready = desk.clock.wall.date(), update(holds).where(holds.c.record_id == seed.RESERVED.record)
    desk.change(ready.values(item_id=seed.RESERVED.item, shelf_number="12", pickup_by=today))
    assert "To take off the hold shelf (0)" in desk.says("staff", "holds", "--branch", seed.ULFBORG)
    desk.change(ready.values(pickup_by=today - timedelta(days=1)))
    said = desk.says("staff", "holds", "--branch", seed.ULFBORG)
    assert "hold shelf (1)\n  no. 12          5010000002    Babettes gæstebud             until 23.11.2026\n" in said
    assert "hold shelf (0)" in desk.says("staff", "holds", "--branch", seed.VINDERUP)


def sent(desk: Desk, item: ItemId, seen_at: datetime | None) -> None:
    desk.change(update(items).where(items.c.item_id == item).values(transit_to=seed.VINDERUP, seen_at=seen_at))


def test_what_is_long_on_its_way_is_told_at_both_ends(desk: Desk) -> None:
    now = desk.clock.wall
    sent(desk, seed.BOOK.item, now - timedelta(days=7))
    assert "7 days, or missing on the way (0)" in desk.says("staff", "holds", "--branch", seed.ULFBORG)
    sent(desk, seed.BOOK.item, now - timedelta(days=8))
    assert "  16.11.2026      5010000001    Lykke-Per                     to Vinderup\n" in desk.says(
        "staff", "holds", "--branch", seed.ULFBORG
    )
    assert "Lykke-Per                     from Ulfborg\n" in desk.says("staff", "holds", "--branch", seed.VINDERUP)
    assert "8 days, or missing on the way (0)" in desk.says("staff", "holds", "--branch", seed.ULFBORG, "--days", "8")


def test_what_was_given_up_as_missing_on_its_way_is_told_as_well(desk: Desk) -> None:
    sent(desk, seed.BOOK.item, desk.clock.wall)
    desk.change(update(items).where(items.c.item_id == seed.BOOK.item).values(state="missing"))
    assert "on the way (1)\n  24.11.2026      5010000001" in desk.says("staff", "holds", "--branch", seed.ULFBORG)
    desk.change(update(items).where(items.c.item_id == seed.BOOK.item).values(state="discarded"))
    assert "on the way (0)" in desk.says("staff", "holds", "--branch", seed.ULFBORG)


def test_what_nobody_knows_since_when_it_is_on_its_way_is_told(desk: Desk) -> None:
    sent(desk, seed.BOOK.item, None)
    assert "  -               5010000001    Lykke-Per" in desk.says("staff", "holds", "--branch", seed.ULFBORG)


def test_a_hold_that_waits_for_an_item_on_its_way_says_when_it_was_sent(desk: Desk) -> None:
    sent(desk, seed.RESERVED_ELSEWHERE.item, desk.clock.wall - timedelta(days=40))
    today = desk.clock.wall.date()
    tied = {"item_id": seed.RESERVED_ELSEWHERE.item, "sent_on": today}
    desk.change(update(holds).where(holds.c.record_id == seed.RESERVED_ELSEWHERE.record).values(tied))
    assert "7 days, or missing on the way (0)" in desk.says("staff", "holds", "--branch", seed.ULFBORG)


def test_the_lists_fit_a_terminal_whatever_a_title_is(desk: Desk) -> None:
    long = {
        "department": "En afdeling med et meget langt navn",
        "item_id": "5010000098",
        "record_id": seed.RESERVED.record,
    }
    shelf = {"material_group": "standard", "home_branch": seed.ULFBORG, "at_branch": seed.ULFBORG}
    desk.change(insert(items).values(**long, **shelf))
    desk.change(update(items).where(items.c.item_id == seed.RESERVED.item).values(state="lost"))
    said = desk.says("staff", "holds", "--branch", seed.ULFBORG)
    assert "  En afdeling m…  5010000098    Babettes gæstebud\n" in said
    assert max(map(len, said.splitlines())) <= WIDTH


def test_an_unknown_branch_or_number_of_days_is_told(desk: Desk) -> None:
    assert desk.complains("staff", "holds", "--branch", "DK-1") == "kiosk central: no such branch in this store\n"
    ended, _, complaint = desk.run("staff", "holds", "--branch", seed.ULFBORG, "--days=-1")
    assert (ended, "a whole number from 0 to 999" in complaint) == (2, True)


def test_loans_are_as_they_were_after_the_lists_were_read(desk: Desk) -> None:
    before = desk.rows(loans), desk.rows(holds), desk.rows(items)
    desk.says("staff", "holds", "--branch", seed.ULFBORG)
    assert (desk.rows(loans), desk.rows(holds), desk.rows(items)) == before
