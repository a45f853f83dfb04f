"""A site whose store has begun and whose two machines are enrolled: made once, copied for each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def copied(begun: Path, folder: Path) -> Iterator[Site]:
    """Nothing of it runs yet. Half a second for an answer: who is silent is given up soon."""
    shutil.copytree(begun, folder)
    with Site(folder, keep=True, pulse_s=1.5, deadline_s=0.5) as site:
        yield site


@pytest.fixture
def site(begun: Path, tmp_path: Path) -> Iterator[Site]:
    with copied(begun, tmp_path / "s") as made:
        yield made


@pytest.fixture(scope="module")
def lasting_site(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for a module's tests that leave it as they find it."""
    with copied(begun, tmp_path_factory.mktemp("lasting") / "s") as made:
        yield made
