"""Cicero's SIP2 over HTTPS: what its machines send, and what they may hear."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import update

from kiosk.loop import system_clock
from kiosk.model import DeviceId
from sync.central import seed
from sync.central.machines import devices
from sync.central.schema import records, tries
from sync.central.sip2 import logins
from sync.central.sip2.logins import SipUser
from sync.sip2 import xml
from sync.sip2.codec import MAX_FRAME, Message, Spelling, decode_text, encode_text
from tests.sync.central import sip2_speaker as speak
from tests.sync.central.library import Library, Machine, Reply

PATH = "/rest/sip2/" + speak.AGENCY
_SPELLING = Spelling(fence=True, longest=None)


@dataclass
class Automat:
    """A machine that was let in and has a login."""

    machine: Machine
    password: str

    def post(self, body: bytes, path: str = PATH) -> Reply:
        return self.machine.ask("POST", path, body, Content_Type="application/xml")

    def say(self, text: str) -> xml.Response | xml.Failure:
        return xml.read_answer(self.post(xml.write_request(xml.Asked("automat", self.password, text))).body)

    def text(self, text: str) -> str:
        answer = self.say(text)
        assert isinstance(answer, xml.Response), answer
        return answer.text

    def ask(self, asked: Message) -> Message:
        return decode_text(self.text(encode_text(asked, _SPELLING)))


@pytest.fixture
def automat(library: Library) -> Automat:
    return Automat(library.machine("automat-1"), add_login(library, SipUser(seed.ULFBORG)))


def add_login(library: Library, user: SipUser) -> str:
    return speak.in_store(library.home, lambda connection: logins.add(connection, "automat", user))


# --- a whole conversation -----------------------------------------------------------------------


def test_the_heartbeat_is_answered_as_cicero_does(automat: Automat) -> None:
    said = automat.text("990xxx2.00")
    assert said.startswith(f"98YYYYYY600999{speak.NOW}2.00AO{speak.AGENCY}|AM")
    assert decode_text(said).first("BX") == "YYYYYYYYYYYNNYYY"


def test_a_machine_lends_renews_and_takes_back_over_https(automat: Automat) -> None:
    lent = automat.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    book = seed.BOOK
    assert (lent.fixed_of("ok"), lent.first("AJ")) == ("1", book.record)
    assert lent.first("CH") == f"{book.title}%{book.author}%a%xx%"
    assert lent.first("AA") == seed.ADULT.number
    patron = automat.ask(speak.information(seed.ADULT, summary="YYYYYYYYYY"))
    assert patron.first("AA") == f"LN:{seed.ADULT.patron}"
    assert patron.all("AU") == (f"{book.item}%{lent.first('AH')}%{book.title}%{book.author}%a%xx%",)
    assert patron.all("AS") == ("",) and patron.all("AV") == ("",) and patron.all("CD") == ("",)
    returned = automat.ask(speak.checkin(book.item))
    assert (returned.fixed_of("ok"), returned.first("AQ")) == ("1", f"Ulfborg%{book.shelf}%%")
    assert returned.first("AA") == f"LN:{seed.ADULT.patron}"
    assert automat.ask(speak.end_of_session(seed.ADULT)).fixed_of("end_session") == "Y"
    assert speak.secrets_in(automat.machine.heard) == []


def test_nine_ys_and_a_bar_give_every_list_at_once(automat: Automat) -> None:
    automat.ask(speak.hold("+", seed.ADULT, ("AJ", seed.RESERVED.record)))
    text = f"63009{speak.NOW}YYYYYYYYY|AO{speak.AGENCY}|AA{seed.ADULT.number}|AC|AD{seed.ADULT.pin.reveal()}|"
    patron = decode_text(automat.text(text))
    assert (patron.first("BL"), patron.first("CQ"), patron.first("AE")) == ("Y", "Y", "Alma")
    copy = seed.RESERVED
    assert patron.all("CD") == (f"{copy.record}%%%{copy.title}%{copy.author}%a%xx%",)
    assert patron.fixed_of("unavailable_holds_count") == "0001"


def test_a_hold_that_is_ready_is_said_with_shelf_day_and_branch(automat: Automat) -> None:
    assert automat.ask(speak.checkin(seed.RESERVED.item)).all("AF") == ("Reserveret",)
    patron = automat.ask(speak.information(seed.OTHER_PATRON, summary="YYYYYYYYYY"))
    assert patron.fixed_of("hold_items_count") == "0001"
    faust, item, shelf, by, branch, *_ = patron.first("AS").split("%")
    assert (faust, item, branch) == (seed.RESERVED.record, seed.RESERVED.item, f"{seed.ULFBORG} - Ulfborg")
    assert shelf == "Reserveringshylde 1" and len(by) == 18


def test_what_belongs_elsewhere_is_sent_there(automat: Automat) -> None:
    home = automat.ask(speak.checkin(seed.FROM_VINDERUP.item))
    assert home.all("AF") == ("Sendes til Vinderup",)
    held = automat.ask(speak.checkin(seed.RESERVED_ELSEWHERE.item))
    assert held.all("AF") == ("Reserveret", "Sendes til Vinderup")


def test_the_login_says_where_the_machine_stands_and_whether_holds_are_filled(library: Library) -> None:
    password = add_login(library, SipUser(seed.VINDERUP, fills_holds=False))
    automat = Automat(library.machine("automat-1"), password)
    assert automat.ask(speak.checkin(seed.FROM_VINDERUP.item)).all("AF") == ()
    assert automat.ask(speak.checkin(seed.RESERVED_ELSEWHERE.item)).first("AF") != "Reserveret"


def test_an_unknown_item_is_said_by_its_code(automat: Automat) -> None:
    assert automat.ask(speak.checkout(seed.ADULT, "999")).first("AF") == "[MATERIAL_NOT_FOUND]"
    assert automat.ask(speak.checkin("999")).first("AF") == "[MATERIAL_NOT_FOUND]"
    assert automat.ask(speak.checkout(seed.ADULT, seed.ON_LOAN.item)).first("AF") == "[ON_LOAN]"


def test_a_percent_in_a_title_parts_nothing(library: Library, automat: Automat) -> None:
    renamed = update(records).where(records.c.record_id == seed.BOOK.record).values(title="100% & <uld> | æøå")
    speak.in_store(library.home, lambda connection: connection.execute(renamed).rowcount)
    said = automat.ask(speak.item_information(seed.BOOK.item)).first("CH")
    assert said == f"100  & <uld>   æøå%{seed.BOOK.author}%a%xx%"


# --- who may hear what --------------------------------------------------------------------------


def test_the_birth_date_is_said_and_the_address_is_not(automat: Automat) -> None:
    patron = automat.ask(speak.information(seed.ADULT, summary="YYYYYYYYYY"))
    assert len(patron.first("PB")) == 8
    assert not {"BD", "BE", "BF"} & {name for name, _ in patron.fields}


def test_a_wrong_pin_tells_nothing_of_the_record(library: Library, automat: Automat) -> None:
    for asked in (speak.status(seed.DEBTOR, "0000"), speak.information(seed.DEBTOR, "0000", "YYYYYYYYYY")):
        reply = automat.ask(asked)
        assert {name for name, _ in reply.fields} == {"AO", "AA", "AE", "BL", "CQ"}
        assert (reply.first("AA"), reply.first("AE")) == (f"ANY:{seed.DEBTOR.number}", "")
        assert (reply.first("BL"), reply.first("CQ"), reply.fixed_of("patron_status")) == ("Y", "N", " " * 14)
    heard = automat.machine.heard
    assert b"Dagmar" not in heard and seed.DEBTOR.patron.encode() not in heard
    assert len(library.rows(tries)) == 2


def test_an_unknown_patron_is_any(automat: Automat) -> None:
    reply = automat.ask(speak.status(seed.Person(seed.ADULT.patron, "X", "Y", 30, "6100000000")))
    assert (reply.first("AA"), reply.first("BL"), reply.first("CQ")) == ("ANY:6100000000", "N", "N")


def test_the_wire_says_no_family_name_address_or_note(automat: Automat) -> None:
    for person in seed.PATRONS:
        assert automat.ask(speak.information(person, summary="YYYYYYYYYY")).first("CQ") == "Y"
    assert speak.secrets_in(automat.machine.heard) == []
    assert [person for person in seed.PATRONS if person.number.encode() in automat.machine.heard] == []


# --- who may speak ------------------------------------------------------------------------------


@pytest.mark.parametrize(("login", "password"), [("automat", "guess"), ("nobody", "guess"), ("automat", "é")])
def test_a_wrong_login_is_an_error_and_nothing_is_done(automat: Automat, login: str, password: str) -> None:
    reply = automat.post(xml.write_request(xml.Asked(login, password, "990xxx2.00")))
    assert (reply.status, xml.read_answer(reply.body)) == (200, xml.Failure("Login failed"))


def test_a_missing_login_is_said_in_ciceros_words(automat: Automat) -> None:
    reply = automat.post(b"<sip><request>990xxx2.00</request></sip>")
    assert xml.read_answer(reply.body) == xml.Failure("Required field: LOGIN_PASSWORD must be set!")


def test_another_librarys_agency_is_forbidden(automat: Automat) -> None:
    body = xml.write_request(xml.Asked("automat", automat.password, "990xxx2.00"))
    reply = automat.post(body, "/rest/sip2/DK-775100")
    assert (reply.status, xml.read_answer(reply.body)) == (403, xml.Failure("", "AGENCY_NOT_ALLOWED"))


def test_a_machine_off_the_allow_list_is_not_let_in_by_its_password(library: Library, automat: Automat) -> None:
    now = system_clock().wall
    speak.in_store(library.home, lambda connection: devices.revoke(connection, DeviceId("automat-1"), now))
    reply = automat.post(xml.write_request(xml.Asked("automat", automat.password, "990xxx2.00")))
    assert reply.status == 401


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"990xxx2.00",
        b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><sip><request>&c;</request></sip>',
        b"<sip>" + b" " * MAX_FRAME + b"</sip>",
        '<sip login="a" password="b"><request>35Æ</request></sip>'.encode("cp850"),
    ],
)
def test_what_is_no_envelope_is_refused(automat: Automat, body: bytes) -> None:
    reply = automat.post(body)
    assert (reply.status, xml.read_answer(reply.body)) == (400, xml.Failure("", "BAD_REQUEST"))
    assert reply.headers["Content-Type"].startswith("application/xml")


@pytest.mark.parametrize("text", ["93", "9300CNa|COb|", "97", "96AZFEF6", "77", "63009", "25" + " " * 18, "hello"])
def test_a_message_that_is_not_answered_here_is_said_to_be_none(automat: Automat, text: str) -> None:
    assert automat.say(text) == xml.Failure("Unsupported message")


def test_a_request_of_no_text_at_all_is_refused(automat: Automat) -> None:
    assert automat.post(b"<sip login='a' password='b'><request/></sip>").status == 400


def test_a_get_is_refused(automat: Automat) -> None:
    assert automat.machine.ask("GET", PATH).status == 405


def test_the_log_holds_no_field_of_any_message(
    automat: Automat, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level("DEBUG"):
        automat.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    said = (seed.ADULT.number, seed.BOOK.item, automat.password, 'automat"')
    assert [part for part in said if part in caplog.text] == []


def test_ciceros_codes_say_why_a_loan_was_not_renewed(automat: Automat) -> None:
    early = automat.ask(speak.renew(seed.OTHER_PATRON, seed.ON_LOAN.item))
    assert (early.fixed_of("ok"), early.first("AF")) == ("0", "[BEFORE_RENEW_PERIOD]")
    assert automat.ask(speak.renew(seed.OTHER_PATRON, "999")).first("AF") == "[MATERIAL_NOT_FOUND]"
    copy, every = seed.ON_LOAN, automat.ask(speak.renew_all(seed.OTHER_PATRON))
    assert every.all("BN") == (f"{copy.item}%UNSUCCESSFUL%{early.first('AH')}%{copy.title}%{copy.author}%a%xx%",)
