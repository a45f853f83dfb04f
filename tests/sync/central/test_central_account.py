"""The patron's own page, from a machine: the session that opens it, what it shows, and what can be done on it."""

from contextlib import closing
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from sync.central import seed
from sync.central.patrons import record
from sync.central.schema import cards, fees, holds, loans, messages, patrons
from sync.central.start import open_database
from sync.rest import wire
from tests.sync.central.library import MORNING, Library, Machine, Reply

KEY, OTHER_KEY = "0123456789abcdef", "fedcba9876543210"
TODAY = MORNING.date()
FRIDA = seed.OTHER_PATRON


class MyPage:
    """One patron at one machine."""

    def __init__(self, machine: Machine, person: seed.Person) -> None:
        self._machine = machine
        self.session = machine.authenticate(person.number, person.pin.reveal()).said["sessionKey"]

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        return self._machine.ask(method, path, body, X_Session=self.session, **headers)

    def read(self) -> dict[str, Any]:
        reply = self.ask("GET", wire.ACCOUNT)
        assert reply.status == 200, reply.said
        return reply.said

    def change(self, **changes: object) -> Reply:
        return self.ask("PATCH", wire.ACCOUNT, changes)

    def hold(self, copy: seed.Copy, branch: str = seed.ULFBORG) -> Reply:
        return self.ask("POST", wire.HOLDS, {"recordId": copy.record, "pickupBranch": branch})

    def cancel(self, hold: object) -> Reply:
        return self.ask("DELETE", wire.HOLD.replace("{holdId}", str(hold)))

    def renew(self, loan_ids: object = (), key: str = KEY) -> Reply:
        return self.ask("POST", wire.RENEWALS, {"loanIds": loan_ids}, Idempotency_Key=key)


@pytest.fixture
def frida(machine: Machine) -> MyPage:
    return MyPage(machine, FRIDA)


@pytest.fixture
def alma(machine: Machine) -> MyPage:
    return MyPage(machine, seed.ADULT)


def write(library: Library, *statements: Any) -> None:
    with closing(open_database(library.home)) as database:
        for statement in statements:
            database.write(partial(Connection.execute, statement=statement)).result()


def refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.said["errorCode"]) == (status, code)


# --- the session --------------------------------------------------------------------------------

QUESTIONS: tuple[tuple[str, str, object], ...] = (
    ("GET", wire.ACCOUNT, None),
    ("PATCH", wire.ACCOUNT, {}),
    ("POST", wire.RENEWALS, {"loanIds": []}),
    ("POST", wire.HOLDS, {"recordId": seed.BOOK.record, "pickupBranch": seed.ULFBORG}),
    ("DELETE", "/v1/holds/1", None),
)


@pytest.mark.parametrize(("method", "path", "body"), QUESTIONS)
def test_nobody_gets_in_without_a_session_and_the_line_stays_open(
    machine: Machine, method: str, path: str, body: object
) -> None:
    for said in ({}, {"X_Session": ""}, {"X_Session": "A" * 80}, {"X_Session": "æ\xff"}):
        reply = machine.ask(method, path, body, Idempotency_Key=KEY, **said)
        refused(reply, 401, "sessionExpired")
        assert reply.headers.get("Connection") != "close"


def test_a_wrong_pin_gives_no_session(machine: Machine) -> None:
    assert machine.authenticate(seed.ADULT.number, "0000").said["sessionKey"] == ""


def test_a_session_ends_after_a_quarter_of_an_hour(library: Library, frida: MyPage) -> None:
    library.clock.forward(minutes=14)
    assert frida.ask("GET", wire.ACCOUNT).status == 200
    library.clock.forward(minutes=2)
    refused(frida.ask("GET", wire.ACCOUNT), 401, "sessionExpired")


def test_a_session_is_worth_nothing_on_another_machine(library: Library, frida: MyPage) -> None:
    other = library.machine("ulfborg-2")
    refused(other.ask("GET", wire.ACCOUNT, X_Session=frida.session), 401, "sessionExpired")


def test_a_session_outlives_a_restart_of_the_store(library: Library, frida: MyPage) -> None:
    library.restart()
    again = library.dial(library.home.directory.parent / "ulfborg-1")
    assert again.ask("GET", wire.ACCOUNT, X_Session=frida.session).status == 200


def test_the_session_of_a_removed_patron_is_over(library: Library, alma: MyPage) -> None:
    with closing(open_database(library.home)) as database:
        assert database.write(lambda connection: record.remove(connection, seed.ADULT.patron)).result() is None
    refused(alma.ask("GET", wire.ACCOUNT), 401, "sessionExpired")
    refused(alma.change(mobile="12345678"), 401, "sessionExpired")


# --- the page -----------------------------------------------------------------------------------


def test_the_page_shows_loans_and_holds(frida: MyPage) -> None:
    page = frida.read()
    (loan,) = page["loans"]
    assert loan["materialItemNumber"] == seed.ON_LOAN.item
    assert (loan["title"], loan["author"]) == (seed.ON_LOAN.title, seed.ON_LOAN.author)
    assert date.fromisoformat(loan["loanDate"]) == TODAY - timedelta(11)
    assert date.fromisoformat(loan["dueDate"]) == TODAY + timedelta(19)
    assert {hold["title"]: (hold["state"], hold["numberInQueue"], hold["pickupBranch"]) for hold in page["holds"]} == {
        seed.RESERVED.title: ("reserved", 1, seed.ULFBORG),
        seed.RESERVED_ELSEWHERE.title: ("reserved", 1, seed.VINDERUP),
    }
    assert page["homeBranch"] == seed.VINDERUP


def test_the_page_is_the_patrons_own(alma: MyPage) -> None:
    page = alma.read()
    assert (page["loans"], page["holds"], page["fees"], page["debt"], page["blockStatus"]) == ([], [], [], 0, [])


def test_the_page_shows_what_is_owed_in_oere(library: Library, alma: MyPage) -> None:
    new = insert(fees).values(
        patron_id=seed.ADULT.patron, kind="fee", lent_on=TODAY, amount=20_00, paid=5_00, made_at=MORNING
    )
    write(library, new)
    page = alma.read()
    (fee,) = page["fees"]
    assert (fee["type"], fee["amount"], fee["paid"], page["debt"]) == ("fee", 20_00, 5_00, 15_00)


def test_the_page_shows_the_note_to_the_patron_and_never_the_note_about_them(machine: Machine) -> None:
    dagmar = MyPage(machine, seed.DEBTOR)
    page = dagmar.read()
    assert page["patronNote"] == seed.DEBTOR.patron_note
    assert [block["blockedReason"] for block in page["blockStatus"]] == ["E"]
    assert seed.DEBTOR.internal_note.encode() not in machine.heard


def test_the_page_names_no_number_of_the_patron(library: Library, machine: Machine, frida: MyPage) -> None:
    machine.heard = b""
    frida.read()
    sealed = {row.digest for row in library.rows(select(cards).subquery())}
    for secret in (FRIDA.number, FRIDA.patron, FRIDA.last_name, FRIDA.mobile, FRIDA.email, *sealed):
        assert secret.encode() not in machine.heard


def test_messages_sent_are_shown_newest_first_and_without_where_they_went(library: Library, alma: MyPage) -> None:
    def sent(about: str, days: int | None, content: str) -> Any:
        at = None if days is None else MORNING - timedelta(days)
        return insert(messages).values(
            patron_id=seed.ADULT.patron,
            kind="due",
            about=about,
            channel="sms",
            recipient="+4512345678",
            subject="",
            content=content,
            made_at=MORNING - timedelta(60),
            sent_at=at,
        )

    write(library, sent("1", 40, ""), sent("2", 1, "Husk at aflevere"), sent("3", None, "venter"))
    page = alma.read()
    assert [(told["content"], told["dateSent"]) for told in page["messages"]] == [
        ("Husk at aflevere", (TODAY - timedelta(1)).isoformat()),
        ("", (TODAY - timedelta(40)).isoformat()),
    ]
    assert "4512345678" not in str(page)


# --- changes ------------------------------------------------------------------------------------


def test_a_change_is_answered_with_the_page_as_it_is_then(library: Library, alma: MyPage) -> None:
    away = {"from": "2026-12-20", "to": None}
    page = alma.change(mobile="12 34 56 78", email="alma@natugle.example", onHold=away, homeBranch=seed.VINDERUP).said
    assert (page["onHold"], page["homeBranch"]) == (away, seed.VINDERUP)
    assert page["contact"]["mobile"].endswith("78")
    assert "12345678" not in page["contact"]["mobile"]
    (row,) = library.rows(select(patrons).where(patrons.c.patron_id == seed.ADULT.patron).subquery())
    assert (row.mobile_notice, row.email_notice) == ("12345678", "alma@natugle.example")


def test_what_is_left_out_stays_and_what_is_empty_goes(alma: MyPage) -> None:
    before = alma.read()["contact"]
    assert before["mobile"]
    assert alma.change(mobile=None).said["contact"] == before
    assert alma.change(mobile="").said["contact"] == before | {"mobile": ""}


def test_an_absence_open_at_both_ends_is_none(alma: MyPage) -> None:
    assert alma.change(onHold={"from": "2026-12-20"}).said["onHold"] == {"from": "2026-12-20", "to": None}
    assert alma.change(onHold={}).said["onHold"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"mobile": "12"},
        {"mobile": "1234567\u0000"},
        {"email": "no address"},
        {"email": "a@b"},
        {"homeBranch": "DK-000000"},
        {"homeBranch": ""},
        {"onHold": {"from": "2026-12-20", "to": "2026-12-19"}},
        {"onHold": {"from": 20261220}},
        {"patronNote": "mine"},
        {"patronGroup": "Personale"},
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_changed(alma: MyPage, changes: dict[str, object]) -> None:
    before = alma.read()
    refused(alma.change(**({"email": "new@natugle.example"} | changes)), 400, "badRequest")
    assert alma.read() == before


# --- renewals -----------------------------------------------------------------------------------


def soon_due(library: Library) -> None:
    write(library, update(loans).where(loans.c.item_id == seed.ON_LOAN.item).values(due=TODAY + timedelta(2)))


def test_a_loan_is_renewed_once_however_often_the_question_comes(library: Library, frida: MyPage) -> None:
    soon_due(library)
    (loan,) = frida.read()["loans"]
    assert loan["isRenewable"]
    first = frida.renew([loan["loanId"]])
    (renewed,) = first.said["renewals"]
    assert renewed["renewalStatus"] == ["renewed"]
    assert date.fromisoformat(renewed["dueDate"]) > TODAY + timedelta(2)
    assert frida.renew([loan["loanId"]]).body == first.body
    assert [row.renewals for row in library.rows(loans)] == [1]


def test_no_loan_named_is_every_loan(library: Library, frida: MyPage) -> None:
    soon_due(library)
    (renewed,) = frida.renew().said["renewals"]
    assert (renewed["materialItemNumber"], renewed["renewalStatus"]) == (seed.ON_LOAN.item, ["renewed"])


def test_a_loan_that_may_not_be_renewed_keeps_its_date_and_says_why(frida: MyPage) -> None:
    (loan,) = frida.read()["loans"]
    (denied,) = frida.renew([loan["loanId"]]).said["renewals"]
    assert not loan["isRenewable"]
    assert denied["renewalStatus"] == loan["renewalStatusList"] != ["renewed"]
    assert denied["dueDate"] == loan["dueDate"]


def test_nobody_renews_what_another_has(library: Library, frida: MyPage, machine: Machine) -> None:
    soon_due(library)
    (loan,) = frida.read()["loans"]
    (denied,) = MyPage(machine, seed.ADULT).renew([loan["loanId"]]).said["renewals"]
    assert denied["renewalStatus"] != ["renewed"]
    assert (denied["title"], denied["dueDate"]) == ("", None)
    assert [row.renewals for row in library.rows(loans)] == [0]


def test_a_key_of_renewals_is_good_for_one_patron_and_one_choice(frida: MyPage, alma: MyPage) -> None:
    frida.renew()
    refused(frida.renew([1, 2]), 422, "idempotencyMismatch")
    refused(alma.renew(), 422, "idempotencyMismatch")
    assert alma.renew(key=OTHER_KEY).said == {"renewals": []}


@pytest.mark.parametrize("loan_ids", [[0], [-1], [2**31], ["1"], [1.5], [None], "1", list(range(1, 300))])
def test_renewals_of_what_is_no_loans_number_are_a_bad_request(frida: MyPage, loan_ids: object) -> None:
    refused(frida.renew(loan_ids), 400, "badRequest")


def test_renewals_without_a_key_are_a_bad_request(frida: MyPage) -> None:
    refused(frida.ask("POST", wire.RENEWALS, {"loanIds": []}), 400, "badRequest")


# --- holds --------------------------------------------------------------------------------------


def test_a_hold_is_placed_seen_and_cancelled(library: Library, alma: MyPage) -> None:
    placed = alma.hold(seed.ON_LOAN).said
    assert placed["result"] == "success"
    (hold,) = alma.read()["holds"]
    assert (hold["holdId"], hold["recordId"], hold["state"]) == (placed["holdId"], seed.ON_LOAN.record, "reserved")
    assert alma.cancel(hold["holdId"]).said == {"holdId": hold["holdId"]}
    assert alma.read()["holds"] == []
    assert len(library.rows(holds)) == 2


def test_the_same_hold_twice_is_one(library: Library, alma: MyPage) -> None:
    alma.hold(seed.ON_LOAN)
    assert alma.hold(seed.ON_LOAN).said == {"result": "already_reserved", "holdId": 0}
    assert len(library.rows(holds)) == 3


def test_a_hold_that_is_refused_says_why(alma: MyPage, frida: MyPage) -> None:
    assert alma.hold(seed.NOT_FOR_LOAN).said["result"] == "not_reservable"
    assert frida.hold(seed.ON_LOAN).said["result"] == "already_loaned"
    assert alma.hold(seed.BOOK, "DK-000000").said["result"] != "success"


def test_nobody_cancels_anothers_hold(library: Library, alma: MyPage, frida: MyPage) -> None:
    for hold in frida.read()["holds"]:
        refused(alma.cancel(hold["holdId"]), 404, "dataNotFound")
    assert len(library.rows(holds)) == 2


@pytest.mark.parametrize("hold", ["0", "-1", "x", "1.0", "2147483648", "%00", "01"])
def test_what_is_no_holds_number_is_a_bad_request(alma: MyPage, hold: str) -> None:
    refused(alma.cancel(hold), 400, "badRequest")


def test_a_hold_that_is_gone_is_not_found(library: Library, frida: MyPage) -> None:
    write(library, delete(holds))
    refused(frida.cancel(1), 404, "dataNotFound")


# --- the paths ----------------------------------------------------------------------------------


def test_a_query_parameter_that_the_path_does_not_have_is_a_bad_request(frida: MyPage) -> None:
    refused(frida.ask("GET", wire.ACCOUNT + "?patronId=1"), 400, "badRequest")


def test_a_method_that_a_path_does_not_have_names_those_it_has(frida: MyPage) -> None:
    reply = frida.ask("PUT", wire.ACCOUNT, {})
    refused(reply, 405, "methodNotAllowed")
    assert set(reply.headers["Allow"].split(",")) == {"GET", "PATCH"}
