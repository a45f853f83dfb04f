"""Holds: who may place one, who is first, what is set aside and where it goes next."""

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.circulation import aside, holds, items, queue, returning
from sync.central.circulation.holds import HoldRefusal
from sync.central.circulation.items import Item, ItemState
from sync.central.circulation.outcomes import HoldState, Lent, RecordId, Returned
from sync.central.schema import material_groups, patron_groups, records, sorting
from tests.sync.central.small_library import (
    ALMA,
    ATLAS,
    ATLAS_1,
    BO,
    CARLA,
    DORTE,
    NOVEL,
    NOVEL_1,
    NOVEL_2,
    ULFBORG,
    VINDERUP,
    SmallLibrary,
    add_item,
)

NOBODY, NO_BRANCH, NO_TITLE = PatronId("900000099"), BranchId("DK-799999"), RecordId("99999999")


@pytest.fixture
def town(small: SmallLibrary) -> SmallLibrary:
    return small


def novel(town: SmallLibrary, item_id: ItemId = NOVEL_1) -> Item:
    item = items.find(town.connection, item_id)
    assert item is not None
    return item


def day(town: SmallLibrary, days: int) -> date:
    return local_date(town.now) + timedelta(days=days)


# --- placing ------------------------------------------------------------------------------------


def test_a_hold_waits_in_the_queue(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO, pickup=VINDERUP)
    line = town.line(BO)
    assert line is not None
    assert (line.state, line.place, line.pickup_branch, line.work.title) == (
        HoldState.RESERVED,
        2,
        VINDERUP,
        "Lykke-Per",
    )


def test_why_a_hold_is_not_placed(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.block(CARLA)
    town.lend(DORTE, ATLAS_1)
    assert town.ask_hold(NOBODY) is HoldRefusal.PATRON_NOT_FOUND
    assert town.ask_hold(CARLA) is HoldRefusal.BLOCKED
    assert town.ask_hold(ALMA, NO_TITLE) is HoldRefusal.RECORD_NOT_FOUND
    assert town.ask_hold(ALMA) is HoldRefusal.ALREADY_RESERVED
    assert town.ask_hold(DORTE, ATLAS) is HoldRefusal.ALREADY_LOANED
    assert town.ask_hold(BO, ATLAS, NO_BRANCH) is HoldRefusal.OTHER


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ({"for_loan": False}, HoldRefusal.NOT_RESERVABLE),
        ({"minimum_age": 99}, HoldRefusal.NOT_RESERVABLE),
        ({"state": "lost"}, HoldRefusal.NO_ITEMS),
        ({"state": "discarded"}, HoldRefusal.NO_ITEMS),
    ],
    ids=str,
)
def test_a_title_without_an_item_to_wait_for(
    town: SmallLibrary, columns: dict[str, object], refusal: HoldRefusal
) -> None:
    town.set_item(ATLAS_1, **columns)
    assert town.ask_hold(ALMA, ATLAS) is refusal
    town.set_item(NOVEL_1, **columns)  # the other one is left
    assert isinstance(town.ask_hold(ALMA, NOVEL), int)


def test_a_title_without_items_at_all(town: SmallLibrary) -> None:
    town.connection.execute(insert(records).values(record_id=NO_TITLE, title="Opdigt", author=""))
    assert town.ask_hold(ALMA, NO_TITLE) is HoldRefusal.NO_ITEMS


def test_what_may_not_be_reserved_is_neither_reserved_nor_set_aside(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.connection.execute(update(material_groups).values(holdable=False))
    assert town.ask_hold(BO) is HoldRefusal.NOT_RESERVABLE
    assert town.bring_back(NOVEL_1).held is False


def test_as_many_holds_as_the_group_may_have(town: SmallLibrary) -> None:
    town.connection.execute(update(patron_groups).values(max_holds=1))
    town.hold(ALMA, ATLAS)
    assert town.ask_hold(ALMA, NOVEL) is HoldRefusal.TOO_MANY


# --- who is first -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "away"),
    [
        (None, None, False),
        (0, 0, True),
        (-2, 0, True),
        (0, 5, True),
        (1, 5, False),
        (-5, -1, False),
        (None, 0, True),
        (None, -1, False),
        (0, None, True),
        (1, None, False),
    ],
)
def test_who_is_away_is_passed_by_and_keeps_the_place(
    town: SmallLibrary, first: int | None, last: int | None, away: bool
) -> None:
    town.hold(ALMA)
    town.hold(BO)
    days = {"absent_from": first, "absent_to": last}
    town.set_patron(ALMA, **{name: None if days is None else day(town, days) for name, days in days.items()})
    found = queue.next_for(town.connection, novel(town), town.now)
    assert found is not None
    assert found.patron == (BO if away else ALMA)
    assert town.queue() == [ALMA, BO]


def test_who_is_blocked_is_passed_by(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.block(ALMA)
    assert town.bring_back(NOVEL_1).held is False
    town.hold(BO)
    town.bring_back(NOVEL_1)
    line = town.line(BO)
    assert line is not None
    assert line.state is HoldState.READY


def test_the_interest_date_is_the_last_day(town: SmallLibrary) -> None:
    town.hold(ALMA, until=day(town, 1))
    town.hold(BO)
    for days, first, place in ((0, ALMA, 2), (1, ALMA, 2), (1, BO, 1)):
        town.forward(days=days)
        found = queue.next_for(town.connection, novel(town), town.now)
        line = town.line(BO)
        assert found is not None
        assert line is not None
        assert (found.patron, line.place) == (first, place)


def test_nothing_is_set_aside_for_who_is_too_young_for_it(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO)
    town.set_patron(ALMA, birth_date=day(town, 1).replace(year=local_date(town.now).year - 15))  # 15 tomorrow
    town.set_item(NOVEL_1, minimum_age=15)
    found = queue.next_for(town.connection, novel(town), town.now)
    assert found is not None
    assert found.patron == BO
    later = queue.next_for(town.connection, novel(town), town.forward(days=1))
    assert later is not None
    assert later.patron == ALMA


def test_someone_waits_means_another_who_could_have_it_and_has_nothing_set_aside(town: SmallLibrary) -> None:
    def waits() -> bool:
        return holds.someone_waits(town.connection, novel(town), ALMA, town.now)

    town.set_item(NOVEL_2, for_loan=False)
    town.hold(ALMA)
    assert not waits()
    town.hold(BO)
    assert waits()
    town.block(BO)
    assert not waits()
    town.hold(CARLA)
    assert waits()
    town.set_item(NOVEL_2, for_loan=True)
    town.bring_back(NOVEL_1)  # for Alma
    town.bring_back(NOVEL_2)  # for Carla
    assert not waits()


# --- set aside ----------------------------------------------------------------------------------


def test_at_the_pickup_branch_it_stands_ready_under_the_smallest_free_number(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO)
    town.hold(CARLA, ATLAS)
    assert town.bring_back(NOVEL_1).place == "Reserveringshylden 1"
    assert town.bring_back(NOVEL_2).place == "Reserveringshylden 2"
    assert isinstance(town.lend(ALMA, NOVEL_1), Lent)
    assert town.bring_back(ATLAS_1).place == "Reserveringshylden 1"
    line = town.line(CARLA)
    assert line is not None
    assert (line.state, line.place, line.item, line.shelf) == (HoldState.READY, 0, ATLAS_1, "1")
    assert line.pickup_by == day(town, 7)


def test_each_branch_has_numbers_of_its_own(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    assert town.bring_back(NOVEL_2, VINDERUP).place == "Reserveringshylden 1"


def test_elsewhere_it_is_sent_there_and_is_ready_when_it_is_returned_there(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    said = town.bring_back(NOVEL_1)
    assert (said.place, said.held, said.sent_to) == ("Sendes til Vinderup", True, VINDERUP)
    line = town.line(ALMA)
    assert line is not None
    assert (line.state, line.pickup_by) == (HoldState.IN_TRANSIT, None)
    assert town.where(NOVEL_1) == (ULFBORG, VINDERUP)
    assert town.bring_back(NOVEL_1, VINDERUP).place == "Reserveringshylden 1"
    assert town.where(NOVEL_1) == (VINDERUP, None)


def test_what_stands_ready_and_is_returned_again_stays_as_it_is(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.bring_back(NOVEL_1)
    before = town.line(ALMA)
    town.forward(days=3)
    assert town.bring_back(NOVEL_1).place == "Reserveringshylden 1"
    assert town.line(ALMA) == before


def test_a_machine_that_fills_no_holds_ties_nothing_but_what_is_tied_arrives(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    said = returning.checkin(town.connection, town.desk(fills_holds=False), NOVEL_2)
    assert isinstance(said, Returned)
    assert (said.held, said.sent_to, town.where(NOVEL_2)) == (False, VINDERUP, (ULFBORG, VINDERUP))  # its home
    town.bring_back(NOVEL_1)
    town.forward()
    arrived = returning.checkin(town.connection, town.desk(VINDERUP, fills_holds=False), NOVEL_1)
    assert isinstance(arrived, Returned)
    assert arrived.place == "Reserveringshylden 1"


# --- given up, moved, let stand -----------------------------------------------------------------


def test_a_cancelled_hold_gives_its_item_to_the_next_at_the_same_place(town: SmallLibrary) -> None:
    hold = town.hold(ALMA)
    town.hold(BO)
    town.bring_back(NOVEL_1)
    town.forward(days=2)
    assert holds.cancel(town.connection, ALMA, hold, town.now)
    line = town.line(BO)
    assert line is not None
    assert (line.item, line.shelf, line.pickup_by) == (NOVEL_1, "1", day(town, 7))
    assert town.line(ALMA) is None


def test_with_nobody_next_it_goes_home(town: SmallLibrary) -> None:
    hold = town.hold(ALMA)
    town.bring_back(NOVEL_2)
    holds.cancel(town.connection, ALMA, hold, town.now)
    assert town.where(NOVEL_2) == (ULFBORG, VINDERUP)


def test_nobody_cancels_or_moves_anothers_hold(town: SmallLibrary) -> None:
    hold = town.hold(ALMA)
    assert not holds.cancel(town.connection, BO, hold, town.now)
    assert not holds.move(town.connection, BO, hold, VINDERUP, town.now)
    assert town.queue() == [ALMA]


def test_a_hold_is_moved_until_it_stands_ready(town: SmallLibrary) -> None:
    hold = town.hold(ALMA)
    assert not holds.move(town.connection, ALMA, hold, NO_BRANCH, town.now)
    assert holds.move(town.connection, ALMA, hold, VINDERUP, town.now)
    town.bring_back(NOVEL_1)
    assert holds.move(town.connection, ALMA, hold, ULFBORG, town.now)
    assert town.where(NOVEL_1) == (ULFBORG, ULFBORG)  # in a box somewhere: it has to be returned once more
    assert town.bring_back(NOVEL_1).place == "Reserveringshylden 1"
    assert not holds.move(town.connection, ALMA, hold, VINDERUP, town.now)


def test_what_is_not_fetched_by_the_last_day_passes_on(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    town.forward(days=7)
    assert holds.expire(town.connection, town.now) == 0
    town.forward(days=1)
    assert holds.expire(town.connection, town.now) == 1
    line = town.line(BO)
    assert town.line(ALMA) is None
    assert line is not None
    assert (line.state, line.item) == (HoldState.IN_TRANSIT, NOVEL_1)
    assert holds.expire(town.connection, town.now) == 0


def test_who_no_longer_wants_it_goes_but_not_once_it_is_set_aside(town: SmallLibrary) -> None:
    town.hold(ALMA, until=day(town, 1))
    town.hold(BO, until=day(town, 1))
    town.bring_back(NOVEL_1)
    town.forward(days=2)
    assert holds.expire(town.connection, town.now) == 1
    assert town.queue() == [ALMA]


def test_all_that_is_over_goes_before_an_item_passes_on(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO, until=day(town, 1))
    town.hold(CARLA)
    town.bring_back(NOVEL_1)
    town.forward(days=8)
    assert holds.expire(town.connection, town.now) == 2
    assert town.queue() == [CARLA]
    line = town.line(CARLA)
    assert line is not None
    assert line.state is HoldState.READY


# --- lending and the queue ----------------------------------------------------------------------


def test_what_is_set_aside_is_lent_to_nobody_else(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.bring_back(NOVEL_1)
    assert town.lend(BO, NOVEL_1) is LoanRefusal.RESERVED
    assert isinstance(town.lend(BO, NOVEL_2), Lent)
    assert isinstance(town.lend(ALMA, NOVEL_1), Lent)
    assert town.queue() == []


def test_the_last_free_copies_are_kept_for_those_who_wait(town: SmallLibrary) -> None:
    town.hold(ALMA)
    assert isinstance(town.lend(BO, NOVEL_1), Lent)  # the other serves Alma
    assert town.lend(CARLA, NOVEL_2) is LoanRefusal.RESERVED
    assert isinstance(town.lend(ALMA, NOVEL_2), Lent)


@pytest.mark.parametrize("columns", [{"for_loan": False}, {"state": "missing"}], ids=str)
def test_a_copy_that_nobody_can_have_serves_nobody(town: SmallLibrary, columns: dict[str, object]) -> None:
    town.hold(ALMA)
    town.set_item(NOVEL_2, **columns)
    assert town.lend(BO, NOVEL_1) is LoanRefusal.RESERVED


def test_only_those_ahead_in_the_queue_come_first(town: SmallLibrary) -> None:
    for patron in (ALMA, BO, CARLA):
        town.hold(patron)
    assert town.lend(CARLA, NOVEL_1) is LoanRefusal.RESERVED
    assert town.lend(DORTE, NOVEL_1) is LoanRefusal.RESERVED
    assert isinstance(town.lend(BO, NOVEL_1), Lent)  # the other serves Alma
    assert isinstance(town.lend(ALMA, NOVEL_2), Lent)


def test_who_takes_another_copy_than_the_one_set_aside_leaves_that_to_the_next(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.bring_back(NOVEL_1)
    town.hold(BO)
    assert isinstance(town.lend(ALMA, NOVEL_2, VINDERUP), Lent)
    line = town.line(BO)
    assert line is not None
    assert (line.item, line.shelf) == (NOVEL_1, "1")


def test_the_copy_set_aside_for_the_patron_serves_who_is_ahead(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.set_patron(ALMA, absent_from=day(town, 0))
    town.hold(BO)
    town.bring_back(NOVEL_1)  # Alma is away: for Bo
    town.set_patron(ALMA, absent_from=None)
    assert isinstance(town.lend(BO, NOVEL_2), Lent)
    line = town.line(ALMA)
    assert line is not None
    assert line.item == NOVEL_1


def test_an_absent_patrons_place_holds_nothing_back(town: SmallLibrary) -> None:
    town.hold(ALMA, ATLAS)
    town.set_patron(ALMA, absent_from=day(town, 0))
    assert isinstance(town.lend(BO, ATLAS_1), Lent)


def test_an_unknown_item_is_not_lent(town: SmallLibrary) -> None:
    assert town.lend(ALMA, ItemId("nothing")) is LoanRefusal.NOT_FOUND


# --- on the way ---------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["absent", "blocked", "unwanted"])
def test_what_arrives_for_who_can_no_longer_have_it_goes_to_the_next(town: SmallLibrary, why: str) -> None:
    town.hold(ALMA, pickup=VINDERUP, until=day(town, 1))
    town.bring_back(NOVEL_1)
    town.hold(BO, pickup=VINDERUP)
    if why == "absent":
        town.set_patron(ALMA, absent_from=day(town, 0))
    elif why == "blocked":
        town.block(ALMA)
    else:
        town.forward(days=2)
    assert town.bring_back(NOVEL_1, VINDERUP).place == "Reserveringshylden 1"
    alma, bo = town.line(ALMA), town.line(BO)
    assert alma is not None
    assert bo is not None
    assert (alma.state, alma.item, bo.state, bo.item) == (HoldState.RESERVED, None, HoldState.READY, NOVEL_1)
    assert town.queue() == [ALMA, BO]


def test_who_has_it_on_the_shelf_keeps_it_there_while_away(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO)
    town.bring_back(NOVEL_1)
    before = town.line(ALMA)
    town.set_patron(ALMA, absent_from=day(town, 0))
    assert town.bring_back(NOVEL_1).place == "Reserveringshylden 1"
    assert town.line(ALMA) == before


def test_what_does_not_arrive_in_time_is_missing_and_its_hold_waits_at_its_old_place(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    town.hold(BO, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    town.forward(days=14)
    assert aside.search(town.connection, town.now) == 0
    town.forward(days=1)
    assert aside.search(town.connection, town.now) == 1
    assert aside.search(town.connection, town.now) == 0
    line = town.line(ALMA)
    assert line is not None
    assert (line.state, line.place, line.item) == (HoldState.RESERVED, 1, None)
    assert (novel(town).state, novel(town).transit_to) == (ItemState.MISSING, VINDERUP)
    assert town.bring_back(NOVEL_2, VINDERUP).held
    assert town.bring_back(NOVEL_1, VINDERUP).held  # it has turned up, for Bo
    assert novel(town).state is ItemState.HERE


def test_what_was_seen_on_its_way_is_believed_anew(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    town.forward(days=10)
    town.bring_back(NOVEL_1)
    town.forward(days=10)
    assert aside.search(town.connection, town.now) == 0


def test_what_has_arrived_or_was_let_go_is_searched_for_no_more(town: SmallLibrary) -> None:
    hold = town.hold(ALMA, pickup=VINDERUP)
    town.hold(BO, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    town.bring_back(NOVEL_1, VINDERUP)
    town.bring_back(NOVEL_2)
    assert holds.cancel(town.connection, ALMA, hold, town.now)
    assert isinstance(town.lend(BO, NOVEL_2), Lent)
    town.forward(days=30)
    assert aside.search(town.connection, town.now) == 0


def test_a_copy_returned_where_another_is_awaited_takes_its_place(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    town.hold(BO)
    town.bring_back(NOVEL_1)  # on its way to Alma
    assert town.bring_back(NOVEL_2, VINDERUP).place == "Reserveringshylden 1"
    alma, bo = town.line(ALMA), town.line(BO)
    assert alma is not None
    assert bo is not None
    assert (alma.state, alma.item) == (HoldState.READY, NOVEL_2)
    assert (bo.state, bo.item, town.where(NOVEL_1)) == (HoldState.IN_TRANSIT, NOVEL_1, (ULFBORG, ULFBORG))


def test_what_nobody_needs_any_more_on_its_way_goes_home(town: SmallLibrary) -> None:
    town.hold(ALMA, pickup=VINDERUP)
    town.bring_back(NOVEL_1)
    town.bring_back(NOVEL_2, VINDERUP)
    assert town.where(NOVEL_1) == (ULFBORG, ULFBORG)
    assert town.bring_back(NOVEL_1).place == "Romaner"


# --- ages, dates --------------------------------------------------------------------------------


def test_a_copy_for_adults_serves_no_child_who_waits(town: SmallLibrary) -> None:
    town.set_patron(ALMA, birth_date=day(town, 0).replace(year=2016))
    town.hold(ALMA)
    town.set_item(NOVEL_2, minimum_age=18)
    assert town.lend(BO, NOVEL_1) is LoanRefusal.RESERVED
    assert isinstance(town.lend(BO, NOVEL_2), Lent)


def test_a_copy_that_fills_no_hold_is_kept_for_none(town: SmallLibrary) -> None:
    town.hold(ALMA, ATLAS)
    assert town.lend(BO, ATLAS_1) is LoanRefusal.RESERVED
    town.connection.execute(update(material_groups).values(holdable=False))
    assert isinstance(town.lend(BO, ATLAS_1), Lent)


def test_copies_are_dealt_to_the_young_first(town: SmallLibrary) -> None:
    town.set_patron(ALMA, birth_date=day(town, 0).replace(year=2016))
    add_item(town.connection, ItemId("5020000009"), NOVEL, ULFBORG)
    town.set_item(NOVEL_2, minimum_age=18)
    town.hold(BO)
    town.hold(ALMA)
    assert isinstance(town.lend(CARLA, NOVEL_1), Lent)  # the third serves Alma, the second Bo
    assert town.lend(DORTE, NOVEL_2) is LoanRefusal.RESERVED


def test_who_wants_it_until_yesterday_is_not_put_in_the_queue(town: SmallLibrary) -> None:
    assert town.ask_hold(ALMA, until=day(town, -1)) is HoldRefusal.OTHER
    assert isinstance(town.ask_hold(ALMA, until=day(town, 0)), int)


@pytest.mark.parametrize(
    ("today", "years", "born", "old_enough"),
    [
        (date(2028, 2, 29), 16, date(2012, 2, 29), True),
        (date(2028, 2, 29), 16, date(2012, 3, 1), False),
        (date(2028, 2, 29), 15, date(2013, 2, 28), True),
        (date(2028, 2, 29), 15, date(2013, 3, 1), False),
        (date(2027, 2, 28), 15, date(2012, 2, 29), False),
        (date(2027, 3, 1), 15, date(2012, 2, 29), True),
    ],
)
def test_a_leap_days_child_is_as_old_in_the_queue_as_by_the_calendar(
    town: SmallLibrary, today: date, years: int, born: date, old_enough: bool
) -> None:
    town.hold(ALMA)
    town.set_patron(ALMA, birth_date=born)
    town.set_item(NOVEL_1, minimum_age=years)
    town.now = datetime.combine(today, town.now.timetz())
    assert (whole_years(born, today) >= years) is old_enough
    assert (queue.next_for(town.connection, novel(town), town.now) is not None) is old_enough


# --- the sorting machine ------------------------------------------------------------------------


def test_the_hold_shelf_and_each_branch_may_have_a_bin(town: SmallLibrary) -> None:
    town.hold(ALMA)
    town.hold(BO, pickup=VINDERUP)
    for department, bin_ in (("*", "201"), (VINDERUP, "202")):
        row = {"branch_id": ULFBORG, "department": department, "bin": bin_, "place": ""}
        town.connection.execute(insert(sorting).values(row))
    ready, sent, home = town.bring_back(NOVEL_1), town.bring_back(NOVEL_2), town.bring_back(ATLAS_1)
    assert (ready.bin, ready.place) == ("201", "Reserveringshylden 1")
    assert (sent.bin, sent.place) == ("202", "Sendes til Vinderup")
    assert (home.bin, home.place) == ("", "Romaner")
