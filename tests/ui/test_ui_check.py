"""Translations are whole and built, QML has no warning: what `python -m ui.check` holds."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from ui import check, screens
from ui.panel import DoorPanel

_QML = Path(check.__file__).parent / "qml"


def test_translations_and_qml_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("screen", [*get_args(screens.Screen), DoorPanel])
def test_every_screen_has_a_qml_file_that_asks_for_exactly_its_fields(screen: type) -> None:
    """network is asked for by Scene, for all of them."""
    drawn = (_QML / f"{screen.__name__}.qml").read_text(encoding="utf-8")
    scene = (_QML / "Scene.qml").read_text(encoding="utf-8")
    asked = re.findall(r"^    required property \w+ (\w+)$", drawn + scene, re.MULTILINE)
    assert sorted(asked) == sorted(f.name for f in fields(screen))


@pytest.mark.parametrize("file", sorted(_QML.glob("*.qml")), ids=lambda file: file.name)
def test_no_property_is_named_like_a_signal(file: Path) -> None:
    """`property color onLamp` is a handler of a signal that does not exist, and black."""
    assert re.findall(r"property \w+ on[A-Z]\w*", file.read_text(encoding="utf-8")) == []
