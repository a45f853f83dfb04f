"""A PostgreSQL of the tests' own: made in a temporary directory, reached by a socket in it, gone afterwards.

The tests share one database and each finds it as it was planted: a clone for each would cost ten times as much.
Nothing is synced to the disk, for what survives a crash of the computer is PostgreSQL's own affair. It does not run as
root: for root it is the user postgres.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from sync import pki
from sync.central import seed, start
from sync.central.schema import tables
from sync.central.start import Home
from tests.sync.central.library import MORNING, copy_of

_SETTINGS = ("listen_addresses=''", "shared_buffers=64MB", "max_connections=60")
_QUICK = (*_SETTINGS, "fsync=off", "full_page_writes=off")
_USER = "postgres"
_TEMPLATE = "begun"
_TABLES = [table.name for table in tables.sorted_tables]
_KEEP = "; ".join(
    (
        "CREATE SCHEMA kept",
        "CREATE TABLE kept.sequences AS SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'",
        *(f"CREATE TABLE kept.{name} AS TABLE {name}" for name in _TABLES),
    )
)
_REWIND = "; ".join(
    (
        "SET lock_timeout = '9s'",
        "SET session_replication_role = replica",  # the foreign keys held when it was planted
        f"TRUNCATE {', '.join(_TABLES)}",
        *(f"INSERT INTO {name} TABLE kept.{name}" for name in _TABLES),
        "SELECT setval(sequencename::regclass, coalesce(last_value, 1), last_value IS NOT NULL) FROM kept.sequences",
    )
)


def programs() -> Path | None:
    """Where Debian keeps initdb and pg_ctl, the newest; or where they are found."""
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = str(kept[-1]) if kept else shutil.which("initdb")
    return Path(found).parent if found else None


class Cluster:
    """Listens from the moment it is made until `stop`."""

    def __init__(self, bin_directory: Path, *, durable: bool = False) -> None:
        """durable: as in a library; without, nothing waits for the disk."""
        self._made, self._shared = 0, ""
        self.directory = Path(tempfile.mkdtemp(prefix="natugle-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self.directory, _USER, _USER)
        rows = self.directory / "rows"
        initdb = [
            str(bin_directory / "initdb"),
            "-D",
            str(rows),
            "-U",
            _USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        subprocess.run([*_as_user(), *initdb], check=True, cwd=self.directory, stdout=subprocess.DEVNULL)
        self._holder = subprocess.Popen(
            [*_as_user(), "sh", "-c", self._held(bin_directory / "pg_ctl", rows, _SETTINGS if durable else _QUICK)],
            cwd=self.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._holder.stdout is None or self._holder.stdout.readline() != b"up\n":
            self.stop()
            raise OSError("PostgreSQL does not start")

    def _held(self, pg_ctl: Path, rows: Path, settings: tuple[str, ...]) -> str:
        """Holds the server until our end of the pipe is closed: by `stop`, or because we were killed."""
        options = " ".join(f"-c {setting}" for setting in (*settings, f"unix_socket_directories={self.directory}"))
        up = shlex.join([str(pg_ctl), "-w", "-D", str(rows), "-l", str(self.directory / "log"), "-o", options, "start"])
        down = shlex.join([str(pg_ctl), "-w", "-D", str(rows), "-m", "immediate", "stop"])
        return f"trap '' INT TERM HUP; {up} >/dev/null && echo up; read -r _; {down} >/dev/null"

    def make(self) -> str:
        """The address of a new database, empty."""
        return self._clone("template0")

    def expect(self, directory: Path) -> None:
        """A store that is begun in the directory will have its rows here, in a database of its own."""
        _point(Home(pki.make_directory(directory)), self.make())

    def plant(self, begun: Home) -> None:
        """What `adopt` gives. begun: a planted SQLite store, with whose keys these rows are made."""
        self._create(_TEMPLATE, "template0")
        home = copy_of(begun, self.directory / "begun")
        home.database.unlink()
        _point(home, self._url(_TEMPLATE))
        start.populate(home, seed.plant, MORNING)
        with self._dial(_TEMPLATE) as planted:
            planted.execute(_KEEP.encode())
        self._shared = self._clone(_TEMPLATE)

    def adopt(self, home: Home) -> None:
        """The home's rows stand here until the next home is adopted, as they were at its first start."""
        home.database.unlink()
        try:
            with psycopg.connect(self._shared) as shared:
                shared.execute(_REWIND.encode())
        except psycopg.errors.UndefinedTable:  # the test before has dropped or renamed one
            self._shared = self._clone(_TEMPLATE)
        _point(home, self._shared)

    def cut(self, url: str) -> None:
        """Ends all connections to the database, as a server that is restarted does."""
        name = make_url(url).database
        with self._dial() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

    def stop(self) -> None:
        self._holder.communicate()
        shutil.rmtree(self.directory)

    def _clone(self, template: str) -> str:
        self._made += 1
        name = f"store_{self._made}"
        self._create(name, template)
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://{_USER}@/{name}?host={self.directory}"

    def _create(self, name: str, template: str) -> None:
        with self._dial() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())

    def _dial(self, name: str = "postgres") -> "closing[psycopg.Connection[tuple[object, ...]]]":
        return closing(psycopg.connect(self._url(name), autocommit=True))


def _as_user() -> tuple[str, ...]:
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups") if os.geteuid() == 0 else ()


def _point(home: Home, url: str) -> None:
    home.database_url.touch(mode=0o600)
    home.database_url.write_text(url + "\n", encoding="utf-8")
