"""The dock of a demonstration: a small window with what a person would do, beside the machine's own.

Not responsible for: what the acts do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import shiboken6
from PySide6.QtCore import SIGNAL, SLOT, QObject, Qt, QUrl, Signal, Slot
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow

from ui.window import application

_QML = Path(__file__).parent / "qml" / "Dock.qml"


@dataclass(frozen=True, slots=True)
class Act:
    label: str
    do: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    acts: tuple[Act, ...]


def display() -> tuple[int, int]:
    """Width and height there is for windows, pixels."""
    free = application().primaryScreen().availableGeometry()
    return free.width(), free.height()


class Dock(QObject):
    """On the main thread. Acts are done there too: one that waits belongs on a thread of its own."""

    _heard = Signal(str)

    def __init__(self, groups: Sequence[Group], place: tuple[int, int], size: tuple[int, int]) -> None:
        super().__init__()
        self.app = application()
        self._groups = groups
        self._engine = QQmlApplicationEngine()
        plain = [{"title": group.title, "acts": [act.label for act in group.acts]} for group in groups]
        self._engine.setInitialProperties({"groups": plain, "news": ""})
        self._engine.load(QUrl.fromLocalFile(str(_QML)))
        self.root = cast(QQuickWindow, self._engine.rootObjects()[0])
        QObject.connect(self.root, SIGNAL("acted(int,int)"), self, SLOT("acted(int,int)"))
        self._heard.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self.root.setPosition(*place)
        self.root.resize(*size)
        self.root.show()

    def tell(self, news: str) -> None:
        """From any thread: a sentence about what no screen shows; it stands until the next."""
        self._heard.emit(news)

    def close(self) -> None:
        shiboken6.delete(self._engine)

    @Slot(int, int)
    def acted(self, group: int, act: int) -> None:
        self._groups[group].acts[act].do()

    @Slot(str)
    def _tell(self, news: str) -> None:
        self.root.setProperty("news", news)
