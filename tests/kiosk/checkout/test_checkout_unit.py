"""The self-checkout unit on simulated ports: what the screen confirms is recorded, whatever fails meanwhile."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest
from walk import WALL, at

from drivers.simulated.cards import SimulatedCards
from drivers.simulated.recorder import SimulatedRecorder
from drivers.simulated.store import SimulatedItem, SimulatedPatron, SimulatedStore
from kiosk.checkout.line import Lent, Refused, Returned, Trouble
from kiosk.checkout.offline import Branch, Lends, OfflineRules
from kiosk.checkout.states import (
    AskingPin,
    DoneTapped,
    Farewell,
    Lending,
    Notice,
    Returning,
    ReturnTapped,
    Rules,
    Start,
    State,
    Told,
)
from kiosk.checkout.unit import CheckoutUnit, Surroundings
from kiosk.event import ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import (
    CardSwiped,
    CodeScanned,
    ContactOpened,
    Credential,
    DigitTyped,
    EventId,
    ItemId,
    LoanRefusal,
    Now,
    PatronId,
    Pin,
)

ADA, PIN = Credential("9101010001"), Pin("1234")
BOOK, RESERVED = ItemId("5010000001"), ItemId("5010000002")
DUE = date(2026, 12, 24)


def evening() -> Now:
    return at(system_clock().mono)


@dataclass
class Screen:
    changed: threading.Condition = field(default_factory=threading.Condition)
    states: list[State] = field(default_factory=list)

    def show(self, state: State) -> None:
        with self.changed:
            self.states.append(state)
            self.changed.notify_all()

    def wait_for(self, wanted: Callable[[State], bool]) -> State:
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.states) and wanted(self.states[-1]), 10), self.states[-1]
            return self.states[-1]

    def outcome_of(self, item: ItemId) -> object:
        """What the list says of this item, once it says anything."""

        def said(state: State) -> list[object]:
            stage = state.stage
            lines = stage.lines if isinstance(stage, Lending | Returning | Farewell) else ()
            return [line.outcome for line in lines if line.item == item and type(line.outcome).__name__ != "Asking"]

        return said(self.wait_for(lambda state: bool(said(state))))[0]


@dataclass
class Counter:
    unit: CheckoutUnit
    screen: Screen
    store: SimulatedStore
    recorder: SimulatedRecorder
    cards: SimulatedCards

    def log_in(self) -> None:
        self.unit.put(CardSwiped(ADA))
        for digit in PIN.reveal():
            self.unit.put(DigitTyped(digit))
        self.screen.wait_for(lambda state: isinstance(state.stage, Lending))


@pytest.fixture(params=[Lends.EVERYBODY])
def counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    store = SimulatedStore(DUE)
    store.patrons[ADA] = SimulatedPatron(PatronId("p1"), PIN, "Ada")
    store.items[BOOK] = SimulatedItem(BOOK, "Lykke-Per")
    store.items[RESERVED] = SimulatedItem(RESERVED, "Babettes gæstebud", refusal=LoanRefusal.RESERVED)
    screen, recorder, cards = Screen(), SimulatedRecorder(), SimulatedCards()
    rules = Rules(EventId(""), OfflineRules(request.param, branch=Branch(WALL, 30)), tell_s=0.05)
    unit = CheckoutUnit(rules, Surroundings(store, cards, recorder, screen.show), evening)
    thread = threading.Thread(target=unit.run)
    thread.start()
    yield Counter(unit, screen, store, recorder, cards)
    unit.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_loan_is_recorded_under_the_id_it_was_asked_under(counter: Counter) -> None:
    counter.log_in()
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Lent(DUE, offline=False)
    ((event_id, event),) = counter.recorder.kept.items()
    assert event == ItemLent(PatronId("p1"), BOOK, DUE, offline=False)
    stage = counter.screen.states[-1].stage
    assert isinstance(stage, Lending)
    assert stage.lines[0].event == event_id


def test_a_refusal_of_the_store_records_nothing(counter: Counter) -> None:
    counter.log_in()
    counter.unit.put(CodeScanned(RESERVED))
    assert counter.screen.outcome_of(RESERVED) == Refused(LoanRefusal.RESERVED)
    assert counter.recorder.events == []


def test_a_lost_answer_lends_offline_under_the_same_id(counter: Counter) -> None:
    counter.log_in()
    counter.store.lost_answers = True
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Lent(DUE, offline=True)
    assert counter.recorder.events == [ItemLent(PatronId("p1"), BOOK, DUE, offline=True)]


@pytest.mark.parametrize("counter", [Lends.NOBODY], indirect=True)
def test_a_lost_answer_is_given_up_where_nobody_may_borrow_offline(counter: Counter) -> None:
    counter.log_in()
    counter.store.lost_answers = True
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Refused(Trouble.OFFLINE)
    (given_up,) = counter.recorder.events
    assert isinstance(given_up, LoanGivenUp)


def test_a_full_disk_never_shows_an_offline_loan_as_lent_not_even_for_a_moment(counter: Counter) -> None:
    counter.log_in()
    counter.store.failing = counter.recorder.failing = Fault.STORE_SILENT
    counter.recorder.failing = Fault.OUTBOX_FULL
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Refused(Trouble.OUT_OF_ORDER)
    for state in counter.screen.states:
        if isinstance(state.stage, Lending):
            assert not any(isinstance(line.outcome, Lent) for line in state.stage.lines)


def test_the_store_is_not_asked_before_the_question_is_noted(counter: Counter) -> None:
    counter.log_in()
    counter.recorder.failing = Fault.OUTBOX_FULL
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Refused(Trouble.OUT_OF_ORDER)
    assert counter.store.lent == {}


def test_no_question_stays_noted_that_was_answered(counter: Counter) -> None:
    counter.log_in()
    for item in (BOOK, RESERVED):
        counter.unit.put(CodeScanned(item))
        counter.screen.outcome_of(item)
    assert counter.recorder.asked == {}


def test_a_loan_that_the_store_confirmed_and_the_disk_refused_is_not_given_up_later(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.log_in()

    def ask_and_fill(recorder: SimulatedRecorder, event_id: EventId, item: ItemId) -> None:
        recorder.asked[event_id] = item
        recorder.failing = Fault.OUTBOX_FULL

    monkeypatch.setattr(SimulatedRecorder, "ask", ask_and_fill)
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Lent(DUE, offline=False)
    counter.screen.wait_for(lambda state: Fault.OUTBOX_FULL in state.faults)
    assert counter.recorder.asked == {}


def test_a_disk_that_has_room_again_is_noticed_by_itself(counter: Counter) -> None:
    counter.recorder.failing = Fault.OUTBOX_FULL
    counter.unit.put(ReturnTapped())
    counter.store.failing = Fault.STORE_SILENT
    counter.unit.put(CodeScanned(BOOK))
    counter.screen.wait_for(lambda state: Fault.OUTBOX_FULL in state.faults)
    counter.recorder.failing = None
    counter.screen.wait_for(lambda state: not state.faults)


def test_a_return_is_recorded_and_done_goes_home(counter: Counter) -> None:
    counter.unit.put(ReturnTapped())
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Returned("Hylden", held=False, offline=False)
    counter.unit.put(DoneTapped())
    counter.screen.wait_for(lambda state: isinstance(state.stage, Farewell))
    counter.unit.put(DoneTapped())
    counter.screen.wait_for(lambda state: isinstance(state.stage, Start))
    assert counter.recorder.events == [ItemReturned(BOOK, offline=False)]


@pytest.mark.parametrize("counter", [Lends.NOBODY], indirect=True)
def test_a_silent_store_at_login_says_so(counter: Counter) -> None:
    counter.store.failing = Fault.STORE_SILENT
    counter.unit.put(CardSwiped(ADA))
    for digit in PIN.reveal():
        counter.unit.put(DigitTyped(digit))
    state = counter.screen.wait_for(lambda state: isinstance(state.stage, Notice))
    assert isinstance(state.stage, Notice)
    assert state.stage.what is Told.OFFLINE
    counter.screen.wait_for(lambda state: isinstance(state.stage, Start))


def test_a_counter_has_no_door(counter: Counter) -> None:
    counter.unit.read(ContactOpened())
    counter.unit.read(CardSwiped(ADA))
    counter.screen.wait_for(lambda state: not isinstance(state.stage, Start))


@pytest.mark.parametrize("counter", [Lends.SEEN], indirect=True)
def test_a_card_that_was_seen_borrows_while_the_store_is_silent_and_a_stranger_does_not(counter: Counter) -> None:
    counter.log_in()
    counter.unit.put(DoneTapped())
    counter.screen.wait_for(lambda state: isinstance(state.stage, Start))
    counter.store.failing = Fault.STORE_SILENT
    counter.unit.put(Raised(Fault.STORE_SILENT))
    counter.log_in()
    counter.unit.put(CodeScanned(BOOK))
    assert counter.screen.outcome_of(BOOK) == Lent(DUE, offline=True)
    assert ItemLent(ADA, BOOK, DUE, offline=True) in counter.recorder.events


@pytest.mark.parametrize("counter", [Lends.SEEN], indirect=True)
def test_a_wrong_pin_makes_a_stranger_of_a_card(counter: Counter) -> None:
    counter.cards.seen.add(ADA)
    counter.unit.put(CardSwiped(ADA))
    for digit in "9999":
        counter.unit.put(DigitTyped(digit))
    counter.screen.wait_for(lambda state: isinstance(state.stage, AskingPin) and state.stage.again)
    counter.unit.put(Raised(Fault.STORE_SILENT))
    for digit in PIN.reveal():
        counter.unit.put(DigitTyped(digit))
    state = counter.screen.wait_for(lambda state: isinstance(state.stage, Notice))
    assert isinstance(state.stage, Notice) and state.stage.what is Told.NOT_UNASKED


def test_a_listed_card_borrows_nothing_while_the_store_is_silent(counter: Counter) -> None:
    counter.cards.listed.add(ADA)
    counter.unit.put(Raised(Fault.STORE_SILENT))
    counter.unit.put(CardSwiped(ADA))
    for digit in PIN.reveal():
        counter.unit.put(DigitTyped(digit))
    state = counter.screen.wait_for(lambda state: isinstance(state.stage, Notice))
    assert isinstance(state.stage, Notice) and state.stage.what is Told.NOT_UNASKED


def test_what_the_store_last_told_is_learnt_while_the_machine_runs(counter: Counter) -> None:
    counter.screen.wait_for(lambda state: state.lends is Lends.EVERYBODY)
    counter.unit.learn(Branch(WALL, 30, frozenset({WALL.date()})))
    counter.unit.put(ReturnTapped())
    counter.screen.wait_for(lambda state: state.lends is Lends.NOBODY)
