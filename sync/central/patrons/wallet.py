"""What a patron proves themselves with: one card more, one that is lost or found again, a new PIN.

    known  --report(lost=True)-->   lost: an unknown card to every machine that asks, and on the block list
    lost   --report(lost=False)-->  known

Not responsible for: a patron's first card and PIN (record.py), telling machines (machines/replica.py).
"""

import re

from sqlalchemy import Connection, false, insert, select, update

from kiosk.model import Credential, PatronId, Pin
from sync.central.patrons import admission, tries
from sync.central.patrons.entries import HEALTH
from sync.central.patrons.locks import Locks
from sync.central.patrons.record import Refusal, cpr_number
from sync.central.schema import cards, patrons

_NUMBER = re.compile(r"[0-9A-Za-z-]{1,64}")  # what a barcode reader makes of one (drivers/barcode.py)
_PIN = re.compile(r"[0-9]{4}")


def is_number(said: str) -> bool:
    """Whether a card or an item can have it: a machine could read it."""
    return _NUMBER.fullmatch(said) is not None


def is_pin(pin: Pin) -> bool:
    """Whether a machine's keypad takes it."""
    return _PIN.fullmatch(pin.reveal()) is not None


def add(connection: Connection, locks: Locks, patron: PatronId, kind: str, card: Credential) -> Refusal | None:
    """One card more. None: it is done."""
    if not admission.is_known(connection, patron):
        return Refusal.UNKNOWN
    if kind == HEALTH and cpr_number(card.number) != card.number:
        return Refusal.BAD_CPR
    if not is_number(card.number):
        return Refusal.TEXT
    digest = locks.lookup.of_card(card)
    if admission.of_card(connection, digest) is not None:
        return Refusal.CARD_KNOWN
    sealed = locks.columns.seal("card", digest, card.number)
    connection.execute(insert(cards).values(digest=digest, patron_id=patron, kind=kind, number_sealed=sealed))
    return None


def report(connection: Connection, patron: PatronId, digest: str, *, lost: bool) -> bool:
    """Lost, or found again. False: the patron has no such card, or it is so already."""
    mine = cards.c.digest == digest, cards.c.patron_id == patron, cards.c.lost.is_not(lost)
    return connection.execute(update(cards).where(*mine).values(lost=lost)).rowcount > 0


def usable(connection: Connection, patron: PatronId, kind: str = "") -> tuple[str, ...]:
    """Digests of the cards that are not lost. kind: only of this one."""
    query = select(cards.c.digest).where(cards.c.patron_id == patron, cards.c.lost == false())
    return tuple(connection.execute(query.where(cards.c.kind == kind) if kind else query).scalars())


def set_pin(connection: Connection, patron: PatronId, pin_hash: str) -> bool:
    """False: there is no such patron. Wrong tries of the PIN before are forgotten, and a lock-out ends."""
    tries.clear_tries(connection, patron)
    return (
        connection.execute(update(patrons).where(patrons.c.patron_id == patron).values(pin_hash=pin_hash)).rowcount > 0
    )
