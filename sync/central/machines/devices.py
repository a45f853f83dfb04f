"""The allow-list: which certificates may speak, and which machine and branch each one is.

A certificate of our CA alone lets nobody in: its fingerprint must stand here, not revoked, at every request.
Not responsible for: making certificates (pki.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from kiosk.model import BranchId, DeviceId
from sync.central.schema import branches, devices


@dataclass(frozen=True, slots=True)
class Device:
    device: DeviceId
    branch: BranchId


def find(connection: Connection, fingerprint: str) -> Device | None:
    """The device of a certificate; None when it is unknown or revoked."""
    query = select(devices.c.device_id, devices.c.branch_id).where(
        devices.c.fingerprint == fingerprint, devices.c.revoked_at.is_(None)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Device(DeviceId(row.device_id), BranchId(row.branch_id))


def has_branch(connection: Connection, branch: BranchId) -> bool:
    return connection.execute(select(branches.c.name).where(branches.c.branch_id == branch)).one_or_none() is not None


def keep_branch(connection: Connection, branch: BranchId, values: Mapping[str, str]) -> None:
    """Adds a branch, or changes what `values` names of one there is."""
    if has_branch(connection, branch):
        connection.execute(update(branches).where(branches.c.branch_id == branch).values(**values))
    else:
        connection.execute(insert(branches).values(branch_id=branch, **values))


def enrol(connection: Connection, device: Device, fingerprint: str, now: datetime) -> int:
    """Lets the certificate in; earlier ones of the same device are revoked. The number of those."""
    replaced = revoke(connection, device.device, now)
    connection.execute(
        insert(devices).values(
            fingerprint=fingerprint, device_id=device.device, branch_id=device.branch, enrolled_at=now
        )
    )
    return replaced


def revoke(connection: Connection, device: DeviceId, now: datetime) -> int:
    """Shuts out every certificate of the device, from the next request on. The number of those."""
    living = update(devices).where(devices.c.device_id == device, devices.c.revoked_at.is_(None))
    return connection.execute(living.values(revoked_at=now)).rowcount
