"""Card to patron, PIN tries and lock-out.

    attempt -> LockedOut                      no PIN is checked
            -> Attempt -> count_try, and the PIN is checked elsewhere meanwhile
                          not counted: locked out, whatever the PIN was
                          counted, wrong: the try stays         counted, right: clear_tries

No PIN is answered before its try is counted: who asks a hundred times at once still has five tries.
Not responsible for: hashing (pin_hash.py), what is said of a patron whose PIN was right (admission.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from kiosk.model import PatronId
from sync.central.schema import cards, lockouts, patrons, tries

TRIES = 5
WINDOW = timedelta(minutes=15)
LOCKOUT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many wrong PINs lately; not even the right one is looked at."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. An unknown card is counted too, under its digest, and has neither patron nor hash."""

    subject: str = field(repr=False)
    patron: PatronId | None = field(repr=False)
    pin_hash: str | None = field(repr=False)


def attempt(connection: Connection, card_digest: str, now: datetime) -> Attempt | LockedOut:
    """Whom a card is of. Two cards of one patron share their tries. Only reads."""
    query = select(patrons.c.patron_id, patrons.c.pin_hash).join(cards).where(cards.c.digest == card_digest)
    row = connection.execute(query).one_or_none()
    found = Attempt(card_digest, None, None)
    if row is not None:
        found = Attempt(row.patron_id, PatronId(row.patron_id), row.pin_hash)
    until = _locked_until(connection, found.subject)
    return LockedOut() if until is not None and now < until else found


def count_try(connection: Connection, subject: str, now: datetime) -> bool:
    """Counts one try; False when too many came first, and this one counts for nothing."""
    until = _locked_until(connection, subject)
    if until is not None and now < until:
        return False
    if until is not None:
        _forget(connection, subject)
    connection.execute(insert(tries).values(subject=subject, tried_at=now))
    recent = select(func.count()).where(tries.c.subject == subject, tries.c.tried_at > now - WINDOW)
    if connection.execute(recent).scalar_one() >= TRIES:
        connection.execute(insert(lockouts).values(subject=subject, until=now + LOCKOUT, round=1))
    return True


def clear_tries(connection: Connection, subject: str) -> None:
    """The PIN was right."""
    _forget(connection, subject)


def _locked_until(connection: Connection, subject: str) -> datetime | None:
    return connection.execute(select(lockouts.c.until).where(lockouts.c.subject == subject)).scalar_one_or_none()


def _forget(connection: Connection, subject: str) -> None:
    connection.execute(delete(tries).where(tries.c.subject == subject))
    connection.execute(delete(lockouts).where(lockouts.c.subject == subject))
