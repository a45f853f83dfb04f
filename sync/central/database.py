"""The store's SQLite file: one thread does all SQL, so nothing here ever waits on the event loop's thread.

    write(work)  lock file -> BEGIN IMMEDIATE -> SAVEPOINT work SAVEPOINT work ... -> COMMIT, synced to the disk
                              all that waits (64 at most) shares one COMMIT; each is answered after it
    read(work)   BEGIN -> work(connection) -> end
    look(work)   at once, on the caller's thread, through a connection that can only read

Work that raises loses its own savepoint alone; a COMMIT that fails (full disk) fails all that share it. Written is
in the order asked.
The lock file keeps another process (enrolment, while the server runs) from writing or checkpointing at the same
moment: SQLite before 3.51.3 can corrupt a WAL that two connections write at once.
Not responsible for: what the tables mean.
"""

import fcntl
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, insert, inspect, select
from sqlalchemy.pool import NullPool

from sync.central.schema import VERSION, tables, versions

ResultT = TypeVar("ResultT")
Work = Callable[[Connection], ResultT]

_BUSY_S = 10
_TOGETHER = 64  # writes of one COMMIT
_PRAGMAS = (
    ("journal_mode = WAL", "wal"),
    ("synchronous = FULL", 2),
    ("foreign_keys = ON", 1),
    ("secure_delete = ON", 1),
)


class DatabaseError(Exception):
    """Of another version, a setting that durability rests on is not taken, or a server that refuses."""


@dataclass(slots=True)
class _Asked(Generic[ResultT]):
    """One write that waits, and what it came to."""

    work: Work[ResultT]
    answer: Future[ResultT] = field(default_factory=Future)
    result: ResultT | None = None
    failure: BaseException | None = None

    def settle(self) -> None:
        if self.failure is not None:
            self.answer.set_exception(self.failure)
        else:
            self.answer.set_result(self.result)  # type: ignore[arg-type]  # None only where ResultT is


class Database:
    """One file, one connection, one thread. `write` and `read` may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Opens it; makes the tables in a new file. Raises DatabaseError."""
        lock = path.with_name(path.name + ".lock")
        for file in (path, lock):
            file.touch(mode=0o600)
        self._lock = lock.open("wb")
        self._engine = create_engine(
            f"sqlite:///{path}",
            poolclass=NullPool,
            hide_parameters=True,  # an error's text would name a patron
            # autocommit: BEGIN and COMMIT stand below, in the open. The thread is ours alone.
            connect_args={"isolation_level": None, "check_same_thread": False, "timeout": _BUSY_S},
        )
        # Read-only: it can neither write nor checkpoint, so the one-writer rule above stands.
        self._read_only = create_engine(
            f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true",
            poolclass=NullPool,
            hide_parameters=True,  # an error's text would name a patron
            connect_args={"isolation_level": None, "check_same_thread": False},
        )
        self._waiting: deque[_Asked[Any]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sql")
        try:
            self._connection = self._thread.submit(self._open).result()
            self._reader = self._read_only.connect().execution_options(isolation_level="AUTOCOMMIT")
        except BaseException:
            self._thread.shutdown()
            self._lock.close()
            raise

    def write(self, work: Work[ResultT]) -> Future[ResultT]:
        """What `work` returns, once it is on the disk; nothing is changed when it raises."""
        asked = _Asked(work)
        self._waiting.append(asked)
        self._thread.submit(self._write)  # finds nothing to do when the turn before took it along
        return asked.answer

    def read(self, work: Work[ResultT]) -> Future[ResultT]:
        return self._thread.submit(self._read, work)

    def look(self, work: Work[ResultT]) -> Future[ResultT]:
        """For one row by its key, where a turn on the SQL thread would cost more: done when it is returned.

        One thread at a time.
        """
        asked = _Asked(work)
        _attempt(asked, self._reader)
        asked.settle()
        return asked.answer

    def settle(self) -> Future[None]:
        """Moves the WAL into the file and empties it: only then is what was deleted gone from the disk's files."""
        return self._thread.submit(self._settle)

    def close(self) -> None:
        """Waits for what is under way. The WAL is emptied into the file."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()
        self._lock.close()

    def _open(self) -> Connection:
        connection = self._engine.connect()
        for pragma, expected in _PRAGMAS:
            _set(connection, pragma, expected)
        with self._transaction(connection):
            make_tables(connection)
        return connection

    def _write(self) -> None:
        together = self._taken()
        if not together:
            return
        try:
            with self._transaction(self._connection):
                for asked in together:
                    self._apart(asked)
        except BaseException as failure:
            for asked in together:
                asked.failure = failure
        for asked in together:
            asked.settle()

    def _taken(self) -> list["_Asked[Any]"]:
        """What waits, in its order, less what nobody waits for any more."""
        several = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
        return [asked for asked in several if asked.answer.set_running_or_notify_cancel()]

    def _apart(self, asked: "_Asked[Any]") -> None:
        """Raises when SQLite itself has ended the transaction (full disk): then the savepoint is gone with it."""
        sqlite = _sqlite(self._connection)
        sqlite.execute("SAVEPOINT apart")
        _attempt(asked, self._connection)
        if asked.failure is not None:
            if not sqlite.in_transaction:
                raise asked.failure
            sqlite.execute("ROLLBACK TO apart")
        sqlite.execute("RELEASE apart")

    def _read(self, work: Work[ResultT]) -> ResultT:
        self._connection.exec_driver_sql("BEGIN")
        try:
            return work(self._connection)
        finally:
            self._connection.rollback()

    def _settle(self) -> None:
        with self._alone():
            self._connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.rollback()

    def _close(self) -> None:
        with self._alone():
            self._reader.close()
            self._read_only.dispose()
            self._connection.close()
            self._engine.dispose()

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        with self._alone():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield
                connection.commit()
            except BaseException:
                connection.rollback()
                _sqlite(connection).rollback()  # of a COMMIT that failed SQLAlchemy believes that it ended something
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def _attempt(asked: "_Asked[Any]", connection: Connection) -> None:
    try:
        asked.result = asked.work(connection)
    except BaseException as failure:
        asked.failure = failure


def _sqlite(connection: Connection) -> sqlite3.Connection:
    """Past SQLAlchemy, whose own way costs more than a small statement."""
    inner = connection.connection.driver_connection
    if not isinstance(inner, sqlite3.Connection):
        raise DatabaseError("this is not SQLite")
    return inner


def _set(connection: Connection, pragma: str, expected: object) -> None:
    connection.exec_driver_sql(f"PRAGMA {pragma}")
    if connection.exec_driver_sql(f"PRAGMA {pragma.split()[0]}").scalar_one() != expected:
        raise DatabaseError(f"SQLite did not take {pragma}")
    connection.rollback()


def make_tables(connection: Connection) -> None:
    """In an empty database. Raises DatabaseError for one of another version."""
    there = inspect(connection).get_table_names()
    if not there:
        tables.create_all(connection)
        connection.execute(insert(versions).values(version=VERSION))
        return
    version = connection.execute(select(versions.c.version)).scalar_one() if versions.name in there else 1
    if version != VERSION:
        raise DatabaseError(f"the database is of version {version}, this program of {VERSION}")
