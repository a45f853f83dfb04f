"""Every reachable state of the self-checkout machine by every input, with what must hold on each edge."""

from collections.abc import Iterable
from datetime import date

import pytest
from walk import WALL, Edge, walk

from kiosk.checkout.line import Asking, Lent, Line, Lines, Refused, Returned, Trouble
from kiosk.checkout.machine import step
from kiosk.checkout.offline import Branch, Lends, OfflineRules
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskingPin,
    AskWho,
    BackTapped,
    DoneTapped,
    Effect,
    Farewell,
    Forget,
    Given,
    KnowledgeSilent,
    Known,
    Lending,
    LoanMade,
    LoanRefused,
    LoanSilent,
    LookUp,
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
    Saw,
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
    Standing,
    Tick,
    Unreadable,
)

ADA, EVE = Credential("9101010001"), Credential("9303030003")
STANDING = {ADA: Standing.STRANGER, EVE: Standing.LISTED}  # Eve's card is on the block list
BOOKS = ("1000000001", "1000000002")
DUE = date(2026, 12, 22)
GOOD = Borrower(PatronId("p1"), "Ada", frozenset())
FREED = Borrower(PatronId("p3"), "Eve", frozenset())  # the store has taken Eve's block away, the list has it still
BLOCKED = Borrower(PatronId("p2"), "Bo", frozenset({Block.OTHER}))
STALE = Question(Credential("9202020002"), Pin("9"))

CheckoutEdge = Edge[State, Given, Effect]


def lines_of(state: State) -> Lines:
    return state.stage.lines if isinstance(state.stage, Lending | Returning | Farewell) else ()


def answers(question: Question) -> Iterable[Given]:
    """What may be said of this card: the standing is the machine's own, whatever the store says."""
    standing = STANDING.get(question.card, Standing.SEEN)
    good = FREED if question.card == EVE else GOOD
    yield from (Known(question, good, standing), Known(question, BLOCKED, standing))
    yield from (KnowledgeSilent(question, standing), KnowledgeSilent(question, Standing.UNTOLD))
    yield from (NotKnown(question, AuthRefusal.INVALID), NotKnown(question, AuthRefusal.LOCKED_OUT))


def alphabet(state: State, cards: tuple[Credential, ...], books: tuple[str, ...]) -> Iterable[Given]:
    yield from map(CardSwiped, cards)
    yield from (Unreadable(), DigitTyped("1"), ClearTyped(), EnterTyped(), Tick())
    items = isinstance(state.stage, Lending | Returning)
    yield from (CodeScanned(code) for code in (books if items else (ADA.number,)))  # a code may be either
    yield from (ReturnTapped(), DoneTapped(), BackTapped())
    yield from (Raised(Fault.STORE_SILENT), Cleared(Fault.STORE_SILENT), Raised(Fault.OUTBOX_FULL))
    asked = state.stage.asked if isinstance(state.stage, Verifying) else STALE
    for question in {asked, STALE}:
        yield from answers(question)
    for line in (*lines_of(state), Line(EventId("stale"), ItemId(BOOKS[0]))):
        yield from (LoanMade(line.event, Loan(line.item, "Peters jul", DUE)), LoanSilent(line.event))
        yield from (
            LoanRefused(line.event, NotLent(LoanRefusal.RESERVED)),
            ReturnRefused(line.event, ReturnRefusal.NOT_FOUND),
        )
        yield from (ReturnMade(line.event, Return(line.item, "Peters jul", "Hylde 1", held=False)),)
        yield from (ReturnSilent(line.event), NotRecorded(line.event))


def edges(lends: Lends, cards: tuple[Credential, ...], books: tuple[str, ...]) -> list[CheckoutEdge]:
    offline = OfflineRules(lends, most=1, branch=Branch(WALL, 28))

    def decide(state: State, given: Given, now: object) -> tuple[State, tuple[Effect, ...]]:
        # A fresh id is another one for each item, so that two lines never share an event.
        fresh = EventId(f"event-{given.code}") if isinstance(given, CodeScanned) else EventId("event-other")
        rules = Rules(fresh, offline, pin_length=1, pin_tries=2)
        return step(state, given, now, rules)  # type: ignore[arg-type]  # walk's Now

    return list(walk(State(), decide, lambda state: alphabet(state, cards, books)))


# Two items of one patron meet everywhere; two patrons, of whom one is listed, with one item.
EDGES = {lends: edges(lends, (ADA, EVE), BOOKS[:1]) for lends in Lends}
EDGES[Lends.NOBODY] += edges(Lends.NOBODY, (ADA,), BOOKS)
EDGES[Lends.EVERYBODY] += edges(Lends.EVERYBODY, (ADA,), BOOKS)
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
            not_lent = line.outcome in (Refused(Trouble.OFFLINE), Refused(Trouble.ENOUGH))
            if not_lent and before.get(line.event) == Asking():
                assert LoanGivenUp(line.event, line.item) in recorded(edge), edge
                given_up += 1
    assert given_up


def test_nobody_lends_offline_where_the_site_says_nobody() -> None:
    for edge in EDGES[Lends.NOBODY]:
        assert not any(isinstance(event, ItemLent) and event.offline for event in recorded(edge)), edge


def of_card(edge: CheckoutEdge) -> set[object]:
    """Who borrows in this step without the store's word."""
    return {event.who for event in recorded(edge) if isinstance(event, ItemLent) and event.offline}


def test_nothing_is_lent_offline_to_a_listed_card_whatever_came_before() -> None:
    lent = {who for edge in ALL for who in of_card(edge)}
    assert lent == {ADA, GOOD.patron}  # not Eve's card, and not Eve, whom the store has just let in


def test_a_listed_patron_whom_the_store_knows_still_borrows_on_line() -> None:
    assert any(isinstance(event, ItemLent) and event.who == FREED.patron for edge in ALL for event in recorded(edge))


def test_a_stranger_borrows_offline_only_where_everybody_may() -> None:
    for lends in Lends:
        lent = {who for edge in EDGES[lends] for who in of_card(edge)}
        assert (ADA in lent) is (lends is Lends.EVERYBODY)


def test_a_card_is_kept_after_a_yes_of_the_store_and_forgotten_after_a_no() -> None:
    for edge in ALL:
        for effect in edge.effects:
            if isinstance(effect, Saw):
                assert isinstance(edge.given, Known) and not edge.given.borrower.blocks, edge
                assert effect.card == edge.given.asked.card != EVE, edge
            elif isinstance(effect, Forget):
                assert isinstance(edge.given, Known | NotKnown) and effect.card == edge.given.asked.card, edge
    for lends in (Lends.NOBODY, Lends.EVERYBODY):
        assert not any(isinstance(effect, Saw | Forget) for edge in EDGES[lends] for effect in edge.effects)


def test_what_the_screen_says_of_lending_is_what_the_machine_does() -> None:
    for lends in Lends:
        for edge in EDGES[lends]:
            assert edge.after.lends is lends, edge


def test_no_more_than_the_limit_is_lent_offline() -> None:
    for edge in ALL:
        lent = [line for line in lines_of(edge.after) if isinstance(line.outcome, Lent) and line.outcome.offline]
        assert len(lent) <= 1, edge


def test_only_the_answer_to_the_question_that_stands_lets_somebody_borrow() -> None:
    for edge in ALL:
        entered = isinstance(edge.after.stage, Lending) and not isinstance(edge.before.stage, Lending)
        if entered and isinstance(edge.given, Known):
            assert isinstance(edge.before.stage, Verifying) and edge.given.asked == edge.before.stage.asked, edge
            assert edge.given.borrower in (GOOD, FREED), edge


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
        for secret in (ADA.number, EVE.number, "'p1'", "'p3'", "Ada", "Eve", "Bo'"):
            assert secret not in printed, printed


def test_a_store_that_is_silent_is_not_asked() -> None:
    for edge in ALL:
        if edge.before.offline:
            assert not any(isinstance(e, AskWho | AskCheckout | AskCheckin) for e in edge.effects), edge
        else:
            assert not any(isinstance(e, LookUp) for e in edge.effects), edge
