"""The lock's client against a real SOCK_SEQPACKET server that answers as told."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.lock_client import LockClient
from kiosk.fault import DeviceFault, Fault
from kiosk.lock.machine import Confirm, Ended, Pulse, Refusal, Refuse
from kiosk.lock.wire import Said, decode_pulse, encode_said
from kiosk.loop import system_clock
from kiosk.model import GrantId

Answers = Callable[[Pulse], list[Said] | None]  # None: hangs up


class Server:
    """Remembers the pulses and answers each with what `answers` says."""

    def __init__(self, path: Path, answers: Answers) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._answers = answers
        self._lines: list[socket.socket] = []
        self.pulses: list[Pulse] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Once or twice."""
        for one in (self._listener, *self._lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._lines.append(line)
            with line, contextlib.suppress(ConnectionError):  # it may leave before it has heard all
                self._converse(line)

    def _converse(self, line: socket.socket) -> None:
        while packet := line.recv(512):
            self.pulses.append(decode_pulse(packet))
            answers = self._answers(self.pulses[-1])
            if answers is None:
                return
            for said in answers:
                line.send(encode_said(said))


Serve = Callable[[Answers], Server]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def serve(path: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def started(answers: Answers) -> Server:
        servers.append(Server(path, answers))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


@pytest.fixture
def client(path: Path) -> Iterator[LockClient]:
    made = LockClient(path, system_clock, deadline_s=0.2)
    yield made
    made.close()


def fault_of(client: LockClient, grant: str = "g1") -> Fault:
    with pytest.raises(DeviceFault) as met:
        client.pulse(GrantId(grant), 5.0)
    return met.value.fault


def confirm(pulse: Pulse) -> list[Said]:
    return [Confirm(pulse.grant)]


def test_a_confirmed_pulse_returns(serve: Serve, client: LockClient) -> None:
    server = serve(confirm)
    client.pulse(GrantId("g1"), 5.0)
    assert server.pulses == [Pulse(GrantId("g1"), 5000)]


def test_no_socket_is_a_silent_lock(client: LockClient) -> None:
    assert fault_of(client) is Fault.LOCK_SILENT


def test_no_answer_in_time_is_a_silent_lock(serve: Serve, client: LockClient) -> None:
    serve(lambda _: [])
    assert fault_of(client) is Fault.LOCK_SILENT


def test_a_connection_cut_before_the_answer_is_a_silent_lock(serve: Serve, client: LockClient) -> None:
    serve(lambda _: None)
    assert fault_of(client) is Fault.LOCK_SILENT


@pytest.mark.parametrize("why", [Refusal.BUSY, Refusal.REPEATED, Refusal.TOO_LONG])
def test_a_refusal_is_a_refusing_lock(serve: Serve, client: LockClient, why: Refusal) -> None:
    serve(lambda pulse: [Refuse(pulse.grant, why)])
    assert fault_of(client) is Fault.LOCK_REFUSED


def test_a_line_that_does_not_read_back_is_a_stuck_lock(serve: Serve, client: LockClient) -> None:
    serve(lambda pulse: [Refuse(pulse.grant, Refusal.STUCK)])
    assert fault_of(client) is Fault.LOCK_STUCK


def test_answers_to_other_grants_are_passed_over(serve: Serve, client: LockClient) -> None:
    old = GrantId("old")
    serve(lambda pulse: [Ended(old), Confirm(old), Refuse(old, Refusal.BUSY), Confirm(pulse.grant)])
    client.pulse(GrantId("g1"), 5.0)


def test_others_confirmed_is_not_ours_confirmed(serve: Serve, client: LockClient) -> None:
    serve(lambda _: [Confirm(GrantId("old"))])
    assert fault_of(client) is Fault.LOCK_SILENT


def test_our_own_end_is_no_confirmation(serve: Serve, client: LockClient) -> None:
    serve(lambda pulse: [Ended(pulse.grant)])
    assert fault_of(client) is Fault.LOCK_SILENT


def test_after_silence_the_next_pulse_connects_anew(serve: Serve, client: LockClient) -> None:
    server = serve(lambda pulse: [] if pulse.grant == "g1" else confirm(pulse))
    assert fault_of(client) is Fault.LOCK_SILENT
    client.pulse(GrantId("g2"), 5.0)
    assert server.connections == 2


def test_pulses_share_one_connection(serve: Serve, client: LockClient) -> None:
    server = serve(lambda pulse: [Confirm(pulse.grant), Ended(pulse.grant)])
    for grant in ("g1", "g2", "g3"):
        client.pulse(GrantId(grant), 5.0)
    assert server.connections == 1


def test_a_lock_that_started_again_is_found_by_the_next_pulse(serve: Serve, client: LockClient) -> None:
    first = serve(confirm)
    client.pulse(GrantId("g1"), 5.0)
    first.close()
    second = serve(confirm)
    client.pulse(GrantId("g2"), 5.0)
    assert [pulse.grant for pulse in second.pulses] == ["g2"]


def test_a_packet_that_is_no_answer_is_a_silent_lock(path: Path, client: LockClient) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()

        def babble() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(512)
                line.send(b"6101702345")

        thread = threading.Thread(target=babble)
        thread.start()
        with pytest.raises(DeviceFault) as met:
            client.pulse(GrantId("g1"), 5.0)
        thread.join()
    assert met.value.fault is Fault.LOCK_SILENT
    assert met.value.__cause__ is None
