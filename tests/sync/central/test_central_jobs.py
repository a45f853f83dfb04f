"""What a store does by itself: which jobs are due when, each in a transaction of its own, and letters that leave."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.sql.selectable import FromClause

from sync.central import seed, start
from sync.central.database import Database
from sync.central.jobs import Turns
from sync.central.postgres import PostgresDatabase
from sync.central.schema import block_list, blocks, fees, holds, loans, messages, tries
from sync.central.start import Home, open_database
from tests.sync.central.library import MORNING, HandClock, Library

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


Store = Database | PostgresDatabase


@pytest.fixture
def database(home: Home) -> Iterator[Store]:
    with closing(open_database(home)) as database:
        yield database


def count(database: Store, table: FromClause) -> int:
    query = select(func.count()).select_from(table)
    return database.read(lambda connection: connection.execute(query).scalar_one()).result()


def make_late(database: Store, due: date) -> None:
    database.write(lambda connection: connection.execute(update(loans).values(due=due))).result()


def turn(database: Store, turns: Turns, now: HandClock) -> int:
    jobs = turns.due(now.wall)
    for job in jobs:
        database.write(job).result()
    return len(jobs)


def test_fees_rise_and_messages_are_written_at_once_then_every_hour(database: Store, home: Home) -> None:
    turns, clock = Turns(start.locks(home)), HandClock()
    make_late(database, MORNING.date())
    turn(database, turns, clock)
    assert count(database, fees) == 0
    make_late(database, MORNING.date() - DAY)
    clock.forward(minutes=59)
    turn(database, turns, clock)
    assert count(database, fees) == 0
    clock.forward(minutes=1)
    turn(database, turns, clock)
    assert count(database, fees) > 0
    assert count(database, messages) > 0


def test_a_clock_that_was_set_back_keeps_nothing_from_being_done(home: Home) -> None:
    turns = Turns(start.locks(home))
    whole = len(turns.due(MORNING))
    assert len(turns.due(MORNING)) < whole
    assert len(turns.due(MORNING - 2 * HOUR)) == whole
    assert len(turns.due(MORNING - HOUR - timedelta(seconds=1))) < whole
    assert len(turns.due(MORNING - HOUR)) == whole


def test_each_minute_forgets_lets_holds_go_and_tells_machines(database: Store, home: Home) -> None:
    turns, clock = Turns(start.locks(home)), HandClock()
    turn(database, turns, clock)
    before, listed = count(database, holds), count(database, block_list)
    assert before > 0
    unwanted = update(holds).values(wanted_until=MORNING.date() - DAY, item_id=None, pickup_by=None)
    database.write(lambda connection: connection.execute(unwanted)).result()
    block = insert(blocks).values(patron_id=seed.ADULT.patron, reason="U", since=MORNING.date())
    database.write(lambda connection: connection.execute(block)).result()
    old = insert(tries).values(subject="x", tried_at=MORNING - HOUR)
    database.write(lambda connection: connection.execute(old)).result()
    clock.forward(minutes=1)
    turn(database, turns, clock)
    assert (count(database, holds), count(database, tries)) == (0, 0)
    assert count(database, block_list) > listed


def test_everything_may_be_done_twice(database: Store, home: Home) -> None:
    tables = fees, messages, holds, block_list
    make_late(database, MORNING.date() - DAY)
    turn(database, Turns(start.locks(home)), HandClock())
    before = [count(database, table) for table in tables]
    turn(database, Turns(start.locks(home)), HandClock())
    assert [count(database, table) for table in tables] == before


def test_a_store_that_runs_sends_what_it_wrote_into_its_folder(home: Home) -> None:
    with closing(open_database(home)) as database:
        make_late(database, MORNING.date() - DAY)
        tell = "UPDATE patrons SET email_notice = 'alma@proevesen.example'"
        database.write(lambda connection: connection.exec_driver_sql(tell)).result()
    library = Library(home, HandClock())
    library.stop()
    letters = [file.read_text() for file in home.outgoing.iterdir()]
    rows = library.rows(messages)
    assert rows
    assert len(letters) == len(rows)
    assert all(row.sent_at == MORNING for row in rows)
    assert any("To: alma@proevesen.example" in letter for letter in letters)
