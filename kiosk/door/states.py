"""What the door's machine speaks of: its rules, what it notices, what it has done, where it is.

Not responsible for: what follows from what (machine.py).
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from kiosk.door import leaf
from kiosk.door.access import AccessRules
from kiosk.door.leaf import Leaf, LeafRules
from kiosk.event import Event
from kiosk.fault import Cleared, Fault, Raised
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    ContactClosed,
    ContactOpened,
    Credential,
    Denial,
    DigitTyped,
    EnterTyped,
    ExitRequested,
    Mode,
    Pin,
    Question,
    Tick,
    Unreadable,
)

# --- rules --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What the site decided, and the mode of this moment (gathered by the unit before each step). Seconds."""

    mode: Mode
    access: AccessRules = AccessRules()
    leaf: LeafRules = LeafRules()
    pin_length: int = 4
    pin_tries: int = 3
    pin_wait_s: float = 20.0
    verify_s: float = 6.0  # longer than the store's own deadline: its answer always comes first
    pulse_s: float = 5.0
    tell_s: float = 5.0


# --- inputs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admission:
    """The store knows the card and the PIN is right."""

    asked: Question
    facts: AdmissionFacts


@dataclass(frozen=True, slots=True)
class AdmissionRefused:
    asked: Question
    why: AuthRefusal


@dataclass(frozen=True, slots=True)
class StoreSilent:
    """No answer that can be used."""

    asked: Question


@dataclass(frozen=True, slots=True)
class NotRecorded:
    """The disk did not take an event: what was to follow it has not been done."""


@dataclass(frozen=True, slots=True)
class NotPulsed:
    """The lock did not rise."""


Given = (
    CardSwiped
    | CodeScanned
    | Unreadable
    | DigitTyped
    | ClearTyped
    | EnterTyped
    | Admission
    | AdmissionRefused
    | StoreSilent
    | NotRecorded
    | NotPulsed
    | ContactOpened
    | ContactClosed
    | ExitRequested
    | Raised
    | Cleared
    | Tick
)

# --- effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskAdmission:
    question: Question


@dataclass(frozen=True, slots=True)
class Record:
    event: Event


@dataclass(frozen=True, slots=True)
class PulseStrike:
    seconds: float


@unique
class Tone(Enum):
    """What the lamp and the buzzer say: each outcome is another to the eye and to the ear."""

    GRANTED = "granted"
    DENIED = "denied"
    ALARM = "alarm"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Sound:
    tone: Tone


Effect = AskAdmission | Record | PulseStrike | Sound

# --- states -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    pass


@dataclass(frozen=True, slots=True)
class PinFirst:
    """Digits came before the card."""

    pin: Pin
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


@unique
class Told(Enum):
    WELCOME = "welcome"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Telling:
    what: Told | Denial
    deadline: float


Dialogue = Idle | PinFirst | AskingPin | Verifying | Telling


@dataclass(frozen=True, slots=True)
class State:
    dialogue: Dialogue = Idle()
    leaf: Leaf = leaf.Shut()
    faults: frozenset[Fault] = field(default=frozenset())

    @property
    def deadline(self) -> float | None:
        """The next moment at which something is over."""
        pending = [] if isinstance(self.dialogue, Idle) else [self.dialogue.deadline]
        if isinstance(self.leaf, leaf.Expected) or (isinstance(self.leaf, leaf.Open) and not self.leaf.alarmed):
            pending.append(self.leaf.deadline)  # an open door that has alarmed waits for nothing but its closing
        return min(pending, default=None)
