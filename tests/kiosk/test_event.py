"""Events and their JSON form."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.event import (
    KINDS,
    Because,
    DoorClosed,
    DoorForced,
    DoorHeld,
    EntryGranted,
    EntryRefused,
    EntryUnused,
    Event,
    EventDiscarded,
    EventError,
    ExitTaken,
    FaultCleared,
    FaultRaised,
    ItemLent,
    ItemReturned,
    LoanGivenUp,
    decode,
    encode,
    kind,
)
from kiosk.fault import Fault
from kiosk.model import Credential, Denial, EventId, ItemId, PatronId

words = st.text(min_size=1, max_size=30)
patrons, items, ids = words.map(PatronId), words.map(ItemId), words.map(EventId)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ItemLent, st.one_of(patrons, st.builds(Credential, words)), items, st.dates(), st.booleans()),
    st.builds(LoanGivenUp, ids, items),
    st.builds(ItemReturned, items, st.booleans()),
    st.builds(EntryGranted, patrons),
    st.builds(EntryRefused, st.sampled_from(Denial)),
    st.builds(DoorClosed, st.integers(0, 10**6)),
    st.builds(FaultRaised, st.sampled_from(Fault)),
    st.builds(FaultCleared, st.sampled_from(Fault)),
    st.builds(EventDiscarded, ids, st.sampled_from(sorted(KINDS.values())), st.sampled_from(Because)),
    st.sampled_from([EntryUnused(), ExitTaken(), DoorForced(), DoorHeld()]),
)


@given(events)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode(kind(event), encode(event)) == event


@given(st.sampled_from(sorted(KINDS.values())) | words, st.binary(max_size=80))
def test_garbage_raises_only_event_error(name: str, payload: bytes) -> None:
    with pytest.raises(EventError):
        decode(name, payload)


def test_every_kind_has_another_name() -> None:
    assert len(set(KINDS.values())) == len(KINDS) == len(Event.__args__)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("item.lent", b'{"v":1,"patron":"p","item":"i","due":"soon","offline":false}'),
        ("item.lent", b'{"v":1,"patron":"p","item":"i","due":"2026-01-01","offline":1}'),
        ("item.lent", b'{"v":1,"patron":"","item":"i","due":"2026-01-01","offline":true}'),
        ("item.returned", b'{"v":2,"item":"i","offline":true}'),
        ("entry.refused", b'{"v":1,"why":"bad weather"}'),
        ("door.closed", b'{"v":1,"open_s":-1}'),
        ("door.opened", b'{"v":1}'),
    ],
)
def test_a_part_that_is_missing_or_wrong_is_named_without_its_value(name: str, payload: bytes) -> None:
    with pytest.raises(EventError) as refused:
        decode(name, payload)
    assert "weather" not in str(refused.value) and "soon" not in str(refused.value)


def test_an_event_prints_no_patron() -> None:
    card = Credential("9101010001")
    lent = ItemLent(card, ItemId("1000000001"), date(2026, 1, 1), offline=True)
    assert "9101010001" not in repr(lent)
    assert "p1" not in repr(EntryGranted(PatronId("p1")))


@pytest.mark.parametrize("why", ["", "Alma Opdigtet har den", "BY_HAND"])
def test_why_an_event_was_discarded_is_a_word_of_the_list(why: str) -> None:
    said = encode(EventDiscarded(EventId("event-1"), "item.lent", Because.TRIAL))
    with pytest.raises(EventError):
        decode("event.discarded", said.replace(b"trial", why.encode()))
