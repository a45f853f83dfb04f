"""From the loop's thread to the glass and back: taps, languages, threads, and what never comes to QML."""

import gc
import sys
import threading

import pytest
from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtQuick import QQuickItem
from PySide6.QtTest import QTest

from kiosk.checkout.line import Asking, Line
from kiosk.checkout.states import (
    AskingPin,
    BackTapped,
    DoneTapped,
    Returning,
    ReturnTapped,
    Start,
    State,
)
from kiosk.door.face import Face, Show
from kiosk.model import ClearTyped, Credential, DigitTyped, EventId, ItemId, Pin
from tests.ui import eyes
from ui.panel import PanelWindow
from ui.samples import states
from ui.screens import Tapped
from ui.window import Surface, Window

_TEXT = ("QString", "QUrl", "QVariant")
_FINGER = QTest.createTouchDevice()
_CARD = Credential("6105990000")


def _middle(item: QQuickItem) -> QPoint:
    return eyes.box(item).center().toPoint()


def _touch(surface: Surface, text: str) -> None:
    at = _middle(eyes.button(surface, text))
    QTest.touchEvent(surface.root, _FINGER).press(0, at).commit()
    QTest.touchEvent(surface.root, _FINGER).release(0, at).commit()
    surface.app.processEvents()


def _click(surface: Surface, text: str) -> None:
    at = _middle(eyes.button(surface, text))
    QTest.mouseClick(surface.root, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


# --- taps -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digit", "0123456789")
def test_a_touched_key_is_its_digit(window: Window, taps: list[Tapped], digit: str) -> None:
    window.show_state(states()["pin"])
    _touch(window.surface, digit)
    assert taps == [DigitTyped(digit)]


@pytest.mark.parametrize(
    ("screen", "text", "tapped"),
    [
        ("start", "Aflever uden kort", ReturnTapped()),
        ("pin", "Slet", ClearTyped()),
        ("pin", "Fortryd", BackTapped()),
        ("notice-blocked", "Aflever", ReturnTapped()),
        ("notice-blocked", "Til forsiden", BackTapped()),
        ("lending", "Færdig", DoneTapped()),
        ("return", "Færdig", DoneTapped()),
        ("return-empty", "Fortryd", DoneTapped()),
        ("farewell", "Til forsiden", DoneTapped()),
    ],
)
def test_every_button_is_one_input_by_finger_mouse_and_key(
    window: Window, taps: list[Tapped], screen: str, text: str, tapped: Tapped
) -> None:
    window.show_state(states()[screen])
    _touch(window.surface, text)
    _click(window.surface, text)
    eyes.button(window.surface, text).forceActiveFocus()
    QTest.keyClick(window.surface.root, Qt.Key.Key_Return)
    QTest.keyClick(window.surface.root, Qt.Key.Key_Space)
    assert taps == [tapped] * 4


def test_a_finger_that_slides_off_a_button_does_nothing(window: Window, taps: list[Tapped]) -> None:
    at = _middle(eyes.button(window.surface, "Aflever uden kort"))
    QTest.touchEvent(window.surface.root, _FINGER).press(0, at).commit()
    QTest.touchEvent(window.surface.root, _FINGER).move(0, at - QPoint(0, 300)).commit()
    QTest.touchEvent(window.surface.root, _FINGER).release(0, at - QPoint(0, 300)).commit()
    assert taps == []


def test_the_door_gives_digits_and_clear_and_nothing_else(
    panel: PanelWindow, keys: list[DigitTyped | ClearTyped]
) -> None:
    panel.show_face(Face(Show.ASK_PIN, 2))
    for text in ("7", "Slet", "English"):
        _touch(panel.surface, text)
    assert keys == [DigitTyped("7"), ClearTyped()]


# --- screens ------------------------------------------------------------------------------------------


def test_a_state_shown_from_another_thread_is_on_the_glass(window: Window) -> None:
    thread = threading.Thread(target=window.show_state, args=(states()["pin"],))
    thread.start()
    thread.join()
    assert "Tast din pinkode" in eyes.words(window.surface)


def test_the_last_of_many_states_stays(window: Window) -> None:
    for state in states().values():
        window.show_state(state)
    window.show_state(states()["lending"])
    assert "Hej Karen" in eyes.words(window.surface)


def test_a_list_grows_without_a_new_screen(window: Window) -> None:
    window.show_state(states()["lending-empty"])
    before = next(item for item in eyes.seen(window.surface) if item.inherits("QQuickLoader"))
    screen = before.property("item")
    window.show_state(states()["lending"])
    assert "22.\u00a0december" in eyes.words(window.surface)
    assert before.property("item") == screen


def test_a_title_is_shown_as_it_is_and_never_read_as_html(window: Window) -> None:
    """Rich text would fetch pictures from addresses that a catalogue names."""
    line = Line(EventId("e"), ItemId("1"), "<b></b><i></i>", Asking())
    window.show_state(State(Returning((line,), False, 0.0)))
    title = next(text for text in eyes.texts(window.surface) if text.property("text") == line.title)
    assert float(title.property("contentWidth")) > 100  # as HTML it is empty


def test_which_digits_were_typed_cannot_be_read_from_the_glass(window: Window) -> None:
    shown = []
    for digits in ("12", "87"):
        window.show_state(State(AskingPin(_CARD, Pin(digits), 3, False, 0.0)))
        eyes.seen(window.surface)
        shown.append(_everything(window.surface))
    assert shown[0] == shown[1]
    assert not any(_CARD.number in said for said in shown[0])


def _everything(surface: Surface) -> list[str]:
    """Every property of every item that is text, and the root's own."""
    found = [repr(surface.root.property("shown"))]
    for item in eyes.seen(surface):
        meta = item.metaObject()
        members = [meta.property(n) for n in range(meta.propertyCount())]
        found += [str(member.read(item)) for member in members if str(member.typeName()) in _TEXT]
    return found


# --- languages ----------------------------------------------------------------------------------------


def test_one_touch_changes_the_language_and_one_changes_it_back(window: Window) -> None:
    window.show_state(states()["lending"])
    _touch(window.surface, "English")
    assert {"Hello Karen", "Borrowed", "Return by", "22\u00a0December"} <= set(eyes.words(window.surface))
    _touch(window.surface, "Dansk")
    assert {"Hej Karen", "Lånt", "Aflever senest", "22.\u00a0december"} <= set(eyes.words(window.surface))


def test_one_is_one_and_two_are_two_in_english(window: Window) -> None:
    window.show_state(states()["farewell-refused"])
    window.surface.speak("en")
    assert {"You have borrowed 1 item.", "1 item was not accepted."} <= set(eyes.words(window.surface))
    window.show_state(states()["farewell"])
    assert "You have borrowed 3 items." in eyes.words(window.surface)


def test_a_number_of_things_is_danish_too(window: Window) -> None:
    window.show_state(states()["farewell"])
    assert "Du har lånt 3 ting." in eyes.words(window.surface)


def test_the_language_lasts_for_one_patron(window: Window) -> None:
    _touch(window.surface, "English")
    window.show_state(states()["pin"])
    assert "Enter your PIN" in eyes.words(window.surface)
    window.show_state(State(Start()))
    assert "Vil du låne?" in eyes.words(window.surface)


def test_a_fault_at_rest_does_not_take_the_language_away(window: Window) -> None:
    _touch(window.surface, "English")
    window.show_state(states()["start-offline-everybody"])
    assert "Want to borrow?" in eyes.words(window.surface)


def test_a_language_chosen_by_somebody_who_went_away_is_given_up(window: Window) -> None:
    _touch(window.surface, "English")
    timer = window.surface.bridge.findChild(QTimer)
    assert isinstance(timer, QTimer)
    assert timer.isActive()
    timer.setInterval(0)
    window.surface.app.processEvents()
    assert "Vil du låne?" in eyes.words(window.surface)


def test_a_language_chosen_by_somebody_who_stays_is_kept(window: Window) -> None:
    _touch(window.surface, "English")
    window.show_state(states()["pin"])
    assert "Enter your PIN" in eyes.words(window.surface)
    timer = window.surface.bridge.findChild(QTimer)
    assert isinstance(timer, QTimer)
    assert not timer.isActive()


# --- the binding itself -------------------------------------------------------------------------------


class _Bell(QObject):
    rung = Signal(object)
    told = Signal(bool)

    @Slot(object)
    @Slot(bool)
    def hear(self, _: object) -> None:
        pass


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None, True and False are immortal from 3.12 on")
def test_pyside_loses_no_reference_to_none_true_and_false(window: Window) -> None:
    """PySide6 6.12.0 does on 3.11, at each emit, and the process aborts after some hundreds."""
    bell = _Bell()
    bell.rung.connect(bell.hear)
    bell.told.connect(bell.hear)
    before = _references()
    for _ in range(2000):
        bell.rung.emit(None)
        bell.told.emit(True)
        bell.told.emit(False)
        window.surface.app.processEvents()
    lost = [was - now for was, now in zip(before, _references(), strict=True)]
    assert max(lost) < 200


def _references() -> list[int]:
    gc.collect()
    return [sys.getrefcount(value) for value in (None, True, False)]
