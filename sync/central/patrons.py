"""Who a patron is: card to patron, PIN tries and lock-out, blocks, age, and what a door may know.

    attempt -> LockedOut                      no PIN is checked
            -> Attempt -> count_try, and the PIN is checked elsewhere meanwhile
                          not counted: locked out, whatever the PIN was
                          counted, wrong: the try stays         counted, right: clear_tries

No PIN is answered before its try is counted: who asks a hundred times at once still has five tries.
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
        connection.execute(insert(lockouts).values(subject=subject, until=now + LOCKOUT))
    return True


def clear_tries(connection: Connection, subject: str) -> None:
    """The PIN was right."""
    _forget(connection, subject)


def _locked_until(connection: Connection, subject: str) -> datetime | None:
    return connection.execute(select(lockouts.c.until).where(lockouts.c.subject == subject)).scalar_one_or_none()


def _forget(connection: Connection, subject: str) -> None:
    connection.execute(delete(tries).where(tries.c.subject == subject))
    connection.execute(delete(lockouts).where(lockouts.c.subject == subject))


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
    query = select(patrons.c.birth_date, tagged.exists().label("permitted")).where(patrons.c.patron_id == patron)
    row = connection.execute(query).one()
    return AdmissionAnswer(
        authenticate_status=AuthenticateStatus.VALID,
        patron_id=patron,
        block_status=blocks_of(connection, patron),
        age=whole_years(row.birth_date, local_date(now)),
        permitted=row.permitted,
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
