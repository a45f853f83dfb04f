"""The GPIO lines: the lock's strike, the door's contact and exit button, lamp and buzzer. The only import of gpiozero.

The factory is chosen by name and never replaced by another: a lock that drives mock pins stays shut for ever and
nobody is told why. The chip is found by its label, for its number differs between models and kernels.

    open_factory("lgpio") -> GpioStrike, GpioInputs, GpioIndicator
                "mock"    -> the same, on pins that drivers/simulated/gpio_bench.py serves to a test

Not responsible for: when the strike is energised (kiosk/lock), what an open door means (kiosk/door).
"""

import contextlib
import fcntl
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gpiozero
from gpiozero.pins.mock import MockFactory, MockPin

from drivers.mending import Mender
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock
from kiosk.model import ContactClosed, ContactOpened, ExitRequested, Reading
from kiosk.ports import Put

Factory = Any  # gpiozero's, which has no types


def _failures() -> tuple[type[Exception], ...]:
    """What a line that is gone may raise. lgpio is loaded by its own factory only: importing it starts a thread."""
    lgpio = sys.modules.get("lgpio")
    return (gpiozero.GPIOZeroError, OSError, *([lgpio.error] if lgpio else []))


# --- the chip -----------------------------------------------------------------------------------

HEADER_LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")  # Pi 5, Pi 4, the Pis before
_GET_CHIPINFO = 0x8044B401  # linux/gpio.h: GPIO_GET_CHIPINFO_IOCTL: name[32], label[32], lines
_LABEL = slice(32, 64)

PERSIST = tuple(Path(f"/sys/module/pinctrl_{chip}/parameters/persist_gpio_outputs") for chip in ("bcm2835", "rp1"))


def persist_gpio_outputs(parameters: tuple[Path, ...] = PERSIST) -> bool:
    """True where the kernel leaves an output as it was when its owner dies: there no lock may run.

    Raspberry Pi OS does, unless config.txt says dtparam=strict_gpiod. A kernel without the parameter lets go.
    """
    return any(path.exists() and path.read_text(encoding="ascii").strip() != "N" for path in parameters)


def label_of(device: Path) -> str:
    """A chip's label, asked of the kernel. Raises OSError."""
    with device.open("rb") as chip:
        answer = fcntl.ioctl(chip, _GET_CHIPINFO, bytes(68))
    return answer[_LABEL].split(b"\0")[0].decode("ascii", errors="replace")


def chip_number(labels: dict[int, str]) -> int | None:
    """Which of these chips has the header's lines; the lowest number where a kernel lists one twice."""
    found = [number for number, label in sorted(labels.items()) if label in HEADER_LABELS]
    return found[0] if found else None


def _labels(dev: Path) -> dict[int, str]:
    labels: dict[int, str] = {}
    for device in dev.glob("gpiochip[0-9]*"):
        with contextlib.suppress(OSError):  # a chip of another device that is not ours to open
            labels[int(device.name.removeprefix("gpiochip"))] = label_of(device)
    return labels


# --- the factory --------------------------------------------------------------------------------


def open_factory(name: str) -> Factory:
    """name: "lgpio" or "mock". Raises DeviceFault(GPIO_LOST) on any other, and where the chip cannot be opened."""
    match name:
        case "lgpio":
            return _open_lgpio()
        case "mock":
            return MockFactory(pin_class=BenchPin)
        case _:
            raise DeviceFault(Fault.GPIO_LOST)


def _open_lgpio() -> Factory:
    try:
        from gpiozero.pins.lgpio import LGPIOFactory

        chip = chip_number(_labels(Path("/dev")))
        if chip is None:
            raise DeviceFault(Fault.GPIO_LOST)
        return LGPIOFactory(chip=chip)
    except ImportError:
        raise DeviceFault(Fault.GPIO_LOST) from None
    except _failures():
        raise DeviceFault(Fault.GPIO_LOST) from None


@dataclass(frozen=True, slots=True)
class Edge:
    """mono: CLOCK_MONOTONIC in seconds, which all processes of a computer share."""

    mono: float
    level: bool


class BenchPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that keeps the time of each edge. Once driven from outside, no pull resistor moves its level.

    watchers: told of each edge by the thread that made it, so before that thread does anything more.
    """

    def __init__(self, factory: Factory, info: Any) -> None:
        self.history: list[Edge] = []
        self.watchers: list[Callable[[Edge], None]] = []
        self.changed = threading.Condition()
        self._driven = False
        super().__init__(factory, info)

    def drive(self, level: bool) -> None:
        """As a wire from outside would. Raises DeviceFault when the line is an output."""
        if self._function != "input":
            raise DeviceFault(Fault.GPIO_LOST)
        self._driven = True
        (self.drive_high if level else self.drive_low)()

    def _set_pull(self, value: str) -> None:
        if self._driven:
            self._pull = value
        else:
            super()._set_pull(value)

    def _change_state(self, value: bool) -> bool:
        changed: bool = super()._change_state(value)
        if changed:
            edge = Edge(self._last_change, bool(value))
            with self.changed:
                self.history.append(edge)
                self.changed.notify_all()
            for tell in self.watchers:
                tell(edge)
        return changed


# --- the strike ---------------------------------------------------------------------------------


class GpioStrike:
    """kiosk.ports.Strike. active_high: whether the high level energises.

    Take a relay board where it does: lgpio claims an output low before it writes, so one where it does not would
    be energised for that moment at each start.
    """

    def __init__(self, factory: Factory, pin: int, active_high: bool = True) -> None:
        with _lost_if_it_fails():
            self._line = gpiozero.DigitalOutputDevice(
                pin, active_high=active_high, initial_value=False, pin_factory=factory
            )

    def energise(self) -> None:
        with _lost_if_it_fails():
            self._line.on()

    def release(self) -> None:
        with _lost_if_it_fails():
            self._line.off()

    def is_energised(self) -> bool:
        """What the line reads back, not what was written."""
        with _lost_if_it_fails():
            return bool(self._line.value)


@contextlib.contextmanager
def _lost_if_it_fails() -> Iterator[None]:
    try:
        yield
    except _failures():
        raise DeviceFault(Fault.GPIO_LOST) from None


# --- the inputs ---------------------------------------------------------------------------------

SETTLE_S = 0.03  # contacts bounce for some milliseconds; EN 60839-11-1 wants what lasts 400 ms


@dataclass(slots=True, eq=False)
class _Input:
    """One line with its pull-up. grounded: as last told. due: when to look again after an edge, mono."""

    pin: int
    grounded: bool
    on_ground: Reading | None
    on_release: Reading | None
    due: float | None = None
    line: Any = None

    def settled(self, mono: float) -> Reading | None:
        """What to tell now: the level has changed and has had the time to settle."""
        if self.due is None or mono < self.due:
            return None
        self.due = None
        grounded = bool(self.line.value)
        if grounded == self.grounded:
            return None
        self.grounded = grounded
        return self.on_ground if grounded else self.on_release


class GpioInputs:
    """kiosk.ports.Source: the door's contact and the exit button (REX), both pulled up.

    contact: grounded while the door is shut, so that a cut wire is an open door; told at the start if it is open.
    exit_button: grounded while pressed.
    """

    def __init__(self, factory: Factory, contact: int, exit_button: int | None, clock: Clock) -> None:
        self._factory, self._clock = factory, clock
        self._inputs = [_Input(contact, True, ContactClosed(), ContactOpened())]
        if exit_button is not None:
            self._inputs.append(_Input(exit_button, False, ExitRequested(), None))
        self._edges: queue.SimpleQueue[_Input | None] = queue.SimpleQueue()
        self._mender = Mender(Fault.GPIO_LOST, _failures(), clock)

    def run(self, put: Put) -> None:
        self._mender.keep(lambda up: self._serve(up, put), put)

    def stop(self) -> None:
        self._mender.stop()
        self._edges.put(None)

    def _serve(self, up: Callable[[], None], put: Put) -> None:
        with contextlib.ExitStack() as lines:
            for one in self._inputs:
                self._claim(one, lines)
            up()
            while not self._mender.stopped:
                self._settle(put)
                self._await_edge()

    def _claim(self, one: _Input, lines: contextlib.ExitStack) -> None:
        def edge() -> None:
            self._edges.put(one)

        one.line = gpiozero.DigitalInputDevice(one.pin, pull_up=True, pin_factory=self._factory)
        lines.callback(one.line.close)
        one.line.when_activated = one.line.when_deactivated = edge
        one.due = self._clock().mono

    def _settle(self, put: Put) -> None:
        mono = self._clock().mono
        for one in self._inputs:
            reading = one.settled(mono)
            if reading is not None:
                put(reading)

    def _await_edge(self) -> None:
        """Until an edge, or until the first input is due."""
        dues = [one.due for one in self._inputs if one.due is not None]
        wait = max(0.0, min(dues) - self._clock().mono) if dues else None
        with contextlib.suppress(queue.Empty):
            one = self._edges.get(timeout=wait)
            if one is not None and one.due is None:
                one.due = self._clock().mono + SETTLE_S


# --- lamp and buzzer ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Beat:
    lamp: bool
    buzzer: bool
    seconds: float


_ON, _OFF = _Beat(True, True, 0.12), _Beat(False, False, 0.12)
_LONG_ON, _LONG_OFF = _Beat(True, True, 0.6), _Beat(False, False, 0.4)
_ALARM = "alarm"

# Each outcome has its own rhythm, to the eye and to the ear.
_TONES: dict[str, tuple[_Beat, ...]] = {
    "granted": (_Beat(True, True, 0.5), _Beat(True, False, 1.5)),
    "denied": (_ON, _OFF, _ON, _OFF, _ON),
    _ALARM: (_LONG_ON, _LONG_OFF),
    "quiet": (),
}


class GpioIndicator:
    """Lamp and buzzer. An alarm goes on, also after another tone, until "quiet"."""

    def __init__(self, factory: Factory, lamp: int, buzzer: int) -> None:
        with _lost_if_it_fails():
            self._lamp = gpiozero.DigitalOutputDevice(lamp, pin_factory=factory)
            self._buzzer = gpiozero.DigitalOutputDevice(buzzer, pin_factory=factory)
        self._asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._play, name="indicator", daemon=True)
        self._thread.start()

    def sound(self, tone: str) -> None:
        """Returns at once. tone: "granted", "denied", "alarm" or "quiet"."""
        if tone not in _TONES:
            raise KeyError(tone)
        self._asked.put(tone)

    def stop(self) -> None:
        """Dark and silent."""
        self._asked.put(None)
        self._thread.join()

    def _play(self) -> None:
        beats: Iterator[_Beat] = iter(())
        background: tuple[_Beat, ...] = ()
        while True:
            beat = next(beats, None)
            if beat is None and background:
                beats = iter(background)
                continue
            self._show(beat or _OFF)
            try:
                tone = self._asked.get(timeout=beat.seconds if beat else None)
            except queue.Empty:
                continue
            if tone is None:
                self._show(_OFF)
                return
            beats = iter(_TONES[tone])
            background = {_ALARM: _TONES[_ALARM], "quiet": ()}.get(tone, background)

    def _show(self, beat: _Beat) -> None:
        with contextlib.suppress(*_failures()):  # that the lines are gone is GpioInputs' to tell
            self._lamp.value = beat.lamp
            self._buzzer.value = beat.buzzer
