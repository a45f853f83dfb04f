"""The lock process's unit: a real socket, a mock line."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.fault import DeviceFault, Fault
from kiosk.lock.machine import Confirm, Ended, Pulse, Refusal, Refuse
from kiosk.lock.unit import LineWillNotFall, LockUnit
from kiosk.lock.wire import Said, decode_said, encode_pulse
from kiosk.loop import system_clock
from kiosk.model import GrantId

LONGEST_MS = 1_000


@dataclass
class Line:
    """kiosk.ports.Strike that remembers; can be stuck at either level."""

    level: bool = False
    stuck: bool = False
    levels: list[bool] = field(default_factory=list)

    def energise(self) -> None:
        self._set(True)

    def release(self) -> None:
        self._set(False)

    def is_energised(self) -> bool:
        return self.level

    def _set(self, level: bool) -> None:
        self.levels.append(level)
        if not self.stuck:
            self.level = level


class Lost(Line):
    def release(self) -> None:
        raise DeviceFault(Fault.GPIO_LOST)


@dataclass
class Running:
    line: Line
    path: Path

    def connect(self) -> socket.socket:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door.settimeout(10)
        door.connect(str(self.path))
        return door


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    yield from started(tmp_path, Line(), frozenset({os.getuid()}))


def started(tmp_path: Path, line: Line, uids: frozenset[int]) -> Iterator[Running]:
    path, alive = tmp_path / "lock.sock", threading.Event()
    unit = LockUnit(line, path, LONGEST_MS, uids, system_clock, alive.set)
    thread = threading.Thread(target=unit.run)
    thread.start()
    assert alive.wait(10)
    yield Running(line, path)
    unit.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert not path.exists()


def ask(door: socket.socket, grant: str, ms: int) -> Said:
    door.send(encode_pulse(Pulse(GrantId(grant), ms)))
    return decode_said(door.recv(512))


def test_a_pulse_rises_is_confirmed_falls_and_is_told(running: Running) -> None:
    with running.connect() as door:
        assert ask(door, "a", 50) == Confirm(GrantId("a"))
        assert decode_said(door.recv(512)) == Ended(GrantId("a"))
    assert running.line.levels == [False, True, False]


def test_the_line_falls_although_the_door_has_died(running: Running) -> None:
    with running.connect() as door:
        ask(door, "a", 50)
    with running.connect() as door:
        assert ask(door, "b", 50) in (Refuse(GrantId("b"), Refusal.BUSY), Confirm(GrantId("b")))
    with running.connect() as door:
        while (said := ask(door, "c", 50)) == Refuse(GrantId("c"), Refusal.BUSY):
            pass
    assert said == Confirm(GrantId("c"))


def test_a_pulse_too_long_moves_nothing(running: Running) -> None:
    with running.connect() as door:
        assert ask(door, "a", LONGEST_MS + 1) == Refuse(GrantId("a"), Refusal.TOO_LONG)
    assert True not in running.line.levels


def test_a_packet_that_is_no_pulse_ends_the_connection_and_moves_nothing(running: Running) -> None:
    with running.connect() as door:
        door.send(b'{"open": "please"}')
        assert door.recv(512) == b""
    with running.connect() as door:
        assert ask(door, "a", 10) == Confirm(GrantId("a"))


def test_nobody_but_the_allowed_may_ask(tmp_path: Path) -> None:
    for lock in started(tmp_path, Line(), frozenset({os.getuid() + 1})):
        with lock.connect() as door:
            assert door.recv(512) == b""
        assert True not in lock.line.levels


def test_a_line_that_does_not_rise_is_told_as_stuck(tmp_path: Path) -> None:
    for lock in started(tmp_path, Line(stuck=True), frozenset({os.getuid()})):
        with lock.connect() as door:
            assert ask(door, "a", 50) == Refuse(GrantId("a"), Refusal.STUCK)
        assert lock.line.levels[-1] is False


def test_a_line_that_cannot_be_released_ends_the_process(tmp_path: Path) -> None:
    """Its death is what lets the line go: see ExecStopPost in systemd/kiosk-lock.service."""
    unit = LockUnit(Lost(), tmp_path / "lock.sock", LONGEST_MS, frozenset(), system_clock)
    with pytest.raises(LineWillNotFall):
        unit.run()


def test_the_socket_is_for_its_group_only(running: Running) -> None:
    assert running.path.stat().st_mode & 0o777 == 0o660
