"""Card to patron, PIN tries and lock-out.

    attempt -> LockedOut                      no PIN is checked
            -> Attempt -> count_try, and the PIN is checked elsewhere meanwhile
                          not counted: locked out, whatever the PIN was
                          counted, wrong: the try stays         counted, right: clear_tries

    five wrong in 15 minutes -> locked 15 minutes -> five new tries -> 30 -> 60 -> ... -> 24 hours
    a right PIN, or 24 hours without a lock-out -> from the beginning

No PIN is answered before its try is counted: who asks a hundred times at once still has five tries. Asking while
locked out changes nothing.
Not responsible for: hashing (pin_hash.py), what is said of a patron whose PIN was right (admission.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, false, func, insert, select, update

from kiosk.model import PatronId
from sync.central.schema import cards, lockouts, patrons, tries

TRIES = 5
WINDOW = timedelta(minutes=15)
LOCKOUT = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
REMEMBERED = timedelta(hours=24)  # after a lock-out's end the next one is still longer
_DOUBLINGS = 7  # 15 minutes x 2^7 is above LONGEST


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many wrong PINs lately; not even the right one is looked at."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. An unknown card is counted too, under its digest, and has neither patron nor hash."""

    subject: str = field(repr=False)
    patron: PatronId | None = field(repr=False)
    pin_hash: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Lockout:
    until: datetime
    round: int

    def next_round(self, now: datetime) -> int:
        return self.round + 1 if now < self.until + REMEMBERED else 1


def attempt(connection: Connection, card_digest: str, now: datetime) -> Attempt | LockedOut:
    """Whom a card is of; a lost one is an unknown one. Two cards of one patron share their tries. Only reads."""
    query = select(patrons.c.patron_id, patrons.c.pin_hash).join(cards)
    row = connection.execute(query.where(cards.c.digest == card_digest, cards.c.lost == false())).one_or_none()
    found = Attempt(card_digest, None, None)
    if row is not None:
        found = Attempt(row.patron_id, PatronId(row.patron_id), row.pin_hash)
    lockout = _lockout(connection, found.subject)
    return LockedOut() if lockout is not None and now < lockout.until else found


def count_try(connection: Connection, subject: str, now: datetime) -> bool:
    """Counts one try; False when too many came first, and this one counts for nothing."""
    lockout = _lockout(connection, subject)
    if lockout is not None and now < lockout.until:
        return False
    connection.execute(insert(tries).values(subject=subject, tried_at=now))
    recent = select(func.count()).where(tries.c.subject == subject, tries.c.tried_at > now - WINDOW)
    if connection.execute(recent).scalar_one() >= TRIES:
        _lock(connection, subject, now, 1 if lockout is None else lockout.next_round(now))
    return True


def clear_tries(connection: Connection, subject: str) -> None:
    """The PIN was right."""
    connection.execute(delete(tries).where(tries.c.subject == subject))
    connection.execute(delete(lockouts).where(lockouts.c.subject == subject))


def _lock(connection: Connection, subject: str, now: datetime, round_: int) -> None:
    """The tries that led to it are done with: after it there are five new ones."""
    connection.execute(delete(tries).where(tries.c.subject == subject))
    lasts = min(LOCKOUT * 2 ** min(round_ - 1, _DOUBLINGS), LONGEST)
    kept = {"until": now + lasts, "round": round_}
    if connection.execute(update(lockouts).where(lockouts.c.subject == subject).values(kept)).rowcount == 0:
        connection.execute(insert(lockouts).values(subject=subject, **kept))


def _lockout(connection: Connection, subject: str) -> _Lockout | None:
    row = connection.execute(select(lockouts).where(lockouts.c.subject == subject)).one_or_none()
    return None if row is None else _Lockout(row.until, row.round)
