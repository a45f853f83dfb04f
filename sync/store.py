"""The unit's one SQLite file: opened by one process, through one connection, so that what is committed is on the disk.

    unit.db          tables of migrations/NNNN.sql, version in PRAGMA user_version
    unit.db-wal      the last commits (synchronous=FULL: one fdatasync each); emptied by `erase`
    unit.db.lock     held while the file is open: SQLite before 3.51.3 can corrupt a WAL that two connections write
    unit.db.ballast  1 MiB thrown overboard by `make_room`: on a full disk SQLite cannot even delete

Not responsible for: what the tables mean (outbox.py, replica.py). The kiosk's side imports sqlite3 here only.
"""

import fcntl
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from kiosk.fault import DeviceFault, Fault

MAX_PAGES = 16_384  # of 4 KiB: 64 MiB, some 100 000 events
BUSY_MS = 100  # only a reader can be in the way, of a checkpoint; `record` must not stand behind it for long
BALLAST = 1_048_576  # bytes: room for the WAL, which a checkpoint needs a second time in the file
_CHECKPOINT_PAGES = 200

Value = str | int | float | bytes | None
Row = tuple[Value, ...]

# A build or a file may bring settings of its own: each is set, then read back.
_SETTINGS: tuple[tuple[str, str, Value], ...] = (
    ("busy_timeout", str(BUSY_MS), BUSY_MS),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("secure_delete", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("wal_autocheckpoint", str(_CHECKPOINT_PAGES), _CHECKPOINT_PAGES),
)


class Transaction:
    """Statements of one commit. Only for the length of `UnitFile.transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Value) -> int:
        """Rows changed."""
        return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Value) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()


class UnitFile:
    """Raises DeviceFault(OUTBOX_FULL) when there is no room, else DeviceFault(OUTBOX_BROKEN); never deletes a file.

    Any thread may use it; one at a time does.
    """

    def __init__(self, path: Path, max_pages: int = MAX_PAGES) -> None:
        self._ballast = path.with_name(path.name + ".ballast")
        self._lock = threading.Lock()
        try:
            self._held = _hold(path)
            try:
                self._connection = _open(path, max_pages)
            except BaseException:
                os.close(self._held)
                raise
        except OSError:
            raise DeviceFault(Fault.OUTBOX_BROKEN) from None
        self._take_ballast()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All of it is on the disk when the block ends, or nothing of it."""
        with self._lock, _faults(), _committed(self._connection) as transaction:
            yield transaction

    def erase(self) -> bool:
        """Takes what was deleted out of the WAL too; False while a reader holds it: ask again."""
        with self._lock, _faults():
            ((busy, _, _),) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._take_ballast()
        return bool(busy == 0)

    def make_room(self) -> bool:
        """On a full disk, once: for taking out what was delivered, not for taking in more."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def _take_ballast(self) -> None:
        """Where the disk has no room for it the unit works without."""
        if self._ballast.exists():
            return
        try:
            _allocate(self._ballast)
        except OSError:
            self.make_room()

    def close(self) -> None:
        with self._lock, _faults():
            self._connection.close()
            os.close(self._held)


# --- opening ------------------------------------------------------------------------------------


def _hold(path: Path) -> int:
    """Makes the file with its rights and takes the lock beside it. Raises OSError when another process has it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    _sync_folder(path.parent)
    held = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _allocate(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, max_pages: int) -> sqlite3.Connection:
    with _faults():
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            apply_settings(connection)
            verify_settings(connection)
            _migrate(connection)
            _verify_pages(connection)
            connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
        except BaseException:
            connection.close()
            raise
    return connection


def apply_settings(connection: sqlite3.Connection) -> None:
    for name, wanted, _ in _SETTINGS:
        connection.execute(f"PRAGMA {name} = {wanted}")


def verify_settings(connection: sqlite3.Connection) -> None:
    """Raises DeviceFault(OUTBOX_BROKEN) when one setting does not read back as it must."""
    for name, _, expected in _SETTINGS:
        if connection.execute(f"PRAGMA {name}").fetchone() != (expected,):
            raise DeviceFault(Fault.OUTBOX_BROKEN)


def _verify_pages(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
        raise DeviceFault(Fault.OUTBOX_BROKEN)


# --- migrations ---------------------------------------------------------------------------------


def _migrate(connection: sqlite3.Connection) -> None:
    """Every missing step in one commit. A file of a newer version is left as it is."""
    steps = _steps()
    with _committed(connection) as transaction:
        ((version,),) = transaction.rows("PRAGMA user_version")
        if not isinstance(version, int) or not 0 <= version <= len(steps):
            raise DeviceFault(Fault.OUTBOX_BROKEN)
        for step in steps[version:]:
            for statement in _statements(step):
                transaction.run(statement)
        transaction.run(f"PRAGMA user_version = {len(steps):d}")
        if version == 0:
            transaction.run("INSERT INTO queue (one, epoch) VALUES (1, ?)", secrets.token_hex(16))


def _steps() -> list[str]:
    """The text of migrations/0001.sql, 0002.sql, ... in order."""
    files = [file for file in resources.files("sync").joinpath("migrations").iterdir() if file.name.endswith(".sql")]
    return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)]


def _statements(script: str) -> Iterator[str]:
    """One by one: sqlite3.executescript would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


# --- commits and errors -------------------------------------------------------------------------


@contextmanager
def _committed(connection: sqlite3.Connection) -> Iterator[Transaction]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield Transaction(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _faults() -> Iterator[None]:
    """The one place where an error of SQLite becomes a fault; its text goes no further."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        raise DeviceFault(Fault.OUTBOX_FULL if full else Fault.OUTBOX_BROKEN) from None
