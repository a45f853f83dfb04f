"""What happened and the central store does not know yet: one sealed row and one commit per event, first in first out.

    record --> waiting --accepted, duplicate--> deleted, and taken out of the WAL
                  |----refused----------------> parked with the store's reason, for staff; not sent again, never dropped

sequence: from 1 without gaps, per device and queue epoch. In clear stand the kind, the times and the ids; who and what
is sealed to the central store's key (seal.py), so that this machine cannot read its own queue.

Not responsible for: when to send and to whom (exchange.py).
"""

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from kiosk.event import Event, encode, kind
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock
from kiosk.model import DeviceId, EventId, Now
from sync.rest.wire import MAX_BATCH, EventOutcome, EventResult, EventsQuestion, SealedEvent, WrappedKey
from sync.seal import Sealer, associated
from sync.store import Row, Transaction, UnitFile

REASON_LENGTH = 200  # characters of the store's reason that are kept

_CLEAR = "event_id, sequence, kind, occurred_at, monotonic_s, boot_id, clock_synced, key_id"


@dataclass(frozen=True, slots=True)
class Counts:
    """oldest_s: age of the oldest event that waits; 0 when none does."""

    waiting: int
    parked: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that the store refused."""

    event: EventId
    sequence: int
    kind: str
    occurred_at: datetime
    reason: str


class Outbox:
    """A kiosk.ports.Recorder. Any thread may use it. Raises DeviceFault(OUTBOX_*)."""

    def __init__(self, unit_file: UnitFile, sealer: Sealer, device: DeviceId, clock: Clock, boot_id: str) -> None:
        self._file, self._sealer, self._device = unit_file, sealer, device
        self._clock, self._boot_id = clock, boot_id
        with unit_file.transaction() as transaction:
            self._epoch = str(transaction.rows("SELECT epoch FROM queue")[0][0])

    def record(self, event: Event, event_id: EventId | None = None) -> None:
        """On the disk when this returns. An id that is kept already changes nothing."""
        chosen, now = event_id or EventId(uuid.uuid4().hex), self._clock()
        with self._file.transaction() as transaction:
            if not transaction.rows("SELECT 1 FROM events WHERE event_id = ?", chosen):
                self._append(transaction, event, chosen, now)

    def _append(self, transaction: Transaction, event: Event, event_id: EventId, now: Now) -> None:
        sequence = _next_sequence(transaction)
        aad = associated(self._device, self._epoch, sequence, event_id, kind(event), now.wall)
        sealed = self._sealer.seal(encode(event), aad)
        transaction.run(
            "INSERT OR IGNORE INTO wrapped_keys (key_id, wrapped) VALUES (?, ?)",
            self._sealer.key_id,
            self._sealer.wrapped,
        )
        transaction.run(
            f"INSERT INTO events ({_CLEAR}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # a constant
            event_id,
            sequence,
            kind(event),
            now.wall.astimezone(UTC).isoformat(),
            now.mono,
            self._boot_id,
            int(now.synced),
            self._sealer.key_id,
            sealed,
        )

    def pending(self, limit: int = MAX_BATCH) -> EventsQuestion:
        """The oldest events that wait, at most `limit` of them, with the keys they need; perhaps none."""
        with self._file.transaction() as transaction:
            rows = transaction.rows(
                f"SELECT {_CLEAR}, sealed FROM events WHERE refused IS NULL ORDER BY sequence LIMIT ?",  # noqa: S608
                min(limit, MAX_BATCH),
            )
            keys = {str(row[7]): _wrapped_key(transaction, str(row[7])) for row in rows}
        return EventsQuestion(queue_epoch=self._epoch, keys=tuple(keys.values()), events=tuple(map(_on_wire, rows)))

    def confirm(self, results: Sequence[EventResult]) -> None:
        """Keeps what the store said, in one commit, on a full disk too."""
        try:
            self._keep(results)
        except DeviceFault as fault:
            if fault.fault is not Fault.OUTBOX_FULL or not self._file.make_room():
                raise
            self._keep(results)
        self.erase()

    def _keep(self, results: Sequence[EventResult]) -> None:
        """A key goes with the last event that needs it."""
        with self._file.transaction() as transaction:
            for result in results:
                _settle(transaction, result)
            transaction.run("DELETE FROM wrapped_keys WHERE key_id NOT IN (SELECT key_id FROM events)")

    def erase(self) -> None:
        """When nothing waits, no byte of what was delivered stays in the file or its WAL."""
        if self.counts().waiting == 0:
            self._file.erase()

    def counts(self) -> Counts:
        now = self._clock()
        with self._file.transaction() as transaction:
            ((waiting, parked),) = transaction.rows("SELECT count(*) - count(refused), count(refused) FROM events")
            oldest = transaction.rows(
                "SELECT occurred_at, monotonic_s, boot_id FROM events WHERE refused IS NULL ORDER BY sequence LIMIT 1"
            )
        return Counts(_whole(waiting), _whole(parked), max((self._age_s(row, now) for row in oldest), default=0.0))

    def _age_s(self, row: Row, now: Now) -> float:
        """By the clock that never jumps, within one boot; else by the wall."""
        occurred_at, monotonic_s, boot_id = row
        if boot_id == self._boot_id and isinstance(monotonic_s, float):
            return now.mono - monotonic_s
        return max(0.0, (now.wall - _moment(occurred_at)).total_seconds())

    def parked(self) -> tuple[Parked, ...]:
        """What staff must look at, oldest first."""
        with self._file.transaction() as transaction:
            rows = transaction.rows(
                "SELECT event_id, sequence, kind, occurred_at, refused FROM events WHERE refused IS NOT NULL"
                " ORDER BY sequence"
            )
        return tuple(Parked(EventId(str(r[0])), _whole(r[1]), str(r[2]), _moment(r[3]), str(r[4])) for r in rows)


def _next_sequence(transaction: Transaction) -> int:
    """One more than any that waits, is parked or was delivered."""
    ((highest,),) = transaction.rows(
        "SELECT max((SELECT coalesce(max(sequence), 0) FROM events), (SELECT highest_gone FROM queue))"
    )
    return _whole(highest) + 1


def _settle(transaction: Transaction, result: EventResult) -> None:
    match result.outcome:
        case EventOutcome.ACCEPTED | EventOutcome.DUPLICATE:
            transaction.run("DELETE FROM events WHERE event_id = ?", result.event_id)
        case EventOutcome.REFUSED:
            reason = result.reason[:REASON_LENGTH]
            transaction.run("UPDATE events SET refused = ? WHERE event_id = ?", reason, result.event_id)
        case _:
            assert_never(result.outcome)


# --- rows to wire -------------------------------------------------------------------------------


def _wrapped_key(transaction: Transaction, key_id: str) -> WrappedKey:
    (wrapped,) = transaction.rows("SELECT wrapped FROM wrapped_keys WHERE key_id = ?", key_id)[0]
    return WrappedKey(key_id=key_id, wrapped=_base64(wrapped))


def _on_wire(row: Row) -> SealedEvent:
    event_id, sequence, kind_, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed = row
    return SealedEvent(
        event_id=str(event_id),
        sequence=_whole(sequence),
        kind=str(kind_),
        occurred_at=_moment(occurred_at),
        monotonic_s=float(monotonic_s or 0),
        boot_id=str(boot_id),
        clock_synced=bool(clock_synced),
        key_id=str(key_id),
        sealed=_base64(sealed),
    )


def _base64(value: object) -> bytes:
    """What the wire's Base64Bytes takes. The table is STRICT: a BLOB column holds bytes."""
    return base64.b64encode(value if isinstance(value, bytes) else b"")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moment(value: object) -> datetime:
    return datetime.fromisoformat(str(value))
