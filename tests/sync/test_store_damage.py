"""A damaged file is found at the start, set aside whole, and what can be read of it is delivered after all."""

import os
import shutil
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.event import DoorClosed, DoorHeld
from kiosk.fault import DeviceFault
from kiosk.model import EventId, ItemId
from sync import seal
from sync.outbox import Outbox
from sync.rest.wire import MAX_BATCH, EventsQuestion
from sync.store import damage, versions
from sync.store.connection import Row, Statements
from sync.store.file import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock, BenchStore, snapshot

KEY = seal.generate()
PAGE = 4096
COUNT = 400


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four hundred events that wait; closed."""
    path = tmp_path_factory.mktemp("full") / "unit.db"
    file, outbox = opened(path)
    outbox.record_all([(DoorClosed(number), EventId(f"{number:032d}")) for number in range(COUNT)])
    file.close()
    return path


@pytest.fixture
def path(full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(full, tmp_path))


def opened(path: Path) -> tuple[UnitFile, Outbox]:
    file = UnitFile(path)
    return file, Outbox(file, seal.Sealer(KEY.public()), DEVICE, BenchClock(), "boot-1")


def overwrite(path: Path, page: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xa5" * PAGE * count)


def leaf_of_events(path: Path, number: int = COUNT // 2) -> int:
    """The page where this event's sealed row lies, counted from 0."""
    marker = f"{number:032d}".encode()
    pages = [path.read_bytes()[at : at + PAGE] for at in range(0, path.stat().st_size, PAGE)]
    return next(n for n, page in enumerate(pages) if page[0] == 0x0D and marker in page)


def batches(outbox: Outbox, store: BenchStore) -> list[EventsQuestion]:
    found = []
    while (batch := outbox.pending()).events:
        found.append(batch)
        outbox.confirm(store.push(batch).results)
    return found


def test_a_damaged_file_is_set_aside_whole_under_the_date_of_its_last_write(path: Path) -> None:
    overwrite(path, leaf_of_events(path))
    os.utime(path, (0, datetime(2026, 3, 2, 10, 15, tzinfo=UTC).timestamp()))
    before = path.read_bytes()
    opened(path)[0].close()
    (folder,) = damage.aside(path)
    assert folder.name == "unit.db.20260302T101500Z.broken"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "unit.db").read_bytes() == before


def test_its_wal_is_set_aside_with_it_and_read(path: Path, tmp_path: Path) -> None:
    file, outbox = opened(path)
    outbox.record(DoorHeld(), EventId("a" * 32))
    snapshot(path, tmp_path / "died")
    file.close()
    died = tmp_path / "died" / "unit.db"
    overwrite(died, leaf_of_events(died))
    again, outbox = opened(died)
    (folder,) = damage.aside(died)
    assert (folder / "unit.db-wal").stat().st_size > 0
    store = BenchStore(KEY)
    batches(outbox, store)
    assert "a" * 32 in store.seen
    again.close()


def test_what_can_be_read_goes_on_waiting_under_its_own_epoch_and_new_events_under_a_new_one(path: Path) -> None:
    file, outbox = opened(path)
    earlier = outbox.pending(1).queue_epoch
    file.close()
    overwrite(path, leaf_of_events(path))
    file, outbox = opened(path)
    outbox.record(DoorHeld(), EventId("b" * 32))
    store = BenchStore(KEY)
    sent = batches(outbox, store)
    assert [batch.queue_epoch for batch in sent[:-1]] == [earlier] * (len(sent) - 1)
    assert sent[-1].queue_epoch != earlier
    assert [event.event_id for event in sent[-1].events] == ["b" * 32]
    assert sent[-1].events[0].sequence == 1
    kept = [sequence for sequence, _ in store.kept[:-1]]
    assert kept == sorted(kept)
    assert COUNT - 30 <= len(kept) < COUNT
    for sequence, event in store.kept[:-1]:
        assert event == DoorClosed(sequence - 1)
    with file.transaction() as transaction:
        assert transaction.rows("SELECT number FROM epochs") == [(1,)]
    file.close()


def test_what_lies_between_two_damaged_pages_is_saved(path: Path) -> None:
    pages = [leaf_of_events(path, number) for number in (COUNT // 4, COUNT * 3 // 4)]
    for page in pages:
        overwrite(path, page)
    file, outbox = opened(path)
    assert COUNT - 60 <= outbox.counts().waiting < COUNT - 10
    file.close()


def test_a_damaged_index_loses_nothing(path: Path) -> None:
    pages = [path.read_bytes()[at : at + PAGE] for at in range(0, path.stat().st_size, PAGE)]
    index = next(n for n, page in enumerate(pages) if page[0] == 0x0A and f"{COUNT // 2:032d}".encode() in page)
    overwrite(path, index)
    shutil.copy(path, f"{path}-wal")  # nobody had closed it: every index is read, not only every table
    Path(f"{path}-wal").write_bytes(b"")
    file, outbox = opened(path)
    assert len(damage.aside(path)) == 1
    assert outbox.counts().waiting == COUNT
    file.close()


def test_after_a_clean_stop_a_quick_look_is_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    rows = Statements.rows

    def noted(self: Statements, sql: str, *values: str) -> list[Row]:
        asked.append(sql)
        return rows(self, sql, *values)

    monkeypatch.setattr(Statements, "rows", noted)
    file = UnitFile(path)
    snapshot(path, path.parent / "died")
    file.close()
    assert "PRAGMA quick_check(1)" in asked
    assert "PRAGMA integrity_check(1)" not in asked
    UnitFile(path.parent / "died" / "unit.db").close()
    assert "PRAGMA integrity_check(1)" in asked


def test_what_is_no_database_is_set_aside_and_a_new_file_begun(path: Path) -> None:
    path.write_bytes(b"not a database, but perhaps somebody's\n" * 400)
    before = path.read_bytes()
    file, outbox = opened(path)
    outbox.record(DoorHeld())
    assert outbox.counts().waiting == 1
    file.close()
    (folder,) = damage.aside(path)
    assert (folder / "unit.db").read_bytes() == before


def test_a_damaged_file_of_version_1_is_saved_and_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "unit.db"
    shutil.copyfile(Path(__file__).parents[1] / "vectors" / "queue-v1.sqlite", path)
    raw = path.read_bytes()
    index = next(at for at in range(0, len(raw), PAGE) if raw[at] == 0x0A and b"00000005" in raw[at : at + PAGE])
    overwrite(path, index // PAGE)
    Path(f"{path}-wal").write_bytes(b"")
    file, outbox = opened(path)
    assert (outbox.counts().waiting, outbox.counts().parked) == (12, 2)
    assert len(damage.aside(path)) == 1
    file.close()


def test_an_open_question_in_a_damaged_file_is_given_up(path: Path, tmp_path: Path) -> None:
    file, outbox = opened(path)
    outbox.ask(EventId("c" * 32), ItemId("5001234567"))
    snapshot(path, tmp_path / "died")
    file.close()
    died = tmp_path / "died" / "unit.db"
    overwrite(died, leaf_of_events(died))
    again, outbox = opened(died)
    sent = batches(outbox, BenchStore(KEY))
    assert sent[-1].events[-1].kind == "loan.given_up"
    again.close()


def test_killed_while_saving_the_next_start_saves_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overwrite(path, leaf_of_events(path))

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    for step in ("begin_epoch", "put_in_place"):
        with monkeypatch.context() as patch:
            patch.setattr(damage, step, kill)
            with pytest.raises(Killed):
                UnitFile(path)
    with monkeypatch.context() as patch:
        patch.setattr(versions, "finish", lambda path: kill() if path.with_name("unit.db.next").exists() else None)
        with pytest.raises(Killed):
            UnitFile(path)
    file, outbox = opened(path)
    assert outbox.counts().waiting >= COUNT - 30
    assert len(damage.aside(path)) == 1
    file.close()


def test_a_file_that_cannot_be_read_now_is_no_damaged_one(path: Path) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DeviceFault):
        UnitFile(path)
    holder.close()
    assert not damage.aside(path)
    UnitFile(path).close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_pages_are_damaged_a_start_loses_none_of_the_others(
    full: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = Path(shutil.copy(full, tmp_path_factory.mktemp("some")))
    pages = path.stat().st_size // PAGE
    for page in data.draw(st.sets(st.integers(0, pages - 1), min_size=1, max_size=3)):
        overwrite(path, page)
    before = path.read_bytes()
    Path(f"{path}-wal").write_bytes(b"")
    file, outbox = opened(path)
    for folder in damage.aside(path):
        assert (folder / "unit.db").read_bytes() == before
    store = BenchStore(KEY)
    batches(outbox, store)
    for sequence, event in store.kept:
        assert event == DoorClosed(sequence - 1)
    outbox.record(DoorHeld())
    assert len(outbox.pending(MAX_BATCH).events) == 1
    file.close()
    shutil.rmtree(path.parent)
