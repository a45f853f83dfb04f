"""Keyed digests: how the store finds a card, and compares two questions, without keeping what they say.

HMAC-SHA256 under a key outside the database: there are few CPR numbers, so a bare hash of one is as good as the number.
Not responsible for: whose card it is (patrons.py).
"""

import hashlib
import hmac

from kiosk.model import Credential, ItemId, PatronId


class LookupKey:
    """The key, and the digests made with it. One label per use, so that no digest can stand for another."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of_card(self, card: Credential) -> str:
        return self._digest("card", card.number)

    def of_cpr(self, number: str) -> str:
        return self._digest("cpr", number)

    def of_patron(self, patron: PatronId) -> str:
        """For a log that names nobody."""
        return self._digest("patron", patron)

    def of_item(self, item: ItemId) -> str:
        """Of an item's number that the store does not know."""
        return self._digest("item", item)

    def of_question(self, kind: str, patron: PatronId | None, item: ItemId) -> str:
        """Of (kind, patron, item): what must be the same under the same idempotency key."""
        return self._digest("question", kind, patron or "", item)

    def block_list_key(self) -> bytes:
        """Goes to machines (machines/replica.py): it makes no digest that stands in the database's other columns."""
        return bytes.fromhex(self._digest("block-list-key"))

    def session_key(self) -> bytes:
        """Of my page's sessions (sessions.py)."""
        return bytes.fromhex(self._digest("session-key"))

    def _digest(self, *parts: str) -> str:
        said = b"".join(len(part).to_bytes(4, "big") + part for part in map(str.encode, parts))
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()
