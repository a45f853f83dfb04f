"""Who may come in, and how many: from the acceptance of a connection to the end of its socket; for HTTP and SIP2 alike.

    TCP -> room outside? -> TLS within 10 s -> whose certificate is it?
                                                 |- of a machine that is let in: a place of its own, inside
                                                 `- of nobody: it stays outside, and is cut after 10 s more

Outside and inside are counted apart, so that nobody without a good certificate takes a place of those who have one.
Where it is full outside, the oldest goes, of the address with the most. A machine that takes more than its share inside
loses its own oldest line: after a power cut the store believes for a while that the lines before it are still there.
Not responsible for: what is said on a line (listener.py, sip2/listener.py), which certificates are good (server.py).
"""

import asyncio
import errno
import json
import logging
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

MOST = 400  # lines inside; with the other two's, and all outside, below the 1024 files that a process may have open
MOST_EACH = 8  # of them, of one certificate
MOST_OUTSIDE = 64
MOST_AT_ADDRESS = 24  # of them; a whole library may stand behind one address
HANDSHAKE_S = 10.0
STRANGER_S = 10.0  # for a certificate that is not let in to hear why
_PATIENCE_S = 1.0  # before somebody outside has to go for a newcomer: in a rush those before must come to an end
_FAREWELL_S = 2.0  # for TLS's own end of a line
_BACKLOG = 128
_PAUSE_S = 1.0  # when the system has no file for one more connection
_TOLD_S = 60.0  # and how often that is told

log = logging.getLogger("central")

Known = Callable[[bytes], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen. port 0: any free one. longest_s: after which a connection is cut, whatever it is doing.

    known: who has this certificate (DER), as a name to count by; empty for nobody. None: nobody is asked for one, and
    whoever shakes hands is let in and counted by address.
    """

    host: str
    port: int
    context: ssl.SSLContext
    longest_s: float | None = None
    most: int = MOST
    most_each: int = MOST_EACH
    known: Known | None = None


@asynccontextmanager
async def accepting(
    place: Place, speaks: Callable[[], asyncio.BaseProtocol], farewell: Callable[[], Awaitable[None]]
) -> AsyncIterator[str]:
    """Takes connections there, through TLS, as long as it is held. The address, as 127.0.0.1:4431.

    speaks: makes what speaks on one connection. farewell: lets what is under way come to an end, once nobody comes in
    any more; who is there after it is cut, for a machine with an idle line does not answer TLS's own farewell.
    """
    listeners = _bound(place.host, place.port)
    entrance = _Entrance(place, speaks)
    doors = [asyncio.create_task(entrance.stand_at(listener)) for listener in listeners]
    try:
        yield f"{place.host}:{listeners[0].getsockname()[1]}"
    finally:
        for door in doors:
            door.cancel()
        await asyncio.gather(*doors, return_exceptions=True)
        for listener in listeners:
            listener.close()
        await entrance.close()
        await farewell()
        entrance.clear()


def _bound(host: str, port: int) -> list[socket.socket]:
    """One for each address that the host's name has."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            bound.append(socket.create_server(address[:2], family=family, backlog=_BACKLOG))
            bound[-1].setblocking(False)
    except OSError:
        for listener in bound:
            listener.close()
        raise
    return bound


@dataclass(slots=True, eq=False)
class _Guest:
    """One connection. since: mono seconds. name: of whom it was let in for; empty as long as it stands outside."""

    peer: socket.socket
    address: str
    since: float
    name: str = ""
    transport: asyncio.Transport | None = None  # once hands are shaken
    shaking: asyncio.Task[None] | None = None

    @property
    def is_here(self) -> bool:
        """Until its socket is closed, whoever did that."""
        return self.peer.fileno() != -1

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        elif self.shaking is not None:
            self.shaking.cancel()


class _Entrance:
    """Everybody who has been accepted, oldest first."""

    def __init__(self, place: Place, speaks: Callable[[], asyncio.BaseProtocol]) -> None:
        self._place, self._speaks = place, speaks
        self._guests: list[_Guest] = []
        self._told_at: float | None = None

    async def stand_at(self, listener: socket.socket) -> None:
        """One connection in a turn of the loop, however many knock. Until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, address = await loop.sock_accept(listener)
            except OSError as problem:
                self._tell(problem, loop.time())
                await asyncio.sleep(_PAUSE_S)
            else:
                self._receive(_Guest(peer, str(address[0]), loop.time()))
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Nobody is shaking hands any more."""
        tasks = [guest.shaking for guest in self._guests if guest.shaking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def clear(self) -> None:
        for guest in self._guests:
            guest.cut()

    def _receive(self, guest: _Guest) -> None:
        self._guests = [other for other in self._guests if other.is_here]
        crowd = _crowd([other for other in self._guests if not other.name], guest.address)
        if crowd:
            if guest.since - crowd[0].since < _PATIENCE_S:
                guest.peer.close()
                return
            crowd[0].cut()
        guest.shaking = asyncio.get_running_loop().create_task(self._shake(guest))
        self._guests.append(guest)

    async def _shake(self, guest: _Guest) -> None:
        """A handshake that fails is the peer's affair."""
        try:
            with suppress(OSError):
                guest.transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                    self._speaks,
                    guest.peer,
                    ssl=self._place.context,
                    ssl_handshake_timeout=HANDSHAKE_S,
                    ssl_shutdown_timeout=_FAREWELL_S,
                )
                await self._let_in(guest, guest.transport)
        finally:
            if guest.transport is None:
                guest.peer.close()

    async def _let_in(self, guest: _Guest, transport: asyncio.Transport) -> None:
        name = await self._name(guest, transport)
        inside = [other for other in self._guests if other.name and other.is_here]
        own = [other for other in inside if other.name == name]
        if not name:
            asyncio.get_running_loop().call_later(STRANGER_S, transport.abort)
        elif len(own) >= self._place.most_each:
            own[0].cut()
            guest.name = name
        elif len(inside) >= self._place.most:
            transport.abort()
        else:
            guest.name = name

    async def _name(self, guest: _Guest, transport: asyncio.Transport) -> str:
        if self._place.known is None:
            return guest.address
        tls = transport.get_extra_info("ssl_object")
        return await self._place.known(tls.getpeercert(binary_form=True) or b"")

    def _tell(self, problem: OSError, now: float) -> None:
        """asyncio writes a trace for each connection that is not accepted: a flood of them would fill the log."""
        if self._told_at is None or now - self._told_at >= _TOLD_S:
            self._told_at = now
            log.warning("%s", json.dumps({"notAccepted": errno.errorcode.get(problem.errno or 0, "other")}))


def _crowd(outside: list[_Guest], address: str) -> list[_Guest]:
    """Of whom the oldest is to make room for one more from this address; empty while there is room."""
    standing = Counter(guest.address for guest in outside)
    if standing[address] >= MOST_AT_ADDRESS:
        return [guest for guest in outside if guest.address == address]
    if len(outside) >= MOST_OUTSIDE:
        busiest, _ = standing.most_common(1)[0]
        return [guest for guest in outside if guest.address == busiest]
    return []
