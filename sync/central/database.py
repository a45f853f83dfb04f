"""The store's SQLite file: one thread begins and ends all that is written, so nobody waits for a disk on another.

    write(work)       lock file -> BEGIN IMMEDIATE -> SAVEPOINT work SAVEPOINT work ... -> COMMIT, synced to the disk
                                   all that waits (64 at most) shares one COMMIT; each is answered after it
    write_soon(work)  the same, but the works are carried out on the event loop's thread, between BEGIN and COMMIT
    read(work)        BEGIN -> work(connection) -> end
    look(work)        at once, on the caller's thread, through a connection that can only read

write_soon is for short works: SQLite lets go of Python's lock at each statement, and two busy threads then hand it to
and fro a dozen times for one loan, which costs more than the loan.

Work that raises loses its own savepoint alone; a COMMIT that fails (full disk) fails all that share it. Written is
in the order asked.
The lock file keeps another process (enrolment, while the server runs) from writing or checkpointing at the same
moment: SQLite before 3.51.3 can corrupt a WAL that two connections write at once.
Not responsible for: what the tables mean.
"""

import asyncio
import fcntl
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, insert, inspect, select
from sqlalchemy.pool import NullPool

from sync.central.schema import VERSION, tables, versions

ResultT = TypeVar("ResultT")
Work = Callable[[Connection], ResultT]

_BUSY_S, _LOOKS_PER_S = 10, 200
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
    """One write that waits, and what it came to. answer: who waits for it; cancelled when nobody does any more."""

    work: Work[ResultT]
    answer: "Future[ResultT] | asyncio.Future[ResultT]"
    result: ResultT | None = None
    failure: BaseException | None = None

    def is_wanted(self) -> bool:
        if isinstance(self.answer, Future):
            return self.answer.set_running_or_notify_cancel()
        return not self.answer.cancelled()

    def settle(self) -> None:
        if self.answer.cancelled():
            return
        if self.failure is not None:
            self.answer.set_exception(self.failure)
        else:
            self.answer.set_result(self.result)  # type: ignore[arg-type]  # None only where ResultT is


_Waiting = deque[_Asked[Any]]


class Database:
    """One file, one connection, one thread. `write` and `read` may be called from any thread."""

    def __init__(self, path: Path, patience_s: float = _BUSY_S) -> None:
        """Opens it; makes the tables in a new file. patience_s: for another program to let go of it.

        Raises DatabaseError.
        """
        lock = path.with_name(path.name + ".lock")
        for file in (path, lock):
            file.touch(mode=0o600)
        self._lock = lock.open("wb")
        self._engine = _engine(f"file:{quote(str(path))}")
        # Read-only: it can neither write nor checkpoint, so the one-writer rule above stands.
        self._read_only = _engine(f"file:{quote(str(path))}?mode=ro")
        self._patience_s, self._pause = patience_s, Event()  # which is never set
        self._waiting, self._soon = _Waiting(), _Waiting()
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
        answer: Future[ResultT] = Future()
        self._waiting.append(_Asked(work, answer))
        self._thread.submit(self._write)  # finds nothing to do when the turn before took it along
        return answer

    def write_soon(self, work: Work[ResultT], loop: asyncio.AbstractEventLoop) -> "asyncio.Future[ResultT]":
        """As `write`, for a short work, asked on the loop's thread, which must go on running until it is answered."""
        answer: asyncio.Future[ResultT] = loop.create_future()
        self._soon.append(_Asked(work, answer))
        self._thread.submit(self._write_soon, loop)
        return answer

    def read(self, work: Work[ResultT]) -> Future[ResultT]:
        return self._thread.submit(self._read, work)

    def look(self, work: Work[ResultT]) -> Future[ResultT]:
        """For a few rows by their keys, where a turn on the SQL thread would cost more: done when it is returned.

        One thread at a time.
        """
        answer: Future[ResultT] = Future()
        asked, sqlite = _Asked(work, answer), _sqlite(self._reader)
        sqlite.execute("BEGIN")  # they belong together
        _attempt(asked, self._reader)
        sqlite.rollback()
        asked.settle()
        return answer

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
        together = _taken(self._waiting)
        if not together:
            return
        _settle(together, self._commit(lambda: self._carry_out(together)))

    def _write_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop is woken twice, however many share the COMMIT."""
        together: list[_Asked[Any]] = []

        def carry_out() -> None:
            together.extend(_taken(self._soon))
            self._carry_out(together)

        def settle(failure: BaseException | None) -> None:
            if failure is not None and not together:
                together.extend(_taken(self._soon))  # where there was not even a BEGIN
            _settle(together, failure)

        if self._soon:
            failure = self._commit(lambda: _on(loop, carry_out).result())
            loop.call_soon_threadsafe(settle, failure)

    def _commit(self, carry_out: Callable[[], None]) -> BaseException | None:
        """What kept it from the disk."""
        try:
            with self._transaction(self._connection):
                carry_out()
        except BaseException as failure:
            return failure
        return None

    def _carry_out(self, together: list[_Asked[Any]]) -> None:
        for asked in together:
            self._apart(asked)

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

    def _take_lock(self) -> None:
        """Raises DatabaseError: who holds it has been stopped in the middle of something."""
        for _ in range(round(self._patience_s * _LOOKS_PER_S)):
            try:
                return fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._pause.wait(1 / _LOOKS_PER_S)
        raise DatabaseError("another program holds the store's database")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._take_lock()
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def _engine(address: str) -> Engine:
    """address: a URI, since a path may hold what stands for something else in SQLAlchemy's own (`?`)."""

    def dial() -> sqlite3.Connection:
        # Autocommit: BEGIN and COMMIT stand above, in the open. One thread at a time uses a connection.
        return sqlite3.connect(
            address, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512
        )

    # hide_parameters: an error's text would name a patron.
    return create_engine("sqlite://", creator=dial, poolclass=NullPool, hide_parameters=True)


def _taken(waiting: _Waiting) -> list[_Asked[Any]]:
    """In its order, less what nobody waits for any more."""
    several = [waiting.popleft() for _ in range(min(_TOGETHER, len(waiting)))]
    return [asked for asked in several if asked.is_wanted()]


def _settle(together: list[_Asked[Any]], failure: BaseException | None) -> None:
    """failure: of all of them."""
    for asked in together:
        asked.failure = failure or asked.failure
        asked.settle()


def _on(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> Future[None]:
    """Done on the loop's thread."""
    done: Future[None] = Future()

    def do() -> None:
        try:
            work()
            done.set_result(None)
        except BaseException as failure:
            done.set_exception(failure)

    loop.call_soon_threadsafe(do)
    return done


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
        raise DatabaseError(
            f"the database is of version {version}, this program of {VERSION}:"
            " use the program that made it, or begin a new store in another directory"
        )
