"""Session keys: a quarter of an hour, one device, and nothing to be read in them."""

import base64
import re
import string
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.model import DeviceId, PatronId
from sync.central.patrons.sessions import SessionKey
from tests.sync.central.library import MORNING

KEY = SessionKey(bytes(range(32)))
PATRON, DEVICE = PatronId("940417713"), DeviceId("ulfborg-1")


def token() -> str:
    return KEY.give(PATRON, DEVICE, MORNING)


def test_a_token_is_good_for_a_quarter_of_an_hour_and_not_a_second_longer() -> None:
    given_ = token()
    assert KEY.who(given_, DEVICE, MORNING) == PATRON
    assert KEY.who(given_, DEVICE, MORNING + timedelta(minutes=14, seconds=59)) == PATRON
    assert KEY.who(given_, DEVICE, MORNING + timedelta(minutes=15)) is None


def test_a_token_is_good_on_its_own_device_alone() -> None:
    assert KEY.who(token(), DeviceId("ulfborg-2"), MORNING) is None


def test_another_key_knows_nobody() -> None:
    assert SessionKey(bytes(32)).who(token(), DEVICE, MORNING) is None


def test_a_token_tells_neither_patron_nor_time_and_may_stand_in_a_header() -> None:
    said = token()
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,200}", said)
    opened = base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))
    for secret in (PATRON.encode(), b"2026"):
        assert secret not in opened
        assert secret not in said.encode()
    assert token() != said


@given(st.data(), st.sampled_from([PATRON, PatronId("1"), PatronId("12")]))
def test_one_changed_letter_and_it_is_nobodys(given_: st.DataObject, patron: PatronId) -> None:
    """Patrons of several lengths: in base64 the last letter may have bits that mean nothing."""
    said = KEY.give(patron, DEVICE, MORNING)
    place = given_.draw(st.integers(0, len(said) - 1) | st.just(len(said) - 1))
    letter = given_.draw(st.characters(max_codepoint=127).filter(lambda letter: letter != said[place]))
    assert KEY.who(said[:place] + letter + said[place + 1 :], DEVICE, MORNING) is None


@pytest.mark.parametrize("patron", [PatronId("1"), PatronId("12")])
def test_a_token_is_written_in_one_way_alone(patron: PatronId) -> None:
    said = KEY.give(patron, DEVICE, MORNING)
    others = [said[:-1] + letter for letter in string.ascii_letters + string.digits + "-_" if letter != said[-1]]
    assert {KEY.who(other, DEVICE, MORNING) for other in others} == {None}


@given(st.data())
def test_a_token_that_is_cut_or_grown_is_nobodys(given_: st.DataObject) -> None:
    said = token()
    assert KEY.who(said[: given_.draw(st.integers(0, len(said) - 1))], DEVICE, MORNING) is None
    assert KEY.who(said + given_.draw(st.text(min_size=1, max_size=500)), DEVICE, MORNING) is None


@given(st.text(max_size=600))
def test_garbage_is_nobodys(garbage: str) -> None:
    assert KEY.who(garbage, DEVICE, MORNING) is None
