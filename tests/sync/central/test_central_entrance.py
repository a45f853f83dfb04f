"""How many connections a store takes, and of whom; silent ones, slow ones, too many; over real TLS on loopback."""

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.loop import Clock, system_clock
from sync import pki
from sync.central.command import main
from sync.central.start import Home
from sync.central.web import entrance
from sync.central.web.entrance import Place, accepting
from sync.pki import Identity, Validity
from sync.rest import wire
from sync.rest.client import RestStore
from tests.sync.central.library import Library, Machine, in_a_file

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Site:
    """A listener of ours, certificates that it knows, and one that it does not."""

    def __init__(self, home: Home, directory: Path) -> None:
        self._home, self._directory = home, directory
        self._names: dict[bytes, str] = {}
        self.known, self.other, self.stranger = self._context("known"), self._context("other"), self._context("")
        self.place = Place("127.0.0.1", 0, pki.server_context(home.ca.cert, home.server), known=self._known)

    def _context(self, name: str) -> ssl.SSLContext:
        bundle = pki.make_directory(self._directory / (name or "stranger"))
        request = pki.make_request(bundle / "device.key", "x")
        pem = pki.sign_device(self._home.ca, request, "x", Validity(system_clock().wall, 10))
        pki.write_file(bundle / "device.pem", pem)
        self._names[ssl.PEM_cert_to_DER_cert(pem.decode())] = name
        return pki.client_context(self._home.ca.cert, Identity(bundle / "device.pem", bundle / "device.key"))

    async def _known(self, certificate: bytes) -> str:
        return self._names[certificate]


@pytest.fixture
def site(begun: Home, tmp_path: Path) -> Site:
    return Site(begun, tmp_path)


@asynccontextmanager
async def lines(place: Place) -> AsyncIterator[Callable[[ssl.SSLContext], Awaitable[Line]]]:
    opened: list[asyncio.StreamWriter] = []
    async with accepting(place, Echo, nothing) as address:

        async def dial(context: ssl.SSLContext) -> Line:
            line = await asyncio.open_connection("127.0.0.1", int(address.rsplit(":", 1)[1]), ssl=context)
            opened.append(line[1])
            return line

        yield dial
        for writer in opened:
            writer.transport.abort()


async def nothing() -> None:
    """Nothing is under way."""


async def echoed(line: Line) -> bool:
    """Whether somebody is still there; more than once, for the first may come with the end of the handshake."""
    reader, writer = line
    try:
        for _ in range(3):
            writer.write(b"x")
            if await reader.read(1) != b"x":
                return False
    except OSError:
        return False
    return True


async def until_cut(line: Line) -> None:
    """Spoken to as long as somebody answers."""
    while await echoed(line):
        continue


def run(story: Awaitable[None]) -> None:
    async def told() -> None:
        await asyncio.wait_for(story, 30)

    asyncio.run(told())


# --- inside and outside -------------------------------------------------------------------------


def test_lines_of_a_certificate_that_is_not_let_in_take_no_place_of_those_that_are(site: Site) -> None:
    async def story() -> None:
        async with lines(replace(site.place, most=1)) as dial:
            strangers = [await dial(site.stranger) for _ in range(5)]
            assert await echoed(await dial(site.known))
            assert all([await echoed(stranger) for stranger in strangers])

    run(story())


def test_a_certificate_that_is_not_let_in_may_not_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "STRANGER_S", 0.05)

    async def story() -> None:
        async with lines(site.place) as dial:
            known = await dial(site.known)
            await until_cut(await dial(site.stranger))
            assert await echoed(known)

    run(story())


def test_a_machine_that_takes_more_than_its_share_loses_its_own_oldest_line(site: Site) -> None:
    async def story() -> None:
        async with lines(replace(site.place, most_each=2)) as dial:
            other = await dial(site.other)
            first, second = await dial(site.known), await dial(site.known)
            assert await echoed(first)
            third = await dial(site.known)
            assert await echoed(third)
            await until_cut(first)
            assert await echoed(second)
            assert await echoed(other)

    run(story())


def test_when_it_is_full_inside_the_newcomer_is_turned_away_until_a_line_ends(site: Site) -> None:
    async def story() -> None:
        async with lines(replace(site.place, most=1)) as dial:
            first = await dial(site.known)
            assert await echoed(first)
            await until_cut(await dial(site.other))
            assert await echoed(first)
            first[1].transport.abort()
            while not await echoed(await dial(site.other)):  # until the store has seen that it ended
                continue

    run(story())


@pytest.fixture
def cramped(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    monkeypatch.setattr(entrance, "MOST_OUTSIDE", 4)
    monkeypatch.setattr(entrance, "MOST_AT_ADDRESS", 3)
    with ExitStack() as kept:
        yield kept


async def silent(dial_at: tuple[str, int], source: str, kept: ExitStack) -> socket.socket:
    line = kept.enter_context(closing(socket.socket()))
    line.bind((source, 0))
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, dial_at)
    return line


async def is_cut(line: socket.socket) -> bool:
    try:
        return await asyncio.get_running_loop().sock_recv(line, 1) == b""
    except ConnectionError:
        return True


def test_silent_connections_make_room_for_a_machine_the_oldest_of_the_busiest_address_first(
    site: Site, cramped: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "_PATIENCE_S", 0.0)

    async def story() -> None:
        async with accepting(site.place, Echo, nothing) as address:
            there = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
            flood = [await silent(there, "127.0.0.2", cramped) for _ in range(3)]
            alone = await silent(there, "127.0.0.3", cramped)
            line = await asyncio.open_connection(*there, ssl=site.known)
            assert await echoed(line)
            assert await is_cut(flood[0])
            await silent(there, "127.0.0.3", cramped)  # the place that was left outside
            again = await asyncio.open_connection(*there, ssl=site.other)
            assert await echoed(again)
            assert [await is_cut(oldest) for oldest in (flood[1],)] == [True]
            with pytest.raises(BlockingIOError):
                alone.recv(1)
            for _, writer in (line, again):
                writer.transport.abort()

    run(story())


def test_who_only_just_came_is_not_sent_away_for_a_newcomer(
    site: Site, cramped: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a rush of machines those that shake hands must come to an end."""
    monkeypatch.setattr(entrance, "_PATIENCE_S", 1000.0)

    async def story() -> None:
        async with accepting(site.place, Echo, nothing) as address:
            there = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
            first = [await silent(there, "127.0.0.2", cramped) for _ in range(3)]
            assert await is_cut(await silent(there, "127.0.0.2", cramped))
            for line in first:
                with pytest.raises(BlockingIOError):
                    line.recv(1)

    run(story())


# --- the whole store ----------------------------------------------------------------------------


def never(_path: Path) -> Clock:
    raise AssertionError("no simulated clock here")


def tls(machine: Machine, library: Library, kept: ExitStack) -> ssl.SSLSocket:
    port = int(library.address.rsplit(":", 1)[1])
    plain = kept.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
    identity = Identity(machine.bundle / "device.pem", machine.bundle / "device.key")
    context = pki.client_context(machine.bundle / "ca.pem", identity)
    return kept.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1"))


def ends(line: ssl.SSLSocket) -> bool:
    try:
        return line.recv(1) == b""
    except (ConnectionError, ssl.SSLEOFError):
        return True


@in_a_file
def test_a_revoked_machines_silent_line_is_cut_and_it_still_hears_why_when_it_asks(
    library: Library, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = library.machine("ulfborg-2")
    assert main(["revoke", "--dir", str(library.home.directory), "--device", "ulfborg-1"], system_clock, never) == 0
    assert machine.ask("GET", wire.STATUS).status == 401
    monkeypatch.setattr(entrance, "STRANGER_S", 0.05)
    with ExitStack() as kept:
        quiet = tls(other, library, kept)
        assert ends(tls(machine, library, kept))
        quiet.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        assert quiet.recv(12) == b"HTTP/1.1 200"


@in_a_file
@pytest.mark.parametrize("begun_with", [b"", b"GET /v1/status HTT", b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX: "])
@pytest.mark.parametrize("question", [b"", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"])
def test_a_header_that_does_not_end_ends_the_line_however_it_drips(
    library: Library, machine: Machine, monkeypatch: pytest.MonkeyPatch, question: bytes, begun_with: bytes
) -> None:
    monkeypatch.setattr("sync.central.web.listener.HEADER_S", 0.1)
    monkeypatch.setattr("sync.central.web.listener.IDLE_S", 0.1 if question and not begun_with else 3600)
    with ExitStack() as kept:
        line = tls(machine, library, kept)
        if question:
            line.sendall(question)
            assert line.recv(12) == b"HTTP/1.1 200"
        line.sendall(begun_with)
        line.settimeout(0.02)
        for _ in range(500):
            try:
                if line.recv(1000) == b"":
                    return
                continue
            except TimeoutError:
                pass
            except OSError:
                return
            try:
                line.sendall(b"x" if begun_with else b"")
            except OSError:
                return
    raise AssertionError("the line was never cut")


@in_a_file
def test_a_machine_whose_idle_line_was_cut_is_answered_at_its_next_question(
    library: Library, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.central.web.listener.IDLE_S", 0.05)
    with closing(RestStore(library.address, machine.bundle, 20.0, system_clock)) as client, ExitStack() as kept:
        client.status()
        beside = tls(machine, library, kept)
        beside.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        while not ends(beside):  # idle for as long as the client's
            continue
        assert client.status().time == library.clock.wall


# --- a system without files ---------------------------------------------------------------------

_FEW_FILES = """
import asyncio, logging, resource, sys
from pathlib import Path
from sync import pki
from sync.central.start import Home
from sync.central.web import entrance
from sync.central.web.entrance import Place, accepting

logging.basicConfig(stream=sys.stderr, format="%(message)s")
home = Home(Path(sys.argv[1]))
entrance._PAUSE_S = 0.0
tell, told = entrance._Entrance._tell, []

def counted(*failure):
    tell(*failure)
    told.append(failure)
    if len(told) == 5:
        print("five", flush=True)

entrance._Entrance._tell = counted

async def nothing():
    pass

async def serve():
    place = Place("127.0.0.1", 0, pki.open_context(home.server))
    async with accepting(place, asyncio.Protocol, nothing) as address:
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        print(address, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(serve())
"""


def test_a_store_that_has_no_file_left_says_so_in_one_line(begun: Home) -> None:
    argv = [sys.executable, "-c", _FEW_FILES, str(begun.directory)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as program, ExitStack() as kept:
        assert program.stdout is not None
        port = int(program.stdout.readline().rsplit(":", 1)[1])
        for _ in range(20):
            kept.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        assert program.stdout.readline() == "five\n"
        _, said = program.communicate("")
    assert said == '{"notAccepted": "EMFILE"}\n'
