"""One line to the central store: a kept-alive TLS connection that serves one call at a time, each with one deadline.

    name lookup -> connect -> handshake -> question -> headers -> body      all before `deadline`

A timeout of `requests` begins anew with each byte, so a store that drips would hold the call for hours. Here every wait
on the socket gets what is left of the call's own time; no thread watches.

Not responsible for: what is said, and which fault a failure means (client.py); whom the context trusts (pki.py).
"""

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from kiosk.loop import Clock

Address = tuple[Any, ...]  # of socket.getaddrinfo
Lookup = Callable[[str, int], list[Address]]

# --- the deadline of one call -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Peer:
    """From when until when the store's certificate is good."""

    begins: datetime
    ends: datetime


class Call:
    """What the sockets of a line must know of the call they serve."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._deadline = clock().mono
        self.dialled = False  # a new connection was made for it
        self.met = False  # and the store shook hands on it
        self.heard = False  # a byte of the answer has come
        self.ended = False  # the store hung up
        self.peer: Peer | None = None  # whom it met

    def begin(self) -> None:
        self._deadline = self._clock().mono + self._seconds
        self.dialled = self.met = self.heard = self.ended = False

    def left_s(self) -> float:
        """Raises TimeoutError when the time is over."""
        left = self._deadline - self._clock().mono
        if left <= 0:
            raise TimeoutError
        return left


class _Socket(ssl.SSLSocket):
    """Gives each wait what is left of the call's time. Handshake, read and write have a total limit each in `ssl`."""

    call: Call

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        self.settimeout(self.call.left_s())
        got = super().read(len, buffer)
        if got:
            self.call.heard = True
        else:
            self.call.ended = True
        return got

    def send(self, data: Any, flags: int = 0) -> int:
        self.settimeout(self.call.left_s())
        try:
            return super().send(data, flags)
        except ssl.SSLEOFError:
            # A store that refuses our certificate sends an alert and hangs up, so that the question may find the line
            # broken. Without this read the alert is lost in every third call, and the machine believes it is off-line.
            super().read(1)
            raise


class Resolver:
    """Looks the store's name up on a thread of its own: a dead name server would hold the caller for half a minute."""

    def __init__(self, lookup: Lookup | None = None) -> None:
        self._lookup = lookup or _lookup
        self._lock = threading.Lock()
        self._asked: Future[list[Address]] | None = None

    def addresses(self, host: str, port: int, within_s: float) -> list[Address]:
        """Raises OSError, also when it takes too long. A lookup that hangs is shared, not repeated."""
        with self._lock:
            asked = self._asked or self._ask(host, port)
        return asked.result(within_s)

    def _ask(self, host: str, port: int) -> Future[list[Address]]:
        asked: Future[list[Address]] = Future()
        self._asked = asked
        threading.Thread(target=self._look, args=(asked, host, port), name="store-name", daemon=True).start()
        return asked

    def _look(self, asked: Future[list[Address]], host: str, port: int) -> None:
        try:
            found, failure = self._lookup(host, port), None
        except OSError as error:
            found, failure = [], error
        except UnicodeError:  # a name that no resolver takes, as a..b
            found, failure = [], OSError("no host name")
        with self._lock:
            self._asked = None  # before it is told: who hears it may ask anew
        if failure is None:
            asked.set_result(found)
        else:
            asked.set_exception(failure)


def _lookup(host: str, port: int) -> list[Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class _Connection(HTTPSConnection):
    """Dials within the call's time over all addresses of a name, not within it for each."""

    def __init__(self, *told: Any, call: Call, resolver: Resolver, **kept: Any) -> None:
        super().__init__(*told, **kept)
        self._call, self._resolver = call, resolver

    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, _Socket):
            self.sock.call = self._call
            self._call.met, self._call.peer = True, _peer(self.sock)

    def _new_conn(self) -> socket.socket:
        self._call.dialled = True
        failure: OSError = ConnectionRefusedError()
        for found in self._resolver.addresses(self._dns_host, self.port, self._call.left_s()):
            try:
                return self._dial(found)
            except OSError as error:
                failure = error
        raise failure

    def _dial(self, found: Address) -> socket.socket:
        family, kind, protocol, _, address = found
        dialled = socket.socket(family, kind, protocol)
        try:
            dialled.settimeout(self._call.left_s())
            dialled.connect(address)
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            dialled.settimeout(self._call.left_s())  # for the handshake
        except OSError:
            dialled.close()
            raise
        return dialled


def _peer(line: ssl.SSLSocket) -> Peer | None:
    """Of a certificate that has been checked; else there is nothing to read."""
    said = line.getpeercert() or {}
    begins, ends = (said.get(name) for name in ("notBefore", "notAfter"))
    if not isinstance(begins, str) or not isinstance(ends, str):
        return None
    return Peer(*(datetime.fromtimestamp(ssl.cert_time_to_seconds(when), UTC) for when in (begins, ends)))


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


def pool(origin: tuple[str, int], context: ssl.SSLContext, call: Call, resolver: Resolver) -> HTTPSConnectionPool:
    """One connection to host and port, under this context alone, serving `call`."""
    context.sslsocket_class = _Socket
    return _Pool(*origin, maxsize=1, ssl_context=context, cert_reqs="CERT_REQUIRED", call=call, resolver=resolver)
