"""The CPR register's news of names and addresses: read strictly, taken over where the patron is known.

    cpr;fornavn;efternavn;co;vej;postnr;by;kommune;status
    6101900012;Alma;Prøvesen;;Opdigtet Vej 14, 2. th;6990;Ulfborg;661;
    7312850123;Laura;Øvelsesen;;;;;;doed

UTF-8 (a byte order mark is allowed), one person per line, `;` between fields, a field with a `;` in quotes. cpr: ten
characters, a hyphen after the sixth is allowed. kommune: three digits, or four with a 0 before. status: empty, or
`doed`, which blocks the patron and takes nothing else over.

    lines(file) -> at most MAX_LINES lines, none longer than MAX_LINE bytes and a little
    read(lines) -> Row | BadLine, one by one                              pure
    apply(rows) -> Summary                                                SQL

A bad line is told by its number and its flaw, never by what stands in it, and stops no other.
Not responsible for: the holds of the dead, fetching the file, deleting it afterwards (who imports it does that).
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum, unique
from typing import BinaryIO

from sqlalchemy import Connection, select, update

from kiosk.model import Block, PatronId
from sync.central.calendar import local_date
from sync.central.patrons.blocks import block
from sync.central.patrons.locks import Locks
from sync.central.patrons.record import cpr_number
from sync.central.schema import patrons

HEADER = "cpr;fornavn;efternavn;co;vej;postnr;by;kommune;status"
MAX_LINE = 2000  # bytes
MAX_LINES = 1_000_000
_DEAD = "doed"
_MUNICIPALITY = re.compile(r"0?([0-9]{3})")


@unique
class Flaw(Enum):
    """What is wrong with a line. The last two end the reading."""

    NOT_UTF8 = "not UTF-8"
    TOO_LONG = "too long"
    CONTROLS = "control characters"
    FIELDS = "not nine fields"
    CPR = "no CPR number"
    NAME = "no name"
    MUNICIPALITY = "no municipality"
    STATUS = "an unknown status"
    HEADER = "not the header of this format"
    TOO_MANY = "too many lines"


@dataclass(frozen=True, slots=True)
class BadLine:
    """number: from 1, the header's."""

    number: int
    why: Flaw


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One person as the register has them now."""

    cpr: str
    first_name: str
    last_name: str
    co_name: str
    street: str
    postal_code: str
    city: str
    municipality: str
    died: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """How many. died: blocked now for it. dead: whom the register calls so, now or before; their holds are to go."""

    changed: int = 0
    unchanged: int = 0
    unknown: int = 0
    died: int = 0
    bad: tuple[BadLine, ...] = ()
    dead: tuple[PatronId, ...] = field(default=(), repr=False)


# --- reading ------------------------------------------------------------------------------------


def lines(file: BinaryIO) -> Iterator[bytes]:
    """Of a file of any size, never more than a line at a time; the rest of one that is too long is passed over."""
    for _ in range(MAX_LINES + 1):
        line = file.readline(MAX_LINE + 2)
        if not line:
            return
        rest = line
        while not rest.endswith(b"\n") and rest:
            rest = file.readline(MAX_LINE)
        yield line


def read(said: Iterable[bytes]) -> Iterator[Row | BadLine]:
    """Line by line. Empty lines are nothing."""
    for number, line in enumerate(said, start=1):
        if number > MAX_LINES:
            yield BadLine(number, Flaw.TOO_MANY)
            return
        text = _text(line)
        if number == 1 and (text if isinstance(text, Flaw) else text.removeprefix("\ufeff")) != HEADER:
            yield BadLine(number, Flaw.HEADER)
            return
        if number > 1 and text:
            found = text if isinstance(text, Flaw) else _row(text)
            yield BadLine(number, found) if isinstance(found, Flaw) else found


def _text(line: bytes) -> str | Flaw:
    bare = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(bare) > MAX_LINE:
        return Flaw.TOO_LONG
    try:
        text = bare.decode()
    except UnicodeDecodeError:
        return Flaw.NOT_UTF8
    return text if all(sign >= " " and not "\x7f" <= sign <= "\x9f" for sign in text) else Flaw.CONTROLS


def _row(text: str) -> Row | Flaw:
    try:
        fields = [field.strip() for field in next(csv.reader([text], delimiter=";", strict=True))]
    except csv.Error:
        return Flaw.FIELDS
    if len(fields) != HEADER.count(";") + 1:
        return Flaw.FIELDS
    number, first, last, co, street, postal_code, city, municipality, status = fields
    cpr = cpr_number(number)
    if cpr is None:
        return Flaw.CPR
    if status not in ("", _DEAD):
        return Flaw.STATUS
    row = Row(cpr, first, last, co, street, postal_code, city, municipality, died=status == _DEAD)
    return row if row.died else _living(row)


def _living(row: Row) -> Row | Flaw:
    """A surname may be all the name there is; a municipality must be."""
    place = _MUNICIPALITY.fullmatch(row.municipality)
    if not (row.first_name or row.last_name):
        return Flaw.NAME
    return replace(row, municipality=place[1]) if place else Flaw.MUNICIPALITY


# --- taking over --------------------------------------------------------------------------------

_TAKEN = ("first_name", "last_name", "co_name", "street", "postal_code", "city", "municipality")


@unique
class _Done(Enum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class _Taken:
    done: _Done
    dead: PatronId | None = field(default=None, repr=False)


def apply(connection: Connection, locks: Locks, rows: Sequence[Row | BadLine], now: datetime) -> Summary:
    """Takes over what is new. rows: some thousands in one transaction."""
    bad = tuple(row for row in rows if isinstance(row, BadLine))
    taken = [_take(connection, locks, row, local_date(now)) for row in rows if isinstance(row, Row)]
    done = [one.done for one in taken]
    return Summary(
        changed=done.count(_Done.CHANGED),
        unchanged=done.count(_Done.UNCHANGED),
        unknown=done.count(_Done.UNKNOWN),
        died=done.count(_Done.DIED),
        bad=bad,
        dead=tuple(one.dead for one in taken if one.dead is not None),
    )


def _take(connection: Connection, locks: Locks, row: Row, today: date) -> _Taken:
    query = select(patrons).where(patrons.c.cpr_digest == locks.lookup.of_cpr(row.cpr))
    kept = connection.execute(query).one_or_none()
    if kept is None:
        return _Taken(_Done.UNKNOWN)
    if row.died:
        return _mourn(connection, PatronId(kept.patron_id), today)
    told = {name: getattr(row, name) for name in _TAKEN}
    if all(kept._mapping[name] == value for name, value in told.items()):
        return _Taken(_Done.UNCHANGED)
    connection.execute(update(patrons).where(patrons.c.patron_id == kept.patron_id).values(told))
    return _Taken(_Done.CHANGED)


def _mourn(connection: Connection, patron: PatronId, today: date) -> _Taken:
    new = block(connection, patron, Block.DECEASED.value, today)
    return _Taken(_Done.DIED if new else _Done.UNCHANGED, patron)
