"""What a patron sees, as values: one dataclass per screen, with a QML file of the same name.

No PIN digit, card number or surname stands in any of them. Pure; no Qt.
Not responsible for: drawing (ui/qml), the language (bridge.py), what happens next (kiosk/checkout/machine.py).
"""

from dataclasses import dataclass, field
from datetime import date
from typing import assert_never

from kiosk.checkout import states
from kiosk.checkout.line import Lent, Line, Lines, Refused, Returned
from kiosk.checkout.offline import Lends
from kiosk.fault import OUTBOX, STRAINED, Fault
from kiosk.model import ClearTyped, DigitTyped, ItemId
from ui import words
from ui.words import Icon, Words

# --- parts ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemLine:
    """title: the item's number until its title is known. due and place: None and "" where there is none."""

    title: str
    icon: Icon
    words: Words
    due: date | None
    place: str


# --- screens --------------------------------------------------------------------------------------
# network: words when the store cannot be reached. trouble: words when a device or the disk fails meanwhile.


@dataclass(frozen=True, slots=True)
class Start:
    """lends: somebody may borrow."""

    network: Words | None
    lends: bool = True


@dataclass(frozen=True, slots=True)
class Pin:
    """typed: how many digits. How many tries are left the store alone knows: it counts them across visits."""

    network: Words | None
    typed: int
    length: int
    again: Words | None


@dataclass(frozen=True, slots=True)
class Wait:
    network: Words | None


@dataclass(frozen=True, slots=True)
class Notice:
    """returns: the patron can return here all the same."""

    network: Words | None
    icon: Icon
    heading: Words
    advice: Words
    returns: bool


@dataclass(frozen=True, slots=True)
class Lending:
    """lines: newest first. leaving: the last answers are still awaited."""

    network: Words | None
    trouble: Words | None
    name: str = field(repr=False)
    lines: tuple[ItemLine, ...]
    lent: int
    leaving: bool


@dataclass(frozen=True, slots=True)
class Return:
    network: Words | None
    trouble: Words | None
    lines: tuple[ItemLine, ...]
    returned: int
    leaving: bool


@dataclass(frozen=True, slots=True)
class Farewell:
    network: Words | None
    lines: tuple[ItemLine, ...]
    lent: int
    returned: int
    refused: int


@dataclass(frozen=True, slots=True)
class OutOfOrder:
    network: Words | None
    icon: Icon
    heading: Words
    advice: Words


Screen = Start | Pin | Wait | Notice | Lending | Return | Farewell | OutOfOrder
Tapped = states.ReturnTapped | states.DoneTapped | states.BackTapped | DigitTyped | ClearTyped

# --- from the machine's state to a screen -----------------------------------------------------------

_NO_STORE = frozenset(
    {
        *(Fault.STORE_SILENT, Fault.STORE_NONSENSE, Fault.STORE_REFUSES_DEVICE, Fault.STORE_NOT_TRUSTED),
        Fault.CLOCK_BEHIND,
    }
)
_CAN_RETURN = frozenset({states.Told.BLOCKED, states.Told.OFFLINE, states.Told.NOT_UNASKED})


def screen(state: states.State, pin_length: int = 4) -> Screen:
    """The screen of this state. A fault takes the screen only where no line would be hidden by it."""
    network = _network(state)
    out = _out_of_order(state.faults)
    match state.stage:
        case states.Start() | states.AskingPin() if out:
            return OutOfOrder(network, out.icon, out.heading, out.advice)
        case states.Lending(lines=()) | states.Returning(lines=()) if out:
            return OutOfOrder(network, out.icon, out.heading, out.advice)
        case states.Start():
            return Start(network, not state.faults & _NO_STORE or state.lends is not Lends.NOBODY)
        case states.Notice(what=told):
            said = words.of_told(told)
            can_return = out is None and told in _CAN_RETURN
            return Notice(network, said.icon, said.heading, said.advice, can_return)
        case states.AskingPin(pin=pin, again=again):
            return Pin(network, len(pin), pin_length, words.AGAIN if again else None)
        case states.Verifying():
            return Wait(network)
        case states.Lending(first_name=name, lines=lines, leaving=leaving):
            return Lending(network, _trouble(state.faults), name, _newest_first(lines), _lent(lines), leaving)
        case states.Returning(lines=lines, leaving=leaving):
            return Return(network, _trouble(state.faults), _newest_first(lines), _returned(lines), leaving)
        case states.Farewell(lines=lines):
            refused = sum(isinstance(line.outcome, Refused) for line in lines)
            return Farewell(network, _newest_first(lines), _lent(lines), _returned(lines), refused)
        case _:
            assert_never(state.stage)


def _network(state: states.State) -> Words | None:
    """Before anything is begun: what may be done without the store; then: that what the screen confirms holds."""
    if not state.faults & _NO_STORE:
        return None
    if state.faults & STRAINED:
        return words.NO_CONNECTION_NO_ROOM
    return words.of_offline(state.lends) if isinstance(state.stage, states.Start) else words.NO_CONNECTION


def _out_of_order(faults: frozenset[Fault]) -> words.Said | None:
    if faults & OUTBOX:
        return words.OUT_NOTHING_KEPT
    return words.OUT_READER_LOST if Fault.READER_LOST in faults else None


def _trouble(faults: frozenset[Fault]) -> Words | None:
    if faults & OUTBOX:
        return words.NOTHING_KEPT
    return words.READER_LOST if Fault.READER_LOST in faults else None


def _newest_first(lines: Lines) -> tuple[ItemLine, ...]:
    return tuple(_item_line(line) for line in reversed(lines))


def _item_line(line: Line) -> ItemLine:
    icon, said = words.of_outcome(line.outcome)
    due = line.outcome.due if isinstance(line.outcome, Lent) else None
    place = line.outcome.place if isinstance(line.outcome, Returned) else ""
    return ItemLine(line.title or _last_digits(line.item), icon, said, due, place)


def _last_digits(item: ItemId) -> str:
    """What nobody can title may be a card that was scanned by mistake: the whole number is nobody else's to read."""
    return f"… {item[-4:]}"


def _lent(lines: Lines) -> int:
    return sum(isinstance(line.outcome, Lent) for line in lines)


def _returned(lines: Lines) -> int:
    return sum(isinstance(line.outcome, Returned) for line in lines)
