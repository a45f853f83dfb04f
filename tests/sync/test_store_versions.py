"""A full queue of every version that was ever in use is brought up whole, or left as it was."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk import event as events
from kiosk.fault import DeviceFault, Fault
from kiosk.model import DeviceId, EventId
from sync import seal
from sync.outbox import Outbox
from sync.store import versions
from sync.store.file import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock, BenchStore

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True, slots=True)
class Old:
    """A queue of an earlier version, where a unit would have it, and what is in it."""

    path: Path
    key: seal.PrivateKey
    epoch: str
    parked: list[str]
    waiting: list[str]
    said: dict[str, bytes]


@pytest.fixture(params=["queue-v1"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    noted = json.loads((VECTORS / f"{request.param}.json").read_text(encoding="utf-8"))
    path = tmp_path / "unit.db"
    shutil.copyfile(VECTORS / f"{request.param}.sqlite", path)
    said = {one["event_id"]: json.dumps(one["said"], separators=(",", ":")).encode() for one in noted["events"]}
    waiting = [event_id for event_id in said if event_id not in noted["parked"]]
    assert noted["device"] == DEVICE
    return Old(path, seal.decode_private(noted["seal_key"].encode()), noted["epoch"], noted["parked"], waiting, said)


def opened(old: Old) -> tuple[UnitFile, Outbox]:
    file = UnitFile(old.path)
    return file, Outbox(file, seal.Sealer(old.key.public()), DeviceId(DEVICE), BenchClock(), "boot-3")


def test_everything_that_waited_arrives_in_its_order_and_under_its_own_epoch(old: Old) -> None:
    file, outbox = opened(old)
    assert [one.event for one in outbox.parked()] == old.parked
    assert {one.reason for one in outbox.parked()} == {"onLoan"}
    batch, store = outbox.pending(), BenchStore(old.key)
    assert [event.event_id for event in batch.events] == old.waiting
    assert [event.sequence for event in batch.events] == list(range(5, 17))
    assert batch.queue_epoch == old.epoch
    assert len(batch.keys) == 2
    outbox.confirm(store.push(batch).results)
    assert [events.encode(event) for _, event in store.kept] == [old.said[event_id] for event_id in old.waiting]
    file.close()


def test_what_was_parked_can_be_sent_again(old: Old) -> None:
    file, outbox = opened(old)
    store = BenchStore(old.key)
    outbox.confirm(store.push(outbox.pending()).results)
    for event_id in old.parked:
        assert outbox.retry(EventId(event_id))
    outbox.confirm(store.push(outbox.pending()).results)
    assert [events.encode(event) for _, event in store.kept[-2:]] == [old.said[event_id] for event_id in old.parked]
    file.close()


def test_what_is_recorded_after_it_follows_without_a_gap(old: Old) -> None:
    file, outbox = opened(old)
    outbox.record(events.DoorHeld())
    batch = outbox.pending()
    assert (batch.events[-1].sequence, batch.queue_epoch) == (17, old.epoch)
    file.close()


def test_it_looks_like_a_new_file_but_for_its_rows(old: Old, tmp_path: Path) -> None:
    opened(old)[0].close()
    UnitFile(tmp_path / "new.db").close()
    assert schema(old.path) == schema(tmp_path / "new.db")


def schema(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT type, name FROM sqlite_schema ORDER BY type, name").fetchall()
    connection.close()
    return rows


# --- whole or not at all --------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def _raise(*_: object) -> None:
    raise Killed


def _at_the_steps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(versions, "take_steps", _raise)


def _at_the_sync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(versions, "sync_file", _raise)


def _before_the_last_rename(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(versions, "finish", lambda path: _raise() if path.with_name(f"{path.name}.next").exists() else None)


@pytest.mark.parametrize("moment", [_at_the_steps, _at_the_sync, _before_the_last_rename])
def test_killed_on_the_way_the_next_start_has_every_event(
    old: Old, moment: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        moment(patch)
        with pytest.raises(Killed):
            UnitFile(old.path)
    file, outbox = opened(old)
    assert [event.event_id for event in outbox.pending().events] == old.waiting
    file.close()
    assert not list(old.path.parent.glob("*.making*"))
    assert not list(old.path.parent.glob("*.next*"))


def test_the_old_file_is_not_written_before_the_new_one_is_whole(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old.path.read_bytes()
    _at_the_sync(monkeypatch)
    with pytest.raises(Killed):
        UnitFile(old.path)
    assert old.path.read_bytes() == before


def test_a_wal_of_the_old_file_is_never_read_into_the_new_one(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the last moment of a migration, with a WAL left by somebody who had looked at the old file."""
    with monkeypatch.context() as patch:
        _before_the_last_rename(patch)
        with pytest.raises(Killed):
            UnitFile(old.path)
    connection = sqlite3.connect(old.path, isolation_level=None)
    connection.execute("UPDATE events SET refused = 'late'")
    shutil.copy(f"{old.path}-wal", f"{old.path}-kept")
    connection.close()
    shutil.move(f"{old.path}-kept", f"{old.path}-wal")
    file, outbox = opened(old)
    assert outbox.counts().parked == len(old.parked)
    file.close()


def test_a_step_that_fails_is_a_fault_and_changes_nothing(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    before, steps = old.path.read_bytes(), versions.steps()
    with monkeypatch.context() as patch:
        patch.setattr(versions, "steps", lambda: [*steps, "DROP TABLE replica; oops;"])
        with pytest.raises(DeviceFault) as caught:
            UnitFile(old.path)
    assert caught.value.fault is Fault.OUTBOX_BROKEN
    assert old.path.read_bytes() == before


# --- newer ----------------------------------------------------------------------------------------


def test_a_unit_works_on_beside_a_newer_file_and_records_nothing_there(old: Old) -> None:
    connection = sqlite3.connect(old.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = old.path.read_bytes()
    file, outbox = opened(old)
    for act in (lambda: outbox.record(events.DoorHeld()), outbox.pending, outbox.counts, outbox.erase):
        with pytest.raises(DeviceFault) as caught:
            act()
        assert caught.value.fault is Fault.OUTBOX_NEWER
    outbox.settle()
    file.close()
    assert old.path.read_bytes() == before
