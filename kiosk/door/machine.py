"""The door: from a card at the reader to one pulse of the strike.

    Idle --card--> AskingPin --PIN--> Verifying --admitted, decided, recorded--> pulse, Telling(welcome)
      \\--digits--> PinFirst --card--> Verifying          \\--refused----------> AskingPin or Telling(why)

The dialogue with a patron and the door's leaf (leaf.py) stand side by side: somebody may go out while another types.
Not responsible for: whether the patron may enter (access.py), words and pictures (ui/), the line (kiosk/lock).
"""

from dataclasses import replace
from typing import assert_never

from kiosk.door import access, leaf
from kiosk.door.access import Granted
from kiosk.door.states import (
    Admission,
    AdmissionRefused,
    AskAdmission,
    AskingPin,
    Dialogue,
    Effect,
    Given,
    Idle,
    NotPulsed,
    NotRecorded,
    PinFirst,
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
from kiosk.event import DoorForced, DoorHeld, EntryGranted, EntryRefused, EntryUnused, FaultCleared, FaultRaised
from kiosk.fault import OUTBOX, Cleared, Raised
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
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
    Now,
    Pin,
    Question,
    Tick,
    Unreadable,
)

Step = tuple[State, tuple[Effect, ...]]
_Talk = tuple[Dialogue, tuple[Effect, ...]]


def step(state: State, given: Given, now: Now, rules: Rules) -> Step:
    """Decide what one input means. Pure: same arguments, same answer."""
    match given:
        case ContactOpened() | ContactClosed() | ExitRequested():
            return _leaf(state, given, now, rules)
        case Tick():
            return _tick(state, given, now, rules)
        case Raised(fault):
            return replace(state, faults=state.faults | {fault}), _news(FaultRaised(fault), fault not in state.faults)
        case Cleared(fault):
            return replace(state, faults=state.faults - {fault}), _news(FaultCleared(fault), fault in state.faults)
        case NotRecorded() | NotPulsed():
            return _not_done(state, given, now, rules)
        case Admission(asked, facts) if isinstance(state.dialogue, Verifying) and asked == state.dialogue.asked:
            return _admitted(state, facts, now, rules)
        case (
            CardSwiped()
            | CodeScanned()
            | Unreadable()
            | DigitTyped()
            | ClearTyped()
            | EnterTyped()
            | Admission()
            | AdmissionRefused()
            | StoreSilent()
        ):
            talk, effects = _talk(state.dialogue, given, now, rules)
            return replace(state, dialogue=talk), effects
        case _:
            assert_never(given)


def _tick(state: State, given: Tick, now: Now, rules: Rules) -> Step:
    """While nothing can be written, each tick tries: when this Record is refused, the unit raises the fault again."""
    broken = sorted(state.faults & OUTBOX, key=lambda fault: fault.value)
    moved, effects = _leaf(replace(state, faults=state.faults - OUTBOX), given, now, rules)
    talk, more = _talk(moved.dialogue, given, now, rules)
    return replace(moved, dialogue=talk), (*effects, *more, *(Record(FaultCleared(f)) for f in broken))


def _news(event: FaultRaised | FaultCleared, changed: bool) -> tuple[Effect, ...]:
    """A fault of the outbox cannot be written into the outbox."""
    unwritable = isinstance(event, FaultRaised) and event.fault in OUTBOX
    return (Record(event),) if changed and not unwritable else ()


def _leaf(state: State, given: leaf.Given, now: Now, rules: Rules) -> Step:
    moved, events = leaf.step(state.leaf, given, now, rules.leaf)
    alarmed = any(isinstance(event, DoorForced | DoorHeld) for event in events)
    effects: list[Effect] = [Sound(Tone.ALARM)] if alarmed else []  # before any record: a full disk silences no alarm
    effects += [Record(event) for event in events]
    if isinstance(state.leaf, leaf.Open) and state.leaf.alarmed and isinstance(moved, leaf.Shut):
        effects.append(Sound(Tone.QUIET))
    return replace(state, leaf=moved), tuple(effects)


def _not_done(state: State, given: NotRecorded | NotPulsed, now: Now, rules: Rules) -> Step:
    """The welcome is taken back. Where the grant is on the disk and the lock did not rise, nobody went in on it."""
    granted = isinstance(state.leaf, leaf.Expected) and state.leaf.entry
    unused = (Record(EntryUnused()),) if granted and isinstance(given, NotPulsed) else ()
    told = Telling(Denial.OUT_OF_ORDER, now.mono + rules.tell_s)
    return replace(state, dialogue=told, leaf=leaf.not_pulsed(state.leaf)), (Sound(Tone.DENIED), *unused)


def _admitted(state: State, facts: AdmissionFacts, now: Now, rules: Rules) -> Step:
    match access.decide(facts, rules.access, rules.mode):
        case Granted():
            told = Telling(Told.WELCOME, now.mono + rules.pulse_s)
            opened = replace(state, dialogue=told, leaf=leaf.granted(state.leaf, now, rules.pulse_s))
            record = Record(EntryGranted(facts.patron))
            return opened, (record, PulseStrike(rules.pulse_s), Sound(Tone.GRANTED))
        case why:
            talk, effects = _deny(why, now, rules)
            return replace(state, dialogue=talk), effects


# --- the dialogue -------------------------------------------------------------------------------

_Said = (
    CardSwiped
    | CodeScanned
    | Unreadable
    | DigitTyped
    | ClearTyped
    | EnterTyped
    | Admission
    | AdmissionRefused
    | StoreSilent
    | Tick
)


def _talk(talk: Dialogue, given: _Said, now: Now, rules: Rules) -> _Talk:
    match talk:
        case Idle():
            return _idle(talk, given, now, rules)
        case PinFirst():
            return _pin_first(talk, given, now, rules)
        case AskingPin():
            return _asking_pin(talk, given, now, rules)
        case Verifying():
            return _verifying(talk, given, now, rules)
        case Telling():
            return _telling(talk, given, now, rules)
        case _:
            assert_never(talk)


def _idle(talk: Idle, given: _Said, now: Now, rules: Rules) -> _Talk:
    match given:
        case CardSwiped() | CodeScanned():
            return _card(_credential(given), Pin(), now, rules)
        case Unreadable():
            return Telling(Told.UNREADABLE, now.mono + rules.tell_s), (Sound(Tone.DENIED),)
        case DigitTyped(digit) if rules.mode is Mode.UNSTAFFED:
            return PinFirst(Pin(digit), now.mono + rules.pin_wait_s), ()
        case DigitTyped() | ClearTyped() | EnterTyped():
            return talk, ()
        case Admission() | AdmissionRefused() | StoreSilent() | Tick():
            return talk, ()
        case _:
            assert_never(given)


def _pin_first(talk: PinFirst, given: _Said, now: Now, rules: Rules) -> _Talk:
    match given:
        case CardSwiped() | CodeScanned():
            return _card(_credential(given), talk.pin, now, rules)
        case DigitTyped(digit) if len(talk.pin) < rules.pin_length:
            return PinFirst(talk.pin.typed(digit), now.mono + rules.pin_wait_s), ()
        case Tick() if now.mono >= talk.deadline:
            return Idle(), ()
        case ClearTyped():
            return Idle(), ()
        case Unreadable():
            return Telling(Told.UNREADABLE, now.mono + rules.tell_s), (Sound(Tone.DENIED),)
        case DigitTyped() | EnterTyped() | Admission() | AdmissionRefused() | StoreSilent() | Tick():
            return talk, ()
        case _:
            assert_never(given)


def _asking_pin(talk: AskingPin, given: _Said, now: Now, rules: Rules) -> _Talk:
    match given:
        case DigitTyped(digit):
            typed = replace(talk, pin=talk.pin.typed(digit), again=False, deadline=now.mono + rules.pin_wait_s)
            return _verify_when_whole(typed, now, rules)
        case ClearTyped() if len(talk.pin):
            return replace(talk, pin=Pin(), deadline=now.mono + rules.pin_wait_s), ()
        case ClearTyped():
            return Idle(), ()
        case CardSwiped() | CodeScanned():
            return _card(_credential(given), Pin(), now, rules)
        case Tick() if now.mono >= talk.deadline:
            return Idle(), ()
        case Unreadable() | EnterTyped() | Admission() | AdmissionRefused() | StoreSilent() | Tick():
            return talk, ()
        case _:
            assert_never(given)


def _verifying(talk: Verifying, given: _Said, now: Now, rules: Rules) -> _Talk:
    match given:
        case AdmissionRefused(asked) | StoreSilent(asked) | Admission(asked) if asked != talk.asked:
            return talk, ()
        case AdmissionRefused(_, AuthRefusal.LOCKED_OUT):
            return _deny(Denial.LOCKED_OUT, now, rules)
        case AdmissionRefused(asked, AuthRefusal.INVALID) if talk.tries_left > 1:
            again = AskingPin(asked.card, Pin(), talk.tries_left - 1, True, now.mono + rules.pin_wait_s)
            return again, (Record(EntryRefused(Denial.NOT_ACCEPTED)), Sound(Tone.DENIED))
        case AdmissionRefused():
            return _deny(Denial.NOT_ACCEPTED, now, rules)
        case StoreSilent():
            return _deny(Denial.OFFLINE, now, rules)
        case Tick() if now.mono >= talk.deadline:
            return _deny(Denial.OFFLINE, now, rules)
        case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped() | ClearTyped() | EnterTyped():
            return talk, ()
        case Admission() | Tick():
            return talk, ()
        case _:
            assert_never(given)


def _telling(talk: Telling, given: _Said, now: Now, rules: Rules) -> _Talk:
    match given:
        case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped() if talk.what is Told.WELCOME:
            return talk, ()  # one after the other: the lock takes no second pulse while the first one runs
        case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped():
            return _idle(Idle(), given, now, rules)
        case Tick() if now.mono >= talk.deadline:
            return Idle(), ()
        case ClearTyped() | EnterTyped() | Admission() | AdmissionRefused() | StoreSilent() | Tick():
            return talk, ()
        case _:
            assert_never(given)


def _card(card: Credential, pin: Pin, now: Now, rules: Rules) -> _Talk:
    """A card was shown. No PIN is asked for when nobody could be let in anyway."""
    if rules.mode is not Mode.UNSTAFFED:
        why = Denial.STAFFED if rules.mode is Mode.STAFFED else Denial.CLOSED
        return _deny(why, now, rules)
    asking = AskingPin(card, pin, rules.pin_tries, False, now.mono + rules.pin_wait_s)
    return _verify_when_whole(asking, now, rules)


def _verify_when_whole(talk: AskingPin, now: Now, rules: Rules) -> _Talk:
    if len(talk.pin) < rules.pin_length:
        return talk, ()
    question = Question(talk.card, talk.pin)
    return Verifying(question, talk.tries_left, now.mono + rules.verify_s), (AskAdmission(question),)


def _deny(why: Denial, now: Now, rules: Rules) -> _Talk:
    return Telling(why, now.mono + rules.tell_s), (Record(EntryRefused(why)), Sound(Tone.DENIED))


def _credential(read: CardSwiped | CodeScanned) -> Credential:
    return read.credential if isinstance(read, CardSwiped) else Credential(read.code)
