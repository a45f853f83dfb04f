"""Keeps a device open: told once when it is lost, tried again with back-off, told once when it is back.

    open --fails--> Raised, wait 0.25 s --fails--> wait 0.5 s ... 5 s --opens--> Cleared

A device that was up for less than STEADY_S goes on with the longer wait: a loose plug does not flood the events.
Not responsible for: what the device is.
"""

from collections.abc import Callable
from threading import Event

from kiosk.fault import Fault, FaultEdge
from kiosk.loop import Clock
from kiosk.ports import Put

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 5.0
STEADY_S = 5.0

Serve = Callable[[Callable[[], None]], None]


class Mender:
    """failures: what the device's library raises when it is lost; anything else is a bug and goes through."""

    def __init__(self, fault: Fault, failures: tuple[type[Exception], ...], clock: Clock) -> None:
        self._fault, self._failures, self._clock = fault, failures, clock
        self._stopped = Event()
        self._wait_s = FIRST_WAIT_S

    def keep(self, serve: Serve, put: Put) -> None:
        """Blocks until `stop`. serve: opens the device, calls its argument once it is up, works until stopped."""
        edge = FaultEdge(put)
        while not self.stopped:
            self._once(serve, edge)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def pause(self, seconds: float) -> None:
        """Waits, at most until `stop`."""
        self._stopped.wait(seconds)

    def _once(self, serve: Serve, edge: FaultEdge) -> None:
        up_since: list[float] = []

        def up() -> None:
            up_since.append(self._clock().mono)
            edge.worked()

        try:
            serve(up)
        except self._failures:
            if up_since and self._clock().mono - up_since[0] >= STEADY_S:
                self._wait_s = FIRST_WAIT_S
            edge.failed(self._fault)
            self.pause(self._wait_s)
            self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
