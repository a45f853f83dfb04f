"""What has been received of a machine's queue: its events by id, the taken places, and how far it reaches.

    a batch comes -> read once, what of it was here before -> before, is_taken, add ... -> write

An event may stand in a batch twice: what is added counts from then on.
Not responsible for: what an event does (intake.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, insert, select, update

from sync.central.desk import Desk
from sync.central.schema import events, queues
from sync.central.statement import Statement
from sync.rest.wire import SealedEvent


@dataclass(frozen=True, slots=True)
class Met:
    """What became of an event. digest: of its bytes. outcome, reason, detail: from closed sets."""

    digest: str
    outcome: str
    reason: str
    detail: str = ""


_KEEP = Statement(insert(events))


class Received:
    """Of one device and one queue (epoch), within one transaction."""

    def __init__(self, connection: Connection, desk: Desk, epoch: str, batch: Sequence[SealedEvent]) -> None:
        self._connection, self._desk, self._epoch = connection, desk, epoch
        mine = events.c.device_id == desk.device
        ids, places = [sealed.event_id for sealed in batch], [sealed.sequence for sealed in batch]
        known = connection.execute(select(events).where(mine, events.c.event_id.in_(ids)))
        self._before = {row.event_id: Met(row.digest, row.outcome, row.reason) for row in known}
        here = events.c.queue_epoch == epoch, events.c.sequence.in_(places)
        self._taken = set(connection.execute(select(events.c.sequence).where(mine, *here)).scalars())
        self._new: list[tuple[SealedEvent, Met]] = []

    def before(self, event_id: str) -> Met | None:
        """What an event of this id has met; None: it is new."""
        return self._before.get(event_id)

    def is_taken(self, place: int) -> bool:
        """Another event stands at this place (sequence) of the queue."""
        return place in self._taken

    def add(self, event: SealedEvent, met: Met) -> None:
        self._before[event.event_id] = met
        self._taken.add(event.sequence)
        self._new.append((event, met))

    def write(self) -> None:
        """What was added, and the queue's row: what came beyond what was here, and how far it reaches."""
        if not self._new:
            return
        _KEEP.run_all(self._connection, [self._row(event, met) for event, met in self._new])
        highest, taken = max(event.sequence for event, _ in self._new), len(self._new)
        mine = update(queues).where(queues.c.device_id == self._desk.device, queues.c.queue_epoch == self._epoch)
        further = case((queues.c.highest < highest, highest), else_=queues.c.highest)
        if self._connection.execute(mine.values(highest=further, taken=queues.c.taken + taken)).rowcount:
            return
        begun = {"device_id": self._desk.device, "queue_epoch": self._epoch, "begun_at": self._desk.at}
        self._connection.execute(insert(queues).values(**begun, highest=highest, taken=taken))

    def _row(self, event: SealedEvent, met: Met) -> dict[str, object]:
        return {
            "device_id": self._desk.device,
            "event_id": event.event_id,
            "queue_epoch": self._epoch,
            "sequence": event.sequence,
            "kind": event.kind,
            "occurred_at": event.occurred_at,
            "received_at": self._desk.at,
            "clock_synced": event.clock_synced,
            "boot_id": event.boot_id,
            "monotonic_s": event.monotonic_s,
            "digest": met.digest,
            "outcome": met.outcome,
            "reason": met.reason,
            "detail": met.detail,
        }
