"""The machines that are let in, and whether anything of theirs is missing or was refused.

Not responsible for: letting them in (machines/devices.py), what was refused (refused.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from kiosk.model import BranchId, DeviceId
from sync.central.calendar import local_date
from sync.central.schema import devices, events, queues, refused_events
from sync.central.staff.office import Office
from sync.central.staff.said import NOTHING, day, moment, table

_HEADS = ("machine", "branch", "cert. until", "last event", "missing", "refused")


@dataclass(frozen=True, slots=True)
class Machine:
    """until: the end of its certificate; None: shut out. missing: events its queue has counted and not sent.

    refused: those that nobody has resolved.
    """

    device: DeviceId
    branch: BranchId
    until: datetime | None
    last_event: datetime | None
    missing: int
    refused: int


def listed(office: Office) -> str:
    """One line each, by name."""
    found = office.write(all_of)
    return table(_HEADS, (_row(machine, office.now) for machine in found)) if found else "no machine is enrolled"


def all_of(connection: Connection) -> tuple[Machine, ...]:
    names = connection.execute(select(devices.c.device_id).distinct().order_by(devices.c.device_id)).scalars().all()
    return tuple(_machine(connection, DeviceId(name)) for name in names)


def _machine(connection: Connection, device: DeviceId) -> Machine:
    branch = select(devices.c.branch_id).where(devices.c.device_id == device).order_by(devices.c.enrolled_at.desc())
    until = select(func.max(devices.c.expires_at)).where(devices.c.device_id == device, devices.c.revoked_at.is_(None))
    last = select(func.max(events.c.received_at)).where(events.c.device_id == device)
    missing = select(func.sum(queues.c.highest - queues.c.taken)).where(queues.c.device_id == device)
    refused = select(func.count()).where(refused_events.c.device_id == device, refused_events.c.resolved_at.is_(None))
    return Machine(
        device,
        BranchId(connection.execute(branch.limit(1)).scalar_one()),
        connection.execute(until).scalar_one(),
        connection.execute(last).scalar_one(),
        int(connection.execute(missing).scalar_one() or 0),
        connection.execute(refused).scalar_one(),
    )


def _row(machine: Machine, now: datetime) -> tuple[str, ...]:
    until = "revoked" if machine.until is None else day(local_date(machine.until))
    if machine.until is not None and machine.until <= now:
        until = "run out"
    counts = (str(count) if count else NOTHING for count in (machine.missing, machine.refused))
    return (machine.device, machine.branch, until, moment(machine.last_event), *counts)
