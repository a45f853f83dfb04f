"""Sending what notices.py wrote: to a folder that a gateway empties, or by SMTP.

    by day: a due row -> claimed -> to the deliverer, outside any transaction -> marked as sent, or tried again later

Who claims a letter has it for half an hour, whatever servers there are. At least once: one that dies between sending
and marking leaves it to be sent again after that. One that is stopped does not wait for a mail
server: the letter on its way gets a second more; if nothing is heard of it by then, it is sent again at the next start.
Not responsible for: what is said (notices.py), when it is called (jobs.py).
"""

import json
import logging
import os
import re
import secrets
import smtplib
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from enum import Enum, unique
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Row, bindparam, select, update

from sync.central.messages.notices import Channel, is_day
from sync.central.patrons.contact import is_email, is_mobile
from sync.central.schema import messages
from sync.central.statement import Statement

AT_ONCE = 50  # letters in one turn
_CLAIMED = timedelta(minutes=30)  # longer than a turn of letters takes, at whatever pace
_IN_A_ROW = 3  # letters that do not go: then it is the way, not the letter, and the rest waits for the next turn
_SMTP_S = 20.0
_SMTPS = 465
_OURSELVES = frozenset({"localhost", "127.0.0.1", "::1"})
_GRACE_S = 1.0  # for the letter on its way when the store is stopped
_LONGEST = timedelta(hours=6)
KEPT = timedelta(days=30)  # a file: the content of a message (retention.py)
_OURS = re.compile(r"[0-9]{8,}\.(sms|eml)|\.[0-9]{8,}\.(sms|eml)\.[0-9a-f]{8}")


log = logging.getLogger("central.messages")


class DeliveryError(Exception):
    """Not sent; it is tried again. Says how, never to whom: its text is logged."""


@dataclass(frozen=True, slots=True)
class Letter:
    message: int
    channel: Channel
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    content: str = field(repr=False)
    attempts: int = 0


Deliver = Callable[[Letter], None]  # raises DeliveryError


class Writer(Protocol):
    """The database, as far as delivery needs it."""

    def write(self, work: Callable[[Connection], Any], /) -> Future[Any]: ...


def send(database: Writer, deliver: Deliver, now: datetime, halted: "Future[None] | None" = None) -> int:
    """Sends what is due, until a few in a row do not go; the number that went. At night nothing; files are forgotten.

    Blocks for as long as the deliverer takes, or until halted is done. Not to be called from within a transaction.
    """
    halted = halted or Future()
    folder = _folder(deliver)
    if folder is not None:
        folder.forget(now)
    sent = failed = 0
    for _ in range(AT_ONCE if is_day(now) else 0):
        if failed == _IN_A_ROW or halted.done():
            break
        letter: Letter | None = database.write(partial(_claimed, now=now)).result()
        if letter is None:
            break
        carried = _carried(deliver, letter, halted)
        if not carried.done():
            database.write(partial(_wait, letter=letter, until=now)).result()
            break
        if _settled(database, carried, letter, now):
            sent, failed = sent + 1, 0
        else:
            failed += 1
    return sent


def _carried(deliver: Deliver, letter: Letter, halted: "Future[None]") -> "Future[None]":
    """What came of it; not done when halted was first. The thread ends at its own time-out then, and marks nothing."""
    carried: Future[None] = Future()
    threading.Thread(target=_carry, args=(deliver, letter, carried), name="letter", daemon=True).start()
    wait((carried, halted), return_when=FIRST_COMPLETED)
    wait((carried,), timeout=_GRACE_S)
    return carried


def _carry(deliver: Deliver, letter: Letter, carried: "Future[None]") -> None:
    try:
        deliver(letter)
    except BaseException as problem:
        carried.set_exception(problem)
    else:
        carried.set_result(None)


def _settled(database: Writer, carried: "Future[None]", letter: Letter, now: datetime) -> bool:
    """Marked as sent, or put off."""
    try:
        carried.result()
    except DeliveryError as problem:
        log.warning("%s", json.dumps({"message": letter.message, "notSent": str(problem)}))
        database.write(partial(_put_off, letter=letter, now=now)).result()
        return False
    database.write(partial(_mark, letter=letter, now=now)).result()
    return True


_NEXT = Statement(
    select(messages)
    .where(messages.c.sent_at.is_(None), messages.c.next_attempt_at <= bindparam("now"))
    .where(messages.c.content != "")  # what retention has emptied meanwhile is not sent
    .order_by(messages.c.next_attempt_at, messages.c.message_id)
    .limit(1)
)


def _claimed(connection: Connection, now: datetime) -> Letter | None:
    """The next that is due, for nobody else to send."""
    row = _NEXT.one(connection, now=now)
    if row is None:
        return None
    letter = _letter(row)
    _wait(connection, letter, now + _CLAIMED)
    return letter


def _wait(connection: Connection, letter: Letter, until: datetime) -> None:
    mine = update(messages).where(messages.c.message_id == letter.message)
    connection.execute(mine.values(next_attempt_at=until))


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.message_id, Channel(row.channel), row.recipient, row.subject, row.content, row.attempts)


def _mark(connection: Connection, letter: Letter, now: datetime) -> None:
    mine = update(messages).where(messages.c.message_id == letter.message)
    connection.execute(mine.values(sent_at=now, next_attempt_at=None, attempts=letter.attempts + 1))


def _put_off(connection: Connection, letter: Letter, now: datetime) -> None:
    later = now + min(timedelta(minutes=2 ** min(letter.attempts, 9)), _LONGEST)
    mine = update(messages).where(messages.c.message_id == letter.message)
    connection.execute(mine.values(attempts=letter.attempts + 1, next_attempt_at=later))


def _folder(deliver: Deliver) -> "FileDrop | None":
    match deliver:
        case FileDrop():
            return deliver
        case Smtp(drop=drop):
            return drop
        case _:
            return None


# --- where to -----------------------------------------------------------------------------------


class FileDrop:
    """One file per letter, as a mail would look, for a gateway that empties the folder. Only its owner may read it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def forget(self, now: datetime) -> None:
        """What no gateway has fetched goes when the store forgets what it says itself. Another's file stays."""
        # No folder yet; one that cannot be looked into takes no letter either, and that is told.
        with suppress(OSError):
            for file in self._directory.iterdir():
                written = datetime.fromtimestamp(file.lstat().st_mtime, UTC)
                if _OURS.fullmatch(file.name) and written <= now - KEPT:
                    file.unlink(missing_ok=True)

    def __call__(self, letter: Letter) -> None:
        suffix = "sms" if letter.channel is Channel.SMS else "eml"
        goal = self._directory / f"{letter.message:08d}.{suffix}"
        draft = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(draft, bytes(_mail(letter, _to(letter), "")))
            draft.rename(goal)
            _sync(self._directory)
        except Exception as problem:  # whatever the e-mail library makes of a text: it is one letter's, not the store's
            with suppress(OSError):
                draft.unlink()
            raise DeliveryError(type(problem).__name__) from None


def _write(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(directory: Path) -> None:
    """The new name is on the disk too."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@unique
class Tls(Enum):
    NONE = "none"  # to this computer itself alone
    STARTTLS = "starttls"
    IMPLICIT = "implicit"  # from the first byte on


def usual_tls(host: str, port: int) -> Tls:
    """As mail servers have it: port 465 is TLS from the first byte on."""
    if host in _OURSELVES:
        return Tls.NONE
    return Tls.IMPLICIT if port == _SMTPS else Tls.STARTTLS


def is_open(host: str, tls: Tls) -> bool:
    """In clear, to another computer: that is never done."""
    return tls is Tls.NONE and host not in _OURSELVES


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server. TLS is a must, but to this computer itself; nothing but EHLO is said before it.

    SMS go as mail to NUMBER@sms_domain; without a domain to `drop`, and with neither nowhere. tls: None for the usual.
    password: from a file, never from a command line. trust: whose certificate the server must show.
    """

    host: str
    port: int
    sender: str
    sms_domain: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    drop: FileDrop | None = None
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    tls: Tls | None = None

    def __call__(self, letter: Letter) -> None:
        if letter.channel is Channel.EMAIL:
            self._send(letter)
        elif self.sms_domain:
            self._send(letter, self.sms_domain)
        elif self.drop is not None:
            self.drop(letter)
        else:
            raise DeliveryError("no way for SMS is set")

    def _send(self, letter: Letter, domain: str = "") -> None:
        tls = self.tls or usual_tls(self.host, self.port)
        if is_open(self.host, tls):
            raise DeliveryError("no TLS to another computer")
        try:
            with self._dial(tls) as line:
                if self.user:
                    line.login(self.user, self.password)
                recipient = f"{_to(letter)}@{domain}" if domain else _to(letter)
                line.send_message(_mail(letter, recipient, self.sender), to_addrs=[recipient])
        except Exception as problem:
            raise DeliveryError(type(problem).__name__) from None

    def _dial(self, tls: Tls) -> smtplib.SMTP:
        if tls is Tls.IMPLICIT:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SMTP_S, context=self.trust)
        line = smtplib.SMTP(self.host, self.port, timeout=_SMTP_S)
        if tls is Tls.STARTTLS:
            _secure(line, self.trust)
        return line


def _secure(line: smtplib.SMTP, trust: ssl.SSLContext) -> None:
    """Raises what smtplib does; the line is closed then."""
    try:
        line.starttls(context=trust)
    except BaseException:
        line.close()
        raise


class _Unfit(Exception):
    """The recipient is none."""


def _to(letter: Letter) -> str:
    """The recipient, whatever way it came into the database: one number, one address. Raises _Unfit."""
    fits = is_mobile if letter.channel is Channel.SMS else is_email
    if not fits(letter.recipient):
        raise _Unfit
    return letter.recipient


def _mail(letter: Letter, recipient: str, sender: str) -> EmailMessage:
    mail = EmailMessage()
    mail["To"] = Address(addr_spec=recipient) if "@" in recipient else recipient
    if sender:
        mail["From"] = sender
    mail["Subject"] = _headline(letter.subject)
    mail.set_content(letter.content)
    return mail


def _headline(text: str) -> str:
    """One line of signs that mean themselves: a header may hold encoded words, and whatever they hold besides."""
    return " ".join(text.replace("=?", "= ?").split())
