"""A device on a serial line, as a Source: bytes in on its own thread, readings out. The only import of pyserial.

Woken by the first byte; the time-out is only for noticing silence and `stop`.
No byte that was read stands in a log or an exception: it may be a card's.

Not responsible for: what the bytes mean (framing.py, keypad.py).
"""

import contextlib
import termios
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import serial

from drivers.mending import Mender
from kiosk.fault import Fault
from kiosk.loop import Clock
from kiosk.model import Reading
from kiosk.ports import Put

SILENCE_S = 0.25
_MOST = 4096  # bytes in one read

# A pulled plug is one of these, depending on the call that meets it.
FAILURES = (serial.SerialException, OSError, termios.error)


class Decoder(Protocol):
    """Pure: bytes to readings; `cut` when the cable is out and nothing more comes of what is begun."""

    def feed(self, data: bytes, mono: float) -> Iterable[Reading]: ...
    def cut(self) -> Iterable[Reading]: ...


@dataclass(frozen=True, slots=True)
class SerialLine:
    """path: the stable one, /dev/serial/by-id/... parity: N, E or O. Eight bits, one stop bit, no flow control."""

    path: str
    baud: int = 9600
    parity: str = "N"

    def open(self) -> serial.Serial:
        """Raw, and for us alone. Raises one of FAILURES."""
        port = serial.Serial(
            self.path, self.baud, parity=self.parity, timeout=SILENCE_S, write_timeout=SILENCE_S, exclusive=True
        )
        # An FTDI chip holds bytes back 16 ms, unless asked. Where the driver knows no such thing there is no delay.
        with contextlib.suppress(ValueError, OSError, NotImplementedError):
            port.set_low_latency_mode(True)
        return port


class SerialSource:
    """kiosk.ports.Source. lost: the fault to raise while the line is gone."""

    def __init__(self, line: SerialLine, decoder: Decoder, lost: Fault, clock: Clock) -> None:
        self._line, self._decoder, self._clock = line, decoder, clock
        self._mender = Mender(lost, FAILURES, clock)
        self._port: serial.Serial | None = None

    def run(self, put: Put) -> None:
        self._mender.keep(lambda up: self._serve(up, put), put)

    def stop(self) -> None:
        self._mender.stop()
        port = self._port
        if port is not None:
            with contextlib.suppress(*FAILURES, TypeError, AttributeError):  # being closed at this moment
                port.cancel_read()

    def _serve(self, up: Callable[[], None], put: Put) -> None:
        port = self._line.open()
        try:
            self._port = port
            up()
            while not self._mender.stopped:
                self._pass_on(self._decoder.feed(_next_bytes(port), self._clock().mono), put)
        finally:
            self._port = None
            port.close()
            self._pass_on(self._decoder.cut(), put)

    def _pass_on(self, readings: Iterable[Reading], put: Put) -> None:
        for reading in readings:
            put(reading)


def _next_bytes(port: serial.Serial) -> bytes:
    """Waits for one byte and takes what came with it; empty after SILENCE_S."""
    first: bytes = port.read(1)
    waiting = min(port.in_waiting, _MOST) if first else 0
    rest: bytes = port.read(waiting) if waiting else b""
    return first + rest
