"""What an outbox has promised at a moment, and what a start from a cut disk makes of it.

In the middle of an act (record, confirm, retry, ...) the file may be as before it or as after it, and nothing else.
What was asked and not answered is no promise: a start may give it up, but never a loan that was confirmed.

Not responsible for: the disk (cut_disk.py), the acts (life.py).
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from kiosk import event as events
from kiosk.event import Because, DoorHeld, Event, EventDiscarded, LoanGivenUp
from kiosk.fault import DeviceFault
from kiosk.model import EventId
from sync import seal
from sync.outbox import Outbox
from sync.rest.wire import EventOutcome, EventResult, EventsQuestion, SealedEvent
from sync.store import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock

FILE = "unit.db"
_AFTERWARDS = EventId("recorded-afterwards")


@dataclass(frozen=True, slots=True)
class Promised:
    """Events by name. waiting: confirmed to a person, not yet at the store. parked: refused by it."""

    waiting: Mapping[str, Event] = field(default_factory=dict)
    parked: Mapping[str, Event] = field(default_factory=dict)

    def recorded(self, more: Mapping[str, Event]) -> "Promised":
        return Promised({**self.waiting, **more}, self.parked)

    def told(self, outcomes: Mapping[str, EventOutcome]) -> "Promised":
        waiting = {name: event for name, event in self.waiting.items() if name not in outcomes}
        refused = {name: self.waiting[name] for name, said in outcomes.items() if said is EventOutcome.REFUSED}
        return Promised(waiting, {**self.parked, **refused})

    def again(self, name: str) -> "Promised":
        return Promised({**self.waiting, name: self.parked[name]}, _without(self.parked, name))

    def discarded(self, name: str, why: Because) -> "Promised":
        """Which is an event too."""
        said = EventDiscarded(EventId(name), events.kind(self.parked[name]), why)
        return Promised({**self.waiting, name_of("", said): said}, _without(self.parked, name))


def _without(those: Mapping[str, Event], name: str) -> Mapping[str, Event]:
    return {other: event for other, event in those.items() if other != name}


def name_of(event_id: str, event: Event) -> str:
    """Its id; but of one whose id the outbox makes by itself, what it says."""
    return f"discarded {event.event}" if isinstance(event, EventDiscarded) else event_id


# --- the store ------------------------------------------------------------------------------------


class Ledger:
    """Keeps each event once, by its id; notes every sequence. Opens what is sealed."""

    def __init__(self, opener: seal.Opener) -> None:
        self._opener = opener
        self.kept: dict[str, Event] = {}
        self.sequences: dict[tuple[str, int], str] = {}
        self.reused = 0  # a sequence, by another event
        self.twice = 0  # an event that was here

    def copy(self) -> "Ledger":
        made = Ledger(self._opener)
        made.kept, made.sequences = dict(self.kept), dict(self.sequences)
        return made

    def named(self, batch: EventsQuestion) -> dict[str, str]:
        """The id of each event to its name."""
        return {event.event_id: name_of(event.event_id, self._opened(batch, event)) for event in batch.events}

    def push(self, batch: EventsQuestion, refused: Callable[[Event], bool]) -> tuple[EventResult, ...]:
        return tuple(self._take(batch, event, refused) for event in batch.events)

    def _take(self, batch: EventsQuestion, sealed: SealedEvent, refused: Callable[[Event], bool]) -> EventResult:
        event, event_id = self._opened(batch, sealed), sealed.event_id
        self.reused += self.sequences.setdefault((batch.queue_epoch, sealed.sequence), event_id) != event_id
        if refused(event):
            return EventResult(event_id=event_id, outcome=EventOutcome.REFUSED, reason="onLoan")
        self.twice += event_id in self.kept
        outcome = EventOutcome.DUPLICATE if event_id in self.kept else EventOutcome.ACCEPTED
        self.kept[event_id] = event
        return EventResult(event_id=event_id, outcome=outcome)

    def _opened(self, batch: EventsQuestion, event: SealedEvent) -> Event:
        wrapped = {key.key_id: key.wrapped for key in batch.keys}[event.key_id]
        clear = event.sequence, event.event_id, event.kind, event.occurred_at
        aad = seal.associated(DEVICE, batch.queue_epoch, *clear)
        return events.decode(event.kind, self._opener.open(event.key_id, wrapped, event.sealed, aad))

    def is_without_gap(self) -> bool:
        """From 1, in every epoch."""
        found: dict[str, set[int]] = {}
        for epoch, sequence in self.sequences:
            found.setdefault(epoch, set()).add(sequence)
        return not self.reused and all(sequences == set(range(1, 1 + len(sequences))) for sequences in found.values())


# --- a start from a cut disk ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """When the power was cut. after: as the act under way leaves it; the same as before, between two acts.

    ledger: what the store had by then. damaged: the file was, and has gaps.
    """

    disk: Path
    before: Promised
    after: Promised
    ledger: Ledger
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Events that had to arrive, did, did not, and came again. broken: what else is wrong with the file."""

    confirmed: int
    arrived: int
    lost: int
    doubled: int
    broken: str = ""


def judged(moment: Moment, sealer: seal.Sealer) -> Verdict:
    """The unit of today started on what is left. Ends with the disk changed."""
    due = len(_due(moment.before.waiting, moment.after.waiting)) + len(_due(moment.before.parked, moment.after.parked))
    try:
        with closing(UnitFile(moment.disk / FILE)) as file:
            outbox = Outbox(file, sealer, DEVICE, BenchClock(), "boot-2")
            return _compared(moment, file, outbox)
    except DeviceFault as fault:
        return Verdict(due, 0, due, 0, fault.fault.value)
    except seal.SealError:
        return Verdict(due, 0, due, 0, "nobody can open it")


def _due(before: Mapping[str, Event], after: Mapping[str, Event]) -> set[str]:
    return before.keys() & after.keys()


def _compared(moment: Moment, file: UnitFile, outbox: Outbox) -> Verdict:
    before, after, ledger = moment.before, moment.after, moment.ledger
    parked, waiting = {one.event for one in outbox.parked()}, _delivered(outbox, ledger)
    known = {**before.waiting, **after.waiting}
    given_up = [event for name, event in waiting if isinstance(event, LoanGivenUp) and name not in known]
    names = [name for name, event in waiting if event not in given_up]
    due, due_parked = _due(before.waiting, after.waiting), _due(before.parked, after.parked)
    lost = len(due - set(names)) + len(due_parked - parked)
    doubled = len(names) - len(set(names) & known.keys())
    doubled += sum(event.asked in ledger.kept or event.asked in due for event in given_up)
    broken = "" if moment.damaged else _broken(file, outbox, ledger)
    whole = [(set(said.waiting), set(said.parked)) for said in (before, after)]
    if not broken and not lost and not doubled and (set(names), parked) not in whole:
        broken = "half an act"
    if any(known.get(name, event) != event for name, event in waiting):
        broken = "another event"
    confirmed = len(due) + len(due_parked)
    return Verdict(confirmed, confirmed - lost, lost, doubled, broken)


def _delivered(outbox: Outbox, ledger: Ledger) -> list[tuple[str, Event]]:
    """All that waited, to the store, by name."""
    found: list[tuple[str, Event]] = []
    while (batch := outbox.pending()).events:
        outbox.confirm(ledger.push(batch, lambda _: False))
        found += [(name, ledger.kept[event_id]) for event_id, name in ledger.named(batch).items()]
    return found


def _broken(file: UnitFile, outbox: Outbox, ledger: Ledger) -> str:
    """What is wrong with a file whose events have been delivered; nothing, mostly."""
    if list(file.path.parent.glob("*.broken")):
        return "set aside"
    if not ledger.is_without_gap():
        return "a gap"
    outbox.record(DoorHeld(), _AFTERWARDS)
    with closing(sqlite3.connect(file.path)) as other:
        if other.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            return "corrupt"
        triggers = {name for (name,) in other.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")}
    if triggers != {"epochs_stay", "epochs_count_up", "epochs_end_empty", *_GUARDS} or not _guarded(file):
        return "a trigger is gone"
    _delivered(outbox, ledger)
    return "" if ledger.is_without_gap() and _AFTERWARDS in ledger.kept else "a gap afterwards"


_GUARDS = (
    "events_stay_as_recorded",
    "events_follow_without_gap",
    "events_leave_their_sequence",
    "intents_end_with_their_event",
)


def _guarded(file: UnitFile) -> bool:
    """The file itself refuses to change what is recorded."""
    try:
        with file.transaction() as statements:
            statements.run("UPDATE events SET kind = 'door.held'")
    except DeviceFault:
        return True
    return False
