"""Screens under test: offscreen, in software, and any word of complaint from Qt or QML fails the test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["LC_ALL"] = "C.UTF-8"  # Qt complains of a locale without it

from kiosk.model import ClearTyped, DigitTyped
from ui.panel import PanelWindow
from ui.screens import Tapped
from ui.window import Window

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_level_fail("DEBUG"))


@pytest.fixture
def taps() -> list[Tapped]:
    """What has been tapped so far."""
    return []


@pytest.fixture
def opened(taps: list[Tapped]) -> Iterator[Callable[[tuple[int, int]], Window]]:
    windows: list[Window] = []

    def open_one(size: tuple[int, int]) -> Window:
        windows.append(Window(taps.append, fullscreen=False, size=size))
        return windows[-1]

    yield open_one
    for window in windows:
        window.close()


@pytest.fixture
def window(opened: Callable[[tuple[int, int]], Window]) -> Window:
    return opened((1280, 800))


@pytest.fixture
def keys() -> list[DigitTyped | ClearTyped]:
    return []


@pytest.fixture
def panel(keys: list[DigitTyped | ClearTyped]) -> Iterator[PanelWindow]:
    shown = PanelWindow(keys.append, fullscreen=False)
    yield shown
    shown.close()
