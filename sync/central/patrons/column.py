"""Columns that are encrypted: the CPR number and the numbers of cards.

    12 bytes nonce | AES-256-GCM(number), bound to (column, row)

The key lies beside the database's pepper, in no backup of the database. A sealed value that is moved to another row or
column does not open.
Not responsible for: finding a row by its number (cards.py: a keyed digest), who may see it (record.py).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12  # bytes


class ColumnError(Exception):
    """The value is of another row, column or key, or was changed."""


class ColumnKey:
    """Seals and opens values under one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._aes = AESGCM(key)

    def seal(self, column: str, row: str, value: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._aes.encrypt(nonce, value.encode(), _bound(column, row))

    def open(self, column: str, row: str, sealed: bytes) -> str:
        """Raises ColumnError."""
        try:
            return self._aes.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(column, row)).decode()
        except (InvalidTag, ValueError):
            raise ColumnError("does not open") from None


def _bound(column: str, row: str) -> bytes:
    return f"{column}\0{row}".encode()
