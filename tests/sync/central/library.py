"""A central store for a test: its own directory, a clock that is set by hand, machines that speak raw HTTP over TLS."""

import http.client
import json
import shutil
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, select
from sqlalchemy.sql.selectable import FromClause

from kiosk.loop import system_clock
from kiosk.model import BranchId, DeviceId, Now
from sync import pki
from sync.central import seed, start
from sync.central.command import enrol
from sync.central.machines.devices import Device
from sync.central.schema import tables
from sync.central.start import Home, open_database
from sync.central.web.server import CentralServer
from sync.rest import wire

# For a test that looks at the database's file itself.
in_a_file = pytest.mark.parametrize("home", ["sqlite"], indirect=True)

MORNING = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)  # a Tuesday, 10:30 in Copenhagen


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, wall: datetime = MORNING) -> None:
        self.wall = wall

    def __call__(self) -> Now:
        return Now(self.wall, 0.0, synced=True)

    def forward(self, **parts: float) -> None:
        self.wall += timedelta(**parts)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


class Machine:
    """One enrolled device. Every answer it got is remembered, as bytes."""

    def __init__(self, address: str, bundle: Path, context: ssl.SSLContext | None = None) -> None:
        self.bundle, self.heard = bundle, b""
        identity = pki.Identity(bundle / "device.pem", bundle / "device.key")
        self._context = context or pki.client_context(bundle / "ca.pem", identity)
        self._host, port = address.removeprefix("https://").split(":")
        self._port = int(port)
        self._line = self._dial()

    def _dial(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=20)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """body: bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._line.request(method, path, None if body is None else content, named)
        response = self._line.getresponse()
        reply = Reply(response.status, dict(response.getheaders()), response.read())
        self.heard += str(reply.headers).encode() + reply.body
        return reply

    def authenticate(self, number: str, pin: str) -> Reply:
        return self.ask("POST", wire.AUTHENTICATE, {"libraryCardNumber": number, "pincode": pin})

    def admission(self, number: str, pin: str, branch: str = seed.ULFBORG) -> Reply:
        path = wire.ADMISSIONS.replace("{branchId}", branch)
        return self.ask("POST", path, {"libraryCardNumber": number, "pincode": pin})

    def lend(self, patron: str, item: str, key: str) -> Reply:
        question = {"patronId": patron, "materialItemNumber": item}
        return self.ask("POST", wire.LOANS, question, Idempotency_Key=key)

    def bring_back(self, item: str, key: str) -> Reply:
        return self.ask("POST", wire.RETURNS, {"materialItemNumber": item}, Idempotency_Key=key)

    def hang_up(self) -> None:
        self._line.close()


class Library:
    """A store that listens, and its machines."""

    def __init__(self, home: Home, clock: HandClock) -> None:
        self.home, self.clock = home, clock
        self.server = CentralServer(home, clock)
        self.address = self.server.start()
        self._machines: list[Machine] = []

    def machine(self, name: str = "ulfborg-1", branch: BranchId = seed.ULFBORG) -> Machine:
        bundle = self.home.directory.parent / name
        enrol(self.home, Device(DeviceId(name), branch), bundle, system_clock)
        return self.dial(bundle)

    def dial(self, bundle: Path, context: ssl.SSLContext | None = None) -> Machine:
        machine = Machine(self.address, bundle, context)
        self._machines.append(machine)
        return machine

    def restart(self) -> None:
        self.stop()
        self.server = CentralServer(self.home, self.clock)
        self.address = self.server.start()

    def stop(self) -> None:
        for machine in self._machines:
            machine.hang_up()
        self.server.stop()

    def rows(self, table: FromClause) -> list[Row[Any]]:
        """Read with the server stopped or not."""
        with closing(open_database(self.home)) as database:
            return list(database.read(lambda connection: connection.execute(select(table)).all()).result())


def laid_down(home: Home) -> bytes:
    """All that the store has written: its directory; at a server, every value of every row besides."""
    files = b"".join(path.read_bytes() for path in home.directory.rglob("*") if path.is_file())
    return files + repr(_every_row(home)).encode() if home.database_url.exists() else files


def _every_row(home: Home) -> list[Row[Any]]:
    def read(connection: Connection) -> list[Row[Any]]:
        return [row for table in tables.sorted_tables for row in connection.execute(select(table))]

    with closing(open_database(home)) as database:
        return database.read(read).result()


def first_start(directory: Path, plant: start.Plant = seed.plant) -> Home:
    """A store as at its first start, at MORNING."""
    home = Home(directory)
    start.begin(home, ["localhost", "127.0.0.1"], system_clock().wall)
    start.populate(home, plant, MORNING)
    return home


def copy_of(home: Home, directory: Path) -> Home:
    shutil.copytree(home.directory, directory)
    return Home(directory)
