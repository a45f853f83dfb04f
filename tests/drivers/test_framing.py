"""The framer alone: only clean frames within the cap are read at all."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.framing import CAP, Framer
from kiosk.model import CodeScanned, Reading, Unreadable


def read(frame: bytes) -> Reading:
    """Whatever is given to be read comes out again."""
    return CodeScanned(frame.decode("latin-1"))


def framed(sent: bytes) -> list[Reading]:
    return Framer(read).feed(sent, 0.0)


def test_a_frame_of_the_cap_is_read_and_one_over_is_not() -> None:
    assert framed(b"1" * CAP + b"\r") == [CodeScanned("1" * CAP)]
    assert framed(b"1" * (CAP + 1) + b"\r") == [Unreadable()]


def test_a_byte_of_noise_in_a_frame_spoils_it() -> None:
    assert framed(b"12345\xff67890\r") == [Unreadable()]
    assert framed(b"12345\x7f67890\r") == [Unreadable()]


def test_without_stripes_a_sentinel_is_a_byte_as_any_other() -> None:
    assert framed(b"%1?\r;2?\r") == [CodeScanned("%1?"), CodeScanned(";2?")]


def test_a_card_is_gone_from_the_buffer_when_its_frame_ends() -> None:
    framer = Framer(read)
    framer.feed(b"6101702345", 0.0)
    held = framer._kept
    framer.feed(b"\r", 0.0)
    assert bytes(held) == b""


@given(st.binary(max_size=400))
def test_what_is_read_is_printable_and_within_the_cap(sent: bytes) -> None:
    for reading in framed(sent):
        assert isinstance(reading, CodeScanned | Unreadable)
        if isinstance(reading, CodeScanned):
            assert 0 < len(reading.code) <= CAP
            assert reading.code.isascii()
            assert reading.code.isprintable()
