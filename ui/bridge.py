"""Between the loop's thread and QML: screens in, taps out, both languages.

    loop thread --show(screen)--> queued signal --> main thread --> root.shown --> QML
    QML signal --> slot on the main thread --> put(input)

Not responsible for: what stands on a screen (screens.py), what a tap means (kiosk/), windows and fonts (window.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path

from PySide6.QtCore import (
    SIGNAL,
    SLOT,
    QCoreApplication,
    QDate,
    QLocale,
    QObject,
    Qt,
    QTimer,
    QTranslator,
    Signal,
    Slot,
)
from PySide6.QtQml import QQmlApplicationEngine

from kiosk.checkout.states import (
    BackTapped,
    DoneTapped,
    ReturnTapped,
)
from kiosk.model import ClearTyped, DigitTyped
from ui.screens import Tapped
from ui.words import Words

LANGUAGES = ("da", "en")  # the first is every patron's until another is chosen
_DAY = {"da": "d.\u00a0MMMM", "en": "d\u00a0MMMM"}
_LANGUAGE_KEPT_MS = 60_000  # chosen, and then nobody came

_I18N = Path(__file__).parent / "i18n"
_TAPS = ("returnTapped()", "doneTapped()", "backTapped()", "digitTyped(QString)", "clearTyped()")


class Bridge(QObject):
    """Lives on the main thread. Only `show` may be called from another."""

    _arrived = Signal(object, bool)

    def __init__(self, engine: QQmlApplicationEngine, put: Callable[[Tapped], None]) -> None:
        super().__init__()
        self._engine, self._put = engine, put
        self._root: QObject | None = None
        self._screen: object = None
        self._first_frame: Callable[[], None] | None = None
        self._resting = True
        self._language = LANGUAGES[0]
        self._translators = {language: _translator(language) for language in LANGUAGES}
        QCoreApplication.installTranslator(self._translators[self._language])
        self._reset = QTimer(self, singleShot=True, interval=_LANGUAGE_KEPT_MS)
        self._reset.timeout.connect(self._first_language)
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def show(self, screen: object, resting: bool) -> None:
        """From any thread. resting: nobody stands here, so the next patron starts in the first language."""
        self._arrived.emit(screen, resting)

    def first(self, screen: object) -> Mapping[str, object]:
        """What the root item needs before it exists."""
        self._screen = screen
        return {"shown": self._plain_screen(), "language": self._language}

    def attach(self, root: QObject) -> None:
        self._root = root
        for tap in _TAPS:
            QObject.connect(root, SIGNAL(tap), self, SLOT(tap))
        QObject.connect(root, SIGNAL("languageTapped(QString)"), self, SLOT("languageTapped(QString)"))

    def detach(self) -> None:
        """The root is about to die: what is still queued meets nobody."""
        self._root = None
        QCoreApplication.removeTranslator(self._translators[self._language])

    # --- in: screens

    @Slot(object, bool)
    def _take(self, screen: object, resting: bool) -> None:
        came_to_rest = resting and not self._resting
        self._screen, self._resting = screen, resting
        if not resting:
            self._reset.stop()
        if came_to_rest:
            self._speak(LANGUAGES[0])
        self._present()

    def _present(self) -> None:
        if self._root is not None:
            self._root.setProperty("shown", self._plain_screen())

    def _plain_screen(self) -> Mapping[str, object]:
        return {"screen": type(self._screen).__name__, "fields": _plain(self._screen, self._language)}

    # --- the first frame

    def tell_first_frame(self, done: Callable[[], None]) -> None:
        self._first_frame = done

    @Slot()
    def framed(self) -> None:
        """After every frame; only the first is news."""
        done, self._first_frame = self._first_frame, None
        if done is not None:
            done()

    # --- out: taps; the names are those of QML

    @Slot()
    def returnTapped(self) -> None:
        self._put(ReturnTapped())

    @Slot()
    def doneTapped(self) -> None:
        self._put(DoneTapped())

    @Slot()
    def backTapped(self) -> None:
        self._put(BackTapped())

    @Slot(str)
    def digitTyped(self, digit: str) -> None:
        self._put(DigitTyped(digit))

    @Slot()
    def clearTyped(self) -> None:
        self._put(ClearTyped())

    # --- languages

    @Slot(str)
    def languageTapped(self, language: str) -> None:
        self._speak(language)
        if self._resting:
            self._reset.start()

    @Slot()
    def _first_language(self) -> None:
        self._speak(LANGUAGES[0])

    def _speak(self, language: str) -> None:
        if language == self._language:
            return
        QCoreApplication.removeTranslator(self._translators[self._language])
        QCoreApplication.installTranslator(self._translators[language])
        self._language = language
        if self._root is not None:
            self._root.setProperty("language", language)
        self._engine.retranslate()
        self._present()


def _translator(language: str) -> QTranslator:
    """Loaded once and kept: a new one for each switch leaks (measured 65 KiB)."""
    translator = QTranslator()
    if not translator.load(str(_I18N / f"kiosk_{language}.qm")):
        raise RuntimeError(f"no translation {language}: python -m ui.check --write")
    return translator


def _plain(value: object, language: str) -> object:
    """A screen's value in the form QML takes: words translated, dates written out, nothing as an empty text."""
    match value:
        case None:
            return ""
        case Words(source):
            return QCoreApplication.translate("Words", source)
        case date():
            return QLocale(language).toString(QDate(value.year, value.month, value.day), _DAY[language])
        case Enum():
            return value.value
        case tuple():
            return [_plain(part, language) for part in value]
        case _ if is_dataclass(value):
            return {f.name: _plain(getattr(value, f.name), language) for f in fields(value)}
        case _:
            return value
