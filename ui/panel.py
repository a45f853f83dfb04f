"""The panel beside a door: kiosk.door.face.Face in words, and a PIN pad.

Not responsible for: how faces come and keys go (the door's own socket), what a key means (kiosk/door).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kiosk.checkout.states import (
    BackTapped,
    DoneTapped,
    ReturnTapped,
)
from kiosk.door.face import Face, Show
from kiosk.model import ClearTyped, Denial, DigitTyped
from ui import words
from ui.screens import Tapped
from ui.window import Surface
from ui.words import Icon, Words

Typed = DigitTyped | ClearTyped


@dataclass(frozen=True, slots=True)
class DoorPanel:
    """typed: how many digits. keys: the PIN pad is there."""

    network: Words | None
    icon: Icon
    heading: Words
    advice: Words
    typed: int
    length: int
    keys: bool


_RESTING = (Show.READY, Show.STAFFED, Show.CLOSED)
_KEYS = (Show.READY, Show.CARD_WANTED, Show.ASK_PIN, Show.ASK_PIN_AGAIN, Show.UNREADABLE)


def door_panel(face: Face, pin_length: int = 4) -> DoorPanel:
    """The screen of this face. Pure."""
    said = words.of_show(face.show)
    return DoorPanel(None, said.icon, said.heading, said.advice, face.digits, pin_length, face.show in _KEYS)


class PanelWindow:
    """The touchscreen beside a door. Made, run and closed on the main thread."""

    def __init__(
        self,
        put_key: Callable[[Typed], None],
        *,
        fullscreen: bool = True,
        at: tuple[int, int] = (0, 0),
        size: tuple[int, int] = (800, 480),
        demo: bool = False,
        pin_length: int = 4,
    ) -> None:
        self._put_key, self._pin_length = put_key, pin_length
        first = door_panel(Face(Denial.OUT_OF_ORDER), pin_length)  # until the door has said something
        self.surface = Surface(self._put, first, fullscreen=fullscreen, at=at, size=size, demo=demo)

    def show_face(self, face: Face) -> None:
        """From any thread."""
        self.surface.show(door_panel(face, self._pin_length), resting=face.show in _RESTING)

    def exec(self) -> int:
        """Blocks until the window is closed or the process is told to end."""
        return self.surface.exec()

    def grab(self, path: Path) -> None:
        self.surface.grab(path)

    def close(self) -> None:
        self.surface.close()

    def _put(self, tapped: Tapped) -> None:
        match tapped:
            case DigitTyped() | ClearTyped():
                self._put_key(tapped)
            case ReturnTapped() | DoneTapped() | BackTapped():
                """There is nothing of the kind to tap at a door."""
