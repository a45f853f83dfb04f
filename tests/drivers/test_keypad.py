"""A keypad: one byte, one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.keypad import KeypadDecoder
from kiosk.model import ClearTyped, DigitTyped, EnterTyped, Reading


@pytest.mark.parametrize(
    ("key", "reading"),
    [(b"0", DigitTyped("0")), (b"9", DigitTyped("9")), (b"#", EnterTyped()), (b"\r", EnterTyped())]
    + [(key, ClearTyped()) for key in (b"*", b"\x08", b"\x1b", b"\x7f")],
)
def test_a_key_is_what_is_printed_on_it(key: bytes, reading: Reading) -> None:
    assert KeypadDecoder().feed(key, 0.0) == [reading]


@given(st.binary())
def test_any_other_byte_is_no_key(sent: bytes) -> None:
    others = bytes(byte for byte in sent if byte not in b"0123456789#\r*\x08\x1b\x7f")
    assert KeypadDecoder().feed(others, 0.0) == []


def test_a_digit_is_not_in_its_repr() -> None:
    assert "7" not in repr(KeypadDecoder().feed(b"7", 0.0))
