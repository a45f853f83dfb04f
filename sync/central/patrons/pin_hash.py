"""PINs as hashes: Argon2id with a pepper that lies outside the database.

Why these figures: 19 MiB, two passes, one lane is OWASP's first choice for Argon2id (Password Storage Cheat Sheet);
about 50 ms of one core, and 40 MiB for the two that may run at once, on a small server.
Why a pepper: a PIN of four digits has 10 000 values, and 10 000 x 50 ms is eight minutes. No cost that a patron would
wait for saves a stolen database; a secret that is not in it does. So the pepper lies in a 0600 file of its own, goes in
no backup of the database, and who loses it resets every PIN.

Not responsible for: lock-out (patrons.py), threads (server.py).
"""

import os
import secrets

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from kiosk.model import Pin

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
_SALT, _HASH = 16, 32  # bytes


class PinHash:
    """Makes and checks hashes under one pepper. Any thread; the work is done without the interpreter's lock."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._nobody = self.make(Pin(secrets.token_hex(16)))

    def make(self, pin: Pin) -> str:
        """A PHC string: it carries its own parameters and salt, so that they may be raised later."""
        argon = Argon2id(
            salt=os.urandom(_SALT),
            length=_HASH,
            iterations=PASSES,
            lanes=LANES,
            memory_cost=MEMORY_KIB,
            secret=self._pepper,
        )
        return argon.derive_phc_encoded(pin.reveal().encode())

    def matches(self, pin: Pin, kept: str | None) -> bool:
        """Whether it is the PIN. For an unknown card (None) the same work is done, against nobody's hash."""
        try:
            Argon2id.verify_phc_encoded(pin.reveal().encode(), kept or self._nobody, self._pepper)
        except InvalidKey:
            return False
        return kept is not None
