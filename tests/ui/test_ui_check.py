"""Translations are whole and built, QML has no warning: what `python -m ui.check` holds."""

import pytest

from ui import check


def test_translations_and_qml_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([]) == 0, capsys.readouterr().out
