"""The PIN keeps to itself."""

import copy
import json
import pickle

import pytest

from kiosk.model import Credential, Pin


def test_a_pin_prints_as_dots_whatever_prints_it() -> None:
    assert f"{Pin('1234')} {Pin('1234')!r} {[Pin('1234')]}" == "•••• •••• [••••]"


def test_a_pin_cannot_be_pickled_copied_or_written_as_json() -> None:
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as refused:
            attempt(Pin("1234"))
        assert "1234" not in str(refused.value)


def test_pins_are_equal_by_their_digits() -> None:
    assert Pin("12").typed("3") == Pin("123")
    assert Pin("123") != Pin("124")
    assert hash(Pin("123")) == hash(Pin("123"))


def test_a_card_prints_no_number() -> None:
    assert "9101010001" not in repr(Credential("9101010001"))
