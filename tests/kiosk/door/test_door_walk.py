"""Every reachable state of the door by every input, with what must hold on each edge."""

from collections import Counter
from collections.abc import Iterable

import pytest
from walk import LATE, Edge, walk

from kiosk.door.leaf import Expected, Open, Shut
from kiosk.door.machine import step
from kiosk.door.states import (
    Admission,
    AdmissionRefused,
    AskAdmission,
    AskingPin,
    Effect,
    Given,
    Idle,
    NotPulsed,
    NotRecorded,
    PinFirst,
    PulseStrike,
    Record,
    Rules,
    State,
    StoreSilent,
    Telling,
    Told,
    Verifying,
)
from kiosk.event import EntryGranted
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    ContactClosed,
    ContactOpened,
    Credential,
    Denial,
    DigitTyped,
    EnterTyped,
    ExitRequested,
    Mode,
    PatronId,
    Pin,
    Question,
    Tick,
    Unreadable,
)

ADA = Credential("9101010001")
BO = Credential("9202020002")
GOOD = AdmissionFacts(PatronId("p1"), frozenset(), 40, permitted=True)
BLOCKED = AdmissionFacts(PatronId("p2"), frozenset({Block.EXCLUDED}), 40, permitted=True)
STALE = Question(BO, Pin("99"))  # an answer that nobody waits for

DoorEdge = Edge[State, Given, Effect]


def alphabet(state: State) -> Iterable[Given]:
    yield from (CardSwiped(ADA), CodeScanned(BO.number), Unreadable(), DigitTyped("1"), ClearTyped(), EnterTyped())
    yield from (ContactOpened(), ContactClosed(), ExitRequested(), NotRecorded(), NotPulsed(), Tick())
    yield from (Raised(Fault.READER_LOST), Cleared(Fault.READER_LOST), Raised(Fault.OUTBOX_FULL))
    asked = state.dialogue.asked if isinstance(state.dialogue, Verifying) else STALE
    for question in {asked, STALE}:
        yield from (Admission(question, GOOD), Admission(question, BLOCKED), StoreSilent(question))
        yield from (AdmissionRefused(question, AuthRefusal.INVALID), AdmissionRefused(question, AuthRefusal.LOCKED_OUT))


def edges(mode: Mode) -> list[DoorEdge]:
    rules = Rules(mode, pin_length=2, pin_tries=2)
    return list(walk(State(), lambda state, given, now: step(state, given, now, rules), alphabet))


EDGES = {mode: edges(mode) for mode in Mode}


def pulses(edge: DoorEdge) -> list[int]:
    return [i for i, effect in enumerate(edge.effects) if isinstance(effect, PulseStrike)]


def test_the_walk_reaches_every_kind_of_state() -> None:
    dialogues = Counter(type(edge.before.dialogue) for edge in EDGES[Mode.UNSTAFFED])
    assert set(dialogues) == {Idle, PinFirst, AskingPin, Verifying, Telling}
    assert {type(edge.before.leaf) for edge in EDGES[Mode.UNSTAFFED]} == {Shut, Expected, Open}


def test_no_pulse_without_its_record_just_before() -> None:
    pulsed = [edge for edge in EDGES[Mode.UNSTAFFED] if pulses(edge)]
    assert pulsed
    for edge in pulsed:
        (i,) = pulses(edge)
        record = edge.effects[i - 1]
        assert i > 0 and isinstance(record, Record) and isinstance(record.event, EntryGranted), edge


def test_a_pulse_follows_only_the_answer_to_the_question_that_stands() -> None:
    for edge in EDGES[Mode.UNSTAFFED]:
        if pulses(edge):
            assert isinstance(edge.before.dialogue, Verifying) and isinstance(edge.given, Admission), edge
            assert edge.given.asked == edge.before.dialogue.asked and edge.given.facts == GOOD, edge


@pytest.mark.parametrize("mode", [Mode.STAFFED, Mode.CLOSED])
def test_outside_unstaffed_hours_nothing_pulses_and_nobody_is_asked(mode: Mode) -> None:
    for edge in EDGES[mode]:
        assert not any(isinstance(effect, PulseStrike | AskAdmission) for effect in edge.effects), edge


@pytest.mark.parametrize("mode", list(Mode))
def test_every_waiting_state_has_a_way_out_by_time_alone(mode: Mode) -> None:
    for edge in EDGES[mode]:
        if isinstance(edge.given, Tick) and edge.late:
            still = edge.after.dialogue
            assert isinstance(still, Idle | Telling), edge
            assert not isinstance(edge.after.leaf, Expected), edge


@pytest.mark.parametrize("mode", list(Mode))
def test_what_fails_to_be_done_is_never_called_a_welcome(mode: Mode) -> None:
    for edge in EDGES[mode]:
        if isinstance(edge.given, NotRecorded | NotPulsed):
            assert isinstance(edge.after.dialogue, Telling)
            assert edge.after.dialogue.what is Denial.OUT_OF_ORDER
            assert edge.after.leaf != Expected(entry=True, deadline=5.0)


def test_a_welcome_always_comes_with_its_pulse() -> None:
    for edge in EDGES[Mode.UNSTAFFED]:
        welcome = isinstance(edge.after.dialogue, Telling) and edge.after.dialogue.what is Told.WELCOME
        before = isinstance(edge.before.dialogue, Telling) and edge.before.dialogue.what is Told.WELCOME
        if welcome and not before:
            assert pulses(edge), edge


@pytest.mark.parametrize("mode", list(Mode))
def test_after_a_late_tick_nothing_is_still_overdue(mode: Mode) -> None:
    """A deadline that stays in the past keeps the loop from ever waiting."""
    for edge in EDGES[mode]:
        if isinstance(edge.given, Tick) and edge.late:
            assert edge.after.deadline is None or edge.after.deadline > LATE, edge


def test_a_fault_of_the_outbox_is_never_recorded_in_it() -> None:
    for edge in EDGES[Mode.UNSTAFFED]:
        if edge.given == Raised(Fault.OUTBOX_FULL):
            assert edge.effects == (), edge


def test_no_state_prints_a_pin_or_a_card() -> None:
    for edge in EDGES[Mode.UNSTAFFED]:
        printed = repr(edge)
        assert ADA.number not in printed and BO.number not in printed and "Pin('" not in printed


def test_the_walk_is_as_large_as_it_is_said_to_be() -> None:
    """Not a bound, a witness: a walk that shrinks to nothing proves nothing."""
    assert len(EDGES[Mode.UNSTAFFED]) > 2_000
