"""The door's panels on a unix socket: each is shown the face of the moment, and its keys are read.

    panel -> door   {"key": "1"}  {"key": "clear"}  {"key": "enter"}
    door -> panel   a face, as the door encoded it; the last one at once on connecting

One JSON object per packet (SOCK_SEQPACKET). A panel that does not read, or is dead, is dropped: the door never waits.
Not responsible for: what a face says (kiosk/door/face.py).
"""

import contextlib
import json
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from drivers.mending import Mender
from kiosk.fault import Fault, FaultEdge
from kiosk.loop import Clock
from kiosk.model import ClearTyped, DigitTyped, EnterTyped, Reading
from kiosk.ports import Put

MAX_PACKET = 512  # bytes
MOST_PANELS = 4
ABSENT_S = 10.0  # a panel that starts again after a crash is back before this

_KEYS: dict[str, Reading] = {digit: DigitTyped(digit) for digit in "0123456789"}
_KEYS |= {"clear": ClearTyped(), "enter": EnterTyped()}


def read_key(packet: bytes) -> Reading | None:
    """None for anything that is no key."""
    try:
        said = json.loads(packet)
    except (ValueError, RecursionError):
        return None
    key = said.get("key") if isinstance(said, dict) else None
    return _KEYS.get(key) if isinstance(key, str) else None


class PanelSocket:
    """kiosk.ports.Source for the keys, and where faces are shown. PANEL_LOST when no panel is there for `absent_s`."""

    def __init__(self, path: Path, clock: Clock, absent_s: float = ABSENT_S) -> None:
        self._path, self._clock, self._absent_s = path, clock, absent_s
        self._mender = Mender(Fault.PANEL_LOST, (OSError,), clock)
        self._guard = threading.Lock()
        self._panels: list[socket.socket] = []
        self._face = b""
        self._wake, self._woken = socket.socketpair()

    def show(self, face: bytes) -> None:
        """Returns at once. From any thread."""
        with self._guard:
            self._face = face
            self._panels = [panel for panel in self._panels if _sent(panel, face)]

    def run(self, put: Put) -> None:
        with self._wake, self._woken:
            self._mender.keep(lambda up: self._serve(up, put), put)

    def stop(self) -> None:
        self._mender.stop()
        with contextlib.suppress(OSError):  # it has ended already
            self._wake.send(b"x")

    def _serve(self, up: Callable[[], None], put: Put) -> None:
        with contextlib.closing(_listen(self._path)) as listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            up()
            edge, seen = FaultEdge(put), self._clock().mono
            try:
                while not self._mender.stopped:
                    for key, _ in selector.select(None if self._panels else self._absent_s):
                        self._attend(key.fileobj, listener, selector, put)
                    seen = self._look_for_panels(edge, seen)
            finally:
                self._close_all(selector)
                self._path.unlink(missing_ok=True)

    def _look_for_panels(self, edge: FaultEdge, seen: float) -> float:
        """When a panel was last there, mono."""
        mono = self._clock().mono
        if self._panels:
            edge.worked()
            return mono
        if mono - seen >= self._absent_s:
            edge.failed(Fault.PANEL_LOST)
        return seen

    def _attend(self, ready: object, listener: socket.socket, selector: selectors.BaseSelector, put: Put) -> None:
        if ready is listener:
            self._welcome(listener, selector)
        elif isinstance(ready, socket.socket) and ready is not self._woken:
            reading = self._read(ready, selector)
            if reading is not None:
                put(reading)

    def _welcome(self, listener: socket.socket, selector: selectors.BaseSelector) -> None:
        panel, _ = listener.accept()
        panel.setblocking(False)
        with self._guard:
            if len(self._panels) == MOST_PANELS or (self._face and not _sent(panel, self._face)):
                panel.close()
                return
            self._panels.append(panel)
        selector.register(panel, selectors.EVENT_READ)

    def _read(self, panel: socket.socket, selector: selectors.BaseSelector) -> Reading | None:
        """One key; the end of the packets ends the panel."""
        try:
            packet = panel.recv(MAX_PACKET)
        except BlockingIOError:
            return None
        except OSError:
            packet = b""
        if packet:
            return read_key(packet)
        selector.unregister(panel)
        with self._guard:
            self._panels = [other for other in self._panels if other is not panel]
        panel.close()
        return None

    def _close_all(self, selector: selectors.BaseSelector) -> None:
        for key in list(selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket) and key.fileobj is not self._woken:
                key.fileobj.close()
        with self._guard:
            self._panels = []


def _sent(panel: socket.socket, face: bytes) -> bool:
    """False when the panel is dead, or has so many faces unread that it may be."""
    try:
        panel.send(face)
    except OSError:
        with contextlib.suppress(OSError):
            panel.shutdown(socket.SHUT_RDWR)  # its reader sees the end and closes it
        return False
    return True


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(str(path))
        path.chmod(0o660)
        listener.listen(MOST_PANELS)
    except OSError:
        listener.close()
        raise
    return listener
