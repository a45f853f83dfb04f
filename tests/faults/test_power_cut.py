"""The power is cut at every point of an outbox's life: what was confirmed is there at the next start, once, in order.

And the same cuts find what is lost when less is synced, or when somebody is told yes too early.
"""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random
from typing import assert_never

import pytest

from kiosk import event as events
from kiosk.event import DoorClosed
from kiosk.model import EventId
from sync import seal
from sync.outbox import Outbox
from sync.store import UnitFile
from sync.store.file import PAGE
from tests.faults import cut_sqlite
from tests.faults.cut_disk import Disk
from tests.faults.cut_sqlite import Syncs
from tests.faults.life import Hasty, Life
from tests.faults.promises import FILE, Ledger, Moment, Promised, Verdict, judged
from tests.faults.tally import Line
from tests.sync.bench_store import DEVICE, BenchClock

SLOW = pytest.mark.faults
QUICK_CUTS, SLOW_CUTS = 60, 800
_VECTOR = Path(__file__).parents[1] / "vectors" / "queue-v1"
_CALLS = 6  # of the disk, by one act, some
_LEAF = 0x0D  # of a table (SQLite file format, 1.6)
_EARLY = 140  # calls by a start, and some acts


class Begins(Enum):
    EMPTY, VERSION_1, DAMAGED = range(3)


@dataclass(frozen=True, slots=True)
class Course:
    """What a life is like. early: cut at its very beginning. begins: with which file."""

    name: str
    syncs: Syncs = Syncs.AS_ASKED
    kind: type[Outbox] = Outbox
    keeps_names: bool = True
    early: bool = False
    begins: Begins = Begins.EMPTY


AS_IT_IS = Course("power cut, as it is")
FIRST = Course("power cut, the first start ever", early=True)
MIGRATING = Course("power cut, version 1 brought up", early=True, begins=Begins.VERSION_1)
SAVING = Course("power cut, a damaged file saved", early=True, begins=Begins.DAMAGED)
WRONG = (
    Course("power cut, synchronous NORMAL", Syncs.NORMAL),
    Course("power cut, synchronous OFF", Syncs.OFF),
    Course("power cut, told before it is written", kind=Hasty),
    Course("power cut, folders never synced", keeps_names=False),
)


@pytest.mark.parametrize("cuts", [QUICK_CUTS, pytest.param(SLOW_CUTS, marks=SLOW)])
@pytest.mark.parametrize("course", [AS_IT_IS, FIRST, MIGRATING, SAVING], ids=lambda course: course.name)
def test_what_was_confirmed_is_there_after_a_power_cut(
    memory: Path, tell: Callable[[Line], None], course: Course, cuts: int
) -> None:
    found = lives(memory, course, cuts)
    tell(line(course, found))
    assert {(verdict.lost, verdict.doubled, verdict.broken) for verdict in found} == {(0, 0, "")}
    assert any(verdict.arrived for verdict in found)


@pytest.mark.parametrize("cuts", [QUICK_CUTS, pytest.param(SLOW_CUTS, marks=SLOW)])
@pytest.mark.parametrize("course", WRONG, ids=lambda course: course.name)
def test_the_same_cuts_find_what_is_lost_when_it_is_done_wrong(
    memory: Path, tell: Callable[[Line], None], course: Course, cuts: int
) -> None:
    found = lives(memory, course, cuts)
    tell(line(course, found))
    assert sum(verdict.lost for verdict in found) > 0


# --- lives ----------------------------------------------------------------------------------------


def lives(folder: Path, course: Course, cuts: int) -> list[Verdict]:
    """Of at least so many cuts, over several lives."""
    found: list[Verdict] = []
    while len(found) < cuts:
        found += _life(folder / str(len(found)), course, Random(len(found)), cuts // 10)  # noqa: S311
    return found


def _life(folder: Path, course: Course, rng: Random, cuts: int) -> list[Verdict]:
    """Long enough for the WAL to be written back by itself, or short enough to be emptied often; begun twice."""
    acts = rng.choice((20, 75))
    early, anywhere = range(_EARLY), [rng.randrange(2 * acts * _CALLS) for _ in range(cuts)]
    at = Counter(early if course.early else anywhere)
    moments: list[Moment] = []
    ticks = 0

    def look(disk: Disk) -> None:
        nonlocal ticks
        ticks += 1
        for number in range(at[ticks]):
            out = folder / f"cut-{ticks}-{number}"
            out.mkdir()
            disk.cut(rng, out)
            damaged = course.begins is Begins.DAMAGED
            moments.append(Moment(out, life.before, life.after, life.ledger.copy(), damaged))

    live = folder / "live"
    live.mkdir(parents=True)
    life, sealer = _begun(course, live, rng)
    with cut_sqlite.on(Disk(live, look, course.keeps_names), course.syncs):
        life.live(acts)
        life.live(acts)
    found = [judged(moment, sealer) for moment in moments]
    shutil.rmtree(folder)
    return found


def _begun(course: Course, live: Path, rng: Random) -> tuple[Life, seal.Sealer]:
    match course.begins:
        case Begins.EMPTY:
            return _empty(live, rng, course.kind)
        case Begins.VERSION_1:
            return _full(live, rng)
        case Begins.DAMAGED:
            return _damaged(live, rng)
        case _:
            assert_never(course.begins)


def _empty(live: Path, rng: Random, kind: type[Outbox]) -> tuple[Life, seal.Sealer]:
    key = seal.generate()
    sealer = seal.Sealer(key.public())
    return Life(live, Ledger(seal.Opener(key)), sealer, rng, kind), sealer


def _full(live: Path, rng: Random) -> tuple[Life, seal.Sealer]:
    """What the program of version 1 had left when it was killed: with a WAL, which must not meet the new file."""
    there = shutil.copyfile(_VECTOR.with_suffix(".sqlite"), live.with_name(FILE))
    with closing(sqlite3.connect(there, isolation_level=None)) as version_1:
        version_1.execute("PRAGMA user_version = 1")
        for tail in ("", "-wal"):
            shutil.copyfile(f"{there}{tail}", live / f"{FILE}{tail}")
    noted = json.loads(_VECTOR.with_suffix(".json").read_text(encoding="utf-8"))
    key = seal.decode_private(noted["seal_key"].encode())
    ledger, sealer = Ledger(seal.Opener(key)), seal.Sealer(key.public())
    ledger.sequences = {(noted["epoch"], sequence): f"{sequence:032d}" for sequence in range(1, 5)}
    life = Life(live, ledger, sealer, rng)
    kept = {one["event_id"]: events.decode(one["kind"], json.dumps(one["said"]).encode()) for one in noted["events"]}
    parked = {event_id: event for event_id, event in kept.items() if event_id in noted["parked"]}
    life.before = life.after = Promised({name: kept[name] for name in kept if name not in parked}, parked)
    return life, sealer


def _damaged(live: Path, rng: Random) -> tuple[Life, seal.Sealer]:
    """Of a hundred events; what a start that nobody disturbs can save of them is promised."""
    life, sealer = _empty(live, rng, Outbox)
    there = live.with_name("whole")
    there.mkdir()
    with closing(UnitFile(there / FILE)) as file:
        outbox = Outbox(file, sealer, DEVICE, BenchClock(), "boot-1")
        outbox.record_all([(DoorClosed(number), EventId(f"{number:032d}")) for number in range(100)])
    content = bytearray((there / FILE).read_bytes())
    leaves = [at for at in range(0, len(content), PAGE) if content[at] == _LEAF]
    page = next(at for at in leaves if f"{50:032d}".encode() in content[at : at + PAGE])
    content[page : page + PAGE] = bytes(PAGE)
    for folder in (there, live):
        (folder / FILE).write_bytes(content)
    with closing(UnitFile(there / FILE)) as file:
        waiting = Outbox(file, sealer, DEVICE, BenchClock(), "boot-1").pending().events
    life.before = life.after = Promised({e.event_id: DoorClosed(int(e.event_id)) for e in waiting})
    return life, sealer


def line(course: Course, found: list[Verdict]) -> Line:
    confirmed, arrived, lost, doubled = (
        sum(getattr(verdict, what) for verdict in found) for what in ("confirmed", "arrived", "lost", "doubled")
    )
    broken = sum(bool(verdict.broken) for verdict in found)
    return Line(course.name, len(found), confirmed, arrived, lost, doubled, f"{broken} files not whole")
