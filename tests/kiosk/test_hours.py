"""Opening hours: Danish days, both nights of summer time, and closed whenever it is not certain."""

from datetime import UTC, date, datetime

import pytest
from walk import at

from kiosk.hours import ALWAYS_CLOSED, COPENHAGEN, Hours, HoursError
from kiosk.model import Mode, Now

ULFBORG = Hours("Mo-Fr 12:00-17:00; PH off", "Mo-Su 07:00-22:00; PH 08:00-20:00; Dec 24-26 off")


def copenhagen(text: str) -> Now:
    return at(0, datetime.fromisoformat(text).replace(tzinfo=COPENHAGEN).astimezone(UTC))


@pytest.mark.parametrize(
    ("when", "mode"),
    [
        ("2026-11-24T06:59:59", Mode.CLOSED),
        ("2026-11-24T07:00", Mode.UNSTAFFED),
        ("2026-11-24T12:00", Mode.STAFFED),
        ("2026-11-24T16:59:59", Mode.STAFFED),
        ("2026-11-24T17:00", Mode.UNSTAFFED),
        ("2026-11-24T20:15", Mode.UNSTAFFED),
        ("2026-11-24T22:00", Mode.CLOSED),  # the closing minute is not open
        ("2026-05-14T13:00", Mode.UNSTAFFED),  # Ascension Day: nobody at the desk
        ("2026-05-14T07:30", Mode.CLOSED),
        ("2026-12-24T13:00", Mode.CLOSED),
        ("2024-04-26T13:00", Mode.STAFFED),  # Store Bededag was abolished in 2024
        ("2023-05-05T13:00", Mode.UNSTAFFED),  # and was a holiday until then
    ],
)
def test_a_branchs_day(when: str, mode: Mode) -> None:
    hours = Hours("Mo-Fr 12:00-17:00; PH off; Dec 24-26 off", "Mo-Su 07:00-22:00; PH 08:00-20:00; Dec 24-26 off")
    assert hours.mode(copenhagen(when)) is mode


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_the_nights_when_the_clock_changes_open_by_the_clock_on_the_wall(night: str) -> None:
    assert ULFBORG.mode(copenhagen(f"{night}T06:59")) is Mode.CLOSED
    assert ULFBORG.mode(copenhagen(f"{night}T07:00")) is Mode.UNSTAFFED


def test_a_clock_that_cannot_be_trusted_is_closed() -> None:
    assert ULFBORG.mode(at(0, synced=False)) is Mode.CLOSED


def test_a_machine_that_knows_nothing_is_closed() -> None:
    assert ALWAYS_CLOSED.mode(at(0)) is Mode.CLOSED
    assert ALWAYS_CLOSED.next_change(at(0)) is None


def test_a_line_that_cannot_be_read_says_where() -> None:
    with pytest.raises(HoursError, match=r"1 \| Mandag"):
        Hours("Mandag 10-17", "off")


def test_the_next_change_is_the_nearest_of_both_lines() -> None:
    change = ULFBORG.next_change(copenhagen("2026-11-24T11:00"))
    assert change is not None and change.hour == 12


CHRISTMAS = frozenset({date(2026, 12, 24), date(2026, 12, 25)})


@pytest.mark.parametrize(
    ("when", "mode"),
    [
        ("2026-12-23T23:59:59", Mode.UNSTAFFED),
        ("2026-12-24T00:00", Mode.CLOSED),
        ("2026-12-24T13:00", Mode.CLOSED),
        ("2026-12-25T23:59:59", Mode.CLOSED),
        ("2026-12-26T00:00", Mode.UNSTAFFED),
    ],
)
def test_a_closing_day_is_closed_from_midnight_to_midnight_here(when: str, mode: Mode) -> None:
    assert Hours("off", "24/7", CHRISTMAS).mode(copenhagen(when)) is mode


@pytest.mark.parametrize(
    ("when", "change"),
    [
        ("2026-12-23T12:00", "2026-12-24T00:00"),
        ("2026-12-25T12:00", "2026-12-26T00:00"),
        ("2026-12-26T12:00", None),
    ],
)
def test_a_closing_day_begins_and_ends_with_a_change(when: str, change: str | None) -> None:
    wanted = None if change is None else datetime.fromisoformat(change).replace(tzinfo=COPENHAGEN)
    assert Hours("off", "24/7", CHRISTMAS).next_change(copenhagen(when)) == wanted
