"""Many machines that lost the store together do not come back together: it is the jitter that does it.

The exchanges are real, the time is the test's: each machine's next round is when its own `wait_s` says.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from kiosk.fault import DeviceFault, Fault
from kiosk.model import BranchId
from sync import seal
from sync.exchange import Exchange, Rhythm
from sync.replica import Replica
from sync.rest import wire
from sync.rest.retry import Busy
from tests.faults.herd import Figures, Plan, Try, figures, longest, run
from tests.faults.tally import Line
from tests.sync.bench_store import BRANCH, BenchClock, Unit

MACHINES, BACK_AT_S, WATCHED_S = 200, 300.0, 120.0


class Store:
    """Away until it is back. busy_s: what it then says to the first question of each; 0: it answers."""

    def __init__(self, clock: BenchClock, back_at: float, busy_s: float = 0.0) -> None:
        self._clock, self._back_at, self._busy_s = clock, back_at, busy_s
        self.answers = 0

    def _meet(self) -> None:
        if self._clock().mono < self._back_at:
            raise DeviceFault(Fault.STORE_SILENT)
        busy_s, self._busy_s = self._busy_s, 0.0
        if busy_s:
            raise Busy(busy_s)
        self.answers += 1

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        self._meet()
        accepted = wire.EventOutcome.ACCEPTED
        return wire.EventsAnswer(
            results=tuple(wire.EventResult(event_id=e.event_id, outcome=accepted) for e in question.events)
        )

    def replica(self, branch: BranchId, cursor: str) -> wire.ReplicaAnswer:
        self._meet()
        return wire.ReplicaAnswer(
            as_of=self._clock().wall,
            branch_id=branch,
            name="Ulfborg",
            staffed="",
            unstaffed="",
            minimum_age=15,
            loan_days=30,
            cursor=cursor,
        )

    def status(self) -> wire.StatusAnswer:
        self._meet()
        return wire.StatusAnswer(time=self._clock().wall, version="1")


@dataclass
class Herd:
    """All start in the same second, without a store. In one unit's file, for what it holds does not matter here."""

    clock: BenchClock
    unit: Unit

    def run(self, jitter: Callable[[float, float], float], busy_s: float = 0.0) -> Figures:
        began = self.clock().mono
        stores = [Store(self.clock, began + BACK_AT_S, busy_s) for _ in range(MACHINES)]
        replica, rhythm = Replica(self.unit.file, BRANCH, lends=False), Rhythm(jitter=jitter)
        herd = [Exchange(store, self.unit.outbox, replica, lambda _: None, self.clock, rhythm) for store in stores]
        due = [(0.0, number) for number in range(MACHINES)]
        tries, drained = list[Try](), dict[int, float]()
        while due[0][0] < BACK_AT_S + WATCHED_S:
            at, number = heapq.heappop(due)
            self.clock.advance(began + at - self.clock().mono)
            said = herd[number].round()
            tries.append(Try(at, said.fault is None))
            if said.fault is None:
                drained.setdefault(number, at)
            heapq.heappush(due, (at + herd[number].wait_s(), number))
        return figures(MACHINES, tries, list(drained.values()), BACK_AT_S)


@pytest.fixture
def herd(tmp_path: Path) -> Herd:
    clock = BenchClock()
    return Herd(clock, Unit(tmp_path / "unit", clock, seal.generate()))


def test_with_jitter_they_come_one_after_the_other(herd: Herd, tell: Callable[[Line], None]) -> None:
    found = herd.run(Random(1).uniform)  # noqa: S311  # no secret
    herd.unit.close()
    assert len(found.drained_s) == MACHINES
    assert found.drained_s[-1] <= Rhythm().backoff_most_s
    assert found.peak < MACHINES / 5  # with the periods of those who are through already
    said = f"peak {found.peak}/s of {MACHINES} machines, peak/mean {found.peak / found.mean:.1f}"
    tell(Line("a store that comes back", MACHINES, 0, 0, 0, 0, said))


def test_without_jitter_they_come_all_at_once(herd: Herd) -> None:
    found = herd.run(longest)
    herd.unit.close()
    assert found.peak == MACHINES
    assert Counter(round(at) for at in found.drained_s).most_common(1)[0][1] == MACHINES


def test_all_that_a_store_told_to_come_in_a_minute_do_not_come_in_one_second(herd: Herd) -> None:
    found = herd.run(Random(2).uniform, busy_s=20.0)  # noqa: S311
    herd.unit.close()
    assert len(found.drained_s) == MACHINES
    assert found.drained_s[0] >= 20.0
    seconds = Counter(int(at) for at in found.drained_s)
    assert max(seconds.values()) < MACHINES / 8


def test_a_curve_has_a_line_for_every_two_seconds() -> None:
    found = Figures(3, (0, 4, 2, 2), (1.0, 2.5), 0.25)
    assert list(found.lines()) == [
        f"    0 s |{'#' * 30} 2",
        f"    2 s |{'#' * 30} 2",
        "drained 2 of 3: half of them in 2.5 s, the last in 2.5 s",
        "peak 4/s, mean 2.0/s, ratio 2.0; refused or silent 25.0%",
    ]


def test_nothing_that_came_draws_nothing() -> None:
    assert list(figures(3, [], [], 0.0).lines()) == ["peak 0/s, mean 0.0/s, ratio 0.0; refused or silent 0.0%"]


@pytest.mark.faults
@pytest.mark.timeout(1200)
def test_five_hundred_machines_at_a_real_store(tmp_path: Path, tell: Callable[[Line], None]) -> None:
    plan = Plan(machines=500, events=20, outage_s=70.0, hangs_up=True)
    for name, jitter in (("with jitter", Rhythm().jitter), ("without jitter", longest)):
        found = run(plan, jitter, tmp_path / name.replace(" ", "-"))
        drained = len(found.drained_s)
        *_, times, rates = found.lines()
        confirmed = drained * plan.events
        lost, doubled = max(0, confirmed - found.arrived), max(0, found.arrived - plan.machines * plan.events)
        tell(Line(f"herd, {name}", plan.machines, confirmed, found.arrived, lost, doubled, f"{times}; {rates}"))
        assert (lost, doubled) == (0, 0)
        if jitter is not longest:
            assert drained == plan.machines
