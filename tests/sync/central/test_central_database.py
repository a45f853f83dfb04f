"""The database: its settings, work that fails, several programs at once. What both kinds promise is asked of both."""

import asyncio
import fcntl
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from sync.central.database import Database, DatabaseError
from sync.central.postgres import DatabaseLost, PostgresDatabase
from sync.central.schema import VERSION, blocks, tables, tries, versions
from sync.central.start import Home, open_database
from tests.sync.central.library import MORNING
from tests.sync.central.postgresql import Cluster

AnyDatabase = Database | PostgresDatabase
NOBODY = {"patron_id": "nobody", "reason": "U", "since": MORNING.date()}


@pytest.fixture
def database(home: Home) -> Iterator[AnyDatabase]:
    """On SQLite and on PostgreSQL in turn."""
    with closing(open_database(home)) as database:
        yield database


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(tmp_path / "store.sqlite")) as database:
        yield database


@pytest.fixture
def remote(cluster: Cluster) -> Iterator[PostgresDatabase]:
    with closing(PostgresDatabase(cluster.make())) as database:
        yield database


def write_try(connection: Connection, subject: str = "x") -> str:
    connection.execute(insert(tries).values(subject=subject, tried_at=MORNING))
    return subject


def count_tries(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tries)).scalar_one()


def subjects(connection: Connection) -> list[str]:
    return list(connection.execute(select(tries.c.subject).order_by(tries.c.try_id)).scalars())


def block_nobody(connection: Connection) -> None:
    """A row that the foreign keys forbid."""
    connection.execute(insert(blocks).values(NOBODY))


def block_nobody_at_the_end(connection: Connection) -> None:
    """The same, but only COMMIT says so."""
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    block_nobody(connection)


def settings(connection: Connection) -> list[object]:
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]


def named(subject: str) -> Callable[[Connection], str]:
    return lambda connection: write_try(connection, subject)


# --- both ---------------------------------------------------------------------------------------


def test_work_that_raises_leaves_nothing(database: AnyDatabase) -> None:
    def half(connection: Connection) -> None:
        write_try(connection)
        block_nobody(connection)

    with pytest.raises((SQLAlchemyError, DatabaseError)) as raised:
        database.write(half).result()
    assert "nobody" not in str(raised.value)
    assert database.read(count_tries).result() == 0
    database.write(write_try).result()
    assert database.read(count_tries).result() == 1


def test_a_time_comes_back_as_it_was_in_utc(database: AnyDatabase) -> None:
    database.write(write_try).result()
    assert database.read(lambda c: c.execute(select(tries.c.tried_at)).scalar_one()).result() == MORNING


def test_a_look_sees_what_was_written_and_cannot_write(database: AnyDatabase) -> None:
    database.write(write_try).result()
    assert database.look(count_tries).result() == 1
    with pytest.raises((SQLAlchemyError, DatabaseError)):
        database.look(write_try).result()


def test_two_programs_may_write_at_once(home: Home) -> None:
    both = [open_database(home) for _ in range(2)]

    def write_many(database: AnyDatabase) -> None:
        for _ in range(50):
            database.write(write_try).result()

    threads = [threading.Thread(target=write_many, args=(database,)) for database in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.read(count_tries).result() for database in both] == [100, 100]
    for database in both:
        database.close()


def test_of_fifty_writes_at_once_the_one_that_raises_loses_itself_alone(database: AnyDatabase) -> None:
    def half(connection: Connection) -> str:
        write_try(connection, "half")
        raise KeyError("half")

    asked = [database.write(half if number == 20 else named(str(number))) for number in range(50)]
    wait(asked)
    assert [type(future.exception()) for future in asked if future.exception()] == [KeyError]
    assert [future.result() for future in asked if not future.exception()] == [str(n) for n in range(50) if n != 20]
    assert sorted(database.read(subjects).result(), key=int) == [str(n) for n in range(50) if n != 20]


def test_short_writes_of_a_loop_and_those_of_threads_all_happen(database: AnyDatabase) -> None:
    async def ask() -> list[str]:
        loop = asyncio.get_running_loop()
        soon = [database.write_soon(named(f"soon {number}"), loop) for number in range(70)]
        others = [asyncio.wrap_future(database.write(named(f"thread {number}"))) for number in range(70)]
        return await asyncio.gather(*soon, *others)

    told = asyncio.run(ask())
    assert len(told) == 140
    assert sorted(database.read(subjects).result()) == sorted(told)


def test_of_short_writes_at_once_the_one_that_raises_loses_itself_alone(database: AnyDatabase) -> None:
    def half(connection: Connection) -> str:
        write_try(connection, "half")
        raise KeyError("half")

    async def ask() -> list[str | BaseException]:
        loop = asyncio.get_running_loop()
        works = [named("a"), half, named("b")]
        return await asyncio.gather(*(database.write_soon(work, loop) for work in works), return_exceptions=True)

    first, second, third = asyncio.run(ask())
    assert (first, type(second), third) == ("a", KeyError, "b")
    assert database.read(subjects).result() == ["a", "b"]


# --- SQLite -------------------------------------------------------------------------------------


class Held:
    """Keeps the SQL thread busy, so that what is asked meanwhile shares one COMMIT."""

    def __init__(self, database: Database) -> None:
        self._free = threading.Event()
        database.read(lambda _connection: self._free.wait())

    def release(self, *asked: Future[str] | Future[None]) -> None:
        self._free.set()
        for future in asked:
            future.exception()


def test_durability_rests_on_settings_that_were_read_back(file: Database) -> None:
    assert file.read(settings).result() == ["wal", 2, 1, 1]


def test_only_the_owner_reads_the_file(file: Database, tmp_path: Path) -> None:
    file.write(write_try).result()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name


def test_what_waits_is_written_in_the_order_it_was_asked(file: Database) -> None:
    held = Held(file)
    asked = [file.write(named(str(number))) for number in range(130)]
    held.release(*asked)
    assert file.read(subjects).result() == [str(number) for number in range(130)]


def test_a_commit_that_fails_fails_all_that_share_it(file: Database) -> None:
    held = Held(file)
    asked: list[Future[str] | Future[None]] = [file.write(named("before")), file.write(block_nobody_at_the_end)]
    asked.append(file.write(named("after")))
    held.release(*asked)
    assert all(isinstance(future.exception(), SQLAlchemyError) for future in asked)
    assert file.read(subjects).result() == []
    assert file.write(named("later")).result() == "later"


def test_a_disk_that_is_full_fails_what_did_not_fit_and_leaves_nothing_half_done(file: Database) -> None:
    pages = file.read(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one()).result()
    file.read(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}").scalar_one()).result()
    held = Held(file)

    def large(connection: Connection) -> None:
        write_try(connection, "half")
        for _ in range(40):
            write_try(connection, "x" * 1000)

    small, over = file.write(named("small")), file.write(large)
    held.release(small, over)
    assert isinstance(over.exception(), SQLAlchemyError)
    assert file.read(subjects).result() == ([] if small.exception() else ["small"])
    assert file.write(named("later")).result() == "later"


def test_work_that_nobody_waits_for_any_more_is_not_done(file: Database) -> None:
    held = Held(file)
    given_up, wanted = file.write(named("given up")), file.write(named("wanted"))
    assert given_up.cancel()
    held.release(wanted)
    assert file.read(subjects).result() == ["wanted"]


def test_a_short_write_that_nobody_waits_for_any_more_is_not_done(file: Database) -> None:
    async def ask() -> str:
        held, loop = Held(file), asyncio.get_running_loop()
        given_up, wanted = file.write_soon(named("given up"), loop), file.write_soon(named("wanted"), loop)
        given_up.cancel()
        held.release()
        return await wanted

    assert asyncio.run(ask()) == "wanted"
    assert file.read(subjects).result() == ["wanted"]


def test_short_writes_that_share_a_commit_that_fails_all_fail(file: Database) -> None:
    async def ask() -> list[object]:
        held, loop = Held(file), asyncio.get_running_loop()
        asked = [file.write_soon(work, loop) for work in (named("before"), block_nobody_at_the_end, named("after"))]
        held.release()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert all(isinstance(failure, SQLAlchemyError) for failure in asyncio.run(ask()))
    assert file.read(subjects).result() == []
    assert file.write(named("later")).result() == "later"


def test_a_short_write_is_told_when_writing_cannot_even_begin(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"

    async def ask(file: Database) -> str:
        return await asyncio.wait_for(file.write_soon(named("x"), asyncio.get_running_loop()), 20)

    with closing(Database(path, patience_s=0.05)) as file, (tmp_path / "store.sqlite.lock").open("wb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(DatabaseError):
            asyncio.run(ask(file))
        fcntl.flock(stopped, fcntl.LOCK_UN)
        assert asyncio.run(ask(file)) == "x"


def test_a_file_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    first = Database(path)
    first.write(lambda c: c.execute(update(versions).values(version=VERSION + 1))).result()
    first.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseError):
        Database(path)
    assert path.read_bytes() == before


def test_another_program_that_stopped_in_the_middle_of_writing_is_not_waited_for_without_end(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with closing(Database(path, patience_s=0.05)) as file, (tmp_path / "store.sqlite.lock").open("wb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        assert isinstance(file.write(write_try).exception(), DatabaseError)
        assert file.look(count_tries).result() == 0
        fcntl.flock(stopped, fcntl.LOCK_UN)
        assert file.write(write_try).result() == "x"


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "æ ø"])
def test_a_path_means_itself_whatever_stands_in_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with closing(Database(folder / "store.sqlite")) as file:
        file.write(write_try).result()
        assert file.look(count_tries).result() == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "store.sqlite").stat().st_size > 0


def test_a_look_is_at_one_moment_whatever_is_written_meanwhile(file: Database) -> None:
    def look(connection: Connection) -> list[int]:
        before = count_tries(connection)
        file.write(write_try).result()
        return [before, count_tries(connection)]

    assert file.look(look).result() == [0, 0]
    assert file.look(count_tries).result() == 1


# --- PostgreSQL ---------------------------------------------------------------------------------


def test_postgresql_is_asked_for_a_synced_commit_and_waits_for_nothing_for_ever(remote: PostgresDatabase) -> None:
    def told(connection: Connection) -> list[object]:
        names = ("synchronous_commit", "statement_timeout", "lock_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert remote.write(told).result() == ["on", "10s", "9s"]


def test_two_servers_may_make_the_tables_at_once(cluster: Cluster) -> None:
    url, opened = cluster.make(), []
    threads = [threading.Thread(target=lambda: opened.append(PostgresDatabase(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [database.read(count_tries).result() for database in opened] == [0] * 4
    for database in opened:
        database.close()


def test_two_servers_that_write_at_once_write_one_after_the_other(cluster: Cluster) -> None:
    url = cluster.make()

    def next_number(connection: Connection) -> int:
        """Reads and then writes what follows from it: lost where two do so at once."""
        last = connection.execute(select(func.max(tries.c.try_id))).scalar_one() or 0
        connection.execute(insert(tries).values(try_id=last + 1, subject="x", tried_at=MORNING))
        return int(last) + 1

    with closing(PostgresDatabase(url)) as one, closing(PostgresDatabase(url)) as other:
        asked = [server.write(next_number) for _ in range(25) for server in (one, other)]
        assert sorted(future.result() for future in asked) == list(range(1, 51))


def test_a_read_changes_nothing_and_does_not_wait_for_who_writes(remote: PostgresDatabase) -> None:
    let_go = threading.Event()
    writing = remote.write(lambda connection: (write_try(connection), let_go.wait(10)))
    assert remote.read(count_tries).result() == 0
    let_go.set()
    writing.result()
    with pytest.raises(DatabaseError, match="25006"):
        remote.read(write_try).result()
    assert remote.read(count_tries).result() == 1


def test_what_is_said_of_an_error_is_its_sqlstate_alone(remote: PostgresDatabase) -> None:
    def twice(connection: Connection) -> None:
        connection.execute(insert(tries).values(try_id=7, subject="secret", tried_at=MORNING))

    remote.write(twice).result()
    with pytest.raises(DatabaseError, match="23505") as raised:
        remote.write(twice).result()
    assert "secret" not in str(raised.value)


def test_a_lost_connection_fails_its_work_and_the_next_one_dials_anew(cluster: Cluster) -> None:
    url = cluster.make()
    with closing(PostgresDatabase(url)) as database:

        def cut_off(connection: Connection) -> None:
            write_try(connection)
            cluster.cut(url)
            write_try(connection)

        with pytest.raises(DatabaseLost):
            database.write(cut_off).result()
        assert [database.write(named(str(n))).result() for n in range(8)] == [str(n) for n in range(8)]
        assert database.read(count_tries).result() == 8


@pytest.mark.parametrize(
    "url",
    ["postgresql://natugle:hemmelig@127.0.0.1:1/store", "mysql://natugle:hemmelig@h/s", "hemmelig", "p://[hemmelig"],
)
def test_a_password_is_in_no_message(url: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        PostgresDatabase(url)
    assert "hemmelig" not in str(raised.value) + repr(raised.value)
    assert raised.value.__cause__ is None


def test_a_password_that_others_may_read_is_refused(begun: Home, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.database_url.write_text("postgresql://natugle:hemmelig@127.0.0.1:1/store")
    home.database_url.chmod(0o644)
    with pytest.raises(DatabaseError, match="chmod 600"):
        open_database(home)


def test_tables_of_another_version_are_refused(cluster: Cluster) -> None:
    url = cluster.make()
    with closing(PostgresDatabase(url)) as first:
        first.write(lambda c: c.execute(update(versions).values(version=VERSION + 1))).result()
    with pytest.raises(DatabaseError, match="version"):
        PostgresDatabase(url)


# --- the tables ---------------------------------------------------------------------------------


def test_a_cpr_or_card_number_has_only_sealed_columns_and_digests_and_a_pin_only_a_hash() -> None:
    columns = {column.name for table in tables.tables.values() for column in table.columns}
    secret = {name for name in columns if name.startswith(("cpr", "pin", "number"))}
    assert secret == {"cpr_digest", "cpr_sealed", "pin_hash", "number_sealed"}
