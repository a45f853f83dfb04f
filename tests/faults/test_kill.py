"""The counter's and the door's processes are killed at every step of a loan and of an entry, and started again.

What the screen or the lock has confirmed arrives at the store exactly once. What it has not confirmed is no loan
there, with one exception that is counted: killed between the commit and the screen, the loan is on the disk.
"""

from collections.abc import Callable
from itertools import cycle, islice
from random import Random

import pytest

from kiosk.demo.site import Site
from tests.e2e import rig
from tests.e2e.conftest import begun as begun
from tests.e2e.conftest import site as site
from tests.faults.lives import AT_ANY_TIME, ITEMS, Gate, Till
from tests.faults.mortal import AT_COUNTER, AT_DOOR
from tests.faults.tally import Line

SLOW = (pytest.mark.faults, pytest.mark.timeout(5400))
QUICK_KILLS, SLOW_KILLS = 4, 200
OFFLINE = tuple(step for step in AT_COUNTER if step.startswith(("record", "show")))


def steps(of: tuple[str, ...], kills: int) -> list[str]:
    """Each as often as the others, and as often a moment that no step names; the order is always the same."""
    every = [*of, *[AT_ANY_TIME] * len(of)]
    Random(3).shuffle(every)  # noqa: S311
    return list(islice(cycle(every), kills))


@pytest.mark.parametrize("kills", [QUICK_KILLS, pytest.param(SLOW_KILLS, marks=SLOW)])
@pytest.mark.parametrize("silent", [False, True], ids=["with its store", "without its store"])
def test_a_loan_is_there_once_when_the_screen_has_said_so(
    site: Site, tell: Callable[[Line], None], silent: bool, kills: int
) -> None:
    with rig.open_store(site):
        till = Till(site, Random(kills))  # noqa: S311
        for number, step in enumerate(steps(AT_COUNTER, 0 if silent else kills)):
            till.loan(step, ITEMS[number % len(ITEMS)], silent=False)
    for number, step in enumerate(steps(OFFLINE, kills if silent else 0)):
        till.loan(step, ITEMS[number % len(ITEMS)], silent=True)
    till.close()
    tell(till.count.line(f"kill -9 of the counter, {'store silent' if silent else 'store there'}"))
    assert till.count.is_good()


@pytest.mark.parametrize("kills", [QUICK_KILLS, pytest.param(SLOW_KILLS, marks=SLOW)])
def test_an_entry_is_there_once_when_the_door_has_opened(site: Site, tell: Callable[[Line], None], kills: int) -> None:
    with rig.open_store(site):
        gate = Gate(site, Random(kills))  # noqa: S311
        for step in steps(AT_DOOR, kills):
            gate.entry(step)
        gate.close()
    tell(gate.count.line("kill -9 of the door"))
    assert gate.count.is_good()
