"""GPIO on mock pins; another process drives and watches them over the bench's socket."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.gpio import (
    SETTLE_S,
    Edge,
    Factory,
    GpioIndicator,
    GpioInputs,
    GpioStrike,
    chip_number,
    open_factory,
    persist_gpio_outputs,
)
from drivers.simulated.gpio_bench import BenchError, GpioBench, serve_bench
from drivers.simulated.inbox import Inbox, running
from kiosk.fault import DeviceFault, Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import ContactClosed, ContactOpened, ExitRequested, Now

STRIKE, CONTACT, EXIT, LAMP, BUZZER = 17, 22, 27, 23, 24
WAIT_S = 10.0


@pytest.fixture
def factory() -> Iterator[Factory]:
    made = open_factory("mock")
    yield made
    made.close()


@pytest.fixture
def bench(factory: Factory, tmp_path: Path) -> Iterator[GpioBench]:
    end = serve_bench(factory, tmp_path / "bench", held_low=[CONTACT])
    made = GpioBench(tmp_path / "bench")
    yield made
    made.close()
    end()


# --- the factory --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["native", "pigpio", "", "Mock", "lgpio"])
def test_another_name_or_a_chip_that_is_not_there_is_a_fault_and_never_another_factory(name: str) -> None:
    with pytest.raises(DeviceFault) as met:
        open_factory(name)
    assert met.value.fault is Fault.GPIO_LOST


@pytest.mark.parametrize(
    ("labels", "number"),
    [
        ({0: "pinctrl-rp1", 10: "gpio-brcmstb@107d508500"}, 0),
        ({0: "gpio-brcmstb@107d508500", 4: "pinctrl-rp1"}, 4),
        ({0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}, 0),
        ({0: "pinctrl-rp1", 4: "pinctrl-rp1"}, 0),
        ({0: "gpio-sim"}, None),
        ({}, None),
    ],
)
def test_the_chip_is_found_by_its_label(labels: dict[int, str], number: int | None) -> None:
    assert chip_number(labels) == number


@pytest.mark.parametrize(("said", "persists"), [("Y\n", True), ("1\n", True), ("N\n", False), (None, False)])
def test_a_kernel_that_keeps_outputs_high_is_noticed(tmp_path: Path, said: str | None, persists: bool) -> None:
    parameter = tmp_path / "persist_gpio_outputs"
    if said is not None:
        parameter.write_text(said)
    assert persist_gpio_outputs((tmp_path / "another chip", parameter)) is persists


# --- the strike ---------------------------------------------------------------------------------


@pytest.mark.parametrize("active_high", [True, False])
def test_the_strike_rests_and_is_energised_and_released(factory: Factory, active_high: bool) -> None:
    strike = GpioStrike(factory, STRIKE, active_high)
    assert not strike.is_energised()
    strike.energise()
    assert strike.is_energised()
    assert bool(factory.pin(STRIKE).state) is active_high
    strike.release()
    assert not strike.is_energised()


def test_is_energised_reads_the_line_and_not_what_was_written(factory: Factory) -> None:
    strike = GpioStrike(factory, STRIKE)
    strike.energise()
    factory.pin(STRIKE)._change_state(False)  # a short circuit
    assert not strike.is_energised()


def test_a_line_has_one_owner(factory: Factory) -> None:
    owner = GpioStrike(factory, STRIKE)
    with pytest.raises(DeviceFault) as met:
        GpioStrike(factory, STRIKE)
    assert not owner.is_energised()
    assert met.value.fault is Fault.GPIO_LOST


UNIT = """
import sys
from pathlib import Path
from drivers.gpio import GpioStrike, open_factory
from drivers.simulated.gpio_bench import serve_bench

factory = open_factory("mock")
strike = GpioStrike(factory, int(sys.argv[2]))
end = serve_bench(factory, Path(sys.argv[1]))
print("up", flush=True)
for line in sys.stdin:
    strike.energise()
    strike.release()
    print("pulsed", flush=True)
end()
"""


def test_edges_are_timed_in_the_process_where_they_happen(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UNIT, str(tmp_path / "bench"), str(STRIKE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as unit:
        assert unit.stdin is not None
        assert unit.stdout is not None
        assert unit.stdout.readline() == "up\n"
        bench = GpioBench(tmp_path / "bench")
        before = system_clock().mono
        unit.stdin.write("pulse\n")
        unit.stdin.flush()
        assert unit.stdout.readline() == "pulsed\n"
        after = system_clock().mono
        rose, fell = bench.edges(STRIKE)
        assert (rose.level, fell.level) == (True, False)
        assert before <= rose.mono <= fell.mono <= after
        assert bench.wait_for(STRIKE, False, WAIT_S) == fell.mono
        assert not bench.level(STRIKE)
        bench.close()
    assert unit.returncode == 0


# --- the bench ----------------------------------------------------------------------------------


def test_an_output_is_not_driven_from_outside(factory: Factory, bench: GpioBench) -> None:
    strike = GpioStrike(factory, STRIKE)
    with pytest.raises(BenchError):
        bench.drive(STRIKE, True)
    assert not strike.is_energised()


def test_an_edge_that_does_not_come_is_told(factory: Factory, bench: GpioBench) -> None:
    strike = GpioStrike(factory, STRIKE)
    with pytest.raises(BenchError, match="did not go high"):
        bench.wait_for(STRIKE, True, 0.01)
    assert not strike.is_energised()


# --- the inputs ---------------------------------------------------------------------------------


def inputs(factory: Factory) -> GpioInputs:
    return GpioInputs(factory, CONTACT, EXIT, system_clock)


def test_a_shut_door_says_nothing_at_the_start_and_then_each_change(factory: Factory, bench: GpioBench) -> None:
    with running(inputs(factory), Inbox()) as inbox:
        assert inbox.next(4 * SETTLE_S) is None
        bench.drive(CONTACT, True)
        assert inbox.next() == ContactOpened()
        bench.drive(CONTACT, False)
        assert inbox.next() == ContactClosed()


def test_a_door_open_at_the_start_is_told_at_once(factory: Factory, bench: GpioBench) -> None:
    bench.drive(CONTACT, True)
    with running(inputs(factory), Inbox()) as inbox:
        assert inbox.next() == ContactOpened()


def test_a_cut_wire_is_an_open_door(factory: Factory) -> None:
    with running(inputs(factory), Inbox()) as inbox:
        assert inbox.next() == ContactOpened()


def test_a_press_of_the_exit_button_is_one_request_and_its_release_none(factory: Factory, bench: GpioBench) -> None:
    with running(inputs(factory), Inbox()) as inbox:
        for _ in range(2):
            bench.drive(EXIT, False)
            assert inbox.next() == ExitRequested()
            bench.drive(EXIT, True)
            assert inbox.next(4 * SETTLE_S) is None


class HeldClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.mono = 100.0

    def __call__(self) -> Now:
        return replace(system_clock(), mono=self.mono)


@contextmanager
def open_door(factory: Factory, bench: GpioBench, clock: HeldClock) -> Iterator[Inbox]:
    """Inputs at work that have told of an open door."""
    bench.drive(CONTACT, True)
    with running(GpioInputs(factory, CONTACT, EXIT, clock), Inbox()) as inbox:
        assert inbox.next() == ContactOpened()
        yield inbox


def test_a_bouncing_contact_is_one_closing(factory: Factory, bench: GpioBench) -> None:
    clock = HeldClock()
    with open_door(factory, bench, clock) as inbox:
        for high in (False, True, False, True, False):
            bench.drive(CONTACT, high)
            assert inbox.next(SETTLE_S / 5) is None
        while (told := inbox.next(SETTLE_S)) is None:
            clock.mono += SETTLE_S
        assert told == ContactClosed()
        clock.mono += SETTLE_S
        assert inbox.next(4 * SETTLE_S) is None


def test_a_glitch_is_nothing(factory: Factory, bench: GpioBench) -> None:
    clock = HeldClock()
    with open_door(factory, bench, clock) as inbox:
        bench.drive(CONTACT, False)
        assert inbox.next(SETTLE_S) is None
        bench.drive(CONTACT, True)
        clock.mono += SETTLE_S
        assert inbox.next(4 * SETTLE_S) is None


def test_a_pin_that_another_owns_is_a_lost_line(factory: Factory) -> None:
    owner = GpioStrike(factory, CONTACT)
    with running(inputs(factory), Inbox()) as inbox:
        assert inbox.next() == Raised(Fault.GPIO_LOST)
    assert not owner.is_energised()


# --- lamp and buzzer ----------------------------------------------------------------------------


@pytest.fixture
def indicator(factory: Factory) -> Iterator[GpioIndicator]:
    made = GpioIndicator(factory, LAMP, BUZZER)
    yield made
    made.stop()


def beeps(bench: GpioBench) -> list[Edge]:
    return [edge for edge in bench.edges(BUZZER) if edge.level]


def test_denied_is_three_short_beeps_and_granted_one(
    bench: GpioBench, indicator: GpioIndicator, factory: Factory
) -> None:
    indicator.sound("granted")
    bench.wait_for(BUZZER, True, WAIT_S)
    bench.wait_for(BUZZER, False, WAIT_S)
    assert bench.level(LAMP)
    assert len(beeps(bench)) == 1
    indicator.sound("denied")
    for _ in range(3):
        bench.wait_for(BUZZER, True, WAIT_S)
        bench.wait_for(BUZZER, False, WAIT_S)
    assert len(beeps(bench)) == 4


def test_an_alarm_goes_on_after_another_tone_until_quiet(bench: GpioBench, indicator: GpioIndicator) -> None:
    indicator.sound("alarm")
    bench.wait_for(BUZZER, True, WAIT_S)
    indicator.sound("denied")
    bench.wait_for(BUZZER, False, WAIT_S)
    for _ in range(3):  # more than the two beeps that are left of `denied`
        bench.wait_for(BUZZER, True, WAIT_S)
        bench.wait_for(BUZZER, False, WAIT_S)
    indicator.sound("quiet")
    bench.wait_for(LAMP, False, WAIT_S)
    assert not bench.level(BUZZER)


def test_an_unknown_tone_is_a_bug(indicator: GpioIndicator) -> None:
    with pytest.raises(KeyError):
        indicator.sound("hoot")
