"""A client that costs little: prepared bytes over keep-alive mutual TLS, a thread per connection, answers not parsed.

Not responsible for: what is asked, which store.
"""

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from urllib.parse import urlsplit

from sync import pki

_OK = b"HTTP/1.1 200 "


class BenchError(Exception):
    """The store answered what the bench did not ask for: its figures would mean nothing."""


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """As it goes on the line."""
    named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: store\r\n{named}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Line:
    """One connection, in a `with`."""

    def __init__(self, address: str, bundle: Path) -> None:
        context = pki.client_context(bundle / "ca.pem", pki.Identity(bundle / "device.pem", bundle / "device.key"))
        at = urlsplit(address)
        plain = socket.create_connection((str(at.hostname), int(at.port or 0)))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket: ssl.SSLSocket = context.wrap_socket(plain, server_hostname=at.hostname)

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, question: bytes) -> bytes:
        """The body of a 200. Raises BenchError."""
        self._socket.sendall(question)
        heard = self._socket.recv(65536)
        while (end := heard.find(b"\r\n\r\n")) < 0:
            heard += self._more()
        at = heard.find(b"Content-Length: ", 0, end) + 16
        whole = end + 4 + int(heard[at : heard.find(b"\r", at)])
        while len(heard) < whole:
            heard += self._more()
        if not heard.startswith(_OK):
            raise BenchError(heard[:16].decode(errors="replace"))
        return heard[end + 4 :]

    def _more(self) -> bytes:
        more = self._socket.recv(65536)
        if not more:
            raise BenchError("the store hung up")
        return more


@dataclass(frozen=True, slots=True)
class Load:
    """took_s: from the first question to the last answer. ms: of each question."""

    took_s: float
    ms: Sequence[float]

    @property
    def per_s(self) -> float:
        return len(self.ms) / self.took_s


def load(lines: Sequence[Line], questions: Sequence[Sequence[bytes]]) -> Load:
    """Each line asks its own questions, one after the other, all lines at once."""
    ms, failed = list[float](), list[BaseException]()

    def run(line: Line, mine: Iterable[bytes]) -> None:
        try:
            ms.extend(_timed(line, mine))
        except BaseException as failure:
            failed.append(failure)

    threads = [threading.Thread(target=run, args=pair) for pair in zip(lines, questions, strict=True)]
    begun = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return Load(perf_counter() - begun, ms)


def _timed(line: Line, questions: Iterable[bytes]) -> Iterator[float]:
    for question in questions:
        begun = perf_counter()
        line.ask(question)
        yield (perf_counter() - begun) * 1000
