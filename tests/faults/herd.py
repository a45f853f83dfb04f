"""Five hundred machines that lost one store together, and have it again: `python -m tests.faults.herd`.

    all start at once --> store away --> back off --> store there --> every queue drained?
                                        requests per second, with jitter and without

The exchanges, files and TLS are the machines' own, in real time; the store is a process of its own. All the machines
are threads of one process here, so that a rush is flatter than it would be in the world. All of
them stand behind one address, which the store likes less than many.
Not responsible for: a verdict (test_herd.py has one, of the same exchanges in a time of its own).
"""

import argparse
import resource
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select

from kiosk.event import DoorClosed
from kiosk.fault import Cleared, DeviceFault, Raised
from kiosk.loop import system_clock
from kiosk.model import BranchId, DeviceId
from sync import seal
from sync.central import seed
from sync.central.command import enrol
from sync.central.machines.devices import Device
from sync.central.schema import events
from sync.central.start import Home, open_database
from sync.exchange import Exchange, ReplicaKept, Rhythm
from sync.outbox import Outbox
from sync.replica import Replica
from sync.rest import wire
from sync.rest.client import RestStore
from sync.store.file import UnitFile
from tests.sync.central.library import first_start

DEADLINE_S, PERIOD_S, BACK_OFF_S = 3.0, 15.0, 30.0  # as config/settings.py has them
TAIL_S, LIMIT_S = 20.0, 150.0
_WIDTH = 60

_COUNT = select(func.count()).select_from(events)
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Try:
    """One question to the store. at: seconds after all were started."""

    at: float
    answered: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Of what came after the store was there again. drained_s: sorted; without those that never were.

    arrived: events at the store, in the end.
    """

    machines: int
    per_second: tuple[int, ...]
    drained_s: tuple[float, ...]
    refused: float
    arrived: int = 0

    @property
    def peak(self) -> int:
        return max(self.per_second, default=0)

    @property
    def mean(self) -> float:
        """Until the last queue was empty."""
        until = round(self.drained_s[-1]) + 1 if self.drained_s else len(self.per_second)
        return sum(self.per_second[:until]) / max(1, until)

    def lines(self) -> Iterator[str]:
        for second in range(0, len(self.per_second), 2):
            count = sum(self.per_second[second : second + 2]) / 2
            yield f"{second:5d} s |{'#' * round(_WIDTH * count / max(1, self.peak))} {count:.0f}"
        done = self.drained_s
        if done:
            times = f"half of them in {done[len(done) // 2]:.1f} s, the last in {done[-1]:.1f} s"
            yield f"drained {len(done)} of {self.machines}: {times}"
        ratio = self.peak / self.mean if self.mean else 0.0
        yield f"peak {self.peak}/s, mean {self.mean:.1f}/s, ratio {ratio:.1f}; refused or silent {self.refused:.1%}"


def figures(machines: int, tries: Sequence[Try], drained: Sequence[float], back_at: float) -> Figures:
    """back_at: when the store answered again; drained: when each queue was empty; all in seconds after the start."""
    after = [one for one in tries if one.at >= back_at]
    seconds = Counter(int(one.at - back_at) for one in after)
    refused = sum(not one.answered for one in after) / max(1, len(after))
    per_second = tuple(seconds[second] for second in range(max(seconds, default=-1) + 1))
    return Figures(machines, per_second, tuple(sorted(at - back_at for at in drained)), refused)


# --- the machines -------------------------------------------------------------------------------


@dataclass
class Book:
    """What all of them write into."""

    began: float = field(default_factory=lambda: system_clock().mono)
    tries: list[Try] = field(default_factory=list)
    drained: list[float] = field(default_factory=list)

    def now(self) -> float:
        return system_clock().mono - self.began


class Told:
    """A Peer that writes down each question and when the last event was taken."""

    def __init__(self, store: RestStore, book: Book, events: int) -> None:
        self._store, self._book, self._left = store, book, events

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        answer = self._tried(lambda: self._store.push(question))
        self._left -= len(answer.results)
        if self._left == 0:
            self._book.drained.append(self._book.now())
        return answer

    def replica(self, branch: BranchId, cursor: str) -> wire.ReplicaAnswer:
        return self._tried(lambda: self._store.replica(branch, cursor))

    def status(self) -> wire.StatusAnswer:
        return self._tried(self._store.status)

    def _tried(self, ask: Callable[[], AnswerT]) -> AnswerT:
        at = self._book.now()
        try:
            answer = ask()
        except DeviceFault:
            self._book.tries.append(Try(at, answered=False))
            raise
        self._book.tries.append(Try(at, answered=True))
        return answer


@dataclass(frozen=True, slots=True)
class Machine:
    exchange: Exchange
    client: RestStore
    file: UnitFile

    def end(self) -> None:
        self.exchange.stop(10.0)
        self.client.close()
        self.file.close()


def _nothing() -> None:
    return


def _told(_: Raised | Cleared | ReplicaKept) -> None:
    return


def _machine(address: str, folder: Path, rhythm: Rhythm, book: Book, plan: "Plan") -> Machine:
    """With `events` waiting, of an afternoon without the store."""
    file = UnitFile(folder / "unit.db")
    sealer = seal.Sealer(seal.load_public(folder / "seal-public"))
    outbox = Outbox(file, sealer, DeviceId(folder.name), system_clock, "boot-1")
    outbox.record_all([(DoorClosed(number), None) for number in range(plan.events)])
    client = RestStore(address, folder, DEADLINE_S, system_clock)
    peer, replica = Told(client, book, plan.events), Replica(file, seed.ULFBORG, lends=False)
    rested = client.close if plan.hangs_up else _nothing
    exchange = Exchange(peer, outbox, replica, _told, system_clock, rhythm, rested=rested)
    return Machine(exchange, client, file)


# --- the store ----------------------------------------------------------------------------------


@contextmanager
def store(home: Home, port: int) -> Iterator[None]:
    """A process of its own, from when it answers there until the end of the block."""
    serve = (sys.executable, "-m", "kiosk", "central", "serve", "--dir", str(home.directory), "--port", str(port))
    running = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if running.poll() is not None:
                raise ConnectionError("the store has ended")
            threading.Event().wait(0.05)
        yield
    finally:
        running.terminate()
        running.wait(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


# --- a run --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    machines: int
    events: int
    outage_s: float
    hangs_up: bool


def run(plan: Plan, jitter: Callable[[float, float], float], folder: Path) -> Figures:
    """One outage, from the start of all machines to the last drained queue."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder.mkdir(exist_ok=True)
    home = first_start(folder / "store")
    names = [DeviceId(f"machine-{number}") for number in range(plan.machines)]
    for name in names:
        enrol(home, Device(name, seed.ULFBORG), folder / name, system_clock)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    rhythm, book = Rhythm(period_s=PERIOD_S, backoff_most_s=BACK_OFF_S, jitter=jitter), Book()
    machines = [_machine(f"https://localhost:{port}", folder / name, rhythm, book, plan) for name in names]
    book.began = system_clock().mono
    for machine in machines:
        machine.exchange.start()
    threading.Event().wait(plan.outage_s)
    with store(home, port):
        back_at = book.now()
        _until_drained(book, plan.machines)
        found = figures(plan.machines, list(book.tries), list(book.drained), back_at)
        for machine in machines:
            machine.end()
    return replace(found, arrived=_arrived(home))


def _arrived(home: Home) -> int:
    with closing(open_database(home)) as database:
        return database.read(lambda connection: connection.execute(_COUNT).scalar_one()).result()


def _until_drained(book: Book, machines: int) -> None:
    """And some rounds longer; not for ever, when some never come in."""
    waited, limit = threading.Event(), book.now() + LIMIT_S
    while len(book.drained) < machines and book.now() < limit:
        waited.wait(0.2)
    waited.wait(TAIL_S)


def longest(_: float, most: float) -> float:
    """No jitter."""
    return most


def main() -> int:
    asked = _parser().parse_args()
    plan = Plan(asked.machines, asked.events, asked.outage, not asked.keep_lines)
    print(f"{plan.machines} machines, {plan.events} events each, {plan.outage_s:.0f} s without a store")
    for name, jitter in (("with jitter", Rhythm().jitter), ("without jitter", longest)):
        with tempfile.TemporaryDirectory(prefix="herd-") as folder:
            print(f"\n{name}", *run(plan, jitter, Path(folder)).lines(), sep="\n", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="herd", description=__doc__.partition("\n")[0])
    made.add_argument("--machines", type=int, default=500)
    made.add_argument("--events", type=int, default=20, help="that wait at each of them (default: 20)")
    made.add_argument("--outage", type=float, default=70.0, help="seconds (default: 70)")
    made.add_argument("--keep-lines", action="store_true", help="each keeps its connection between two rounds")
    return made


if __name__ == "__main__":
    sys.exit(main())
