"""A hand at the touchscreen: touches what has a name, waits for what is to come, takes pictures.

For demonstrations and tests. It finds a button as a screen reader would, by its accessible name, and touches it with
a real touch event: what it can use, a person can.

Not responsible for: what ought to happen.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QDeadlineTimer, QEventLoop, QPoint
from PySide6.QtGui import QAccessible, QAccessibleInterface, QPointingDevice
from PySide6.QtTest import QTest

from ui.window import Surface

_PATIENCE_MS = 20


class HandError(Exception):
    """There is no such button that can be touched now, or what was waited for did not come. Names the button."""


class Hand:
    """On the main thread, where the window lives."""

    def __init__(self, surface: Surface) -> None:
        QAccessible.setActive(True)  # as a screen reader does: only then have buttons names
        self._surface = surface
        self._finger: QPointingDevice = QTest.createTouchDevice()

    def tap(self, name: str) -> None:
        """name: as it is read out in the language of the moment."""
        self._surface.app.processEvents()
        where = self._place_of(name)
        window = self._surface.root
        QTest.touchEvent(window, self._finger).press(0, where, window).commit()
        QTest.touchEvent(window, self._finger).release(0, where, window).commit()
        self._surface.app.processEvents()

    def wait_until(self, come: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Lets the window live meanwhile. Raises HandError."""
        deadline = QDeadlineTimer(int(timeout_s * 1000))
        while not come():
            if deadline.hasExpired():
                raise HandError(f"did not come: {what}")
            self._surface.app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, _PATIENCE_MS)

    def picture(self, path: Path) -> None:
        self._surface.grab(path)

    def _place_of(self, name: str) -> QPoint:
        for one in _visible(QAccessible.queryAccessibleInterface(self._surface.root)):
            if one.role() is QAccessible.Role.Button and one.text(QAccessible.Text.Name) == name:
                return self._surface.root.mapFromGlobal(one.rect().center())
        raise HandError(f"nothing to touch is called {name!r}")


def _visible(one: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    state = one.state()
    if state.invisible or state.disabled:
        return
    yield one
    for place in range(one.childCount()):
        yield from _visible(one.child(place))
