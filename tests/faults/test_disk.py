"""A disk that is full, and one that goes read-only in the middle: the right fault, nothing lost, and it goes on."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from kiosk.event import DoorClosed, LoanGivenUp
from kiosk.fault import Cleared, DeviceFault, Fault, Raised
from kiosk.model import EventId, ItemId
from sync import seal
from sync.limits import Chores, Limits
from sync.outbox import Outbox
from sync.store import UnitFile
from tests.faults.mounted import Card, small
from tests.faults.promises import FILE, Ledger
from tests.faults.tally import Line
from tests.sync.bench_store import DEVICE, BenchClock

SLOW = pytest.mark.faults
KEY = seal.generate()
_MEBIBYTES = 3
_NO_LIMITS = Limits(least_free=1 << 18)


class Machine:
    """A unit's file on this disk, its store, and what was confirmed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.confirmed: list[str] = []
        self.faults: list[Fault] = []
        self.told: list[Raised | Cleared] = []
        self.ledger = Ledger(seal.Opener(KEY))
        self.start()

    def start(self) -> None:
        self.file = UnitFile(self._folder / FILE)
        self.outbox = Outbox(self.file, seal.Sealer(KEY.public()), DEVICE, BenchClock(), "boot-1")
        self.chores = Chores(self.file, self.outbox, _NO_LIMITS, self.told.append)

    def record(self) -> bool:
        """False: refused, with its fault."""
        number = len(self.confirmed)
        event_id = f"{number:032d}"
        try:
            self.outbox.record(DoorClosed(number), EventId(event_id))
        except DeviceFault as fault:
            self.faults.append(fault.fault)
            return False
        self.confirmed.append(event_id)
        return True

    def record_until_refused(self) -> None:
        while self.record():
            pass

    def drain(self) -> None:
        """What an exchange's round does."""
        self.chores.do()
        while (batch := self.outbox.pending()).events:
            self.outbox.confirm(self.ledger.push(batch, lambda _: False))
        self.outbox.erase()
        self.chores.do()

    def line(self, name: str, tried: int) -> Line:
        kept = self.ledger.kept.keys()
        arrived = sum(event_id in kept for event_id in self.confirmed)
        said = f"{len(self.faults)} refused, {self.ledger.twice} pushed again"
        return Line(name, tried, len(self.confirmed), arrived, len(self.confirmed) - arrived, len(kept) - arrived, said)

    def is_whole(self) -> bool:
        """Nothing lost, nothing that nobody was told of, no sequence missing."""
        return set(self.confirmed) == set(self.ledger.kept) and self.ledger.is_without_gap()


@pytest.mark.parametrize("times", [3, pytest.param(60, marks=SLOW)])
def test_a_full_disk_refuses_what_is_new_delivers_what_it_has_and_takes_more_then(
    tmp_path: Path, tell: Callable[[Line], None], times: int
) -> None:
    rng = Random(times)  # noqa: S311
    with small(tmp_path / "disk", _MEBIBYTES) as disk:
        machine = Machine(disk)
        for _ in range(times):
            machine.record_until_refused()
            for _ in range(rng.randrange(5)):
                assert not machine.record()
            machine.drain()
            assert machine.record()
        machine.drain()
        machine.file.close()
        assert machine.is_whole()
        assert set(machine.faults) == {Fault.OUTBOX_FULL}
        assert {type(news) for news in machine.told} == {Raised, Cleared}
        tell(machine.line("disk full of events", times))


@pytest.mark.parametrize("times", [3, pytest.param(60, marks=SLOW)])
def test_a_disk_that_others_fill_is_the_same_and_a_start_on_it_succeeds(
    tmp_path: Path, tell: Callable[[Line], None], times: int
) -> None:
    rng = Random(times)  # noqa: S311
    with small(tmp_path / "disk", _MEBIBYTES) as disk:
        machine = Machine(disk)
        for _ in range(times):
            for _ in range(rng.randrange(100)):
                machine.record()
            fill(disk / "others")
            machine.record_until_refused()
            machine.file.close()
            machine.start()
            if rng.random() < 0.5:
                machine.drain()
            (disk / "others").unlink()
            assert machine.record()
        machine.drain()
        machine.file.close()
        assert machine.is_whole()
        assert set(machine.faults) == {Fault.OUTBOX_FULL}
        tell(machine.line("disk filled by others, and a start", times))


def fill(path: Path) -> None:
    """To the last byte."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_ballast_that_a_power_cut_left_empty_is_taken_anew(tmp_path: Path) -> None:
    with small(tmp_path / "disk", _MEBIBYTES) as disk:
        (disk / f"{FILE}.ballast").touch()
        machine = Machine(disk)
        machine.record_until_refused()
        machine.drain()
        machine.file.close()
        assert machine.is_whole()


def test_a_loan_given_up_on_a_full_disk_is_told_when_there_is_room(tmp_path: Path) -> None:
    given_up = LoanGivenUp(EventId("a" * 32), ItemId("5001234567"))
    with small(tmp_path / "disk", _MEBIBYTES) as disk:
        machine = Machine(disk)
        machine.record_until_refused()
        with pytest.raises(DeviceFault):
            machine.outbox.record(given_up)
        machine.drain()
        machine.drain()
        machine.file.close()
        assert given_up in machine.ledger.kept.values()


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=SLOW)])
def test_a_card_that_goes_read_only_says_so_and_has_everything_at_the_next_start(
    tmp_path: Path, tell: Callable[[Line], None], times: int
) -> None:
    rng = Random(times)  # noqa: S311
    card = Card(tmp_path / "card", 16)
    try:
        machine = Machine(card.folder)
        for _ in range(times):
            for _ in range(rng.randrange(1, 150)):
                assert machine.record()
            card.fail()
            for _ in range(3):
                assert not machine.record()
            with pytest.raises(DeviceFault) as fault:
                machine.drain()
            assert fault.value.fault is Fault.OUTBOX_BROKEN
            closed(machine.file)
            card.take_out()
            card.check()
            card.insert()
            machine.start()
        machine.drain()
        machine.file.close()
    finally:
        card.take_out()
    assert machine.is_whole()
    assert set(machine.faults) == {Fault.OUTBOX_BROKEN}
    tell(machine.line("card goes read-only", times))


def closed(file: UnitFile) -> None:
    """As far as it goes: the process ends here."""
    with suppress(DeviceFault):
        file.close()
