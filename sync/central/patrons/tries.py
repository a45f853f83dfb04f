"""Card to patron, PIN tries and lock-out.

    attempt -> LockedOut                      no PIN is checked
            -> Attempt -> count_try, and the PIN is checked elsewhere meanwhile
                          not counted: locked out, whatever the PIN was
                          counted, wrong: the try stays         counted, right: clear_tries

    five wrong in 15 minutes,
    or ten in 24 hours        -> locked 15 minutes -> new tries -> 30 -> 60 -> ... -> 24 hours
    a right PIN, or a week without a lock-out -> from the beginning

Who tries four each quarter of an hour, never five, is locked out at the tenth: 130 of the 10,000 PINs in a first week,
70 in each after it. Nine a day lock nothing out: 63 a week. Who is let off is who stays away for a week.
No PIN is answered before its try is counted: who asks a hundred times at once still has five tries. Asking while
locked out changes nothing.
Not responsible for: hashing (pin_hash.py), what is said of a patron whose PIN was right (admission.py).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    select,
    update,
)

from kiosk.model import PatronId
from sync.central.schema import cards, lockouts, patrons, tries
from sync.central.statement import Statement

TRIES = 5
WINDOW = timedelta(minutes=15)
DAY_TRIES = 10
DAY = timedelta(hours=24)  # a wrong try is kept so long
LOCKOUT = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
REMEMBERED = timedelta(days=7)  # after a lock-out's end the next one is still longer
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


_OF: BindParameter[str] = bindparam("of")
_WHOSE = Statement(
    select(patrons.c.patron_id, patrons.c.pin_hash)
    .join(cards)
    .where(cards.c.digest == bindparam("digest"), cards.c.lost == false())
)
_COUNT, _CLEAR = Statement(insert(tries)), Statement(delete(tries).where(tries.c.subject == _OF))
_LATELY = case((tries.c.tried_at > bindparam("lately"), tries.c.try_id))
_COUNTED: tuple[ColumnElement[Any], ...] = (func.count().label("of_day"), func.count(_LATELY).label("lately"))
_RECENT = Statement(select(*_COUNTED).where(tries.c.subject == _OF, tries.c.tried_at > bindparam("yesterday")))
_LOCKOUT = Statement(select(lockouts).where(lockouts.c.subject == _OF))
_UNLOCK = Statement(delete(lockouts).where(lockouts.c.subject == _OF))


def attempt(connection: Connection, card_digest: str, now: datetime) -> Attempt | LockedOut:
    """Whom a card is of; a lost one is an unknown one. Two cards of one patron share their tries. Only reads."""
    row = _WHOSE.one(connection, digest=card_digest)
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
    _COUNT.run(connection, subject=subject, tried_at=now)
    tried = _RECENT.the(connection, of=subject, lately=now - WINDOW, yesterday=now - DAY)
    if tried.lately >= TRIES or tried.of_day >= DAY_TRIES:
        _lock(connection, subject, now, 1 if lockout is None else lockout.next_round(now))
    return True


def clear_tries(connection: Connection, subject: str) -> None:
    """The PIN was right."""
    _CLEAR.run(connection, of=subject)
    _UNLOCK.run(connection, of=subject)


def _lock(connection: Connection, subject: str, now: datetime, round_: int) -> None:
    """The tries that led to it are done with: after it there are new ones."""
    _CLEAR.run(connection, of=subject)
    lasts = min(LOCKOUT * 2 ** min(round_ - 1, _DOUBLINGS), LONGEST)
    kept = {"until": now + lasts, "round": round_}
    if connection.execute(update(lockouts).where(lockouts.c.subject == subject).values(kept)).rowcount == 0:
        connection.execute(insert(lockouts).values(subject=subject, **kept))


def _lockout(connection: Connection, subject: str) -> _Lockout | None:
    row = _LOCKOUT.one(connection, of=subject)
    return None if row is None else _Lockout(row.until, row.round)
