"""`kiosk queue` as a technician types it, beside a unit that runs and at one that does not."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.composition import queue
from kiosk.event import Because, DoorClosed, DoorHeld, EventDiscarded
from kiosk.fault import DeviceFault
from kiosk.model import DeviceId, EventId, ItemId
from sync import orders, seal
from sync.outbox import Outbox
from sync.replica import Replica, pull
from sync.rest.wire import EventsQuestion
from sync.store.file import UnitFile
from tests.sync.bench_store import BRANCH, DEVICE, BenchClock, BenchStore

KEY = seal.generate()
PARKED = EventId("a" * 32)
VECTORS = Path(__file__).parents[2] / "vectors"
SETTINGS = """
[device]
id = "machine-1"
branch = "DK-766103"
state_dir = "{folder}"
[store]
address = "https://store.example:8443"
[reader]
path = "/dev/null"
"""


class Door:
    """A door unit's outbox, with one refused event and ten that wait."""

    def __init__(self, folder: Path) -> None:
        self.path, self.store = folder / "door.db", BenchStore(KEY)
        (folder / "kiosk.toml").write_text(SETTINGS.format(folder=folder))
        self.config = ["--config", str(folder / "kiosk.toml")]
        self.start()
        self.store.refuses = {PARKED}
        self.outbox.record(DoorHeld(), PARKED)
        self.outbox.confirm(self.store.push(self.outbox.pending()).results)
        self.outbox.record_all([(DoorClosed(number), None) for number in range(10)])

    def start(self) -> None:
        self.file = UnitFile(self.path)
        self.outbox = Outbox(self.file, seal.Sealer(KEY.public()), DeviceId(DEVICE), BenchClock(), "boot-1")

    def files(self) -> dict[str, bytes]:
        return {one.name: one.read_bytes() for one in self.path.parent.glob("door.db*") if one.is_file()}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    if not made.file.path.exists():
        return
    made.file.close()


@pytest.fixture
def closed(tmp_path: Path) -> Door:
    made = Door(tmp_path)
    made.file.close()
    return made


def said(capsys: pytest.CaptureFixture[str], door: Door, *argv: str) -> list[str]:
    assert queue.main([*argv, *door.config]) == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys: pytest.CaptureFixture[str], door: Door, *argv: str) -> str:
    assert queue.main([*argv, *door.config]) == 1
    return capsys.readouterr().err


# --- list -----------------------------------------------------------------------------------------


def test_list_tells_what_waits_and_what_was_refused_beside_a_unit_that_runs(
    door: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = said(capsys, door, "list")
    assert first.startswith("door (runs): 10 wait, the oldest for ")
    assert "; 1 refused; " in first
    shown = datetime(2026, 3, 2, 10, tzinfo=UTC).astimezone().strftime("%d.%m.%Y %H:%M")
    assert second == f"  {PARKED}  {shown}  door.held: onLoan"


def test_list_at_a_unit_that_does_not_run_leaves_nothing_beside_its_file(
    closed: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    before = closed.files()
    assert said(capsys, closed, "list")[0].startswith("door (does not run): 10 wait")
    assert closed.files() == before


def test_list_at_a_unit_that_was_killed_reads_what_is_in_the_wal(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    died = tmp_path / "died"
    died.mkdir()
    for name in ("door.db", "door.db-wal"):
        (died / name).write_bytes((tmp_path / name).read_bytes())
    (died / "kiosk.toml").write_text(SETTINGS.format(folder=died))
    before = {one.name for one in died.iterdir()}
    assert queue.main(["list", "--config", str(died / "kiosk.toml")]) == 0
    assert capsys.readouterr().out.startswith("door (does not run): 10 wait")
    assert {one.name for one in died.iterdir()} == before


def test_list_tells_of_a_damaged_file_that_was_set_aside(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    door.path.with_name("door.db.20260302T101500Z.broken").mkdir()
    assert said(capsys, door, "list")[-1].endswith("door.db.20260302T101500Z.broken")


def test_where_no_unit_ever_ran_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kiosk.toml").write_text(SETTINGS.format(folder=tmp_path))
    assert queue.main(["list", "--config", str(tmp_path / "kiosk.toml")]) == 1
    assert "no unit has an outbox" in capsys.readouterr().err


# --- retry, discard -------------------------------------------------------------------------------


def test_an_order_is_answered_by_the_unit_that_runs(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()

    def rounds() -> None:
        while not done.wait(0.01):
            orders.carry_out(door.path, door.outbox)

    unit = threading.Thread(target=rounds)
    unit.start()
    try:
        (line,) = said(capsys, door, "discard", PARKED, "--because", "by-hand")
    finally:
        done.set()
        unit.join()
    assert line.endswith(": it is discarded")
    door.store.push(door.outbox.pending())
    assert door.store.kept[-1][1] == EventDiscarded(PARKED, "door.held", Because.BY_HAND)


def test_an_order_at_a_unit_that_does_not_run_waits_for_its_start(
    closed: Door, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = said(capsys, closed, "retry", PARKED)
    assert "carries this out when it starts" in line
    assert said(capsys, closed, "list")[-1] == "  1 order not carried out yet"
    closed.start()
    orders.carry_out(closed.path, closed.outbox)
    assert closed.outbox.pending(1).events[0].event_id == PARKED
    assert said(capsys, closed, "list")[-1].endswith(": it waits again")
    assert len(said(capsys, closed, "list")) == 1
    closed.file.close()


def test_an_order_that_takes_long_is_looked_up_later(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = said(capsys, door, "retry", PARKED, "--wait", "0")
    assert "at its next round" in line


def test_what_is_not_parked_is_not_ordered(door: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert orders.NOT_PARKED in refused(capsys, door, "retry", "b" * 32)
    assert orders.unanswered(door.path) == 0


@pytest.mark.parametrize("why", ["", "Alma Opdigtet har den"])
def test_why_an_event_is_discarded_is_chosen_from_a_list(
    door: Door, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    with pytest.raises(SystemExit):
        queue.main(["discard", PARKED, "--config", str(door.path.with_name("kiosk.toml")), "--because", why])
    assert "by-hand" in capsys.readouterr().err
    assert orders.unanswered(door.path) == 0


# --- export ---------------------------------------------------------------------------------------


def exported(path: Path) -> tuple[dict[str, object], list[EventsQuestion]]:
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    return json.loads(head), [EventsQuestion.model_validate_json(line) for line in lines]


def test_an_export_has_everything_with_its_keys_and_epoch_and_the_store_opens_it(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = said(capsys, door, "export", "--out", str(tmp_path / "queue"))
    assert line.startswith("11 events in ")
    assert (tmp_path / "queue").stat().st_mode & 0o777 == 0o600
    head, questions = exported(tmp_path / "queue")
    assert head == {"natugle_queue": 1, "device": "machine-1"}
    store = BenchStore(KEY)
    for question in questions:
        store.push(question)
    assert store.kept == [(1, DoorHeld()), *((n + 2, DoorClosed(n)) for n in range(10))]
    for question in questions:
        store.push(question)
    assert len(store.kept) == 11


def test_a_question_that_is_open_is_not_exported_beside_a_unit_that_runs(
    door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    door.outbox.ask(EventId("c" * 32), ItemId("5001234567"))
    said(capsys, door, "export", "--out", str(tmp_path / "running"))
    door.file.close()
    said(capsys, door, "export", "--out", str(tmp_path / "stopped"))
    assert "loan.given_up" not in (tmp_path / "running").read_text()
    assert exported(tmp_path / "stopped")[1][-1].events[0].kind == "loan.given_up"
    door.start()


def test_a_damaged_file_is_exported_as_far_as_it_can_be_read(
    closed: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(closed.path.read_bytes())
    index = next(at for at in range(0, len(raw), 4096) if raw[at] == 0x0A and PARKED.encode() in raw[at : at + 4096])
    raw[index : index + 4096] = b"\xa5" * 4096
    closed.path.write_bytes(raw)
    closed.path.with_name("door.db-wal").write_bytes(b"")
    said(capsys, closed, "export", "--out", str(tmp_path / "queue"))
    assert sum(len(question.events) for question in exported(tmp_path / "queue")[1]) == 11
    assert bytes(raw) == closed.path.read_bytes()


def test_a_file_of_an_older_version_is_exported_and_stays_so(
    closed: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a machine that has not started since its program was renewed."""
    closed.path.write_bytes((VECTORS / "queue-v1.sqlite").read_bytes())
    before = closed.files()
    said(capsys, closed, "export", "--out", str(tmp_path / "queue"))
    assert sum(len(question.events) for question in exported(tmp_path / "queue")[1]) == 14
    assert closed.files() == before


def test_a_file_of_a_newer_version_is_exported_as_far_as_it_is_understood(
    closed: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed.start()
    with closed.file.statements() as statements:
        statements.run("PRAGMA user_version = 99")
        statements.run("ALTER TABLE events ADD COLUMN more TEXT")
    closed.file.close()
    closed.start()
    with pytest.raises(DeviceFault):
        closed.outbox.record(DoorHeld())
    said(capsys, closed, "export", "--out", str(tmp_path / "queue"))
    assert sum(len(question.events) for question in exported(tmp_path / "queue")[1]) == 11
    closed.file.close()


def test_an_export_overwrites_nothing(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queue").write_text("somebody's")
    assert "is there already" in refused(capsys, door, "export", "--out", str(tmp_path / "queue"))
    assert (tmp_path / "queue").read_text() == "somebody's"


def test_what_cannot_be_read_is_said_and_the_settings_faults_too(
    closed: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed.start()
    with closed.file.transaction() as transaction:
        transaction.run("PRAGMA user_version = 99")
        transaction.run("DROP TABLE events")
    closed.file.close()
    assert "cannot be read" in said(capsys, closed, "list")[0]
    assert "cannot be read" in refused(capsys, closed, "export", "--out", str(tmp_path / "queue"))
    (tmp_path / "kiosk.toml").write_text("[device]")
    assert "device.id" in refused(capsys, closed, "list")


# --- what the unit goes by while the store is silent ----------------------------------------------


def test_list_tells_when_the_store_was_last_heard(closed: Door, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, closed, "list")[0].endswith("; the store was never heard")
    closed.start()
    Replica(closed.file, BRANCH).keep(pull(lambda _: closed.store.rules, ""))
    closed.file.close()
    assert "; the store was last heard " in said(capsys, closed, "list")[0]
