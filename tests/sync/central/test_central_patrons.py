"""PINs, lock-out, blocks and age, as a machine meets them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, Executable, update

from sync.central import seed, start
from sync.central.calendar import whole_years
from sync.central.patrons import tries
from sync.central.schema import cards, patrons
from sync.central.seed import Person
from tests.sync.central.library import MORNING, Library, Machine

WRONG = "0007"


def status(machine: Machine, person: Person, pin: str | None = None) -> str:
    said = machine.authenticate(person.number, person.pin.reveal() if pin is None else pin).said
    return str(said["authenticateStatus"])


def write(library: Library, statement: Executable) -> None:
    with closing(start.open_database(library.home)) as database:
        database.write(lambda connection: connection.execute(statement)).result()


# --- PIN ----------------------------------------------------------------------------------------


def test_a_right_pin_says_who_it_is(machine: Machine) -> None:
    said = machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said
    assert said.pop("sessionKey", "") != seed.ADULT.patron
    assert said == {
        "authenticateStatus": "VALID",
        "patronId": seed.ADULT.patron,
        "firstName": "Alma",
        "blockStatus": [],
    }


def test_a_wrong_pin_and_an_unknown_card_are_answered_alike(machine: Machine) -> None:
    wrong, unknown = machine.authenticate(seed.ADULT.number, WRONG), machine.authenticate("6100000000", WRONG)
    assert wrong.said == unknown.said
    assert wrong.said["authenticateStatus"] == "INVALID"
    assert not any(value for name, value in wrong.said.items() if name != "authenticateStatus")


@pytest.mark.parametrize("person", seed.PATRONS, ids=lambda person: person.first_name)
def test_every_seed_patron_has_the_pin_of_the_rule(machine: Machine, person: Person) -> None:
    assert status(machine, person) == "VALID"
    assert 61 <= int(person.number[:2]) <= 91


def test_a_blocked_patron_is_valid_and_the_block_is_named(machine: Machine, library: Library) -> None:
    said = machine.authenticate(seed.EXCLUDED.number, seed.EXCLUDED.pin.reveal()).said
    since = (library.clock.wall.date() - timedelta(days=9)).isoformat()
    assert said["blockStatus"] == [{"blockedReason": "U", "blockedSince": since}]


# --- lock-out -----------------------------------------------------------------------------------


def test_five_wrong_pins_lock_even_the_right_one_out(machine: Machine) -> None:
    assert [status(machine, seed.ADULT, WRONG) for _ in range(5)] == ["INVALID"] * 5
    assert status(machine, seed.ADULT) == "LOANER_LOCKED_OUT"
    assert status(machine, seed.CHILD) == "VALID"


def test_a_lock_out_holds_at_the_door_too(machine: Machine) -> None:
    for _ in range(5):
        machine.admission(seed.ADULT.number, WRONG)
    assert machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal()).said == {
        "authenticateStatus": "LOANER_LOCKED_OUT",
        "patronId": "",
        "blockStatus": [],
        "age": 0,
        "permitted": False,
        "resident": False,
        "patronGroup": "",
    }


def test_a_lock_out_ends_after_fifteen_minutes_and_not_before(machine: Machine, library: Library) -> None:
    for _ in range(5):
        status(machine, seed.ADULT, WRONG)
    library.clock.forward(minutes=14, seconds=59)
    assert status(machine, seed.ADULT) == "LOANER_LOCKED_OUT"
    library.clock.forward(seconds=1)
    assert [status(machine, seed.ADULT, WRONG) for _ in range(4)] == ["INVALID"] * 4
    assert status(machine, seed.ADULT) == "VALID"


def test_a_lock_out_outlives_a_restart(library: Library, machine: Machine) -> None:
    for _ in range(3):
        status(machine, seed.ADULT, WRONG)
    library.restart()
    again = library.dial(machine.bundle)
    assert [status(again, seed.ADULT, WRONG) for _ in range(2)] == ["INVALID"] * 2
    library.restart()
    assert status(library.dial(machine.bundle), seed.ADULT) == "LOANER_LOCKED_OUT"


def test_a_right_pin_clears_the_wrong_ones(machine: Machine) -> None:
    for _ in range(3):
        assert [status(machine, seed.ADULT, WRONG) for _ in range(4)] == ["INVALID"] * 4
        assert status(machine, seed.ADULT) == "VALID"


def test_wrong_pins_count_for_fifteen_minutes(machine: Machine, library: Library) -> None:
    for _ in range(4):
        status(machine, seed.ADULT, WRONG)
    library.clock.forward(minutes=15)
    assert [status(machine, seed.ADULT, WRONG) for _ in range(4)] == ["INVALID"] * 4
    assert status(machine, seed.ADULT) == "VALID"


def test_four_wrong_pins_each_quarter_of_an_hour_lock_out_at_the_tenth_and_no_restart_forgets_them(
    machine: Machine, library: Library
) -> None:
    for _ in range(2):
        assert [status(machine, seed.ADULT, WRONG) for _ in range(4)] == ["INVALID"] * 4
        library.clock.forward(minutes=15)
    library.restart()
    again = library.dial(machine.bundle)
    assert [status(again, seed.ADULT, WRONG) for _ in range(2)] == ["INVALID"] * 2
    assert status(again, seed.ADULT) == "LOANER_LOCKED_OUT"
    lasts(again, library, timedelta(minutes=15))
    assert status(again, seed.ADULT) == "VALID"


def test_ten_wrong_pins_lock_out_within_a_day_and_not_beyond_it(machine: Machine, library: Library) -> None:
    for _ in range(6):
        assert [status(machine, seed.ADULT, WRONG) for _ in range(3)] == ["INVALID"] * 3
        library.clock.forward(hours=8)
    assert status(machine, seed.ADULT) == "VALID"


def guessed(connection: Connection, start: datetime, days: int) -> int:
    """How many PINs somebody can try who knows every rule and never sleeps."""
    now, end, guesses = start, start + timedelta(days=days), 0
    while now < end:
        for _ in range(4):
            guesses += tries.count_try(connection, "a card", now)
        now += timedelta(minutes=15)
    return guesses


def test_who_tries_pins_day_and_night_tries_130_in_a_week_and_70_in_the_next(connection: Connection) -> None:
    assert guessed(connection, MORNING, 7) == 130
    assert guessed(connection, MORNING + timedelta(days=7), 7) <= 70


def lock_out(machine: Machine, person: Person = seed.ADULT) -> None:
    assert [status(machine, person, WRONG) for _ in range(5)] == ["INVALID"] * 5


def lasts(machine: Machine, library: Library, length: timedelta) -> None:
    """The lock-out that has just begun ends after `length` and not a second before; the clock stands at its end."""
    library.clock.wall += length - timedelta(seconds=1)
    assert status(machine, seed.ADULT) == "LOANER_LOCKED_OUT"
    library.clock.wall += timedelta(seconds=1)


def test_each_lock_out_is_twice_as_long_as_the_one_before_up_to_a_day(machine: Machine, library: Library) -> None:
    for minutes in (15, 30, 60, 120, 240, 480, 960, 1440, 1440):
        lock_out(machine)
        lasts(machine, library, timedelta(minutes=minutes))
    assert status(machine, seed.ADULT) == "VALID"


def test_a_right_pin_after_a_lock_out_begins_from_the_shortest_again(machine: Machine, library: Library) -> None:
    lock_out(machine)
    lasts(machine, library, timedelta(minutes=15))
    assert status(machine, seed.ADULT) == "VALID"
    lock_out(machine)
    lasts(machine, library, timedelta(minutes=15))
    assert status(machine, seed.ADULT) == "VALID"


@pytest.mark.parametrize(("quiet", "next_lasts"), [(timedelta(days=7, minutes=-1), 30), (timedelta(days=7), 15)])
def test_a_week_without_one_and_the_next_lock_out_is_a_first_one(
    machine: Machine, library: Library, quiet: timedelta, next_lasts: int
) -> None:
    lock_out(machine)
    library.clock.wall += timedelta(minutes=15) + quiet
    lock_out(machine)
    lasts(machine, library, timedelta(minutes=next_lasts))
    assert status(machine, seed.ADULT) == "VALID"


def test_asking_while_locked_out_makes_it_neither_shorter_nor_longer(machine: Machine, library: Library) -> None:
    lock_out(machine)
    for _ in range(14):
        library.clock.forward(minutes=1)
        assert status(machine, seed.ADULT, WRONG) == "LOANER_LOCKED_OUT"
    lasts(machine, library, timedelta(minutes=1))
    assert [status(machine, seed.ADULT, WRONG) for _ in range(4)] == ["INVALID"] * 4
    assert status(machine, seed.ADULT) == "VALID"


def test_a_lock_out_grows_across_a_restart_and_the_stores_forgetting(library: Library, machine: Machine) -> None:
    lock_out(machine)
    lasts(machine, library, timedelta(minutes=15))
    library.restart()
    again = library.dial(machine.bundle)
    lock_out(again)
    library.restart()
    lasts(library.dial(machine.bundle), library, timedelta(minutes=30))


def test_a_lost_card_is_answered_like_one_that_nobody_has(library: Library, machine: Machine) -> None:
    write(library, update(cards).where(cards.c.patron_id == seed.ADULT.patron).values(lost=True))
    lost = machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal())
    assert lost.said == machine.authenticate("6100000000", WRONG).said
    assert machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal()).said["authenticateStatus"] == "INVALID"


def test_a_lost_card_locks_out_itself_and_not_its_patrons_other_card(library: Library, machine: Machine) -> None:
    write(library, update(cards).where(cards.c.patron_id == seed.CHILD.patron).values(patron_id=seed.ADULT.patron))
    write(library, update(cards).where(cards.c.digest == digest_of(library, seed.ADULT)).values(lost=True))
    lock_out(machine)
    other = seed.CHILD  # whose card is now the adult's other card
    assert status(machine, other, seed.ADULT.pin.reveal()) == "VALID"


def digest_of(library: Library, person: Person) -> str:
    return start.locks(library.home).lookup.of_card(person.card)


def test_an_unknown_card_is_locked_out_too_so_that_it_tells_nothing(machine: Machine) -> None:
    answers = [machine.authenticate("6100000000", WRONG).said["authenticateStatus"] for _ in range(6)]
    assert answers == ["INVALID"] * 5 + ["LOANER_LOCKED_OUT"]


def test_two_cards_of_a_patron_share_their_tries(library: Library, machine: Machine) -> None:
    second_card = update(cards).where(cards.c.patron_id == seed.CHILD.patron).values(patron_id=seed.ADULT.patron)
    write(library, second_card)
    other = seed.CHILD  # whose card is now a second card of the adult
    for person in (seed.ADULT, other, seed.ADULT, other, seed.ADULT):
        status(machine, person, WRONG)
    assert status(machine, seed.ADULT) == "LOANER_LOCKED_OUT"


def test_many_tries_at_once_are_still_five(library: Library) -> None:
    machines = [library.machine(f"m-{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda machine: status(machine, seed.ADULT, WRONG), machines))
    assert sorted(answers) == ["INVALID"] * 5 + ["LOANER_LOCKED_OUT"] * 3


# --- the door -----------------------------------------------------------------------------------


def test_a_door_hears_the_age_and_no_name_or_date(machine: Machine) -> None:
    assert machine.admission(seed.CHILD.number, seed.CHILD.pin.reveal()).said == {
        "authenticateStatus": "VALID",
        "patronId": seed.CHILD.patron,
        "blockStatus": [],
        "age": 12,
        "permitted": False,
        "resident": True,
        "patronGroup": "Barn",
    }


def test_a_permission_is_for_its_branch_alone(machine: Machine, library: Library) -> None:
    number, pin = seed.PERMITTED.number, seed.PERMITTED.pin.reveal()
    vinderup = library.machine("vinderup-1", seed.VINDERUP)
    assert machine.admission(number, pin, seed.ULFBORG).said["permitted"] is True
    assert vinderup.admission(number, pin, seed.VINDERUP).said["permitted"] is False


def test_who_lives_elsewhere_is_no_resident(machine: Machine, library: Library) -> None:
    write(library, update(patrons).where(patrons.c.patron_id == seed.ADULT.patron).values(municipality="657"))
    said = machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal()).said
    assert (said["resident"], said["patronGroup"]) == (False, "Voksen")


def test_a_birthday_begins_at_midnight_in_denmark(machine: Machine, library: Library) -> None:
    born = update(patrons).where(patrons.c.patron_id == seed.CHILD.patron).values(birth_date=date(2011, 11, 25))
    write(library, born)
    number, pin = seed.CHILD.number, seed.CHILD.pin.reveal()
    library.clock.wall = datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    assert machine.admission(number, pin).said["age"] == 14
    library.clock.wall = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
    assert machine.admission(number, pin).said["age"] == 15


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(2012, 2, 29), date(2027, 2, 28), 14),
        (date(2012, 2, 29), date(2027, 3, 1), 15),
        (date(2012, 2, 29), date(2028, 2, 29), 16),
        (date(2011, 12, 31), date(2026, 12, 30), 14),
        (date(2011, 12, 31), date(2026, 12, 31), 15),
    ],
)
def test_an_age_is_of_completed_years(born: date, today: date, age: int) -> None:
    assert whole_years(born, today) == age


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2024, 3, 1), date(2026, 1, 1), date(2026, 12, 31)])
def test_a_seed_patron_is_as_old_as_the_table_says_at_any_start(today: date) -> None:
    for person in seed.PATRONS:
        assert whole_years(seed.born(person.age, today), today) == person.age
