"""Messages: who is told what, once; where letters go, and what happens when they do not."""

import json
import os
import smtplib
import socket
import socketserver
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, insert, select, update

from kiosk.model import PatronId
from sync.central import standard
from sync.central.circulation import holds
from sync.central.database import Database
from sync.central.messages import delivery, notices
from sync.central.messages.delivery import AT_ONCE, DeliveryError, FileDrop, Letter, Smtp
from sync.central.messages.notices import Channel
from sync.central.postgres import PostgresDatabase
from sync.central.schema import blocks, messages, patron_groups, records
from sync.central.schema import holds as holds_
from sync.central.start import Home, open_database
from tests.sync.central.library import MORNING
from tests.sync.central.small_library import ALMA, ATLAS, ATLAS_1, BO, CARLA, NOVEL, NOVEL_1, SmallLibrary

Store = Database | PostgresDatabase
MOBILE, EMAIL = "01617712", "alma@proevesen.example"


@pytest.fixture
def small(small: SmallLibrary) -> SmallLibrary:
    """One of its patrons is told everything twice."""
    small.set_patron(ALMA, mobile_notice=MOBILE, email_notice=EMAIL, first_name="Alma")
    return small


def said(connection: Connection, channel: Channel = Channel.SMS) -> list[Row[Any]]:
    query = select(messages).where(messages.c.channel == channel.value)
    return list(connection.execute(query.order_by(messages.c.message_id)))


# --- what is said -------------------------------------------------------------------------------


def test_a_loan_is_told_two_days_before_its_date_and_not_earlier(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.forward(days=27)
    assert notices.due_soon(small.connection, small.now) == 0
    small.forward(days=1)
    assert notices.due_soon(small.connection, small.now) == 2
    (sms,), (mail,) = said(small.connection), said(small.connection, Channel.EMAIL)
    assert (sms.recipient, mail.recipient) == (MOBILE, EMAIL)
    assert sms.subject == "Husk at aflevere"
    assert sms.content == (
        "Husk at aflevere eller forny senest 24. december:\n- Lykke-Per\nVenlig hilsen Holstebro Bibliotek"
    )


def test_all_of_one_day_stand_in_one_message_that_is_said_once(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.lend(ALMA, ATLAS_1)
    small.forward(days=28)
    assert notices.due_soon(small.connection, small.now) == 2
    assert notices.due_soon(small.connection, small.now + timedelta(days=1)) == 0
    (sms,) = said(small.connection)
    assert "- Lykke-Per\n- Fugle i Vestjylland\n" in sms.content


def test_a_new_date_is_a_new_matter(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.forward(days=28)
    notices.due_soon(small.connection, small.now)
    small.connection.exec_driver_sql("UPDATE loans SET due = '2027-02-01'")
    assert notices.due_soon(small.connection, small.now) == 0
    small.now = small.now.replace(year=2027, month=1, day=30)
    assert notices.due_soon(small.connection, small.now) == 2


def test_what_came_back_is_not_told(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.bring_back(NOVEL_1)
    small.forward(days=28)
    assert notices.announce(small.connection, small.now) == 0


def test_a_late_loan_is_told_once_from_the_day_after(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.forward(days=30)
    assert notices.overdue(small.connection, small.now) == 0
    small.forward(days=1)
    assert notices.overdue(small.connection, small.now) == 2
    assert notices.overdue(small.connection, small.now + timedelta(days=5)) == 0
    assert said(small.connection)[0].content.startswith("Afleveringsfristen var 24. december.")


def test_what_is_long_late_is_not_told_any_more(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.forward(days=61)
    assert notices.overdue(small.connection, small.now) == 0


def test_a_hold_is_told_when_it_stands_ready_and_not_while_it_waits(small: SmallLibrary) -> None:
    small.lend(CARLA, NOVEL_1)
    small.hold(ALMA)
    assert notices.hold_ready(small.connection, small.now) == 0
    small.bring_back(NOVEL_1)
    assert notices.hold_ready(small.connection, small.now) == 2
    assert notices.hold_ready(small.connection, small.now) == 0
    assert said(small.connection)[0].content == (
        "Lykke-Per er klar til dig.\nAfhentes: Ulfborg, reserveringshylden nr. 1.\nHent senest 1. december.\n"
        "Venlig hilsen Holstebro Bibliotek"
    )


@pytest.mark.parametrize("connection", ["sqlite"], indirect=True)  # PostgreSQL gives no number twice
def test_the_next_hold_is_told_even_where_the_database_gives_it_the_same_number(small: SmallLibrary) -> None:
    numbers = []
    for _ in range(2):
        small.lend(CARLA, NOVEL_1)
        numbers.append(small.hold(ALMA))
        small.bring_back(NOVEL_1)
        assert notices.hold_ready(small.connection, small.now) == 2
        holds.cancel(small.connection, ALMA, numbers[-1], small.now)
    assert numbers[0] == numbers[1]


def test_a_hold_whose_time_is_up_is_not_told(small: SmallLibrary) -> None:
    small.lend(CARLA, NOVEL_1)
    small.hold(ALMA)
    small.bring_back(NOVEL_1)
    small.forward(days=8)
    assert notices.hold_ready(small.connection, small.now) == 0


def test_only_who_wants_it_is_told_on_the_channel_that_is_wanted(small: SmallLibrary) -> None:
    small.set_patron(ALMA, email_notice="")
    small.lend(ALMA, NOVEL_1)
    small.lend(BO, ATLAS_1)
    small.forward(days=28)
    assert notices.announce(small.connection, small.now) == 1
    assert [row.patron_id for row in said(small.connection)] == [ALMA]


def test_a_group_without_reminders_is_told_of_its_holds_alone(small: SmallLibrary) -> None:
    quiet = update(patron_groups).where(patron_groups.c.group_id == standard.ADULT).values(gets_reminders=False)
    small.connection.execute(quiet)
    small.lend(ALMA, NOVEL_1)
    small.lend(CARLA, ATLAS_1)
    small.hold(ALMA, ATLAS)
    small.bring_back(ATLAS_1)
    assert notices.announce(small.connection, small.now) == 2
    assert {row.kind for row in said(small.connection)} == {"holdReady"}
    small.forward(days=28)
    assert notices.announce(small.connection, small.now) == 0


def test_of_who_died_nothing_is_told_to_whoever_has_the_telephone_now(small: SmallLibrary) -> None:
    small.lend(ALMA, NOVEL_1)
    small.lend(CARLA, ATLAS_1)
    small.hold(ALMA, ATLAS)
    small.bring_back(ATLAS_1)
    small.connection.execute(insert(blocks).values(patron_id=ALMA, reason="D", since=small.now.date()))
    assert notices.announce(small.connection, small.now) == 0
    small.forward(days=28)
    assert notices.announce(small.connection, small.now) == 0
    small.connection.execute(update(blocks).values(reason="U"))
    assert notices.announce(small.connection, small.now) == 2


def test_nothing_is_told_at_night_and_all_of_it_in_the_morning(small: SmallLibrary) -> None:
    small.lend(CARLA, NOVEL_1)
    small.hold(ALMA)
    small.lend(ALMA, ATLAS_1)
    small.forward(days=27)
    small.bring_back(NOVEL_1)
    midnight = small.now.replace(hour=23, minute=0, second=0)
    told = {}
    for hours in (0, 7, 8, 20, 21):
        savepoint = small.connection.begin_nested()
        told[hours] = notices.announce(small.connection, midnight + timedelta(hours=hours))
        savepoint.rollback()
    assert told == {0: 0, 7: 0, 8: 4, 20: 0, 21: 0}
    assert notices.announce(small.connection, midnight + timedelta(hours=20, seconds=-1)) == 4


def test_a_message_names_nobody_and_what_stays_of_it_no_title(small: SmallLibrary) -> None:
    small.lend(ALMA, ATLAS_1)
    small.lend(CARLA, NOVEL_1)
    small.hold(ALMA)
    small.bring_back(NOVEL_1)
    notices.hold_ready(small.connection, small.now)
    small.forward(days=28)
    notices.due_soon(small.connection, small.now)
    rows = said(small.connection) + said(small.connection, Channel.EMAIL)
    assert len(rows) == 4
    for row in rows:
        assert not any(word in row.subject + row.content for word in ("Alma", "Opdigtsen", ALMA))
        assert not any(word in row.about for word in (NOVEL_1, ATLAS_1, "Lykke-Per", NOVEL))


def test_many_titles_are_counted_not_listed(small: SmallLibrary) -> None:
    assert notices._list([f"Bind {number}" for number in range(12)]).endswith("- Bind 9\nog 2 mere")
    assert notices._list(["Bind 0"]) == "- Bind 0"


# --- sending ------------------------------------------------------------------------------------


@dataclass
class Post:
    """A deliverer that remembers, and refuses some."""

    refuses: set[int] = field(default_factory=set)
    sent: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    def __call__(self, letter: Letter) -> None:
        self.asked.append(letter.message)
        if letter.message in self.refuses:
            raise DeliveryError("no")
        self.sent.append(letter.message)


@pytest.fixture
def database(home: Home) -> Iterator[Store]:
    with closing(open_database(home)) as database:
        yield database


def queue(database: Store, count: int = 1) -> None:
    def write(connection: Connection) -> None:
        patron = connection.exec_driver_sql("SELECT min(patron_id) FROM patrons").scalar_one()
        for number in range(count):
            connection.execute(
                insert(messages).values(
                    patron_id=PatronId(patron),
                    kind="dueSoon",
                    about=str(number),
                    channel="email",
                    recipient=EMAIL,
                    subject="Husk at aflevere",
                    content="Til i dag: Hærværk",
                    made_at=MORNING,
                    next_attempt_at=MORNING,
                )
            )

    database.write(write).result()


def rows(database: Store) -> list[Row[Any]]:
    query = select(messages).order_by(messages.c.message_id)
    return list(database.read(lambda connection: connection.execute(query).all()).result())


def test_a_letter_is_sent_once_and_marked(database: Store) -> None:
    queue(database)
    post = Post()
    assert delivery.send(database, post, MORNING) == 1
    assert delivery.send(database, post, MORNING + timedelta(days=1)) == 0
    assert post.sent == [1]
    (row,) = rows(database)
    assert (row.sent_at, row.next_attempt_at, row.attempts) == (MORNING, None, 1)


def test_a_letter_that_does_not_go_waits_longer_each_time_up_to_six_hours(database: Store) -> None:
    queue(database)
    post, now, waits = Post(refuses={1}), MORNING, []
    for _ in range(11):
        assert delivery.send(database, post, now) == 0
        (row,) = rows(database)
        waits.append((row.next_attempt_at - now) // timedelta(minutes=1))
        assert delivery.send(database, post, row.next_attempt_at - timedelta(seconds=1)) == 0
        now = row.next_attempt_at
        while not notices.is_day(now):
            now += timedelta(hours=1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert len(post.asked) == 11
    assert row.sent_at is None
    post.refuses.clear()
    assert delivery.send(database, post, now) == 1


def test_one_letter_that_does_not_go_keeps_no_other(database: Store) -> None:
    queue(database, 6)
    post = Post(refuses={1, 2, 4, 5})
    assert delivery.send(database, post, MORNING) == 2
    assert post.sent == [3, 6]


def test_what_does_not_go_is_logged_by_its_number_alone(database: Store, caplog: pytest.LogCaptureFixture) -> None:
    queue(database)
    delivery.send(database, Post(refuses={1}), MORNING)
    assert [record.getMessage() for record in caplog.records] == ['{"message": 1, "notSent": "no"}']


def test_three_in_a_row_end_the_turn(database: Store) -> None:
    queue(database, 6)
    post = Post(refuses={1, 2, 3})
    assert delivery.send(database, post, MORNING) == 0
    assert post.asked == [1, 2, 3]
    assert delivery.send(database, post, MORNING) == 3


def test_two_servers_on_one_database_send_every_letter_once(home: Home) -> None:
    with closing(open_database(home)) as one, closing(open_database(home)) as other:
        queue(one, 3)
        sent: list[int] = []

        def deliver(letter: Letter) -> None:
            sent.append(letter.message)
            if len(sent) == 1:
                assert delivery.send(other, lambda letter: sent.append(letter.message), MORNING) == 2

        assert delivery.send(one, deliver, MORNING) == 1
        assert sorted(sent) == [1, 2, 3]
        assert [row.sent_at for row in rows(one)] == [MORNING] * 3


def test_a_letter_whose_server_died_while_it_sent_it_is_sent_by_another_after_half_an_hour(database: Store) -> None:
    class Died(BaseException):
        pass

    def deliver(letter: Letter) -> None:
        raise Died

    queue(database)
    with pytest.raises(Died):
        delivery.send(database, deliver, MORNING)
    post, later = Post(), MORNING + timedelta(minutes=30)
    assert delivery.send(database, post, later - timedelta(seconds=1)) == 0
    assert delivery.send(database, post, later) == 1


def test_nothing_is_sent_at_night(database: Store) -> None:
    queue(database)
    post, evening = Post(), MORNING.replace(hour=19, minute=0)
    for hours in range(12):
        assert delivery.send(database, post, evening + timedelta(hours=hours)) == 0
    assert delivery.send(database, post, evening + timedelta(hours=12)) == 1


def test_many_letters_are_sent_in_turns(database: Store) -> None:
    queue(database, AT_ONCE + 3)
    assert delivery.send(database, Post(), MORNING) == AT_ONCE
    assert delivery.send(database, Post(), MORNING) == 3


def test_what_has_been_erased_is_not_sent(database: Store) -> None:
    queue(database)
    database.write(lambda connection: connection.execute(update(messages).values(recipient="", content=""))).result()
    assert delivery.send(database, Post(), MORNING) == 0


def test_the_database_can_be_written_while_a_letter_is_under_way(database: Store) -> None:
    queue(database)

    def deliver(letter: Letter) -> None:
        database.write(lambda connection: connection.execute(update(messages).values(subject="x"))).result(timeout=10)

    assert delivery.send(database, deliver, MORNING) == 1


# --- files --------------------------------------------------------------------------------------

LETTER = Letter(7, Channel.EMAIL, EMAIL, "Din reservering er klar", "Hærværk er klar til dig.")
SMS = replace(LETTER, message=8, channel=Channel.SMS, recipient=MOBILE)


def test_a_file_holds_the_letter_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path / "outgoing")
    drop(LETTER)
    drop(SMS)
    drop(LETTER)
    folder = tmp_path / "outgoing"
    assert sorted(file.name for file in folder.iterdir()) == ["00000007.eml", "00000008.sms"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert f"To: {EMAIL}" in (folder / "00000007.eml").read_text()
    assert f"To: {MOBILE}" in (folder / "00000008.sms").read_text()


@pytest.mark.parametrize("letter", [LETTER, replace(LETTER, recipient="a@b.example\nBcc: c@d.example")])
def test_what_cannot_be_written_is_a_fault_that_names_nobody(tmp_path: Path, letter: Letter) -> None:
    taken = tmp_path / "outgoing"
    if letter is LETTER:
        taken.touch()
    with pytest.raises(DeliveryError) as caught:
        FileDrop(taken)(letter)
    assert "example" not in str(caught.value)
    assert not list(tmp_path.glob("**/.*"))


@pytest.mark.parametrize("by_mail", [False, True])
def test_files_that_no_gateway_fetched_go_after_thirty_days_night_or_day_and_no_others(
    database: Store, tmp_path: Path, by_mail: bool
) -> None:
    drop = FileDrop(tmp_path / "outgoing")
    deliver = Smtp("mail.example", 25, "x@y.example", drop=drop) if by_mail else drop
    assert delivery.send(database, deliver, MORNING) == 0
    drop(LETTER)
    drop(SMS)
    for name in (".00000009.eml.0123abcd", "README", "00000007.eml.done"):
        (tmp_path / "outgoing" / name).touch()
    for file in (tmp_path / "outgoing").iterdir():
        os.utime(file, (MORNING.timestamp(), MORNING.timestamp()))
    drop(replace(LETTER, message=11))
    limit = MORNING.replace(hour=23) + timedelta(days=29)
    assert delivery.send(database, deliver, limit) == 0
    assert len(list((tmp_path / "outgoing").iterdir())) == 6
    os.utime(tmp_path / "outgoing" / "00000011.eml", ((limit + timedelta(days=1)).timestamp(),) * 2)
    delivery.send(database, deliver, limit + timedelta(days=1))
    assert {file.name for file in (tmp_path / "outgoing").iterdir()} == {"00000011.eml", "README", "00000007.eml.done"}


HOSTILE = "=?utf-8?q?=0aBcc=3avictim=40y.dk?=@b.example"
UNFIT = [HOSTILE, "=?utf-8?q?x?=", "@", "", "a@b.example, c@d.example", "=?x?=@[", "a@b.example\r\nBcc: c@d.example"]


@pytest.mark.parametrize("recipient", UNFIT)
@pytest.mark.parametrize("channel", Channel)
def test_a_recipient_that_would_be_more_than_one_or_a_header_gets_nothing(
    tmp_path: Path, recipient: str, channel: Channel
) -> None:
    letter = replace(LETTER, recipient=recipient, channel=channel)
    with pytest.raises(DeliveryError, match="_Unfit"):
        FileDrop(tmp_path)(letter)
    assert not list(tmp_path.iterdir())
    with listening() as server, pytest.raises(DeliveryError, match="_Unfit"):
        smtp(server, sms_domain="sms.example")(letter)
    assert server.mails == []


def test_a_letter_to_nobody_does_not_end_the_store_and_keeps_no_other(database: Store, tmp_path: Path) -> None:
    queue(database, 2)
    hostile = update(messages).where(messages.c.message_id == 1).values(recipient=HOSTILE)
    database.write(lambda connection: connection.execute(hostile)).result()
    assert delivery.send(database, FileDrop(tmp_path), MORNING) == 1
    assert [row.sent_at for row in rows(database)] == [None, MORNING]


@pytest.mark.parametrize("subject", [HOSTILE, "Klar\nBcc: victim@y.example", "Klar\r\n\r\nBcc: x@y.example", "==??q?="])
def test_no_word_of_a_subject_becomes_a_header(tmp_path: Path, subject: str) -> None:
    FileDrop(tmp_path)(replace(LETTER, subject=subject))
    (file,) = tmp_path.iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert {"bcc", "x"} & {name.lower() for name in mail} == set()
    assert "Hærværk" in mail.get_content()


def test_a_title_of_several_lines_is_told_on_one(small: SmallLibrary) -> None:
    small.connection.execute(update(records).values(title="Lykke-Per\r\nBcc: victim@y.example\n\n- Andet"))
    small.lend(ALMA, NOVEL_1)
    small.lend(CARLA, ATLAS_1)
    small.hold(ALMA, ATLAS)
    small.bring_back(ATLAS_1)
    small.forward(days=28)
    small.connection.execute(update(holds_).values(pickup_by=small.now.date()))
    assert notices.announce(small.connection, small.now) == 4
    for row in said(small.connection):
        assert "\r" not in row.content
        assert "Lykke-Per Bcc: victim@y.example - Andet" in row.content


# --- smtp ---------------------------------------------------------------------------------------


class _Session(socketserver.StreamRequestHandler):
    """As little of RFC 5321 as a client needs; refuses one recipient. Never offers TLS."""

    server: "MailServer"

    def handle(self) -> None:
        self._say("220 tiny")
        while line := self.rfile.readline().decode().strip():
            word = line.split(" ", 1)[0].upper()
            self.server.heard.append(line)
            if word == "EHLO":
                self._say("250-tiny\r\n250 AUTH PLAIN")
            elif word == "DATA":
                self._say("354 go on")
                self.server.mails.append(self._mail())
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            elif word == "AUTH":
                self._say("235 come in")
            else:
                self._say("550 nobody of that name" if "<nobody@" in line else "250 fine")

    def _mail(self) -> str:
        return b"".join(iter(self.rfile.readline, b".\r\n")).decode()

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class MailServer(socketserver.TCPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.heard: list[str] = []
        self.mails: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def listening() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def smtp(server: MailServer, **more: Any) -> Smtp:
    return Smtp("127.0.0.1", server.port, "bibliotek@holstebro.example", **more)


def test_a_mail_goes_to_the_server() -> None:
    with listening() as server:
        smtp(server)(LETTER)
    (mail,) = server.mails
    assert f"To: {EMAIL}" in mail
    assert "From: bibliotek@holstebro.example" in mail
    assert "Subject: Din reservering er klar" in mail
    assert not any(line.startswith("AUTH") for line in server.heard)


def test_a_user_logs_in() -> None:
    with listening() as server:
        smtp(server, user="bibliotek", password="hemmeligt")(LETTER)
    assert any(line.startswith("AUTH PLAIN") for line in server.heard)


def test_an_sms_goes_to_its_domain_where_there_is_one() -> None:
    with listening() as server:
        smtp(server, sms_domain="sms.example")(SMS)
    assert f"To: {MOBILE}@sms.example" in server.mails[0]


def test_an_sms_without_a_domain_goes_into_the_folder(tmp_path: Path) -> None:
    with listening() as server:
        smtp(server, drop=FileDrop(tmp_path / "outgoing"))(SMS)
        with pytest.raises(DeliveryError):
            smtp(server)(SMS)
    assert server.mails == []
    assert [file.name for file in (tmp_path / "outgoing").iterdir()] == ["00000008.sms"]


def test_a_recipient_that_is_refused_is_a_fault_that_names_nobody() -> None:
    with listening() as server, pytest.raises(DeliveryError) as caught:
        smtp(server)(replace(LETTER, recipient="nobody@proevesen.example"))
    assert str(caught.value) == smtplib.SMTPRecipientsRefused.__name__
    assert caught.value.__suppress_context__


def test_a_server_that_is_not_there_is_a_fault() -> None:
    with listening() as server:
        gone = smtp(server)
    with pytest.raises(DeliveryError):
        gone(LETTER)


def test_without_tls_nothing_is_said_to_a_server_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as server:
        monkeypatch.setattr("smtplib.SMTP._get_socket", lambda *_: _connected(server.port))
        with pytest.raises(DeliveryError):
            Smtp("mail.example", server.port, "bibliotek@holstebro.example", user="bibliotek", password="x")(LETTER)
    assert server.mails == []
    assert not any(line.startswith(("MAIL", "AUTH")) for line in server.heard)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_neither_letter_nor_way_prints_a_secret() -> None:
    printed = repr(LETTER) + repr(Smtp("mail.example", 25, "x@y.example", user="u", password="hemmeligt"))
    assert not any(word in printed for word in (EMAIL, "Hærværk", "hemmeligt"))
    assert json.dumps(printed)
