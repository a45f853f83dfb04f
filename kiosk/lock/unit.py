"""The lock process: owns the strike's line, takes `pulse` on a unix socket, enforces the deadline.

    door --packet--> socket thread --Pulse--> loop --Energise, read back--> strike
                                                `--Confirm, Ended, Refuse--> door

The smallest process there is: no network, no cryptography, no database. When it dies, the line falls.
Not responsible for: who may enter; whoever may open the socket may pulse.
"""

import contextlib
import logging
import os
import select
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from kiosk.fault import DeviceFault, Fault
from kiosk.lock import machine, wire
from kiosk.lock.machine import (
    Confirm,
    Effect,
    Ended,
    Energise,
    Given,
    LineStuck,
    Pulse,
    Refuse,
    Release,
    Resting,
    State,
)
from kiosk.loop import Clock, Loop
from kiosk.model import GrantId, Now, Tick
from kiosk.ports import Strike

log = logging.getLogger("kiosk.lock")

_UCRED = struct.Struct("3i")  # pid, uid, gid (unix(7), SO_PEERCRED)


class LineWillNotFall(Exception):
    """The strike could not be released. The process dies of it: its end lets the line go (ExecStopPost)."""


class LockUnit:
    """allowed_uids: who may ask, beside the socket file's own mode."""

    def __init__(
        self,
        strike: Strike,
        socket_path: Path,
        longest_pulse_ms: int,
        allowed_uids: frozenset[int],
        clock: Clock,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._strike, self._longest = strike, longest_pulse_ms
        self._asked: dict[GrantId, socket.socket] = {}
        self._door = PulseSocket(socket_path, allowed_uids, self._put)
        self._loop: Loop[State, Given, Effect] = Loop(
            start=Resting(),
            decide=self._decide,
            perform=self._perform,
            refused=lambda _effect, _fault: LineStuck(),
            entered=lambda _state: None,
            tick=Tick(),
            clock=clock,
            alive=alive,
        )

    def run(self) -> None:
        """Blocks until `stop`. The line is low before, after, and whenever no pulse runs."""
        self._release()
        self._door.start()
        try:
            self._loop.run()
        finally:
            self._release()
            self._door.stop()

    def stop(self) -> None:
        self._loop.stop()

    def _put(self, pulse: Pulse, asker: socket.socket) -> None:
        self._asked[pulse.grant] = asker
        self._loop.put(pulse)

    def _decide(self, state: State, given: Given, now: Now) -> machine.Step:
        if isinstance(given, Pulse) and _has_gone(self._asked.get(given.grant)):
            self._asked.pop(given.grant, None)
            given = Tick()
        return machine.step(state, given, now, self._longest)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Energise():
                self._energise()
            case Release():
                self._release()
            case Confirm():
                self._say(effect, last=False)
            case Ended() | Refuse():
                self._say(effect, last=True)
            case _:
                assert_never(effect)

    def _energise(self) -> None:
        self._strike.energise()
        if not self._strike.is_energised():
            raise DeviceFault(Fault.LOCK_STUCK)

    def _release(self) -> None:
        try:
            self._strike.release()
            fallen = not self._strike.is_energised()
        except DeviceFault:
            raise LineWillNotFall from None
        if not fallen:
            raise LineWillNotFall

    def _say(self, said: wire.Said, *, last: bool) -> None:
        asker = self._asked.pop(said.grant, None) if last else self._asked.get(said.grant)
        if asker is None:
            return
        # A door that has gone does not hold the lock up; the deadline stands all the same.
        with contextlib.suppress(OSError):
            asker.send(wire.encode_said(said), socket.MSG_DONTWAIT)


class PulseSocket:
    """The unix socket (SOCK_SEQPACKET) on which pulses are asked for, on a thread of its own."""

    def __init__(self, path: Path, allowed_uids: frozenset[int], put: Callable[[Pulse, socket.socket], None]) -> None:
        self._path, self._allowed, self._put = path, allowed_uids, put
        self._thread = threading.Thread(target=self._serve, name="lock-socket", daemon=True)

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(self._path))
        os.chmod(self._path, 0o660)
        listener.listen(4)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._thread.start()

    def stop(self) -> None:
        self._wake_in.send(b"x")
        self._thread.join(timeout=2)
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return self._close_all()
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        asker, _ = listener.accept()
        if _uid(asker) in self._allowed:
            self._selector.register(asker, selectors.EVENT_READ, self._read)
        else:
            log.warning('{"refused": "peer uid not allowed"}')
            asker.close()

    def _read(self, asker: socket.socket) -> None:
        try:
            packet = asker.recv(wire.MAX_PACKET)
            if packet:
                return self._put(wire.decode_pulse(packet), asker)
        except wire.WireError:
            log.warning('{"refused": "packet that is no pulse"}')
        except OSError:
            pass  # the door died: the same as an end of file
        self._selector.unregister(asker)
        asker.close()
        return None

    def _close_all(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._wake_in.close()
        self._selector.close()


def _has_gone(asker: socket.socket | None) -> bool:
    """Whoever asked has hung up, as a door does that got no answer in time: now the line would rise for nobody."""
    if asker is None or (descriptor := asker.fileno()) < 0:
        return True
    hung_up = select.poll()
    hung_up.register(descriptor, 0)  # the end of the other side is told unasked
    return bool(hung_up.poll(0))


def _uid(peer: socket.socket) -> int:
    _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)
