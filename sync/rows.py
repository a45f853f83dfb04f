"""The rows of the queue as they are read: what goes to the store next, what is parked, how much there is.

    place = number of the epoch << 40 | sequence: the order of everything that was ever recorded in this file

Not responsible for: writing them (outbox.py), who may look (store/look.py).
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from kiosk.model import EventId, Now
from sync.rest.wire import MAX_BATCH, EventsQuestion, SealedEvent, WrappedKey
from sync.store.connection import Row, Statements

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

EPOCH_BITS = 40  # of a place: room for the sequence

CLEAR = "event_id, place, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id"


@dataclass(frozen=True, slots=True)
class Counts:
    """oldest_s: age of the oldest event that waits; 0 when none does. bytes: of the file's pages in use."""

    waiting: int
    parked: int
    oldest_s: float
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that the store refused."""

    event: EventId
    sequence: int
    kind: str
    occurred_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """unreadable: rows that cannot be put on the wire, which damage alone can make."""

    question: EventsQuestion
    unreadable: tuple[EventId, ...] = ()


def oldest(statements: Statements, limit: int = MAX_BATCH, behind: str = "") -> Batch:
    """The oldest events that wait, of one epoch, at most `limit`, with the keys they need; perhaps none.

    behind: the id of an event, when only those are meant that were recorded after it.
    """
    after = statements.rows("SELECT place FROM events WHERE event_id = ?", behind) if behind else []
    least = whole(after[0][0]) if after else 0
    waiting = "FROM events WHERE refused IS NULL AND place > ?"
    first = statements.rows(f"SELECT place >> 40 {waiting} ORDER BY place LIMIT 1", least)
    number = whole(first[0][0]) if first else -1
    rows = statements.rows(
        f"SELECT {CLEAR}, sealed {waiting} AND place < ? ORDER BY place LIMIT ?",
        least,
        (number + 1) << EPOCH_BITS,
        min(limit, MAX_BATCH),
    )
    return _batch(statements, number, rows)


def everything(statements: Statements) -> Iterator[EventsQuestion]:
    """All that the store has not taken, parked or not, oldest first: for the day the file must be carried."""
    place = 0
    while rows := statements.rows(
        f"SELECT {CLEAR}, sealed FROM events WHERE place > ? ORDER BY place LIMIT ?",  # noqa: S608
        place,
        MAX_BATCH,
    ):
        number = whole(rows[0][1]) >> EPOCH_BITS
        rows = [row for row in rows if whole(row[1]) >> EPOCH_BITS == number]
        place = whole(rows[-1][1])
        yield _batch(statements, number, rows).question


def intents(statements: Statements) -> Iterator[EventsQuestion]:
    """What was asked and never answered, each the loan.given_up it becomes. Of a file that no unit has open."""
    for epoch, *row in statements.rows(
        "SELECT epoch, event_id, 1, 'loan.given_up', occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed"
        " FROM intents ORDER BY rowid"
    ):
        event = _on_wire(tuple(row))
        yield EventsQuestion(queue_epoch=str(epoch), keys=_keys(statements, (event,)), events=(event,))


def parked(statements: Statements) -> tuple[Parked, ...]:
    """What staff must look at, oldest first."""
    rows = statements.rows(
        "SELECT event_id, place, kind, occurred_at, refused FROM events WHERE refused IS NOT NULL ORDER BY place"
    )
    return tuple(Parked(EventId(str(r[0])), sequence(r[1]), str(r[2]), _said(r[3], _NEVER), str(r[4])) for r in rows)


def counted(statements: Statements, now: Now, boot_id: str) -> Counts:
    ((waiting, refused),) = statements.rows("SELECT count(*) - count(refused), count(refused) FROM events")
    first = statements.rows(
        "SELECT occurred_at, monotonic_s, boot_id FROM events WHERE refused IS NULL ORDER BY place LIMIT 1"
    )
    age_s = max((_age_s(row, now, boot_id) for row in first), default=0.0)
    return Counts(whole(waiting), whole(refused), age_s, size(statements))


def _age_s(row: Row, now: Now, boot_id: str) -> float:
    """By the clock that never jumps, within one boot; else by the wall."""
    occurred_at, monotonic_s, its_boot = row
    if its_boot == boot_id and isinstance(monotonic_s, float):
        return now.mono - monotonic_s
    return max(0.0, (now.wall - _said(occurred_at, now.wall)).total_seconds())


def is_waiting(statements: Statements) -> bool:
    return bool(statements.rows("SELECT 1 FROM events WHERE refused IS NULL LIMIT 1"))


def size(statements: Statements) -> int:
    """Bytes of the file's pages in use."""
    (pages,), (free,), (page,) = (
        statements.rows(f"PRAGMA {name}")[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (whole(pages) - whole(free)) * whole(page)


# --- rows to wire -------------------------------------------------------------------------------


def _batch(statements: Statements, number: int, rows: list[Row]) -> Batch:
    """number: the epoch's; -1: nothing waits."""
    known = statements.rows("SELECT epoch FROM epochs WHERE number = ? OR ? < 0 ORDER BY number DESC", number, number)
    events, unreadable = [], []
    for row in rows:
        try:
            events.append(_on_wire(row))
        except (ValidationError, ValueError, TypeError):
            unreadable.append(EventId(str(row[0])))
    keys = _keys(statements, events)
    return Batch(EventsQuestion(queue_epoch=str(known[0][0]), keys=keys, events=tuple(events)), tuple(unreadable))


def _keys(statements: Statements, events: list[SealedEvent] | tuple[SealedEvent, ...]) -> tuple[WrappedKey, ...]:
    ids = dict.fromkeys(event.key_id for event in events)
    rows = [statements.rows("SELECT key_id, wrapped FROM wrapped_keys WHERE key_id = ?", key_id)[0] for key_id in ids]
    return tuple(WrappedKey(key_id=str(key_id), wrapped=_base64(wrapped)) for key_id, wrapped in rows)


def _on_wire(row: Row) -> SealedEvent:
    event_id, place, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed = row
    return SealedEvent(
        event_id=str(event_id),
        sequence=sequence(place),
        kind=str(kind),
        occurred_at=moment(occurred_at),
        monotonic_s=float(monotonic_s or 0),
        boot_id=str(boot_id),
        clock_synced=bool(clock_synced),
        key_id=str(key_id),
        sealed=_base64(sealed),
    )


def _base64(value: object) -> bytes:
    """What the wire's Base64Bytes takes. The table is STRICT: a BLOB column holds bytes."""
    return base64.b64encode(value if isinstance(value, bytes) else b"")


def sequence(place: object) -> int:
    return whole(place) & ((1 << EPOCH_BITS) - 1)


def whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value))


def _said(value: object, instead: datetime) -> datetime:
    """instead: of what damage made unreadable."""
    try:
        return moment(value)
    except ValueError:
        return instead
