"""Statements that are asked often: built once, compiled once, and on SQLite handed to the driver itself.

    _LOANS = Statement(select(...).where(loans.c.patron_id == bindparam("patron")))
    _LOANS.all(connection, patron=patron)

What SQLAlchemy does around one execution costs ten times what SQLite takes for a row by its key. Here its types still
make the values, its rows are given and its errors raised; what is left out is done once instead of every time. On
PostgreSQL, where the way to the server costs more than either, it is an ordinary execution.
Not responsible for: statements whose text depends on what is asked, transactions.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select, UpdateBase
from sqlalchemy.engine import result_tuple
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.types import TypeEngine

Made = Callable[[Any], Any]  # what the driver takes, of what a column holds; or the other way round
Query = Select[Any] | UpdateBase


class Statement:
    """One statement, its values by name. Every use gives the same names."""

    __slots__ = ("_query", "_ready")

    def __init__(self, query: Query) -> None:
        self._query = query
        self._ready: _Ready | None = None

    def all(self, connection: Connection, **values: object) -> list[Row[Any]]:
        """Raises SQLAlchemyError, as everything here does."""
        driver = _driver(connection)
        if driver is None:
            return list(connection.execute(self._query, values))
        ready = self._compiled(connection, values)
        return [ready.row(row) for row in ready.run(driver, values).fetchall()]

    def one(self, connection: Connection, **values: object) -> Row[Any] | None:
        """The only row, where there is one."""
        driver = _driver(connection)
        if driver is None:
            return connection.execute(self._query, values).one_or_none()
        ready = self._compiled(connection, values)
        found = ready.run(driver, values).fetchall()  # all: a statement half read would hold its lock
        if len(found) > 1:
            raise MultipleResultsFound("more rows than the one there can be")
        return ready.row(found[0]) if found else None

    def the(self, connection: Connection, **values: object) -> Row[Any]:
        """The row that there must be."""
        row = self.one(connection, **values)
        if row is None:
            raise NoResultFound("a row that must be there is not")
        return row

    def run(self, connection: Connection, **values: object) -> int:
        """How many rows it has written."""
        driver = _driver(connection)
        if driver is None:
            return connection.execute(self._query, values).rowcount
        return self._compiled(connection, values).run(driver, values).rowcount

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
        """Once for each of at least one; all give the same names."""
        driver = _driver(connection)
        if driver is None:
            connection.execute(self._query, rows)
        else:
            self._compiled(connection, rows[0]).run_all(driver, rows)

    def _compiled(self, connection: Connection, values: Mapping[str, object]) -> "_Ready":
        if self._ready is None:
            self._ready = _ready(self._query, connection.dialect, list(values))
        return self._ready


@dataclass(frozen=True, slots=True)
class _Value:
    """One place in the statement. made: None where the driver takes what is given. fixed: what it is, unless given."""

    name: str
    made: Made | None
    fixed: object


@dataclass(frozen=True, slots=True)
class _Ready:
    """sql: as SQLite reads it."""

    sql: str
    values: tuple[_Value, ...]
    columns: tuple[Made | None, ...]
    named: Callable[[Any], Row[Any]]

    def run(self, driver: sqlite3.Connection, given: Mapping[str, object]) -> sqlite3.Cursor:
        try:
            return driver.execute(self.sql, self._put(given))
        except sqlite3.Error as problem:
            raise self._failed(problem) from None

    def run_all(self, driver: sqlite3.Connection, given: Sequence[Mapping[str, object]]) -> None:
        try:
            driver.executemany(self.sql, map(self._put, given))
        except sqlite3.Error as problem:
            raise self._failed(problem) from None

    def _put(self, given: Mapping[str, object]) -> list[object]:
        return [_put(value, given) for value in self.values]

    def _failed(self, problem: sqlite3.Error) -> BaseException:
        return DBAPIError.instance(self.sql, None, problem, sqlite3.Error, hide_parameters=True)

    def row(self, found: tuple[Any, ...]) -> Row[Any]:
        return self.named(
            [
                value if made is None or value is None else made(value)
                for made, value in zip(self.columns, found, strict=True)
            ]
        )


def _put(value: _Value, given: Mapping[str, object]) -> object:
    said = given.get(value.name, value.fixed)
    return said if value.made is None or said is None else value.made(said)


def _driver(connection: Connection) -> sqlite3.Connection | None:
    inner = connection.connection.driver_connection
    return inner if isinstance(inner, sqlite3.Connection) else None


def _ready(query: Query, dialect: Dialect, names: list[str]) -> _Ready:
    compiled = query.compile(dialect=dialect, column_keys=names, compile_kwargs={"render_postcompile": True})
    order, fixed = compiled.positiontup or [], compiled.params
    unsaid = {column.key for column in compiled.insert_prefetch}  # what would be a default
    missing = [name for name in order if name not in names and (compiled.binds[name].required or name in unsaid)]
    if missing:
        raise TypeError(f"the statement also needs {', '.join(missing)}")
    columns = tuple(query.exported_columns)
    return _Ready(
        str(compiled),
        tuple(_Value(name, _taken(compiled.binds[name].type, dialect), fixed[name]) for name in order),
        tuple(_given(column.type, dialect) for column in columns),
        result_tuple([str(column.key) for column in columns]),
    )


def _taken(kind: TypeEngine[Any], dialect: Dialect) -> Made | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _given(kind: TypeEngine[Any], dialect: Dialect) -> Made | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
