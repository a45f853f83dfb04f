"""The door unit: runs the door's machine, asks the store and the lock on workers, shows the panel its face.

    reader, keypad, contact, REX, panel --> loop --> recorder (at once), store worker, lock worker, panel, lamp

Not responsible for: any decision (machine.py, access.py).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.door import machine
from kiosk.door.face import Face, face
from kiosk.door.states import (
    Admission,
    AdmissionRefused,
    AskAdmission,
    Effect,
    Given,
    NotPulsed,
    NotRecorded,
    PulseStrike,
    Record,
    Rules,
    Sound,
    State,
    StoreSilent,
    Tone,
)
from kiosk.event import FaultCleared, FaultRaised
from kiosk.fault import DeviceFault, Fault, FaultEdge, Raised
from kiosk.hours import ALWAYS_CLOSED, Hours
from kiosk.loop import Clock, Loop, Worker
from kiosk.model import AuthRefusal, BranchId, GrantId, Now, Question, Tick
from kiosk.ports import CentralStore, Lock, Recorder


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the door unit works with: two that wait, one that writes, two that show."""

    store: CentralStore
    lock: Lock
    recorder: Recorder
    show: Callable[[Face], None]
    sound: Callable[[Tone], None]


class DoorUnit:
    def __init__(
        self,
        branch: BranchId,
        rules: Rules,
        around: Surroundings,
        clock: Clock,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._branch, self._rules, self._around, self._clock = branch, rules, around, clock
        self._hours: Hours = ALWAYS_CLOSED
        self._shown: Face | None = None
        self._mode = rules.mode
        self._lock_edge = FaultEdge(self.put)  # the lock worker's own
        self._store_worker, self._lock_worker = Worker("store"), Worker("lock")
        self._loop: Loop[State, Given, Effect] = Loop(
            start=State(),
            decide=self._decide,
            perform=self._perform,
            refused=self._refused,
            entered=self._entered,
            tick=Tick(),
            clock=clock,
            alive=alive,
        )

    def put(self, given: Given) -> None:
        """From any thread, at any time."""
        self._loop.put(given)

    def learn(self, hours: Hours, minimum_age: int) -> None:
        """What the store last said about this branch. From any thread: each is one assignment."""
        self._rules = replace(self._rules, access=replace(self._rules.access, minimum_age=minimum_age))
        self._hours = hours
        self.put(Tick())

    def run(self) -> None:
        """Blocks until `stop`."""
        self._loop.run()
        self._store_worker.stop()
        self._lock_worker.stop()

    def stop(self) -> None:
        self._loop.stop()

    def _decide(self, state: State, given: Given, now: Now) -> machine.Step:
        self._mode = self._hours.mode(now)
        return machine.step(state, given, now, replace(self._rules, mode=self._mode))

    def _entered(self, state: State) -> None:
        shown = face(state, self._mode)
        if shown != self._shown:
            self._shown = shown
            self._around.show(shown)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AskAdmission(question):
                self._store_worker.do(lambda: self.put(self._ask(question)))
            case Record(event):
                self._around.recorder.record(event)
            case PulseStrike(seconds):
                self._lock_worker.do(lambda: self._pulse(seconds))
            case Sound(tone):
                self._around.sound(tone)
            case _:
                assert_never(effect)

    def _refused(self, effect: Effect, fault: Fault) -> Given:
        """A Record that was to stand before a pulse failed: the pulse behind it has not been performed."""
        if isinstance(effect, Record) and isinstance(effect.event, FaultRaised | FaultCleared):
            return Raised(fault)
        self.put(Raised(fault))
        return NotRecorded()

    def _ask(self, question: Question) -> Given:
        try:
            answer = self._around.store.admission(question.card, question.pin, self._branch)
        except DeviceFault:
            return StoreSilent(question)
        if isinstance(answer, AuthRefusal):
            return AdmissionRefused(question, answer)
        return Admission(question, answer)

    def _pulse(self, seconds: float) -> None:
        try:
            self._around.lock.pulse(GrantId(uuid.uuid4().hex), seconds)
        except DeviceFault as fault:
            self._lock_edge.failed(fault.fault)
            self.put(NotPulsed())
        else:
            self._lock_edge.worked()
