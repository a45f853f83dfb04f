"""The screens as they lie on the glass: nothing cut off, large enough, readable, reachable without a finger."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from PySide6.QtCore import QRectF, Qt, QUrl
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtQml import QQmlComponent
from PySide6.QtQuick import QQuickItem
from PySide6.QtTest import QTest

import ui
from tests.ui import eyes
from ui.bridge import LANGUAGES
from ui.gallery import DOOR_SIZES, SIZES
from ui.panel import PanelWindow
from ui.samples import faces, states
from ui.window import Surface, Window

QML = Path(ui.__file__).parent / "qml"
_20_MM = 118  # on 10.1 inches with 1280x800
_20_MM_AT_THE_DOOR = 105  # on 7 inches with 800x480


def _show(window: Window, name: str, language: str = "da") -> Surface:
    window.show_state(states()[name])
    window.surface.speak(language)
    return window.surface


def _show_face(panel: PanelWindow, name: str, language: str = "da") -> Surface:
    panel.show_face(faces()[name])
    panel.surface.speak(language)
    return panel.surface


# --- nothing is cut off -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off(opened: Callable[[tuple[int, int]], Window], size: tuple[int, int], language: str) -> None:
    window = opened(size)
    wrong = [f"{name}: {fault}" for name in states() for fault in _cut_off(_show(window, name, language))]
    assert wrong == []


@pytest.mark.parametrize("size", DOOR_SIZES, ids=str)
@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_cut_off_at_the_door(size: tuple[int, int], language: str) -> None:
    panel = PanelWindow(lambda _: None, fullscreen=False, size=size)
    wrong = [f"{name}: {fault}" for name in faces() for fault in _cut_off(_show_face(panel, name, language))]
    panel.close()
    assert wrong == []


def _cut_off(surface: Surface) -> list[str]:
    window = QRectF(0, 0, surface.root.width(), surface.root.height())
    fixed = [text for text in eyes.texts(surface) if eyes.above(text, "QQuickListView") is None]
    found = [f"too wide: {_said(text)}" for text in eyes.texts(surface) if _too_wide(text)]
    found += [
        f"outside: {_said(item)}" for item in fixed + eyes.buttons(surface) if not window.contains(eyes.box(item))
    ]
    found += [f"over each other: {_said(a)} | {_said(b)}" for a, b in combinations(fixed, 2) if _overlap(a, b)]
    found += [
        f"over each other: {_said(a)} | {_said(b)}" for a, b in combinations(eyes.buttons(surface), 2) if _overlap(a, b)
    ]
    return found + [f"outside its button: {_said(text)}" for text in fixed if _outside_its_button(text)]


def _said(item: QQuickItem) -> str:
    return str(item.property("text"))


def _too_wide(text: QQuickItem) -> bool:
    wide: float = text.property("contentWidth")
    return bool(text.property("truncated")) or wide > text.width() + 1


def _overlap(a: QQuickItem, b: QQuickItem) -> bool:
    common = eyes.box(a).intersected(eyes.box(b))
    return common.width() > 1 and common.height() > 1


def _outside_its_button(text: QQuickItem) -> bool:
    button = eyes.above(text, "QQuickAbstractButton")
    return button is not None and not eyes.box(button).contains(eyes.box(text))


def test_a_long_list_can_be_drawn_up_to_its_last_line(window: Window) -> None:
    surface = _show(window, "lending-long")
    line = next(item for item in eyes.seen(surface) if item.inherits("QQuickListView"))
    assert float(line.property("contentHeight")) > line.height()
    line.setProperty("contentY", float(line.property("contentHeight")) - line.height())
    assert "Rasmus Klump på fisketur" in eyes.words(surface)


# --- large enough and readable ------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(states()))
def test_every_button_is_wide_and_high_as_a_thumb(window: Window, name: str) -> None:
    for button in eyes.buttons(_show(window, name)):
        assert min(button.width(), button.height()) >= _20_MM, _said(button)


@pytest.mark.parametrize("name", list(faces()))
def test_every_key_at_the_door_takes_a_cold_thumb(panel: PanelWindow, name: str) -> None:
    for button in eyes.buttons(_show_face(panel, name)):
        assert min(button.width(), button.height()) >= _20_MM_AT_THE_DOOR, _said(button)


@pytest.mark.parametrize("name", list(states()))
def test_every_text_stands_out_as_painted(window: Window, name: str) -> None:
    faint = _faint(_show(window, name))
    assert faint == []


@pytest.mark.parametrize("name", list(faces()))
def test_every_text_at_the_door_stands_out_as_painted(panel: PanelWindow, name: str) -> None:
    assert _faint(_show_face(panel, name)) == []


def _faint(surface: Surface) -> list[str]:
    """Texts of less than 7:1 (WCAG 1.4.6) against the commonest colour around their letters."""
    texts = eyes.texts(surface)
    picture = surface.root.grabWindow()
    whole = QRectF(picture.rect())
    found = []
    for text in texts:
        cut = picture.copy(eyes.box(text).intersected(whole).toAlignedRect())
        if cut.isNull():
            continue  # scrolled away
        ground = Counter(memoryview(cut.constBits()).cast("I")).most_common(1)[0][0]
        ink = text.property("color")
        ratio = _contrast(QColor(ink), QColor.fromRgb(ground))
        if ratio < 7:
            found.append(f"{_said(text)}: {ratio:.1f}")
    return found


_TEXT_ON = [
    ("ink", "lampDown"),  # under a finger
    ("ink", "halo"),
    ("cream", "nightRaised"),
]
_DRAWN_ON = [
    ("ink", "cover"),
    ("edge", "cream"),
    ("edge", "paper"),
    ("mist", "night"),
    ("mist", "nightDeep"),
    ("lamp", "night"),
    ("ink", "cream"),
    ("rust", "rustWash"),
    ("leaf", "leafWash"),
    ("ink", "waitWash"),
]


@pytest.mark.parametrize(("pair", "least"), [(p, 7.0) for p in _TEXT_ON] + [(p, 3.0) for p in _DRAWN_ON], ids=str)
def test_colours_that_meet_keep_apart(window: Window, pair: tuple[str, str], least: float) -> None:
    """Read from the living Theme, which would turn a name like onLamp to black without a word (WCAG 1.4.6, 1.4.11)."""
    part = QQmlComponent(window.surface.engine)
    part.setData(b"import QtQml; QtObject { property QtObject theme: Theme }", QUrl.fromLocalFile(f"{QML}/Probe.qml"))
    theme = part.create().property("theme")
    ink, ground = (QColor(theme.property(name)) for name in pair)
    assert ink.isValid()
    assert ground.isValid()
    assert _contrast(ink, ground) >= least


def _contrast(a: QColor, b: QColor) -> float:
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: QColor) -> float:
    """WCAG 2.2, relative luminance."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- without a finger, without an eye -------------------------------------------------------------------


@pytest.mark.parametrize("name", list(states()))
def test_tab_reaches_every_button_and_nothing_else(window: Window, name: str) -> None:
    surface = _show(window, name)
    wanted = eyes.buttons(surface)
    surface.root.requestActivate()
    reached = []
    for _ in range(2 * len(wanted)):
        QTest.keyClick(surface.root, Qt.Key.Key_Tab)
        reached.append(surface.root.activeFocusItem())
    assert set(reached) == set(wanted)


@pytest.mark.parametrize("name", list(states()))
def test_every_button_and_one_heading_have_a_name_for_those_who_listen(window: Window, name: str) -> None:
    surface = _show(window, name)
    spoken = [QAccessible.queryAccessibleInterface(item) for item in eyes.seen(surface)]
    named = [(heard.role(), heard.text(QAccessible.Text.Name)) for heard in spoken if heard is not None]
    assert [text for role, text in named if role == QAccessible.Role.Heading and text]
    assert all(text for role, text in named if role in (QAccessible.Role.Button, QAccessible.Role.ListItem))
    assert sum(role == QAccessible.Role.Button for role, _ in named) == len(eyes.buttons(surface))
