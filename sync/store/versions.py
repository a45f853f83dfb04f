"""The versions of a unit's file: forward only, each step once, on a copy that takes the file's place when it is whole.

    unit.db ---copied---> unit.db.making ---every missing step, checked, synced---> unit.db.next ---renamed---> unit.db

Killed at any point, the next start finds the old file or the new one, whole. A file of a newer version is not touched.
Not responsible for: what the tables mean (migrations/NNNN.sql).
"""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

from kiosk.fault import DeviceFault, Fault
from sync.store.connection import Statements, opened, sync_file, sync_folder

SIDES = ("-wal", "-shm")  # what SQLite keeps beside a file: they belong to it, and to no other of its name


def steps() -> list[str]:
    """The text of migrations/0001.sql, 0002.sql, ... in order."""
    files = [file for file in resources.files("sync").joinpath("migrations").iterdir() if file.name.endswith(".sql")]
    return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)]


def newest() -> int:
    """The version this program knows."""
    return len(steps())


def version_of(statements: Statements) -> int:
    """Of the file's tables; 0 in a new one. Raises DeviceFault(OUTBOX_BROKEN) where it is none."""
    ((version,),) = statements.rows("PRAGMA user_version")
    if not isinstance(version, int) or version < 0:
        raise DeviceFault(Fault.OUTBOX_BROKEN)
    return version


def take_steps(statements: Statements, first: int, last: int) -> None:
    """From version `first` to version `last`."""
    for step in steps()[first:last]:
        for statement in _each(step):
            statements.run(statement)
    statements.run(f"PRAGMA user_version = {last:d}")


def begin_epoch(statements: Statements) -> None:
    """What is recorded from now on counts anew. For a file of the newest version."""
    statements.run(
        "INSERT INTO epochs (number, epoch) VALUES ((SELECT coalesce(max(number) + 1, 0) FROM epochs), ?)",
        secrets.token_hex(16),
    )


def bring_up(path: Path) -> None:
    """The file there, or a new one, is of the newest version. Nobody has it open. Raises sqlite3.Error, OSError."""
    with closing(opened(path)) as connection:
        statements = Statements(connection)
        version = version_of(statements)
        if version == newest():
            return
        if version == 0:  # nothing that could be lost: it has no copy
            with statements.together():
                take_steps(statements, 0, newest())
                begin_epoch(statements)
            return
        made = copied(connection, path)
    with closing(opened(made)) as copy:
        statements = Statements(copy)
        with statements.together():
            take_steps(statements, version, newest())
        if statements.rows("PRAGMA foreign_key_check") or statements.rows("PRAGMA integrity_check(1)") != [("ok",)]:
            raise DeviceFault(Fault.OUTBOX_BROKEN)
    put_in_place(path)


def copied(connection: sqlite3.Connection, path: Path) -> Path:
    """All that is committed, in a file of its own with the unit's rights."""
    made = making(path)
    with closing(sqlite3.connect(made)) as copy:
        connection.backup(copy)
    return made


# --- one file for another -----------------------------------------------------------------------


def making(path: Path) -> Path:
    """An empty file to make the next one in; one that a killed start left half made goes."""
    made = _beside(path, ".making")
    for tail in ("", *SIDES):
        _beside(made, tail).unlink(missing_ok=True)
    os.close(os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return made


def put_in_place(path: Path) -> None:
    """What was made, and is closed, takes the file's place."""
    made = _beside(path, ".making")
    sync_file(made)
    made.replace(_beside(path, ".next"))
    sync_folder(path.parent)
    finish(path)


def finish(path: Path) -> None:
    """At every start first: carries out a replacement that was whole when the start before was killed."""
    following = _beside(path, ".next")
    if not following.exists():
        return
    for tail in SIDES:  # before the rename: SQLite would read an old WAL into the new file
        _beside(path, tail).unlink(missing_ok=True)
    sync_folder(path.parent)
    following.replace(path)
    sync_folder(path.parent)


def _beside(path: Path, tail: str) -> Path:
    return path.with_name(path.name + tail)


def _each(script: str) -> Iterator[str]:
    """Statement by statement: sqlite3.executescript would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
