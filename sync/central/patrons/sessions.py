"""A quarter of an hour on my page: a token that says who put in the right PIN, where, and until when.

    base64url( nonce | AES-256-GCM(patron | expiry), bound to ("session", device) )

Nothing of it is kept: the token is the session. Who reads one learns neither patron nor time; another device, a changed
letter or another key gets nobody.
Not responsible for: the cipher (column.py), the PIN (tries.py), where the key lies.
"""

import base64
import binascii
from datetime import datetime, timedelta

from kiosk.model import DeviceId, PatronId
from sync.central.patrons.column import ColumnError, ColumnKey

LASTS = timedelta(minutes=15)
_COLUMN = "session"
_LONGEST = 400  # characters


class SessionKey:
    """Gives tokens and reads them, under one key of 32 bytes. A new key ends every session."""

    def __init__(self, key: bytes) -> None:
        self._column = ColumnKey(key)

    def give(self, patron: PatronId, device: DeviceId, now: datetime) -> str:
        said = f"{patron}|{(now + LASTS).isoformat()}"
        return _encoded(self._column.seal(_COLUMN, device, said))

    def who(self, token: str, device: DeviceId, now: datetime) -> PatronId | None:
        """Whose it is; None once it is over, on another device, and for anything else."""
        sealed = _decoded(token)
        if sealed is None:
            return None
        try:
            patron, _, expiry = self._column.open(_COLUMN, device, sealed).rpartition("|")
        except ColumnError:
            return None
        return PatronId(patron) if now < datetime.fromisoformat(expiry) else None


def _encoded(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _decoded(token: str) -> bytes | None:
    """The one way to write these bytes, or None."""
    if len(token) > _LONGEST:
        return None
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return sealed if _encoded(sealed) == token else None
