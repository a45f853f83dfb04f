"""Each time limit, one minute before and after it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from kiosk.event import EntryGranted, ItemLent
from kiosk.model import Credential
from sync.central import retention, seed
from sync.central.database import Database
from sync.central.schema import answers, loans, lockouts, refused_events, tries, visits
from tests.sync.central.library import MORNING, Library, Machine
from tests.sync.central.test_central_exchange import Queue


@pytest.fixture
def used(library: Library, machine: Machine) -> Path:
    """A store in which everything with a time limit happened at MORNING; stopped."""
    queue = Queue(machine)
    machine.bring_back(seed.ON_LOAN.item, "a-return-event-id")
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    unreadable = queue.sealed_bytes("item.lent", b"{}")
    queue.send(
        queue.sealed(EntryGranted(seed.PERMITTED.patron)),
        queue.sealed(ItemLent(Credential("6100000000"), seed.BOOK.item, date(2026, 12, 20), offline=True)),
        unreadable,
    )
    for _ in range(5):
        machine.authenticate(seed.ADULT.number, "0007")
    library.stop()
    return library.home.database


Look = Callable[[Connection], object]


def count_of_returned(connection: Connection) -> int:
    return len(connection.execute(select(loans).where(loans.c.returned_at.is_not(None))).all())


def names_in_visits(connection: Connection) -> list[str]:
    return [row.patron_id for row in connection.execute(select(visits)) if row.patron_id]


def contents_of_answers(connection: Connection) -> list[str]:
    return [row.digest for row in connection.execute(select(answers)) if row.digest]


def rows_of_answers(connection: Connection) -> int:
    return len(connection.execute(select(answers)).all())


def rows_of_refusals(connection: Connection) -> int:
    return len(connection.execute(select(refused_events)).all())


def rows_of_tries(connection: Connection) -> int:
    return len(connection.execute(select(tries)).all()) + len(connection.execute(select(lockouts)).all())


@pytest.mark.parametrize(
    ("look", "limit"),
    [
        (count_of_returned, timedelta(days=30)),
        (names_in_visits, timedelta(days=30)),
        (contents_of_answers, timedelta(days=30)),
        (rows_of_answers, timedelta(days=180)),
        (rows_of_refusals, timedelta(days=30)),
        (rows_of_tries, timedelta(minutes=15)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_is_there_a_minute_before_and_gone_a_minute_after(used: Path, look: Look, limit: timedelta) -> None:
    database = Database(used)
    try:
        before = database.read(look).result()
        assert before
        assert _looked(database, look, MORNING + limit - timedelta(minutes=1)) == before
        assert not _looked(database, look, MORNING + limit + timedelta(minutes=1))
    finally:
        database.close()


def _looked(database: Database, look: Look, now: datetime) -> object:
    database.write(lambda connection: retention.purge(connection, now)).result()
    return database.read(look).result()


def test_a_visit_stays_for_statistics_and_a_loan_stays_while_it_lasts(used: Path) -> None:
    database = Database(used)
    long_after = MORNING + timedelta(days=400)
    database.write(lambda connection: retention.purge(connection, long_after)).result()
    assert len(database.read(lambda c: c.execute(select(visits)).all()).result()) == 1
    assert [row.item_id for row in database.read(lambda c: c.execute(select(loans)).all()).result()] == [seed.BOOK.item]
    database.close()


def test_what_is_forgotten_is_gone_from_the_files(used: Path) -> None:
    database = Database(used)
    card = database.read(lambda c: c.execute(select(refused_events.c.card_digest)).scalars().all()).result()
    digest = next(value for value in card if value).encode()
    assert _in_files(used, digest)
    database.write(lambda connection: retention.purge(connection, MORNING + timedelta(days=31))).result()
    database.settle().result()
    assert not _in_files(used, digest)
    database.close()


def _in_files(database: Path, content: bytes) -> bool:
    return any(content in path.read_bytes() for path in database.parent.glob("store.sqlite*"))


def test_the_store_forgets_by_itself_at_its_start(used: Path, library: Library) -> None:
    assert used.exists()
    library.clock.forward(days=31)
    library.restart()
    library.stop()
    assert [row.patron_id for row in library.rows(visits)] == [None]


def test_a_question_repeated_after_its_content_is_forgotten_is_still_done_once(
    library: Library, machine: Machine
) -> None:
    first = machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    machine.bring_back(seed.BOOK.item, "a-return-event-id")
    library.clock.forward(days=40)
    library.restart()
    again = library.dial(machine.bundle).lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    assert again.body == first.body
    assert [row for row in library.rows(loans) if row.item_id == seed.BOOK.item] == []
