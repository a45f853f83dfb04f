"""What circulation answers: values that every face (web, SIP2, staff) puts into its own words.

Not responsible for: deciding any of it.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum, unique
from typing import NewType

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId, ReturnRefusal

RecordId = NewType("RecordId", str)  # FAUST


@dataclass(frozen=True, slots=True)
class Work:
    """A title as it is catalogued. gmb, smb: danMARC2 009 *a and *g."""

    record: RecordId
    title: str
    author: str
    gmb: str = "a"
    smb: str = "xx"
    dk5: str = ""


@dataclass(frozen=True, slots=True)
class Lent:
    """again: the item stood on this patron's name already, and is answered as it stands."""

    loan: int
    item: ItemId
    work: Work
    due: date
    parts: int = 1
    again: bool = False


@dataclass(frozen=True, slots=True)
class NotLent:
    """work: None where the item is unknown."""

    item: ItemId
    why: LoanRefusal
    work: Work | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """place: where to lay it, in the library's words. bin: the sorting machine's, or empty.

    held: a hold waits for it. sent_to: the branch it goes to, where that is another one.
    had: whose loan was ended; for SIP2's AA, never for a screen.
    """

    item: ItemId
    work: Work
    place: str
    bin: str
    held: bool
    sent_to: BranchId | None = None
    parts: int = 1
    had: PatronId | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NotReturned:
    item: ItemId
    why: ReturnRefusal


@unique
class RenewalStatus(Enum):
    """FBS: renewalStatus. Several may hold at once; success is RENEWED alone."""

    RENEWED = "renewed"
    RESERVED = "deniedReserved"
    MAX_RENEWALS = "deniedMaxRenewalsReached"
    BLOCKED = "deniedLoanerIsBlocked"
    NOT_LOANABLE = "deniedMaterialIsNotLoanable"
    ITEM_NOT_FOUND = "deniedMaterialIsNotFound"
    PATRON_NOT_FOUND = "deniedLoanerNotFound"
    PROFILE_NOT_FOUND = "deniedLoaningProfileNotFound"
    OTHER = "deniedOtherReason"  # too early: SIP2's [BEFORE_RENEW_PERIOD]


@dataclass(frozen=True, slots=True)
class Renewal:
    """due: the new date when renewed, else as it was; None where there is no such loan. item: may be unknown."""

    item: ItemId
    statuses: tuple[RenewalStatus, ...]
    loan: int = 0
    work: Work | None = None
    due: date | None = None


# --- my page ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoanLine:
    """renewal: what renewing it now would answer; RENEWED alone where it may be."""

    loan: int
    item: ItemId
    work: Work
    lent_on: date
    due: date
    renewals: int
    renewal: tuple[RenewalStatus, ...]


@unique
class HoldState(Enum):
    """FBS: reservationState."""

    RESERVED = "reserved"
    IN_TRANSIT = "inTransit"
    READY = "readyForPickup"


@dataclass(frozen=True, slots=True)
class HoldLine:
    """place: in the queue, from 1; 0 once an item is set aside. shelf, pickup_by: where it is ready."""

    hold: int
    work: Work
    state: HoldState
    place: int
    pickup_branch: BranchId
    placed_at: datetime
    item: ItemId | None = None
    shelf: str = ""
    pickup_by: date | None = None
    wanted_until: date | None = None


@dataclass(frozen=True, slots=True)
class FeeLine:
    """Amounts in øre. kind: FBS feeType. work: None where it is about no one item."""

    fee: int
    kind: str
    amount: int
    paid: int
    made_on: date
    work: Work | None = None
    item: ItemId | None = None

    @property
    def owed(self) -> int:
        return self.amount - self.paid


@dataclass(frozen=True, slots=True)
class Account:
    """Loans, holds and unsettled fees of one patron. debt: øre."""

    loans: tuple[LoanLine, ...] = ()
    holds: tuple[HoldLine, ...] = ()
    fees: tuple[FeeLine, ...] = ()

    @property
    def debt(self) -> int:
        return sum(fee.owed for fee in self.fees)
