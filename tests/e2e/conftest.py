"""A site whose store has begun and whose two machines are enrolled: made once, copied for each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from kiosk.demo.site import Site


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, of programs that have ended."""
    folder = tmp_path_factory.mktemp("begun")
    with Site(folder, keep=True) as site:
        site.begin()
    return folder


@pytest.fixture
def site(begun: Path, tmp_path: Path) -> Iterator[Site]:
    """Nothing of it runs yet. Half a second for an answer: who is silent is given up soon."""
    folder = tmp_path / "s"
    shutil.copytree(begun, folder)
    with Site(folder, keep=True, deadline_s=0.5) as made:
        yield made
