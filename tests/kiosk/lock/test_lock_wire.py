"""The packets between door and lock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.lock.machine import Confirm, Ended, Pulse, Refusal, Refuse
from kiosk.lock.wire import Said, WireError, decode_pulse, decode_said, encode_pulse, encode_said
from kiosk.model import GrantId

grants = st.text(min_size=1, max_size=64).map(GrantId)
said = st.one_of(
    st.builds(Confirm, grants), st.builds(Ended, grants), st.builds(Refuse, grants, st.sampled_from(Refusal))
)


@given(st.builds(Pulse, grants.filter(lambda g: len(g.encode()) < 64), st.integers(-(10**9), 10**9)))
def test_a_pulse_comes_back_as_it_was(pulse: Pulse) -> None:
    assert decode_pulse(encode_pulse(pulse)) == pulse


@given(said)
def test_an_answer_comes_back_as_it_was(answer: Said) -> None:
    assert decode_said(encode_said(answer)) == answer


@given(st.binary(max_size=600))
def test_garbage_raises_only_wire_error(packet: bytes) -> None:
    for decode in (decode_pulse, decode_said):
        with pytest.raises(WireError):
            decode(packet)


@pytest.mark.parametrize(
    "packet",
    [
        b'{"pulse": "a"}',
        b'{"pulse": "a", "ms": "5"}',
        b'{"pulse": "a", "ms": true}',
        b'{"pulse": "", "ms": 5}',
        b'{"pulse": "a", "ms": 5, "hold": true}',
        b'{"pulse": 5, "ms": 5}',
        b"[]",
    ],
)
def test_nothing_but_a_whole_pulse_is_one(packet: bytes) -> None:
    with pytest.raises(WireError):
        decode_pulse(packet)
