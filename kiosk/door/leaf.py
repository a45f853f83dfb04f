"""The door's leaf: shut, about to be opened, or open; forced when nobody said it would, held when it stays so.

    Shut --grant or REX--> Expected(deadline) --contact--> Open(deadline) --contact--> Shut
    Shut --contact--> Open(alarmed): forced          Open --deadline--> Open(alarmed): held

REX opens nothing: egress is wiring. It only says that the next opening is not a break-in.
Not responsible for: cards and PINs (machine.py), the lock's line (kiosk/lock).
"""

from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.event import DoorClosed, DoorForced, DoorHeld, EntryUnused, Event, ExitTaken
from kiosk.model import ContactClosed, ContactOpened, ExitRequested, Now, Tick


@dataclass(frozen=True, slots=True)
class Shut:
    pass


@dataclass(frozen=True, slots=True)
class Expected:
    """entry: a patron was granted; else somebody goes out."""

    entry: bool
    deadline: float


@dataclass(frozen=True, slots=True)
class Open:
    since: float
    deadline: float
    alarmed: bool


Leaf = Shut | Expected | Open
Given = ContactOpened | ContactClosed | ExitRequested | Tick
Step = tuple[Leaf, tuple[Event, ...]]


@dataclass(frozen=True, slots=True)
class LeafRules:
    """Seconds. expect_s: how long after REX an opening is no alarm. held_s: how long it may stand open."""

    expect_s: float = 10.0
    held_s: float = 30.0


def granted(leaf: Leaf, now: Now, pulse_s: float) -> Leaf:
    """The leaf after a grant: an open door stays what it is."""
    return leaf if isinstance(leaf, Open) else Expected(entry=True, deadline=now.mono + pulse_s)


def not_pulsed(leaf: Leaf) -> Leaf:
    """The leaf after a grant that came to nothing: the lock never rose."""
    return Shut() if isinstance(leaf, Expected) and leaf.entry else leaf


def step(leaf: Leaf, given: Given, now: Now, rules: LeafRules) -> Step:
    """Pure: same arguments, same answer."""
    match leaf:
        case Shut():
            return _shut(leaf, given, now, rules)
        case Expected():
            return _expected(leaf, given, now, rules)
        case Open():
            return _open(leaf, given, now)
        case _:
            assert_never(leaf)


def _shut(leaf: Shut, given: Given, now: Now, rules: LeafRules) -> Step:
    match given:
        case ContactOpened():
            return Open(now.mono, now.mono, alarmed=True), (DoorForced(),)
        case ExitRequested():
            return Expected(entry=False, deadline=now.mono + rules.expect_s), ()
        case ContactClosed() | Tick():
            return leaf, ()
        case _:
            assert_never(given)


def _expected(leaf: Expected, given: Given, now: Now, rules: LeafRules) -> Step:
    unused: tuple[Event, ...] = (EntryUnused(),) if leaf.entry else ()
    match given:
        case ContactOpened() if now.mono < leaf.deadline:
            out: tuple[Event, ...] = () if leaf.entry else (ExitTaken(),)
            return Open(now.mono, now.mono + rules.held_s, alarmed=False), out
        case ContactOpened():
            return Open(now.mono, now.mono, alarmed=True), (*unused, DoorForced())
        case Tick() if now.mono >= leaf.deadline:
            return Shut(), unused
        case ExitRequested() if not leaf.entry:
            return replace(leaf, deadline=now.mono + rules.expect_s), ()
        case ExitRequested() | ContactClosed() | Tick():
            return leaf, ()
        case _:
            assert_never(given)


def _open(leaf: Open, given: Given, now: Now) -> Step:
    match given:
        case ContactClosed():
            ended: tuple[Event, ...] = (DoorClosed(int(now.mono - leaf.since)),) if leaf.alarmed else ()
            return Shut(), ended
        case Tick() if now.mono >= leaf.deadline and not leaf.alarmed:
            return replace(leaf, alarmed=True), (DoorHeld(),)
        case ContactOpened() | ExitRequested() | Tick():
            return leaf, ()
        case _:
            assert_never(given)
