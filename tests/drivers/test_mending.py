"""A device kept open: told once when lost, once when back, with waits that grow only while it does not hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from drivers.mending import LONGEST_WAIT_S, Mender
from drivers.simulated.inbox import Inbox
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import Now

WALL = datetime(2026, 1, 1, tzinfo=UTC)
LOST, BACK = Raised(Fault.READER_LOST), Cleared(Fault.READER_LOST)


class Gone(Exception):
    pass


class PatientMender(Mender):
    """Remembers its waits instead of waiting; stops after the last of the device's lives."""

    def __init__(self, up_s: list[float | None]) -> None:
        super().__init__(Fault.READER_LOST, (Gone,), lambda: Now(WALL, self.mono, True))
        self.mono = 0.0
        self.waits: list[float] = []
        self._lives: Iterator[float | None] = iter(up_s)

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    def serve(self, up: Callable[[], None]) -> None:
        """None: does not open. Else opens, and holds so many seconds."""
        held_s = next(self._lives, -1.0)
        if held_s == -1.0:
            return self.stop()
        if held_s is not None:
            up()
            self.mono += held_s
        raise Gone


def lived(*up_s: float | None) -> tuple[PatientMender, list[object]]:
    mender, inbox = PatientMender(list(up_s)), Inbox()
    mender.keep(mender.serve, inbox)
    return mender, list(iter(lambda: inbox.next(0.0), None))


def test_waits_double_up_to_the_longest() -> None:
    mender, told = lived(*[None] * 7)
    assert mender.waits == [0.25, 0.5, 1.0, 2.0, 4.0, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert told == [LOST]


def test_a_device_that_held_is_tried_again_soon() -> None:
    mender, told = lived(None, None, 60.0, None)
    assert mender.waits == [0.25, 0.5, 0.25, 0.5]
    assert told == [LOST, BACK, LOST]


def test_a_loose_plug_does_not_flood_the_events() -> None:
    mender, _ = lived(*[0.1] * 6)
    assert mender.waits == [0.25, 0.5, 1.0, 2.0, 4.0, LONGEST_WAIT_S]
