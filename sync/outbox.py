"""What happened and the central store does not know yet: one sealed row and one commit per event, first in first out.

    record --> waiting --accepted, duplicate--> deleted, and taken out of the WAL
                  |----refused----------------> parked with the store's reason, never dropped
                  `<-------------retry------------|----discard--> deleted, and an event says who refused it and why
    ask ----> intent --its event, answered-----> deleted
                  `----the process was killed--> waiting, as LoanGivenUp

First in, first out over everything, and so for each item and each patron; what is parked holds up nobody.
sequence: from 1 without gaps, per device and queue epoch. In clear stand the kind, the times and the ids; who and what
is sealed to the central store's key (seal.py), so that this machine cannot read its own queue.

Not responsible for: when to send and to whom (exchange.py), limits (limits.py).
"""

import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from datetime import UTC
from typing import TypeVar, assert_never

from kiosk.event import Because, Event, EventDiscarded, LoanGivenUp, encode, kind
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock
from kiosk.model import DeviceId, EventId, ItemId, Now
from sync import rows
from sync.rest.wire import MAX_BATCH, EventOutcome, EventResult, EventsQuestion
from sync.rows import CLEAR, EPOCH_BITS, Counts, Parked
from sync.seal import Sealer, associated
from sync.store.connection import Row, Statements
from sync.store.file import UnitFile

REASON_LENGTH = 200  # characters of the store's reason that are kept
KEY_LASTS_S = 3600.0  # what a thief of the memory can open is at most this old
UNREADABLE_HERE = "unreadable"  # parked by the machine itself

_RECORD = (
    f"INSERT INTO events ({CLEAR}, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # a constant
    " ON CONFLICT (event_id) DO NOTHING"
)
_ASK = (
    "INSERT INTO intents (asked, epoch, event_id, occurred_at, monotonic_s, boot_id, clock_synced, key_id, sealed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (asked) DO NOTHING"
)

Recorded = tuple[Event, EventId | None]
ResultT = TypeVar("ResultT")


class Outbox:
    """A kiosk.ports.Recorder. Any thread may use it. Raises DeviceFault(OUTBOX_*)."""

    def __init__(self, unit_file: UnitFile, sealer: Sealer, device: DeviceId, clock: Clock, boot_id: str) -> None:
        self._file, self._sealer, self._device = unit_file, sealer, device
        self._clock, self._boot_id = clock, boot_id
        self._renew_at = clock().mono + KEY_LASTS_S
        self._kept_key = ""  # the data key that stands in the file
        self._epoch, self._next = "", 0
        self._given_up: dict[EventId, LoanGivenUp] = {}  # a full disk refused them
        self._answered: set[EventId] = set()
        self._unheard: tuple[EventId, ...] = ()  # asked before this start
        if not unit_file.is_newer:
            self._begin()

    def _begin(self) -> None:
        with self._file.statements() as statements:
            asked = statements.rows("SELECT asked FROM intents ORDER BY rowid")
            self._count_on(statements)
        self._unheard = tuple(EventId(str(event_id)) for (event_id,) in asked)
        self.settle()

    def _count_on(self, statements: Statements) -> None:
        """Behind any that waits, is parked or was delivered."""
        ((number, epoch, gone),) = statements.rows(
            "SELECT number, epoch, highest_gone FROM epochs ORDER BY number DESC LIMIT 1"
        )
        ((last,),) = statements.rows("SELECT coalesce(max(place), 0) FROM events")
        self._epoch = str(epoch)
        self._next = 1 + max(rows.whole(last), (rows.whole(number) << EPOCH_BITS) + rows.whole(gone))

    # --- recording ------------------------------------------------------------------------------

    def record(self, event: Event, event_id: EventId | None = None) -> None:
        """On the disk when this returns. An id that is kept already changes nothing."""
        self.record_all(((event, event_id),))

    def record_all(self, recorded: Sequence[Recorded]) -> None:
        """A pile is one commit: all of it is on the disk when this returns, or nothing of it."""
        try:
            with self._file.statements() as statements:
                self._append_all(statements, recorded, self._clock())
        except DeviceFault:
            self._given_up |= {event.asked: event for event, _ in recorded if isinstance(event, LoanGivenUp)}
            raise

    def _append_all(self, statements: Statements, recorded: Sequence[Recorded], now: Now) -> None:
        sealer = self._current(now)
        given_up = [event.asked for event, _ in recorded if isinstance(event, LoanGivenUp)]
        alone = len(recorded) == 1 and sealer.key_id == self._kept_key and not given_up
        place = self._next
        with nullcontext() if alone else statements.together():
            if not alone:
                _keep_key(statements, sealer)
            for event, event_id in recorded:
                place += statements.run(_RECORD, *self._row(event, event_id or _fresh(), place, now))
            for asked in given_up:
                statements.run("DELETE FROM intents WHERE asked = ?", asked)
        self._next, self._kept_key = place, sealer.key_id

    def _row(self, event: Event, event_id: EventId, place: int, now: Now) -> Row:
        aad = associated(self._device, self._epoch, rows.sequence(place), event_id, kind(event), now.wall)
        sealed = self._sealer.seal(encode(event), aad)
        when = now.wall.astimezone(UTC).isoformat(), now.mono, self._boot_id, int(now.synced)
        return (event_id, place, kind(event), *when, self._sealer.key_id, sealed)

    def _current(self, now: Now) -> Sealer:
        if now.mono >= self._renew_at:
            self._sealer, self._renew_at = self._sealer.fresh(), now.mono + KEY_LASTS_S
        return self._sealer

    # --- asking ---------------------------------------------------------------------------------

    def ask(self, event_id: EventId, item: ItemId) -> None:
        """Before the store is asked to lend: if this process dies before the answer, the next start gives the loan up.

        In the file, and not synced, since nothing is confirmed yet. A power cut before the next sync takes it away:
        then the store may hold a loan that nothing here speaks of, of a patron who saw no confirmation.
        """
        now, own, epoch, said = self._clock(), _fresh(), secrets.token_hex(16), LoanGivenUp(event_id, item)
        with self._file.statements() as statements, statements.unsynced():
            sealer = self._current(now)
            with statements.together():
                if sealer.key_id != self._kept_key:
                    _keep_key(statements, sealer)
                sealed = sealer.seal(encode(said), associated(self._device, epoch, 1, own, kind(said), now.wall))
                when = now.wall.astimezone(UTC).isoformat(), now.mono, self._boot_id, int(now.synced)
                statements.run(_ASK, event_id, epoch, own, *when, sealer.key_id, sealed)
            self._kept_key = sealer.key_id

    def answered(self, event_id: EventId) -> None:
        """The store has answered, and no event follows. On a full disk too, or as soon as there is room: `settle`."""
        self._answered.add(event_id)
        with suppress(DeviceFault):
            self._with_room(self._forget_answered)

    def _forget_answered(self) -> None:
        with self._file.statements() as statements, statements.unsynced():
            for event_id in tuple(self._answered):
                statements.run("DELETE FROM intents WHERE asked = ?", event_id)
                self._answered.discard(event_id)

    def settle(self) -> None:
        """What a full disk would not take, now that there may be room. Raises nothing that a full disk does."""
        with suppress(DeviceFault):
            if self._unheard:
                self._with_room(self._give_up)
            if self._answered:
                self._with_room(self._forget_answered)
            for asked, event in tuple(self._given_up.items()):
                self.record(event)
                del self._given_up[asked]

    def _give_up(self) -> None:
        """What was asked before this start is given up, behind what waits; what is recorded now follows it there."""
        with self._file.statements() as statements:
            with statements.together():
                for asked in self._unheard:
                    _promote(statements, asked)
            self._count_on(statements)
        self._unheard = ()

    # --- what the store says --------------------------------------------------------------------

    def pending(self, limit: int = MAX_BATCH, behind: str = "") -> EventsQuestion:
        """The oldest events that wait, of one epoch, at most `limit`, with the keys they need; perhaps none.

        behind: the id of an event, when only those are meant that were recorded after it.
        """
        while True:
            with self._file.statements() as statements:
                batch = rows.oldest(statements, limit, behind)
            if not batch.unreadable:
                return batch.question
            for event_id in batch.unreadable:
                self.park(event_id, UNREADABLE_HERE)

    def confirm(self, results: Sequence[EventResult]) -> None:
        """Keeps what the store said, in one commit, on a full disk too."""
        self._with_room(lambda: self._keep(results))
        self.erase()

    def park(self, event_id: EventId, reason: str) -> None:
        """Not sent again until a person acts."""
        self._with_room(
            lambda: self._keep([EventResult(event_id=event_id, outcome=EventOutcome.REFUSED, reason=reason)])
        )

    def _keep(self, results: Sequence[EventResult]) -> None:
        with self._file.transaction() as statements:
            for result in results:
                _settle(statements, result)
            self._tidy(statements)

    def _tidy(self, statements: Statements) -> None:
        """A key and an epoch go with the last event that needs them."""
        statements.run(
            "DELETE FROM wrapped_keys WHERE key_id NOT IN (SELECT key_id FROM events UNION SELECT key_id FROM intents)"
        )
        statements.run(
            "DELETE FROM epochs WHERE number < (SELECT max(number) FROM epochs) AND NOT EXISTS"
            " (SELECT 1 FROM events WHERE place BETWEEN number << 40 AND (number + 1) << 40)"
        )
        self._kept_key = ""

    def erase(self) -> None:
        """When nothing waits, no byte of what was delivered stays in the file or its WAL."""
        with self._file.statements() as statements:
            waiting = rows.is_waiting(statements)
        if not waiting:
            self._file.erase()

    # --- what a person does ---------------------------------------------------------------------

    def retry(self, event_id: EventId) -> bool:
        """Sends a parked event again, in its old place. False: it is not parked."""
        return self._with_room(lambda: self._retry(event_id))

    def _retry(self, event_id: EventId) -> bool:
        with self._file.statements() as statements:
            again = "UPDATE events SET refused = NULL WHERE event_id = ? AND refused IS NOT NULL"
            return statements.run(again, event_id) == 1

    def discard(self, event_id: EventId, why: Because) -> bool:
        """Takes a parked event out, and records in the same commit that this was done. False: it is not parked."""
        return self._with_room(lambda: self._discard(event_id, why))

    def _discard(self, event_id: EventId, why: Because) -> bool:
        with self._file.statements() as statements, statements.together():
            parked = statements.rows("SELECT kind FROM events WHERE event_id = ? AND refused IS NOT NULL", event_id)
            if not parked:
                return False
            now, said = self._clock(), EventDiscarded(event_id, str(parked[0][0]), why)
            sealer = self._current(now)
            _keep_key(statements, sealer)
            statements.run(_RECORD, *self._row(said, _fresh(), self._next, now))
            statements.run("DELETE FROM events WHERE event_id = ?", event_id)
            self._tidy(statements)
        self._next += 1
        return True

    # --- looking --------------------------------------------------------------------------------

    def counts(self) -> Counts:
        with self._file.statements() as statements:
            return rows.counted(statements, self._clock(), self._boot_id)

    def parked(self) -> tuple[Parked, ...]:
        """What staff must look at, oldest first."""
        with self._file.statements() as statements:
            return rows.parked(statements)

    def _with_room(self, work: Callable[[], ResultT]) -> ResultT:
        """On a full disk with the ballast thrown overboard: for what takes out more than it brings in."""
        try:
            return work()
        except DeviceFault as fault:
            if fault.fault is not Fault.OUTBOX_FULL or not self._file.make_room():
                raise
            return work()


def _fresh() -> EventId:
    return EventId(uuid.uuid4().hex)


def _keep_key(statements: Statements, sealer: Sealer) -> None:
    statements.run("INSERT OR IGNORE INTO wrapped_keys (key_id, wrapped) VALUES (?, ?)", sealer.key_id, sealer.wrapped)


def _promote(statements: Statements, asked: EventId) -> None:
    """The intent becomes the event it was sealed as, the first of its epoch, which is the last one now."""
    statements.run(
        "INSERT INTO epochs (number, epoch)"
        " SELECT (SELECT max(number) + 1 FROM epochs), epoch FROM intents WHERE asked = ?",
        asked,
    )
    statements.run(
        f"INSERT INTO events ({CLEAR}, sealed)"  # noqa: S608
        " SELECT event_id, (SELECT (max(number) << 40) + 1 FROM epochs), 'loan.given_up', occurred_at,"
        " monotonic_s, boot_id, clock_synced, key_id, sealed FROM intents WHERE asked = ?",
        asked,
    )
    statements.run("DELETE FROM intents WHERE asked = ?", asked)


def _settle(statements: Statements, result: EventResult) -> None:
    match result.outcome:
        case EventOutcome.ACCEPTED | EventOutcome.DUPLICATE:
            statements.run("DELETE FROM events WHERE event_id = ?", result.event_id)
        case EventOutcome.REFUSED:
            reason = result.reason[:REASON_LENGTH]
            statements.run("UPDATE events SET refused = ? WHERE event_id = ?", reason, result.event_id)
        case _:
            assert_never(result.outcome)
