"""A damaged file is set aside whole, and what can be read of it goes on waiting in a new one.

    unit.db, -wal, -shm --linked--> unit.db.20261124T122338Z.broken/    stays until a technician takes it away
                                      |--row by row--> unit.db.making --> unit.db.next --> unit.db, in a new epoch

The date is that of the last write. Rows keep the epoch they were recorded in, since they are sealed to it.
Not responsible for: telling anybody (limits.py).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from kiosk.fault import DeviceFault
from sync.store.connection import Row, Statements, faults, opened, sync_folder
from sync.store.versions import SIDES, begin_epoch, bring_up, making, newest, put_in_place, take_steps, version_of

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
_SINGLY = 200_000  # places between the readable ends of a table that are tried one by one


def fit(path: Path) -> bool:
    """Makes the file usable: whole, of the newest version. False: it is of a newer one. Raises DeviceFault, OSError."""
    with faults():
        try:
            version = _checked(path)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            _save(set_aside(path), path)
            version = 0
        if version > newest():
            return False
        bring_up(path)
        return True


def aside(path: Path) -> list[Path]:
    """What was set aside and is still there, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.*.broken"))


def set_aside(path: Path) -> Path:
    """The folder that holds the whole file too now, by another name."""
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    folder = path.with_name(f"{path.name}.{written:%Y%m%dT%H%M%SZ}.broken")
    folder.mkdir(mode=0o700, exist_ok=True)
    for tail in ("", *SIDES):
        with suppress(FileExistsError, FileNotFoundError):  # the start before was killed here; there is none
            os.link(path.with_name(path.name + tail), folder / (path.name + tail))
    sync_folder(folder)
    sync_folder(path.parent)
    return folder


# --- finding it ---------------------------------------------------------------------------------


def _checked(path: Path) -> int:
    """The version of a file that is whole. Every page and index is read when nobody had closed it."""
    check = "integrity_check" if path.with_name(path.name + SIDES[0]).exists() else "quick_check"
    with closing(_reading(path)) as connection:  # a writer that closes would write the WAL into what is damaged
        statements = Statements(connection)
        if statements.rows(f"PRAGMA {check}(1)") != [("ok",)]:
            raise _damaged()
        return version_of(statements)


def _damaged() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError()
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _DAMAGE or code in _UNREADABLE


# --- saving what can be read --------------------------------------------------------------------


def _save(folder: Path, path: Path) -> None:
    """What is not a database at all has nothing to save: the new file is empty."""
    made = making(path)
    with closing(opened(made)) as connection:
        saved = Statements(connection)
        with closing(_reading(folder / path.name)) as broken:
            version = _version(broken)
            with saved.together():
                take_steps(saved, 0, version)
                _copy(broken, saved)
                take_steps(saved, version, newest())
                saved.run("DELETE FROM events WHERE place >> 40 NOT IN (SELECT number FROM epochs)")  # none opens them
                begin_epoch(saved)
    put_in_place(path)


def _reading(path: Path) -> sqlite3.Connection:
    mode = "rw" if path.with_name(f"{path.name}-journal").exists() else "ro"  # a first start was cut: it is undone
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _version(broken: sqlite3.Connection) -> int:
    """0 when it cannot be read, or is newer: then there is no table that we know."""
    with suppress(sqlite3.DatabaseError, DeviceFault):
        version = version_of(Statements(broken))
        return version if version <= newest() else 0
    return 0


def _copy(broken: sqlite3.Connection, saved: Statements) -> None:
    """Every table of the version. Its triggers watch what is recorded, not what is saved with gaps."""
    triggers = saved.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    for name, _ in triggers:
        saved.run(f"DROP TRIGGER {name!s}")
    saved.run("PRAGMA defer_foreign_keys = ON")
    for (table,) in saved.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid"):
        _copy_table(broken, saved, str(table))
    for _, sql in triggers:
        saved.run(str(sql))
    for table, rowid, *_ in saved.rows("PRAGMA foreign_key_check"):
        saved.run(f"DELETE FROM {table!s} WHERE rowid = ?", rowid)  # noqa: S608  # sealed under a key that is lost


def _copy_table(broken: sqlite3.Connection, saved: Statements, table: str) -> None:
    columns = [str(name) for (name,) in saved.rows("SELECT name FROM pragma_table_info(?)", table)]
    places = ", ".join("?" * len(columns))
    for row in _readable(broken, table, ", ".join(columns)):
        with suppress(sqlite3.IntegrityError):  # what the table would not have taken is damage too
            saved.run(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", *row)  # noqa: S608


def _readable(broken: sqlite3.Connection, table: str, columns: str) -> Iterator[Row]:
    """From both ends as far as it goes, and then one by one what lies between."""
    found: dict[int, Row] = {}
    rows = f"SELECT rowid, {columns} FROM {table} NOT INDEXED"  # noqa: S608  # names of our own schema
    if not _read(broken, f"{rows} ORDER BY rowid", found):
        last = max(found, default=0)
        _read(broken, f"{rows} ORDER BY rowid DESC", found)
        behind = min((rowid for rowid in found if rowid > last), default=last)
        for rowid in range(last + 1, min(behind, last + _SINGLY)):
            _read(broken, f"{rows} WHERE rowid = {rowid:d}", found)
    for rowid in sorted(found):
        yield found[rowid]


def _read(broken: sqlite3.Connection, query: str, found: dict[int, Row]) -> bool:
    """False: it stopped at damage."""
    try:
        for rowid, *row in broken.execute(query):
            found[rowid] = tuple(row)
    except sqlite3.DatabaseError:
        return False
    return True
