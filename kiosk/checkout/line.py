"""One line of the list on the screen: an item and what became of it."""

from dataclasses import dataclass
from datetime import date
from enum import Enum, unique

from kiosk.model import EventId, ItemId, LoanRefusal, ReturnRefusal


@unique
class Trouble(Enum):
    """Refused by the machine itself, not by the store."""

    OFFLINE = "offline"  # the store is silent and the site's rules do not lend without it
    ENOUGH = "enough"  # as many are lent without the store as the site allows
    OUT_OF_ORDER = "out of order"  # it could not be written down


@dataclass(frozen=True, slots=True)
class Asking:
    pass


@dataclass(frozen=True, slots=True)
class Lent:
    due: date
    offline: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """place: where to lay it, in the library's words; empty when the store could not say."""

    place: str
    held: bool
    offline: bool


@dataclass(frozen=True, slots=True)
class Refused:
    why: LoanRefusal | ReturnRefusal | Trouble


Outcome = Asking | Lent | Returned | Refused


@dataclass(frozen=True, slots=True)
class Line:
    """event: the id under which the store was asked. title: empty until it is known."""

    event: EventId
    item: ItemId
    title: str = ""
    outcome: Outcome = Asking()


Lines = tuple[Line, ...]


def with_line(lines: Lines, line: Line) -> Lines:
    """The list with this line in the place of the same item's earlier one, else at the end."""
    if any(old.item == line.item for old in lines):
        return tuple(line if old.item == line.item else old for old in lines)
    return (*lines, line)


def asking(lines: Lines, event: EventId) -> Line | None:
    """The line whose answer this is; None when nobody waits for it any more."""
    return next((line for line in lines if line.event == event and line.outcome == Asking()), None)


def settled(lines: Lines, item: ItemId) -> bool:
    """Nothing more to ask about this item: it is asked about, lent or returned. A refused one may be tried again."""
    return any(line.item == item and not isinstance(line.outcome, Refused) for line in lines)


def pending(lines: Lines) -> bool:
    return any(line.outcome == Asking() for line in lines)
