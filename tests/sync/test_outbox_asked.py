"""A question to lend that nobody heard the answer to is given up, once, by whoever starts next."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from kiosk.event import (
    DoorClosed,
    DoorHeld,
    Event,
    ItemLent,
    LoanGivenUp,
)
from kiosk.model import Credential, EventId, ItemId
from sync import seal
from sync.outbox import Outbox
from sync.store import UnitFile
from tests.sync.bench_store import DEVICE, BenchClock, BenchStore, Unit, deliver

KEY = seal.generate()
ASKED, BOOK = EventId("a" * 32), ItemId("5001234567")
LENT = ItemLent(Credential("7101901234"), BOOK, date(2026, 4, 1), offline=True)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    yield made
    made.close()


@pytest.fixture
def store() -> BenchStore:
    return BenchStore(KEY)


def given_up(store: BenchStore) -> list[Event]:
    return [event for _, event in store.kept if isinstance(event, LoanGivenUp)]


def test_a_loan_asked_for_and_never_answered_is_given_up_at_the_next_start(
    unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    unit.outbox.record(DoorHeld())
    unit.outbox.ask(ASKED, BOOK)
    assert [event.kind for event in unit.outbox.pending().events] == ["door.held"]
    left = unit.died(tmp_path / "left")
    left.outbox.record(DoorClosed(3))
    deliver(left.outbox, store)
    assert [event for _, event in store.kept] == [DoorHeld(), LoanGivenUp(ASKED, BOOK), DoorClosed(3)]
    again = left.died(tmp_path / "again")
    assert again.outbox.counts().waiting == 0
    left.close()
    again.close()


def test_what_was_asked_is_sealed_on_the_disk(unit: Unit) -> None:
    unit.outbox.ask(ASKED, BOOK)
    assert BOOK.encode() not in unit.bytes()
    assert ASKED.encode() in unit.bytes()


def test_asking_costs_no_sync(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with unit.file.statements() as statements:
        statements._connection.set_trace_callback(asked.append)
        assert statements.rows("PRAGMA synchronous") == [(2,)]
    unit.outbox.ask(ASKED, BOOK)
    kept = [asked.index(one) for one in asked if one.startswith(("PRAGMA synchronous = ", "BEGIN", "COMMIT"))]
    assert [asked[place] for place in kept] == [
        "PRAGMA synchronous = NORMAL",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "PRAGMA synchronous = FULL",
    ]
    with unit.file.statements() as statements:
        assert statements.rows("PRAGMA synchronous") == [(2,)]


@pytest.mark.parametrize(
    "end",
    [
        lambda outbox: outbox.record(LENT, ASKED),
        lambda outbox: outbox.record_all([(DoorHeld(), None), (LENT, ASKED)]),
        lambda outbox: outbox.record(LoanGivenUp(ASKED, BOOK)),
        lambda outbox: outbox.answered(ASKED),
    ],
    ids=["lent", "lent in a pile", "given up", "refused"],
)
def test_what_was_answered_is_not_given_up_again(
    end: Callable[[Outbox], None], unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    unit.outbox.ask(ASKED, BOOK)
    end(unit.outbox)
    left = unit.died(tmp_path / "left")
    deliver(left.outbox, store)
    assert len(given_up(store)) == sum(event.kind == "loan.given_up" for event in unit.outbox.pending().events)
    left.close()


def test_a_loan_that_was_recorded_and_delivered_is_not_given_up_later(
    unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    unit.outbox.ask(ASKED, BOOK)
    unit.outbox.record(LENT, ASKED)
    deliver(unit.outbox, store)
    left = unit.died(tmp_path / "left")
    assert left.outbox.pending().events == ()
    left.close()


def test_three_that_nobody_heard_are_given_up_in_their_order_and_without_a_gap(
    unit: Unit, store: BenchStore, tmp_path: Path
) -> None:
    asked = [EventId(letter * 32) for letter in "cab"]
    for event_id in asked:
        unit.outbox.ask(event_id, BOOK)
    left = unit.died(tmp_path / "left")
    left.outbox.record(DoorHeld())
    epochs = []
    while (batch := left.outbox.pending()).events:
        epochs.append(batch.queue_epoch)
        left.outbox.confirm(store.push(batch).results)
    assert given_up(store) == [LoanGivenUp(event_id, BOOK) for event_id in asked]
    assert [sequence for sequence, _ in store.kept] == [1, 1, 1, 2]
    assert len(set(epochs)) == len(epochs) == 3
    left.close()


ASKING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from kiosk.model import DeviceId, EventId, ItemId, Now
from sync import seal
from sync.outbox import Outbox
from sync.store import UnitFile

key = seal.decode_public(Path(sys.argv[2]).read_bytes())
now = Now(datetime(2026, 3, 2, 10, tzinfo=UTC), 1.0, True)
outbox = Outbox(UnitFile(Path(sys.argv[1])), seal.Sealer(key), DeviceId("machine-1"), lambda: now, "boot-1")
outbox.ask(EventId("a" * 32), ItemId("5001234567"))
print("asked", flush=True)
sys.stdin.read()
"""


def test_after_kill_9_a_question_that_was_open_is_given_up(tmp_path: Path, store: BenchStore) -> None:
    path, public = tmp_path / "unit.db", tmp_path / "seal-public"
    public.write_bytes(KEY.public().encode())
    command = [sys.executable, "-c", ASKING, str(path), str(public)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "asked\n"
        asking.kill()
    file = UnitFile(path)
    deliver(Outbox(file, seal.Sealer(KEY.public()), DEVICE, BenchClock(), "boot-2"), store)
    assert store.kept == [(1, LoanGivenUp(ASKED, BOOK))]
    file.close()
