"""The panel's end of the door's socket: faces in, keys out; found again when the door starts anew.

Not responsible for: what a face says, the window (ui/panel.py), the packets' form (panel.py has the drawing).
"""

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

from drivers.mending import Mender
from drivers.panel import MAX_PACKET
from kiosk.fault import Cleared, Fault, Raised
from kiosk.loop import Clock
from kiosk.model import ClearTyped, DigitTyped, EnterTyped, Reading


class PanelClient:
    """`run` blocks its own thread; `press` and `stop` come from any."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._mender = Mender(Fault.PANEL_LOST, (OSError,), clock)
        self._line: socket.socket | None = None

    def run(self, show: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """show: each face, as the door encoded it. lost: the door is not there; told once each time."""

        def tell(news: Reading | Raised | Cleared) -> None:
            if isinstance(news, Raised):
                lost()

        self._mender.keep(lambda up: self._serve(up, show), tell)

    def press(self, key: DigitTyped | ClearTyped | EnterTyped) -> None:
        """Nothing when the door is not there: it shows so."""
        line, word = self._line, _word(key)
        if line is not None:
            with contextlib.suppress(OSError):
                line.send(json.dumps({"key": word}).encode())

    def stop(self) -> None:
        self._mender.stop()
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def _serve(self, up: Callable[[], None], show: Callable[[bytes], None]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.connect(str(self._path))
            self._line = line
            up()
            try:
                while packet := line.recv(MAX_PACKET):
                    show(packet)
            finally:
                self._line = None
        if not self._mender.stopped:
            raise ConnectionResetError


def _word(key: DigitTyped | ClearTyped | EnterTyped) -> str:
    match key:
        case DigitTyped(digit):
            return digit
        case ClearTyped():
            return "clear"
        case EnterTyped():
            return "enter"
