"""SQLite on a disk whose power may be cut: apsw behind the few calls that sync/store makes of the sqlite3 module.

The program under test stays as it is; for as long as a test says, `sqlite3.connect` and four calls of `os` go through
the disk. Not responsible for: what survives (cut_disk.py).
"""

import itertools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import apsw
import pytest

from tests.faults.cut_disk import Cut, Disk, Written, watched

_NUMBER = itertools.count()
_OURS = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
_WITH_NAME = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL  # SQLite syncs the folder with their first sync

Value = str | int | float | bytes | None


class Syncs(Enum):
    """What SQLite is told, whatever the program asks for."""

    AS_ASKED = ""
    NORMAL = "PRAGMA synchronous = NORMAL"
    OFF = "PRAGMA synchronous = OFF"


class _Plain(apsw.VFSFile):
    def xLock(self, level: int) -> None:
        try:
            super().xLock(level)
        except apsw.IOError:  # of a file opened for reading; SQLite tries, and does without
            raise apsw.BusyError from None


class _File(_Plain):
    def __init__(self, disk: Disk, name: apsw.URIFilename | str, flags: list[int]) -> None:
        self._disk, self._path = disk, _path(name)
        self._syncs_name = bool(flags[0] & _WITH_NAME)
        new = not self._path.exists()
        super().__init__("", name, flags)
        if new:
            disk.made(self._path)

    def xWrite(self, piece: bytes, at: int) -> None:  # apsw's name
        super().xWrite(piece, at)
        self._disk.changed(self._path, Written(at, bytes(piece)))

    def xTruncate(self, length: int) -> None:
        super().xTruncate(length)
        self._disk.changed(self._path, Cut(length))

    def xSync(self, flags: int) -> None:  # noqa: ARG002  # apsw's way to call it
        self._disk.sync(self._path)
        if self._syncs_name:
            self._disk.sync_folder()
            self._syncs_name = False


def _path(name: apsw.URIFilename | str) -> Path:
    return Path(name if isinstance(name, str) else name.filename())


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        if name is None or not flags[0] & _OURS:
            return super().xOpen(name, flags)
        if not self._disk.holds(_path(name)):
            return _Plain("", name, flags)
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        super().xDelete(name, sync_folder)
        self._disk.removed(Path(name))
        if sync_folder:
            self._disk.sync_folder()


# --- as the sqlite3 module ------------------------------------------------------------------------


class _Rows:
    """A statement that has run as far as it goes. stopped: at damage, behind the rows that there are."""

    def __init__(self, rows: list[tuple[Value, ...]], rowcount: int, stopped: sqlite3.Error | None = None) -> None:
        self._rows, self.rowcount, self._stopped = rows, rowcount, stopped

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        yield from self._rows
        if self._stopped is not None:
            raise self._stopped

    def fetchall(self) -> list[tuple[Value, ...]]:
        return list(self)

    def fetchone(self) -> tuple[Value, ...] | None:
        return next(iter(self), None)


class Connection:
    """What sync/store uses of a sqlite3.Connection."""

    def __init__(self, path: str, vfs: str, syncs: Syncs) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        with _errors():
            self._connection = apsw.Connection(path, flags=flags, vfs=vfs)
        self._syncs = syncs

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, values: tuple[Value, ...] = ()) -> _Rows:
        rows: list[tuple[Value, ...]] = []
        try:
            with _errors():
                rows += [(2,)] if sql == "PRAGMA synchronous" else self._connection.execute(self._said(sql), values)
        except sqlite3.Error as error:
            if not rows:
                raise
            return _Rows(rows, -1, error)
        return _Rows(rows, self._connection.changes())

    def _said(self, sql: str) -> str:
        sets = sql.startswith("PRAGMA synchronous =")
        return self._syncs.value if sets and self._syncs is not Syncs.AS_ASKED else sql

    def backup(self, other: "Connection") -> None:
        with _errors(), other._connection.backup("main", self._connection, "main") as copying:
            while not copying.done:
                copying.step()

    def close(self) -> None:
        with _errors():
            self._connection.close()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.DatabaseError
        said = kind(str(error))
        said.sqlite_errorcode = getattr(error, "extendedresult", 0)
        raise said from None


@contextmanager
def on(disk: Disk, syncs: Syncs = Syncs.AS_ASKED) -> Iterator[None]:
    """Whatever is opened in the block lies on this disk."""
    name = f"cut-{next(_NUMBER)}"
    vfs = _Vfs(name, disk)

    def connect(path: str | Path, **_: object) -> Connection:
        return Connection(str(path), name, syncs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        for call, instead in watched(disk).items():
            patch.setattr(os, call, instead)
        yield
    vfs.unregister()
