"""Codes by which a machine is let in: 80 random bits, good once and for a while.

    7K3M-9QXT-2VBN-HD4R     Crockford's base32: no I, L, O or U; read as typed, in any case, with or without hyphens

Kept is the code's SHA-256 alone: of 80 random bits that is as good as a slow hash.
Not responsible for: certificates (sync/pki.py), who may try how often (web/enrolment.py).
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, unique

from sqlalchemy import Connection, delete, insert, select, update

from kiosk.model import BranchId, DeviceId
from sync.central.machines import devices
from sync.central.machines.devices import Certificate, Device
from sync.central.schema import enrolment_codes

SHORTEST, USUAL, LONGEST = timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 16  # of 5 bits each
_READ_AS = str.maketrans("OIL", "011", "- \t")
_KEPT = timedelta(days=30)  # how long a code that is spent is still told from one that never was


@unique
class NotEnrolled(Enum):
    """Why a code lets nobody in."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Enrolled:
    device: Device
    certificate: bytes


Sign = Callable[[Device], tuple[bytes, Certificate]]  # the PEM, and what the allow-list keeps of it


def make(connection: Connection, device: Device, valid: timedelta, now: datetime) -> str:
    """A new code for this machine, in groups of four; an earlier one that was not used is void."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    void(connection, device.device)
    connection.execute(delete(enrolment_codes).where(enrolment_codes.c.expires_at <= now - _KEPT))
    connection.execute(
        insert(enrolment_codes).values(
            code_digest=_digest(drawn), device_id=device.device, branch_id=device.branch, expires_at=now + valid
        )
    )
    return "-".join(drawn[at : at + 4] for at in range(0, _LENGTH, 4))


def void(connection: Connection, device: DeviceId) -> int:
    """No code of this machine's is good any more. The number of those that were not used."""
    codes = enrolment_codes.c
    unused = delete(enrolment_codes).where(codes.device_id == device, codes.used_at.is_(None))
    return connection.execute(unused).rowcount


def use(connection: Connection, typed: str, sign: Sign, now: datetime) -> Enrolled | NotEnrolled:
    """Spends the code and lets the certificate in, in one transaction: both, or neither."""
    digest, codes = _digest(typed.upper().translate(_READ_AS)), enrolment_codes.c
    row = connection.execute(select(enrolment_codes).where(codes.code_digest == digest)).one_or_none()
    if row is None:
        return NotEnrolled.UNKNOWN
    if row.used_at is None and row.expires_at <= now:
        return NotEnrolled.EXPIRED
    mine = update(enrolment_codes).where(codes.code_digest == digest, codes.used_at.is_(None))
    if connection.execute(mine.values(used_at=now)).rowcount == 0:
        return NotEnrolled.USED
    device = Device(DeviceId(row.device_id), BranchId(row.branch_id))
    signed, certificate = sign(device)
    devices.enrol(connection, device, certificate, now)
    return Enrolled(device, signed)


def _digest(code: str) -> str:
    return hashlib.sha256(b"natugle enrolment code\0" + code.encode()).hexdigest()
