"""The lock: one pulse at a time, each by a grant that is used once, each with an end.

    Resting --Pulse--> Pulsing(deadline) --deadline--> Resting

A pulse asked for while one runs is refused, as is a grant seen before and a length outside 0 < ms <= max_ms.
Not responsible for: who may enter (kiosk/door), the line itself (drivers/gpio.py).
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import assert_never

from kiosk.model import GrantId, Now, Tick


@dataclass(frozen=True, slots=True)
class Pulse:
    grant: GrantId
    ms: int


@dataclass(frozen=True, slots=True)
class LineStuck:
    """The line did not read back what was written, or could not be written."""


Given = Pulse | LineStuck | Tick


@unique
class Refusal(Enum):
    BUSY = "busy"
    REPEATED = "repeated"
    TOO_LONG = "too long"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Energise:
    pass


@dataclass(frozen=True, slots=True)
class Release:
    pass


@dataclass(frozen=True, slots=True)
class Confirm:
    """The line is high for this grant."""

    grant: GrantId


@dataclass(frozen=True, slots=True)
class Refuse:
    grant: GrantId
    why: Refusal


@dataclass(frozen=True, slots=True)
class Ended:
    """The line is low again."""

    grant: GrantId


Effect = Energise | Release | Confirm | Refuse | Ended


@dataclass(frozen=True, slots=True)
class Resting:
    last: GrantId = GrantId("")


@dataclass(frozen=True, slots=True)
class Pulsing:
    grant: GrantId
    deadline: float


State = Resting | Pulsing
Step = tuple[State, tuple[Effect, ...]]


def step(state: State, given: Given, now: Now, max_ms: int) -> Step:
    """Decide what one input means. Pure: same arguments, same answer. max_ms: the longest pulse allowed."""
    match state:
        case Resting():
            return _resting(state, given, now, max_ms)
        case Pulsing():
            return _pulsing(state, given, now)
        case _:
            assert_never(state)


def _resting(state: Resting, given: Given, now: Now, max_ms: int) -> Step:
    match given:
        case Pulse(grant, ms) if not 0 < ms <= max_ms:
            return state, (Refuse(grant, Refusal.TOO_LONG),)
        case Pulse(grant) if grant == state.last:
            return state, (Refuse(grant, Refusal.REPEATED),)
        case Pulse(grant, ms):
            return Pulsing(grant, now.mono + ms / 1000), (Energise(), Confirm(grant))
        case LineStuck():
            return state, (Release(),)
        case Tick():
            return state, ()
        case _:
            assert_never(given)


def _pulsing(state: Pulsing, given: Given, now: Now) -> Step:
    match given:
        case Pulse(grant) if now.mono < state.deadline:
            return state, (Refuse(grant, Refusal.REPEATED if grant == state.grant else Refusal.BUSY),)
        case Pulse(grant):
            return Resting(state.grant), (Release(), Ended(state.grant), Refuse(grant, Refusal.BUSY))
        case Tick() if now.mono >= state.deadline:
            return Resting(state.grant), (Release(), Ended(state.grant))
        case LineStuck():
            return Resting(state.grant), (Release(), Refuse(state.grant, Refusal.STUCK))
        case Tick():
            return state, ()
        case _:
            assert_never(given)
