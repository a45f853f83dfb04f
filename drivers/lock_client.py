"""The door's side of the lock: asks the lock process for a pulse over its unix socket, SOCK_SEQPACKET.

    pulse --> connect if needed --> {"pulse"} --> {"line": "high"} in time: returns
                                                  {"refused"}:              LOCK_REFUSED, LOCK_STUCK
                                                  nothing in time, or cut:  LOCK_SILENT

Answers to other grants are passed over: `low` of an earlier pulse comes seconds after it.
Not responsible for: how long the line stays high (kiosk/lock).
"""

import socket
from pathlib import Path

from kiosk.fault import DeviceFault, Fault
from kiosk.lock.machine import Confirm, Ended, Pulse, Refusal, Refuse
from kiosk.lock.wire import MAX_PACKET, WireError, decode_said, encode_pulse
from kiosk.loop import Clock
from kiosk.model import GrantId

DEADLINE_S = 1.0


class LockClient:
    """kiosk.ports.Lock. One thread at a time."""

    def __init__(self, path: Path, clock: Clock, deadline_s: float = DEADLINE_S) -> None:
        self._path, self._clock, self._deadline_s = path, clock, deadline_s
        self._socket: socket.socket | None = None

    def pulse(self, grant: GrantId, seconds: float) -> None:
        deadline = self._clock().mono + self._deadline_s
        try:
            line = self._connected()
            line.send(encode_pulse(Pulse(grant, round(seconds * 1000))))
            said = self._answer(line, grant, deadline)
        except (OSError, WireError):
            self.close()
            raise DeviceFault(Fault.LOCK_SILENT) from None
        if isinstance(said, Refuse):
            raise DeviceFault(Fault.LOCK_STUCK if said.why is Refusal.STUCK else Fault.LOCK_REFUSED)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        """The socket, made anew when the lock process has gone since the last pulse."""
        if self._socket is not None and _hung_up(self._socket):
            self.close()
        if self._socket is None:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket = line
            line.settimeout(self._deadline_s)
            line.connect(str(self._path))
        return self._socket

    def _answer(self, line: socket.socket, grant: GrantId, deadline: float) -> Confirm | Refuse:
        """The answer to this grant. Raises OSError when it does not come, WireError on nonsense."""
        while (left := deadline - self._clock().mono) > 0:
            line.settimeout(left)
            packet = line.recv(MAX_PACKET)
            if not packet:
                raise ConnectionResetError
            said = decode_said(packet)
            if said.grant == grant and not isinstance(said, Ended):
                return said
        raise TimeoutError


def _hung_up(line: socket.socket) -> bool:
    """Reads away what has come since the last pulse; true at the end of the stream."""
    line.settimeout(0)
    try:
        while line.recv(MAX_PACKET):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
