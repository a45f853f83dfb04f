"""The store in PostgreSQL: what database.py does for a file, for any number of servers at once.

    write(work)  BEGIN SERIALIZABLE -> work(connection) -> COMMIT     again from the start on a conflict
    read(work)   BEGIN REPEATABLE READ, READ ONLY -> work(connection) -> end      look(work)  the same

Four threads, each with a connection of its own while it works. Two transactions that would not have been possible one
after the other do not both end: PostgreSQL refuses one, and it is done again. A connection that is lost fails the work
on it with DatabaseLost (whether a COMMIT was carried out, nobody can say then); the next work dials anew.
What PostgreSQL says of an error holds values of rows: only its SQLSTATE leaves this module.
Not responsible for: what the tables mean, backups and the server's own log.
"""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from sync.central.database import DatabaseError, Work, make_tables
from sync.central.schema import versions

ResultT = TypeVar("ResultT")

THREADS = 4
_ATTEMPTS = 30  # a small library lies on one page of each index, where everything conflicts with everything
_PAUSE_S = 0.004  # the longest before the second attempt; longer before each one after it, up to _LONGEST_S
_LONGEST_S = 0.04
_CONFLICT = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_TAKEN = "23505"  # unique_violation: a conflict shows so too, when both wrote the same key
_MAKING = 0x6E617475  # the advisory lock under which tables are made
_CONNECT = {
    "connect_timeout": 5,
    "application_name": "natugle",
    # Whole tables are not scanned where there is an index, however small they are: a scan would conflict with every
    # write (PostgreSQL 15, 13.2.3). The compiler is off, for it is called by the cost that this feigns.
    "options": "-c statement_timeout=10s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
    " -c synchronous_commit=on -c enable_seqscan=off -c jit=off",
}


class DatabaseLost(DatabaseError):
    """The server went away, or does not answer. What was under way may have been carried out only if it was ending."""


class PostgresDatabase:
    """One database, four connections. Its calls may be made from any thread."""

    def __init__(self, url: str) -> None:
        """Opens it; makes the tables in an empty one. url: postgresql://USER:PASSWORD@HOST/NAME.

        Raises DatabaseError.
        """
        self._engine = create_engine(
            address(url),
            isolation_level="SERIALIZABLE",
            pool_size=THREADS,
            max_overflow=0,
            hide_parameters=True,  # an error's text would name a patron
            connect_args=_CONNECT,
        )
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sql")
        try:
            self._threads.submit(self._open).result()
        except BaseException:
            self.close()
            raise

    def write(self, work: Work[ResultT]) -> Future[ResultT]:
        """What `work` returns, once it is on the server's disk; it may be called more than once."""
        return self._threads.submit(self._repeated, partial(self._write, work))

    def read(self, work: Work[ResultT]) -> Future[ResultT]:
        return self._threads.submit(self._repeated, partial(self._read, work))

    def look(self, work: Work[ResultT]) -> Future[ResultT]:
        """As `read`: no row is so near that the event loop could wait for it."""
        return self.read(work)

    def settle(self) -> Future[None]:
        """Nothing: the server empties its own files."""
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def close(self) -> None:
        """Waits for what is under way."""
        self._closing.set()
        self._threads.shutdown()
        self._engine.dispose()

    def _open(self) -> None:
        with _told(), self._engine.connect() as plain:
            # What another server made while we waited for the lock is to be seen: no snapshot from before it.
            connection = plain.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:making)"), {"making": _MAKING})
                make_tables(connection)

    def _write(self, work: Work[ResultT]) -> ResultT:
        with self._engine.begin() as connection:
            return work(connection)

    def _read(self, work: Work[ResultT]) -> ResultT:
        with self._engine.connect() as plain:
            return work(plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True))

    def _repeated(self, work: Callable[[], ResultT]) -> ResultT:
        """`work` as often as it takes, and no oftener than _ATTEMPTS; a key that is taken twice is no conflict."""
        taken = 0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return work()
            except DBAPIError as problem:
                state = _state(problem)
                taken += state == _TAKEN
                again = state in _CONFLICT or (state == _TAKEN and taken == 1)
                if not again or attempt == _ATTEMPTS:
                    raise _plain(problem) from None
            self._closing.wait(random.uniform(0, min(_PAUSE_S * attempt, _LONGEST_S)))  # noqa: S311  # who waits longer is no secret
        raise DatabaseError("no attempt was made")


def has_tables(url: str) -> bool:
    """Whether a store has been made there before. Raises DatabaseError."""
    engine = create_engine(address(url), connect_args=_CONNECT, hide_parameters=True)
    try:
        with _told(), engine.connect() as connection:
            return inspect(connection).has_table(versions.name)
    finally:
        engine.dispose()


def address(url: str) -> URL:
    """For our driver. Raises DatabaseError, which repeats nothing: a password stands in it."""
    try:
        read = make_url(url.strip())
    except (ArgumentError, ValueError):
        raise DatabaseError("the database's address cannot be read") from None
    if read.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise DatabaseError("the database's address is not one of PostgreSQL")
    return read.set(drivername="postgresql+psycopg")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except DBAPIError as problem:
        raise _plain(problem) from None


def _plain(problem: DBAPIError) -> DatabaseError:
    state = _state(problem)
    if state is None or problem.connection_invalidated:
        return DatabaseLost("the database server does not answer, or does not let us in")
    return DatabaseError(f"PostgreSQL refused: SQLSTATE {state}")


def _state(problem: DBAPIError) -> str | None:
    state = getattr(problem.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
