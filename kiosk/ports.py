"""The ports: every boundary to hardware or to the network, as Protocols that speak model, event and fault only.

A port answers with a value, or raises DeviceFault; nothing else leaves it.
Not responsible for: threads. A port that waits is called from a worker (loop.py).
"""

from collections.abc import Callable
from typing import Protocol

from kiosk.event import Event
from kiosk.fault import Cleared, Raised
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Borrower,
    BranchId,
    Credential,
    EventId,
    GrantId,
    ItemId,
    Loan,
    NotLent,
    PatronId,
    Pin,
    Reading,
    Return,
    ReturnRefusal,
    Standing,
)

Put = Callable[[Reading | Raised | Cleared], None]


class Source(Protocol):
    """A device that speaks by itself: a reader, a keypad, an input line.

    `run` blocks its own thread until `stop`, puts every reading, and mends itself: a lost device is
    put as Raised, tried again with back-off, and put as Cleared when it is back. It raises nothing.
    """

    def run(self, put: Put) -> None: ...
    def stop(self) -> None: ...


class CentralStore(Protocol):
    """The questions a machine asks. Each has a hard deadline and raises DeviceFault(STORE_*).

    After STORE_SILENT the question may have arrived: `event` makes the same question harmless to repeat.
    """

    def authenticate(self, card: Credential, pin: Pin) -> Borrower | AuthRefusal: ...
    def admission(self, card: Credential, pin: Pin, branch: BranchId) -> AdmissionFacts | AuthRefusal: ...
    def checkout(self, patron: PatronId, item: ItemId, event: EventId) -> Loan | NotLent: ...
    def checkin(self, item: ItemId, event: EventId) -> Return | ReturnRefusal: ...


class Cards(Protocol):
    """What this machine knows of cards without asking. Raises nothing: what cannot be read is UNTOLD, or not kept.

    proven: its PIN has just been right. All but `standing` of a proven card may take a tenth of a second.
    """

    def standing(self, card: Credential, *, proven: bool) -> Standing: ...
    def saw(self, card: Credential) -> None: ...
    def forget(self, card: Credential) -> None: ...


class Recorder(Protocol):
    """Where events are kept. When `record` returns, the event is on the disk. Raises DeviceFault(OUTBOX_*).

    event_id: given when the store was asked under it; else the recorder makes a random one.
    ask: before the store is asked to lend. Should this process die before `record` or `answered` of the same id, the
    loan is given up at the next start.
    """

    def record(self, event: Event, event_id: EventId | None = None) -> None: ...
    def ask(self, event_id: EventId, item: ItemId) -> None: ...
    def answered(self, event_id: EventId) -> None: ...


class Lock(Protocol):
    """Asks the lock process for one pulse; returns when the line has been read back as energised.

    seconds: at most what the lock process allows. Raises DeviceFault(LOCK_*).
    """

    def pulse(self, grant: GrantId, seconds: float) -> None: ...


class Strike(Protocol):
    """The lock's one output line, owned by the lock process. Raises DeviceFault(GPIO_LOST)."""

    def energise(self) -> None: ...
    def release(self) -> None: ...
    def is_energised(self) -> bool: ...
