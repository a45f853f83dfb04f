"""The self-checkout machine's transcripts: named as sentences, played on one clock."""

from dataclasses import replace
from datetime import date

from walk import at

from kiosk.checkout.line import Lent, Line, Refused, Returned, Trouble
from kiosk.checkout.machine import step
from kiosk.checkout.offline import Lends, OfflineRules
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskingPin,
    AskWho,
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
    ReturnSilent,
    ReturnTapped,
    Rules,
    Start,
    State,
    Told,
)
from kiosk.event import ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Fault, Raised
from kiosk.model import (
    AuthRefusal,
    Block,
    Borrower,
    CardSwiped,
    CodeScanned,
    Credential,
    DigitTyped,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Question,
    Return,
    Tick,
)

ADA = Credential("9101010001")
ASKED = Question(ADA, Pin("1234"))
P1 = PatronId("p1")
BORROWER = Borrower(P1, "Ada", frozenset())
BOOK, OTHER = ItemId("1000000001"), ItemId("1000000002")
DUE = date(2026, 12, 22)
OFFLINE_DUE = date(2026, 12, 22)  # 24 November and 28 days
NOBODY, EVERYBODY = OfflineRules(), OfflineRules(Lends.EVERYBODY)
EMPTY = State()
LOGIN: tuple[Given, ...] = (CardSwiped(ADA), *(DigitTyped(d) for d in "1234"), Known(ASKED, BORROWER))


def play(*given: Given, offline: OfflineRules = NOBODY, start: State = EMPTY) -> tuple[State, list[Effect]]:
    """Each input a second after the last; the n-th has the fresh id `e<n>`, counted from the first of `given`."""
    state, done = start, list[Effect]()
    for n, one in enumerate(given):
        state, effects = step(state, one, at(float(n)), Rules(EventId(f"e{n}"), offline))
        done += effects
    return state, done


def logged_in() -> State:
    return play(*LOGIN)[0]


def outcomes(state: State) -> list[object]:
    assert isinstance(state.stage, Lending | Returning | Farewell)
    return [line.outcome for line in state.stage.lines]


def test_a_card_and_a_whole_pin_ask_the_store_once() -> None:
    _, effects = play(*LOGIN)
    assert effects == [AskWho(ASKED)]


def test_a_patron_who_is_known_may_lay_items_down() -> None:
    stage = logged_in().stage
    assert isinstance(stage, Lending)
    assert (stage.who, stage.first_name, stage.lines) == (P1, "Ada", ())


def test_a_loan_is_asked_recorded_and_then_shown() -> None:
    made = LoanMade(EventId("e0"), Loan(BOOK, "Peters jul", DUE))
    state, effects = play(CodeScanned(BOOK), made, start=logged_in())
    assert effects == [
        AskCheckout(P1, BOOK, EventId("e0")),
        Record(ItemLent(P1, BOOK, DUE, offline=False), EventId("e0")),
    ]
    assert isinstance(state.stage, Lending)
    assert state.stage.lines == (Line(EventId("e0"), BOOK, "Peters jul", Lent(DUE, offline=False)),)


def test_a_reserved_item_is_refused_and_may_be_tried_again() -> None:
    state, effects = play(
        CodeScanned(BOOK),
        LoanRefused(EventId("e0"), NotLent(LoanRefusal.RESERVED, "Peters jul")),
        CodeScanned(BOOK),
        start=logged_in(),
    )
    assert isinstance(state.stage, Lending)
    assert [line.event for line in state.stage.lines] == ["e2"]
    assert len(effects) == 2


def test_a_refused_item_is_called_by_its_title() -> None:
    refused = LoanRefused(EventId("e0"), NotLent(LoanRefusal.RESERVED, "Peters jul"))
    state, _ = play(CodeScanned(BOOK), refused, start=logged_in())
    assert isinstance(state.stage, Lending)
    assert state.stage.lines == (Line(EventId("e0"), BOOK, "Peters jul", Refused(LoanRefusal.RESERVED)),)


def test_an_item_scanned_twice_is_asked_for_once() -> None:
    _, effects = play(CodeScanned(BOOK), CodeScanned(BOOK), start=logged_in())
    assert effects == [AskCheckout(P1, BOOK, EventId("e0"))]


def test_done_waits_for_the_answers_that_are_still_to_come() -> None:
    state, _ = play(CodeScanned(BOOK), DoneTapped(), start=logged_in())
    assert isinstance(state.stage, Lending) and state.stage.leaving
    state, _ = step(state, LoanMade(EventId("e0"), Loan(BOOK, "Peters jul", DUE)), at(2), Rules(EventId("x")))
    assert isinstance(state.stage, Farewell)


def test_done_with_nothing_lent_goes_home_without_a_farewell() -> None:
    state, _ = play(DoneTapped(), start=logged_in())
    assert state.stage == Start()


def test_the_card_again_is_done() -> None:
    made = LoanMade(EventId("e0"), Loan(BOOK, "Peters jul", DUE))
    state, _ = play(CodeScanned(BOOK), made, CardSwiped(ADA), start=logged_in())
    assert isinstance(state.stage, Farewell)


def test_silence_during_a_loan_lends_offline_under_the_same_id_where_the_site_allows() -> None:
    state, effects = play(CodeScanned(BOOK), LoanSilent(EventId("e0")), start=logged_in(), offline=EVERYBODY)
    assert effects[1] == Record(ItemLent(P1, BOOK, OFFLINE_DUE, offline=True), EventId("e0"))
    assert outcomes(state) == [Lent(OFFLINE_DUE, offline=True)]


def test_silence_where_the_site_lends_to_nobody_gives_the_loan_up() -> None:
    state, effects = play(CodeScanned(BOOK), LoanSilent(EventId("e0")), start=logged_in())
    assert effects[1] == Record(LoanGivenUp(EventId("e0"), BOOK))
    assert outcomes(state) == [Refused(Trouble.OFFLINE)]


def test_two_answers_that_never_come_are_each_settled_under_their_own_id() -> None:
    state, effects = play(CodeScanned(BOOK), CodeScanned(OTHER), DoneTapped(), start=logged_in())
    for n in (100, 101):
        state, more = step(state, Tick(), at(n), Rules(EventId(f"e{n}"), EVERYBODY))
        effects += more
    records = [effect for effect in effects if isinstance(effect, Record)]
    assert [record.event_id for record in records] == ["e0", "e1"]
    assert isinstance(state.stage, Farewell)


def test_a_silent_store_at_login_lets_the_card_stand_for_the_patron_where_the_site_allows() -> None:
    given = (*LOGIN[:-1], KnowledgeSilent(ASKED), CodeScanned(BOOK))
    state, effects = play(*given, offline=EVERYBODY)
    assert effects[-1] == Record(ItemLent(ADA, BOOK, OFFLINE_DUE, offline=True), EventId("e6"))
    assert outcomes(state) == [Lent(OFFLINE_DUE, offline=True)]


def test_a_silent_store_at_login_says_so_where_the_site_lends_to_nobody() -> None:
    state, _ = play(*LOGIN[:-1], KnowledgeSilent(ASKED))
    assert state.stage == Notice(Told.OFFLINE, 11.0)


def test_a_machine_that_the_store_has_shut_out_lends_to_nobody() -> None:
    shut_out = Raised(Fault.STORE_REFUSES_DEVICE)
    state, effects = play(shut_out, CodeScanned(BOOK), LoanSilent(EventId("e1")), start=logged_in(), offline=EVERYBODY)
    assert outcomes(state) == [Refused(Trouble.OFFLINE)]
    assert effects[-1] == Record(LoanGivenUp(EventId("e1"), BOOK))


def test_a_clock_that_is_not_certain_gives_out_no_due_date() -> None:
    state, _ = play(*LOGIN[:-1])
    rules = Rules(EventId("x"), EVERYBODY)
    state, _ = step(state, KnowledgeSilent(ASKED), at(9, synced=False), rules)
    assert state.stage == Notice(Told.OFFLINE, 15.0)


def test_a_wrong_pin_may_be_typed_again() -> None:
    state, _ = play(*LOGIN[:-1], NotKnown(ASKED, AuthRefusal.INVALID))
    assert isinstance(state.stage, AskingPin)
    assert state.stage.again and state.stage.tries_left == 2


def test_a_blocked_patron_is_sent_to_the_staff() -> None:
    blocked = replace(BORROWER, blocks=frozenset({Block.DEBT}))
    state, _ = play(*LOGIN[:-1], Known(ASKED, blocked))
    assert state.stage == Notice(Told.BLOCKED, 11.0)


def test_a_return_needs_no_login() -> None:
    made = ReturnMade(EventId("e1"), Return(BOOK, "Peters jul", "Vogn 2", held=True))
    state, effects = play(ReturnTapped(), CodeScanned(BOOK), made)
    assert effects == [
        AskCheckin(BOOK, EventId("e1")),
        Record(ItemReturned(BOOK, offline=False), EventId("e1")),
    ]
    assert outcomes(state) == [Returned("Vogn 2", held=True, offline=False)]


def test_returns_are_taken_without_limit_while_the_store_is_silent() -> None:
    books = [CodeScanned(f"10000000{n:02}") for n in range(30)]
    state, effects = play(Raised(Fault.STORE_SILENT), ReturnTapped(), *books)
    assert outcomes(state) == [Returned("", held=False, offline=True)] * 30
    assert sum(isinstance(effect, Record) for effect in effects) == 31


def test_a_return_that_got_no_answer_is_taken() -> None:
    state, effects = play(ReturnTapped(), CodeScanned(BOOK), ReturnSilent(EventId("e1")))
    assert effects[-1] == Record(ItemReturned(BOOK, offline=True), EventId("e1"))
    assert outcomes(state) == [Returned("", held=False, offline=True)]


def test_a_full_disk_takes_an_offline_loan_back_from_the_screen_even_at_the_farewell() -> None:
    given = (CodeScanned(BOOK), DoneTapped(), LoanSilent(EventId("e0")), NotRecorded(EventId("e0")))
    state, _ = play(*given, start=logged_in(), offline=EVERYBODY)
    assert isinstance(state.stage, Farewell)
    assert outcomes(state) == [Refused(Trouble.OUT_OF_ORDER)]


def test_a_full_disk_does_not_unsay_what_the_store_has_confirmed() -> None:
    made = LoanMade(EventId("e0"), Loan(BOOK, "Peters jul", DUE))
    state, _ = play(CodeScanned(BOOK), made, NotRecorded(EventId("e0")), start=logged_in())
    assert outcomes(state) == [Lent(DUE, offline=False)]


def test_nobody_touching_it_ends_the_session_and_forgets_the_patron() -> None:
    made = LoanMade(EventId("e0"), Loan(BOOK, "Peters jul", DUE))
    state, _ = play(CodeScanned(BOOK), made, start=logged_in())
    for mono in (60, 80):
        state, _ = step(state, Tick(), at(mono), Rules(EventId("x")))
    assert state == State()
