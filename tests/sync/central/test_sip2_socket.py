"""SIP2 on the store's socket: a whole conversation, and everything that a bad machine or a bad line does."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, text, update

from kiosk.loop import system_clock
from kiosk.model import DeviceId
from sync.central import seed, start
from sync.central.command import enrol
from sync.central.machines import devices
from sync.central.machines.devices import Device
from sync.central.schema import cards, fees, loans, records, sip_users, tries
from sync.central.sip2 import logins
from sync.central.sip2.logins import SipUser
from sync.central.staff import refused
from sync.central.staff.office import Office
from sync.central.start import Home
from sync.central.web.server import CentralServer
from sync.sip2.codec import MAX_FRAME, Message, Spelling, decode, encode, is_damaged, message
from tests.sync.central import sip2_speaker as speak
from tests.sync.central.library import HandClock, laid_down
from tests.sync.central.sip2_speaker import Speaker

ResultT = TypeVar("ResultT")


class Store:
    """A store with a socket for SIP2, and machines that were let in."""

    def __init__(self, home: Home, bundle: Path) -> None:
        self.home, self.bundle, self.clock = home, bundle, HandClock()
        self.server = CentralServer(home, self.clock, sip_port=0)
        self.server.start()
        self._speakers: list[Speaker] = []

    def speaker(self, context: ssl.SSLContext | None = None) -> Speaker:
        speaker = Speaker(self.server.sip_address, context or speak.tls(self.bundle))
        self._speakers.append(speaker)
        return speaker

    def change(self, work: Callable[[Connection], ResultT]) -> ResultT:
        return speak.in_store(self.home, work)

    def restart(self) -> None:
        self.server.stop()
        self.server = CentralServer(self.home, self.clock, sip_port=0)
        self.server.start()

    def stop(self) -> None:
        for speaker in self._speakers:
            speaker.close()
        self.server.stop()


@pytest.fixture
def store(home: Home, tmp_path: Path) -> Iterator[Store]:
    enrol_by_hand(home, tmp_path / "sip-1")
    store = Store(home, tmp_path / "sip-1")
    yield store
    store.stop()


@pytest.fixture
def line(store: Store) -> Speaker:
    return store.speaker()


def enrol_by_hand(home: Home, bundle: Path) -> None:
    enrol(home, Device(DeviceId("sip-1"), seed.ULFBORG), bundle, system_clock)


def lent_to(store: Store, item: str) -> list[tuple[str, str]]:
    query = select(loans.c.patron_id, loans.c.due).where(loans.c.item_id == item, loans.c.returned_at.is_(None))
    rows = store.change(lambda connection: connection.execute(query).all())
    return [(row.patron_id, row.due.isoformat()) for row in rows]


# --- a whole conversation -----------------------------------------------------------------------


def test_a_machine_lends_and_takes_back_in_one_conversation(store: Store, line: Speaker) -> None:
    status = line.ask(speak.sc_status())
    assert status.fixed_of("online_status") == "Y"
    assert status.fixed_of("date_time_sync") == speak.NOW
    assert len(status.first("BX")) == 16
    patron = line.ask(speak.information(seed.ADULT))
    assert (patron.first("BL"), patron.first("CQ"), patron.first("AE")) == ("Y", "Y", "Alma")
    lent = line.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    assert (lent.fixed_of("ok"), lent.fixed_of("desensitize"), lent.first("AJ")) == ("1", "Y", seed.BOOK.title)
    due = lent.first("AH")
    assert line.ask(speak.information(seed.ADULT)).all("AU") == (seed.BOOK.item,)
    assert line.ask(speak.item_information(seed.BOOK.item)).fixed_of("circulation_status") == "04"
    assert lent_to(store, seed.BOOK.item) == [(seed.ADULT.patron, f"{due[:4]}-{due[4:6]}-{due[6:8]}")]
    returned = line.ask(speak.checkin(seed.BOOK.item))
    assert (returned.fixed_of("ok"), returned.fixed_of("alert"), returned.first("AQ")) == ("1", "N", "Ulfborg")
    assert returned.first("AA") == ""
    assert line.ask(speak.item_information(seed.BOOK.item)).fixed_of("circulation_status") == "03"
    assert line.ask(speak.end_of_session(seed.ADULT)).fixed_of("end_session") == "Y"
    assert speak.secrets_in(line.heard) == []


def test_the_same_loan_asked_again_is_no_renewal_and_keeps_its_date(line: Speaker) -> None:
    first, again = (line.ask(speak.checkout(seed.ADULT, seed.BOOK.item)) for _ in range(2))
    assert [reply.fixed_of("ok") + reply.fixed_of("renewal_ok") for reply in (first, again)] == ["1N", "1N"]
    assert first.first("AH") == again.first("AH")


def test_a_second_return_of_the_same_item_is_well(line: Speaker) -> None:
    line.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    assert [line.ask(speak.checkin(seed.BOOK.item)).fixed_of("ok") for _ in range(2)] == ["1", "1"]


def test_an_unknown_item_is_neither_lent_nor_returned(line: Speaker) -> None:
    lent, returned = line.ask(speak.checkout(seed.ADULT, "999")), line.ask(speak.checkin("999"))
    assert (lent.fixed_of("ok"), lent.fixed_of("desensitize"), lent.first("AF")) == (
        "0",
        "N",
        "Materialet er ikke kendt her.",
    )
    assert (returned.fixed_of("ok"), returned.first("AQ")) == ("0", "")
    assert line.ask(speak.item_information("999")).fixed_of("circulation_status") == "01"


def test_a_returned_item_that_is_waited_for_sounds_the_alert(line: Speaker) -> None:
    here = line.ask(speak.checkin(seed.RESERVED.item))
    assert (here.fixed_of("alert"), here.first("CV")) == ("Y", "01")
    away = line.ask(speak.checkin(seed.RESERVED_ELSEWHERE.item))
    assert (away.fixed_of("alert"), away.first("CV"), away.first("CT")) == ("Y", "02", "Vinderup")
    home = line.ask(speak.checkin(seed.FROM_VINDERUP.item))
    assert (home.fixed_of("alert"), home.first("CV")) == ("Y", "04")
    assert line.ask(speak.item_information(seed.RESERVED.item)).fixed_of("circulation_status") == "08"
    assert line.ask(speak.item_information(seed.FROM_VINDERUP.item)).fixed_of("circulation_status") == "10"


def test_a_blocked_patron_is_denied_and_gets_the_position_of_the_reason(line: Speaker) -> None:
    debtor = line.ask(speak.status(seed.DEBTOR))
    assert debtor.fixed_of("patron_status") == "YYYY      Y   "
    assert line.ask(speak.checkout(seed.DEBTOR, seed.BOOK.item)).fixed_of("ok") == "0"
    assert line.ask(speak.status(seed.ADULT)).fixed_of("patron_status") == " " * 14


def test_a_hold_is_placed_moved_and_cancelled(line: Speaker) -> None:
    title = ("AB", seed.RESERVED.item)
    placed = line.ask(speak.hold("+", seed.ADULT, title, ("BS", seed.ULFBORG)))
    assert (placed.fixed_of("ok"), placed.first("BR"), placed.first("BS")) == ("1", "2", seed.ULFBORG)
    waiting = line.ask(speak.information(seed.ADULT, summary="     Y    "))
    assert waiting.all("CD") == (seed.RESERVED.title,)
    moved = line.ask(speak.hold("*", seed.ADULT, title, ("BS", seed.VINDERUP)))
    assert (moved.fixed_of("ok"), moved.first("BS")) == ("1", seed.VINDERUP)
    assert line.ask(speak.hold("-", seed.ADULT, title)).fixed_of("ok") == "1"
    assert line.ask(speak.hold("-", seed.ADULT, title)).fixed_of("ok") == "0"
    assert line.ask(speak.hold("?", seed.ADULT, title)).fixed_of("ok") == "0"
    assert line.ask(speak.hold("+", seed.ADULT, ("AB", "999"))).fixed_of("ok") == "0"
    assert line.ask(speak.hold("+", seed.ADULT, title, pin="0000")).fixed_of("ok") == "0"


# --- done already: no block ---------------------------------------------------------------------


def test_what_was_lent_off_line_is_written_down_as_it_was(store: Store, line: Speaker) -> None:
    told = line.ask(speak.carried_out(seed.ADULT, seed.BOOK.item, "20261123    180000", "20261220    000000"))
    assert (told.fixed_of("ok"), told.first("AH")) == ("1", "20261220    000000")
    assert lent_to(store, seed.BOOK.item) == [(seed.ADULT.patron, "2026-12-20")]


@pytest.mark.parametrize("due", [" " * 18, "20261101    000000", "99991231    235959"])
def test_what_was_lent_off_line_without_a_likely_date_gets_the_branchs_days(
    store: Store, line: Speaker, due: str
) -> None:
    line.ask(speak.carried_out(seed.ADULT, seed.BOOK.item, "20261123    180000", due))
    assert lent_to(store, seed.BOOK.item) == [(seed.ADULT.patron, "2026-12-23")]


STRANGER = seed.Person(seed.ADULT.patron, "X", "Y", 30, "6100000000")
EVENING = "20261123    180000"


def refused_of(store: Store, *, every: bool = False) -> str:
    """What staff sees, each refusal in a line."""
    return refused.listed(at_desk(store), every=every).replace("\n      ", "  ")


def at_desk(store: Store) -> Office:
    return Office(store.home, store.clock.wall)


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        (
            speak.carried_out(STRANGER, seed.BOOK.item, EVENING, "20261220    000000"),
            f"item.lent: patronNotFound  item {seed.BOOK.item}  due 20.12.2026  card unknown",
        ),
        (
            speak.carried_out(seed.ADULT, "999", EVENING, " " * 18),
            f"item.lent: notFound  item unknown  due 23.12.2026  patron {seed.ADULT.patron}",
        ),
        (
            speak.carried_out(seed.EXCLUDED, seed.BOOK.item, EVENING, "20261220    000000"),
            f"item.lent: patronBlocked  item {seed.BOOK.item}  due 20.12.2026  patron {seed.EXCLUDED.patron}",
        ),
        (speak.brought_back("999", EVENING), "item.returned: notFound  item unknown"),
        (
            speak.renewed(STRANGER, seed.ON_LOAN.item, EVENING, "20261222    000000"),
            f"loan.renewed: patronNotFound  item {seed.ON_LOAN.item}  due 22.12.2026  card unknown",
        ),
        (
            speak.renewed(seed.OTHER_PATRON, "999", EVENING, " " * 18),
            f"loan.renewed: deniedMaterialIsNotFound  item unknown  patron {seed.OTHER_PATRON.patron}",
        ),
        (
            speak.renewed(seed.OTHER_PATRON, seed.ON_LOAN.item, EVENING, "20261222    000000"),
            f"loan.renewed: deniedOtherReason  item {seed.ON_LOAN.item}  due 22.12.2026  "
            f"patron {seed.OTHER_PATRON.patron}",
        ),
    ],
)
def test_what_was_done_off_line_and_is_refused_is_seen_by_staff_once(
    store: Store, line: Speaker, asked: Message, seen: str
) -> None:
    assert line.ask(asked).fixed_of("ok") == "0"
    for again in (line, store.speaker()):
        assert again.ask(asked).fixed_of("ok") == "0"
    assert refused_of(store) == f"   1  23.11.2026 18:00  sip-1  {seen}"
    assert refused.resolve(at_desk(store), 1, "looked at", apply=False) == "1 is resolved"
    assert refused_of(store) == "nothing has been refused"
    assert "resolved: looked at" in refused_of(store, every=True)


def test_two_refusals_of_different_moments_are_two(store: Store, line: Speaker) -> None:
    for at in (EVENING, "20261123    180001"):
        line.ask(speak.brought_back("999", at))
    for _ in range(2):  # without a moment nobody knows whether it is one: none is thrown away
        line.ask(speak.brought_back("998", " " * 18))
        store.clock.forward(seconds=1)
    assert refused_of(store).count("item.returned: notFound") == 4


def test_a_refused_loan_is_made_at_the_logins_branch_once_the_card_is_known(store: Store, line: Speaker) -> None:
    password = store.change(lambda connection: logins.add(connection, "automat", SipUser(seed.VINDERUP)))
    line.ask(speak.login("automat", password))
    line.ask(speak.carried_out(STRANGER, seed.BOOK.item, EVENING, "20261220    000000"))
    card = start.locks(store.home).lookup.of_card(STRANGER.card)
    known = insert(cards).values(digest=card, patron_id=seed.ADULT.patron, kind="library", number_sealed=b"x")
    store.change(lambda connection: connection.execute(known).rowcount)
    assert "is lent to" in refused.resolve(at_desk(store), 1, "the card is registered", apply=True)
    assert lent_to(store, seed.BOOK.item) == [(seed.ADULT.patron, "2026-12-20")]
    made = store.change(
        lambda connection: connection.execute(
            select(loans.c.branch_id).where(loans.c.item_id == seed.BOOK.item)
        ).scalar_one()
    )
    assert made == seed.VINDERUP


def test_what_was_only_asked_for_or_cancelled_is_no_refusal_that_staff_sees(store: Store, line: Speaker) -> None:
    line.ask(speak.checkout(STRANGER, seed.BOOK.item))
    line.ask(speak.checkout(seed.ADULT, "999"))
    line.ask(speak.checkin("999"))
    line.ask(speak.renew(seed.OTHER_PATRON, seed.ON_LOAN.item))
    line.ask(speak.brought_back("999", EVENING, ("BI", "Y")))
    assert refused_of(store) == "nothing has been refused"


def test_a_renewal_that_is_told_again_is_no_refusal(store: Store, line: Speaker) -> None:
    store.clock.forward(days=18)
    told = speak.renewed(seed.OTHER_PATRON, seed.ON_LOAN.item, EVENING, "20261220    000000")
    assert [line.ask(told).fixed_of("ok") for _ in range(2)] == ["1", "0"]
    assert refused_of(store) == "nothing has been refused"


def test_an_unknown_number_of_a_refusal_stands_nowhere_in_the_store(store: Store, line: Speaker) -> None:
    line.ask(speak.carried_out(STRANGER, "7110000099", EVENING, " " * 18))
    store.stop()
    kept = laid_down(store.home)
    assert b"7110000099" not in kept and STRANGER.number.encode() not in kept
    assert seed.BOOK.title.encode() in kept  # the search finds what is there


def test_a_cancelled_loan_was_never_made(store: Store, line: Speaker) -> None:
    line.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    assert line.ask(speak.checkin(seed.BOOK.item, ("BI", "Y"))).fixed_of("ok") == "1"
    assert lent_to(store, seed.BOOK.item) == []


def test_a_cancelled_loan_leaves_an_older_one_alone(store: Store, line: Speaker) -> None:
    line.ask(speak.checkin(seed.ON_LOAN.item, ("BI", "Y")))
    assert [patron for patron, _ in lent_to(store, seed.ON_LOAN.item)] == [seed.OTHER_PATRON.patron]


def test_a_machine_takes_back_only_what_was_lent_at_its_own_branch_and_just_now(store: Store, line: Speaker) -> None:
    line.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
    store.change(lambda connection: connection.execute(update(loans).values(branch_id=seed.VINDERUP)))
    line.ask(speak.checkin(seed.BOOK.item, ("BI", "Y")))
    assert len(lent_to(store, seed.BOOK.item)) == 1
    store.change(lambda connection: connection.execute(update(loans).values(branch_id=seed.ULFBORG)))
    store.clock.forward(minutes=11)
    line.ask(speak.checkin(seed.BOOK.item, ("BI", "Y")))
    assert len(lent_to(store, seed.BOOK.item)) == 1


def test_the_last_day_that_can_be_written_is_a_date_like_any_other(store: Store, line: Speaker) -> None:
    for due in ("99991231   Z235959", "99991231    235959", "00010101   A000000"):
        line.ask(speak.carried_out(seed.ADULT, seed.BOOK.item, EVENING, due))
    assert [due[:4] for _, due in lent_to(store, seed.BOOK.item)] == ["2026"]


@pytest.mark.parametrize("language", ["ååå", "0 1", "٠٠٩"])
def test_a_language_that_is_none_is_answered_as_unknown(line: Speaker, language: str) -> None:
    frame = line.said(f"23{language}{speak.NOW}AO{speak.AGENCY}|AA1|AD0000|\r".encode())
    assert frame is not None
    assert decode(frame, "utf-8").fixed_of("language") == "000"


def test_a_title_is_told_to_who_has_put_in_the_pin_alone(store: Store, line: Speaker) -> None:
    store.clock.forward(days=18)
    untold = line.ask(speak.renewed(seed.OTHER_PATRON, seed.ON_LOAN.item, EVENING, "20261220    000000"))
    assert (untold.fixed_of("ok"), untold.first("AJ")) == ("1", "")


# --- who may hear what --------------------------------------------------------------------------


def test_a_wrong_pin_tells_nothing_of_the_record(line: Speaker) -> None:
    for reply in (line.ask(speak.status(seed.DEBTOR, "0000")), line.ask(speak.information(seed.DEBTOR, "0000"))):
        assert (reply.first("BL"), reply.first("CQ"), reply.first("AE")) == ("Y", "N", "")
        assert {name for name, _ in reply.fields} == {"AO", "AA", "AE", "BL", "CQ"}
        assert reply.fixed_of("patron_status") == "YYYY          "
    assert b"Dagmar" not in line.heard


def test_without_a_pin_nothing_is_told_and_no_try_is_counted(store: Store, line: Speaker) -> None:
    reply = line.ask(speak.information(seed.DEBTOR, ""))
    assert (reply.first("BL"), reply.first("CQ"), reply.first("AE")) == ("Y", "N", "")
    assert store.change(lambda connection: connection.execute(select(tries)).all()) == []


def test_an_unknown_card_is_not_valid(line: Speaker) -> None:
    reply = line.ask(speak.status(seed.Person(seed.ADULT.patron, "X", "Y", 30, "6100000000")))
    assert (reply.first("BL"), reply.first("CQ")) == ("N", "N")


@pytest.mark.parametrize("pin", ["0000", ""])
def test_nothing_is_lent_without_the_right_pin(store: Store, line: Speaker, pin: str) -> None:
    reply = line.ask(speak.checkout(seed.ADULT, seed.BOOK.item, pin))
    assert (reply.fixed_of("ok"), reply.fixed_of("desensitize"), reply.first("AJ")) == ("0", "N", "")
    assert lent_to(store, seed.BOOK.item) == []


def test_after_five_wrong_pins_the_right_one_is_not_looked_at(line: Speaker) -> None:
    for _ in range(5):
        line.ask(speak.status(seed.ADULT, "0000"))
    assert line.ask(speak.status(seed.ADULT)).first("CQ") == "N"


def test_the_wire_says_no_family_name_address_or_note(line: Speaker) -> None:
    for person in seed.PATRONS:
        line.ask(speak.status(person))
        line.ask(speak.information(person, summary="YYYYYYYYYY"))
    assert speak.secrets_in(line.heard) == []
    assert b"|BD" not in line.heard and b"|BE" not in line.heard and b"|BF" not in line.heard
    assert b"|PB" not in line.heard


def test_each_summary_gives_its_own_list_within_its_range(line: Speaker) -> None:
    for copy in seed.ITEMS[10:14]:
        line.ask(speak.checkout(seed.ADULT, copy.item))
    asked = speak.information(seed.ADULT)
    whole = line.ask(asked)
    assert whole.fixed_of("charged_items_count") == "0004"
    part = line.ask(Message(asked.id, asked.fixed, (*asked.fields, ("BP", "2"), ("BQ", "3"))))
    assert part.all("AU") == whole.all("AU")[1:3]
    odd = line.ask(Message(asked.id, asked.fixed, (*asked.fields, ("BP", "x"), ("BQ", "99999"))))
    assert odd.all("AU") == whole.all("AU")
    assert line.ask(speak.information(seed.ADULT, summary="Y         ")).all("AU") == ()


# --- login --------------------------------------------------------------------------------------


def test_a_login_moves_the_machine_to_its_own_branch(store: Store, line: Speaker) -> None:
    password = store.change(lambda connection: logins.add(connection, "automat", SipUser(seed.VINDERUP)))
    assert line.ask(speak.login("automat", password)).fixed_of("ok") == "1"
    home = line.ask(speak.checkin(seed.FROM_VINDERUP.item))
    assert home.fixed_of("alert") == "N"


def test_a_new_password_ends_the_old_one(store: Store, line: Speaker) -> None:
    old, _ = (
        store.change(lambda connection: logins.add(connection, "automat", SipUser(seed.ULFBORG))) for _ in range(2)
    )
    assert line.ask(speak.login("automat", old)).fixed_of("ok") == "0"


@pytest.mark.parametrize("end", ["a new password", "a removed login"])
def test_a_login_that_is_good_no_longer_ends_the_line_at_the_next_message(
    store: Store, line: Speaker, end: str
) -> None:
    user = SipUser(seed.VINDERUP)
    password = store.change(lambda connection: logins.add(connection, "automat", user))
    assert line.ask(speak.login("automat", password)).fixed_of("ok") == "1"
    if end == "a new password":
        store.change(lambda connection: logins.add(connection, "automat", user))
    else:
        assert store.change(lambda connection: logins.remove(connection, "automat"))
    line.send(encode(speak.checkout(seed.ADULT, seed.BOOK.item), Spelling()))
    assert line.frame() is None
    assert lent_to(store, seed.BOOK.item) == []


def test_another_branch_of_a_login_holds_from_the_next_message_on(store: Store, line: Speaker) -> None:
    password = store.change(lambda connection: logins.add(connection, "automat", SipUser(seed.ULFBORG)))
    line.ask(speak.login("automat", password))
    moved = update(sip_users).values(branch_id=seed.VINDERUP)
    store.change(lambda connection: connection.execute(moved).rowcount)
    assert line.ask(speak.checkin(seed.FROM_VINDERUP.item)).fixed_of("alert") == "N"


@pytest.mark.parametrize("encoding", ["cp850", "iso-8859-1", "cp1252", "ascii", "utf-8"])
def test_a_login_is_spoken_to_in_its_own_encoding(store: Store, line: Speaker, encoding: str) -> None:
    user = SipUser(seed.ULFBORG, encoding=encoding)
    password = store.change(lambda connection: logins.add(connection, "automat", user))
    title = "Blåbærgrød \N{LATIN CAPITAL LETTER O}\u0308 \N{DESERET SMALL LETTER ES}"
    named = update(records).where(records.c.record_id == seed.BOOK.record).values(title=title)
    store.change(lambda connection: connection.execute(named).rowcount)
    line.ask(speak.login("automat", password))
    raw = line.said(encode(speak.item_information(seed.BOOK.item), Spelling(encoding), "3", checked=True)) or b""
    expected = "Blåbærgrød Ö \N{DESERET SMALL LETTER ES}".encode(encoding, errors="replace")
    assert b"|AJ" + expected + b"|" in raw
    assert not is_damaged(raw)
    again = line.said(b"97AZFEF5\r") or b""
    assert expected in again and not is_damaged(again)


def test_what_a_machine_says_is_read_in_its_logins_encoding(store: Store, line: Speaker) -> None:
    password = store.change(
        lambda connection: logins.add(connection, "automat", SipUser(seed.ULFBORG, encoding="cp850"))
    )
    line.ask(speak.login("automat", password))
    reply = line.ask(message("17", (speak.NOW,), ("AO", speak.AGENCY), ("AB", "blåbærgrød")), "cp850")
    assert reply.first("AB") == "blåbærgrød"


def test_three_wrong_logins_end_the_conversation(line: Speaker) -> None:
    for _ in range(3):
        assert line.ask(speak.login("automat", "guess")).fixed_of("ok") == "0"
    line.send(encode(speak.login("automat", "guess"), Spelling()))
    assert line.frame() is None


def test_a_certificate_that_was_revoked_is_shut_out_from_the_next_message_on(store: Store, line: Speaker) -> None:
    line.ask(speak.sc_status())
    now = system_clock().wall
    store.change(lambda connection: devices.revoke(connection, DeviceId("sip-1"), now))
    line.send(encode(speak.sc_status(), Spelling()))
    assert line.frame() is None


def test_a_machine_without_a_certificate_hears_nothing(store: Store) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(store.bundle / "ca.pem")
    stranger = store.speaker(context)
    try:
        stranger.send(b"9900802.00\r")
        heard = stranger.frame()
    except (ssl.SSLError, ConnectionError):
        heard = None
    assert heard is None


# --- a bad line ---------------------------------------------------------------------------------


def test_the_reply_has_the_sequence_and_checksum_that_were_asked_for(line: Speaker) -> None:
    frame = line.said(b"9900802.00AY1AZFCA0\r")
    assert frame is not None and b"AY1AZ" in frame and not is_damaged(frame)
    plain = line.said(b"9900802.00\r")
    assert plain is not None and b"AY" not in plain and plain.endswith(b"|")


def test_a_wrong_checksum_is_asked_for_again(store: Store, line: Speaker) -> None:
    sent = encode(speak.checkout(seed.ADULT, seed.BOOK.item), Spelling(), "4", checked=True)
    assert line.said(sent.replace(b"|AB5", b"|AB6")) == b"96AZFEF6"
    assert lent_to(store, seed.BOOK.item) == []
    assert line.said(sent) is not None
    assert len(lent_to(store, seed.BOOK.item)) == 1


def test_the_same_frame_again_is_answered_and_not_done_again(store: Store, line: Speaker) -> None:
    sent = encode(speak.status(seed.ADULT, "0000"), Spelling(), "7", checked=True)
    replies = {line.said(sent) for _ in range(4)}
    assert len(replies) == 1
    counted = store.change(lambda connection: connection.execute(select(tries)).all())
    assert len(counted) == 1


def test_two_items_of_one_checksum_are_two_returns(line: Speaker) -> None:
    first, second = (
        encode(speak.checkin(item), Spelling(), "0", checked=True) for item in ("5010000012", "5010000021")
    )
    assert first[-10:] == second[-10:]
    replies = [line.said(first), line.said(second)]
    assert [decode(reply or b"", "utf-8").first("AB") for reply in replies] == ["5010000012", "5010000021"]


def test_a_resend_gives_the_reply_before_without_its_sequence(line: Speaker) -> None:
    before = line.said(encode(speak.item_information(seed.BOOK.item), Spelling(), "5", checked=True)) or b""
    again = line.said(b"97AZFEF5\r") or b""
    assert b"AY5" in before and b"AY" not in again and not is_damaged(again)
    assert decode(again, "utf-8") == decode(before, "utf-8")


def test_what_nobody_knows_is_met_with_silence_and_the_next_is_answered(line: Speaker) -> None:
    for odd in (
        b"77\r",
        b"97\r",
        b"98\r",
        b"25" + b" " * 18 + b"AO|AA|\r",
        b"63009\r",
        b"\r\n",
        b"hello\r",
        b"\0\xff\xfb\r",
    ):
        line.send(odd)
    frame = line.said(b"\x00\xfb9900802.00\r\n")
    assert frame is not None and frame.startswith(b"98")


def test_a_message_in_two_halves_is_one_message(line: Speaker) -> None:
    sent = encode(speak.status(seed.ADULT), Spelling(), "2", checked=True)
    line.send(sent[:9])
    line.send(sent[9:-1])
    reply = line.said(b"\n")
    assert reply is not None and decode(reply, "utf-8").first("CQ") == "Y"


def test_other_letters_than_ours_break_nothing(line: Speaker) -> None:
    for encoding in ("cp850", "latin-1", "utf-8"):
        asked = message("17", (speak.NOW,), ("AO", "ÆØÅ"), ("AB", "blåbærgrød"))
        reply = line.said(encode(asked, Spelling(encoding)))
        assert reply is not None and reply.startswith(b"1801")


def test_a_number_of_a_thousand_digits_is_an_unknown_one(line: Speaker) -> None:
    long = encode(speak.item_information("5" * 1000), Spelling(longest=None))
    reply = line.said(long)
    assert reply is not None and reply.startswith(b"1801")


def test_a_frame_that_does_not_end_ends_the_conversation(line: Speaker) -> None:
    line.send(b"9" * (MAX_FRAME + 5000))
    assert line.frame() is None


def test_one_machines_half_message_keeps_nobody_waiting(store: Store, line: Speaker) -> None:
    line.send(b"9900")
    assert store.speaker().ask(speak.sc_status()).id == "98"


def test_no_machine_is_kept_when_the_store_stops(store: Store, line: Speaker) -> None:
    line.ask(speak.sc_status())
    store.server.stop()
    assert line.frame() is None


def test_too_many_connections_are_turned_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.central.sip2.listener.MOST_LINES", 1)
    store.restart()
    first = store.speaker()
    assert first.ask(speak.sc_status()).id == "98"
    assert store.speaker().frame() is None
    assert first.ask(speak.sc_status()).id == "98"


def test_the_log_holds_no_field_of_any_message(line: Speaker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        line.ask(speak.checkout(seed.ADULT, seed.BOOK.item))
        line.send(b"77secret\r")
        line.ask(speak.sc_status())
    logged = caplog.text
    assert '"sip2": "11"' in logged and '"sip2": "other"' in logged
    assert not [
        part for part in (seed.ADULT.number, seed.BOOK.item, seed.ADULT.pin.reveal(), "secret") if part in logged
    ]


def test_a_fault_of_the_store_ends_the_line_and_is_logged_without_words(
    store: Store, line: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    store.change(lambda connection: connection.execute(text("ALTER TABLE library RENAME TO gone")).rowcount)
    line.send(encode(speak.checkout(seed.ADULT, seed.BOOK.item), Spelling()))
    assert line.frame() is None
    assert '"bug"' in caplog.text and seed.ADULT.number not in caplog.text


def test_a_line_that_never_shakes_hands_does_not_keep_the_store_from_stopping(store: Store) -> None:
    host, port = store.server.sip_address.split(":")
    with socket.create_connection((host, int(port)), 20):
        assert store.speaker().ask(speak.sc_status()).id == "98"
        store.server.stop()


_HOSTILE = st.one_of(
    st.binary(max_size=80).map(lambda noise: noise.replace(b"\r", b"").replace(b"\n", b"")),
    st.sampled_from(("11", "09", "15", "17", "23", "29", "35", "63", "65", "93", "01", "37")).flatmap(
        lambda code: st.text("YN +-*0123456789|ABOJDE", max_size=90).map(lambda rest: (code + rest).encode())
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile=st.lists(_HOSTILE, max_size=3))
def test_no_bytes_break_the_store(store: Store, caplog: pytest.LogCaptureFixture, hostile: list[bytes]) -> None:
    """Whatever was said before, a status is answered after it, and nothing went wrong inside."""
    with closing(store.speaker()) as line:
        for frame in hostile:
            line.send(frame + b"\r")
        line.send(b"9900802.00\r")
        while (reply := line.frame()) is not None and not reply.startswith(b"98"):
            continue
    assert reply is not None
    assert '"bug"' not in caplog.text


# --- renewing, paying, blocking -----------------------------------------------------------------


def test_a_loan_is_renewed_when_it_is_time_and_not_before(store: Store, line: Speaker) -> None:
    early = line.ask(speak.renew(seed.OTHER_PATRON, seed.ON_LOAN.item))
    assert (early.fixed_of("ok"), early.fixed_of("renewal_ok")) == ("0", "N")
    assert early.first("AF") == "Det er for tidligt at forny lånet."
    store.clock.forward(days=18)
    done = line.ask(speak.renew(seed.OTHER_PATRON, seed.ON_LOAN.item))
    assert (done.fixed_of("ok"), done.fixed_of("renewal_ok"), done.fixed_of("desensitize")) == ("1", "Y", "N")
    assert done.first("AH") > early.first("AH")
    unknown = line.ask(speak.renew(seed.OTHER_PATRON, "999"))
    assert (unknown.fixed_of("ok"), unknown.first("AJ"), unknown.first("AH")) == ("0", "", "")


def test_nothing_is_renewed_with_a_wrong_pin(store: Store, line: Speaker) -> None:
    store.clock.forward(days=18)
    assert line.ask(speak.renew(seed.OTHER_PATRON, seed.ON_LOAN.item, "0000")).fixed_of("ok") == "0"
    assert line.ask(speak.renew_all(seed.OTHER_PATRON, "0000")).fixed_of("ok") == "0"
    assert line.ask(speak.renew_all(seed.OTHER_PATRON)).all("BM") == (seed.ON_LOAN.item,)


def test_every_loan_is_renewed_or_said_not_to_be(store: Store, line: Speaker) -> None:
    early = line.ask(speak.renew_all(seed.OTHER_PATRON))
    assert (early.fixed_of("ok"), early.fixed_of("renewed_count"), early.fixed_of("unrenewed_count")) == (
        "1",
        "0000",
        "0001",
    )
    assert early.all("BN") == (seed.ON_LOAN.item,)


def test_a_machine_may_block_a_card_and_hears_nothing_of_the_patron(line: Speaker) -> None:
    for _ in range(2):
        reply = line.ask(speak.block(seed.ADULT))
        assert (reply.id, reply.first("AE"), reply.first("CQ")) == ("24", "", "N")
    assert line.ask(speak.status(seed.ADULT)).fixed_of("patron_status")[:4] == "YYYY"
    assert line.ask(speak.checkout(seed.ADULT, seed.BOOK.item)).fixed_of("ok") == "0"


def owed_by_adult(store: Store) -> int:
    made = insert(fees).values(
        patron_id=seed.ADULT.patron, kind="compensation", amount=12550, item_id=seed.BOOK.item, made_at=store.clock.wall
    )
    fee: int = store.change(lambda connection: connection.execute(made.returning(fees.c.fee_id)).scalar_one())
    return fee


def test_a_fee_is_paid_once_however_often_it_is_told(store: Store, line: Speaker) -> None:
    fee = owed_by_adult(store)
    patron = line.ask(speak.information(seed.ADULT, summary="   Y      "))
    assert (patron.first("BV"), patron.first("BH"), patron.fixed_of("fine_items_count")) == ("125.50", "DKK", "0001")
    assert patron.all("AV") == (f"125.50 DKK {seed.BOOK.title}",)
    for _ in range(2):
        paid = line.ask(speak.fee_paid(seed.ADULT, "100.5", "T-1", str(fee)))
        assert (paid.fixed_of("payment_accepted"), paid.first("BK")) == ("Y", "T-1")
    assert line.ask(speak.status(seed.ADULT)).first("BV") == "25.00"
    for _ in range(2):
        assert line.ask(speak.fee_paid(seed.ADULT, "25,00", "")).fixed_of("payment_accepted") == "Y"
    assert line.ask(speak.status(seed.ADULT)).first("BV") == "0.00"


@pytest.mark.parametrize(
    ("amount", "fee"), [("", ""), ("-1", ""), ("0", ""), ("999", ""), ("1e3", ""), ("10", "7777"), ("10", "x")]
)
def test_a_payment_that_cannot_be_one_is_not_accepted(store: Store, line: Speaker, amount: str, fee: str) -> None:
    owed_by_adult(store)
    assert line.ask(speak.fee_paid(seed.ADULT, amount, "T-2", fee)).fixed_of("payment_accepted") == "N"
    assert line.ask(speak.status(seed.ADULT)).first("BV") == "125.50"


def test_two_machines_may_give_the_same_reference(store: Store, line: Speaker, tmp_path: Path) -> None:
    owed_by_adult(store)
    other = tmp_path / "sip-2"
    enrol(store.home, Device(DeviceId("sip-2"), seed.ULFBORG), other, system_clock)
    for machine in (line, store.speaker(speak.tls(other))):
        assert machine.ask(speak.fee_paid(seed.ADULT, "10", "1")).fixed_of("payment_accepted") == "Y"
    assert line.ask(speak.status(seed.ADULT)).first("BV") == "105.50"


def test_an_idle_machine_is_hung_up_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.central.sip2.listener.IDLE_S", 0.05)
    store.restart()
    assert store.speaker().frame() is None
