"""A queue that was carried to the store in a file: taken in once, whoever else brings it."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest

from kiosk import event as events_
from kiosk.event import Because, DoorHeld, EventDiscarded, ItemLent, ItemReturned
from kiosk.model import BranchId, DeviceId, EventId
from sync import seal
from sync.central import seed
from sync.central.command import enrol
from sync.central.ledger import events_of
from sync.central.machines.devices import Device
from sync.central.staff import carried
from sync.central.staff.office import Office
from sync.central.staff.said import CommandError
from sync.central.start import Home
from sync.rest.wire import EventsQuestion, SealedEvent, WrappedKey
from sync.seal import Sealer, associated
from tests.sync.central.library import MORNING, HandClock

DEVICE = DeviceId("ulfborg-9")
ITEM = seed.ITEMS[0].item


@pytest.fixture
def office(home: Home, tmp_path: Path) -> Office:
    clock = HandClock()
    enrol(home, Device(DEVICE, BranchId("DK-766103")), tmp_path / "bundle", clock)
    return Office(home, clock().wall)


def queue(home: Home, *said: events_.Event, device: str = DEVICE, epoch: str = "epoch-of-the-file") -> EventsQuestion:
    sealer, sealed = Sealer(seal.load_public(home.seal_public)), []
    for sequence, event in enumerate(said, 1):
        event_id, kind = f"carried-{epoch}-{sequence:04d}", events_.kind(event)
        aad = associated(device, epoch, sequence, event_id, kind, MORNING)
        sealed.append(
            SealedEvent(
                event_id=event_id,
                sequence=sequence,
                kind=kind,
                occurred_at=MORNING,
                monotonic_s=1.0,
                boot_id="boot-1",
                clock_synced=True,
                key_id=sealer.key_id,
                sealed=seal_base64(sealer.seal(events_.encode(event), aad)),
            )
        )
    key = WrappedKey(key_id=sealer.key_id, wrapped=seal_base64(sealer.wrapped))
    return EventsQuestion(queue_epoch=epoch, keys=(key,), events=tuple(sealed))


def seal_base64(raw: bytes) -> bytes:
    return base64.b64encode(raw)


def written(path: Path, *questions: EventsQuestion, device: str = DEVICE) -> Path:
    head = json.dumps({"natugle_queue": 1, "device": device})
    path.write_text("\n".join([head, *(question.model_dump_json(by_alias=True) for question in questions)]) + "\n")
    return path


def test_a_carried_queue_is_taken_in_once(office: Office, tmp_path: Path) -> None:
    lent = ItemLent(seed.ADULT.patron, ITEM, date(2026, 12, 20), offline=True)
    discard = EventDiscarded(EventId("d" * 32), "item.lent", Because.BY_HAND)
    file = written(
        tmp_path / "queue",
        queue(office.home, lent, ItemReturned(ITEM, offline=True)),
        queue(office.home, DoorHeld(), discard, epoch="a-second-epoch-of-it"),
    )
    assert carried.import_queue(office, file) == "4 accepted, 0 duplicate, 0 refused"
    assert carried.import_queue(office, file) == "0 accepted, 4 duplicate, 0 refused"
    kept = events_of(office.home, DEVICE)
    assert [entry.kind for entry in kept] == ["door.held", "event.discarded", "item.lent", "item.returned"]
    assert kept[1].detail == f"{'d' * 32}: by-hand"


def test_what_another_machine_sealed_is_kept_and_refused(office: Office, tmp_path: Path) -> None:
    file = written(tmp_path / "queue", queue(office.home, DoorHeld(), device="holstebro-1"))
    assert carried.import_queue(office, file) == "0 accepted, 0 duplicate, 1 refused"


def test_a_machine_that_is_unknown_brings_nothing(office: Office, tmp_path: Path) -> None:
    file = written(tmp_path / "queue", queue(office.home, DoorHeld()), device="nobody")
    with pytest.raises(CommandError, match="unknown"):
        carried.import_queue(office, file)


@pytest.mark.parametrize(
    "text",
    ["", "\n", "{}", "[]", '{"natugle_queue": 2, "device": "ulfborg-9"}', '{"natugle_queue": 1, "device": 7}', "\0"],
)
def test_what_is_no_queue_is_refused(office: Office, tmp_path: Path, text: str) -> None:
    (tmp_path / "queue").write_text(text)
    with pytest.raises(CommandError):
        carried.import_queue(office, tmp_path / "queue")


def test_half_a_file_brings_nothing(office: Office, tmp_path: Path) -> None:
    file = written(tmp_path / "queue", queue(office.home, DoorHeld()), queue(office.home, DoorHeld(), epoch="x" * 20))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(CommandError):
        carried.import_queue(office, file)
    assert events_of(office.home, DEVICE) == ()
