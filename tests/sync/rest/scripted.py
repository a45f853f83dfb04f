"""A store on a loopback TLS port that does what a test says, byte by byte; it remembers what was asked, and by whom."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sync import pki

Sock = socket.socket
Act = Callable[[Sock, "Asked"], bool]  # answers one question; True to keep the connection


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Installation:
    """A CA, a server of it and a device of it, in a folder."""

    root: Path
    ca: pki.Identity = field(init=False)
    server: pki.Identity = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.ca = pki.make_ca(self.root, "test CA", _validity())
        self.server = pki.make_server(self.ca, self.root, ["localhost", "127.0.0.1"], _validity())
        self.enrol("machine-1")

    @property
    def credentials(self) -> Path:
        return self.root / "device"

    def enrol(self, device: str, folder: Path | None = None) -> Path:
        folder = pki.make_directory(folder or self.credentials)
        request = pki.make_request(folder / "device.key", device)
        pki.write_file(folder / "device.pem", pki.sign_device(self.ca, request, device, _validity()))
        pki.write_file(folder / "ca.pem", self.ca.cert.read_bytes())
        return folder

    def context(self) -> ssl.SSLContext:
        return pki.server_context(self.ca.cert, self.server)


def _validity() -> pki.Validity:
    return pki.Validity(datetime(2020, 1, 1, tzinfo=UTC), days=365 * 100)


def expired() -> pki.Validity:
    return pki.Validity(datetime(2020, 1, 1, tzinfo=UTC), days=1)


def answer(body: object, status: int = 200, more: str = "") -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n{more}\r\n"
    return head.encode() + text


def says(body: object, status: int = 200, more: str = "") -> Act:
    def act(sock: Sock, _: Asked) -> bool:
        sock.sendall(answer(body, status, more))
        return True

    return act


class Scripted:
    """Takes the acts in turn, one per question; the last one stays. Each connection has a thread.

    port: where another store has stood; 0 for any free one.
    """

    def __init__(self, context: ssl.SSLContext | None, *acts: Act, port: int = 0) -> None:
        self._context, self._acts = context, list(acts)
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open: list[Sock] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.asked: list[Asked] = []
        self.devices: list[str] = []  # common name of the certificate, per connection
        self.released = threading.Event()  # for acts that hold a call
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        return f"https://localhost:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: Sock) -> None:
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self.devices.append(_common_name(sock))
            self._open.append(sock)
            while (asked := _read(sock)) and self._next(sock, asked):
                pass
        except (OSError, ValueError):
            pass
        finally:
            sock.close()

    def _next(self, sock: Sock, asked: Asked) -> bool:
        with self._guard:
            self.asked.append(asked)
            act = self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
        return act(sock, asked)

    def stop(self) -> None:
        self.released.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(10)
        for sock in self._open:
            with_shutdown(sock)
        for thread in self._threads:
            thread.join(10)


def with_shutdown(sock: Sock) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@contextmanager
def store(context: ssl.SSLContext | None, *acts: Act, port: int = 0) -> Iterator[Scripted]:
    running = Scripted(context, *acts, port=port)
    try:
        yield running
    finally:
        running.stop()


def _common_name(sock: Sock) -> str:
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    for part in (certificate or {}).get("subject", ()):
        for pair in part:
            return str(pair[1])
    return ""


def _read(sock: Sock) -> Asked | None:
    """One question: head and body by Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        if not (more := sock.recv(65536)):
            return None
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        if not (more := sock.recv(65536)):
            return None
        body += more
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, body)
