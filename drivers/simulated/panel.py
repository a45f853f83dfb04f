"""A door's panel at the other end of the panel's socket (drivers/panel.py): sees faces, presses keys.

Not responsible for: what a face says.
"""

import contextlib
import json
import socket
from pathlib import Path

_MAX_PACKET = 512
_PATIENCE_S = 10.0


class SimulatedPanel:
    """Raises OSError where there is no door, TimeoutError when no face comes."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._line.settimeout(_PATIENCE_S)
        self._line.connect(str(path))

    def face(self) -> bytes:
        """The next face as the door encoded it; empty when the door has hung up."""
        with contextlib.suppress(ConnectionResetError):
            return self._line.recv(_MAX_PACKET)
        return b""

    def press(self, key: str) -> None:
        """A digit, "clear" or "enter"."""
        self.send(json.dumps({"key": key}).encode())

    def send(self, packet: bytes) -> None:
        """Whatever a broken panel may say."""
        self._line.send(packet)

    def close(self) -> None:
        self._line.close()
