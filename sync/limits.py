"""What may wait here, how long, and on how little disk: one fault for each limit, raised and cleared as it is crossed.

Also the chores of every round: what a full disk refused is written, what a technician ordered is done.
Not responsible for: what a machine does less while a limit stands (kiosk/checkout).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.fault import Cleared, Fault, Raised
from sync import orders
from sync.outbox import Outbox
from sync.rows import Counts
from sync.store import damage
from sync.store.file import UnitFile


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the oldest that waits, in seconds; of what waits, in events; of the file and of what is free, in bytes."""

    old_s: float = 24 * 3600.0
    too_old_s: float = 72 * 3600.0
    most_events: int = 50_000
    most_bytes: int = 48 << 20
    least_free: int = 64 << 20


def crossed(limits: Limits, counts: Counts, free: int) -> frozenset[Fault]:
    """free: bytes that this user may still write on the disk."""
    found = {
        Fault.OUTBOX_OLD: counts.oldest_s > limits.old_s,
        Fault.OUTBOX_TOO_OLD: counts.oldest_s > limits.too_old_s,
        Fault.OUTBOX_MANY: counts.waiting + counts.parked > limits.most_events,
        Fault.OUTBOX_LARGE: counts.bytes > limits.most_bytes,
        Fault.DISK_LOW: free < limits.least_free,
    }
    return frozenset(fault for fault, stands in found.items() if stands)


class DamagedMeanwhile(Exception):
    """Ends the process, as a bug does: the start that follows sets the file aside and saves what can be read."""


class Chores:
    """`do` before each round, and so once at the start. Raises DeviceFault(OUTBOX_*), DamagedMeanwhile."""

    def __init__(
        self, file: UnitFile, outbox: Outbox, limits: Limits, tell: Callable[[Raised | Cleared], None]
    ) -> None:
        self._file, self._outbox, self._limits, self._tell = file, outbox, limits, tell
        self._standing: frozenset[Fault] = frozenset()

    def do(self) -> None:
        if self._file.is_damaged:
            raise DamagedMeanwhile
        self._outbox.settle()
        orders.carry_out(self._file.path, self._outbox)
        aside = {Fault.OUTBOX_SET_ASIDE} if damage.aside(self._file.path) else set()
        self._become(crossed(self._limits, self._outbox.counts(), self._free()) | aside)

    def _free(self) -> int:
        found = os.statvfs(self._file.path.parent)
        return found.f_bavail * found.f_frsize

    def _become(self, standing: frozenset[Fault]) -> None:
        before, self._standing = self._standing, standing
        for fault in sorted(before ^ standing, key=lambda fault: fault.value):
            self._tell(Raised(fault) if fault in standing else Cleared(fault))
