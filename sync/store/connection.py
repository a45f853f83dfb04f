"""A connection to a unit's file with the settings that keep its promise, and statements that are on the disk.

Not responsible for: which file, which version, whether it is whole.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kiosk.fault import DeviceFault, Fault

BUSY_MS = 100  # only a reader can be in the way, of a checkpoint; `record` must not stand behind it for long
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


class Statements:
    """One after the other, each a commit of its own but for those that are `together`. Raises what SQLite raises."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Value) -> int:
        """Rows changed."""
        return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Value) -> list[Row]:
        return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One commit for all of the block, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def unsynced(self) -> Iterator[None]:
        """What the block commits survives the death of the process; that of the computer, only when synced later."""
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def faults() -> Iterator[None]:
    """The one place where an error of SQLite becomes a fault; its text goes no further."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        raise DeviceFault(Fault.OUTBOX_FULL if full else Fault.OUTBOX_BROKEN) from None


# --- opening ------------------------------------------------------------------------------------


def opened(path: Path) -> sqlite3.Connection:
    """To be closed. Raises sqlite3.Error; DeviceFault(OUTBOX_BROKEN) when a setting does not read back as it must."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        apply_settings(connection)
        verify_settings(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def apply_settings(connection: sqlite3.Connection) -> None:
    for name, wanted, _ in _SETTINGS:
        connection.execute(f"PRAGMA {name} = {wanted}")


def verify_settings(connection: sqlite3.Connection) -> None:
    for name, _, expected in _SETTINGS:
        if connection.execute(f"PRAGMA {name}").fetchone() != (expected,):
            raise DeviceFault(Fault.OUTBOX_BROKEN)


@contextmanager
def looking(path: Path) -> Iterator[Statements]:
    """Read-only, beside the unit that writes: what was committed when the block began. Raises DeviceFault."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with faults(), closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS:d}")
        connection.execute("BEGIN")
        yield Statements(connection)


# --- files --------------------------------------------------------------------------------------


def sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
