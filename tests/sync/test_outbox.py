"""What is recorded is on the disk, sealed, in order, and leaves the disk only when the store has it."""

import base64
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.event import (
    Because,
    DoorClosed,
    DoorHeld,
    EntryGranted,
    Event,
    EventDiscarded,
    ItemLent,
    ItemReturned,
)
from kiosk.fault import DeviceFault, Fault
from kiosk.model import Credential, EventId, ItemId, PatronId
from sync import seal
from sync.outbox import Outbox
from sync.rest.wire import MAX_BATCH, EventOutcome, EventResult
from sync.store import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock, BenchStore, Unit, deliver

KEY = seal.generate()
CARD, PATRON, ITEM = "7101901234", "patron-9f2c41d8", "5001234567"
LENT = ItemLent(Credential(CARD), ItemId(ITEM), date(2026, 4, 1), offline=True)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    yield made
    made.close()


@pytest.fixture
def store() -> BenchStore:
    return BenchStore(KEY)


# --- recording ------------------------------------------------------------------------------------


def test_recorded_events_arrive_in_order_and_whole(unit: Unit, store: BenchStore) -> None:
    said: list[Event] = [LENT, EntryGranted(PatronId(PATRON)), ItemReturned(ItemId(ITEM), offline=False), DoorHeld()]
    for event in said:
        unit.outbox.record(event)
    deliver(unit.outbox, store)
    assert store.kept == list(enumerate(said, 1))
    assert unit.outbox.counts().waiting == 0


def test_an_event_has_both_times_its_boot_and_the_word_of_the_clock(unit: Unit) -> None:
    unit.clock.advance(2.5)
    unit.outbox.record(DoorHeld())
    (event,) = unit.outbox.pending().events
    assert event.occurred_at == datetime(2026, 3, 2, 10, 0, 2, 500_000, tzinfo=UTC)
    assert (event.monotonic_s, event.boot_id, event.clock_synced) == (1002.5, "boot-1", True)
    assert (event.kind, event.sequence) == ("door.held", 1)


def test_ids_are_random_unless_given(unit: Unit) -> None:
    unit.outbox.record(DoorHeld())
    unit.outbox.record(DoorHeld())
    unit.outbox.record(LENT, EventId("a" * 32))
    ids = [event.event_id for event in unit.outbox.pending().events]
    assert len(set(ids)) == 3
    assert ids[2] == "a" * 32


def test_the_same_id_recorded_twice_is_one_event(unit: Unit, store: BenchStore) -> None:
    unit.outbox.record(LENT, EventId("a" * 32))
    unit.outbox.record(LENT, EventId("a" * 32))
    unit.outbox.record(DoorHeld())
    deliver(unit.outbox, store)
    assert store.kept == [(1, LENT), (2, DoorHeld())]


def test_sequences_go_on_after_the_queue_was_empty_and_after_a_restart(
    unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    unit.outbox.record(DoorHeld())
    deliver(unit.outbox, store)
    unit.outbox.record(DoorHeld())
    deliver(unit.outbox, store)
    again = unit.died(tmp_path / "again")
    again.outbox.record(DoorHeld())
    assert [event.sequence for event in again.outbox.pending().events] == [3]
    assert again.outbox.pending().queue_epoch == unit.outbox.pending().queue_epoch
    again.close()


def test_a_batch_has_the_oldest_and_the_keys_they_need(unit: Unit, store: BenchStore, tmp_path: Path) -> None:
    for _ in range(3):
        unit.outbox.record(DoorHeld())
    again = unit.died(tmp_path / "again")
    for _ in range(MAX_BATCH):
        again.outbox.record(DoorHeld())
    assert len(again.outbox.pending(3).keys) == 1
    batch = again.outbox.pending(10_000)
    assert len(batch.keys) == 2
    assert [event.sequence for event in batch.events] == list(range(1, MAX_BATCH + 1))
    deliver(again.outbox, store)
    assert len(store.kept) == MAX_BATCH + 3
    again.close()


# --- what the store says --------------------------------------------------------------------------


def test_ten_refused_are_parked_with_their_reason_and_the_others_go_on(unit: Unit, store: BenchStore) -> None:
    for number in range(30):
        unit.outbox.record(DoorClosed(number), EventId(f"{number:032d}"))
    store.refuses = {f"{number:032d}" for number in range(0, 30, 3)}
    deliver(unit.outbox, store)
    assert [sequence for sequence, _ in store.kept] == [n + 1 for n in range(30) if n % 3]
    parked = unit.outbox.parked()
    assert [(one.sequence, one.reason, one.kind) for one in parked] == [
        (n + 1, "onLoan", "door.closed") for n in range(0, 30, 3)
    ]
    assert unit.outbox.pending().events == ()
    assert unit.outbox.counts().parked == 10


def test_what_is_parked_stays_over_a_restart_with_its_key(unit: Unit, store: BenchStore, tmp_path: Path) -> None:
    unit.outbox.record(LENT, EventId("a" * 32))
    store.refuses = {"a" * 32}
    deliver(unit.outbox, store)
    again = unit.died(tmp_path / "again")
    assert [one.event for one in again.outbox.parked()] == ["a" * 32]
    with again.file.transaction() as transaction:
        assert transaction.rows("SELECT count(*) FROM wrapped_keys") == [(1,)]
    again.close()


def test_a_reason_of_a_million_letters_is_cut(unit: Unit) -> None:
    unit.outbox.record(LENT, EventId("a" * 32))
    unit.outbox.confirm([EventResult(event_id="a" * 32, outcome=EventOutcome.REFUSED, reason="x" * 1_000_000)])
    assert len(unit.outbox.parked()[0].reason) == 200


def test_a_result_for_an_event_that_is_not_here_changes_nothing(unit: Unit) -> None:
    unit.outbox.record(DoorHeld())
    unit.outbox.confirm([EventResult(event_id="b" * 32, outcome=EventOutcome.ACCEPTED)])
    assert unit.outbox.counts().waiting == 1


def test_the_age_of_the_oldest_is_not_moved_by_the_wall(unit: Unit, tmp_path: Path) -> None:
    unit.outbox.record(DoorHeld())
    unit.clock.advance(60)
    unit.outbox.record(DoorHeld())
    unit.clock.turn(unit.clock.now.wall - timedelta(days=400))
    counts = unit.outbox.counts()
    assert (counts.waiting, counts.parked, counts.oldest_s) == (2, 0, 60.0)
    unit.clock.turn(datetime(2026, 3, 2, 11, tzinfo=UTC))
    again = unit.died(tmp_path / "again")
    assert again.outbox.counts().oldest_s == 3600.0
    again.close()


def test_an_empty_queue_has_no_age(unit: Unit) -> None:
    assert unit.outbox.counts().oldest_s == 0.0


# --- a pile ---------------------------------------------------------------------------------------


def test_a_pile_is_one_commit_in_its_order(unit: Unit, store: BenchStore) -> None:
    pile: list[Event] = [ItemReturned(ItemId(f"50012345{n:02d}"), offline=True) for n in range(5)]
    unit.outbox.record(DoorHeld())
    before = commits(unit)
    unit.outbox.record_all([(event, None) for event in pile])
    assert commits(unit) == before + 1
    deliver(unit.outbox, store)
    assert store.kept == list(enumerate([DoorHeld(), *pile], 1))


def commits(unit: Unit) -> int:
    """The frames of the WAL that end a commit (SQLite file format, 4.1)."""
    wal = unit.path.with_name("unit.db-wal").read_bytes()
    frames = [wal[at : at + 24] for at in range(32, len(wal), 24 + 4096)]
    return sum(int.from_bytes(frame[4:8], "big") > 0 for frame in frames)


def test_one_event_is_one_commit(unit: Unit) -> None:
    unit.outbox.record(DoorHeld())
    before = commits(unit)
    unit.outbox.record(LENT, EventId("a" * 32))
    assert commits(unit) == before + 1


def test_of_a_pile_that_cannot_be_written_nothing_is_there(unit: Unit) -> None:
    class Broken(seal.Sealer):
        def seal(self, plain: bytes, aad: bytes) -> bytes:
            if b"8" in plain:
                raise seal.SealError
            return super().seal(plain, aad)

    unit.outbox.record(DoorHeld())
    outbox = Outbox(unit.file, Broken(KEY.public()), DEVICE, unit.clock, "boot-1")
    with pytest.raises(seal.SealError):
        outbox.record_all([(DoorClosed(7), None), (DoorClosed(8), None)])
    unit.outbox.record(DoorHeld())
    assert [event.sequence for event in unit.outbox.pending().events] == [1, 2]


def test_what_is_there_already_takes_no_place_in_a_pile(unit: Unit, store: BenchStore) -> None:
    unit.outbox.record(LENT, EventId("a" * 32))
    unit.outbox.record_all([(LENT, EventId("a" * 32)), (DoorHeld(), None)])
    deliver(unit.outbox, store)
    assert store.kept == [(1, LENT), (2, DoorHeld())]


# --- what a person does ---------------------------------------------------------------------------


def parked_ones(unit: Unit, store: BenchStore) -> list[EventId]:
    """Of five events the first and the third are refused."""
    ids = [EventId(f"{number:032d}") for number in range(5)]
    for number, event_id in enumerate(ids):
        unit.outbox.record(DoorClosed(number), event_id)
    store.refuses = {ids[0], ids[2]}
    deliver(unit.outbox, store)
    return [ids[0], ids[2]]


def test_a_parked_event_can_be_sent_again_in_its_old_place(unit: Unit, store: BenchStore) -> None:
    first, third = parked_ones(unit, store)
    unit.outbox.record(DoorHeld())
    assert unit.outbox.retry(third)
    assert unit.outbox.pending().events[0].event_id == third
    assert [one.event for one in unit.outbox.parked()] == [first]


def test_a_discarded_event_is_gone_and_the_store_is_told_which_and_why(unit: Unit, store: BenchStore) -> None:
    first, third = parked_ones(unit, store)
    assert unit.outbox.discard(first, Because.TOLD_TWICE)
    deliver(unit.outbox, store)
    assert store.kept[-1] == (6, EventDiscarded(first, "door.closed", Because.TOLD_TWICE))
    assert [one.event for one in unit.outbox.parked()] == [third]


def test_only_what_is_parked_can_be_sent_again_or_discarded(unit: Unit) -> None:
    unit.outbox.record(DoorHeld(), EventId("w" * 32))
    for event_id in (EventId("w" * 32), EventId("n" * 32)):
        assert not unit.outbox.retry(event_id)
        assert not unit.outbox.discard(event_id, Because.TRIAL)
    assert [event.kind for event in unit.outbox.pending().events] == ["door.held"]


def test_a_discard_that_dies_in_the_middle_has_not_happened(
    unit: Unit, store: BenchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = parked_ones(unit, store)

    def dies(self: Outbox, statements: object) -> None:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "_tidy", dies)
        with pytest.raises(KeyError):
            unit.outbox.discard(first, Because.TRIAL)
    assert unit.outbox.counts().parked == 2
    assert unit.outbox.pending().events == ()
    assert unit.outbox.discard(first, Because.TRIAL)


def test_a_row_that_cannot_be_put_on_the_wire_is_parked_and_holds_up_nobody(unit: Unit, store: BenchStore) -> None:
    """Only damage makes one."""
    for number in range(3):
        unit.outbox.record(DoorClosed(number), EventId(f"{number:032d}"))
    with unit.file.transaction() as transaction:
        transaction.run("DROP TRIGGER events_stay_as_recorded")
        transaction.run("UPDATE events SET occurred_at = 'yesterday' WHERE place = 2")
    assert unit.outbox.counts().waiting == 3
    deliver(unit.outbox, store)
    assert [sequence for sequence, _ in store.kept] == [1, 3]
    assert [(one.event, one.reason) for one in unit.outbox.parked()] == [(f"{1:032d}", "unreadable")]


# --- data keys ------------------------------------------------------------------------------------


def test_every_hour_has_a_data_key_of_its_own(unit: Unit, store: BenchStore) -> None:
    for _ in range(3):
        unit.outbox.record(DoorHeld())
        unit.clock.advance(1900)
    batch = unit.outbox.pending()
    first, second, third = (event.key_id for event in batch.events)
    assert first == second != third
    assert len(batch.keys) == 2
    deliver(unit.outbox, store)
    assert len(store.kept) == 3


def test_a_data_key_goes_with_the_last_event_and_comes_back_with_the_next(unit: Unit, store: BenchStore) -> None:
    for number in range(3):
        unit.outbox.record(DoorClosed(number))
        deliver(unit.outbox, store)
        with unit.file.transaction() as transaction:
            assert transaction.rows("SELECT count(*) FROM wrapped_keys") == [(0,)]
    assert len(store.kept) == 3


# --- what the disk shows --------------------------------------------------------------------------


def markers(unit: Unit) -> set[str]:
    found = unit.bytes()
    return {text for text in (CARD, PATRON, ITEM) if text.encode() in found or base64.b64encode(text.encode()) in found}


def test_no_byte_of_the_files_shows_card_patron_or_item(unit: Unit, store: BenchStore) -> None:
    unit.outbox.record(LENT)
    unit.outbox.record(EntryGranted(PatronId(PATRON)))
    unit.outbox.record(ItemReturned(ItemId(ITEM), offline=True))
    assert len(unit.bytes()) > 4096
    assert markers(unit) == set()
    deliver(unit.outbox, store)
    assert markers(unit) == set()


def test_not_even_the_sealed_bytes_stay_after_delivery(unit: Unit, store: BenchStore) -> None:
    asked = EventId("a" * 32)
    unit.outbox.ask(asked, ItemId(ITEM))
    unit.outbox.record(LENT, asked)
    batch = unit.outbox.pending()
    pieces = [batch.events[0].sealed, batch.keys[0].wrapped, asked.encode()]
    assert all(piece in everything_beside(unit) for piece in pieces)
    deliver(unit.outbox, store)
    assert not [piece for piece in pieces if piece in everything_beside(unit)]


def everything_beside(unit: Unit) -> bytes:
    """Every byte of every file in the unit's folder and below."""
    return b"".join(path.read_bytes() for path in unit.path.parent.rglob("*") if path.is_file())


def test_what_a_reader_kept_in_the_wal_goes_with_the_next_erase(unit: Unit, store: BenchStore) -> None:
    unit.outbox.record(LENT)
    sealed = unit.outbox.pending().events[0].sealed
    reader = sqlite3.connect(f"file:{unit.path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchall()
    deliver(unit.outbox, store)
    assert sealed in unit.bytes()
    reader.close()
    unit.outbox.erase()
    assert sealed not in unit.bytes()


def test_a_row_moved_to_another_place_does_not_open(unit: Unit, store: BenchStore) -> None:
    unit.outbox.record(LENT)
    unit.outbox.record(EntryGranted(PatronId(PATRON)))
    batch = unit.outbox.pending()
    swapped = batch.events[0].model_copy(update={"sealed": batch.events[1].sealed})
    with pytest.raises(seal.SealError):
        store.opened(batch, swapped)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET place = 7",
        "UPDATE events SET event_id = 'b' || event_id",
        "UPDATE events SET sealed = x'00'",
        "UPDATE events SET occurred_at = '2020-01-01T00:00:00+00:00'",
        "UPDATE events SET key_id = 'k'",
        "UPDATE epochs SET epoch = 'another epoch of another file'",
        "UPDATE epochs SET highest_gone = -1",
        "INSERT INTO events SELECT 3, event_id || 1, kind, occurred_at, 1, boot_id, 1, key_id, sealed, '' FROM events",
        "DELETE FROM epochs",
        "DELETE FROM wrapped_keys",
    ],
)
def test_what_was_recorded_cannot_be_changed(unit: Unit, statement: str) -> None:
    unit.outbox.record(DoorHeld())
    with pytest.raises(DeviceFault) as caught, unit.file.transaction() as transaction:
        transaction.run(statement)
    assert caught.value.fault is Fault.OUTBOX_BROKEN


# --- full -----------------------------------------------------------------------------------------


def test_a_full_file_refuses_without_a_gap_and_can_be_emptied(tmp_path: Path, store: BenchStore) -> None:
    file = UnitFile(tmp_path / "unit.db", max_pages=40)
    outbox = Outbox(file, seal.Sealer(KEY.public()), DEVICE, BenchClock(), "boot-1")
    recorded = 0

    def record_on() -> None:
        nonlocal recorded
        while True:
            outbox.record(DoorClosed(recorded))
            recorded += 1

    with pytest.raises(DeviceFault) as caught:
        record_on()
    assert caught.value.fault is Fault.OUTBOX_FULL
    assert outbox.counts().waiting == recorded > 10
    deliver(outbox, store)
    outbox.record(DoorHeld())
    assert [event.sequence for event in outbox.pending().events] == [recorded + 1]
    assert [sequence for sequence, _ in store.kept] == list(range(1, recorded + 1))
    file.close()


FULL_DISK = """
import sys
from pathlib import Path
from kiosk.event import DoorClosed, LoanGivenUp
from kiosk.fault import DeviceFault
from kiosk.model import EventId, ItemId
from sync import seal
from sync.outbox import Outbox
from sync.rest.wire import EventOutcome, EventResult
from sync.store import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock

folder = Path(sys.argv[1])
file = UnitFile(folder / "unit.db")
outbox = Outbox(file, seal.Sealer(seal.generate().public()), DEVICE, BenchClock(), "boot-1")
asked = EventId("a" * 32), EventId("b" * 32)
for event_id in asked:
    outbox.ask(event_id, ItemId("5001234567"))
recorded = 0
try:
    while True:
        outbox.record(DoorClosed(recorded))
        recorded += 1
except DeviceFault as fault:
    print(fault.fault.value, outbox.counts().waiting == recorded)
try:
    outbox.record(LoanGivenUp(asked[0], ItemId("5001234567")))
except DeviceFault as fault:
    print(fault.fault.value, "given up")
outbox.settle()
outbox.answered(asked[1])
delivered = 0
while events := outbox.pending().events:
    outbox.confirm([EventResult(event_id=event.event_id, outcome=EventOutcome.ACCEPTED) for event in events])
    delivered += len(events)
outbox.settle()
print(delivered == recorded > 1000, [event.kind for event in outbox.pending().events])
with file.statements() as statements:
    print(statements.rows("SELECT count(*) FROM intents"))
outbox.confirm([EventResult(event_id=outbox.pending().events[0].event_id, outcome=EventOutcome.ACCEPTED)])
outbox.record(DoorClosed(1))
print((folder / "unit.db.ballast").exists())
file.close()
"""


def test_a_full_disk_refuses_but_what_was_delivered_leaves_it(tmp_path: Path) -> None:
    """On a disk of four megabytes of its own. SQLite there cannot even delete until the ballast goes overboard.

    What it refused of a loan given up, and of one answered, is written once there is room.
    """
    mounted = f"mount -t tmpfs -o size=4m tmpfs {tmp_path} && exec {sys.executable} - {tmp_path}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", mounted], input=FULL_DISK, capture_output=True, text=True)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this computer allows no disk of its own to a test")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "outbox.full True",
        "outbox.full given up",
        "True ['loan.given_up']",
        "[(0,)]",
        "True",
    ]


# --- dying ----------------------------------------------------------------------------------------


class DyingSealer(seal.Sealer):
    """Asks the test to look at the disk in the middle of a commit."""

    dies: Path
    unit: Unit

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        sealed = super().seal(plain, aad)
        self.left = self.unit.died(self.dies)
        return sealed


def test_a_unit_that_dies_inside_a_record_has_nothing_of_it(unit: Unit, tmp_path: Path) -> None:
    unit.outbox.record(DoorHeld())
    sealer = DyingSealer(KEY.public())
    sealer.unit, sealer.dies = unit, tmp_path / "left"
    Outbox(unit.file, sealer, DEVICE, unit.clock, "boot-1").record(LENT)
    left = sealer.left.outbox
    assert left.counts().waiting == 1
    left.record(DoorHeld())
    assert [event.sequence for event in left.pending().events] == [1, 2]
    sealer.left.close()


def test_a_unit_that_dies_after_a_record_has_it(unit: Unit, store: BenchStore, tmp_path: Path) -> None:
    unit.outbox.record(LENT)
    left = unit.died(tmp_path / "left")
    deliver(left.outbox, store)
    assert store.kept == [(1, LENT)]
    left.close()


def test_a_unit_that_dies_between_push_and_confirm_sends_again_and_the_store_keeps_one(
    unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    unit.outbox.record(LENT)
    store.push(unit.outbox.pending())
    left = unit.died(tmp_path / "left")
    deliver(left.outbox, store)
    assert store.kept == [(1, LENT)]
    assert left.outbox.counts().waiting == 0
    left.close()


def test_a_unit_that_dies_after_confirm_sends_nothing(unit: Unit, store: BenchStore, tmp_path: Path) -> None:
    unit.outbox.record(LENT)
    deliver(unit.outbox, store)
    left = unit.died(tmp_path / "left")
    assert left.outbox.pending().events == ()
    left.close()


RECORDING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kiosk.event import DoorClosed
from kiosk.model import DeviceId, EventId, Now
from sync import seal
from sync.outbox import Outbox
from sync.store import UnitFile

key = seal.decode_public(Path(sys.argv[2]).read_bytes())
now = Now(datetime(2026, 3, 2, 10, tzinfo=UTC), 1.0, True)
outbox = Outbox(UnitFile(Path(sys.argv[1])), seal.Sealer(key), DeviceId("machine-1"), lambda: now, "boot-1")
for number in range(int(sys.argv[3]), int(sys.argv[3]) + 100_000):
    outbox.record(DoorClosed(number), EventId(f"{number:032d}"))
    print(number, flush=True)
"""


def test_after_kill_9_everything_that_was_acknowledged_is_in_the_file(tmp_path: Path, store: BenchStore) -> None:
    path, public = tmp_path / "unit.db", tmp_path / "seal-public"
    public.write_bytes(KEY.public().encode())
    acknowledged: list[str] = []
    for life in range(5):
        command = [sys.executable, "-c", RECORDING, str(path), str(public), str(life * 100_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recording:
            assert recording.stdout is not None
            heard = [recording.stdout.readline() for _ in range(40)]
            recording.kill()
            heard += recording.stdout.readlines()
        acknowledged += [f"{int(line):032d}" for line in heard if line.endswith("\n")]
        file = UnitFile(path)
        deliver(Outbox(file, seal.Sealer(KEY.public()), DEVICE, BenchClock(), "boot-2"), store)
        file.close()
        assert set(acknowledged) <= store.seen.keys()
    assert [sequence for sequence, _ in store.kept] == list(range(1, len(store.kept) + 1))


# --- threads ---------------------------------------------------------------------------------------


def test_threads_record_and_confirm_at_once_without_a_gap(unit: Unit, store: BenchStore) -> None:
    def record() -> None:
        for number in range(100):
            unit.outbox.record(DoorClosed(number))

    threads = [threading.Thread(target=record) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        deliver(unit.outbox, store)
    deliver(unit.outbox, store)
    assert [sequence for sequence, _ in store.kept] == list(range(1, 201))
