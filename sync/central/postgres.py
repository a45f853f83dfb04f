"""The store in PostgreSQL: what database.py does for a file, for any number of servers at once.

    write(work)  BEGIN, the turn (an advisory lock) -> work(connection) -> COMMIT, which ends the turn
    read(work)   BEGIN REPEATABLE READ, READ ONLY -> work(connection) -> end      look(work)  the same

One writes at a time, whatever servers there are, as with SQLite: so nothing that a work has read changes under it, and
nothing need be done twice. (SERIALIZABLE and repeating was tried: a small library lies on one page of each index, where
everything conflicts with everything.) One thread writes and three read, each with a connection of its own while it
works. A connection that is lost fails the work on it with DatabaseLost (whether a COMMIT was carried out, nobody can
say then); the next work dials anew.
What PostgreSQL says of an error holds values of rows: only its SQLSTATE leaves this module.
Not responsible for: what the tables mean, backups and the server's own log.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import URL, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from sync.central.database import DatabaseError, Work, make_tables
from sync.central.schema import versions

ResultT = TypeVar("ResultT")

READERS = 3
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(:turn)")
_TURN = 0x6E617476  # the advisory lock of who writes
_NO_ROOM = ("53", "57P", "58")  # SQLSTATE: insufficient resources, operator intervention, system error
_CONNECT = {
    "connect_timeout": 5,
    "application_name": "natugle",
    "options": "-c statement_timeout=10s -c lock_timeout=9s -c idle_in_transaction_session_timeout=30s"
    " -c synchronous_commit=on -c jit=off",
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
            isolation_level="READ COMMITTED",  # what was done in the turn before is to be seen in this one
            pool_size=READERS + 1,
            max_overflow=0,
            hide_parameters=True,  # an error's text would name a patron
            connect_args=_CONNECT,
        )
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sql")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sql")
        try:
            self.write(make_tables).result()
        except BaseException:
            self.close()
            raise

    def write(self, work: Work[ResultT]) -> Future[ResultT]:
        """What `work` returns, once it is on the server's disk; nothing is changed when it raises."""
        return self._writer.submit(self._write, work)

    def write_soon(self, work: Work[ResultT], loop: asyncio.AbstractEventLoop) -> asyncio.Future[ResultT]:
        """As `write`: the server is not so near that the loop could wait for it."""
        return asyncio.wrap_future(self.write(work), loop=loop)

    def read(self, work: Work[ResultT]) -> Future[ResultT]:
        return self._readers.submit(self._read, work)

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
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    def _write(self, work: Work[ResultT]) -> ResultT:
        with _told(), self._engine.begin() as connection:
            connection.execute(_TAKE_TURN, {"turn": _TURN})
            return work(connection)

    def _read(self, work: Work[ResultT]) -> ResultT:
        with _told(), self._engine.connect() as plain:
            return work(plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True))


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
    if state.startswith(_NO_ROOM):
        return DatabaseLost(f"the database server has no disk or memory left, or is ending: SQLSTATE {state}")
    return DatabaseError(f"PostgreSQL refused: SQLSTATE {state}")


def _state(problem: DBAPIError) -> str | None:
    state = getattr(problem.orig, "sqlstate", None)
    return state if isinstance(state, str) else None
