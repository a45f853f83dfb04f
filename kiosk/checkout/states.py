"""What the self-checkout machine speaks of: its rules, what it notices, what it has done, where it is.

Not responsible for: what follows from what (machine.py).
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from kiosk.checkout.line import (
    Lines,
)
from kiosk.checkout.offline import Lends, OfflineRules
from kiosk.event import Event, Who
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import (
    AuthRefusal,
    Borrower,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    Credential,
    DigitTyped,
    EnterTyped,
    EventId,
    ItemId,
    Loan,
    NotLent,
    PatronId,
    Pin,
    Question,
    Return,
    ReturnRefusal,
    Standing,
    Tick,
    Unreadable,
)

# --- rules --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What the site decided, and a fresh random id for a line (gathered by the unit before each step). Seconds."""

    fresh: EventId
    offline: OfflineRules = OfflineRules()
    pin_length: int = 4
    pin_tries: int = 3
    idle_s: float = 45.0
    verify_s: float = 6.0  # longer than the store's own deadline: its answer always comes first
    tell_s: float = 6.0
    farewell_s: float = 10.0


# --- inputs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """standing: what this machine itself knows of the card, should the store fall silent."""

    asked: Question
    borrower: Borrower
    standing: Standing


@dataclass(frozen=True, slots=True)
class NotKnown:
    asked: Question
    why: AuthRefusal


@dataclass(frozen=True, slots=True)
class KnowledgeSilent:
    """The store did not say who this is; the machine looked for itself."""

    asked: Question
    standing: Standing


@dataclass(frozen=True, slots=True)
class LoanMade:
    event: EventId
    loan: Loan


@dataclass(frozen=True, slots=True)
class LoanRefused:
    event: EventId
    refused: NotLent


@dataclass(frozen=True, slots=True)
class LoanSilent:
    event: EventId


@dataclass(frozen=True, slots=True)
class ReturnMade:
    event: EventId
    made: Return


@dataclass(frozen=True, slots=True)
class ReturnRefused:
    event: EventId
    why: ReturnRefusal


@dataclass(frozen=True, slots=True)
class ReturnSilent:
    event: EventId


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The disk did not take this event."""

    event: EventId


@dataclass(frozen=True, slots=True)
class ReturnTapped:
    pass


@dataclass(frozen=True, slots=True)
class DoneTapped:
    pass


@dataclass(frozen=True, slots=True)
class BackTapped:
    pass


_Answer = LoanMade | LoanRefused | LoanSilent | ReturnMade | ReturnRefused | ReturnSilent
_Read = CardSwiped | CodeScanned | Unreadable
_Typed = DigitTyped | ClearTyped | EnterTyped
_Tapped = ReturnTapped | DoneTapped | BackTapped
_Said = _Read | _Typed | _Tapped | Known | NotKnown | KnowledgeSilent | _Answer | NotRecorded | Tick
Given = _Said | Raised | Cleared

# --- effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskWho:
    question: Question


@dataclass(frozen=True, slots=True)
class LookUp:
    """What does the machine itself know of this card? The answer is KnowledgeSilent."""

    question: Question


@dataclass(frozen=True, slots=True)
class Saw:
    """Keep that this card was here with its right PIN."""

    card: Credential


@dataclass(frozen=True, slots=True)
class Forget:
    """The store's last word on this card was no."""

    card: Credential


@dataclass(frozen=True, slots=True)
class AskCheckout:
    patron: PatronId = field(repr=False)
    item: ItemId
    event: EventId


@dataclass(frozen=True, slots=True)
class AskCheckin:
    item: ItemId
    event: EventId


@dataclass(frozen=True, slots=True)
class Record:
    """event_id: the one the store was, or would have been, asked under; None for news that nobody asked about."""

    event: Event
    event_id: EventId | None = None


Effect = AskWho | LookUp | Saw | Forget | AskCheckout | AskCheckin | Record

# --- states -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    pass


@unique
class Told(Enum):
    """One sentence for the whole screen."""

    NOT_ACCEPTED = "not accepted"  # unknown card or wrong PIN: one answer
    LOCKED_OUT = "locked out"
    BLOCKED = "blocked"
    OFFLINE = "offline"  # nobody borrows while the store is silent
    NOT_UNASKED = "not unasked"  # others do, this card does not; why is for nobody who merely holds it
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Notice:
    what: Told
    deadline: float


@dataclass(frozen=True, slots=True)
class AskingPin:
    """again: the last answer was not accepted."""

    card: Credential
    pin: Pin
    tries_left: int
    again: bool
    deadline: float


@dataclass(frozen=True, slots=True)
class Verifying:
    asked: Question
    tries_left: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Lending:
    """who: the patron; the card while the store is silent. leaving: done was said, answers are still to come."""

    who: Who = field(repr=False)
    first_name: str = field(repr=False)
    standing: Standing
    lines: Lines
    leaving: bool
    deadline: float


@dataclass(frozen=True, slots=True)
class Returning:
    lines: Lines
    leaving: bool
    deadline: float


@dataclass(frozen=True, slots=True)
class Farewell:
    lines: Lines
    deadline: float


Stage = Start | Notice | AskingPin | Verifying | Lending | Returning | Farewell


@dataclass(frozen=True, slots=True)
class State:
    """lends: who may borrow at this moment, should the store be silent; for the screen."""

    stage: Stage = Start()
    faults: frozenset[Fault] = field(default=frozenset())
    lends: Lends = Lends.NOBODY

    @property
    def deadline(self) -> float | None:
        return None if isinstance(self.stage, Start) else self.stage.deadline

    @property
    def offline(self) -> bool:
        return Fault.STORE_SILENT in self.faults
