"""The unit's talk with the central store, on a thread of its own: push what waits, pull what changed, say it is alive.

    nudge, or a period is over --> round: push every batch; pull the rules when they are due; else ask for the status
    silence or nonsense        --> half the batch, wait 0 .. 0.5, 1, 2 .. 60 s at random; the first success ends both
    "ask again after n s"      --> those, and then at random again: nobody is told this alone
    nonsense about one event   --> when the store takes the next one, the one is parked: it holds up nobody

A fault is told once when it begins and once when it ends.
Not responsible for: the questions at the door and at the pad (they go to the client at once), the wire (rest/).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from secrets import SystemRandom
from typing import Protocol

from kiosk.fault import Cleared, DeviceFault, Fault, Raised
from kiosk.loop import Clock
from kiosk.model import BranchId
from sync.outbox import Outbox
from sync.replica import BranchRules, Replica, pull
from sync.rest.retry import Busy
from sync.rest.wire import (
    MAX_BATCH,
    EventOutcome,
    EventResult,
    EventsAnswer,
    EventsQuestion,
    ReplicaAnswer,
    StatusAnswer,
)

NOT_ANSWERED = "notAnswered"  # why an event is parked that the store could make nothing of
_SHORTEST_PERIOD = 0.8  # of the period: machines that were started together drift apart


class Peer(Protocol):
    """The store as the exchange needs it (sync.rest.client.RestStore). Raises DeviceFault(STORE_*)."""

    def push(self, question: EventsQuestion) -> EventsAnswer: ...
    def replica(self, branch: BranchId, cursor: str) -> ReplicaAnswer: ...
    def status(self) -> StatusAnswer: ...


@dataclass(frozen=True, slots=True)
class ReplicaKept:
    """The store told what the rules are; mostly they are only younger."""

    rules: BranchRules


Tell = Callable[[Raised | Cleared | ReplicaKept], None]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """period_s: at most, between two rounds when nothing happens; so also the sign of life.

    replica_s: between two pulls. jitter: anything between two bounds.
    """

    period_s: float = 15.0
    replica_s: float = 300.0
    backoff_first_s: float = 0.5
    backoff_most_s: float = 60.0
    jitter: Callable[[float, float], float] = SystemRandom().uniform


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did. fault: what ended it early; None when all was said."""

    delivered: int = 0
    parked: int = 0
    pulled: bool = False
    fault: Fault | None = None


class Exchange:
    """`round` may also be called without the thread. `nudge` and `stop` come from any thread."""

    def __init__(
        self,
        peer: Peer,
        outbox: Outbox,
        replica: Replica,
        tell: Tell,
        clock: Clock,
        rhythm: Rhythm | None = None,
        chores: Callable[[], None] = lambda: None,
        rested: Callable[[], None] = lambda: None,
    ) -> None:
        """chores: done at the beginning of each round (limits.py); raises DeviceFault(OUTBOX_*), or what ends the unit.

        rested: told when a round is over, for a store has room for so many lines that only wait (RestStore.close).
        """
        self._peer, self._outbox, self._replica = peer, outbox, replica
        self._tell, self._clock, self._rhythm = tell, clock, rhythm or Rhythm()
        self._chores, self._rested = chores, rested
        self._fault: Fault | None = None
        self._failures, self._asked_to_wait_s = 0, 0.0
        self._batch = MAX_BATCH
        self._pull_at = clock().mono
        self._nudged, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)

    # --- the thread ---

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        """Something waits: the next round is now, unless the store is silent and the back-off runs."""
        self._nudged.set()

    def stop(self, within_s: float) -> bool:
        """True when no thread is left within the time; a call in flight ends with its deadline."""
        self._stopping.set()
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._nudged.clear()  # before the round: what is recorded during it nudges again
            self.round()
            self._rested()
            wake = self._stopping if self._failures else self._nudged
            wake.wait(self.wait_s())

    def wait_s(self) -> float:
        """Until the next round: about the period, or anything between 0 and a bound that doubles with each failure.

        Where the store said how long, from there on, and spread as far again: it said so to all the others too.
        """
        rhythm, asked_s = self._rhythm, self._asked_to_wait_s
        if not self._failures:
            return rhythm.jitter(rhythm.period_s * _SHORTEST_PERIOD, rhythm.period_s)
        bound = min(rhythm.backoff_first_s * 2.0 ** min(self._failures - 1, 16), rhythm.backoff_most_s)
        return asked_s + rhythm.jitter(0.0, max(bound, asked_s))

    # --- one round ---

    def round(self) -> Round:
        """Everything that is due, once. Raises nothing that a store or a disk does."""
        delivered = parked = 0
        try:
            self._chores()
            while batch := self._next_batch():
                answer = self._push(batch)
                self._outbox.confirm(answer.results)
                refused = sum(result.outcome is EventOutcome.REFUSED for result in answer.results)
                delivered, parked = delivered + len(answer.results) - refused, parked + refused
                self._batch = min(MAX_BATCH, self._batch * 2)
            pulled = self._pull()
            self._outbox.erase()
            if not (delivered or parked or pulled):
                self._peer.status()
        except DeviceFault as fault:
            self._failed(fault)
            return Round(delivered, parked, fault=fault.fault)
        self._succeeded()
        return Round(delivered, parked, pulled)

    def _push(self, batch: EventsQuestion) -> EventsAnswer:
        """One event that the store cannot answer, although it answers the one behind it, is parked.

        It is asked once more before: the store may have come to itself between the two.
        """
        try:
            return self._peer.push(batch)
        except DeviceFault as fault:
            stuck = batch.events[0].event_id
            behind = self._outbox.pending(1, stuck)
            if fault.fault is not Fault.STORE_NONSENSE or len(batch.events) > 1 or not behind.events:
                raise
        answer = self._peer.push(behind)
        return EventsAnswer(results=(*self._once_more(batch), *answer.results))

    def _once_more(self, stuck: EventsQuestion) -> tuple[EventResult, ...]:
        try:
            return self._peer.push(stuck).results
        except DeviceFault as fault:
            if fault.fault is not Fault.STORE_NONSENSE:
                raise
        event_id = stuck.events[0].event_id
        return (EventResult(event_id=event_id, outcome=EventOutcome.REFUSED, reason=NOT_ANSWERED),)

    def _next_batch(self) -> EventsQuestion | None:
        if self._stopping.is_set():
            return None
        batch = self._outbox.pending(self._batch)
        return batch if batch.events else None

    def _pull(self) -> bool:
        if self._clock().mono < self._pull_at:
            return False
        # What did not fit what is here is asked for as a whole.
        cursor = "" if self._fault is Fault.STORE_NONSENSE else self._replica.cursor()
        pulled = pull(lambda since: self._peer.replica(self._replica.branch, since), cursor)
        rules = self._replica.keep(pulled)
        self._pull_at = self._clock().mono + self._rhythm.replica_s
        self._tell(ReplicaKept(rules))
        return True

    # --- the store's ups and downs ---

    def _failed(self, fault: DeviceFault) -> None:
        self._failures += 1
        self._asked_to_wait_s = fault.after_s if isinstance(fault, Busy) else 0.0
        self._batch = max(1, self._batch // 2)
        self._become(fault.fault)

    def _succeeded(self) -> None:
        self._failures = 0
        self._become(None)

    def _become(self, fault: Fault | None) -> None:
        before, self._fault = self._fault, fault
        if before == fault:
            return
        if before is not None:
            self._tell(Cleared(before))
        if fault is not None:
            self._tell(Raised(fault))
