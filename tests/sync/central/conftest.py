from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.central.start import Home
from tests.sync.central.library import HandClock, Library, Machine, copy_of, first_start


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Made once: a first start hashes twelve PINs. Never to be changed."""
    return first_start(tmp_path_factory.mktemp("begun") / "store")


@pytest.fixture
def library(begun: Home, tmp_path: Path) -> Iterator[Library]:
    library = Library(copy_of(begun, tmp_path / "store"), HandClock())
    yield library
    library.stop()


@pytest.fixture
def machine(library: Library) -> Machine:
    return library.machine()
