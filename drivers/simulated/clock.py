"""A clock whose wall time a test moves from outside, through a file of one number: seconds ahead of the real clock.

Monotonic time stays the real one: deadlines and pulses are not to notice.
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kiosk.loop import Clock
from kiosk.model import Now

_OFFSET = struct.Struct("<d")


def set_offset(path: Path, seconds: float) -> None:
    """Seen at the next look at the clock, by every process that has one on this file."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(_OFFSET.size)
        file.write(_OFFSET.pack(seconds))


def simulated_clock(path: Path, real: Clock) -> Clock:
    """Wall time of `real` moved by the file; always synced. Where there is no file yet, the real wall time."""
    offset_s = _reader(path)

    def now() -> Now:
        seen = real()
        return replace(seen, wall=seen.wall + timedelta(seconds=offset_s()), synced=True)

    return now


def _reader(path: Path) -> Callable[[], float]:
    """Maps the file once it is there: then a look costs no system call."""
    mapped: list[mmap.mmap] = []

    def offset_s() -> float:
        if not mapped:
            if not path.exists() or path.stat().st_size < _OFFSET.size:
                return 0.0
            with path.open("rb") as file:
                mapped.append(mmap.mmap(file.fileno(), _OFFSET.size, access=mmap.ACCESS_READ))
        return float(_OFFSET.unpack_from(mapped[0])[0])

    return offset_s
