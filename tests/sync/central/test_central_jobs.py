"""What a store does by itself: which jobs are due when, each in a transaction of its own, and letters that leave."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, event, func, insert, select, update
from sqlalchemy.sql.selectable import FromClause

from sync import seal
from sync.central import seed, start, statement
from sync.central.circulation.outcomes import Lent
from sync.central.database import Database, Work
from sync.central.jobs import Turns
from sync.central.messages import delivery
from sync.central.postgres import DatabaseLost, PostgresDatabase
from sync.central.schema import block_list, blocks, fees, holds, loans, messages, tries
from sync.central.start import Home, open_database
from sync.central.web.questions import Site
from sync.central.web.server import _turn
from tests.sync.central.library import MORNING, HandClock, Library, copy_of, in_a_file
from tests.sync.central.small_library import ALMA, NOVEL_1, SmallLibrary, overheard

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ResultT = TypeVar("ResultT")
SEEDED = 1  # the debtor's fee

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
    assert count(database, fees) == SEEDED
    make_late(database, MORNING.date() - DAY)
    clock.forward(minutes=59)
    turn(database, turns, clock)
    assert count(database, fees) == SEEDED
    clock.forward(minutes=1)
    turn(database, turns, clock)
    assert count(database, fees) > SEEDED
    assert count(database, messages) > 0


def test_a_clock_that_was_set_back_keeps_nothing_from_being_done(home: Home) -> None:
    turns = Turns(start.locks(home))
    whole = len(turns.due(MORNING)) - 1  # the very first begins the block list anew
    assert len(turns.due(MORNING)) < whole
    assert len(turns.due(MORNING - 2 * HOUR)) == whole
    assert len(turns.due(MORNING - HOUR - timedelta(seconds=1))) < whole
    assert len(turns.due(MORNING - HOUR)) == whole


def test_a_job_that_failed_is_due_again_at_the_next_minute_once_and_no_other_is(home: Home) -> None:
    turns, minute = Turns(start.locks(home)), timedelta(minutes=1)
    first, often = turns.due(MORNING), turns.due(MORNING)
    once, hourly = first[0], first[-1]
    for job in (once, often[0], hourly):
        turns.failed(job)
    again = turns.due(MORNING + minute)
    assert len(again) == len(often) + 2
    assert {job.work for job in again} == {once.work, hourly.work, *(job.work for job in often)}
    assert {job.now for job in again} == {MORNING + minute}
    assert len(turns.due(MORNING + 2 * minute)) == len(often)


def test_what_a_store_could_not_raise_it_raises_a_minute_later(database: Store, home: Home) -> None:
    make_late(database, MORNING.date() - DAY)
    turns, clock = Turns(start.locks(home)), HandClock()
    site = site_of(home, database, clock)
    rename(database, "fee_steps", "elsewhere")
    asyncio.run(_turn(site, turns))
    rename(database, "elsewhere", "fee_steps")
    assert count(database, fees) == SEEDED
    clock.forward(minutes=1)
    asyncio.run(_turn(site, turns))
    assert count(database, fees) > SEEDED


def site_of(home: Home, database: Store, clock: HandClock) -> Site:
    opener = seal.Opener(seal.load_private(home.seal_private))
    return Site(database, start.locks(home), opener, clock, clock)


class Gone(Database):
    """Its server does not answer."""

    tried = 0

    def write(self, work: Work[ResultT]) -> "Future[ResultT]":  # noqa: ARG002
        self.tried += 1
        failed: Future[ResultT] = Future()
        failed.set_exception(DatabaseLost("gone"))
        return failed


def test_a_database_that_is_gone_is_tried_once_a_turn_and_every_job_stays_due(begun: Home, tmp_path: Path) -> None:
    home = copy_of(begun, tmp_path / "store")
    turns, clock = Turns(start.locks(home)), HandClock()
    with closing(Gone(home.database)) as gone:
        site = site_of(home, gone, clock)
        for minute in (1, 2):
            asyncio.run(_turn(site, turns))
            assert gone.tried == minute
            clock.forward(minutes=1)
    assert len(turns.due(clock.wall)) == len(Turns(start.locks(home)).due(clock.wall))


def rename(database: Store, name: str, other: str) -> None:
    database.write(lambda connection: connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {other}")).result()


def test_each_minute_forgets_lets_holds_go_and_tells_machines(database: Store, home: Home) -> None:
    turns, clock = Turns(start.locks(home)), HandClock()
    turn(database, turns, clock)
    before, listed = count(database, holds), count(database, block_list)
    assert before > 0
    unwanted = update(holds).values(wanted_until=MORNING.date() - DAY, item_id=None, pickup_by=None)
    database.write(lambda connection: connection.execute(unwanted)).result()
    block = insert(blocks).values(patron_id=seed.ADULT.patron, reason="U", since=MORNING.date())
    database.write(lambda connection: connection.execute(block)).result()
    old = insert(tries).values(subject="x", tried_at=MORNING - 2 * DAY)
    database.write(lambda connection: connection.execute(old)).result()
    clock.forward(minutes=1)
    turn(database, turns, clock)
    assert (count(database, holds), count(database, tries)) == (0, 0)
    assert count(database, block_list) > listed


# What the store is never done with. The others are as large as what the library has today.
_HISTORY = {"messages", "visits", "answers", "events", "tries", "staff_log"}
GROW = _HISTORY | {"loans", "fees", "payments", "cards", "patrons"}
SCAN = re.compile(r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
ALL_WANTED = "cards_lost"  # an index of some rows, every one of which is asked for


@in_a_file
def test_no_work_of_each_minute_looks_through_a_table_that_grows(
    home: Home, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, said = Turns(start.locks(home)), dict[str, Any]()
    for job in turns.due(MORNING):
        database.write(job).result()
    run = statement._Ready.run

    def ready(self: statement._Ready, driver: sqlite3.Connection, given: Mapping[str, object]) -> sqlite3.Cursor:
        said[self.sql] = tuple(self._put(given))
        return run(self, driver, given)

    def hear(*told: Any) -> None:
        said[told[2]] = told[3]

    def listen(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", hear)
        for job in turns.due(MORNING + timedelta(minutes=1)):
            job(connection)
        delivery._claimed(connection, MORNING)
        event.remove(connection, "before_cursor_execute", hear)

    def look(connection: Connection) -> list[str]:
        """What is looked through, with values bound as they were."""
        return [
            f"{step.detail} of {text}"
            for text, values in said.items()
            if text.startswith(("SELECT", "UPDATE", "DELETE"))
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
            if (scan := SCAN.match(step.detail)) and scan[1] in GROW and scan[2] != ALL_WANTED
        ]

    monkeypatch.setattr(statement._Ready, "run", ready)
    database.write(listen).result()
    monkeypatch.undo()
    assert len(said) > 20
    assert database.read(look).result() == []


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
    rows = library.rows(messages)
    for _ in range(1000):  # a store that is stopped leaves them for its next start
        if rows and all(row.sent_at is not None for row in rows):
            break
        rows = library.rows(messages)
    library.stop()
    letters = [file.read_text() for file in home.outgoing.iterdir()]
    assert len(letters) == len(rows)
    assert all(row.sent_at == MORNING for row in rows)
    assert any("To: alma@proevesen.example" in letter for letter in letters)


def test_who_is_late_is_read_once_an_hour_and_only_they_are_reckoned(small: SmallLibrary, begun: Home) -> None:
    lent = small.lend(ALMA, NOVEL_1)
    assert isinstance(lent, Lent)
    turns, asked = Turns(start.locks(begun)), list[int]()
    for days in (30, 1, 1, 6):  # in time, a day late, two, eight
        with overheard(small.connection) as said:
            for job in turns.due(small.forward(days=days)):
                job(small.connection)
        asked.append(sum("FROM fee_steps" in text for text in said))
    assert [many - asked[0] for many in asked] == [0, 1, 0, 1]
