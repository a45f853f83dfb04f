"""The whole record: who may see what of it, and what becomes of it when a patron comes, changes something, or goes."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update

from kiosk.model import BranchId, Credential, PatronId, Pin
from sync.central import seed, start
from sync.central.circulation.holds import cancel_all
from sync.central.database import Database
from sync.central.patrons import record
from sync.central.patrons.contact import Absence, Changes, Contact, Flaw, flaw_in, masked_email, masked_mobile
from sync.central.patrons.locks import Locks
from sync.central.patrons.record import SEEN_BY, Eye, NewPatron, Record, Refusal
from sync.central.postgres import PostgresDatabase
from sync.central.schema import (
    cards,
    fees,
    holds,
    loans,
    lockouts,
    messages,
    patrons,
    payments,
    permissions,
    refused_events,
    tables,
    tries,
    visits,
)
from sync.central.standard import ADULT, MUNICIPALITY
from sync.central.start import Home
from sync.rest import wire
from sync.rest.wire import AccountAnswer, AdmissionAnswer, Answer, AuthenticateAnswer
from tests.sync.central.library import MORNING

ResultT = TypeVar("ResultT")

NEW = NewPatron(
    card=Credential("8807770145"),
    cpr="880777-0145",
    pin=Pin("9042"),
    first_name="Mimer",
    last_name="Tænktesen",
    birth_date=date(1988, 7, 1),
    home_branch=seed.ULFBORG,
    patron_group=ADULT,
    municipality=MUNICIPALITY,
    mobile_notice="01443312",
    email_notice="mimer@taenktesen.example",
)


class Shelf:
    """A store's database in the hand."""

    def __init__(self, home: Home, database: Database | PostgresDatabase) -> None:
        self.locks: Locks = start.locks(home)
        self._database = database

    def do(self, work: Callable[[Connection], ResultT]) -> ResultT:
        return self._database.write(work).result()

    def add(self, new: NewPatron) -> PatronId | Refusal:
        return self.do(lambda connection: record.add(connection, self.locks, new))

    def record(self, patron: PatronId, *, reveal: bool = False) -> Record:
        found = self.do(lambda connection: record.of(connection, self.locks, patron, reveal=reveal))
        assert found is not None
        return found

    def change(self, patron: PatronId, changes: Changes) -> Flaw | None:
        return self.do(lambda connection: record.change(connection, patron, changes))

    def contact(self, patron: PatronId) -> Contact:
        found = self.do(lambda connection: record.contact(connection, patron))
        assert found is not None
        return found

    def remove(self, patron: PatronId) -> Refusal | None:
        return self.do(lambda connection: record.remove(connection, patron))

    def everything(self) -> str:
        """Every row of every table."""
        return self.do(lambda c: repr([c.execute(select(table)).all() for table in tables.sorted_tables]))


@pytest.fixture
def shelf(home: Home) -> Iterator[Shelf]:
    with closing(start.open_database(home)) as database:
        yield Shelf(home, database)


# --- who may see what ---------------------------------------------------------------------------

SEALED = {"cpr_digest": "cpr", "cpr_sealed": "cpr"}
WHOLE = {"cards", "blocks", "permissions", "loans", "holds", "fees", "messages"}
SAID_FOR = {"age", "resident"}  # for a birth date and a municipality
ON_THE_WIRE = {
    "block_status": "blocks",
    "permitted": "permissions",
    "debt": "fees",
    "on_hold": "absent_from",
    "contact": "mobile_notice",
}
ANSWERS = [(AuthenticateAnswer, Eye.MACHINE), (AdmissionAnswer, Eye.DOOR), (AccountAnswer, Eye.MY_PAGE)]


def seen(eye: Eye) -> set[str]:
    return {name for name, eyes in SEEN_BY.items() if eye in eyes}


def test_every_column_and_every_entry_has_a_rule_and_no_rule_is_about_nothing() -> None:
    columns = {SEALED.get(column.name, column.name) for column in patrons.columns}
    assert set(SEEN_BY) == columns | WHOLE | SAID_FOR


def test_the_record_holds_everything_that_staff_may_see() -> None:
    assert {field.name for field in dataclasses.fields(Record)} == seen(Eye.STAFF) - SAID_FOR


@pytest.mark.parametrize("field", ["internal_note", "cpr", "birth_date", "cards", "last_name", "street"])
def test_it_is_for_staff_alone(field: str) -> None:
    assert SEEN_BY[field] == {Eye.STAFF}


def test_a_pin_is_seen_by_nobody() -> None:
    assert SEEN_BY["pin_hash"] == frozenset()


@pytest.mark.parametrize(("answer", "eye"), ANSWERS)
def test_an_answer_has_no_field_that_its_reader_may_not_see(answer: type[Answer], eye: Eye) -> None:
    fields = set(answer.model_fields) - {"authenticate_status", "session_key"}
    assert {ON_THE_WIRE.get(field, field) for field in fields} <= seen(eye)


def test_contact_on_the_wire_is_what_my_page_may_see_masked() -> None:
    assert set(wire.Contact.model_fields) == {"mobile", "email"}
    assert {"mobile_notice", "email_notice", "absent_to"} <= seen(Eye.MY_PAGE)


def test_a_record_a_newcomer_and_a_change_print_nothing(shelf: Shelf) -> None:
    changes = Changes(mobile_notice="01443312", email_notice="mimer@taenktesen.example")
    said = repr([shelf.record(seed.ADULT.patron), NEW, changes])
    for secret in ("Alma", "Prøvesen", "Mimer", "01443312", "taenktesen", NEW.card.number):
        assert secret not in said


# --- the record ---------------------------------------------------------------------------------


def test_staff_read_the_record_with_dots_for_the_numbers(shelf: Shelf) -> None:
    found = shelf.record(seed.DEBTOR.patron)
    assert (found.first_name, found.last_name, found.city) == ("Dagmar", "Opdigtsen", "Ulfborg")
    assert (found.internal_note, found.patron_note) == (seed.DEBTOR.internal_note, seed.DEBTOR.patron_note)
    assert found.cpr == "••••••-••••"
    assert [(card.kind, card.number, card.lost) for card in found.cards] == [("health", "••••••••", False)]
    assert [block.reason for block in found.blocks] == ["E"]


def test_staff_who_ask_for_the_numbers_read_them(shelf: Shelf) -> None:
    found = shelf.record(seed.DEBTOR.patron, reveal=True)
    assert found.cpr == seed.DEBTOR.number
    assert [card.number for card in found.cards] == [seed.DEBTOR.number]


def test_a_record_has_loans_holds_and_permissions(shelf: Shelf) -> None:
    found = shelf.record(seed.OTHER_PATRON.patron)
    assert [(loan.item, loan.title, loan.returned_at) for loan in found.loans] == [
        (seed.ON_LOAN.item, seed.ON_LOAN.title, None)
    ]
    assert [hold.title for hold in found.holds] == [seed.RESERVED.title, seed.RESERVED_ELSEWHERE.title]
    assert shelf.record(seed.PERMITTED.patron).permissions == (seed.ULFBORG,)


def test_a_patron_that_nobody_knows_has_no_record_and_no_contact(shelf: Shelf) -> None:
    nobody = PatronId("100000000")
    assert shelf.do(lambda c: record.of(c, shelf.locks, nobody)) is None
    assert shelf.do(lambda c: record.contact(c, nobody)) is None


# --- a new patron -------------------------------------------------------------------------------


def added(shelf: Shelf, new: NewPatron = NEW) -> PatronId:
    patron = shelf.add(new)
    assert not isinstance(patron, Refusal)
    return patron


def test_a_new_patron_gets_a_number_that_no_card_and_no_cpr_number_tells(shelf: Shelf) -> None:
    first = added(shelf)
    assert shelf.remove(first) is None
    second = added(shelf)
    assert first != second
    assert len(first) == len(second) == 9
    assert first.isdecimal()


def test_a_new_patron_is_found_by_card_and_cpr_number_and_neither_lies_in_the_open(shelf: Shelf) -> None:
    patron = added(shelf)
    found = shelf.record(patron, reveal=True)
    assert (found.cpr, found.cards[0].number) == ("8807770145", "8807770145")
    by_cpr = select(patrons.c.patron_id).where(patrons.c.cpr_digest == shelf.locks.lookup.of_cpr("8807770145"))
    assert shelf.do(lambda c: c.execute(by_cpr).scalar_one()) == patron
    left = shelf.everything()
    assert "8807770145" not in left
    assert "880777-0145" not in left


def test_a_new_patron_may_use_their_pin_and_it_lies_nowhere(shelf: Shelf) -> None:
    patron = added(shelf, replace(NEW, pin=Pin("90427316")))
    kept = shelf.do(lambda c: c.execute(select(patrons.c.pin_hash).where(patrons.c.patron_id == patron)).scalar_one())
    assert shelf.locks.pins.matches(Pin("90427316"), kept)
    assert "90427316" not in shelf.everything()


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (replace(NEW, cpr=seed.ADULT.number), Refusal.CPR_KNOWN),
        (replace(NEW, card=seed.ADULT.card), Refusal.CARD_KNOWN),
        (replace(NEW, cpr="88077"), Refusal.BAD_CPR),
        (replace(NEW, last_name="Tænkt\0sen"), Refusal.TEXT),
        (replace(NEW, card=Credential("880\x007770145")), Refusal.TEXT),
        (replace(NEW, email_notice="=?utf-8?q?=0aBcc=3ax=40y.dk?=@b.dk"), Refusal.TEXT),
        (replace(NEW, mobile_notice="ring til mig"), Refusal.TEXT),
    ],
    ids=lambda value: value.name if isinstance(value, Refusal) else "",
)
def test_who_is_known_or_cannot_be_is_not_added(shelf: Shelf, new: NewPatron, refusal: Refusal) -> None:
    before = shelf.everything()
    assert shelf.add(new) is refusal
    assert shelf.everything() == before


def test_two_patrons_without_a_cpr_number_are_two(shelf: Shelf) -> None:
    first = added(shelf, replace(NEW, cpr="", card=Credential("4400000001"), kind="library"))
    second = added(shelf, replace(NEW, cpr="", card=Credential("4400000002"), kind="library"))
    assert first != second
    assert shelf.record(first).cpr == ""
    assert [card.number for card in shelf.record(second).cards] == ["••••••••02"]


@pytest.mark.parametrize("said", ["610190-0012", "6101900012", " 6101900012 ", "610190-6AA1", "6101906aa1"])
def test_a_cpr_number_is_ten_characters_and_may_have_letters(said: str) -> None:
    assert record.cpr_number(said) == said.strip().replace("-", "").upper()


@pytest.mark.parametrize("said", ["", "610190001", "61019000123", "A101900012", "6101-900012", "610190--0012"])
def test_anything_else_is_no_cpr_number(said: str) -> None:
    assert record.cpr_number(said) is None


# --- a patron goes ------------------------------------------------------------------------------


def test_who_has_a_loan_is_not_removed(shelf: Shelf) -> None:
    before = shelf.everything()
    assert shelf.remove(seed.OTHER_PATRON.patron) is Refusal.LOANS
    assert shelf.everything() == before


def test_who_owes_is_not_removed_until_it_is_paid(shelf: Shelf) -> None:
    owes = insert(fees).values(patron_id=seed.DEBTOR.patron, kind="fee", amount=20_00, paid=19_99, made_at=MORNING)
    shelf.do(lambda c: c.execute(owes))
    assert shelf.remove(seed.DEBTOR.patron) is Refusal.DEBT
    shelf.do(lambda c: c.execute(update(fees).values(paid=fees.c.amount, settled_at=MORNING)))
    assert shelf.remove(seed.DEBTOR.patron) is None


def test_who_waits_for_something_is_not_removed_until_it_is_cancelled(shelf: Shelf) -> None:
    shelf.do(lambda c: c.execute(update(loans).values(returned_at=MORNING)))
    assert shelf.remove(seed.OTHER_PATRON.patron) is Refusal.HOLDS
    shelf.do(lambda c: cancel_all(c, seed.OTHER_PATRON.patron, MORNING))
    assert shelf.remove(seed.OTHER_PATRON.patron) is None


def test_nobody_cannot_be_removed(shelf: Shelf) -> None:
    assert shelf.remove(PatronId("100000000")) is Refusal.UNKNOWN


def test_of_who_is_removed_nothing_stays_in_any_table_but_a_visit_of_nobody(shelf: Shelf) -> None:
    patron, card = seed.OTHER_PATRON.patron, shelf.locks.lookup.of_card(seed.OTHER_PATRON.card)
    shelf.do(lambda c: _trace(c, patron, card))
    shelf.do(lambda c: cancel_all(c, patron, MORNING))
    visits_before = shelf.do(lambda c: len(c.execute(select(visits)).all()))
    assert shelf.remove(patron) is None
    left = shelf.everything()
    for trace in (patron, card, seed.OTHER_PATRON.last_name, "kanariefugl"):
        assert trace not in left
    assert shelf.do(lambda c: [row.patron_id for row in c.execute(select(visits))]) == [None] * visits_before


def _trace(connection: Connection, patron: PatronId, card: str) -> None:
    """One row in every table that can name a patron."""
    connection.execute(update(loans).values(returned_at=MORNING))
    fee = {"patron_id": patron, "kind": "fee", "amount": 100, "paid": 100, "made_at": MORNING, "settled_at": MORNING}
    fee_id = connection.execute(insert(fees).values(fee)).inserted_primary_key
    assert fee_id is not None
    connection.execute(
        insert(payments).values(reference="kanariefugl-1", fee_id=fee_id[0], amount=100, paid_at=MORNING)
    )
    message = {"kind": "due", "about": "kanariefugl", "channel": "sms", "recipient": "x", "subject": "", "content": "x"}
    connection.execute(insert(messages).values(patron_id=patron, made_at=MORNING, **message))
    connection.execute(insert(permissions).values(patron_id=patron, branch_id=seed.ULFBORG))
    for subject in (patron, card):
        connection.execute(insert(tries).values(subject=subject, tried_at=MORNING))
        connection.execute(insert(lockouts).values(subject=subject, until=MORNING, round=1))
    connection.execute(
        insert(visits).values(branch_id=seed.ULFBORG, device_id="d", patron_id=patron, visited_at=MORNING)
    )
    refused = {"device_id": "d", "kind": "item.lent", "reason": "r", "occurred_at": MORNING, "refused_at": MORNING}
    connection.execute(insert(refused_events).values(event_id="1", patron_id=patron, **refused))
    connection.execute(insert(refused_events).values(event_id="2", card_digest=card, **refused))


def test_the_trace_above_is_in_every_table_that_can_name_a_patron() -> None:
    naming = {table.name for table in tables.sorted_tables if {"patron_id", "subject"} & set(table.columns.keys())}
    traced = {table.name for table in (loans, holds, fees, messages, permissions, tries, lockouts, visits, cards)}
    assert naming == traced | {"patrons", "blocks", "refused_events"}


# --- my page ------------------------------------------------------------------------------------


def test_my_page_shows_enough_to_know_ones_own_number_and_address(shelf: Shelf) -> None:
    contact = shelf.contact(seed.ADULT.patron)
    assert (contact.mobile_notice, contact.email_notice) == ("••••••12", "a•••@•••.example")
    assert (contact.absence, contact.home_branch) == (Absence(), seed.ULFBORG)


def test_who_gave_neither_sees_neither() -> None:
    assert (masked_mobile(""), masked_email("")) == ("", "")


@given(st.from_regex(r"[0-9]{8}", fullmatch=True), st.from_regex(r"[a-z]{2,9}@[a-z]{4,9}\.dk", fullmatch=True))
def test_a_mask_leaves_two_digits_or_a_letter_and_the_country(mobile: str, address: str) -> None:
    assert masked_mobile(mobile) == f"••••••{mobile[-2:]}"
    assert masked_email(address) == f"{address[0]}•••@•••.dk"


def test_a_patron_changes_what_the_policy_says_and_nothing_else(shelf: Shelf) -> None:
    before = shelf.record(seed.ADULT.patron)
    absence = Absence(date(2026, 12, 20), date(2027, 1, 3))
    changes = Changes(absence, "+45 01 99 88 77", "ny@proevesen.example", seed.VINDERUP)
    assert shelf.change(seed.ADULT.patron, changes) is None
    assert shelf.record(seed.ADULT.patron).mobile_notice == "+4501998877"
    contact = shelf.contact(seed.ADULT.patron)
    assert contact == Contact("••••••77", "n•••@•••.example", absence, seed.VINDERUP)
    after = shelf.record(seed.ADULT.patron)
    differing = {f.name for f in dataclasses.fields(Record) if getattr(before, f.name) != getattr(after, f.name)}
    assert differing == {"absent_from", "absent_to", "mobile_notice", "email_notice", "home_branch"}


def test_what_is_left_out_stays_and_what_is_emptied_goes(shelf: Shelf) -> None:
    assert shelf.change(seed.ADULT.patron, Changes(Absence(date(2026, 12, 20)))) is None
    assert shelf.change(seed.ADULT.patron, Changes(mobile_notice="")) is None
    contact = shelf.contact(seed.ADULT.patron)
    assert contact == Contact("", "a•••@•••.example", Absence(date(2026, 12, 20)), seed.ULFBORG)
    assert shelf.change(seed.ADULT.patron, Changes(Absence())) is None
    assert shelf.contact(seed.ADULT.patron).absence == Absence()


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        (Changes(mobile_notice="1234567"), Flaw.MOBILE),
        (Changes(mobile_notice="0123456789012345"), Flaw.MOBILE),
        (Changes(mobile_notice="ring til mig"), Flaw.MOBILE),
        (Changes(mobile_notice="01443312\n01443313"), Flaw.MOBILE),
        (Changes(mobile_notice="٠١٢٣٤٥٦٧"), Flaw.MOBILE),
        (Changes(email_notice="alma"), Flaw.EMAIL),
        (Changes(email_notice="a@b"), Flaw.EMAIL),
        (Changes(email_notice="a@b.dk\r\nBcc: x@y.dk"), Flaw.EMAIL),
        (Changes(email_notice="a@b.dk,x@y.dk"), Flaw.EMAIL),
        (Changes(email_notice=f"{'a' * 64}@{'b' * 180}.{'d' * 9}"), Flaw.EMAIL),
        (Changes(email_notice="a\0@b.dk"), Flaw.EMAIL),
        (Changes(email_notice="=?utf-8?q?=0aBcc=3avictim=40y.dk?=@b.dk"), Flaw.EMAIL),
        (Changes(email_notice="=?utf-8?q?a=40y.dk?=@b.dk"), Flaw.EMAIL),
        (Changes(email_notice="a@=?utf-8?q?b?=.dk"), Flaw.EMAIL),
        (Changes(email_notice="a..b@c.dk"), Flaw.EMAIL),
        (Changes(email_notice="ålma@b.dk"), Flaw.EMAIL),
        (Changes(Absence(date(2027, 1, 3), date(2026, 12, 20))), Flaw.ABSENCE),
        (Changes(home_branch=BranchId("DK-000000")), Flaw.BRANCH),
        (Changes(Absence(date(2026, 12, 20)), "01443312", "a@b.dk", BranchId("")), Flaw.BRANCH),
    ],
)
def test_a_flaw_is_named_and_nothing_is_written(shelf: Shelf, changes: Changes, flaw: Flaw) -> None:
    before = shelf.everything()
    assert shelf.change(seed.ADULT.patron, changes) is flaw
    assert shelf.everything() == before


def test_an_address_may_have_254_characters() -> None:
    assert flaw_in(Changes(email_notice=f"{'a' * 64}@{'b' * 180}.{'d' * 8}")) is None


@pytest.mark.parametrize("address", ["a.b@c.dk", "o'neil+bib=x?@b-c.xn--p1ai", "_@1.2.example"])
def test_a_dot_atom_is_an_address(address: str) -> None:
    assert flaw_in(Changes(email_notice=address)) is None


def test_a_number_is_kept_without_its_spaces_however_it_comes(shelf: Shelf) -> None:
    patron = added(shelf, replace(NEW, mobile_notice="+45 01 44 33 12"))
    assert shelf.record(patron).mobile_notice == "+4501443312"


def test_a_patron_that_is_gone_changes_nothing(shelf: Shelf) -> None:
    assert shelf.change(PatronId("100000000"), Changes(mobile_notice="01443312")) is Flaw.PATRON


@given(st.text(max_size=300))
def test_no_text_whatever_breaks_the_check(text: str) -> None:
    for changes in (Changes(mobile_notice=text), Changes(email_notice=text)):
        flaw = flaw_in(changes)
        assert flaw in (None, Flaw.MOBILE, Flaw.EMAIL)
        if flaw is None:
            assert all(sign >= " " for sign in text)


@given(st.from_regex(r"\A[^@\x00-\x20]{1,20}@[^@\x00-\x20]{1,20}\.dk\Z"))
def test_an_address_that_passes_stands_in_a_mail_as_it_is_and_alone(address: str) -> None:
    if flaw_in(Changes(email_notice=address)) is not None:
        return
    mail = EmailMessage()
    mail["To"] = Address(addr_spec=address)
    assert [read.addr_spec for read in mail["To"].addresses] == [address]
    assert bytes(mail) == f"To: {address}\n\n".encode()


DAY = date(2026, 12, 20)


@pytest.mark.parametrize(
    ("absence", "away"),
    [
        (Absence(), False),
        (Absence(DAY, DAY), True),
        (Absence(first=DAY), True),
        (Absence(last=DAY), True),
        (Absence(first=DAY + timedelta(days=1)), False),
        (Absence(last=DAY - timedelta(days=1)), False),
    ],
)
def test_an_absence_holds_from_its_first_to_its_last_day(absence: Absence, away: bool) -> None:
    assert absence.holds_on(DAY) is away
