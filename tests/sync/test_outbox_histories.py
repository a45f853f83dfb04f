"""Any order of records, questions, lost answers, orders and deaths."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.event import (
    KINDS,
    Because,
    DoorClosed,
    EventDiscarded,
    LoanGivenUp,
)
from kiosk.model import EventId, ItemId
from sync import seal
from tests.sync.bench_store import BenchClock, BenchStore, Unit

KEY = seal.generate()
BOOK = ItemId("5001234567")


class Histories(RuleBasedStateMachine):
    """Records, questions, lost answers, refusals, orders and deaths in any order: the store has each event once."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[str] = []
        self.discarded: list[str] = []
        self.open: list[EventId] = []
        self.asked = self.given_up = 0
        self.store = BenchStore(KEY)
        self.deaths = 0
        self.folder = Path(tempfile.mkdtemp())
        self.unit = Unit(self.folder / "0", BenchClock(), KEY)

    @rule(refuse=st.booleans(), pile=st.integers(1, 3))
    def record(self, refuse: bool, pile: int) -> None:
        numbers = range(len(self.recorded), len(self.recorded) + pile)
        self.unit.outbox.record_all([(DoorClosed(number), EventId(f"{number:032d}")) for number in numbers])
        self.recorded += [f"{number:032d}" for number in numbers]
        if refuse:
            self.store.refuses.add(self.recorded[-1])

    @precondition(lambda self: self.recorded)
    @rule(which=st.integers(0, 10_000))
    def record_again_what_waits(self, which: int) -> None:
        waiting = self.unit.outbox.pending().events
        if waiting and waiting[which % len(waiting)].kind == "door.closed":
            event = EventId(waiting[which % len(waiting)].event_id)
            self.unit.outbox.record(DoorClosed(0), event)

    @rule()
    def ask(self) -> None:
        self.asked += 1
        self.open.append(EventId(f"asked{self.asked:027d}"))
        self.unit.outbox.ask(self.open[-1], BOOK)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 10_000), how=st.sampled_from(["lent", "refused", "silence"]))
    def answer(self, which: int, how: str) -> None:
        asked = self.open.pop(which % len(self.open))
        match how:
            case "lent":
                self.unit.outbox.record(DoorClosed(len(self.recorded)), asked)
                self.recorded.append(asked)
            case "refused":
                self.unit.outbox.answered(asked)
            case _:
                self.unit.outbox.record(LoanGivenUp(asked, BOOK))
                self.given_up += 1

    @rule(limit=st.integers(1, 5), heard=st.booleans())
    def push(self, limit: int, heard: bool) -> None:
        batch = self.unit.outbox.pending(limit)
        results = self.store.push(batch).results
        if heard:
            self.unit.outbox.confirm(results)

    @rule(again=st.booleans(), which=st.integers(0, 10_000))
    def act(self, again: bool, which: int) -> None:
        parked = self.unit.outbox.parked()
        if parked:
            event = parked[which % len(parked)].event
            if again:
                assert self.unit.outbox.retry(event)
            else:
                assert self.unit.outbox.discard(event, Because.TRIAL)
                self.discarded.append(event)

    @rule(hours=st.sampled_from([0.1, 1.1]))
    def wait(self, hours: float) -> None:
        self.unit.clock.advance(hours * 3600)

    @rule()
    def die(self) -> None:
        self.deaths += 1
        left = self.unit.died(self.folder / str(self.deaths))
        self.unit.close()
        self.unit = left
        self.given_up += len(self.open)
        self.open.clear()

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        with self.unit.file.statements() as statements:
            waiting = statements.rows("SELECT event_id, kind FROM events WHERE refused IS NULL ORDER BY place")
        kept = [event for _, event in self.store.kept]
        here = {str(event_id) for event_id, kind in waiting if kind == "door.closed"}
        assert set(self.recorded) - here <= self.store.seen.keys()
        assert self.unit.outbox.counts().waiting == len(waiting)
        doors = [event.open_s for event in kept if isinstance(event, DoorClosed)]
        assert doors == sorted(set(doors))
        assert {one.event for one in self.unit.outbox.parked()} <= self.store.refuses
        told = [event.event for event in kept if isinstance(event, EventDiscarded)]
        assert told == self.discarded[: len(told)]
        sent = {event_id for event_id, kind in waiting if event_id in self.store.seen}
        for name, expected in (("loan.given_up", self.given_up), ("event.discarded", len(self.discarded))):
            here_still = sum(kind == name and event_id not in sent for event_id, kind in waiting)
            there = sum(KINDS[type(event)] == name for event in kept)
            assert here_still + there == expected

    def teardown(self) -> None:
        self.unit.close()
        shutil.rmtree(self.folder)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
