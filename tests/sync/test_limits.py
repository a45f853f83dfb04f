"""Each limit is a fault of its own, told once when it is crossed and once when it is not any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.event import DoorClosed, DoorHeld, LoanGivenUp
from kiosk.fault import STRAINED, Cleared, DeviceFault, Fault, Raised
from kiosk.model import EventId, ItemId
from sync import orders, seal
from sync.limits import Chores, DamagedMeanwhile, Limits, crossed
from sync.orders import Order
from sync.rows import Counts
from sync.store import damage
from sync.store.file import PAGE
from tests.sync.bench_store import BenchClock, BenchStore, Unit

KEY = seal.generate()
GIVEN_UP = LoanGivenUp(EventId("a" * 32), ItemId("5001234567"))
LIMITS = Limits(old_s=60, too_old_s=600, most_events=10, most_bytes=1 << 20, least_free=0)
CALM = Counts(waiting=1, parked=0, oldest_s=1.0, bytes=4096)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    yield made
    made.close()


@pytest.fixture
def told() -> list[Raised | Cleared]:
    return []


@pytest.fixture
def chores(unit: Unit, told: list[Raised | Cleared]) -> Chores:
    return Chores(unit.file, unit.outbox, LIMITS, told.append)


@pytest.mark.parametrize(
    ("counts", "free", "faults"),
    [
        (CALM, 1, set()),
        (Counts(10, 0, 60.0, 1 << 20), 0, set()),
        (Counts(1, 0, 60.1), 1, {Fault.OUTBOX_OLD}),
        (Counts(1, 0, 600.1), 1, {Fault.OUTBOX_OLD, Fault.OUTBOX_TOO_OLD}),
        (Counts(6, 5, 0.0), 1, {Fault.OUTBOX_MANY}),
        (Counts(1, 0, 0.0, (1 << 20) + 1), 1, {Fault.OUTBOX_LARGE}),
    ],
)
def test_a_limit_is_crossed_beyond_it_and_not_at_it(counts: Counts, free: int, faults: set[Fault]) -> None:
    assert crossed(LIMITS, counts, free) == faults


def test_a_disk_with_less_than_the_limit_is_low() -> None:
    limits = Limits(least_free=100)
    assert crossed(limits, CALM, 99) == {Fault.DISK_LOW}
    assert crossed(limits, CALM, 100) == set()


def test_every_limit_but_the_first_warning_ends_lending_without_the_store() -> None:
    everything = crossed(Limits(0, 0, 0, 0, 1), Counts(1, 1, 1.0, 1), 0)
    assert everything - STRAINED == {Fault.OUTBOX_OLD}
    assert everything >= STRAINED


def test_a_fault_is_told_once_when_it_begins_and_once_when_it_ends(
    unit: Unit, chores: Chores, told: list[Raised | Cleared]
) -> None:
    unit.outbox.record(DoorHeld())
    chores.do()
    assert told == []
    unit.clock.advance(61)
    chores.do()
    chores.do()
    assert told == [Raised(Fault.OUTBOX_OLD)]
    unit.outbox.confirm(BenchStore(KEY).push(unit.outbox.pending()).results)
    chores.do()
    chores.do()
    assert told == [Raised(Fault.OUTBOX_OLD), Cleared(Fault.OUTBOX_OLD)]


def test_the_size_is_of_the_pages_in_use(unit: Unit) -> None:
    empty = unit.outbox.counts().bytes
    unit.outbox.record_all([(DoorClosed(number), None) for number in range(500)])
    full = unit.outbox.counts().bytes
    assert full > empty + 100_000
    store = BenchStore(KEY)
    while (batch := unit.outbox.pending()).events:
        unit.outbox.confirm(store.push(batch).results)
    assert unit.outbox.counts().bytes < empty + 50_000


def test_a_damaged_file_that_was_set_aside_is_a_fault_until_it_is_taken_away(
    unit: Unit, chores: Chores, told: list[Raised | Cleared]
) -> None:
    aside = unit.path.with_name("unit.db.20260302T101500Z.broken")
    aside.mkdir()
    chores.do()
    aside.rmdir()
    chores.do()
    assert told == [Raised(Fault.OUTBOX_SET_ASIDE), Cleared(Fault.OUTBOX_SET_ASIDE)]


def test_a_file_that_is_damaged_while_the_unit_runs_ends_the_unit_and_the_next_start_saves_it(
    unit: Unit, chores: Chores, tmp_path: Path
) -> None:
    unit.outbox.record_all([(DoorClosed(number), EventId(f"{number:032d}")) for number in range(400)])
    unit.file.erase()
    with unit.file.statements() as statements:
        ((root,),) = statements.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_events_1'")
        statements.run("PRAGMA cache_size = 1")
    with unit.path.open("r+b") as file:
        file.seek((int(str(root)) - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    chores.do()
    with pytest.raises(DeviceFault) as caught:
        unit.outbox.record(DoorHeld())
    assert caught.value.fault is Fault.OUTBOX_BROKEN
    with pytest.raises(DamagedMeanwhile):
        chores.do()
    again = unit.died(tmp_path / "again")
    assert again.outbox.counts().waiting == 400
    assert len(damage.aside(again.path)) == 1
    again.close()


def test_a_full_disk_ends_nothing(unit: Unit, chores: Chores) -> None:
    _limit_pages(unit, 1)
    with pytest.raises(DeviceFault):
        unit.outbox.record_all([(DoorClosed(number), None) for number in range(1000)])
    chores.do()


def test_orders_are_carried_out_at_each_round(unit: Unit, chores: Chores) -> None:
    name = orders.give(unit.path, Order(EventId("b" * 32)))
    chores.do()
    assert orders.answers(unit.path) == {name: orders.NOT_PARKED}


def test_a_loan_given_up_that_a_full_disk_refused_is_written_when_there_is_room(
    unit: Unit, chores: Chores, tmp_path: Path
) -> None:
    unit.outbox.ask(GIVEN_UP.asked, GIVEN_UP.item)
    _limit_pages(unit, 1)

    def fill() -> None:
        while True:
            unit.outbox.record(DoorHeld())

    with pytest.raises(DeviceFault) as caught:
        fill()
    assert caught.value.fault is Fault.OUTBOX_FULL
    with pytest.raises(DeviceFault):
        unit.outbox.record(GIVEN_UP)
    chores.do()
    assert _kinds(unit).count("loan.given_up") == 0
    died = unit.died(tmp_path / "died")
    assert _kinds(died).count("loan.given_up") == 1  # the intent remained
    died.close()
    _limit_pages(unit, 10_000)
    chores.do()
    chores.do()
    assert _kinds(unit).count("loan.given_up") == 1


def test_an_answer_that_a_full_disk_would_not_note_is_noted_when_there_is_room(
    unit: Unit, chores: Chores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loan that the store has confirmed would be given up at the next start."""
    unit.outbox.ask(GIVEN_UP.asked, GIVEN_UP.item)

    def full() -> None:
        raise DeviceFault(Fault.OUTBOX_FULL)

    with monkeypatch.context() as patch:
        patch.setattr(unit.file, "statements", full)
        unit.outbox.answered(GIVEN_UP.asked)
    chores.do()
    died = unit.died(tmp_path / "died")
    assert _kinds(died) == []
    died.close()


def _limit_pages(unit: Unit, pages: int) -> None:
    with unit.file.statements() as statements:
        statements.run(f"PRAGMA max_page_count = {pages}")


def _kinds(unit: Unit) -> list[str]:
    with unit.file.statements() as statements:
        return [str(kind) for (kind,) in statements.rows("SELECT kind FROM events")]
