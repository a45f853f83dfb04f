"""The window: application, fonts, engine, the signals of the operating system, and the order in which they end.

Not responsible for: what is shown (screens.py), what a tap means (kiosk/).
"""

import importlib
import signal
import socket
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType
from typing import cast

import shiboken6
from PySide6.QtCore import QSocketNotifier, Qt, QUrl
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication
from PySide6.QtQml import QQmlApplicationEngine
from PySide6.QtQuick import QQuickWindow, QSGRendererInterface

from kiosk.checkout.states import (
    State,
)
from ui import screens
from ui.bridge import Bridge
from ui.screens import Tapped
from ui.signs import Signs

FAMILY = "Atkinson Hyperlegible"
_QML = Path(__file__).parent / "qml"


class Window:
    """The touchscreen of the self-checkout machine. Made, run and closed on the main thread."""

    def __init__(
        self,
        put: Callable[[Tapped], None],
        *,
        fullscreen: bool = True,
        at: tuple[int, int] = (0, 0),
        size: tuple[int, int] = (1280, 800),
        demo: bool = False,
        pin_length: int = 4,
    ) -> None:
        self._pin_length = pin_length
        self.surface = Surface(put, screens.Start(None), fullscreen=fullscreen, at=at, size=size, demo=demo)

    def show_state(self, state: State) -> None:
        """From any thread."""
        shown = screens.screen(state, self._pin_length)
        self.surface.show(shown, resting=isinstance(shown, screens.Start | screens.OutOfOrder))

    def exec(self) -> int:
        """Blocks until the window is closed or the process is told to end."""
        return self.surface.exec()

    def once_shown(self, done: Callable[[], None]) -> None:
        """Told on the main thread when the first frame stands on the display."""
        self.surface.bridge.tell_first_frame(done)

    def grab(self, path: Path) -> None:
        self.surface.grab(path)

    def close(self) -> None:
        self.surface.close()


class Surface:
    """One QML window with its engine and bridge, for any list of screens."""

    def __init__(
        self,
        put: Callable[[Tapped], None],
        first: object,
        *,
        fullscreen: bool,
        at: tuple[int, int],
        size: tuple[int, int],
        demo: bool,
    ) -> None:
        self.app = application()
        self.engine = QQmlApplicationEngine()
        self.engine.addImageProvider("sign", Signs())
        self.bridge = Bridge(self.engine, put)
        width, height = size
        frame = {"width": width, "height": height, "demo": demo}
        self.engine.setInitialProperties({**self.bridge.first(first), **frame})
        self.engine.load(QUrl.fromLocalFile(str(_QML / "Main.qml")))
        self.root = cast(QQuickWindow, self.engine.rootObjects()[0])
        self.bridge.attach(self.root)
        self.root.frameSwapped.connect(self.bridge.framed, Qt.ConnectionType.QueuedConnection)
        if fullscreen:
            self.app.setOverrideCursor(Qt.CursorShape.BlankCursor)
            self.root.showFullScreen()
        else:
            self.root.setPosition(*at)
            self.root.show()

    def show(self, screen: object, *, resting: bool) -> None:
        """From any thread."""
        self.bridge.show(screen, resting)

    def speak(self, language: str) -> None:
        """Show the newest screen, and in this language: for pictures and tests, on the main thread."""
        self.app.processEvents()
        self.bridge.languageTapped(language)

    def exec(self) -> int:
        with _Termination(self.app):
            return self.app.exec()

    def grab(self, path: Path) -> None:
        """A picture of what has been shown so far, as PNG."""
        self.app.processEvents()
        self.root.grabWindow().save(str(path))

    def close(self) -> None:
        """The engine dies first. The bridge stays with this object: what another thread still shows meets nobody."""
        self.bridge.detach()
        shiboken6.delete(self.engine)


def application() -> QGuiApplication:
    """The one application of this process: software rendering, and letters that are equal everywhere."""
    running = QGuiApplication.instance()
    if isinstance(running, QGuiApplication):
        return running
    QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)
    app = QGuiApplication(["natugle"])
    app.setApplicationName("natugle")
    for package in entry_points(group="fontpkg.family"):
        root: Path = importlib.import_module(package.value).ROOT
        for file in sorted((root / "files").glob("*.ttf")):
            QFontDatabase.addApplicationFont(str(file))
    font = QFont(FAMILY)
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    font.setStyleStrategy(QFont.StyleStrategy.NoSubpixelAntialias)  # no coloured edges on any panel
    app.setFont(font)
    return app


class _Termination:
    """SIGTERM and SIGINT end the application also while Qt sleeps: Python's own handler would never run."""

    def __init__(self, app: QGuiApplication) -> None:
        self._app = app

    def __enter__(self) -> None:
        self._heard, self._written = socket.socketpair()
        self._heard.setblocking(False)
        self._written.setblocking(False)
        self._notifier = QSocketNotifier(self._heard.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._app.quit)
        self._before = [(number, signal.signal(number, _noted)) for number in (signal.SIGTERM, signal.SIGINT)]
        signal.set_wakeup_fd(self._written.fileno())

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, old in self._before:
            signal.signal(number, old)
        self._notifier.setEnabled(False)
        self._heard.close()
        self._written.close()


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wakeup socket says the rest."""
