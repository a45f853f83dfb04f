"""Barcodes: what a line means, however the bytes are cut, and whatever else comes down the cable."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barcode import BarcodeDecoder, BarcodeRules, read_code
from drivers.framing import CAP
from kiosk.model import CodeScanned, Reading, Unreadable

CODE = "3210519784"
PLAIN = BarcodeRules()


def heard(*chunks: bytes, rules: BarcodeRules = PLAIN) -> list[Reading]:
    decoder = BarcodeDecoder(rules)
    return [reading for chunk in chunks for reading in decoder.feed(chunk, 0.0)]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_code_ends_with_cr_or_lf_or_both(end: bytes) -> None:
    assert heard(CODE.encode() + end) == [CodeScanned(CODE)]


def test_empty_lines_say_nothing() -> None:
    assert heard(b"\r\n\r\n\n") == []


@pytest.mark.parametrize("aim", ["]C0", "]A0", "]I0", "]F0", "]E0", "]Q1", "]d1"])
def test_the_aim_identifier_is_taken_off(aim: str) -> None:
    assert heard(f"{aim}{CODE}\r".encode()) == [CodeScanned(CODE)]


def test_half_an_aim_identifier_is_unreadable() -> None:
    assert heard(b"]C3210519784\r") == [Unreadable()]  # ]C3 is taken off: nine digits are left


def test_stx_and_etx_around_a_code_are_passed_over() -> None:
    assert heard(b"\x02" + CODE.encode() + b"\x03\r") == [CodeScanned(CODE)]


@pytest.mark.parametrize("line", ["321051978", "32105197840", "321051978X", "12345678", "²210519784"])
def test_another_length_or_a_letter_is_unreadable(line: str) -> None:
    assert heard(line.encode() + b"\r") == [Unreadable()]


def test_letters_are_taken_where_the_site_has_them() -> None:
    rules = BarcodeRules(lengths=frozenset({11}), digits_only=False)
    assert heard(b"C0016351730\r", rules=rules) == [CodeScanned("C0016351730")]


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        (b"!BA103210519784!C", CodeScanned(CODE)),
        (b"!BD103210519784!C", CodeScanned("LL-3210519784")),
        (b"!BA113210519784!C", Unreadable()),
        (b"!BA103210519784", Unreadable()),
        (b"3210519784", Unreadable()),
    ],
)
def test_a_prefixed_scanner_must_send_its_whole_prefix(line: bytes, reading: Reading) -> None:
    assert read_code(line, BarcodeRules(prefixed=True)) == reading


def test_half_a_code_is_unreadable_after_a_silence_and_the_next_is_read() -> None:
    decoder = BarcodeDecoder(PLAIN)
    assert decoder.feed(b"32105", 10.0) == []
    assert decoder.feed(b"", 10.2) == []
    assert decoder.feed(b"", 10.31) == [Unreadable()]
    assert decoder.feed(b"", 10.9) == []
    assert decoder.feed(CODE.encode() + b"\r", 11.0) == [CodeScanned(CODE)]


def test_half_a_code_does_not_join_the_next() -> None:
    decoder = BarcodeDecoder(PLAIN)
    decoder.feed(b"32105", 10.0)
    assert decoder.feed(CODE.encode() + b"\r", 11.0) == [Unreadable(), CodeScanned(CODE)]


def test_the_cable_pulled_in_the_middle_leaves_nothing_behind() -> None:
    decoder = BarcodeDecoder(PLAIN)
    decoder.feed(b"32105", 10.0)
    assert decoder.cut() == [Unreadable()]
    assert decoder.feed(b"19784\r", 10.0) == [Unreadable()]


def test_the_same_code_within_a_moment_is_one_code() -> None:
    decoder = BarcodeDecoder(PLAIN)
    line = CODE.encode() + b"\r"
    assert decoder.feed(line, 10.0) == [CodeScanned(CODE)]
    assert decoder.feed(line, 11.4) == []
    assert decoder.feed(line, 11.5) == [CodeScanned(CODE)]


def test_another_code_is_not_a_repeat() -> None:
    assert heard(CODE.encode() + b"\r", b"3210519792\r") == [CodeScanned(CODE), CodeScanned("3210519792")]


def test_after_a_reset_the_same_code_counts_again() -> None:
    decoder = BarcodeDecoder(PLAIN)
    line = CODE.encode() + b"\r"
    decoder.feed(line, 10.0)
    decoder.reset()
    assert decoder.feed(line, 10.1) == [CodeScanned(CODE)]


def test_a_code_is_forgotten_when_it_can_be_no_repeat_any_more() -> None:
    decoder = BarcodeDecoder(PLAIN)
    decoder.feed(CODE.encode() + b"\r", 10.0)
    decoder.feed(b"", 12.0)
    assert decoder._last is None


def test_a_line_over_the_cap_is_dropped_whole() -> None:
    assert heard(b"1" * (CAP + 1) + CODE.encode() + b"\r", CODE.encode() + b"\r") == [Unreadable(), CodeScanned(CODE)]


@pytest.mark.parametrize("seed", range(20))
def test_ten_kilobytes_of_noise_are_one_unreadable_and_then_a_code_is_read(seed: int) -> None:
    decoder = BarcodeDecoder(PLAIN)
    noise = random.Random(seed).randbytes(10_000)  # noqa: S311 -- the same noise each time
    assert decoder.feed(noise, 10.0) == [Unreadable()]
    assert decoder.feed(CODE.encode() + b"\r", 11.0)[-1] == CodeScanned(CODE)


lines = st.lists(
    st.one_of(
        st.from_regex(rb"[0-9]{10}\r", fullmatch=True),
        st.from_regex(rb"\][A-Z][0-9][0-9]{8,12}\r\n", fullmatch=True),
        st.binary(max_size=80),
    )
).map(b"".join)


@given(lines, st.data())
def test_any_cut_of_the_bytes_gives_the_same_readings(sent: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    chunks = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert heard(*chunks) == heard(sent)


@given(st.binary(max_size=300))
def test_any_bytes_give_readings_and_never_an_exception(sent: bytes) -> None:
    assert all(isinstance(reading, CodeScanned | Unreadable) for reading in heard(sent))


def test_a_code_is_not_in_its_repr() -> None:
    assert CODE not in repr(heard(CODE.encode() + b"\r"))
