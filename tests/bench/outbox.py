"""How fast the outbox keeps and delivers, beside what cannot be beaten and beside two queues that others have made.

    rate    durable enqueues one after the other, in turns: ours, sealed, with its sequence and its guards;
            append and fdatasync, which is the floor; litequeue, made durable by synchronous = FULL; persist-queue
    p99     of the same
    syncs   of the disk for each confirmed event, counted by a disk that is told of each (tests/faults/cut_disk.py)
    drain   to the embedded store, a process of its own, over loopback and mutual TLS, batches of 100, exactly once

The two queues are optional: pip install litequeue persist-queue. Without them their columns are left out.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from kiosk.demo.site import DOOR, Site
from kiosk.event import EntryGranted, ItemLent
from kiosk.loop import system_clock
from kiosk.model import Credential, DeviceId, ItemId
from sync import seal
from sync.central import ledger, seed
from sync.outbox import Outbox
from sync.rest.client import RestStore
from sync.rest.wire import EventOutcome
from sync.store import UnitFile
from tests.bench.row import Row, median, quantile, spread
from tests.faults import cut_sqlite
from tests.faults.cut_disk import Disk

_DEVICE = DeviceId("machine-1")
_SIZE = 330  # bytes of one event as others keep it; ours is a row of its own width
_TURN = 10  # events
_SHARE, _DRAINED = 0.7, 8000
_LENT = ItemLent(Credential("7101901234"), ItemId("5001234567"), date(2026, 4, 1), offline=True)

Enqueue = Callable[[], object]


def rows(quick: bool) -> list[Row]:
    with TemporaryDirectory() as folder:
        kept = _keeping(Path(folder), 60 if quick else 300)
    with TemporaryDirectory() as folder:
        synced = _syncs(Path(folder), 300 if quick else 2000)
    return [*kept, synced, _drain(1000 if quick else 10_000)]


# --- keeping --------------------------------------------------------------------------------------


def _keeping(folder: Path, rounds: int) -> list[Row]:
    """In short turns, for others use the same disk."""
    with ExitStack() as open_ones:
        queues = {name: open_ones.enter_context(made(folder / name)) for name, made in _queues().items()}
        took: dict[str, list[list[float]]] = {name: [] for name in queues}
        for _ in range(rounds):
            for name, enqueue in queues.items():
                took[name].append([_ms(enqueue) for _ in range(_TURN)])
    rates = {name: [1000 * _TURN / sum(one) for one in of] for name, of in took.items()}
    rate = {name: median(of) for name, of in rates.items()}
    p99 = {name: quantile([ms for one in of for ms in one], 0.99) for name, of in took.items()}
    peers = [name for name in queues if name not in ("ours", "floor")]
    ahead = all(rate["ours"] > rate[name] for name in peers)
    met = rate["ours"] >= _SHARE * rate["floor"] and ahead
    aim = f">= {_SHARE} of the floor{', ahead of the peers' if peers else ''}"
    slowest = [max(one) for one in took["ours"]]
    return [
        _row("rate", "1/s", rate, peers, spread(rates["ours"]), aim, met),
        _row("p99", "ms", p99, peers, spread(slowest)),
    ]


def _row(
    name: str, unit: str, of: dict[str, float], peers: list[str], around: float, aim: str = "", met: bool | None = None
) -> Row:
    beside = {peer: of[peer] for peer in peers}
    return Row(f"outbox.{name}", unit, of["ours"], around, of["floor"], beside, aim, met)


def _ms(enqueue: Enqueue) -> float:
    begun = perf_counter()
    enqueue()
    return (perf_counter() - begun) * 1000


def _queues() -> "dict[str, Callable[[Path], Any]]":
    found: dict[str, Callable[[Path], Any]] = {"ours": _ours, "floor": _floor}
    for name, package, made in (
        ("litequeue FULL", "litequeue", _litequeue),
        ("FIFOSQLiteQueue", "persistqueue", _fifo),
        ("SQLiteAckQueue", "persistqueue", _ack),
    ):
        try:
            import_module(package)
        except ImportError:
            print(f"{package} is not installed: {name} is left out", file=sys.stderr)
        else:
            found[name] = made
    return found


@contextmanager
def _ours(folder: Path) -> Iterator[Enqueue]:
    folder.mkdir(exist_ok=True)
    with closing(UnitFile(folder / "unit.db")) as file:
        outbox = Outbox(file, seal.Sealer(seal.generate().public()), _DEVICE, system_clock, "boot-1")
        yield lambda: outbox.record(_LENT)


@contextmanager
def _floor(path: Path) -> Iterator[Enqueue]:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append() -> None:
        os.write(file, b"x" * _SIZE)
        os.fdatasync(file)

    yield append
    os.close(file)


@contextmanager
def _litequeue(path: Path) -> Iterator[Enqueue]:
    queue = import_module("litequeue").LiteQueue(path)
    queue.conn.execute("PRAGMA synchronous = FULL")
    yield lambda: queue.put("x" * _SIZE)
    queue.close()


@contextmanager
def _fifo(path: Path) -> Iterator[Enqueue]:
    queue = import_module("persistqueue").FIFOSQLiteQueue(str(path), auto_commit=True)
    yield lambda: queue.put(b"x" * _SIZE)
    queue.close()


@contextmanager
def _ack(path: Path) -> Iterator[Enqueue]:
    queue = import_module("persistqueue").SQLiteAckQueue(str(path), auto_commit=True)
    yield lambda: queue.put(b"x" * _SIZE)
    queue.close()


# --- syncs ----------------------------------------------------------------------------------------


def _syncs(folder: Path, count: int) -> Row:
    """Writing the WAL back into the file included."""
    disk = Disk(folder, lambda _: None)
    with cut_sqlite.on(disk), _ours(folder) as enqueue:
        enqueue()
        before = disk.syncs
        for _ in range(count):
            enqueue()
        each = (disk.syncs - before) / count
    return Row("outbox.syncs", "per event", each, 0.0, 1.0, aim="<= 1", met=each <= 1)


# --- draining -------------------------------------------------------------------------------------


def _drain(count: int) -> Row:
    """Of a file that was full when the unit started. Raises AssertionError when the store has not each one once."""
    with TemporaryDirectory(prefix="natugle-") as folder, Site(Path(folder) / "s", keep=True) as site:
        site.begin()
        credentials = site.folder / DOOR / "credentials"
        outbox_file = site.folder / DOOR / "door.db"
        with (
            closing(UnitFile(outbox_file)) as file,
            closing(RestStore(site.address, credentials, 10.0, system_clock)) as store,
        ):
            sealer = seal.Sealer(seal.load_public(credentials / "seal-public"))
            outbox = Outbox(file, sealer, DeviceId(DOOR), system_clock, "boot-1")
            outbox.record_all([(EntryGranted(seed.ADULT.patron), None)] * count)
            store.status()
            rates = _rates(outbox, store)
        told = [entry.sequence for entry in ledger.events_of(site.home, DeviceId(DOOR))]
        if sorted(told) != list(range(1, count + 1)):
            raise AssertionError(f"{count} events were pushed, and the store has {len(told)}")
    rate = len(rates) / sum(1 / one for one in rates)
    return Row("outbox.drain", "1/s", rate, spread(rates), aim=f">= {_DRAINED}", met=rate >= _DRAINED)


def _rates(outbox: Outbox, store: RestStore) -> list[float]:
    """Events per second, of each batch: read, pushed, answered, taken out."""
    found = []
    begun = perf_counter()
    while (batch := outbox.pending()).events:
        answer = store.push(batch)
        if any(result.outcome is not EventOutcome.ACCEPTED for result in answer.results):
            raise AssertionError("an event of the bench was not accepted")
        outbox.confirm(answer.results)
        ended = perf_counter()
        found.append(len(batch.events) / (ended - begun))
        begun = ended
    return found
