"""The words of the field: ids and every value that crosses a port.

Not responsible for: how a value is read from a wire or written to a disk (drivers/, sync/).
"""

import hmac
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, unique
from typing import NewType, NoReturn

PatronId = NewType("PatronId", str)  # FBS: patronId, "lånernummer": random, never derived from CPR
ItemId = NewType("ItemId", str)  # FBS: materialItemNumber: the barcode or primary item id
BranchId = NewType("BranchId", str)  # ISIL, as DK-766103
DeviceId = NewType("DeviceId", str)
EventId = NewType("EventId", str)  # random; also the idempotency key at the store
GrantId = NewType("GrantId", str)  # one permission to pulse the strike, used once


@dataclass(frozen=True, slots=True)
class Now:
    """One reading of both clocks.

    wall: aware UTC; for opening hours and events. Not to be trusted until `synced`.
    mono: seconds; for deadlines. Never jumps.
    """

    wall: datetime
    mono: float
    synced: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: a deadline may be over. An input of every machine."""


class Pin:
    """A patron's PIN. Prints as dots, compares in constant time, cannot be pickled or copied out."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str = "") -> None:
        self._digits = digits

    def reveal(self) -> str:
        """The digits, for the one question to the store."""
        return self._digits

    def typed(self, digit: str) -> "Pin":
        return Pin(self._digits + digit)

    def __len__(self) -> int:
        return len(self._digits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pin) and hmac.compare_digest(self._digits, other._digits)

    def __hash__(self) -> int:
        return hash((Pin, self._digits))

    def __repr__(self) -> str:
        return "••••"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PIN is never serialised")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a card says: on a health card (sundhedskort) the CPR number, else the library card's own number.

    An identifier, never a proof: it can be read off the card with the eye, so the PIN is the only secret
    (EN 60839-11-1). The store knows which kind it is; a machine need not.
    """

    number: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What the store is asked about a patron. Every answer carries it, so a late one meets nobody else."""

    card: Credential
    pin: Pin


# --- what a device reads ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardSwiped:
    """A card that is certainly a card: a magnetic stripe or an NFC card."""

    credential: Credential


@dataclass(frozen=True, slots=True)
class CodeScanned:
    """A barcode. Ten digits may be a card or an item: what is on the screen decides."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something came, but not a whole card or code: half a barcode, `;E?`, noise."""


@dataclass(frozen=True, slots=True)
class DigitTyped:
    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClearTyped:
    pass


@dataclass(frozen=True, slots=True)
class EnterTyped:
    pass


@dataclass(frozen=True, slots=True)
class ContactOpened:
    pass


@dataclass(frozen=True, slots=True)
class ContactClosed:
    pass


@dataclass(frozen=True, slots=True)
class ExitRequested:
    """REX: somebody inside goes out. Shunts the forced-door alarm; opens nothing."""


Reading = (
    CardSwiped
    | CodeScanned
    | Unreadable
    | DigitTyped
    | ClearTyped
    | EnterTyped
    | ContactOpened
    | ContactClosed
    | ExitRequested
)

# --- what the central store answers -----------------------------------------------------------


@unique
class Block(Enum):
    """Why a patron may not use the library. FBS: blockedReason; unknown codes are OTHER."""

    CARD_STOLEN = "O"
    EXCLUDED = "U"
    EXCLUDED_LONG = "F"
    SELF_SERVICE = "S"
    SELF_CREATED = "W"
    DEBT = "E"
    DECEASED = "D"
    OTHER = "?"


@unique
class AuthRefusal(Enum):
    """FBS: authenticateStatus other than VALID. INVALID is an unknown card or a wrong PIN: never told apart."""

    INVALID = "INVALID"
    LOCKED_OUT = "LOANER_LOCKED_OUT"


@dataclass(frozen=True, slots=True)
class Borrower:
    """A patron whose PIN was right, as a self-checkout machine may see one."""

    patron: PatronId = field(repr=False)
    first_name: str = field(repr=False)
    blocks: frozenset[Block]


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What a door may know of a patron whose PIN was right. age: whole years at the store's clock."""

    patron: PatronId = field(repr=False)
    blocks: frozenset[Block]
    age: int
    permitted: bool


@dataclass(frozen=True, slots=True)
class Loan:
    item: ItemId
    title: str
    due: date


@unique
class LoanRefusal(Enum):
    """Why the store did not lend. Unknown reasons are OTHER."""

    NOT_FOUND = "notFound"
    RESERVED = "reserved"
    NOT_FOR_LOAN = "notForLoan"
    ON_LOAN = "onLoan"
    BLOCKED = "patronBlocked"
    TOO_YOUNG = "tooYoung"
    TOO_MANY = "tooManyLoans"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class NotLent:
    """title: empty where the store does not know the item, or does not say."""

    why: LoanRefusal
    title: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """place: the sorting place, in the library's words. held: another patron waits for it."""

    item: ItemId
    title: str
    place: str
    held: bool


@unique
class ReturnRefusal(Enum):
    NOT_FOUND = "notFound"
    OTHER = "other"


@unique
class Standing(Enum):
    """What a machine knows of a card by itself, while the store is silent."""

    LISTED = "listed"  # the store's list says: blocked, or lost
    SEEN = "seen"  # not listed, and lately seen here with its right PIN
    STRANGER = "stranger"  # not listed
    UNTOLD = "untold"  # there is no list to look at


# --- opening hours and the door's answer --------------------------------------------------------


@unique
class Mode(Enum):
    STAFFED = "staffed"
    UNSTAFFED = "unstaffed"
    CLOSED = "closed"


@unique
class Denial(Enum):
    """Why the door stays locked. The patron meets fewer words than these (ui/words.py)."""

    NOT_ACCEPTED = "not accepted"  # unknown card or wrong PIN: one answer
    LOCKED_OUT = "locked out"
    BLOCKED = "blocked"
    UNDERAGE = "underage"
    NO_PERMISSION = "no permission"
    CLOSED = "closed"
    STAFFED = "staffed"  # the door is the staff's now
    OFFLINE = "offline"
    OUT_OF_ORDER = "out of order"
