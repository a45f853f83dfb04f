"""The machines that log in with a name and a password: 93, or the attributes of Cicero's envelope.

The password is 160 random bits that the store makes and shows once. SHA-256 is enough to keep it by: nobody guesses it.
It comes on top of the machine's certificate, never instead of it.
Not responsible for: certificates (machines/devices.py).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from kiosk.model import BranchId
from sync.central.schema import sip_users

_PASSWORD = 20  # bytes


@dataclass(frozen=True, slots=True)
class SipUser:
    """branch: where the machine stands. fills_holds: what is returned is set aside for who waits."""

    branch: BranchId
    fills_holds: bool = True


def add(connection: Connection, login: str, user: SipUser) -> str:
    """The new password of a new or known login; an old one is worth nothing from now on."""
    password = secrets.token_hex(_PASSWORD)
    connection.execute(delete(sip_users).where(sip_users.c.login == login))
    connection.execute(
        insert(sip_users).values(
            login=login, password_digest=_digest(password), branch_id=user.branch, fills_holds=user.fills_holds
        )
    )
    return password


def find(connection: Connection, login: str, password: str) -> SipUser | None:
    """The user, when the password is right; compared in constant time, for an unknown login too."""
    row = connection.execute(select(sip_users).where(sip_users.c.login == login)).one_or_none()
    kept = row.password_digest if row else _digest("")
    right = hmac.compare_digest(kept, _digest(password))
    return SipUser(BranchId(row.branch_id), row.fills_holds) if row and right else None


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
