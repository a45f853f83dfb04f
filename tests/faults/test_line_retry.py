"""A store that says when to ask again is heeded, within bounds; a clock that jumps lengthens no wait."""

import queue
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.event import DoorHeld
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock, system_clock
from kiosk.model import BranchId, Now
from sync import seal
from sync.exchange import Exchange, Rhythm
from sync.replica import Replica
from sync.rest import wire
from sync.rest.client import RestStore
from sync.rest.retry import MOST_S, Busy, after_s
from tests.sync.bench_store import BRANCH, BenchClock, Unit
from tests.sync.rest.scripted import Installation, says, store

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
RULES = wire.ReplicaAnswer(
    as_of=datetime(2026, 3, 2, 10, tzinfo=UTC),
    branch_id=BRANCH,
    name="Ulfborg",
    staffed="Mo-Fr 10:00-17:00",
    unstaffed="Mo-Su 07:00-22:00",
    minimum_age=15,
    loan_days=30,
)
KEY = seal.generate()
YEARS = timedelta(days=3650)


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


# --- what the header says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 30 ", 30.0),
        ("300", 300.0),
        ("301", MOST_S),
        ("999999999", MOST_S),
        ("9" * 400, 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("1e9", 0.0),
        ("٣", 0.0),  # a digit, and none of HTTP's
        ("soon", 0.0),
        ("", 0.0),
        (http_date(NOW + timedelta(seconds=40)), 40.0),
        (http_date(NOW - timedelta(seconds=40)), 0.0),
        (http_date(NOW + YEARS), MOST_S),
        ("Tue, 24 Nov 2026 09:31:00 -0000", 60.0),
        ("Tue, 99 Nov 2026 09:31:00 GMT", 0.0),
        ("Tue, 24 Nov 99999 09:31:00 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(said: str, seconds: float) -> None:
    assert after_s(said, "", NOW) == seconds


@pytest.mark.parametrize("ours", [NOW, NOW - YEARS, NOW + YEARS])
def test_a_date_is_measured_by_the_clock_that_gave_it(ours: datetime) -> None:
    assert after_s(http_date(NOW + timedelta(seconds=40)), http_date(NOW), ours) == 40.0


@pytest.mark.parametrize("ours", [NOW - YEARS, NOW + YEARS])
def test_a_clock_that_is_wrong_makes_no_wait_longer_than_the_bound(ours: datetime) -> None:
    assert after_s(http_date(NOW + timedelta(seconds=40)), "", ours) in (0.0, MOST_S)


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_the_headers_say_the_wait_is_bounded(said: str, dated: str) -> None:
    assert 0 <= after_s(said, dated, NOW) <= MOST_S


# --- as the client hears it -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("pki"))


def heard(installation: Installation, status: int, more: str, clock: Clock = system_clock) -> DeviceFault:
    with store(installation.context(), says({}, status, more)) as running:
        asking = RestStore(running.address, installation.credentials, 10.0, clock)
        with pytest.raises(DeviceFault) as caught:
            asking.status()
        asking.close()
    return caught.value


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_busy_store_is_silent_and_says_for_how_long(installation: Installation, status: int) -> None:
    fault = heard(installation, status, "Retry-After: 12\r\n")
    assert isinstance(fault, Busy)
    assert (fault.fault, fault.after_s) == (Fault.STORE_SILENT, 12.0)
    assert str(fault) == Fault.STORE_SILENT.value


@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_a_machine_whose_clock_jumped_waits_as_long_as_the_store_said(
    installation: Installation, jump: timedelta
) -> None:
    def jumped() -> Now:
        now = system_clock()
        return Now(now.wall + jump, now.mono, synced=False)

    more = f"Date: {http_date(NOW)}\r\nRetry-After: {http_date(NOW + timedelta(seconds=90))}\r\n"
    fault = heard(installation, 503, more, jumped)
    assert isinstance(fault, Busy)
    assert fault.after_s == 90.0


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_another_answer_is_not_busy_whatever_it_says(installation: Installation, status: int) -> None:
    assert not isinstance(heard(installation, status, "Retry-After: 12\r\n"), Busy)


def test_two_different_times_are_none(installation: Installation) -> None:
    fault = heard(installation, 503, "Retry-After: 12\r\nRetry-After: 13\r\n")
    assert isinstance(fault, Busy)
    assert fault.after_s == 0.0


# --- as the exchange waits ------------------------------------------------------------------------


class Store:
    """Meets each question with the next fault; answers when there is none. asked: one word per question."""

    def __init__(self, *faults: DeviceFault) -> None:
        self.faults = list(faults)
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    def _meet(self, word: str) -> None:
        self.asked.put(word)
        if self.faults:
            raise self.faults.pop(0)

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        self._meet("push")
        outcome = wire.EventOutcome.ACCEPTED
        results = tuple(wire.EventResult(event_id=event.event_id, outcome=outcome) for event in question.events)
        return wire.EventsAnswer(results=results)

    def replica(self, branch: BranchId, cursor: str) -> wire.ReplicaAnswer:
        self._meet("replica")
        return RULES.model_copy(update={"branch_id": branch, "cursor": cursor})

    def status(self) -> wire.StatusAnswer:
        self._meet("status")
        return wire.StatusAnswer(time=NOW, version="1")


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock = BenchClock()
        self.unit = Unit(folder, self.clock, KEY)
        self.replica = Replica(self.unit.file, BRANCH)

    def exchange(self, store: Store, rhythm: Rhythm) -> Exchange:
        return Exchange(store, self.unit.outbox, self.replica, lambda _: None, self.clock, rhythm)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "unit")
    yield made
    made.unit.close()


def shortest(least: float, _: float) -> float:
    return least


def longest(_: float, most: float) -> float:
    return most


def silent() -> DeviceFault:
    return DeviceFault(Fault.STORE_SILENT)


def test_what_the_store_asked_for_is_waited_out_and_spread_behind(bench: Bench) -> None:
    """It told five hundred machines the same, in the same minute."""
    early = bench.exchange(Store(Busy(30.0)), Rhythm(jitter=shortest))
    late = bench.exchange(Store(Busy(30.0)), Rhythm(jitter=longest))
    early.round()
    late.round()
    assert (early.wait_s(), late.wait_s()) == (30.0, 60.0)


def test_a_short_word_does_not_shorten_the_back_off(bench: Bench) -> None:
    exchange = bench.exchange(Store(*(Busy(1.0) for _ in range(7))), Rhythm(jitter=longest))
    for _ in range(7):
        exchange.round()
    assert exchange.wait_s() == 1.0 + 32.0


def test_the_word_holds_for_one_wait_only(bench: Bench) -> None:
    exchange = bench.exchange(Store(Busy(30.0), silent()), Rhythm(jitter=longest))
    exchange.round()
    exchange.round()
    assert exchange.wait_s() == 1.0
    exchange.round()
    assert exchange.wait_s() == Rhythm().period_s


def test_without_jitter_nobody_waits_less_than_the_store_asked(bench: Bench) -> None:
    exchange = bench.exchange(Store(Busy(MOST_S)), Rhythm())
    exchange.round()
    assert all(MOST_S <= exchange.wait_s() <= 2 * MOST_S for _ in range(200))


def test_an_event_that_met_too_many_requests_is_never_parked(bench: Bench) -> None:
    bench.unit.outbox.record(DoorHeld())
    bench.unit.outbox.record(DoorHeld())
    exchange = bench.exchange(Store(*(Busy(1.0) for _ in range(20))), Rhythm())
    for _ in range(20):
        exchange.round()
    assert bench.unit.outbox.parked() == ()
    assert exchange.round().delivered == 2


def test_machines_that_were_started_together_drift_apart(bench: Bench) -> None:
    exchange = bench.exchange(Store(), Rhythm())
    waits = [exchange.wait_s() for _ in range(200)]
    assert 12.0 <= min(waits) < 12.6
    assert 14.4 < max(waits) <= 15.0


@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_a_clock_that_jumps_lengthens_no_wait(bench: Bench, jump: timedelta) -> None:
    exchange = bench.exchange(Store(silent(), silent(), Busy(30.0)), Rhythm(jitter=longest))
    exchange.round()
    bench.clock.turn(NOW + jump)
    assert exchange.wait_s() == 0.5
    exchange.round()
    assert exchange.wait_s() == 1.0
    exchange.round()
    bench.clock.turn(NOW)
    assert exchange.wait_s() == 60.0


class Jumping(Store):
    """Somebody sets the clock whenever it is asked."""

    clock: BenchClock

    def _meet(self, word: str) -> None:
        years = YEARS if len(self.faults) % 2 else -YEARS
        self.clock.turn(NOW + years)
        super()._meet(word)


def test_a_thread_in_its_back_off_wakes_although_the_clock_was_set(bench: Bench) -> None:
    store = Jumping(*(silent() for _ in range(6)))
    store.clock = bench.clock
    exchange = bench.exchange(store, Rhythm(period_s=3600.0, backoff_first_s=0.002))
    exchange.start()
    assert [store.asked.get(timeout=10) for _ in range(7)] == ["replica"] * 7
    assert exchange.stop(10)


def test_a_machine_that_is_told_to_wait_still_stops_at_once(bench: Bench) -> None:
    store = Store(Busy(MOST_S))
    exchange = bench.exchange(store, Rhythm())
    exchange.start()
    store.asked.get(timeout=10)
    exchange.nudge()
    assert exchange.stop(10)
    assert store.asked.empty()
