"""Who a patron is: card to patron, PIN tries and lock-out, blocks, age, and what a door may know.

    count_try -> LockedOut                                   no PIN is checked
              -> Attempt -> (PIN checked elsewhere) -> wrong: the try stays counted
                                                    -> right: clear_tries

A try is counted before its PIN is checked: who asks a hundred times at once still has five tries.
Not responsible for: hashing (pin_hash.py), whether the door opens (kiosk/door/access.py).
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, insert, select

from kiosk.model import BranchId, PatronId
from sync.central.schema import blocks, cards, lockouts, patrons, permissions, tries
from sync.rest.wire import AdmissionAnswer, AuthenticateAnswer, AuthenticateStatus, BlockStatus

TRIES = 5
WINDOW = timedelta(minutes=15)
LOCKOUT = timedelta(minutes=15)
_LOCAL = ZoneInfo("Europe/Copenhagen")


@dataclass(frozen=True, slots=True)
class LockedOut:
    """Too many wrong PINs lately; not even the right one is looked at."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One counted try. An unknown card is counted too, under its digest, and has neither patron nor hash."""

    subject: str = field(repr=False)
    patron: PatronId | None = field(repr=False)
    pin_hash: str | None = field(repr=False)


def count_try(connection: Connection, card_digest: str, now: datetime) -> Attempt | LockedOut:
    """Counts one try on the card. Two cards of one patron share their tries."""
    attempt = _attempt(connection, card_digest)
    if _is_locked_out(connection, attempt.subject, now):
        return LockedOut()
    connection.execute(insert(tries).values(subject=attempt.subject, tried_at=now))
    recent = select(func.count()).where(tries.c.subject == attempt.subject, tries.c.tried_at > now - WINDOW)
    if connection.execute(recent).scalar_one() >= TRIES:
        connection.execute(insert(lockouts).values(subject=attempt.subject, until=now + LOCKOUT))
    return attempt


def clear_tries(connection: Connection, attempt: Attempt) -> None:
    """The PIN was right."""
    connection.execute(delete(tries).where(tries.c.subject == attempt.subject))
    connection.execute(delete(lockouts).where(lockouts.c.subject == attempt.subject))


def _attempt(connection: Connection, card_digest: str) -> Attempt:
    query = select(patrons.c.patron_id, patrons.c.pin_hash).join(cards).where(cards.c.digest == card_digest)
    row = connection.execute(query).one_or_none()
    if row is None:
        return Attempt(card_digest, None, None)
    return Attempt(row.patron_id, PatronId(row.patron_id), row.pin_hash)


def _is_locked_out(connection: Connection, subject: str, now: datetime) -> bool:
    until = connection.execute(select(lockouts.c.until).where(lockouts.c.subject == subject)).scalar_one_or_none()
    if until is None:
        return False
    if now < until:
        return True
    connection.execute(delete(tries).where(tries.c.subject == subject))
    connection.execute(delete(lockouts).where(lockouts.c.subject == subject))
    return False


# --- what is answered ---------------------------------------------------------------------------


def introduce(connection: Connection, patron: PatronId) -> AuthenticateAnswer:
    """What a self-checkout machine may know of a patron whose PIN was right."""
    name = connection.execute(select(patrons.c.first_name).where(patrons.c.patron_id == patron)).scalar_one()
    return AuthenticateAnswer(
        authenticate_status=AuthenticateStatus.VALID,
        patron_id=patron,
        first_name=name,
        block_status=blocks_of(connection, patron),
    )


def admission(connection: Connection, patron: PatronId, branch: BranchId, now: datetime) -> AdmissionAnswer:
    """What a door may know of a patron whose PIN was right. The birth date stays here."""
    tagged = select(permissions).where(permissions.c.patron_id == patron, permissions.c.branch_id == branch)
    return AdmissionAnswer(
        authenticate_status=AuthenticateStatus.VALID,
        patron_id=patron,
        block_status=blocks_of(connection, patron),
        age=age_of(connection, patron, now),
        permitted=connection.execute(tagged).first() is not None,
    )


def blocks_of(connection: Connection, patron: PatronId) -> tuple[BlockStatus, ...]:
    rows = connection.execute(select(blocks).where(blocks.c.patron_id == patron).order_by(blocks.c.reason))
    return tuple(BlockStatus(blocked_reason=row.reason, blocked_since=row.since) for row in rows)


def age_of(connection: Connection, patron: PatronId, now: datetime) -> int:
    born = connection.execute(select(patrons.c.birth_date).where(patrons.c.patron_id == patron)).scalar_one()
    return whole_years(born, local_date(now))


def of_card(connection: Connection, card_digest: str) -> PatronId | None:
    found = connection.execute(select(cards.c.patron_id).where(cards.c.digest == card_digest)).scalar_one_or_none()
    return None if found is None else PatronId(found)


def is_known(connection: Connection, patron: PatronId) -> bool:
    return connection.execute(select(patrons.c.patron_id).where(patrons.c.patron_id == patron)).first() is not None


def local_date(now: datetime) -> date:
    """The day it is in Denmark."""
    return now.astimezone(_LOCAL).date()


def whole_years(born: date, today: date) -> int:
    """Completed years. Who was born on 29 February is a year older on 1 March in other years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
