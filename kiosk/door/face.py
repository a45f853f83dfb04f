"""What the door's panel shows, and its form on the panel's socket. Pure.

    door -> panel   {"show": "ask pin", "digits": 2}

No name and no reason of a block ever stands on a face: it hangs on a street.
Not responsible for: words and pictures (ui/words.py, ui/), the socket (drivers/panel.py).
"""

import json
from dataclasses import dataclass
from enum import Enum, unique
from typing import assert_never

from kiosk.door.states import (
    AskingPin,
    Idle,
    PinFirst,
    State,
    Telling,
    Told,
    Verifying,
)
from kiosk.fault import OUTBOX, Fault
from kiosk.model import Denial, Mode


class FaceError(Exception):
    """A packet that is no face."""


@unique
class Show(Enum):
    READY = "ready"
    STAFFED = "staffed hours"
    CLOSED = "closed hours"
    CARD_WANTED = "card wanted"  # digits came before the card
    ASK_PIN = "ask pin"
    ASK_PIN_AGAIN = "ask pin again"
    WAIT = "wait"
    WELCOME = "welcome"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Face:
    """digits: how many have been typed, to be shown as dots."""

    show: Show | Denial
    digits: int = 0


_RESTING = {Mode.UNSTAFFED: Show.READY, Mode.STAFFED: Show.STAFFED, Mode.CLOSED: Show.CLOSED}
_BLIND = OUTBOX | {Fault.READER_LOST}  # nobody could be let in, whoever asks
_ALONE = {
    *(Fault.STORE_SILENT, Fault.STORE_NONSENSE, Fault.STORE_REFUSES_DEVICE, Fault.STORE_NOT_TRUSTED),
    Fault.CLOCK_BEHIND,
}
_TOLD = {Told.WELCOME: Show.WELCOME, Told.UNREADABLE: Show.UNREADABLE}


def face(state: State, mode: Mode) -> Face:
    match state.dialogue:
        case Idle() if mode is Mode.UNSTAFFED and state.faults & _BLIND:
            return Face(Denial.OUT_OF_ORDER)
        case Idle() if mode is Mode.UNSTAFFED and state.faults & _ALONE:
            return Face(Denial.OFFLINE)
        case Idle():
            return Face(_RESTING[mode])
        case PinFirst(pin):
            return Face(Show.CARD_WANTED, len(pin))
        case AskingPin(pin=pin, again=again):
            return Face(Show.ASK_PIN_AGAIN if again else Show.ASK_PIN, len(pin))
        case Verifying():
            return Face(Show.WAIT)
        case Telling(what):
            return Face(what if isinstance(what, Denial) else _TOLD[what])
        case _:
            assert_never(state.dialogue)


def encode(shown: Face) -> bytes:
    return json.dumps({"show": shown.show.value, "digits": shown.digits}).encode()


def decode(packet: bytes) -> Face:
    """Raises FaceError."""
    try:
        body = json.loads(packet)
        name, digits = body["show"], body["digits"]
        if not isinstance(digits, int):
            raise FaceError("not a face")
        return Face(Show(name) if name in {s.value for s in Show} else Denial(name), digits)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FaceError("not a face") from None
