"""A patron's cards and PIN, as staff change them: a card more, one that is lost or found again, a new PIN.

Not responsible for: which machines are told, and when (machines/replica.py, jobs.py).
"""

from dataclasses import dataclass
from enum import Enum, auto, unique

from sqlalchemy import Connection

from kiosk.model import Credential, PatronId, Pin
from sync.central.patrons import wallet
from sync.central.patrons.entries import HEALTH
from sync.central.patrons.locks import Locks
from sync.central.patrons.record import Refusal, cpr_number
from sync.central.staff.office import Done, Office
from sync.central.staff.patrons import known
from sync.central.staff.said import CommandError

_REFUSED = {
    Refusal.UNKNOWN: "no such patron",
    Refusal.BAD_CPR: "a health card has a CPR number",
    Refusal.TEXT: "a card's number has letters, digits and hyphens",
    Refusal.CARD_KNOWN: "a patron has this card already",
}


@unique
class Fate(Enum):
    ADD = auto()
    LOST = auto()
    FOUND = auto()


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of a card. kind: of a new one, or of the only one that can be lost. card: None then."""

    fate: Fate
    kind: str
    card: Credential | None


def change(office: Office, patron: PatronId, word: Word) -> str:
    """One card. A lost one is worth nothing from now on; the others go on working."""
    locks = office.locks

    def work(connection: Connection) -> str:
        known(connection, patron)
        done = (_add if word.fate is Fate.ADD else _report)(connection, locks, patron, word)
        office.log(connection, Done("card", patron, f"{word.fate.name.lower()} {word.kind}".strip()))
        return f"{patron} {done}; {_left(len(wallet.usable(connection, patron)))}"

    return office.write(work)


def _add(connection: Connection, locks: Locks, patron: PatronId, word: Word) -> str:
    number = word.card.number if word.card else ""
    card = Credential(cpr_number(number) or "") if word.kind == HEALTH else Credential(number)
    refusal = wallet.add(connection, locks, patron, word.kind, card)
    if refusal is not None:
        raise CommandError(_REFUSED[refusal])
    return f"has a new {word.kind} card"


def _report(connection: Connection, locks: Locks, patron: PatronId, word: Word) -> str:
    lost = word.fate is Fate.LOST
    digest = locks.lookup.of_card(word.card) if word.card else _only(connection, patron, word.kind)
    if not wallet.report(connection, patron, digest, lost=lost):
        raise CommandError(f"the patron has no such card that {'works' if lost else 'is lost'}")
    return "has lost the card" if lost else "has found the card again"


def _only(connection: Connection, patron: PatronId, kind: str) -> str:
    found = wallet.usable(connection, patron, kind)
    if len(found) != 1:
        many = f"{len(found)} {kind} cards that work: report one by its number, without --kind"
        raise CommandError(f"the patron has {many if found else f'no {kind} card that works'}")
    return found[0]


def _left(number: int) -> str:
    return f"{number} {'card works' if number == 1 else 'cards work'}" if number else "no card works now"


# --- the PIN ------------------------------------------------------------------------------------


def set_pin(office: Office, patron: PatronId, pin: Pin) -> str:
    """A lock-out after wrong tries ends."""
    pin_hash = office.locks.pins.make(pin)

    def put(connection: Connection) -> None:
        if not wallet.set_pin(connection, patron, pin_hash):
            raise CommandError("no such patron")
        office.log(connection, Done("pin", patron))

    office.write(put)
    return f"{patron} has a new PIN"
