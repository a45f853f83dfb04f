"""The machines that log in with a name and a password: 93, or the attributes of Cicero's envelope.

    93 CN CO -> find -> Claim kept by the line -> check at every message: a new password or a removed login ends it

The password is 160 random bits that the store makes and shows once. SHA-256 is enough to keep it by: nobody guesses it.
It comes on top of the machine's certificate, never instead of it.
Not responsible for: certificates (machines/devices.py).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, insert, select

from kiosk.model import BranchId
from sync.central.schema import sip_users

_PASSWORD = 20  # bytes


@dataclass(frozen=True, slots=True)
class SipUser:
    """branch: where the machine stands. fills_holds: what is returned is set aside for who waits.

    encoding: of what is said on a socket; Cicero's envelope is UTF-8 whoever logs in.
    """

    branch: BranchId
    fills_holds: bool = True
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Claim:
    """A name and a password, as they may be kept in memory. digest: of the password."""

    login: str
    digest: str = field(repr=False)


def claim(login: str, password: str) -> Claim:
    return Claim(login, hashlib.sha256(password.encode()).hexdigest())


def add(connection: Connection, login: str, user: SipUser) -> str:
    """The new password of a new or known login; an old one is worth nothing from now on."""
    password = secrets.token_hex(_PASSWORD)
    remove(connection, login)
    connection.execute(
        insert(sip_users).values(
            login=login,
            password_digest=claim(login, password).digest,
            branch_id=user.branch,
            fills_holds=user.fills_holds,
            encoding=user.encoding,
        )
    )
    return password


def remove(connection: Connection, login: str) -> bool:
    """False: there is no such login."""
    return connection.execute(delete(sip_users).where(sip_users.c.login == login)).rowcount > 0


def find(connection: Connection, login: str, password: str) -> SipUser | None:
    """The user, when the password is right."""
    return check(connection, claim(login, password))


def check(connection: Connection, claimed: Claim) -> SipUser | None:
    """The user, when the password is right still; compared in constant time, for an unknown login too."""
    row = connection.execute(select(sip_users).where(sip_users.c.login == claimed.login)).one_or_none()
    kept = row.password_digest if row else claim("", "").digest
    right = hmac.compare_digest(kept, claimed.digest)
    return SipUser(BranchId(row.branch_id), row.fills_holds, row.encoding) if row and right else None
