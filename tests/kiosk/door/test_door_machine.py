"""The door's transcripts: named as sentences, played on one clock."""

from dataclasses import replace

from walk import at

from kiosk.door.access import AccessRules
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
    PulseStrike,
    Record,
    Rules,
    Sound,
    State,
    StoreSilent,
    Telling,
    Told,
    Tone,
    Verifying,
)
from kiosk.event import (
    DoorClosed,
    DoorForced,
    DoorHeld,
    EntryGranted,
    EntryRefused,
    EntryUnused,
    ExitTaken,
    FaultCleared,
    FaultRaised,
)
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    CardSwiped,
    CodeScanned,
    ContactClosed,
    ContactOpened,
    Credential,
    Denial,
    DigitTyped,
    ExitRequested,
    Mode,
    PatronId,
    Pin,
    Question,
    Tick,
    Unreadable,
)

RULES = Rules(Mode.UNSTAFFED)
ADA = Credential("9101010001")
PIN = Pin("1234")
ASKED = Question(ADA, PIN)
FACTS = AdmissionFacts(PatronId("p1"), frozenset(), 40, permitted=False)
DIGITS = tuple(DigitTyped(d) for d in "1234")


def play(*timed: tuple[float, Given], rules: Rules = RULES) -> tuple[State, list[Effect]]:
    state, done = State(), list[Effect]()
    for mono, given in timed:
        state, effects = step(state, given, at(mono), rules)
        done += effects
    return state, done


def shown_and_typed(*more: tuple[float, Given], rules: Rules = RULES) -> tuple[State, list[Effect]]:
    return play((0, CardSwiped(ADA)), *[(1.0, digit) for digit in DIGITS], *more, rules=rules)


def events(effects: list[Effect]) -> list[object]:
    return [effect.event for effect in effects if isinstance(effect, Record)]


def test_a_whole_pin_asks_the_store_once_without_enter() -> None:
    state, effects = shown_and_typed()
    assert state.dialogue == Verifying(ASKED, 3, 7.0)
    assert effects == [AskAdmission(ASKED)]


def test_a_pin_typed_before_the_card_counts() -> None:
    state, effects = play(*[(0.0, digit) for digit in DIGITS], (1, CodeScanned(ADA.number)))
    assert isinstance(state.dialogue, Verifying)
    assert effects == [AskAdmission(ASKED)]


def test_right_pin_records_then_pulses_once() -> None:
    state, effects = shown_and_typed((2, Admission(ASKED, FACTS)))
    assert effects[1:] == [Record(EntryGranted(PatronId("p1"))), PulseStrike(5.0), Sound(Tone.GRANTED)]
    assert state.dialogue == Telling(Told.WELCOME, 7.0)
    assert state.leaf == Expected(entry=True, deadline=7.0)


def test_a_wrong_pin_may_be_typed_again_and_the_third_sends_the_patron_away() -> None:
    wrong: list[tuple[float, Given]] = []
    for _ in range(3):
        wrong += [(2, AdmissionRefused(ASKED, AuthRefusal.INVALID)), *[(3.0, digit) for digit in DIGITS]]
    state, effects = shown_and_typed(*wrong[:-4])
    assert events(effects) == [EntryRefused(Denial.NOT_ACCEPTED)] * 3
    assert state.dialogue == Telling(Denial.NOT_ACCEPTED, 7.0)


def test_locked_out_by_the_store_ends_at_once() -> None:
    state, effects = shown_and_typed((2, AdmissionRefused(ASKED, AuthRefusal.LOCKED_OUT)))
    assert events(effects) == [EntryRefused(Denial.LOCKED_OUT)]
    assert state.dialogue == Telling(Denial.LOCKED_OUT, 7.0)


def test_a_blocked_patron_is_refused() -> None:
    blocked = replace(FACTS, blocks=frozenset({Block.EXCLUDED}))
    _, effects = shown_and_typed((2, Admission(ASKED, blocked)))
    assert events(effects) == [EntryRefused(Denial.BLOCKED)]


def test_a_site_may_let_debtors_in() -> None:
    rules = replace(RULES, access=AccessRules(ignored_blocks=frozenset({Block.DEBT})))
    debtor = replace(FACTS, blocks=frozenset({Block.DEBT}))
    _, effects = shown_and_typed((2, Admission(ASKED, debtor)), rules=rules)
    assert PulseStrike(5.0) in effects


def test_a_child_is_too_young_on_the_eve_of_the_birthday_and_old_enough_at_the_age() -> None:
    for age, opens in ((14, False), (15, True)):
        _, effects = shown_and_typed((2, Admission(ASKED, replace(FACTS, age=age))))
        assert (PulseStrike(5.0) in effects) is opens


def test_a_site_may_want_the_branchs_permission() -> None:
    rules = replace(RULES, access=AccessRules(needs_permission=True))
    _, effects = shown_and_typed((2, Admission(ASKED, FACTS)), rules=rules)
    assert events(effects) == [EntryRefused(Denial.NO_PERMISSION)]


def test_a_silent_store_lets_nobody_in() -> None:
    state, effects = shown_and_typed((2, StoreSilent(ASKED)))
    assert events(effects) == [EntryRefused(Denial.OFFLINE)]
    assert state.leaf == Shut()


def test_a_worker_that_never_answers_is_a_silent_store() -> None:
    _, effects = shown_and_typed((7, Tick()))
    assert events(effects) == [EntryRefused(Denial.OFFLINE)]


def test_the_answer_to_an_earlier_patron_opens_for_nobody() -> None:
    bo = Credential("9202020002")
    late = (9.0, Admission(ASKED, FACTS))
    state, effects = shown_and_typed((7, Tick()), (8, CardSwiped(bo)), *[(8.0, DigitTyped(d)) for d in "9999"], late)
    assert not any(isinstance(effect, PulseStrike) for effect in effects)
    assert isinstance(state.dialogue, Verifying)


def test_closing_time_while_the_store_thinks_keeps_the_door_shut() -> None:
    state, _ = shown_and_typed()
    closed = replace(RULES, mode=Mode.CLOSED)
    _, effects = step(state, Admission(ASKED, FACTS), at(2), closed)
    assert effects[0] == Record(EntryRefused(Denial.CLOSED))


def test_in_closed_hours_no_pin_is_asked_for() -> None:
    state, effects = play((0, CardSwiped(ADA)), rules=replace(RULES, mode=Mode.CLOSED))
    assert state.dialogue == Telling(Denial.CLOSED, 5.0)
    assert events(effects) == [EntryRefused(Denial.CLOSED)]


def test_if_the_lock_does_not_rise_the_welcome_is_taken_back() -> None:
    state, effects = shown_and_typed((2, Admission(ASKED, FACTS)), (3, NotPulsed()))
    assert state.dialogue == Telling(Denial.OUT_OF_ORDER, 8.0)
    assert state.leaf == Shut()
    assert effects[-2:] == [Sound(Tone.DENIED), Record(EntryUnused())]


def test_a_grant_that_could_not_be_written_leaves_no_entry_that_was_not_used() -> None:
    _, effects = shown_and_typed((2, Admission(ASKED, FACTS)), (3, NotRecorded()))
    assert effects[-1] == Sound(Tone.DENIED)


def test_the_next_in_line_waits_until_the_welcome_is_over() -> None:
    """A second pulse would be refused while the first one runs, and its refusal would shut the first patron out."""
    bo = CardSwiped(Credential("9202020002"))
    state, effects = shown_and_typed((2, Admission(ASKED, FACTS)), (3, bo), (4, DigitTyped("1")), (4, ContactOpened()))
    assert state.dialogue == Telling(Told.WELCOME, 7.0)
    assert events(effects) == [EntryGranted(PatronId("p1"))]


def test_a_late_opening_sounds_before_anything_is_written() -> None:
    _, effects = shown_and_typed((2, Admission(ASKED, FACTS)), (8, ContactOpened()))
    assert effects[-3:] == [Sound(Tone.ALARM), Record(EntryUnused()), Record(DoorForced())]


def test_a_door_that_has_alarmed_waits_for_no_deadline() -> None:
    """Else the loop would turn as fast as it can for as long as the door stands open."""
    state, _ = play((0, ContactOpened()))
    assert state.deadline is None


def test_an_unreadable_card_says_so_and_asks_nothing() -> None:
    state, effects = play((0, Unreadable()))
    assert state.dialogue == Telling(Told.UNREADABLE, 5.0)
    assert effects == [Sound(Tone.DENIED)]


def test_a_pin_half_typed_is_forgotten_after_a_while() -> None:
    state, _ = play((0, CardSwiped(ADA)), (1, DigitTyped("1")), (21, Tick()))
    assert state.dialogue == Idle()


def test_going_in_and_closing_the_door_leaves_no_alarm() -> None:
    state, effects = shown_and_typed(
        (2, Admission(ASKED, FACTS)), (4, ContactOpened()), (9, ContactClosed()), (10, Tick())
    )
    assert state == State()
    assert events(effects) == [EntryGranted(PatronId("p1"))]


def test_granted_but_not_used_is_recorded() -> None:
    _, effects = shown_and_typed((2, Admission(ASKED, FACTS)), (7, Tick()))
    assert events(effects) == [EntryGranted(PatronId("p1")), EntryUnused()]


def test_a_door_opened_with_no_grant_is_forced_and_its_end_has_a_length() -> None:
    state, effects = play((0, ContactOpened()), (1, Tick()), (42, ContactClosed()))
    assert effects == [
        Sound(Tone.ALARM),
        Record(DoorForced()),
        Record(DoorClosed(42)),
        Sound(Tone.QUIET),
    ]
    assert state.leaf == Shut()


def test_a_door_left_open_is_held() -> None:
    _, effects = play((0, ExitRequested()), (1, ContactOpened()), (31, Tick()), (50, ContactClosed()))
    assert events(effects) == [ExitTaken(), DoorHeld(), DoorClosed(49)]


def test_rex_opens_nothing_and_does_not_disturb_who_is_typing() -> None:
    state, effects = play((0, CardSwiped(ADA)), (1, DigitTyped("1")), (2, ExitRequested()))
    assert effects == []
    assert isinstance(state.dialogue, AskingPin) and len(state.dialogue.pin) == 1
    assert state.leaf == Expected(entry=False, deadline=12.0)


def test_an_opening_long_after_rex_is_forced() -> None:
    _, effects = play((0, ExitRequested()), (11, ContactOpened()))
    assert events(effects) == [DoorForced()]


def test_a_fault_is_recorded_once_when_it_comes_and_once_when_it_goes() -> None:
    lost, back = Raised(Fault.READER_LOST), Cleared(Fault.READER_LOST)
    state, effects = play((0, lost), (1, lost), (2, back), (3, back))
    assert events(effects) == [FaultRaised(Fault.READER_LOST), FaultCleared(Fault.READER_LOST)]
    assert state == State()


def test_while_nothing_can_be_written_each_tick_tries_again_after_the_alarms() -> None:
    state, effects = play((0, Raised(Fault.OUTBOX_FULL)), (1, ContactOpened()), (2, Tick()))
    assert effects[0] == Sound(Tone.ALARM)
    assert effects[-1] == Record(FaultCleared(Fault.OUTBOX_FULL))
    assert state.leaf == Open(1, 1, alarmed=True)
