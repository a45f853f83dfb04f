"""Stores for tests; those of the modules in ON_BOTH are made on SQLite and on PostgreSQL in turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.central.start import Home
from tests.sync.central.library import HandClock, Library, Machine, copy_of, first_start
from tests.sync.central.postgresql import Cluster, programs

_CENTRAL = "circulation database enrolment exchange faults jobs patrons retention staff"
ON_BOTH = {"test_patron_record", "test_cpr_feed", *(f"test_central_{name}" for name in _CENTRAL.split())}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "home" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("home", ("sqlite", "postgresql"), indirect=True)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Made once: a first start hashes twelve PINs. Never to be changed."""
    return first_start(tmp_path_factory.mktemp("begun") / "store")


@pytest.fixture(scope="session")
def cluster(begun: Home) -> Iterator[Cluster]:
    bin_directory = programs()
    if bin_directory is None:
        pytest.skip("PostgreSQL is not installed here (Debian: postgresql)")
    cluster = Cluster(bin_directory)
    try:
        cluster.plant(begun)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def home(request: pytest.FixtureRequest, begun: Home, tmp_path: Path) -> Home:
    """A store of the test's own, on SQLite where nothing else is asked."""
    copy = copy_of(begun, tmp_path / "store")
    if getattr(request, "param", "sqlite") == "postgresql":
        request.getfixturevalue("cluster").adopt(copy)
    return copy


@pytest.fixture
def library(home: Home) -> Iterator[Library]:
    library = Library(home, HandClock())
    yield library
    library.stop()


@pytest.fixture
def machine(library: Library) -> Machine:
    return library.machine()
