"""What a machine knows of cards by itself: the store's block list, and which cards it has lately seen with their PIN.

    right PIN, no block --saw--> digest and day in the unit's file --no answer, a wrong PIN, a block, the list--> gone
                                   `--after so many days, or as one of too many--> gone

Kept only where the site lends to seen cards; elsewhere nothing is, and what was is deleted at the start. Of a card
there is a digest and the day: no number, PIN, name, lånernummer or time of day. There are so few card numbers that a
digest alone would be as good as one; so it is keyed with a key that no other machine has and that goes nowhere, and
takes 16 MiB and some 50 ms to make: whoever steals file and key together, and tries every CPR number there can be,
computes for half a year of one core, and then knows who borrowed here within those days. It is the form in which the
library's rules let a secret rest on a machine at all: keyed, memory-hard, and only where the site has turned it on.
Not responsible for: who may borrow with what standing (kiosk/checkout/offline.py).
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kiosk.fault import DeviceFault
from kiosk.hours import today
from kiosk.loop import Clock
from kiosk.model import Credential, Standing
from sync.replica import Replica
from sync.store.connection import sync_folder
from sync.store.file import UnitFile

_KEY = 32  # bytes
_COST, _BLOCK, _DIGEST = 2**14, 8, 16  # scrypt's N and r: 16 MiB; bytes
_SALT = b"natugle seen card"  # the key is what differs between machines


@dataclass(frozen=True, slots=True)
class Memory:
    """days: a card is known that long, the day itself not counted; 0 keeps none. most: cards, the newest stay."""

    days: int = 0
    most: int = 2000


class SeenCards:
    """A kiosk.ports.Cards. Any thread. key: the file for the machine's own key, made when it is first needed."""

    def __init__(self, unit_file: UnitFile, replica: Replica, key: Path, memory: Memory, clock: Clock) -> None:
        self._file, self._replica, self._key_file = unit_file, replica, key
        self._memory, self._clock = memory, clock
        self._key = b""

    def expire(self) -> None:
        """What is over goes; where nothing is to be kept, all of it and the key too."""
        with suppress(DeviceFault, OSError):
            if self._memory.days and self._clock().synced:
                with self._file.statements() as statements:
                    statements.run("DELETE FROM seen_cards WHERE seen_on NOT BETWEEN ? AND ?", *self._days())
            if not self._memory.days:
                with self._file.statements() as statements:
                    statements.run("DELETE FROM seen_cards")
                self._key_file.unlink(missing_ok=True)

    def standing(self, card: Credential, *, proven: bool) -> Standing:
        try:
            return self._standing(card, proven=proven)
        except (DeviceFault, OSError):
            return Standing.UNTOLD

    def saw(self, card: Credential) -> None:
        """Not without a clock: a day that is wrong would be kept too long."""
        now = self._clock()
        if not self._memory.days or not now.synced:
            return
        with suppress(DeviceFault, OSError):
            digest, day = self._digest(card), today(now).isoformat()
            with self._file.transaction() as statements:
                statements.run("INSERT OR REPLACE INTO seen_cards (digest, seen_on) VALUES (?, ?)", digest, day)
                statements.run(
                    "DELETE FROM seen_cards WHERE digest NOT IN"
                    " (SELECT digest FROM seen_cards ORDER BY seen_on DESC, rowid DESC LIMIT ?)",
                    self._memory.most,
                )

    def forget(self, card: Credential) -> None:
        if not self._memory.days:
            return
        with suppress(DeviceFault, OSError):
            digest = self._digest(card)
            with self._file.statements() as statements:
                statements.run("DELETE FROM seen_cards WHERE digest = ?", digest)

    def _standing(self, card: Credential, *, proven: bool) -> Standing:
        match self._replica.lists(card):
            case None:
                return Standing.UNTOLD
            case True:
                self.forget(card)
                return Standing.LISTED
            case False if proven or self._was_seen(card):
                return Standing.SEEN
            case _:
                return Standing.STRANGER

    def _was_seen(self, card: Credential) -> bool:
        if not self._memory.days:
            return False
        digest = self._digest(card)
        with self._file.statements() as statements:
            query = "SELECT 1 FROM seen_cards WHERE digest = ? AND seen_on BETWEEN ? AND ?"
            return bool(statements.rows(query, digest, *self._days()))

    def _days(self) -> tuple[str, str]:
        """The first and the last on which a card may have been seen."""
        last = today(self._clock())
        return (last - timedelta(days=self._memory.days)).isoformat(), last.isoformat()

    # --- digests ---

    def _digest(self, card: Credential) -> bytes:
        """Raises OSError where the key can be neither read nor made."""
        if not self._key:
            self._key = _read(self._key_file) or self._made()
        keyed = hmac.digest(self._key, card.number.encode(), "sha256")
        return hashlib.scrypt(keyed, salt=_SALT, n=_COST, r=_BLOCK, p=1, dklen=_DIGEST)

    def _made(self) -> bytes:
        """A new key; what was kept under another one means nothing any more."""
        with self._file.statements() as statements:
            statements.run("DELETE FROM seen_cards")
        key, made = secrets.token_bytes(_KEY), self._key_file.with_name(self._key_file.name + ".making")
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, key)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        made.replace(self._key_file)
        sync_folder(self._key_file.parent)
        return key


def _read(path: Path) -> bytes:
    """Empty where there is none that is whole."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return b""
    return key if len(key) == _KEY else b""
