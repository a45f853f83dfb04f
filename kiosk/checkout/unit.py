"""The self-checkout unit: runs the machine on a thread, asks the store on a worker, shows the screen each state.

    reader, taps --> loop --> recorder (at once), store worker --> loop --> screen

Not responsible for: any decision (machine.py), the window (ui/).
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from kiosk.checkout import machine
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskWho,
    Effect,
    Given,
    KnowledgeSilent,
    Known,
    LoanMade,
    LoanRefused,
    LoanSilent,
    NotKnown,
    NotRecorded,
    Record,
    ReturnMade,
    ReturnRefused,
    ReturnSilent,
    Rules,
    State,
)
from kiosk.fault import Cleared, DeviceFault, Fault, Raised
from kiosk.loop import Clock, Loop, Worker
from kiosk.model import (
    AuthRefusal,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    ContactClosed,
    ContactOpened,
    DigitTyped,
    EnterTyped,
    EventId,
    ExitRequested,
    NotLent,
    Now,
    Question,
    Reading,
    ReturnRefusal,
    Tick,
    Unreadable,
)
from kiosk.ports import CentralStore, Recorder


class CheckoutUnit:
    """show: told each new state, on the loop's thread."""

    def __init__(
        self,
        rules: Rules,
        store: CentralStore,
        recorder: Recorder,
        show: Callable[[State], None],
        clock: Clock,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._rules, self._store, self._recorder, self._show = rules, store, recorder, show
        self._shown: State | None = None
        self._worker = Worker("store")
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

    def read(self, reading: Reading | Raised | Cleared) -> None:
        """What a device put. A counter has no door: its contact and REX mean nothing here."""
        match reading:
            case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped() | ClearTyped() | EnterTyped():
                self.put(reading)
            case Raised() | Cleared():
                self.put(reading)
            case ContactOpened() | ContactClosed() | ExitRequested():
                pass
            case _:
                assert_never(reading)

    def learn(self, loan_days: int) -> None:
        """What the store last said about this branch."""
        self._rules = replace(self._rules, offline=replace(self._rules.offline, loan_days=loan_days))

    def run(self) -> None:
        """Blocks until `stop`."""
        self._loop.run()
        self._worker.stop()

    def stop(self) -> None:
        self._loop.stop()

    def _decide(self, state: State, given: Given, now: Now) -> machine.Step:
        return machine.step(state, given, now, replace(self._rules, fresh=fresh()))

    def _entered(self, state: State) -> None:
        if state != self._shown:
            self._shown = state
            self._show(state)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AskWho(question):
                self._worker.do(lambda: self.put(self._who(question)))
            case AskCheckout():
                self._worker.do(lambda: self.put(self._checkout(effect)))
            case AskCheckin():
                self._worker.do(lambda: self.put(self._checkin(effect)))
            case Record(event, event_id):
                self._recorder.record(event, event_id)
            case _:
                assert_never(effect)

    def _refused(self, effect: Effect, fault: Fault) -> Given:
        if not isinstance(effect, Record) or effect.event_id is None:
            return Raised(fault)
        self.put(Raised(fault))
        return NotRecorded(effect.event_id)

    def _tell(self, fault: DeviceFault) -> None:
        """Silence is the exchange's news; to be shut out must be known before the next thing is lent."""
        if fault.fault is Fault.STORE_REFUSES_DEVICE:
            self.put(Raised(fault.fault))

    def _who(self, question: Question) -> Given:
        try:
            answer = self._store.authenticate(question.card, question.pin)
        except DeviceFault as fault:
            self._tell(fault)
            return KnowledgeSilent(question)
        return NotKnown(question, answer) if isinstance(answer, AuthRefusal) else Known(question, answer)

    def _checkout(self, asked: AskCheckout) -> Given:
        try:
            answer = self._store.checkout(asked.patron, asked.item, asked.event)
        except DeviceFault as fault:
            self._tell(fault)
            return LoanSilent(asked.event)
        return LoanRefused(asked.event, answer) if isinstance(answer, NotLent) else LoanMade(asked.event, answer)

    def _checkin(self, asked: AskCheckin) -> Given:
        try:
            answer = self._store.checkin(asked.item, asked.event)
        except DeviceFault:
            return ReturnSilent(asked.event)
        if isinstance(answer, ReturnRefusal):
            return ReturnRefused(asked.event, answer)
        return ReturnMade(asked.event, answer)


def fresh() -> EventId:
    return EventId(uuid.uuid4().hex)
