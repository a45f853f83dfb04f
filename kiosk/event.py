"""Every event that is kept, and its JSON form.

An event is what happened, in the past tense. Its id, sequence, times and device are the outbox's (sync/outbox.py);
here stands only what it says. The JSON form goes into a sealed payload, for it may name a patron.

Not responsible for: order, delivery, encryption.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, unique
from typing import assert_never

from kiosk.fault import Fault
from kiosk.model import Credential, Denial, EventId, ItemId, PatronId

VERSION = 1

Who = PatronId | Credential  # a card stands for the patron only while the store could not be asked


@dataclass(frozen=True, slots=True)
class ItemLent:
    who: Who = field(repr=False)
    item: ItemId
    due: date
    offline: bool


@dataclass(frozen=True, slots=True)
class LoanGivenUp:
    """The store was asked to lend, did not answer, and the item was not lent off-line: undo it if it was made."""

    asked: EventId
    item: ItemId


@dataclass(frozen=True, slots=True)
class ItemReturned:
    item: ItemId
    offline: bool


@dataclass(frozen=True, slots=True)
class EntryGranted:
    who: PatronId = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntryRefused:
    why: Denial


@dataclass(frozen=True, slots=True)
class EntryUnused:
    """Granted, but nobody went in before the lock fell."""


@dataclass(frozen=True, slots=True)
class ExitTaken:
    pass


@dataclass(frozen=True, slots=True)
class DoorForced:
    pass


@dataclass(frozen=True, slots=True)
class DoorHeld:
    pass


@dataclass(frozen=True, slots=True)
class DoorClosed:
    """The end of a forced or held door. open_s: whole seconds it stood open."""

    open_s: int


@dataclass(frozen=True, slots=True)
class FaultRaised:
    fault: Fault


@dataclass(frozen=True, slots=True)
class FaultCleared:
    fault: Fault


@unique
class Because(Enum):
    """Why a technician took an event out: words of a closed list, for a sentence could name somebody."""

    BY_HAND = "by-hand"  # it was carried out, or undone, at the desk
    TOLD_TWICE = "told-twice"  # another event says the same
    TRIAL = "trial"  # nobody borrowed, returned or went in
    UNKNOWN = "unknown"  # nobody can say any more what it was


@dataclass(frozen=True, slots=True)
class EventDiscarded:
    """A technician took a refused event out of the outbox."""

    event: EventId
    kind: str
    why: Because


Event = (
    ItemLent
    | LoanGivenUp
    | ItemReturned
    | EntryGranted
    | EntryRefused
    | EntryUnused
    | ExitTaken
    | DoorForced
    | DoorHeld
    | DoorClosed
    | FaultRaised
    | FaultCleared
    | EventDiscarded
)

KINDS: dict[type, str] = {
    ItemLent: "item.lent",
    LoanGivenUp: "loan.given_up",
    ItemReturned: "item.returned",
    EntryGranted: "entry.granted",
    EntryRefused: "entry.refused",
    EntryUnused: "entry.unused",
    ExitTaken: "exit.taken",
    DoorForced: "door.forced",
    DoorHeld: "door.held",
    DoorClosed: "door.closed",
    FaultRaised: "fault.raised",
    FaultCleared: "fault.cleared",
    EventDiscarded: "event.discarded",
}


class EventError(Exception):
    """Bytes that are no event of this version. Says which part, never its value."""


def kind(event: Event) -> str:
    """The name that stands in clear beside the sealed payload, as `item.lent`."""
    return KINDS[type(event)]


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def encode(event: Event) -> bytes:
    """JSON in UTF-8, with the version. To be sealed before it meets a disk."""
    return _JSON.encode({"v": VERSION} | _said(event)).encode()


def _said(event: Event) -> dict[str, object]:
    match event:
        case ItemLent(who, item, due, offline):
            return _who(who) | {"item": item, "due": due.isoformat(), "offline": offline}
        case LoanGivenUp(asked, item):
            return {"asked": asked, "item": item}
        case ItemReturned(item, offline):
            return {"item": item, "offline": offline}
        case EntryGranted(who):
            return {"patron": who}
        case EntryRefused(why):
            return {"why": why.value}
        case DoorClosed(open_s):
            return {"open_s": open_s}
        case FaultRaised(fault) | FaultCleared(fault):
            return {"fault": fault.value}
        case EventDiscarded(discarded, its_kind, why):
            return {"event": discarded, "kind": its_kind, "why": why.value}
        case EntryUnused() | ExitTaken() | DoorForced() | DoorHeld():
            return {}
        case _:
            assert_never(event)


def _who(who: Who) -> dict[str, object]:
    if isinstance(who, Credential):
        return {"card": who.number}
    return {"patron": who}


def decode(name: str, payload: bytes) -> Event:
    """The event of `kind` and `encode`.

    Raises EventError on an unknown kind, another version, or a missing or wrong part.
    """
    try:
        said = json.loads(payload)
        if not isinstance(said, dict) or said.get("v") != VERSION:
            raise EventError(f"not an event of version {VERSION}")
        return _heard(name, said)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EventError(f"{name[:40]!r}: a part is missing or wrong") from None


def _heard(name: str, said: dict[str, object]) -> Event:
    match name:
        case "item.lent":
            due = date.fromisoformat(_text(said, "due"))
            return ItemLent(_whom(said), ItemId(_text(said, "item")), due, _flag(said, "offline"))
        case "loan.given_up":
            return LoanGivenUp(EventId(_text(said, "asked")), ItemId(_text(said, "item")))
        case "item.returned":
            return ItemReturned(ItemId(_text(said, "item")), _flag(said, "offline"))
        case "entry.granted":
            return EntryGranted(PatronId(_text(said, "patron")))
        case "entry.refused":
            return EntryRefused(Denial(_text(said, "why")))
        case "door.closed":
            return DoorClosed(_whole(said, "open_s"))
        case "fault.raised":
            return FaultRaised(Fault(_text(said, "fault")))
        case "fault.cleared":
            return FaultCleared(Fault(_text(said, "fault")))
        case "event.discarded":
            return EventDiscarded(EventId(_text(said, "event")), _text(said, "kind"), Because(_text(said, "why")))
        case _:
            return _BARE[name]()


_BARE: dict[str, type[EntryUnused] | type[ExitTaken] | type[DoorForced] | type[DoorHeld]] = {
    "entry.unused": EntryUnused,
    "exit.taken": ExitTaken,
    "door.forced": DoorForced,
    "door.held": DoorHeld,
}


def _whom(said: dict[str, object]) -> Who:
    if "card" in said:
        return Credential(_text(said, "card"))
    return PatronId(_text(said, "patron"))


def _text(said: dict[str, object], name: str) -> str:
    value = said[name]
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value


def _flag(said: dict[str, object], name: str) -> bool:
    value = said[name]
    if not isinstance(value, bool):
        raise ValueError(name)
    return value


def _whole(said: dict[str, object], name: str) -> int:
    value = said[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(name)
    return value
