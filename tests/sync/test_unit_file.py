"""The unit's one file: its settings, its versions, its rights, and what it does when it cannot go on."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from kiosk.fault import DeviceFault, Fault
from sync.store import connection as settings
from sync.store import versions
from sync.store.file import UnitFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "unit.db"


def epoch(file: UnitFile) -> str:
    with file.transaction() as transaction:
        return str(transaction.rows("SELECT epoch FROM epochs")[0][0])


def test_the_epoch_is_made_with_the_file_and_stays(path: Path, tmp_path: Path) -> None:
    first = UnitFile(path)
    before = epoch(first)
    first.close()
    again, other = UnitFile(path), UnitFile(tmp_path / "other.db")
    assert epoch(again) == before
    assert len(before) == 32
    assert epoch(other) != before
    again.close()
    other.close()


def test_all_its_files_are_the_units_alone(path: Path) -> None:
    path.touch(0o644)
    mask = os.umask(0)
    file = UnitFile(path)
    os.umask(mask)
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == dict.fromkeys(("unit.db", "unit.db-wal", "unit.db-shm", "unit.db.lock", "unit.db.ballast"), 0o600)
    file.close()


@pytest.mark.parametrize(
    "broken",
    [
        "journal_mode = DELETE",
        "synchronous = NORMAL",
        "foreign_keys = OFF",
        "secure_delete = FAST",
        "busy_timeout = 0",
        "trusted_schema = ON",
    ],
)
def test_a_setting_that_does_not_read_back_is_a_fault(path: Path, broken: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    settings.apply_settings(connection)
    settings.verify_settings(connection)
    connection.execute(f"PRAGMA {broken}")
    with pytest.raises(DeviceFault) as caught:
        settings.verify_settings(connection)
    assert caught.value.fault is Fault.OUTBOX_BROKEN
    connection.close()


def test_settings_are_read_back_at_every_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "apply_settings", lambda _: None)
    with pytest.raises(DeviceFault):
        UnitFile(path)


def test_every_table_is_strict(path: Path) -> None:
    file = UnitFile(path)
    with file.transaction() as transaction:
        assert transaction.rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0") == [
            ("sqlite_schema",)
        ]
    file.close()


# --- versions -------------------------------------------------------------------------------------


def _everything(path: Path) -> str:
    connection = sqlite3.connect(path)
    text = "\n".join(connection.iterdump())
    connection.close()
    return text


def test_a_file_of_a_newer_version_takes_nothing_and_is_left_as_it_is(path: Path) -> None:
    UnitFile(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = _everything(path)
    file = UnitFile(path)
    assert file.is_newer
    with pytest.raises(DeviceFault) as caught, file.transaction() as transaction:
        transaction.run("DELETE FROM events")
    assert caught.value.fault is Fault.OUTBOX_NEWER
    file.close()
    assert _everything(path) == before


def test_a_migration_that_fails_leaves_the_old_version_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    UnitFile(path).close()
    before = _everything(path)
    steps = versions.steps()
    monkeypatch.setattr(
        versions, "steps", lambda: [*steps, "DROP TABLE events; CREATE TABLE events (x INTEGER) STRICT; oops;"]
    )
    with pytest.raises(DeviceFault):
        UnitFile(path)
    assert _everything(path) == before
    monkeypatch.undo()
    UnitFile(path).close()


def test_only_the_missing_steps_are_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    UnitFile(path).close()
    before = _everything(path)
    steps = versions.steps()
    monkeypatch.setattr(versions, "steps", lambda: [*steps, "CREATE TABLE more (x INTEGER) STRICT;"])
    file = UnitFile(path)
    assert epoch(file) in before
    with file.transaction() as transaction:
        assert transaction.rows("PRAGMA user_version") == [(len(steps) + 1,)]
    file.close()


# --- broken and full ------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DeviceFault):
        UnitFile(tmp_path / "nowhere" / "unit.db")


def test_a_second_process_may_not_open_it(path: Path) -> None:
    """SQLite before 3.51.3 can corrupt a WAL that two connections write."""
    file = UnitFile(path)
    with pytest.raises(DeviceFault):
        UnitFile(path)
    file.close()
    UnitFile(path).close()


def test_a_failed_start_lets_go_of_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(settings, "apply_settings", lambda _: None)
        with pytest.raises(DeviceFault):
            UnitFile(path)
    UnitFile(path).close()


def test_an_error_of_sqlite_says_nothing_of_the_row(path: Path) -> None:
    file = UnitFile(path)
    with pytest.raises(DeviceFault) as caught, file.transaction() as transaction:
        transaction.run("INSERT INTO wrapped_keys VALUES ('7101901234', NULL)")
    assert caught.value.fault is Fault.OUTBOX_BROKEN
    assert caught.value.__suppress_context__
    file.close()


def test_a_transaction_that_raises_leaves_nothing(path: Path) -> None:
    file = UnitFile(path)

    def interrupted() -> None:
        with file.transaction() as transaction:
            transaction.run("INSERT INTO wrapped_keys VALUES ('k', x'00')")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    with file.transaction() as transaction:
        assert transaction.rows("SELECT * FROM wrapped_keys") == []
    file.close()


def test_deleted_bytes_are_gone_after_erase_unless_somebody_reads(path: Path) -> None:
    file = UnitFile(path)
    with file.transaction() as transaction:
        transaction.run("INSERT INTO wrapped_keys VALUES ('k', ?)", b"MARKER" * 100)
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM wrapped_keys").fetchall()
    with file.transaction() as transaction:
        transaction.run("DELETE FROM wrapped_keys")
    assert not file.erase()
    reader.close()
    assert file.erase()
    assert b"MARKER" not in b"".join(found.read_bytes() for found in path.parent.iterdir())
    file.close()
