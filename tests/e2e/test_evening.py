"""`kiosk demo --headless --json`, as a program: what it says, what it draws, and what it leaves behind.

Then the canary: no patron stands in anything that the machines left, whether the outbox is empty or full.
"""

import json
import shutil
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.checkout.line import Lent, Returned
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import Lending
from kiosk.demo.site import COUNTER, DOOR, Site
from kiosk.door.face import Show
from kiosk.event import EntryGranted, ItemLent, ItemReturned
from sync.central import seed
from sync.seal import generate
from sync.store.look import look
from tests.e2e import bad_stores, canary, rig
from tests.e2e.canary import Found

_ROOT = Path(__file__).parents[2]
_WITHIN_S = 90
_SOCKETS = shutil.ignore_patterns("*.sock")


# --- the program ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evening:
    """site: the folder that was kept. said: the one document, and what else was printed."""

    site: Path
    pictures: Path
    status: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("evening")
    site, pictures = folder / "s", folder / "pictures"
    argv = [sys.executable, "-m", "kiosk", "demo", "--headless", "--json", "--keep", str(site), "--out", str(pictures)]
    ran = subprocess.run(argv, cwd=_ROOT, capture_output=True, text=True, timeout=_WITHIN_S)
    for name, text in (("stdout.json", ran.stdout), ("stderr.log", ran.stderr)):
        (folder / name).write_text(text, encoding="utf-8")
    return Evening(site, pictures, ran.returncode, ran.stdout, ran.stderr)


def test_an_evening_is_as_it_should_be(evening: Evening) -> None:
    document = json.loads(evening.stdout)
    assert [step for step in document["steps"] if step["ok"] is not True] == [], evening.stderr
    assert document["ok"] is True
    assert evening.status == 0


def test_the_document_is_all_of_stdout_and_has_no_other_keys(evening: Evening) -> None:
    document, end = json.JSONDecoder().raw_decode(evening.stdout)
    assert evening.stdout[end:] == "\n"
    assert list(document) == ["ok", "steps", "pictures"]
    assert {tuple(step) for step in document["steps"]} == {("name", "ok", "ms", "detail")}
    assert all(isinstance(step["ms"], int | float) for step in document["steps"])
    assert len(document["steps"]) > 20


def test_every_picture_is_a_whole_screen(evening: Evening) -> None:
    listed = json.loads(evening.stdout)["pictures"]
    assert sorted(map(Path, listed)) == sorted(evening.pictures.iterdir())
    assert len(listed) > 8
    for path in listed:
        head = Path(path).read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", head[16:]) == (1280, 800)


# --- the canary, after the evening ----------------------------------------------------------------


def _said(evening: Evening) -> list[Path]:
    return [evening.site.with_name("stdout.json"), evening.site.with_name("stderr.log")]


def test_no_patron_and_no_item_stands_in_anything_the_machines_left(evening: Evening) -> None:
    left = canary.left_by_machines(evening.site)
    names = {path.name for path in left}
    assert {"door.db", "checkout.db", "door.log", "lock.log", "central.log", "clock", "kiosk.toml"} <= names
    assert canary.found([*left, *_said(evening)]) == []


def test_the_store_keeps_no_card_number_and_no_pin_in_clear(evening: Evening) -> None:
    store_folder = evening.site / "store"
    assert canary.found(canary.files_of(store_folder), canary.CARDS) == []
    cells = list(_cells(store_folder / "store.sqlite"))
    pins = {person.pin.reveal() for person in seed.PATRONS}
    assert len(cells) > 500
    assert [table for table, value in cells if str(value) in pins] == []


def test_the_store_does_keep_names(evening: Evening) -> None:
    """So the search finds what is there."""
    hits = {hit.what for hit in canary.found(canary.files_of(evening.site / "store"))}
    assert {"last name", "lånernummer", "item number"} <= hits


def _cells(database: Path) -> Iterator[tuple[str, object]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608  # its own tables
                yield from ((table, value) for value in row)


_PLANTED = [
    ("card number", "ulfborg-door/door.db", seed.ADULT.number),
    ("lånernummer", "ulfborg-counter/checkout.db", seed.CHILD.patron),
    ("last name", "ulfborg-counter/checkout.db-wal", seed.EXCLUDED.last_name),
    ("first name", "ulfborg-door/door.db.ballast", seed.DEBTOR.first_name),
    ("first name", "central.log", f'"{seed.CHILD.first_name}"'),
    ("PIN", "door.log", f'{{"pin": "{seed.ADULT.pin.reveal()}"}}'),
    ("item number", "lock.log", seed.BOOK.item),
    ("card number", "clock", seed.OTHER_PATRON.number),
]


@pytest.mark.parametrize(("what", "name", "planted"), _PLANTED)
def test_a_planted_canary_is_found(evening: Evening, tmp_path: Path, what: str, name: str, planted: str) -> None:
    copied = tmp_path / "s"
    shutil.copytree(evening.site, copied, ignore=_SOCKETS)
    with (copied / name).open("ab") as file:
        file.write(b"\0" + planted.encode() + b"\0")
    assert canary.found(canary.left_by_machines(copied)) == [Found(copied / name, what)]


# --- the canary, while events wait ----------------------------------------------------------------


def cards_seen(site: Site) -> int:
    """How many cards the counter remembers."""
    with look(site.folder / COUNTER / "checkout.db") as statements:
        return len(statements.rows("SELECT 1 FROM seen_cards"))


@pytest.mark.parametrize("lends", list(Lends)[1:])
def test_what_waits_at_a_counter_without_power_is_sealed(site: Site, tmp_path: Path, lends: Lends) -> None:
    """Lent and returned while nobody can be asked; then its disk, as it stands at that moment."""
    with rig.open_store(site), rig.counter(site, lends.value) as screen:
        screen.wait_for(lambda: screen.state.lends is lends, "the store's rules")
        screen.log_in(seed.ADULT)
        screen.wait_for_stage(Lending)
        rig.until(lambda: cards_seen(site) == (lends is Lends.SEEN), "the card is remembered where that is wanted")
    with rig.counter(site, lends.value) as screen:
        screen.log_in(seed.ADULT)
        screen.wait_for_stage(Lending)
        assert isinstance(screen.scan(seed.BOOK.item), Lent)
        screen.turn_to_returns()
        assert isinstance(screen.scan(seed.ON_LOAN.item), Returned)
        disk = rig.disk_of(site, COUNTER, tmp_path)
    assert canary.found(canary.files_of(disk)) == []
    database = disk / "checkout.db"
    assert database.with_name("checkout.db-wal").stat().st_size > 0
    said = [arrived.said for arrived in rig.waiting(site, database)]
    lent = [event for event in said if isinstance(event, ItemLent)]
    assert [(event.who, event.item, event.offline) for event in lent] == [(seed.ADULT.card, seed.BOOK.item, True)]
    assert ItemReturned(seed.ON_LOAN.item, offline=True) in said
    assert None not in said
    assert {arrived.said for arrived in rig.waiting(site, database, generate())} == {None}


def test_what_waits_at_a_door_that_was_killed_is_sealed(site: Site) -> None:
    """Somebody is let in by a store that takes no event; then the process dies in the middle of the pulse."""
    with bad_stores.store_that_keeps_nothing(site, bad_stores.ANSWERING[0].act):
        door = site.start_door()
        door.faces.wait_for(lambda face: face.show is Show.READY, rig.WITHIN_S)
        door.show_card(seed.ADULT.number)
        door.faces.wait_for(lambda face: face.show is Show.ASK_PIN, rig.WITHIN_S)
        door.type(seed.ADULT.pin.reveal())
        door.lock.wait_for(door.settings.gpio.strike, True, rig.WITHIN_S)
        assert site.program("door").kill() == -9
    left = canary.left_by_machines(site.folder)
    database = site.folder / DOOR / "door.db"
    assert database.with_name("door.db-wal") in left
    assert canary.found(left) == []
    assert EntryGranted(seed.ADULT.patron) in [arrived.said for arrived in rig.waiting(site, database)]
    assert {arrived.said for arrived in rig.waiting(site, database, generate())} == {None}
