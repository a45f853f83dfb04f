"""The file, its settings, and two programs at once."""

import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from sync.central.database import Database, DatabaseError
from sync.central.schema import VERSION, blocks, tables, tries, versions
from tests.sync.central.library import MORNING


def write_try(connection: Connection) -> None:
    connection.execute(insert(tries).values(subject="x", tried_at=MORNING))


def count_tries(connection: Connection) -> int:
    return len(connection.execute(select(tries)).all())


def settings(connection: Connection) -> list[object]:
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]


def test_durability_rests_on_settings_that_were_read_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    assert database.read(settings).result() == ["wal", 2, 1, 1]
    database.close()


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    database.write(write_try).result()
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    database.close()


def test_work_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")

    def half(connection: Connection) -> None:
        write_try(connection)
        connection.execute(insert(blocks).values(patron_id="nobody", reason="U", since=MORNING.date()))

    with pytest.raises(IntegrityError):
        database.write(half).result()
    assert database.read(count_tries).result() == 0
    database.write(write_try).result()
    assert database.read(count_tries).result() == 1
    database.close()


def test_a_time_comes_back_as_it_was_in_utc(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    database.write(write_try).result()
    assert database.read(lambda c: c.execute(select(tries.c.tried_at)).scalar_one()).result() == MORNING
    database.close()


def test_two_programs_may_write_at_once(tmp_path: Path) -> None:
    both = [Database(tmp_path / "store.sqlite") for _ in range(2)]

    def write_many(database: Database) -> None:
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


def test_a_file_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    first = Database(path)
    first.write(lambda c: c.execute(update(versions).values(version=VERSION + 1))).result()
    first.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseError):
        Database(path)
    assert path.read_bytes() == before


def test_a_cpr_or_card_number_has_only_sealed_columns_and_digests_and_a_pin_only_a_hash() -> None:
    columns = {column.name for table in tables.tables.values() for column in table.columns}
    secret = {name for name in columns if name.startswith(("cpr", "pin", "number"))}
    assert secret == {"cpr_digest", "cpr_sealed", "pin_hash", "number_sealed"}
