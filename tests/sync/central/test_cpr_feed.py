"""The CPR register's file: what is read, what is refused without being repeated, and what is taken over."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, select

from kiosk.model import Credential, Pin
from sync.central import seed, start
from sync.central.database import Database
from sync.central.patrons import cpr_feed, record
from sync.central.patrons.cpr_feed import HEADER, MAX_LINE, BadLine, Flaw, Summary, apply, lines, read
from sync.central.postgres import PostgresDatabase
from sync.central.schema import blocks, patrons, tables
from sync.central.start import Home
from tests.sync.central.library import MORNING

ResultT = TypeVar("ResultT")

MOVED = "610190-0012;Alma;Prøvesen;Bo Eksempelsen;Anden Opdigtet Vej 7, 2. th;7830;Vinderup;0657;"
DEAD = "7312850123;;;;;;;;doed"
CANARY = "9107770193;Zebedæus;Quakkelstrøm;;Xylofonvej 8;6990;Ulfborg;661;"


def file_of(*said: str) -> list[bytes]:
    return [f"{line}\n".encode() for line in (HEADER, *said)]


def flaws(*said: str) -> list[BadLine]:
    return [row for row in read(file_of(*said)) if isinstance(row, BadLine)]


# --- reading ------------------------------------------------------------------------------------


def test_a_line_is_a_person_as_the_register_has_them_now() -> None:
    (row,) = read(file_of(MOVED))
    assert row == cpr_feed.Row(
        cpr="6101900012",
        first_name="Alma",
        last_name="Prøvesen",
        co_name="Bo Eksempelsen",
        street="Anden Opdigtet Vej 7, 2. th",
        postal_code="7830",
        city="Vinderup",
        municipality="657",
        died=False,
    )


def test_of_the_dead_the_number_is_enough() -> None:
    (row,) = read(file_of(DEAD))
    assert isinstance(row, cpr_feed.Row)
    assert row.died


def test_a_field_in_quotes_may_hold_the_separator() -> None:
    (row,) = read(file_of('6101900012;Alma;Prøvesen;;"Vej 7; baghuset";7830;Vinderup;661;'))
    assert isinstance(row, cpr_feed.Row)
    assert row.street == "Vej 7; baghuset"


def test_line_ends_of_windows_a_byte_order_mark_and_empty_lines_are_no_matter() -> None:
    said = f"\ufeff{HEADER}\r\n\r\n{MOVED}\r\n".encode().splitlines(keepends=True)
    assert list(read(said)) == list(read(file_of(MOVED)))


@pytest.mark.parametrize("number", ["610190-6AA1", "6101906aa1", "6101900013", "9999990000"])
def test_replacement_numbers_and_numbers_outside_modulus_eleven_are_read(number: str) -> None:
    (row,) = read(file_of(f"{number};Alma;Prøvesen;;;;;661;"))
    assert isinstance(row, cpr_feed.Row)
    assert row.cpr == number.replace("-", "").upper()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("610190001;Alma;Prøvesen;;;;;661;", Flaw.CPR),
        ("A101900012;Alma;Prøvesen;;;;;661;", Flaw.CPR),
        ("6101900012;;;;;;;661;", Flaw.NAME),
        ("6101900012;Alma;Prøvesen;;;;;Holstebro;", Flaw.MUNICIPALITY),
        ("6101900012;Alma;Prøvesen;;;;;1661;", Flaw.MUNICIPALITY),
        ("6101900012;Alma;Prøvesen;;;;;661;flyttet", Flaw.STATUS),
        ("6101900012;Alma;Prøvesen;;;;;661", Flaw.FIELDS),
        ("6101900012;Alma;Prøvesen;;;;;661;;", Flaw.FIELDS),
        ('6101900012;Alma;"Prøvesen;;;;;661;', Flaw.FIELDS),
        ("6101900012;Al\0ma;Prøvesen;;;;;661;", Flaw.CONTROLS),
        ("6101900012;Al\x85ma;Prøvesen;;;;;661;", Flaw.CONTROLS),
        (f"6101900012;Alma;Prøvesen;;{'v' * MAX_LINE};;;661;", Flaw.TOO_LONG),
    ],
    ids=lambda value: value.name if isinstance(value, Flaw) else "",
)
def test_a_bad_line_is_told_by_number_and_flaw_and_stops_no_other(line: str, why: Flaw) -> None:
    assert flaws(DEAD, line, MOVED) == [BadLine(3, why)]
    assert len(list(read(file_of(DEAD, line, MOVED)))) == 3


def test_a_line_that_is_not_utf8_is_a_bad_one() -> None:
    said = [*file_of(DEAD), "6101900012;Bj\xf8rn".encode("latin-1"), MOVED.encode()]
    assert [type(row).__name__ for row in read(said)] == ["Row", "BadLine", "Row"]


@pytest.mark.parametrize("first", ["", MOVED, HEADER.upper(), "cpr,fornavn", HEADER + ";"])
def test_without_its_header_nothing_of_a_file_is_read(first: str) -> None:
    assert list(read([f"{first}\n".encode(), MOVED.encode()])) == [BadLine(1, Flaw.HEADER)]


def test_an_empty_file_holds_nobody() -> None:
    assert list(read(lines(io.BytesIO()))) == []


def test_the_lines_of_a_file_are_bounded_in_length(tmp_path: Path) -> None:
    content = f"{HEADER}\n{'x' * 50_000}\r\n{MOVED}\r\n{'y' * 50_000}".encode()
    said = list(lines(io.BytesIO(content)))
    assert max(map(len, said)) <= MAX_LINE + 2
    assert [row for row in read(said) if isinstance(row, BadLine)] == [
        BadLine(2, Flaw.TOO_LONG),
        BadLine(4, Flaw.TOO_LONG),
    ]
    assert len(list(read(said))) == 3


def test_a_line_may_be_just_so_long() -> None:
    line = MOVED.replace("Anden", "v" * (MAX_LINE - len(MOVED.encode()) + len("Anden")))
    assert len(line.encode()) == MAX_LINE
    assert flaws(line) == []
    content = f"{HEADER}\r\n{line}\r\n".encode()
    assert [type(row).__name__ for row in read(lines(io.BytesIO(content)))] == ["Row"]


def test_the_lines_of_a_file_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpr_feed, "MAX_LINES", 3)
    rows = list(read(lines(io.BytesIO(b"".join(file_of(DEAD, MOVED, CANARY, CANARY))))))
    assert [type(row).__name__ for row in rows] == ["Row", "Row", "BadLine"]
    assert rows[-1] == BadLine(4, Flaw.TOO_MANY)


@given(st.lists(st.binary(max_size=120), max_size=6))
def test_no_bytes_whatever_break_the_reading(said: list[bytes]) -> None:
    rows = list(read([*file_of(), *said]))
    assert len(rows) <= len(said)


@given(st.lists(st.text(alphabet='6101900012;Aå"- dø', max_size=60), max_size=4))
def test_nearly_right_lines_are_rows_or_flaws(said: list[str]) -> None:
    assert len(list(read(file_of(*said)))) == len([line for line in said if line])


def test_neither_a_row_nor_a_flaw_prints_what_stood_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = repr(list(read(file_of(CANARY, CANARY + ";", CANARY.replace("661", "6x1")))))
    for secret in ("9107770193", "Zebed", "Quakkel", "Xylofon"):
        assert secret not in said + caplog.text


# --- taking over --------------------------------------------------------------------------------


class Store:
    def __init__(self, home: Home, database: Database | PostgresDatabase) -> None:
        self.locks = start.locks(home)
        self._database = database

    def do(self, work: Callable[[Connection], ResultT]) -> ResultT:
        return self._database.write(work).result()

    def import_(self, *said: str, now: datetime = MORNING) -> Summary:
        rows = tuple(read(file_of(*said)))
        return self.do(lambda connection: apply(connection, self.locks, rows, now))

    def patron(self, person: seed.Person) -> Row[tuple[object, ...]]:
        return self.do(lambda c: c.execute(select(patrons).where(patrons.c.patron_id == person.patron)).one())

    def blocks(self, person: seed.Person) -> list[tuple[str, date]]:
        query = select(blocks).where(blocks.c.patron_id == person.patron).order_by(blocks.c.reason)
        return self.do(lambda c: [(row.reason, row.since) for row in c.execute(query)])

    def everything(self) -> str:
        return self.do(lambda c: repr([c.execute(select(table)).all() for table in tables.sorted_tables]))


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with closing(start.open_database(home)) as database:
        yield Store(home, database)


LAURA = next(person for person in seed.PATRONS if person.number == "7312850123")


def test_a_move_is_taken_over_and_nothing_else_of_the_patron(store: Store) -> None:
    before = store.patron(seed.ADULT)._asdict()
    assert store.import_(MOVED) == Summary(changed=1)
    after = store.patron(seed.ADULT)._asdict()
    assert {name: after[name] for name in after if after[name] != before[name]} == {
        "co_name": "Bo Eksempelsen",
        "street": "Anden Opdigtet Vej 7, 2. th",
        "postal_code": "7830",
        "city": "Vinderup",
        "municipality": "657",
    }


def test_the_same_file_again_changes_nothing(store: Store) -> None:
    store.import_(MOVED, DEAD)
    before = store.everything()
    assert store.import_(MOVED, DEAD) == Summary(unchanged=2, dead=(LAURA.patron,))
    assert store.everything() == before


def test_who_died_is_blocked_from_the_danish_day_on_and_keeps_the_other_block(store: Store) -> None:
    other = store.blocks(LAURA)
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert store.import_(DEAD, now=late) == Summary(died=1, dead=(LAURA.patron,))
    assert store.blocks(LAURA) == [("D", date(2026, 11, 25)), *other]
    assert store.patron(LAURA)._asdict()["last_name"] == LAURA.last_name


def test_who_is_no_patron_is_counted_and_leaves_no_trace(store: Store) -> None:
    before = store.everything()
    assert store.import_(CANARY) == Summary(unknown=1)
    assert store.everything() == before


def test_a_summary_counts_everybody_and_names_nobody(store: Store) -> None:
    summary = store.import_(CANARY, MOVED, "x", DEAD, MOVED)
    bad, dead = (BadLine(4, Flaw.FIELDS),), (LAURA.patron,)
    assert summary == Summary(changed=1, unchanged=1, unknown=1, died=1, bad=bad, dead=dead)
    for secret in ("6101900012", "Alma", "Zebed", seed.ADULT.patron, LAURA.patron):
        assert secret not in repr(summary)


def test_a_replacement_number_finds_its_patron_however_it_is_written(store: Store) -> None:
    new = record.NewPatron(
        card=Credential("4400000001"),
        cpr="610190-6aa1",
        pin=Pin("9042"),
        first_name="Mimer",
        last_name="Tænktesen",
        birth_date=date(1990, 1, 1),
        home_branch=seed.ULFBORG,
        patron_group="Voksen",
        municipality="661",
    )
    store.do(lambda connection: record.add(connection, store.locks, new))
    assert store.import_("6101906AA1;Mimer;Tænktesen;;;;;661;") == Summary(unchanged=1)
