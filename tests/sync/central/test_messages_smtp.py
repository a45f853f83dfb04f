"""A mail server that speaks TLS, as good ones and bad ones do: nothing but a greeting is said to it in clear.

And a mail server that does not answer: the store stops all the same, and the letter goes at the next start.
"""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from kiosk.loop import system_clock
from sync import pki
from sync.central import seed
from sync.central.messages import delivery
from sync.central.messages.delivery import DeliveryError, Letter, Smtp, Tls
from sync.central.messages.notices import Channel
from sync.central.schema import messages
from sync.central.start import Home, open_database
from sync.central.web.server import CentralServer
from tests.sync.central.library import MORNING, HandClock, Library

LETTER = Letter(7, Channel.EMAIL, "alma@proevesen.example", "Din reservering er klar", "Hærværk er klar til dig.")
PASSWORD = "hemmeligt-4711"  # of nobody


class MailServer:
    """EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, QUIT. Remembers each line with whether it came under TLS."""

    def __init__(self, context: ssl.SSLContext, *, implicit: bool = False, offers: bool = True) -> None:
        self._context, self._implicit, self._offers = context, implicit, offers
        self.heard: list[tuple[bool, str]] = []
        self.mails: list[str] = []
        self.port = 0
        self._listens = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    @property
    def in_clear(self) -> list[str]:
        return [line for secure, line in self.heard if not secure]

    @property
    def words(self) -> list[str]:
        return [line.split(" ")[0].upper() for _, line in self.heard]

    def start(self) -> None:
        self._thread.start()
        self._listens.wait(20)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._context if self._implicit else None)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._stop.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            writer.write(b"220 tiny\r\n")
            while line := (await reader.readline()).decode().strip():
                self.heard.append((writer.get_extra_info("ssl_object") is not None, line))
                await self._answer(line.split(" ")[0].upper(), reader, writer)
        writer.transport.abort()

    async def _answer(self, word: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if word == "STARTTLS":
            writer.write(b"220 go\r\n")
            await writer.start_tls(self._context)
        elif word == "EHLO":
            offered = b"250-STARTTLS\r\n" if self._offers else b""
            writer.write(b"250-tiny\r\n" + offered + b"250 AUTH PLAIN\r\n")
        elif word == "DATA":
            writer.write(b"354 go on\r\n")
            self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"250 taken\r\n")
        else:
            writer.write({"QUIT": b"221 bye\r\n", "AUTH": b"235 come in\r\n"}.get(word, b"250 fine\r\n"))


@contextmanager
def mail_server(home: Home, **more: Any) -> Iterator[MailServer]:
    server = MailServer(pki.open_context(home.server), **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def smtp(home: Home, server: MailServer, tls: Tls, trust: ssl.SSLContext | None = None) -> Smtp:
    trust = trust or pki.checking_context(home.ca.cert.read_bytes())
    sender = "bibliotek@holstebro.example"
    return Smtp("127.0.0.1", server.port, sender, user="bibliotek", password=PASSWORD, trust=trust, tls=tls)


def is_implicit(tls: Tls) -> bool:
    return tls is Tls.IMPLICIT


# --- TLS ----------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])


@BOTH
def test_a_letter_goes_under_tls_and_the_password_never_before_it(begun: Home, tls: Tls) -> None:
    with mail_server(begun, implicit=is_implicit(tls)) as server:
        smtp(begun, server, tls)(LETTER)
    (mail,) = server.mails
    assert "To: alma@proevesen.example" in mail
    assert [line.split(" ")[0].upper() for line in server.in_clear] == (
        [] if is_implicit(tls) else ["EHLO", "STARTTLS"]
    )
    (login,) = [line for secure, line in server.heard if secure and line.startswith("AUTH PLAIN")]
    assert base64.b64decode(login.split(" ")[2]).decode().split("\0") == ["", "bibliotek", PASSWORD]


@BOTH
@pytest.mark.parametrize("wrong", ["of an unknown CA", "of another name"])
def test_a_server_with_a_wrong_certificate_hears_nothing_of_the_letter(
    begun: Home, tmp_path: Path, tls: Tls, wrong: str
) -> None:
    trust = ssl.create_default_context()
    home = begun
    if wrong == "of another name":
        home = Home(pki.make_directory(tmp_path / "other"))
        validity = pki.Validity(system_clock().wall, 10)
        ca = pki.make_ca(pki.make_directory(home.keys), "CA", validity)
        pki.make_server(ca, home.keys, ["mail.elsewhere.example"], validity)
        trust = pki.checking_context(ca.cert.read_bytes())
    with mail_server(home, implicit=is_implicit(tls)) as server, pytest.raises(DeliveryError) as told:
        smtp(home, server, tls, trust)(LETTER)
    assert str(told.value) == ssl.SSLCertVerificationError.__name__
    assert server.mails == []
    assert set(server.words) <= {"EHLO", "STARTTLS"}


def test_a_server_that_offers_no_starttls_is_told_nothing(begun: Home) -> None:
    with mail_server(begun, offers=False) as server, pytest.raises(DeliveryError) as told:
        smtp(begun, server, Tls.STARTTLS)(LETTER)
    assert str(told.value) == "SMTPNotSupportedError"
    assert set(server.words) == {"EHLO"}


def test_to_another_computer_nothing_goes_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = list[object]()
    monkeypatch.setattr("socket.create_connection", lambda *asked, **_: dialled.append(asked))
    with pytest.raises(DeliveryError, match="no TLS"):
        Smtp("mail.example", 25, "x@y.example", tls=Tls.NONE)(LETTER)
    assert dialled == []


# --- stopping -----------------------------------------------------------------------------------


class Stuck:
    """A mail server that takes a letter and says nothing, until it is let go."""

    def __init__(self) -> None:
        self.taken: Future[int] = Future()
        self.let_go = threading.Event()
        self.left = threading.Event()

    def __call__(self, letter: Letter) -> None:
        self.taken.set_result(letter.message)
        self.let_go.wait(60)
        self.left.set()


def test_a_store_stops_while_a_mail_server_is_silent_and_sends_at_the_next_start(home: Home) -> None:
    queue(home)
    stuck, sent = Stuck(), Future[int]()
    server = CentralServer(home, HandClock(), deliver=stuck)
    server.start()
    number = stuck.taken.result(20)
    server.stop()  # would wait for the minute that Stuck takes
    assert not stuck.left.is_set()
    assert [(row.sent_at, row.attempts) for row in rows(home)] == [(None, 0)]
    with CentralServer(home, HandClock(), deliver=lambda letter: sent.set_result(letter.message)):
        assert sent.result(20) == number
        stuck.let_go.set()
        assert stuck.left.wait(20)
    assert [(row.sent_at, row.attempts) for row in rows(home)] == [(MORNING, 1)]


def test_a_letter_that_goes_while_the_store_stops_is_marked_and_the_next_is_not_begun(home: Home) -> None:
    queue(home, "1")
    queue(home, "2")
    halted, taken = Future[None](), list[int]()

    def slow(letter: Letter) -> None:
        halted.set_result(None)
        threading.Event().wait(0.1)
        taken.append(letter.message)

    with closing(open_database(home)) as database:
        assert delivery.send(database, slow, MORNING, halted) == 1
    assert [row.message_id for row in rows(home) if row.sent_at == MORNING] == taken
    assert sorted(row.attempts for row in rows(home)) == [0, 1]


def queue(home: Home, about: str = "1") -> None:
    words = {"recipient": LETTER.recipient, "subject": LETTER.subject, "content": LETTER.content}
    matter = {"patron_id": seed.ADULT.patron, "kind": "holdReady", "about": about, "channel": "email"}
    row = insert(messages).values(**matter, **words, made_at=MORNING, next_attempt_at=MORNING)
    with closing(open_database(home)) as database:
        database.write(lambda connection: connection.execute(row).rowcount).result()


def rows(home: Home) -> list[Any]:
    return Library.rows(_At(home), messages)  # type: ignore[arg-type]  # only its home is looked at


class _At:
    def __init__(self, home: Home) -> None:
        self.home = home
