"""One event that the store can make nothing of holds up nobody, and a store that answers nothing parks nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.event import DoorClosed
from kiosk.fault import DeviceFault, Fault
from kiosk.model import EventId
from sync import seal
from sync.exchange import NOT_ANSWERED, Exchange, Rhythm
from sync.replica import Replica
from sync.rest import wire
from tests.sync.bench_store import BRANCH, BenchClock, BenchStore, Unit

KEY = seal.generate()
POISON = EventId(f"{7:032d}")


class Choking(BenchStore):
    """Fails as a whole on any batch with one of these in it, as a server does that crashes on it."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.chokes: set[str] = {POISON}

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        if any(event.event_id in self.chokes for event in question.events):
            raise DeviceFault(Fault.STORE_NONSENSE)
        return super().push(question)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    for number in range(20):
        made.outbox.record(DoorClosed(number), EventId(f"{number:032d}"))
    yield made
    made.close()


def rounds(unit: Unit, store: BenchStore, count: int = 20) -> None:
    exchange = Exchange(store, unit.outbox, Replica(unit.file, BRANCH), lambda _: None, unit.clock, Rhythm())
    for _ in range(count):
        exchange.round()


def test_the_one_is_parked_and_all_others_arrive_in_order(unit: Unit) -> None:
    store = Choking()
    rounds(unit, store)
    assert [sequence for sequence, _ in store.kept] == [n for n in range(1, 21) if n != 8]
    assert [(one.event, one.reason) for one in unit.outbox.parked()] == [(POISON, NOT_ANSWERED)]
    assert unit.outbox.counts().waiting == 0


def test_a_store_that_can_answer_nothing_parks_nothing(unit: Unit) -> None:
    store = Choking()
    store.chokes = {f"{number:032d}" for number in range(20)}
    rounds(unit, store)
    assert (unit.outbox.counts().waiting, unit.outbox.counts().parked) == (20, 0)
    assert store.kept == []
    store.chokes = set()
    rounds(unit, store)
    assert len(store.kept) == 20


def test_the_last_one_waits_until_there_is_another_to_tell_it_by(unit: Unit) -> None:
    store = Choking()
    store.chokes = {f"{19:032d}"}
    rounds(unit, store)
    assert (unit.outbox.counts().waiting, unit.outbox.counts().parked) == (1, 0)
    unit.outbox.record(DoorClosed(20))
    rounds(unit, store)
    assert (unit.outbox.counts().waiting, unit.outbox.counts().parked) == (0, 1)


def test_silence_parks_nothing(unit: Unit) -> None:
    """Not even when one question is lost and the next one is heard."""
    store = BenchStore(KEY)
    store.faults = [Fault.STORE_SILENT] * 7  # six make a batch of one
    rounds(unit, store)
    assert unit.outbox.counts().parked == 0
    assert len(store.kept) == 20


def test_a_store_that_comes_to_itself_between_the_two_parks_nothing(unit: Unit) -> None:
    store = BenchStore(KEY)
    store.faults = [Fault.STORE_NONSENSE] * 7  # six make a batch of one
    rounds(unit, store)
    assert unit.outbox.counts().parked == 0
    assert len(store.kept) == 20


def test_one_that_was_parked_so_can_be_sent_again(unit: Unit) -> None:
    store = Choking()
    rounds(unit, store)
    store.chokes = set()
    assert unit.outbox.retry(POISON)
    rounds(unit, store)
    assert store.kept[-1] == (8, DoorClosed(7))


def test_chores_are_done_before_each_round_and_their_fault_is_told(unit: Unit) -> None:
    said: list[object] = []

    def broken() -> None:
        raise DeviceFault(Fault.OUTBOX_NEWER)

    exchange = Exchange(
        BenchStore(KEY), unit.outbox, Replica(unit.file, BRANCH), said.append, unit.clock, Rhythm(), broken
    )
    assert exchange.round().fault is Fault.OUTBOX_NEWER
    assert len(said) == 1
