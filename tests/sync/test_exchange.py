"""The rounds with the store: exactly once under every loss, faults told once, back-off bounded, a thread that ends."""

import queue
import sqlite3
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kiosk.event import DoorClosed, DoorHeld, Event, ItemLent
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import EventId, ItemId, PatronId
from sync import seal
from sync.exchange import Exchange, ReplicaKept, Rhythm, Round
from sync.replica import BranchRules, Replica
from sync.rest.wire import MAX_BATCH, BlockList, ReplicaAnswer
from tests.sync.bench_store import BRANCH, BenchClock, BenchStore, Unit

KEY = seal.generate()
NOON = datetime(2026, 3, 2, 10, tzinfo=UTC)
RULES = BranchRules("Ulfborg", "Mo-Fr 10:00-17:00", "Mo-Su 07:00-22:00", 15, 30, frozenset(), NOON)
LENT: Event = ItemLent(PatronId("patron-1"), ItemId("5001234567"), date(2026, 4, 1), offline=True)
Told = Raised | Cleared | ReplicaKept


def longest(_: float, most: float) -> float:
    return most


class Desk:
    """A unit with its exchange, and what it was told."""

    def __init__(self, folder: Path, rhythm: Rhythm) -> None:
        self.clock = BenchClock()
        self.unit = Unit(folder, self.clock, KEY)
        self.store = BenchStore(KEY)
        self.told: list[Told] = []
        self.replica = Replica(self.unit.file, BRANCH)
        self.exchange = Exchange(self.store, self.unit.outbox, self.replica, self.told.append, self.clock, rhythm)

    def record(self, count: int) -> None:
        for number in range(count):
            self.unit.outbox.record(DoorClosed(number))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "unit", Rhythm(jitter=longest))
    yield made
    made.unit.close()


# --- a round --------------------------------------------------------------------------------------


def test_the_first_round_pushes_before_it_pulls(desk: Desk) -> None:
    desk.record(3)
    assert desk.exchange.round() == Round(delivered=3, pulled=True)
    assert desk.store.asked == ["push", "replica"]
    assert desk.told == [ReplicaKept(RULES)]


def test_a_long_queue_goes_in_batches_in_order(desk: Desk) -> None:
    desk.record(2 * MAX_BATCH + 5)
    assert desk.exchange.round().delivered == 205
    assert desk.store.batches == [MAX_BATCH, MAX_BATCH, 5]
    assert [sequence for sequence, _ in desk.store.kept] == list(range(1, 206))


def test_a_round_with_nothing_to_say_is_a_sign_of_life(desk: Desk) -> None:
    desk.exchange.round()
    assert desk.exchange.round() == Round()
    assert desk.store.asked == ["replica", "status"]


def test_the_rules_are_pulled_when_they_are_due_and_told_each_time(desk: Desk) -> None:
    desk.exchange.round()
    desk.clock.advance(299)
    assert not desk.exchange.round().pulled
    desk.clock.advance(1)
    assert desk.exchange.round().pulled
    desk.store.rules = desk.store.rules.model_copy(update={"staffed": "off"})
    desk.clock.advance(300)
    desk.exchange.round()
    assert desk.told == [ReplicaKept(RULES), ReplicaKept(RULES), ReplicaKept(replace(RULES, staffed="off"))]


def listing(cursor: str, *, whole: bool, key: bytes = bytes(32)) -> ReplicaAnswer:
    listed = BlockList(key=b64encode(key), listed=("00" * 16,), whole=whole)
    return BenchStore(KEY).rules.model_copy(update={"cursor": cursor, "block_list": listed})


def pull_again(desk: Desk) -> Round:
    desk.clock.advance(300)
    return desk.exchange.round()


def test_a_pull_asks_for_what_changed_since_the_last_one(desk: Desk) -> None:
    desk.store.rules = listing("00000000000000aa-1", whole=True)
    desk.exchange.round()
    pull_again(desk)
    assert desk.store.cursors == ["", "00000000000000aa-1"]


def test_after_nonsense_the_whole_list_is_asked_for(desk: Desk) -> None:
    """A store that changed its key within an epoch would otherwise stand as nonsense for ever."""
    desk.store.rules = listing("00000000000000aa-1", whole=True)
    desk.exchange.round()
    desk.store.rules = listing("00000000000000aa-2", whole=False, key=b"1" * 32)
    assert pull_again(desk).fault is Fault.STORE_NONSENSE
    desk.store.rules = listing("00000000000000aa-2", whole=True, key=b"1" * 32)
    assert pull_again(desk).pulled
    assert desk.store.cursors == ["", "00000000000000aa-1", ""]
    assert desk.replica.cursor() == "00000000000000aa-2"


def test_a_pull_that_failed_is_due_at_once_again(desk: Desk) -> None:
    desk.store.faults = [Fault.STORE_SILENT]
    assert desk.exchange.round() == Round(fault=Fault.STORE_SILENT)
    assert desk.exchange.round().pulled


def test_refused_events_are_counted_and_the_rest_goes_on(desk: Desk) -> None:
    for number in range(5):
        desk.unit.outbox.record(DoorHeld(), EventId(f"{number:032d}"))
    desk.store.refuses = {f"{2:032d}"}
    assert desk.exchange.round() == Round(delivered=4, parked=1, pulled=True)


def test_an_idle_round_erases_what_a_reader_held_back(desk: Desk) -> None:
    desk.unit.outbox.record(LENT)
    sealed = desk.unit.outbox.pending().events[0].sealed
    reader = sqlite3.connect(f"file:{desk.unit.path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchall()
    desk.exchange.round()
    assert sealed in desk.unit.bytes()
    reader.close()
    desk.exchange.round()
    assert sealed not in desk.unit.bytes()


# --- lost answers ---------------------------------------------------------------------------------


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_kept_twice(desk: Desk) -> None:
    desk.unit.outbox.record(LENT)
    desk.store.cuts = 3
    for _ in range(3):
        assert desk.exchange.round().fault is Fault.STORE_SILENT
        assert desk.unit.outbox.counts().waiting == 1
    assert desk.exchange.round().delivered == 1
    assert desk.store.kept == [(1, LENT)]


def test_after_a_failure_the_batch_is_smaller_and_grows_again(desk: Desk) -> None:
    desk.record(300)
    desk.store.faults = [Fault.STORE_SILENT, Fault.STORE_NONSENSE]
    desk.exchange.round()
    desk.exchange.round()
    desk.exchange.round()
    assert desk.store.batches == [25, 50, 100, 100, 25]


def test_the_batch_never_falls_to_none(desk: Desk) -> None:
    desk.record(2)
    desk.store.faults = [Fault.STORE_SILENT] * 20
    for _ in range(20):
        desk.exchange.round()
    assert desk.exchange.round().delivered == 2


# --- ups and downs --------------------------------------------------------------------------------


def test_a_fault_is_told_when_it_begins_and_when_it_ends(desk: Desk) -> None:
    desk.exchange.round()
    desk.told.clear()
    desk.store.faults = [Fault.STORE_SILENT] * 5
    for _ in range(7):
        desk.exchange.round()
    assert desk.told == [Raised(Fault.STORE_SILENT), Cleared(Fault.STORE_SILENT)]


def test_one_fault_gives_way_to_another(desk: Desk) -> None:
    desk.exchange.round()
    desk.told.clear()
    desk.store.faults = [Fault.STORE_SILENT, Fault.STORE_REFUSES_DEVICE]
    desk.exchange.round()
    desk.exchange.round()
    assert desk.told == [
        Raised(Fault.STORE_SILENT),
        Cleared(Fault.STORE_SILENT),
        Raised(Fault.STORE_REFUSES_DEVICE),
    ]


def test_a_broken_file_is_told_too(desk: Desk) -> None:
    with desk.unit.file.transaction() as transaction:
        transaction.run("DROP TABLE events")
    assert desk.exchange.round() == Round(fault=Fault.OUTBOX_BROKEN)
    assert desk.told == [Raised(Fault.OUTBOX_BROKEN)]


def test_back_off_doubles_to_a_minute_and_ends_with_the_first_success(desk: Desk) -> None:
    assert desk.exchange.wait_s() == 15.0
    desk.store.faults = [Fault.STORE_SILENT] * 10
    waits = []
    for _ in range(10):
        desk.exchange.round()
        waits.append(desk.exchange.wait_s())
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    desk.exchange.round()
    assert desk.exchange.wait_s() == 15.0


def test_jitter_is_full(tmp_path: Path) -> None:
    """Two hundred machines that lost the store together do not come back together."""
    desk = Desk(tmp_path / "unit", Rhythm())
    desk.store.faults = [Fault.STORE_SILENT] * 5
    for _ in range(5):
        desk.exchange.round()
    waits = [desk.exchange.wait_s() for _ in range(200)]
    assert 0 <= min(waits) < 2
    assert 6 < max(waits) <= 8
    desk.unit.close()


# --- the thread -----------------------------------------------------------------------------------


class Waiting(BenchStore):
    """A store whose calls a test can wait for, and may hold."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.called: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go = threading.Event()
        self.go.set()

    def _met(self, question: str) -> None:
        self.called.put(question)
        self.go.wait(10)
        super()._met(question)

    def until(self, question: str) -> None:
        while self.called.get(timeout=10) != question:
            pass

    def stays_unasked(self) -> bool:
        """For a tenth of a second: a thread that spins would ask hundreds of times."""
        try:
            self.called.get(timeout=0.1)
        except queue.Empty:
            return True
        return False


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[Desk, Waiting]]:
    desk, store = Desk(tmp_path / "unit", Rhythm()), Waiting()
    desk.exchange = Exchange(
        store,
        desk.unit.outbox,
        desk.replica,
        desk.told.append,
        desk.clock,
        Rhythm(period_s=3600.0, backoff_first_s=0.001),
    )
    yield desk, store
    store.go.set()
    desk.exchange.stop(10)
    desk.unit.close()


def test_a_nudge_pushes_at_once(waiting: tuple[Desk, Waiting]) -> None:
    desk, store = waiting
    desk.exchange.start()
    store.until("replica")
    desk.record(1)
    desk.exchange.nudge()
    store.until("push")
    assert store.stays_unasked()
    assert desk.exchange.stop(10)
    assert len(store.kept) == 1


def test_what_is_recorded_during_a_round_is_pushed_without_waiting_for_the_period(
    waiting: tuple[Desk, Waiting],
) -> None:
    desk, store = waiting
    store.go.clear()
    desk.exchange.start()
    store.until("replica")  # after the pushes of this round
    desk.record(1)
    desk.exchange.nudge()
    store.go.set()
    store.until("push")


def test_stop_ends_a_thread_that_waits(waiting: tuple[Desk, Waiting]) -> None:
    desk, store = waiting
    desk.exchange.start()
    store.until("replica")
    assert desk.exchange.stop(10)


def test_stop_is_harmless_before_a_start_and_twice(desk: Desk) -> None:
    assert desk.exchange.stop(0.0)
    desk.exchange.start()
    assert desk.exchange.stop(10)
    assert desk.store.asked == []


def test_stop_does_not_wait_for_a_long_queue(waiting: tuple[Desk, Waiting]) -> None:
    desk, store = waiting
    store.go.clear()
    desk.record(3 * MAX_BATCH)
    desk.exchange.start()
    store.until("push")
    assert not desk.exchange.stop(0.0)
    store.go.set()
    assert desk.exchange.stop(10)
    assert store.batches == [MAX_BATCH]
    assert desk.unit.outbox.counts().waiting == 2 * MAX_BATCH


def test_a_silent_store_is_tried_again_without_a_nudge(waiting: tuple[Desk, Waiting]) -> None:
    desk, store = waiting
    store.faults = [Fault.STORE_SILENT] * 3
    desk.record(1)
    desk.exchange.start()
    store.until("replica")
    assert desk.exchange.stop(10)
    assert store.asked == ["push"] * 4 + ["replica"]
    assert desk.told[:2] == [Raised(Fault.STORE_SILENT), ReplicaKept(RULES)]


def test_a_nudge_does_not_cut_the_back_off_short(tmp_path: Path) -> None:
    desk, store = Desk(tmp_path / "unit", Rhythm()), Waiting()
    rhythm = Rhythm(backoff_first_s=3600.0, backoff_most_s=3600.0, jitter=longest)
    exchange = Exchange(store, desk.unit.outbox, desk.replica, desk.told.append, desk.clock, rhythm)
    store.faults = [Fault.STORE_SILENT]
    exchange.start()
    store.until("replica")
    for _ in range(100):
        exchange.nudge()
    assert store.stays_unasked()
    assert exchange.stop(10)
    assert store.asked == ["replica"]
    desk.unit.close()
