"""What can happen between a machine and the store, on purpose: bytes that are held up or lost, answers that are wrong.

    machine --TLS--> Wire ----TLS as it came----> store     sees bytes: latency, drip, cut, reset, black hole, half-open
    machine --TLS--> Teller --TLS of its own----> store     sees HTTP: 500, 429, 503, HTML, answers twice, of another

Both are fair until they are told otherwise.
Not responsible for: what a machine makes of it (test_line_*.py).
"""

import asyncio
import http.client
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, unique

from tests.sync.rest.scripted import Asked, Scripted, Sock

_PIECE = 16_384
_RST_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER

# --- bytes --------------------------------------------------------------------------------------


@unique
class Way(Enum):
    TO_STORE = "to store"
    TO_MACHINE = "to machine"


@unique
class End(Enum):
    """What comes when the bytes that get through are used up."""

    CUT = "cut"  # both sides hear that the other has hung up
    RESET = "reset"
    HOLE = "black hole"  # nobody hears anything any more
    HALF_OPEN = "half-open"  # the store hears that the machine has hung up, the machine hears nothing


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to the bytes of one way. after: how many get through until `end`; None: all of them.

    wait_s: before each piece. drip: one byte is a piece. fresh: it meets connections that are made later, too.
    """

    way: Way = Way.TO_MACHINE
    wait_s: float = 0.0
    drip: bool = False
    after: int | None = None
    end: End = End.CUT
    fresh: bool = True


FAIR = Weather()


@dataclass(eq=False, slots=True)
class _Link:
    """One connection. turn: which weather it was made in."""

    turn: int
    machine: asyncio.StreamWriter
    store: asyncio.StreamWriter
    silent: bool = False  # what still comes is swallowed

    def close(self, *, reset: bool = False) -> None:
        for writer in (self.store, self.machine):
            if reset:
                with suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_AT_CLOSE)
                writer.transport.abort()
            else:
                writer.close()


class Wire:
    """Listens on `port` and passes on to the store's, on a thread of its own."""

    def __init__(self, store_port: int) -> None:
        self._store_port = store_port
        self._weather, self._turn = FAIR, 0
        self._links: set[_Link] = set()
        self._listening: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="wire")
        self._thread.start()
        self.port = self._listening.result()

    def turn(self, weather: Weather) -> None:
        """From now on. Bytes are counted anew."""
        self._weather, self._turn = weather, self._turn + 1

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._meet, "127.0.0.1", 0) as server:
            self._listening.set_result(server.sockets[0].getsockname()[1])
            await self._stop.wait()
            for link in self._links:
                link.close(reset=True)

    async def _meet(self, machine: asyncio.StreamReader, to_machine: asyncio.StreamWriter) -> None:
        try:
            store, to_store = await asyncio.open_connection("127.0.0.1", self._store_port)
        except OSError:
            to_machine.close()
            return
        link = _Link(self._turn, to_machine, to_store)
        self._links.add(link)
        try:
            await asyncio.gather(
                self._pump(link, Way.TO_STORE, machine, to_store), self._pump(link, Way.TO_MACHINE, store, to_machine)
            )
        finally:
            link.close()
            self._links.discard(link)

    async def _pump(self, link: _Link, way: Way, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        turn, passed = self._turn, 0
        with suppress(OSError):
            while piece := await source.read(_PIECE):
                if turn != self._turn:
                    turn, passed = self._turn, 0
                weather = self._weather if self._weather.fresh or link.turn < turn else FAIR
                if link.silent:
                    continue
                if weather.way is way:
                    passed += await _pass(link, target, piece, weather, passed)
                else:
                    target.write(piece)
                    await target.drain()
        if way is Way.TO_STORE or not link.silent:
            link.close()


async def _pass(link: _Link, target: asyncio.StreamWriter, piece: bytes, weather: Weather, passed: int) -> int:
    """How many bytes got through."""
    through = piece if weather.after is None else piece[: max(0, weather.after - passed)]
    for at in range(0, len(through), 1 if weather.drip else _PIECE):
        await asyncio.sleep(weather.wait_s)
        target.write(through[at : at + (1 if weather.drip else _PIECE)])
        await target.drain()
    if weather.after is not None and passed + len(through) >= weather.after:
        _end(link, weather.end)
    return len(through)


def _end(link: _Link, end: End) -> None:
    match end:
        case End.CUT:
            link.close()
        case End.RESET:
            link.close(reset=True)
        case End.HOLE:
            link.silent = True
        case End.HALF_OPEN:
            link.silent = True
            link.store.close()


# --- answers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lie:
    """What is told. instead: of the store's answer. unasked: the store never hears the question. times: it is told."""

    instead: bytes | None = field(default=None, repr=False)
    unasked: bool = False
    times: int = 1


TRUTH = Lie()


class Teller:
    """Stands before the store under the store's own certificate, and asks it as the machine."""

    def __init__(self, face: ssl.SSLContext, machine: ssl.SSLContext, store_port: int) -> None:
        self._machine, self._store_port = machine, store_port
        self.lie = TRUTH
        self.answers: dict[str, bytes] = {}  # the last of each path
        self._scripted = Scripted(face, self._act)
        self.port = self._scripted.port

    def stop(self) -> None:
        self._scripted.stop()

    def _act(self, sock: Sock, asked: Asked) -> bool:
        lie = self.lie
        truth = b"" if lie.unasked else self._ask(asked)
        sock.sendall((truth if lie.instead is None else lie.instead) * lie.times)
        return True

    def _ask(self, asked: Asked) -> bytes:
        line = http.client.HTTPSConnection("localhost", self._store_port, context=self._machine, timeout=20)
        try:
            line.request(asked.method, asked.path, asked.body or None, asked.headers)
            heard = line.getresponse()
            body = heard.read()
        finally:
            line.close()
        head = f"HTTP/1.1 {heard.status} X\r\nContent-Length: {len(body)}\r\n"
        self.answers[asked.path] = head.encode() + b"\r\n" + body
        return self.answers[asked.path]


@contextmanager
def stopped_at_the_end(running: Wire | Teller) -> Iterator[None]:
    try:
        yield
    finally:
        running.stop()
