"""A clock that a test moves, and a central store without a network: it opens, remembers and answers as the real one."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk import event as events
from kiosk.event import Event
from kiosk.fault import DeviceFault, Fault
from kiosk.model import BranchId, DeviceId, Now
from sync import seal
from sync.outbox import Outbox
from sync.rest import wire
from sync.store import UnitFile

DEVICE, BRANCH = DeviceId("machine-1"), BranchId("DK-766103")


class BenchClock:
    """Starts at ten o'clock; moves when told."""

    def __init__(self) -> None:
        self.now = Now(datetime(2026, 3, 2, 10, tzinfo=UTC), 1000.0, synced=True)

    def __call__(self) -> Now:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now = Now(self.now.wall + timedelta(seconds=seconds), self.now.mono + seconds, self.now.synced)

    def turn(self, wall: datetime) -> None:
        """The wall alone: somebody set it."""
        self.now = Now(wall, self.now.mono, self.now.synced)


class BenchStore:
    """A Peer. Keeps each event once, by id.

    refuses: ids to refuse. faults: one per call, met before the question is read; None is none.
    cuts: how many of the next pushes are applied, and their answers lost.
    """

    def __init__(self, key: seal.PrivateKey) -> None:
        self._opener = seal.Opener(key)
        self.refuses: set[str] = set()
        self.faults: list[Fault | None] = []
        self.cuts = 0
        self.seen: dict[str, wire.EventOutcome] = {}
        self.kept: list[tuple[int, Event]] = []
        self.batches: list[int] = []
        self.asked: list[str] = []
        self.cursors: list[str] = []
        self.rules = wire.ReplicaAnswer(
            as_of=datetime(2026, 3, 2, 10, tzinfo=UTC),
            branch_id=BRANCH,
            name="Ulfborg",
            staffed="Mo-Fr 10:00-17:00",
            unstaffed="Mo-Su 07:00-22:00",
            minimum_age=15,
            loan_days=30,
        )

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        self._met("push")
        self.batches.append(len(question.events))
        over_the_wire = wire.EventsQuestion.model_validate_json(question.model_dump_json(by_alias=True))
        results = tuple(self._take(over_the_wire, event) for event in over_the_wire.events)
        if self.cuts:
            self.cuts -= 1
            raise DeviceFault(Fault.STORE_SILENT)
        return wire.EventsAnswer(results=results)

    def _take(self, question: wire.EventsQuestion, event: wire.SealedEvent) -> wire.EventResult:
        known = self.seen.get(event.event_id)
        if known is not None:
            outcome = wire.EventOutcome.DUPLICATE if known is wire.EventOutcome.ACCEPTED else known
            return wire.EventResult(event_id=event.event_id, outcome=outcome, reason="")
        self.seen[event.event_id] = wire.EventOutcome.ACCEPTED
        if event.event_id in self.refuses:
            self.seen[event.event_id] = wire.EventOutcome.REFUSED
            return wire.EventResult(event_id=event.event_id, outcome=wire.EventOutcome.REFUSED, reason="onLoan")
        self.kept.append((event.sequence, self.opened(question, event)))
        return wire.EventResult(event_id=event.event_id, outcome=wire.EventOutcome.ACCEPTED)

    def opened(self, question: wire.EventsQuestion, event: wire.SealedEvent) -> Event:
        wrapped = {key.key_id: key.wrapped for key in question.keys}[event.key_id]
        aad = seal.associated(
            DEVICE, question.queue_epoch, event.sequence, event.event_id, event.kind, event.occurred_at
        )
        return events.decode(event.kind, self._opener.open(event.key_id, wrapped, event.sealed, aad))

    def replica(self, branch: BranchId, cursor: str) -> wire.ReplicaAnswer:
        self._met("replica")
        assert branch == BRANCH
        self.cursors.append(cursor)
        return self.rules

    def status(self) -> wire.StatusAnswer:
        self._met("status")
        return wire.StatusAnswer(time=self.rules.as_of, version="bench")

    def _met(self, question: str) -> None:
        self.asked.append(question)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise DeviceFault(fault)


class Unit:
    """A unit's file with its outbox, that a test may let die and start again."""

    def __init__(self, folder: Path, clock: BenchClock, key: seal.PrivateKey, boot: str = "boot-1") -> None:
        self.path, self._key = folder / "unit.db", key
        folder.mkdir(exist_ok=True)
        self.clock = clock
        self.file = UnitFile(self.path)
        self.outbox = Outbox(self.file, seal.Sealer(key.public()), DEVICE, clock, boot)

    def died(self, folder: Path) -> "Unit":
        """The unit that starts from what is on the disk at this moment, as after kill -9; this one lives on unaware."""
        snapshot(self.path, folder)
        return Unit(folder, self.clock, self._key, "boot-2")

    def close(self) -> None:
        self.file.close()

    def bytes(self) -> bytes:
        """Every byte that the unit left beside its file."""
        return b"".join(path.read_bytes() for path in sorted(self.path.parent.glob("unit.db*")))


def deliver(outbox: Outbox, store: BenchStore) -> None:
    while (batch := outbox.pending()).events:
        outbox.confirm(store.push(batch).results)


def snapshot(path: Path, folder: Path) -> None:
    folder.mkdir()
    for name in ("", "-wal"):
        if path.with_name(path.name + name).exists():
            shutil.copy(path.with_name(path.name + name), folder)
