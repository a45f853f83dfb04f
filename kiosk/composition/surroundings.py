"""What every unit of this computer stands on: its clock, its sockets, the signals that end it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from config.settings import Settings
from drivers.simulated.clock import simulated_clock
from kiosk import watchdog
from kiosk.loop import Clock, system_clock


class NotFit(Exception):
    """This unit will not run as things are; the text says why and what to do."""


def clock_of(settings: Settings) -> Clock:
    if settings.clock.source == "simulated":
        return simulated_clock(settings.clock.file, system_clock)
    return system_clock


def lock_socket(settings: Settings) -> Path:
    return settings.device.run_dir / "lock.sock"


def panel_socket(settings: Settings) -> Path:
    return settings.device.run_dir / "panel.sock"


@contextmanager
def stopped_by_signal(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT stop the unit instead of the process."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        watchdog.stopping()
        stop()

    before = [(number, signal.signal(number, heard)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
