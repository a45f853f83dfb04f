"""The self-checkout unit: runs the machine on a thread, asks the store on a worker, shows the screen each state.

    reader, taps --> loop --> recorder (at once), store worker, cards worker --> loop --> screen

Not responsible for: any decision (machine.py), the window (ui/).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.checkout import machine
from kiosk.checkout.offline import Branch
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskWho,
    Effect,
    Forget,
    Given,
    KnowledgeSilent,
    Known,
    LoanMade,
    LoanRefused,
    LoanSilent,
    LookUp,
    NotKnown,
    NotRecorded,
    Record,
    ReturnMade,
    ReturnRefused,
    ReturnSilent,
    Rules,
    Saw,
    State,
)
from kiosk.event import ItemLent
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
from kiosk.ports import Cards, CentralStore, Recorder


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the unit works with: two that wait, one that writes. show: told each new state, on the loop's thread."""

    store: CentralStore
    cards: Cards
    recorder: Recorder
    show: Callable[[State], None]


class CheckoutUnit:
    def __init__(
        self, rules: Rules, around: Surroundings, clock: Clock, alive: Callable[[], None] = lambda: None
    ) -> None:
        self._rules, self._show = rules, around.show
        self._store, self._cards, self._recorder = around.store, around.cards, around.recorder
        self._shown: State | None = None
        self._worker, self._cards_worker = Worker("store"), Worker("cards")
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

    def learn(self, branch: Branch) -> None:
        """From any thread: what the store last said about this branch."""
        self._rules = replace(self._rules, offline=replace(self._rules.offline, branch=branch))

    def run(self) -> None:
        """Blocks until `stop`."""
        self._loop.run()
        self._worker.stop()
        self._cards_worker.stop()

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
            case LookUp(question):
                self._cards_worker.do(lambda: self.put(self._looked_up(question)))
            case Saw(card):
                self._cards_worker.do(lambda: self._cards.saw(card))
            case Forget(card):
                self._cards_worker.do(lambda: self._cards.forget(card))
            case AskCheckout(_, item, event_id):
                self._recorder.ask(event_id, item)  # what nobody hears the answer to is given up at the next start
                self._worker.do(lambda: self.put(self._checkout(effect)))
            case AskCheckin():
                self._worker.do(lambda: self.put(self._checkin(effect)))
            case Record(event, event_id):
                self._recorder.record(event, event_id)
            case _:
                assert_never(effect)

    def _refused(self, effect: Effect, fault: Fault) -> Given:
        match effect:
            case Record(ItemLent(offline=False), str() as event_id):
                self._recorder.answered(event_id)  # it stands at the store, and on the screen: never to be given up
            case Record(_, str() as event_id) | AskCheckout(event=event_id):
                pass
            case _:
                return Raised(fault)
        self.put(Raised(fault))
        return NotRecorded(event_id)

    def _tell(self, fault: DeviceFault) -> None:
        """Silence is the exchange's news; to be shut out must be known before the next thing is lent."""
        if fault.fault is Fault.STORE_REFUSES_DEVICE:
            self.put(Raised(fault.fault))

    def _who(self, question: Question) -> Given:
        try:
            answer = self._store.authenticate(question.card, question.pin)
        except DeviceFault as fault:
            self._tell(fault)
            return self._looked_up(question)
        if isinstance(answer, AuthRefusal):
            return NotKnown(question, answer)
        return Known(question, answer, self._cards.standing(question.card, proven=True))

    def _looked_up(self, question: Question) -> KnowledgeSilent:
        return KnowledgeSilent(question, self._cards.standing(question.card, proven=False))

    def _checkout(self, asked: AskCheckout) -> Given:
        try:
            answer = self._store.checkout(asked.patron, asked.item, asked.event)
        except DeviceFault as fault:
            self._tell(fault)
            return LoanSilent(asked.event)
        if isinstance(answer, NotLent):
            self._recorder.answered(asked.event)
            return LoanRefused(asked.event, answer)
        return LoanMade(asked.event, answer)

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
