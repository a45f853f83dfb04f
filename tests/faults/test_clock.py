"""The wall clock is set a day or ten years off in the middle of everything: nothing is lost, and order stays."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

from drivers.simulated.clock import set_offset
from kiosk.demo.site import Site
from kiosk.event import DoorClosed, Event
from kiosk.fault import Cleared, Fault, Raised
from sync import seal
from sync.limits import Chores, Limits
from tests.e2e import rig
from tests.e2e.conftest import begun as begun
from tests.e2e.conftest import site as site
from tests.faults.lives import ITEMS, Till
from tests.faults.tally import Line
from tests.sync.bench_store import BenchClock, BenchStore, Unit

DAY, TEN_YEARS = timedelta(days=1), timedelta(days=3652)
JUMPS = [DAY, -DAY, TEN_YEARS, -TEN_YEARS]
KEY = seal.generate()
_LIMITS = Limits(least_free=0)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_what_is_recorded_around_a_jump_arrives_in_its_order(
    tmp_path: Path, tell: Callable[[Line], None], jump: timedelta
) -> None:
    unit, store, said = Unit(tmp_path / "unit", BenchClock(), KEY), BenchStore(KEY), list[Event]()
    for number in range(60):
        said.append(DoorClosed(number))
        unit.outbox.record(said[-1])
        unit.clock.advance(300)  # a fresh key now and then
        unit.clock.turn(
            unit.clock.now.wall + (jump if number % 10 == 5 else -jump if number % 10 == 8 else timedelta())
        )
        if number % 20 == 19:
            again = unit.died(tmp_path / str(number))
            unit.close()
            unit = again
    while (batch := unit.outbox.pending()).events:
        unit.outbox.confirm(store.push(batch).results)
    unit.close()
    assert store.kept == list(enumerate(said, 1))
    tell(Line(f"clock set by {jump.days} days, outbox", 12, len(said), len(store.kept), 0, 0))


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_makes_nothing_old_that_was_recorded_in_this_boot(tmp_path: Path, jump: timedelta) -> None:
    unit, told = Unit(tmp_path / "unit", BenchClock(), KEY), list[Raised | Cleared]()
    chores = Chores(unit.file, unit.outbox, _LIMITS, told.append)
    unit.outbox.record(DoorClosed(1))
    unit.clock.turn(unit.clock.now.wall + jump)
    chores.do()
    assert told == []
    unit.close()


def test_after_a_start_with_a_wrong_clock_what_waits_is_old_until_the_clock_is_right(tmp_path: Path) -> None:
    unit, told = Unit(tmp_path / "unit", BenchClock(), KEY), list[Raised | Cleared]()
    unit.outbox.record(DoorClosed(1))
    right = unit.clock.now.wall
    unit.clock.turn(right + TEN_YEARS)
    again = unit.died(tmp_path / "again")
    chores = Chores(again.file, again.outbox, _LIMITS, told.append)
    chores.do()
    again.clock.turn(right)
    chores.do()
    old = (Fault.OUTBOX_OLD, Fault.OUTBOX_TOO_OLD)
    assert told == [*(Raised(fault) for fault in old), *(Cleared(fault) for fault in old)]
    for one in (unit, again):
        one.close()


@pytest.mark.parametrize("silent", [False, True], ids=["with its store", "without its store"])
def test_a_machine_whose_clock_jumps_between_card_and_book_loses_no_loan(
    site: Site, tell: Callable[[Line], None], silent: bool
) -> None:
    """The store's own clock is right. Alone, a machine whose clock is off lends nothing, but for a day ahead."""
    clock = site.folder / "counter-clock"
    set_offset(clock, 0)
    with rig.open_store(site):
        till = Till(site, Random(1), clock)  # noqa: S311
        if not silent:
            _lend(till, clock, silent)
    if silent:
        _lend(till, clock, silent)
    till.close()
    tell(till.count.line(f"clock set in a loan, {'store silent' if silent else 'store there'}"))
    assert till.count.is_good()
    assert till.count.confirmed == (1 if silent else len(JUMPS))


def _lend(till: Till, clock: Path, silent: bool) -> None:
    """Once with each jump, and the right time in between."""
    for item, jump in zip(ITEMS, JUMPS, strict=True):
        till.loan("show after", item, silent=silent, before=partial(set_offset, clock, jump.total_seconds()))
        set_offset(clock, 0)
