"""The allow-list: which certificates may speak, and which machine and branch each one is.

A certificate of our CA alone lets nobody in: its fingerprint must stand here, not revoked, not run out, at every
request. A renewed one stands beside the one before it until it is first used: an answer that is lost strands nobody.

    old ----------------- renew -- old, new ---- new is used ---- new
                                   `- the answer is lost: old goes on, and asks again

Moments are the computer's own clock.
Not responsible for: making certificates (pki.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from kiosk.model import BranchId, DeviceId
from sync.central.schema import branches, devices
from sync.central.statement import Statement


@dataclass(frozen=True, slots=True)
class Device:
    device: DeviceId
    branch: BranchId


@dataclass(frozen=True, slots=True)
class Certificate:
    """fingerprint: SHA-256 of its DER, hex. until: its last moment."""

    fingerprint: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """unused: a renewed certificate that is seen for the first time."""

    device: Device
    unused: bool


_LISTED = Statement(
    select(devices.c.device_id, devices.c.branch_id, devices.c.supersedes).where(
        devices.c.fingerprint == bindparam("fingerprint"),
        devices.c.revoked_at.is_(None),
        devices.c.expires_at > bindparam("now"),
    )
)


def find(connection: Connection, fingerprint: str, now: datetime) -> Listed | None:
    """The device of a certificate; None when it is unknown, revoked or run out."""
    row = _LISTED.one(connection, fingerprint=fingerprint, now=now)
    if row is None:
        return None
    return Listed(Device(DeviceId(row.device_id), BranchId(row.branch_id)), row.supersedes is not None)


def has_branch(connection: Connection, branch: BranchId) -> bool:
    return connection.execute(select(branches.c.name).where(branches.c.branch_id == branch)).one_or_none() is not None


def keep_branch(connection: Connection, branch: BranchId, values: Mapping[str, str]) -> None:
    """Adds a branch, or changes what `values` names of one there is."""
    if has_branch(connection, branch):
        connection.execute(update(branches).where(branches.c.branch_id == branch).values(**values))
    else:
        connection.execute(insert(branches).values(branch_id=branch, **values))


def enrol(connection: Connection, device: Device, certificate: Certificate, now: datetime) -> int:
    """Lets the certificate in; earlier ones of the same device are revoked. The number of those."""
    replaced = revoke(connection, device.device, now)
    _enter(connection, device, certificate, now, supersedes=None)
    return replaced


def renew(connection: Connection, device: Device, before: str, certificate: Certificate, now: datetime) -> bool:
    """Lets the certificate in beside the one before it (fingerprint). False: that one was revoked meanwhile."""
    if find(connection, before, now) is None:
        return False
    _enter(connection, device, certificate, now, supersedes=before)
    return True


def take_over(connection: Connection, fingerprint: str, now: datetime) -> None:
    """A renewed certificate is used: every other one of the device is revoked."""
    fresh = update(devices).where(devices.c.fingerprint == fingerprint, devices.c.revoked_at.is_(None))
    if connection.execute(fresh.values(supersedes=None)).rowcount == 0:
        return
    device = select(devices.c.device_id).where(devices.c.fingerprint == fingerprint).scalar_subquery()
    others = update(devices).where(devices.c.device_id == device, devices.c.fingerprint != fingerprint)
    connection.execute(others.where(devices.c.revoked_at.is_(None)).values(revoked_at=now))


def _enter(
    connection: Connection, device: Device, certificate: Certificate, now: datetime, *, supersedes: str | None
) -> None:
    connection.execute(
        insert(devices).values(
            fingerprint=certificate.fingerprint,
            device_id=device.device,
            branch_id=device.branch,
            enrolled_at=now,
            expires_at=certificate.until,
            supersedes=supersedes,
        )
    )


def revoke(connection: Connection, device: DeviceId, now: datetime) -> int:
    """Shuts out every certificate of the device, from the next request on. The number of those."""
    living = update(devices).where(devices.c.device_id == device, devices.c.revoked_at.is_(None))
    return connection.execute(living.values(revoked_at=now)).rowcount
