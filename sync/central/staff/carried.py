"""A machine's queue that was carried here in a file (`kiosk queue export`), taken in as if it had come by itself.

    {"natugle_queue": 1, "device": NAME}, then a line for each batch, as it would go over the wire (EventsQuestion)

Taken in twice, or by the machine too, each event counts once. The sender is whom the first line says: that is for
whoever runs this command to know; what was sealed by another does not open.
Not responsible for: what becomes of an event (machines/intake.py).
"""

import json
from collections import Counter
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import Connection, select

from kiosk.model import BranchId, DeviceId
from sync import seal
from sync.central.desk import Desk
from sync.central.machines.intake import Intake, open_batch
from sync.central.schema import devices
from sync.central.staff.office import Office
from sync.central.staff.said import CommandError
from sync.rest.wire import EventOutcome, EventsQuestion
from sync.seal import Opener

_VERSION = 1


def import_queue(office: Office, path: Path) -> str:
    """All of it in one transaction. What became of the events, in numbers."""
    device, questions = _read(path)
    opener, lookup = Opener(seal.load_private(office.home.seal_private)), office.lookup

    def take(connection: Connection) -> Counter[EventOutcome]:
        desk, counted = _desk(connection, office, device), Counter[EventOutcome]()
        for question in questions:
            intake = Intake(connection, desk, question.queue_epoch, lookup)
            counted.update(result.outcome for result in intake.take(open_batch(opener, device, question)).results)
        return counted

    counted = office.write(take)
    return ", ".join(f"{counted[outcome]} {outcome.value}" for outcome in EventOutcome)


def _read(path: Path) -> tuple[DeviceId, list[EventsQuestion]]:
    """Raises CommandError, OSError."""
    first, *lines = path.read_bytes().splitlines() or [b""]
    try:
        head = json.loads(first)
        if head["natugle_queue"] != _VERSION or not isinstance(head["device"], str):
            raise CommandError("this file is of another version")
        return DeviceId(head["device"]), [EventsQuestion.model_validate_json(line) for line in lines]
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        raise CommandError("this is no queue of `kiosk queue export`, or not all of it") from None


def _desk(connection: Connection, office: Office, device: DeviceId) -> Desk:
    enrolled = select(devices.c.branch_id).where(devices.c.device_id == device).order_by(devices.c.enrolled_at.desc())
    branch = connection.execute(enrolled.limit(1)).scalar_one_or_none()
    if branch is None:
        raise CommandError("the machine is unknown: enrol it first")
    return Desk(device, BranchId(branch), office.now)
