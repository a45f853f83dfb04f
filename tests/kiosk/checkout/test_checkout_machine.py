"""The self-checkout machine's transcripts: named as sentences, played on one clock."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from walk import WALL, at

from kiosk.checkout.line import Lent, Line, Refused, Returned, Trouble
from kiosk.checkout.machine import step
from kiosk.checkout.offline import Branch, Lends, OfflineRules
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskingPin,
    AskWho,
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
    ReturnSilent,
    ReturnTapped,
    Rules,
    Saw,
    Start,
    State,
    Told,
)
from kiosk.event import ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import STRAINED, Fault, Raised
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
    Standing,
    Tick,
)

ADA = Credential("9101010001")
ASKED = Question(ADA, Pin("1234"))
P1 = PatronId("p1")
BORROWER = Borrower(P1, "Ada", frozenset())
BOOK, OTHER = ItemId("1000000001"), ItemId("1000000002")
DUE = date(2026, 12, 22)
OFFLINE_DUE = date(2026, 12, 22)  # 24 November and 28 days
ULFBORG = Branch(WALL - timedelta(hours=1), 28)
NOBODY = OfflineRules(branch=ULFBORG)
SEEN = OfflineRules(Lends.SEEN, branch=ULFBORG)
EVERYBODY = OfflineRules(Lends.EVERYBODY, branch=ULFBORG)
EMPTY = State()
LOGIN: tuple[Given, ...] = (CardSwiped(ADA), *(DigitTyped(d) for d in "1234"), Known(ASKED, BORROWER, Standing.SEEN))


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
    given = (*LOGIN[:-1], KnowledgeSilent(ASKED, Standing.STRANGER), CodeScanned(BOOK))
    state, effects = play(*given, offline=EVERYBODY)
    assert effects[-1] == Record(ItemLent(ADA, BOOK, OFFLINE_DUE, offline=True), EventId("e6"))
    assert outcomes(state) == [Lent(OFFLINE_DUE, offline=True)]


def test_a_silent_store_at_login_says_so_where_the_site_lends_to_nobody() -> None:
    state, _ = play(*LOGIN[:-1], KnowledgeSilent(ASKED, Standing.STRANGER))
    assert state.stage == Notice(Told.OFFLINE, 11.0)


def test_a_machine_that_the_store_has_shut_out_lends_to_nobody() -> None:
    shut_out = Raised(Fault.STORE_REFUSES_DEVICE)
    state, effects = play(shut_out, CodeScanned(BOOK), LoanSilent(EventId("e1")), start=logged_in(), offline=EVERYBODY)
    assert outcomes(state) == [Refused(Trouble.OFFLINE)]
    assert effects[-1] == Record(LoanGivenUp(EventId("e1"), BOOK))


def test_a_clock_that_is_not_certain_gives_out_no_due_date() -> None:
    state, _ = play(*LOGIN[:-1])
    rules = Rules(EventId("x"), EVERYBODY)
    state, _ = step(state, KnowledgeSilent(ASKED, Standing.STRANGER), at(9, synced=False), rules)
    assert state.stage == Notice(Told.OFFLINE, 15.0)


def test_a_wrong_pin_may_be_typed_again() -> None:
    state, _ = play(*LOGIN[:-1], NotKnown(ASKED, AuthRefusal.INVALID))
    assert isinstance(state.stage, AskingPin)
    assert state.stage.again and state.stage.tries_left == 2


def test_a_blocked_patron_is_sent_to_the_staff() -> None:
    blocked = replace(BORROWER, blocks=frozenset({Block.DEBT}))
    state, _ = play(*LOGIN[:-1], Known(ASKED, blocked, Standing.SEEN))
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


# --- while the store is silent ------------------------------------------------------------------


def shown(standing: Standing, offline: OfflineRules, moment: datetime = WALL, *, synced: bool = True) -> State:
    """The store does not say who this is, and the machine knows the card so."""
    state, _ = play(*LOGIN[:-1])
    rules = Rules(EventId("x"), offline)
    return step(state, KnowledgeSilent(ASKED, standing), at(6, moment, synced=synced), rules)[0]


@pytest.mark.parametrize(
    ("standing", "seen", "everybody"),
    [
        (Standing.SEEN, True, True),
        (Standing.STRANGER, False, True),
        (Standing.LISTED, False, False),
        (Standing.UNTOLD, False, False),
    ],
)
def test_who_may_borrow_without_the_stores_word(standing: Standing, seen: bool, everybody: bool) -> None:
    assert not isinstance(shown(standing, NOBODY).stage, Lending)
    assert isinstance(shown(standing, SEEN).stage, Lending) is seen
    assert isinstance(shown(standing, EVERYBODY).stage, Lending) is everybody


def test_a_listed_card_a_stranger_and_an_unreadable_list_meet_one_sentence() -> None:
    met = {shown(standing, SEEN).stage for standing in Standing if standing is not Standing.SEEN}
    assert met == {Notice(Told.NOT_UNASKED, 12.0)}


def test_a_silent_store_is_not_asked_again_the_machine_looks_for_itself() -> None:
    _, effects = play(Raised(Fault.STORE_SILENT), *LOGIN[:-1], offline=SEEN)
    assert effects[-1] == LookUp(ASKED)


def test_nobody_types_a_pin_for_nothing_while_nobody_may_borrow() -> None:
    state, effects = play(Raised(Fault.STORE_SILENT), CardSwiped(ADA))
    assert state.stage == Notice(Told.OFFLINE, 7.0)
    assert not any(isinstance(effect, LookUp) for effect in effects)


def test_a_look_that_takes_too_long_lends_to_nobody() -> None:
    state, _ = play(Raised(Fault.STORE_SILENT), *LOGIN[:-1], offline=EVERYBODY)
    state, _ = step(state, Tick(), at(100), Rules(EventId("x"), EVERYBODY))
    assert state.stage == Notice(Told.NOT_UNASKED, 106.0)


@pytest.mark.parametrize(
    ("moment", "lends"),
    [
        (ULFBORG.as_of + timedelta(days=3), True),
        (ULFBORG.as_of + timedelta(days=3, seconds=1), False),
        (ULFBORG.as_of - timedelta(hours=1), True),
        (ULFBORG.as_of - timedelta(hours=1, seconds=1), False),  # one of the two clocks is wrong
    ],
)
def test_a_list_that_is_too_old_or_of_a_day_to_come_lends_to_nobody(moment: datetime, lends: bool) -> None:
    state = shown(Standing.SEEN, EVERYBODY, moment)
    assert isinstance(state.stage, Lending) is lends
    assert (state.lends is Lends.EVERYBODY) is lends


def test_a_machine_that_never_heard_the_store_lends_to_nobody() -> None:
    state = shown(Standing.SEEN, OfflineRules(Lends.EVERYBODY))
    assert state.stage == Notice(Told.OFFLINE, 12.0)


@pytest.mark.parametrize(("hour", "lends"), [(22, True), (23, False)])
def test_on_a_closing_day_nothing_is_lent_unasked_from_midnight_in_copenhagen(hour: int, lends: bool) -> None:
    closed = replace(EVERYBODY, branch=replace(ULFBORG, closings=frozenset({date(2026, 11, 25)})))
    state = shown(Standing.SEEN, closed, datetime(2026, 11, 24, hour, 59, tzinfo=UTC))
    assert isinstance(state.stage, Lending) is lends


def test_what_is_lent_unasked_is_not_due_on_a_closing_day() -> None:
    closings = frozenset({OFFLINE_DUE, OFFLINE_DUE + timedelta(days=1)})
    rules = replace(EVERYBODY, branch=replace(ULFBORG, closings=closings))
    state, _ = play(CodeScanned(BOOK), LoanSilent(EventId("e0")), start=logged_in(), offline=rules)
    assert outcomes(state) == [Lent(date(2026, 12, 24), offline=True)]


def test_the_sites_own_length_of_a_loan_wins() -> None:
    rules = replace(EVERYBODY, loan_days=14)
    state, _ = play(CodeScanned(BOOK), LoanSilent(EventId("e0")), start=logged_in(), offline=rules)
    assert outcomes(state) == [Lent(date(2026, 12, 8), offline=True)]


def test_more_than_the_site_allows_is_refused_for_that_reason() -> None:
    rules = replace(EVERYBODY, most=1)
    given = (CodeScanned(BOOK), LoanSilent(EventId("e0")), CodeScanned(OTHER), LoanSilent(EventId("e2")))
    state, _ = play(*given, start=logged_in(), offline=rules)
    assert outcomes(state) == [Lent(OFFLINE_DUE, offline=True), Refused(Trouble.ENOUGH)]


@pytest.mark.parametrize("standing", [Standing.LISTED, Standing.UNTOLD])
def test_a_card_that_the_list_still_names_borrows_only_while_the_store_can_be_asked(standing: Standing) -> None:
    made = LoanMade(EventId("e6"), Loan(BOOK, "Peters jul", DUE))
    given = (*LOGIN[:-1], Known(ASKED, BORROWER, standing), CodeScanned(BOOK), made)
    state, _ = play(*given, CodeScanned(OTHER), LoanSilent(EventId("e8")), offline=EVERYBODY)
    assert outcomes(state) == [Lent(DUE, offline=False), Refused(Trouble.OFFLINE)]


@pytest.mark.parametrize("strained", sorted(STRAINED, key=str))
def test_an_outbox_that_is_strained_takes_no_loan_that_nobody_was_asked_about(strained: Fault) -> None:
    state, _ = play(Raised(strained), *LOGIN[:-1], KnowledgeSilent(ASKED, Standing.SEEN), offline=EVERYBODY)
    assert isinstance(state.stage, Notice) and state.lends is Lends.NOBODY


# --- what is kept of a card ---------------------------------------------------------------------


def kept(given: Given, offline: OfflineRules) -> list[Effect]:
    _, effects = play(*LOGIN[:-1], given, offline=offline)
    return [effect for effect in effects if isinstance(effect, Saw | Forget)]


def test_a_right_pin_is_remembered_where_the_site_lends_to_seen_cards() -> None:
    assert kept(Known(ASKED, BORROWER, Standing.SEEN), SEEN) == [Saw(ADA)]
    assert kept(Known(ASKED, BORROWER, Standing.UNTOLD), SEEN) == [Saw(ADA)]
    assert kept(Known(ASKED, BORROWER, Standing.LISTED), SEEN) == []


@pytest.mark.parametrize(
    "no",
    [
        Known(ASKED, replace(BORROWER, blocks=frozenset({Block.CARD_STOLEN})), Standing.SEEN),
        NotKnown(ASKED, AuthRefusal.INVALID),
        NotKnown(ASKED, AuthRefusal.LOCKED_OUT),
    ],
)
def test_a_no_of_the_store_is_a_card_forgotten(no: Given) -> None:
    assert kept(no, SEEN) == [Forget(ADA)]
    assert kept(no, EVERYBODY) == []


def test_nothing_is_remembered_where_the_site_does_not_need_it() -> None:
    for offline in (NOBODY, EVERYBODY):
        assert kept(Known(ASKED, BORROWER, Standing.SEEN), offline) == []
