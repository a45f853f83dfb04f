"""The window as a process: it ends when told to, quietly, and in the right order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.checkout.states import (
    State,
)
from kiosk.door.face import Face, Show
from tests.ui import eyes
from ui.panel import PanelWindow
from ui.window import Window

_ROOT = Path(__file__).parents[2]
_RUN = """
from PySide6.QtCore import QTimer
from ui.window import Window
window = Window(lambda _: None, fullscreen=False)
QTimer.singleShot(0, lambda: print("running", flush=True))
code = window.exec()
window.close()
print("closed", flush=True)
raise SystemExit(code)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sleeping_window_ends_at_once_when_the_system_says_so(number: signal.Signals) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(
        [sys.executable, "-c", _RUN],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "running\n"
        running.send_signal(number)
        try:
            rest, complaints = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, rest, complaints) == (0, "closed\n", "")


def test_machine_and_door_open_and_close_one_after_another_in_one_process() -> None:
    for _ in range(3):
        window = Window(lambda _: None, fullscreen=False)
        window.show_state(State())
        assert "Vil du låne?" in eyes.words(window.surface)
        window.show_state(State())  # still queued when the window goes
        window.close()
        panel = PanelWindow(lambda _: None, fullscreen=False)
        panel.show_face(Face(Show.READY))
        assert "Scan dit kort" in eyes.words(panel.surface)
        panel.close()


def test_a_panel_that_has_heard_nothing_of_its_door_does_not_promise_to_open_it(panel: PanelWindow) -> None:
    assert "Døren virker ikke lige nu" in eyes.words(panel.surface)


def test_a_demo_says_so_on_every_screen() -> None:
    window = Window(lambda _: None, fullscreen=False, demo=True)
    assert "DEMO: ingen rigtige lån" in eyes.words(window.surface)
    window.close()


def test_the_letters_are_the_ones_that_ship(window: Window) -> None:
    from PySide6.QtGui import QFontInfo

    fonts = {text.property("font").family() for text in eyes.texts(window.surface)}
    assert {QFontInfo(text.property("font")).family() for text in eyes.texts(window.surface)} == fonts
    assert fonts == {"Atkinson Hyperlegible"}
