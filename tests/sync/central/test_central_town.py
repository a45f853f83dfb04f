"""The invented town: whole, impossible, the same each time, and its people get in with the PIN of the rule."""

from contextlib import closing

import pytest
from sqlalchemy import Connection, Table, func, select

from sync.central import town
from sync.central.calendar import local_date
from sync.central.schema import fees, holds, items, loans, patrons, payments
from sync.central.start import Home, open_database
from tests.sync.central.library import MORNING, HandClock, Library, first_start


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Planted once; the tests only read it."""
    return first_start(tmp_path_factory.mktemp("town") / "store", town.plant)


def count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_town_is_whole_and_the_small_library_stands_in_it(planted: Home) -> None:
    with closing(open_database(planted)) as database:
        tables = (patrons, items, loans, holds, fees)
        counted = database.read(lambda c: [count(c, table) for table in tables]).result()
        assert database.read(lambda c: count(c, payments)).result() == 667
    assert all(there >= wanted for there, wanted in zip(counted, (20_012, 100_040, 30_001, 3_002, 2_000), strict=True))


def test_it_is_the_same_town_each_time_and_nobody_in_it_is_possible() -> None:
    people = town.residents(local_date(MORNING))
    assert people == town.residents(local_date(MORNING))
    assert len({one.number for one in people}) == len({one.patron for one in people}) == town.PATRONS
    assert all(int(one.number[:2]) > 60 for one in people)


def test_one_of_the_town_gets_in_with_the_pin_of_the_rule(planted: Home) -> None:
    library = Library(planted, HandClock())
    try:
        machine, one = library.machine(), town.residents(local_date(MORNING))[17]
        assert machine.authenticate(one.number, one.pin.reveal()).said["patronId"] == one.patron
        assert machine.authenticate(one.number, "9999").said["authenticateStatus"] == "INVALID"
    finally:
        library.stop()
