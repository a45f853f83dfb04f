"""The store's rows: a real `kiosk central serve` in a process of its own, asked by a client that costs little.

    central.checkouts.town.sqlite     loans per second that are on the disk when they are answered; 16 machines at once
    central.cpu.*                     what one such question costs the store's process, all cores (not PostgreSQL's own)
    central.admissions.*              right PINs per second; floor: bare Argon2id on as many threads, in the same run
    central.others.p99.*              of another question, while nothing but PINs is checked
    central.events.N.*                one machine's offline loans, N in a batch, in order

Not responsible for: the door's own latency (spine.py).
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median
from time import perf_counter

from kiosk import event
from kiosk.event import Event, ItemLent, ItemReturned
from kiosk.loop import system_clock
from kiosk.model import DeviceId, Pin
from sync import seal
from sync.central import seed, town
from sync.central.calendar import local_date
from sync.central.command import enrol
from sync.central.machines.devices import Device
from sync.central.patrons.pin_hash import PinHash
from sync.central.start import Home
from sync.central.web.questions import PIN_THREADS
from sync.rest import wire
from sync.seal import Sealer, associated
from tests.bench.lines import Line, load, request
from tests.bench.row import Row, quantile, spread
from tests.sync.central.postgresql import Cluster, programs

_LINES = 16
_MACHINES = [f"bench-{number}" for number in range(_LINES)]
_QUIET_S = 0.1  # of processor time in a second
_AIMS = {"checkouts": 1_500, "accounts": 5_000, "events.100": 10_000}
_ADMISSIONS_AIM, _OTHERS_AIM_MS = 0.9, 20.0
_SOME_PIN = Pin("1004")
_TICK = os.sysconf("SC_CLK_TCK")


def rows(quick: bool) -> list[Row]:
    made: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="natugle-bench-") as folder, ExitStack() as held:
        clusters = list(_cluster(held))
        for size in ("small", "town"):
            for kind, url in (("sqlite", ""), *(("postgresql", cluster.make()) for cluster in clusters)):
                with _store(Path(folder) / f"{size}-{kind}", size, url) as store:
                    made += _Measured(store, f"{size}.{kind}", quick).rows()
    return made


def _cluster(held: ExitStack) -> Iterator[Cluster]:
    bin_directory = programs()
    if bin_directory is None:
        print("PostgreSQL is not installed here: its rows are left out", file=sys.stderr)
        return
    cluster = Cluster(bin_directory, durable=True)
    held.callback(cluster.stop)
    yield cluster


# --- the store ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Store:
    """bundles: of as many machines as there are lines."""

    home: Home
    address: str
    pid: int
    bundles: Sequence[Path]

    def dial(self) -> list[Line]:
        return [Line(self.address, bundle) for bundle in self.bundles]

    def wait_for_quiet(self) -> None:
        """Until the store has done what it does each hour, and for the first time when it starts."""
        busy_s, pause = 1.0, threading.Event()
        while busy_s > _QUIET_S:
            before = self.cpu_s()
            pause.wait(1.0)
            busy_s = self.cpu_s() - before

    def cpu_s(self) -> float:
        """Of the process so far, all threads, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@contextmanager
def _store(directory: Path, size: str, url: str) -> Iterator[_Store]:
    home = Home(directory)
    if url:
        directory.mkdir(mode=0o700)
        home.database_url.touch(mode=0o600)
        home.database_url.write_text(url, encoding="utf-8")
    serve = [sys.executable, "-m", "kiosk", "central", "serve", "--dir", str(directory), "--seed-data", size]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        try:
            address = program.stdout.readline().split()[1] if program.stdout else ""
            bundles = [directory / name for name in _MACHINES]
            for bundle in bundles:
                enrol(home, Device(DeviceId(bundle.name), seed.ULFBORG), bundle, system_clock)
            store = _Store(home, address, program.pid, bundles)
            store.wait_for_quiet()
            yield store
        finally:
            program.send_signal(signal.SIGTERM)


# --- what is measured -----------------------------------------------------------------------------


class _Measured:
    """One store's rows, measured one after the other."""

    def __init__(self, store: _Store, name: str, quick: bool) -> None:
        self._store, self._name, self._rounds = store, name, 1 if quick else 10
        self._today = local_date(system_clock().wall)
        if name.startswith("town"):
            people = [one for place, one in enumerate(town.residents(self._today)) if place % 100]
            self._people = [(one.patron, one.number, one.pin) for one in people if one.age >= 18]
            self._items = [town.item_id(place) for place in range(town.ITEMS)]
        else:
            free = [one for one in seed.PATRONS if not one.block and one.age >= 18]
            self._people = [(one.patron, one.number, one.pin) for one in free]
            self._items = [copy.item for copy in seed.ITEMS if copy not in _SPECIAL]

    def rows(self) -> list[Row]:
        with ExitStack() as held:
            lines = [held.enter_context(line) for line in self._store.dial()]
            made = [
                *self._rate("checkouts", lines, self._loans()),
                *self._rate("accounts", lines, self._accounts(lines)),
            ]
            made += self._admissions(lines)
            for batch in (1, 20, 100):
                made.append(self._events(lines[0], batch))
        return made

    def _rate(self, name: str, lines: Sequence[Line], questions: Sequence[Sequence[bytes]]) -> list[Row]:
        before = self._store.cpu_s()
        found = load(lines, questions)
        cpu_us = (self._store.cpu_s() - before) / len(found.ms) * 1e6
        return [
            _at_least(f"central.{name}.{self._name}", found.per_s, _AIMS[name]),
            Row(f"central.{name}.p99.{self._name}", "ms", quantile(found.ms, 0.99), spread(found.ms)),
            Row(f"central.cpu.{name}.{self._name}", "µs", cpu_us, 0.0),
        ]

    def _loans(self) -> list[list[bytes]]:
        """Each line lends items of its own and takes them back, so that a small library will do."""
        return [list(islice(self._circulation(line), 100 * self._rounds)) for line in range(_LINES)]

    def _circulation(self, line: int) -> Iterator[bytes]:
        for turn in count():
            item = self._items[(turn // 2 * _LINES + line) % (len(self._items) // _LINES * _LINES)]
            patron = self._people[(turn // 2 * _LINES + line) % len(self._people)][0]
            question: dict[str, str] = {"materialItemNumber": item}
            if turn % 2 == 0:
                question["patronId"] = patron
            path = wire.RETURNS if turn % 2 else wire.LOANS
            yield request("POST", path, json.dumps(question).encode(), Idempotency_Key=uuid.uuid4().hex)

    def _accounts(self, lines: Sequence[Line]) -> list[list[bytes]]:
        made = []
        for place, line in enumerate(lines):
            _, number, pin = self._people[place % len(self._people)]
            session = json.loads(line.ask(_pin("POST", wire.AUTHENTICATE, number, pin)))["sessionKey"]
            made.append([request("GET", wire.ACCOUNT, X_Session=session)] * (200 * self._rounds))
        return made

    def _admissions(self, lines: Sequence[Line]) -> list[Row]:
        """The small library has few people: no more lines than people, or one would lock another out."""
        path = wire.ADMISSIONS.replace("{branchId}", seed.ULFBORG)
        several = min(8, len(self._people))
        asked = [[_pin("POST", path, number, pin)] * 5 for _, number, pin in self._people[:several]]
        floors, ours = list[float](), list[float]()
        with _Beside(lines[-1]) as beside:
            for _ in range(3 * self._rounds):  # in turns: the computer is not equally fast all the time
                floors.append(_bare_hashes(self._store.home, 5 * several // PIN_THREADS))
                ours.append(load(lines[:several], asked).per_s)
        per_s, floor = median(ours), median(floors)
        over, p99 = per_s / floor, quantile(beside.ms, 0.99)
        return [
            Row(
                f"central.admissions.{self._name}",
                "per s",
                per_s,
                spread(ours),
                floor,
                aim=f">= {_ADMISSIONS_AIM} of floor",
                met=over >= _ADMISSIONS_AIM,
            ),
            Row(
                f"central.others.p99.{self._name}",
                "ms",
                p99,
                spread(beside.ms),
                aim=f"< {_OTHERS_AIM_MS:.0f}",
                met=p99 < _OTHERS_AIM_MS,
            ),
        ]

    def _events(self, line: Line, batch: int) -> Row:
        batches = max(3, 30 * self._rounds // batch)
        outbox = _Outbox(self._store.bundles[0])
        said = (self._said(number) for number in count())
        questions = [outbox.batch(list(islice(said, batch))) for _ in range(batches)]
        found = load([line], [questions])
        return _at_least(f"central.events.{batch}.{self._name}", found.per_s * batch, _AIMS.get(f"events.{batch}", 0))

    def _said(self, number: int) -> Event:
        item = self._items[number // 2 % len(self._items)]
        patron = self._people[number // 2 % len(self._people)][0]
        if number % 2:
            return ItemReturned(item, offline=True)
        return ItemLent(patron, item, self._today + timedelta(days=30), offline=True)


_SPECIAL = (seed.RESERVED, seed.NOT_FOR_LOAN, seed.ON_LOAN, seed.RESERVED_ELSEWHERE)


def _at_least(name: str, found: float, aim: float) -> Row:
    return Row(name, "per s", found, 0.0, aim=f">= {aim}" if aim else "", met=found >= aim if aim else None)


def _pin(method: str, path: str, number: str, pin: Pin) -> bytes:
    return request(method, path, json.dumps({"libraryCardNumber": number, "pincode": pin.reveal()}).encode())


def _bare_hashes(home: Home, rounds: int) -> float:
    """Checks per second, on as many threads as the store has, with nothing around them."""
    pins = PinHash(home.pepper.read_bytes())
    kept = pins.make(_SOME_PIN)

    def check() -> None:
        for _ in range(rounds):
            pins.matches(_SOME_PIN, kept)

    threads = [threading.Thread(target=check) for _ in range(PIN_THREADS)]
    begun = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rounds * PIN_THREADS / (perf_counter() - begun)


class _Beside:
    """Asks something else the whole time, fifty times a second."""

    def __init__(self, line: Line) -> None:
        self.ms: list[float] = []
        self._line, self._ended = line, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "_Beside":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            self.ms += load([self._line], [[request("GET", wire.STATUS)]]).ms


class _Outbox:
    """What a machine sends of what it did without asking."""

    def __init__(self, bundle: Path) -> None:
        self._device, self._sealer = bundle.name, Sealer(seal.load_public(bundle / "seal-public"))
        self._epoch, self._numbers = uuid.uuid4().hex, count(1)

    def batch(self, said: Sequence[Event]) -> bytes:
        key = {"keyId": self._sealer.key_id, "wrapped": base64.b64encode(self._sealer.wrapped).decode()}
        sealed = [self._sealed(one) for one in said]
        question = {"queueEpoch": self._epoch, "keys": [key], "events": sealed}
        return request("POST", wire.EVENTS, json.dumps(question).encode())

    def _sealed(self, said: Event) -> dict[str, object]:
        sequence, event_id, kind, at = next(self._numbers), uuid.uuid4().hex, event.kind(said), system_clock().wall
        aad = associated(self._device, self._epoch, sequence, event_id, kind, at)
        return {
            "eventId": event_id,
            "sequence": sequence,
            "kind": kind,
            "occurredAt": at.isoformat(),
            "monotonicS": 12.5,
            "bootId": "boot-1",
            "clockSynced": True,
            "keyId": self._sealer.key_id,
            "sealed": base64.b64encode(self._sealer.seal(event.encode(said), aad)).decode(),
        }
