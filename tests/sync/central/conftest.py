"""Stores for tests, on SQLite and on PostgreSQL in turn: whoever asks for `home`, `unbegun`, `small` or what is made of
them is run on both.

On SQLite alone stay tests of the file itself (marked `in_a_file`, or with a `Database` of their own), the invented town
(to plant and start it at a server takes half a minute), and what opens no database: words on a command line that are
refused before, PIN hashes, sessions, sealed columns, how letters travel, what a feed's file may hold.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from sync.central.postgres import address
from sync.central.start import Home
from tests.sync.central.library import HandClock, Library, Machine, copy_of, first_start
from tests.sync.central.postgresql import Cluster, programs
from tests.sync.central.small_library import SmallLibrary, opened, rewind

BOTH = "sqlite", "postgresql"


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


# --- a store ------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def home(request: pytest.FixtureRequest, begun: Home, tmp_path: Path) -> Home:
    """A store as it begins, for the test to change."""
    copy = copy_of(begun, tmp_path / "store")
    if request.param == "postgresql":
        request.getfixturevalue("cluster").adopt(copy)
    return copy


@pytest.fixture(params=BOTH)
def unbegun(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A store before its first start; only where its rows shall stand has been said."""
    home = Home(tmp_path / "store")
    if request.param == "postgresql":
        request.getfixturevalue("cluster").expect(home.directory)
    return home


@pytest.fixture
def library(home: Home) -> Iterator[Library]:
    library = Library(home, HandClock())
    yield library
    library.stop()


@pytest.fixture
def machine(library: Library) -> Machine:
    return library.machine()


# --- the tables of a small library --------------------------------------------------------------


@pytest.fixture(scope="session")
def sqlite_shelves() -> Iterator[Connection]:
    with opened("sqlite://") as connection:
        yield connection


@pytest.fixture(scope="session")
def postgresql_shelves(cluster: Cluster) -> Iterator[Connection]:
    with opened(address(cluster.make())) as connection:
        yield connection


@pytest.fixture(params=BOTH)
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """In a transaction that never ends well: the next test finds the library as it began."""
    connection: Connection = request.getfixturevalue(f"{request.param}_shelves")
    yield connection
    rewind(connection)


@pytest.fixture
def small(connection: Connection) -> SmallLibrary:
    return SmallLibrary(connection)
