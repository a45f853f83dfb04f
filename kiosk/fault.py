"""The closed list of faults, per device. A fault is raised and cleared; it stands beside the state, it is never one."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique


@unique
class Fault(Enum):
    READER_LOST = "reader.lost"
    KEYPAD_LOST = "keypad.lost"
    GPIO_LOST = "gpio.lost"
    LOCK_SILENT = "lock.silent"  # the lock process does not answer
    LOCK_REFUSED = "lock.refused"  # it answered no: a pulse too long, a grant used twice
    LOCK_STUCK = "lock.stuck"  # the line does not read back what was written
    STORE_SILENT = "store.silent"  # no answer in time: the question may have arrived
    STORE_NONSENSE = "store.nonsense"  # an answer that is not in the contract
    STORE_REFUSES_DEVICE = "store.refuses_device"  # our certificate is missing, revoked or of another CA
    STORE_NOT_TRUSTED = "store.not_trusted"  # its certificate is of another CA, another name, out of date
    CLOCK_BEHIND = "clock.behind"  # before our own certificate began: the store's cannot be judged
    OUTBOX_FULL = "outbox.full"
    OUTBOX_BROKEN = "outbox.broken"
    OUTBOX_NEWER = "outbox.newer"  # a later program wrote it: this one must not write there
    OUTBOX_SET_ASIDE = "outbox.set_aside"  # a damaged one lies beside the new one, for a technician
    OUTBOX_OLD = "outbox.old"  # what waits has waited long
    OUTBOX_TOO_OLD = "outbox.too_old"  # so long that no more is lent without the store
    OUTBOX_MANY = "outbox.many"  # as many events wait as the site allows
    OUTBOX_LARGE = "outbox.large"  # the file is as large as the site allows
    DISK_LOW = "disk.low"
    PANEL_LOST = "panel.lost"


OUTBOX = frozenset({Fault.OUTBOX_FULL, Fault.OUTBOX_BROKEN, Fault.OUTBOX_NEWER})  # nothing can be written down
STRAINED = frozenset({Fault.OUTBOX_TOO_OLD, Fault.OUTBOX_MANY, Fault.OUTBOX_LARGE, Fault.DISK_LOW})
"""What there is room for is returns, and loans that the store has confirmed."""


class DeviceFault(Exception):
    """The one exception that may leave a port. Carries no text from outside: it could name a patron."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Raised:
    fault: Fault


@dataclass(frozen=True, slots=True)
class Cleared:
    fault: Fault


class FaultEdge:
    """Turns "it failed" and "it worked" into Raised and Cleared, one each time it changes."""

    def __init__(self, put: Callable[[Raised | Cleared], None]) -> None:
        self._put = put
        self._standing: Fault | None = None

    def failed(self, fault: Fault) -> None:
        if fault is not self._standing:
            self.worked()
            self._standing = fault
            self._put(Raised(fault))

    def worked(self) -> None:
        if self._standing is not None:
            self._put(Cleared(self._standing))
            self._standing = None
