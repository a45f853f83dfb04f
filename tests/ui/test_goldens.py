"""Pictures that must not change unnoticed. Renew them with NATUGLE_UPDATE_GOLDENS=1, and look at each.

They are drawn by the gallery in a process of its own: what was drawn before would be seen in the edges of letters.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_GOLDENS = Path(__file__).parent / "goldens"
_SCREENS = (
    "start",
    "start-offline-nobody",
    "start-offline-seen",
    "pin",
    "lending",
    "return",
    "farewell",
    "out-of-order",
    "notice-blocked",
)
_NAMES = [f"{name}-{language}-1280x800.png" for name in _SCREENS for language in ("da", "en")]
_NAMES += ["door-ready-da-800x480.png", "door-welcome-da-800x480.png"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("screens")
    command = [sys.executable, "-m", "ui.gallery", "--first-size", "--out", str(out)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=100, check=True)
    assert done.stderr == ""
    assert Path(done.stdout.strip()) == out / "index.html"
    return out


@pytest.mark.parametrize("name", _NAMES)
def test_the_screen_is_byte_for_byte_its_golden(drawn: Path, name: str) -> None:
    golden = _GOLDENS / name
    if "NATUGLE_UPDATE_GOLDENS" in os.environ:
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes((drawn / name).read_bytes())
    assert (drawn / name).read_bytes() == golden.read_bytes(), f"{name} has changed: look at {drawn / name}"


def test_no_golden_stands_there_without_its_screen() -> None:
    assert sorted(file.name for file in _GOLDENS.iterdir()) == sorted(_NAMES)
