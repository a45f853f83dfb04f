"""A machine that speaks SIP2 over TLS, byte by byte, for the tests of the store's socket and of Cicero's envelope."""

import re
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from sync import pki
from sync.central import seed, start
from sync.central.start import Home
from sync.sip2 import dates
from sync.sip2.codec import Framer, Message, Spelling, decode, encode, message

AGENCY = "DK-766100"
NOW = "20261124    103000"  # what HandClock says, in Copenhagen


ResultT = TypeVar("ResultT")


def in_store(home: Home, work: Callable[[Connection], ResultT]) -> ResultT:
    """Done in the store's database, whether it listens or not."""
    with closing(start.open_database(home)) as database:
        return database.write(work).result()


def tls(bundle: Path) -> ssl.SSLContext:
    identity = pki.Identity(bundle / "device.pem", bundle / "device.key")
    return pki.client_context(bundle / "ca.pem", identity)


class Speaker:
    """One connection. Every byte that it heard is remembered."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        host, port = address.split(":")
        self._line = context.wrap_socket(socket.create_connection((host, int(port)), 20), server_hostname=host)
        self._framer = Framer()
        self._frames: list[bytes] = []
        self.heard = b""
        self._sequence = 0

    def send(self, raw: bytes) -> None:
        self._line.sendall(raw)

    def frame(self) -> bytes | None:
        """The next frame, as it came; None when the store has hung up."""
        while not self._frames:
            try:
                chunk = self._line.recv(65536)
            except (ConnectionError, ssl.SSLError):
                chunk = b""
            if not chunk:
                return None
            self.heard += chunk
            self._frames += self._framer.feed(chunk)
        return self._frames.pop(0)

    def said(self, raw: bytes) -> bytes | None:
        self.send(raw)
        return self.frame()

    def ask(self, asked: Message, encoding: str = "utf-8") -> Message:
        """With AY and AZ, as a good machine does."""
        self._sequence = (self._sequence + 1) % 10
        frame = self.said(encode(asked, Spelling(encoding), str(self._sequence), checked=True))
        if frame is None:
            raise ConnectionError("the store hung up")
        return decode(frame, encoding)

    def close(self) -> None:
        self._line.close()


# --- what a machine asks ------------------------------------------------------------------------


def login(name: str, password: str) -> Message:
    return message("93", ("0", "0"), ("CN", name), ("CO", password), ("CP", ""))


def sc_status() -> Message:
    return message("99", ("0", "080", "2.00"))


def _who(person: seed.Person, pin: str | None) -> tuple[tuple[str, str], ...]:
    return (
        ("AO", AGENCY),
        ("AA", person.number),
        ("AC", ""),
        ("AD", person.pin.reveal() if pin is None else pin),
    )


def status(person: seed.Person, pin: str | None = None) -> Message:
    return message("23", ("009", NOW), *_who(person, pin))


def information(person: seed.Person, pin: str | None = None, summary: str = "  Y       ") -> Message:
    return message("63", ("009", NOW, summary), *_who(person, pin))


def checkout(person: seed.Person, item: str, pin: str | None = None) -> Message:
    return message("11", ("N", "N", NOW, dates.BLANK), *_who(person, pin), ("AB", item))


def carried_out(person: seed.Person, item: str, at: str, due: str) -> Message:
    return message("11", ("N", "Y", at, due), *_who(person, ""), ("AB", item))


def brought_back(item: str, at: str, *more: tuple[str, str]) -> Message:
    return message("09", ("Y", NOW, at), ("AP", ""), ("AO", AGENCY), ("AB", item), ("AC", ""), *more)


def renewed(person: seed.Person, item: str, at: str, due: str) -> Message:
    return message("29", ("N", "Y", at, due), *_who(person, ""), ("AB", item))


def checkin(item: str, *more: tuple[str, str]) -> Message:
    return message("09", ("N", NOW, NOW), ("AP", ""), ("AO", AGENCY), ("AB", item), ("AC", ""), *more)


def item_information(item: str) -> Message:
    return message("17", (NOW,), ("AO", AGENCY), ("AB", item))


def hold(mode: str, person: seed.Person, *title: tuple[str, str], pin: str | None = None) -> Message:
    return message("15", (mode, NOW), *_who(person, pin), *title)


def renew(person: seed.Person, item: str, pin: str | None = None) -> Message:
    return message("29", ("N", "N", NOW, dates.BLANK), *_who(person, pin), ("AB", item))


def renew_all(person: seed.Person, pin: str | None = None) -> Message:
    return message("65", (NOW,), *_who(person, pin))


def block(person: seed.Person) -> Message:
    return message("01", ("N", NOW), ("AO", AGENCY), ("AL", "PIN"), ("AA", person.number), ("AC", ""))


def fee_paid(person: seed.Person, kroner: str, reference: str, fee: str = "") -> Message:
    paid = ("BV", kroner), ("CG", fee), ("BK", reference)
    return message("37", (NOW, "04", "02", "DKK"), ("AO", AGENCY), ("AA", person.number), *paid)


def end_of_session(person: seed.Person) -> Message:
    return message("35", (NOW,), ("AO", AGENCY), ("AA", person.number))


def secrets_in(heard: bytes) -> list[str]:
    """What no machine may hear of the seed's patrons: family names, notes, addresses, PINs' neighbours."""
    text = heard.decode(errors="replace")
    told = [person.last_name for person in seed.PATRONS] + ["Opdigtet Vej", "6990", "7830", "Ring til os", "Glemt kort"]
    return [secret for secret in told if re.search(re.escape(secret), text)]
