"""Statements handed to the driver itself: what they give is what SQLAlchemy would have given, on both databases."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import MultipleResultsFound, NoResultFound, SQLAlchemyError

from sync.central import seed
from sync.central.database import Database
from sync.central.postgres import PostgresDatabase
from sync.central.schema import loans, patrons, tries
from sync.central.start import Home, open_database
from sync.central.statement import Statement
from tests.sync.central.library import MORNING

AnyDatabase = Database | PostgresDatabase
NOON = datetime(2026, 11, 24, 12, 30, 0, 250_000, UTC)
MAKE = Statement(insert(tries))
OF = tries.c.subject == bindparam("of")
FIND = Statement(select(tries.c.subject, tries.c.tried_at).where(OF).order_by(tries.c.try_id))
LATER = Statement(select(tries.c.subject).where(tries.c.tried_at > bindparam("since")).limit(1))
MOVE, CLEAR = Statement(update(tries).where(OF)), Statement(delete(tries).where(OF))


@pytest.fixture
def database(home: Home) -> Iterator[AnyDatabase]:
    with closing(open_database(home)) as database:
        yield database


def tried(connection: Connection, *subjects: str, at: datetime = NOON) -> None:
    MAKE.run_all(connection, [{"subject": subject, "tried_at": at} for subject in subjects])


def test_every_type_comes_back_as_sqlalchemy_gives_it(database: AnyDatabase) -> None:
    """Dates, moments, truths, numbers, bytes, and what is empty."""
    for table in (patrons, loans):
        query = select(table)

        def both(connection: Connection, query: Any = query) -> tuple[list[Row[Any]], list[Row[Any]]]:
            return Statement(query).all(connection), list(connection.execute(query))

        ours, theirs = database.read(both).result()
        assert ours == theirs
        assert [row._mapping for row in ours] == [row._mapping for row in theirs]
        assert len(ours) > 0
    assert any(isinstance(row.birth_date, date) for row in database.read(Statement(select(patrons)).all).result())


def test_a_moment_of_another_zone_is_found_as_the_same_moment(database: AnyDatabase) -> None:
    copenhagen = NOON.astimezone(timezone(timedelta(hours=1)))
    database.write(lambda connection: tried(connection, "x", at=copenhagen)).result()
    row = database.read(lambda connection: FIND.the(connection, of="x")).result()
    assert (row.subject, row.tried_at) == ("x", NOON)
    assert database.read(lambda connection: LATER.one(connection, since=copenhagen)).result() is None
    assert database.read(lambda connection: LATER.one(connection, since=MORNING - timedelta(days=999))).result()


def test_one_is_none_or_the_only_row(database: AnyDatabase) -> None:
    database.write(lambda connection: tried(connection, "a", "b", "b")).result()
    assert database.read(lambda connection: FIND.one(connection, of="nobody")).result() is None
    assert isinstance(database.read(lambda connection: FIND.the(connection, of="nobody")).exception(), NoResultFound)
    assert isinstance(database.read(lambda connection: FIND.one(connection, of="b")).exception(), MultipleResultsFound)
    assert len(database.read(lambda connection: FIND.all(connection, of="b")).result()) == 2


def test_what_is_written_is_counted(database: AnyDatabase) -> None:
    database.write(lambda connection: tried(connection, "a", "b", "b")).result()
    assert database.write(lambda connection: MOVE.run(connection, of="b", tried_at=MORNING)).result() == 2
    assert database.read(lambda connection: FIND.all(connection, of="b")).result()[0].tried_at == MORNING
    assert database.write(lambda connection: CLEAR.run(connection, of="b")).result() == 2
    assert database.write(lambda connection: CLEAR.run(connection, of="b")).result() == 0
    assert database.read(lambda connection: len(FIND.all(connection, of="a"))).result() == 1


def test_quotation_marks_and_question_marks_are_values(database: AnyDatabase) -> None:
    odd = "'; DROP TABLE tries; -- ? :of %s"
    database.write(lambda connection: tried(connection, odd)).result()
    assert database.read(lambda connection: FIND.the(connection, of=odd)).result().subject == odd


def test_what_the_database_refuses_is_an_error_of_sqlalchemy_and_names_nobody(home: Home) -> None:
    lent = Statement(insert(loans))
    values = {"item_id": seed.ITEMS[0].item, "patron_id": "nobody-of-that-name", "branch_id": seed.ULFBORG}
    late = {"lent_at": NOON, "due": NOON.date(), "renewals": 0}
    with closing(Database(home.directory / "another.sqlite")) as file:
        failure = file.write(lambda connection: lent.run(connection, **values, **late)).exception()
    assert isinstance(failure, SQLAlchemyError)
    assert "nobody-of-that-name" not in str(failure)


def test_a_value_that_is_not_given_is_a_bug_and_never_an_empty_one(home: Home) -> None:
    """On SQLite, where nobody else would say so; `renewals` has a default, which must be said too."""
    with closing(Database(home.directory / "another.sqlite")) as file:
        assert isinstance(file.read(lambda connection: Statement(OF_NOBODY).one(connection)).exception(), TypeError)
        asked = {"item_id": "1", "patron_id": "2", "branch_id": "3", "lent_at": NOON, "due": NOON.date()}
        failed = file.write(lambda connection: Statement(insert(loans)).run(connection, **asked)).exception()
        assert isinstance(failed, TypeError)
        assert "renewals" in str(failed)


OF_NOBODY = select(tries.c.subject).where(OF)
