"""Magnetic stripes: which digits are the card, and that a name and an address are never kept."""

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.barcode import BarcodeRules
from drivers.magstripe import card_and_code_decoder, read_track_2, stripe_decoder
from drivers.simulated.serial_emulator import health_card
from kiosk.model import CardSwiped, CodeScanned, Credential, Reading, Unreadable

CPR = "6101702345"  # an impossible day: 61
CARD = CardSwiped(Credential(CPR))
NAME = "UGLESEN^NATALIE"


def swiped(*chunks: bytes) -> list[Reading]:
    decoder = stripe_decoder()
    return [reading for chunk in chunks for reading in decoder.feed(chunk, 0.0)]


def test_the_cpr_number_stands_at_8_of_the_37_digits() -> None:
    track_2 = "9208100" + "4" + CPR + "1041173083461010814"
    assert len(track_2) == 37
    assert track_2 == health_card(CPR)
    assert swiped(f";{track_2}?\r".encode()) == [CARD]


def test_a_card_is_read_at_its_end_sentinel_and_needs_no_line_end() -> None:
    assert swiped(f";{health_card(CPR)}?".encode()) == [CARD]


def test_track_1_is_dropped_and_track_2_read() -> None:
    assert swiped(f"%{NAME:<34}{'TAARNVEJ 1':<34}6617400?;{health_card(CPR)}?\r".encode()) == [CARD]


def test_track_1_on_a_line_of_its_own_says_nothing() -> None:
    assert swiped(f"%{NAME}?\r;{health_card(CPR)}?\r".encode()) == [CARD]


def test_the_name_on_track_1_is_kept_nowhere_in_the_decoder() -> None:
    decoder = stripe_decoder()
    decoder.feed(f"%{NAME}".encode(), 0.0)
    kept = [held for held in gc.get_referents(*gc.get_referents(decoder)) if isinstance(held, bytes | bytearray)]
    assert not any(NAME.encode() in bytes(held) for held in kept)
    assert bytes(decoder._kept) == b""


def test_track_1_alone_is_unreadable_after_a_silence() -> None:
    decoder = stripe_decoder()
    assert decoder.feed(f"%{NAME}?\r".encode(), 10.0) == []
    assert decoder.feed(b"", 10.4) == [Unreadable()]


@pytest.mark.parametrize("bad", [b";E?", b"%E?;E?\r", b";E?\r", b";?\r"])
def test_a_bad_swipe_is_unreadable_once(bad: bytes) -> None:
    assert swiped(bad) == [Unreadable()]


def test_a_good_track_2_outweighs_a_bad_track_1() -> None:
    decoder = stripe_decoder()
    assert decoder.feed(f"%E?;{health_card(CPR)}?\r".encode(), 10.0) == [CARD]
    assert decoder.feed(b"", 11.0) == []


@pytest.mark.parametrize("digits", ["123456", "3210519784", "1" * 19])
def test_another_cards_digits_are_its_number(digits: str) -> None:
    assert read_track_2(digits.encode()) == CardSwiped(Credential(digits))


@pytest.mark.parametrize(
    "track_2",
    [
        "12345",  # too few
        "1" * 20,  # too many
        "4571000000000000=2912101",  # a bank card
        health_card(CPR)[:17],  # a health card cut short is no library card
        health_card(CPR) + "1",
        health_card("9201702345"),  # no day
        health_card("6113702345"),  # no month
    ],
)
def test_an_implausible_track_2_is_unreadable(track_2: str) -> None:
    assert read_track_2(track_2.encode()) == Unreadable()


def test_a_number_that_fails_modulus_11_is_accepted() -> None:
    weights = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
    assert sum(w * int(digit) for w, digit in zip(weights, CPR, strict=True)) % 11 != 0
    assert read_track_2(health_card(CPR).encode()) == CARD


def test_a_stripe_broken_off_is_unreadable_and_the_next_is_read() -> None:
    decoder = stripe_decoder()
    card = f";{health_card(CPR)}?\r".encode()
    assert decoder.feed(card[:20], 10.0) == []
    assert decoder.feed(card, 11.0) == [Unreadable(), CARD]


def test_on_one_cable_the_sentinel_decides() -> None:
    decoder = card_and_code_decoder(BarcodeRules())
    assert decoder.feed(f"3210519784\r;{health_card(CPR)}?\r]C03210519792\r".encode(), 0.0) == [
        CodeScanned("3210519784"),
        CARD,
        CodeScanned("3210519792"),
    ]


def test_a_card_swiped_twice_is_told_twice() -> None:
    decoder = card_and_code_decoder(BarcodeRules())
    card = f";{health_card(CPR)}?\r".encode()
    assert decoder.feed(card + card, 0.0) == [CARD, CARD]


swipes = st.lists(
    st.one_of(
        st.from_regex(rb";[0-9]{5,20}\?", fullmatch=True),
        st.from_regex(rb"%[A-Z^ ]{0,40}\?", fullmatch=True),
        st.sampled_from([b";E?", b"%E?", b"\r", b"\n", b"3210519784\r", f";{health_card(CPR)}?".encode()]),
        st.binary(max_size=70),
    )
).map(b"".join)


@given(swipes, st.data())
def test_any_cut_of_the_swipes_gives_the_same_readings(sent: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    chunks = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert swiped(*chunks) == swiped(sent)
    decoder, other = card_and_code_decoder(BarcodeRules()), card_and_code_decoder(BarcodeRules())
    assert [r for chunk in chunks for r in decoder.feed(chunk, 0.0)] == other.feed(sent, 0.0)
