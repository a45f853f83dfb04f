"""Sending what notices.py wrote: to a folder that a gateway empties, or by SMTP.

    due rows -> each to the deliverer, outside any transaction -> marked as sent, or tried again later

At least once: a store that dies between sending and marking sends again.
Not responsible for: what is said (notices.py), when it is called (jobs.py).
"""

import json
import logging
import os
import secrets
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Row, select, update

from sync.central.messages.notices import Channel
from sync.central.schema import messages

AT_ONCE = 50  # letters in one turn
_IN_A_ROW = 3  # letters that do not go: then it is the way, not the letter, and the rest waits for the next turn
_SMTP_S = 20.0
_LONGEST = timedelta(hours=6)


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


def send(database: Writer, deliver: Deliver, now: datetime) -> int:
    """Sends what is due, until a few in a row do not go; the number that went.

    Blocks for as long as the deliverer takes. Not to be called from within a transaction.
    """
    letters: list[Letter] = database.write(lambda connection: _due(connection, now)).result()
    sent = failed = 0
    for letter in letters:
        if _sent(database, deliver, letter, now):
            sent, failed = sent + 1, 0
        else:
            failed += 1
        if failed == _IN_A_ROW:
            break
    return sent


def _sent(database: Writer, deliver: Deliver, letter: Letter, now: datetime) -> bool:
    try:
        deliver(letter)
    except DeliveryError as problem:
        log.warning("%s", json.dumps({"message": letter.message, "notSent": str(problem)}))
        database.write(lambda connection: _put_off(connection, letter, now)).result()
        return False
    database.write(lambda connection: _mark(connection, letter, now)).result()
    return True


def _due(connection: Connection, now: datetime) -> list[Letter]:
    """What retention has emptied meanwhile is not sent."""
    unsent = messages.c.sent_at.is_(None), messages.c.next_attempt_at <= now, messages.c.content != ""
    rows = connection.execute(select(messages).where(*unsent).order_by(messages.c.message_id).limit(AT_ONCE))
    return [_letter(row) for row in rows]


def _letter(row: Row[Any]) -> Letter:
    return Letter(row.message_id, Channel(row.channel), row.recipient, row.subject, row.content, row.attempts)


def _mark(connection: Connection, letter: Letter, now: datetime) -> None:
    mine = update(messages).where(messages.c.message_id == letter.message)
    connection.execute(mine.values(sent_at=now, next_attempt_at=None, attempts=letter.attempts + 1))


def _put_off(connection: Connection, letter: Letter, now: datetime) -> None:
    later = now + min(timedelta(minutes=2 ** min(letter.attempts, 9)), _LONGEST)
    mine = update(messages).where(messages.c.message_id == letter.message)
    connection.execute(mine.values(attempts=letter.attempts + 1, next_attempt_at=later))


# --- where to -----------------------------------------------------------------------------------


class FileDrop:
    """One file per letter, as a mail would look, for a gateway that empties the folder. Only its owner may read it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, letter: Letter) -> None:
        suffix = "sms" if letter.channel is Channel.SMS else "eml"
        goal = self._directory / f"{letter.message:08d}.{suffix}"
        draft = goal.with_name(f".{goal.name}.{secrets.token_hex(4)}")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(draft, bytes(_mail(letter, letter.recipient, "")))
            draft.rename(goal)
            _sync(self._directory)
        except (OSError, ValueError) as problem:
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


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server. TLS is a must, but to this computer itself.

    SMS go as mail to NUMBER@sms_domain; without a domain to `drop`, and with neither nowhere.
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

    def __call__(self, letter: Letter) -> None:
        if letter.channel is Channel.EMAIL:
            self._send(letter, letter.recipient)
        elif self.sms_domain:
            self._send(letter, f"{letter.recipient}@{self.sms_domain}")
        elif self.drop is not None:
            self.drop(letter)
        else:
            raise DeliveryError("no way for SMS is set")

    def _send(self, letter: Letter, recipient: str) -> None:
        try:
            with smtplib.SMTP(self.host, self.port, timeout=_SMTP_S) as line:
                self._open(line)
                line.send_message(_mail(letter, recipient, self.sender))
        except (OSError, smtplib.SMTPException, ValueError) as problem:
            raise DeliveryError(type(problem).__name__) from None

    def _open(self, line: smtplib.SMTP) -> None:
        if self.host not in ("localhost", "127.0.0.1", "::1"):
            line.starttls(context=self.trust)
        if self.user:
            line.login(self.user, self.password)


def _mail(letter: Letter, recipient: str, sender: str) -> EmailMessage:
    mail = EmailMessage()
    mail["To"] = recipient
    if sender:
        mail["From"] = sender
    mail["Subject"] = letter.subject
    mail.set_content(letter.content)
    return mail
