"""Every reachable state of the self-checkout machine by every input, with what must hold on each edge."""

from collections.abc import Iterable
from datetime import date

import pytest
from walk import Edge, walk

from kiosk.checkout.line import Asking, Lent, Line, Lines, Refused, Returned, Trouble
from kiosk.checkout.machine import step
from kiosk.checkout.offline import Lends, OfflineRules
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskingPin,
    AskWho,
    BackTapped,
    DoneTapped,
    Effect,
    Farewell,
    Given,
    KnowledgeSilent,
    Known,
    Lending,
    LoanMade,
    LoanRefused,
    LoanSilent,
    Notice,
    NotKnown,
    NotRecorded,
    Record,
    Returning,
    ReturnMade,
    ReturnRefused,
    ReturnSilent,
    ReturnTapped,
    Rules,
    Start,
    State,
    Verifying,
)
from kiosk.event import ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import (
    AuthRefusal,
    Block,
    Borrower,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    Credential,
    DigitTyped,
    EnterTyped,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Question,
    Return,
    ReturnRefusal,
    Tick,
    Unreadable,
)

ADA = Credential("9101010001")
BOOKS = ("1000000001", "1000000002")
DUE = date(2026, 12, 22)
GOOD = Borrower(PatronId("p1"), "Ada", frozenset())
BLOCKED = Borrower(PatronId("p2"), "Bo", frozenset({Block.OTHER}))
STALE = Question(Credential("9202020002"), Pin("9"))

CheckoutEdge = Edge[State, Given, Effect]


def lines_of(state: State) -> Lines:
    return state.stage.lines if isinstance(state.stage, Lending | Returning | Farewell) else ()


def alphabet(state: State) -> Iterable[Given]:
    yield from (CardSwiped(ADA), Unreadable(), DigitTyped("1"), ClearTyped(), EnterTyped(), Tick())
    yield from (CodeScanned(book) for book in BOOKS)
    yield from (ReturnTapped(), DoneTapped(), BackTapped())
    yield from (Raised(Fault.STORE_SILENT), Cleared(Fault.STORE_SILENT), Raised(Fault.OUTBOX_FULL))
    asked = state.stage.asked if isinstance(state.stage, Verifying) else STALE
    for question in {asked, STALE}:
        yield from (Known(question, GOOD), Known(question, BLOCKED), KnowledgeSilent(question))
        yield from (NotKnown(question, AuthRefusal.INVALID), NotKnown(question, AuthRefusal.LOCKED_OUT))
    for line in (*lines_of(state), Line(EventId("stale"), ItemId(BOOKS[0]))):
        yield from (LoanMade(line.event, Loan(line.item, "Peters jul", DUE)), LoanSilent(line.event))
        yield from (
            LoanRefused(line.event, NotLent(LoanRefusal.RESERVED)),
            ReturnRefused(line.event, ReturnRefusal.NOT_FOUND),
        )
        yield from (ReturnMade(line.event, Return(line.item, "Peters jul", "Hylde 1", held=False)),)
        yield from (ReturnSilent(line.event), NotRecorded(line.event))


def edges(lends: Lends) -> list[CheckoutEdge]:
    offline = OfflineRules(lends, most=1)

    def decide(state: State, given: Given, now: object) -> tuple[State, tuple[Effect, ...]]:
        # A fresh id is another one for each item, so that two lines never share an event.
        fresh = EventId(f"event-{given.code}") if isinstance(given, CodeScanned) else EventId("event-other")
        rules = Rules(fresh, offline, pin_length=1, pin_tries=2)
        return step(state, given, now, rules)  # type: ignore[arg-type]  # walk's Now

    return list(walk(State(), decide, alphabet))


EDGES = {lends: edges(lends) for lends in Lends}
ALL = [edge for lends in Lends for edge in EDGES[lends]]


def recorded(edge: CheckoutEdge) -> list[object]:
    return [effect.event for effect in edge.effects if isinstance(effect, Record)]


def test_the_walk_reaches_every_kind_of_stage() -> None:
    reached = {type(edge.before.stage) for edge in ALL}
    assert reached == {Start, Notice, AskingPin, Verifying, Lending, Returning, Farewell}
    assert len(ALL) > 5_000


def test_nothing_is_shown_as_lent_or_returned_without_its_record_in_the_same_step() -> None:
    confirmed = 0
    for edge in ALL:
        before = {line.event: line.outcome for line in lines_of(edge.before)}
        for line in lines_of(edge.after):
            if isinstance(line.outcome, Lent | Returned) and before.get(line.event) != line.outcome:
                ids = [e.event_id for e in edge.effects if isinstance(e, Record)]
                kinds = ItemLent if isinstance(line.outcome, Lent) else ItemReturned
                assert line.event in ids, edge
                assert any(isinstance(event, kinds) for event in recorded(edge)), edge
                confirmed += 1
    assert confirmed > 100


def test_what_could_not_be_written_is_not_confirmed_unless_the_store_did() -> None:
    met = 0
    for edge in ALL:
        if isinstance(edge.given, NotRecorded):
            for line in lines_of(edge.after):
                if line.event == edge.given.event and isinstance(line.outcome, Lent | Returned):
                    assert not line.outcome.offline, edge
                met += line.outcome == Refused(Trouble.OUT_OF_ORDER)
    assert met


def test_no_question_is_forgotten_nobody_leaves_before_its_answer() -> None:
    for edge in ALL:
        if any(line.outcome == Asking() for line in lines_of(edge.before)):
            assert isinstance(edge.after.stage, Lending | Returning | Farewell), edge
            assert {line.item for line in lines_of(edge.before)} <= {line.item for line in lines_of(edge.after)}, edge
            if isinstance(edge.after.stage, Farewell):
                assert all(line.outcome != Asking() for line in lines_of(edge.after)), edge


def test_a_loan_that_was_asked_for_and_not_lent_is_given_up_at_the_store() -> None:
    given_up = 0
    for edge in ALL:
        before = {line.event: line.outcome for line in lines_of(edge.before)}
        for line in lines_of(edge.after):
            if line.outcome == Refused(Trouble.OFFLINE) and before.get(line.event) == Asking():
                assert LoanGivenUp(line.event, line.item) in recorded(edge), edge
                given_up += 1
    assert given_up


def test_nobody_lends_offline_where_the_site_says_nobody() -> None:
    for edge in EDGES[Lends.NOBODY]:
        assert not any(isinstance(event, ItemLent) and event.offline for event in recorded(edge)), edge


def test_no_more_than_the_limit_is_lent_offline() -> None:
    for edge in EDGES[Lends.EVERYBODY]:
        lent = [line for line in lines_of(edge.after) if isinstance(line.outcome, Lent) and line.outcome.offline]
        assert len(lent) <= 1, edge


def test_only_the_answer_to_the_question_that_stands_lets_somebody_borrow() -> None:
    for edge in ALL:
        entered = isinstance(edge.after.stage, Lending) and not isinstance(edge.before.stage, Lending)
        if entered and isinstance(edge.given, Known):
            assert isinstance(edge.before.stage, Verifying) and edge.given.asked == edge.before.stage.asked, edge
            assert edge.given.borrower == GOOD, edge


@pytest.mark.parametrize("lends", list(Lends))
def test_every_waiting_stage_ends_by_time_alone(lends: Lends) -> None:
    for edge in EDGES[lends]:
        if isinstance(edge.given, Tick) and edge.late and isinstance(edge.before.stage, Lending | Returning):
            left = edge.before.stage.leaving
            waiting = [line for line in lines_of(edge.before) if line.outcome == Asking()]
            if left and len(waiting) <= 1:
                assert isinstance(edge.after.stage, Farewell | Start), edge
            elif left:
                assert sum(line.outcome == Asking() for line in lines_of(edge.after)) < len(waiting), edge
            else:
                assert isinstance(edge.after.stage, Farewell | Start) or edge.after.stage != edge.before.stage, edge
        elif isinstance(edge.given, Tick) and edge.late:
            assert isinstance(edge.after.stage, Start | Notice | Lending), edge


def test_no_state_prints_who_it_is_about() -> None:
    for edge in ALL:
        printed = repr(edge)
        for secret in (ADA.number, "'p1'", "Ada", "Bo'"):
            assert secret not in printed, printed


def test_a_store_that_is_silent_is_not_asked() -> None:
    for edge in ALL:
        if edge.before.offline:
            assert not any(isinstance(e, AskWho | AskCheckout | AskCheckin) for e in edge.effects), edge
