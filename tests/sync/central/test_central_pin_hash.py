"""PIN hashes under a pepper."""

import re

from kiosk.model import Pin
from sync.central.patrons.pin_hash import PinHash

PINS = PinHash(b"p" * 32)


def test_the_right_pin_matches_and_another_does_not() -> None:
    kept = PINS.make(Pin("2100"))
    assert PINS.matches(Pin("2100"), kept)
    assert not PINS.matches(Pin("2101"), kept)
    assert not PINS.matches(Pin(""), kept)


def test_a_stolen_database_is_of_no_use_without_the_pepper() -> None:
    assert not PinHash(b"q" * 32).matches(Pin("2100"), PINS.make(Pin("2100")))


def test_two_patrons_with_one_pin_have_two_hashes() -> None:
    assert PINS.make(Pin("2100")) != PINS.make(Pin("2100"))


def test_a_hash_names_its_figures_so_that_they_can_be_raised() -> None:
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", PINS.make(Pin("2100")))


def test_nobody_has_any_pin() -> None:
    assert not PINS.matches(Pin("2100"), None)


def test_a_hash_that_is_none_matches_nothing() -> None:
    assert not PINS.matches(Pin("2100"), "not a hash")
