"""A store goes on: with a damaged row, a letter that cannot be made, a mail server that hangs; not with other keys."""

import asyncio
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select, update

from kiosk.loop import Clock, system_clock
from sync import seal
from sync.central import seed, start
from sync.central.command import main
from sync.central.jobs import Job, Turns
from sync.central.messages.delivery import Letter
from sync.central.schema import blocks, cards, messages, tries
from sync.central.start import Home, KeysLost, open_database
from sync.central.web import server
from sync.central.web.questions import Site
from sync.central.web.server import CentralServer
from sync.rest import wire
from tests.sync.central.library import MORNING, HandClock, Library, Machine, copy_of, in_a_file

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def lone(begun: Home, tmp_path: Path) -> Home:
    return copy_of(begun, tmp_path / "store")


def never(_path: Path) -> Clock:
    raise AssertionError("no simulated clock here")


def damage_a_blocked_card(connection: Connection) -> None:
    blocked = select(blocks.c.patron_id)
    assert connection.execute(select(func.count()).select_from(blocks)).scalar_one()
    connection.execute(update(cards).where(cards.c.patron_id.in_(blocked)).values(number_sealed=bytes(40)))


def try_long_ago(connection: Connection, _now: datetime) -> None:
    connection.execute(insert(tries).values(subject="somebody", tried_at=LONG_AGO))


class TwoJobs(Turns):
    """One of which meets a bug."""

    def __init__(self) -> None:
        self.to_be_done_again: list[Job] = []

    def due(self, now: datetime) -> tuple[Job, ...]:
        return Job(breaks, now), Job(try_long_ago, now)

    def failed(self, job: Job) -> None:
        self.to_be_done_again.append(job)


def breaks(_connection: Connection, _now: datetime) -> None:
    raise KeyError("canary-4711")


def test_a_job_that_meets_a_bug_keeps_no_other_from_being_done_and_stays_due(
    lone: Home, caplog: pytest.LogCaptureFixture
) -> None:
    turns, clock = TwoJobs(), HandClock()
    with closing(open_database(lone)) as database:
        opener = seal.Opener(seal.load_private(lone.seal_private))
        asyncio.run(server._turn(Site(database, start.locks(lone), opener, clock, clock), turns))
        query = select(func.count()).select_from(tries)
        assert database.read(lambda connection: connection.execute(query).scalar_one()).result() == 1
    assert [job.work for job in turns.to_be_done_again] == [breaks]
    assert '"bug": "KeyError"' in caplog.text
    assert "canary" not in caplog.text


@in_a_file
def test_a_store_with_a_damaged_row_answers(library: Library, machine: Machine) -> None:
    with closing(open_database(library.home)) as database:
        database.write(damage_a_blocked_card).result()
    library.restart()
    again = library.dial(machine.bundle)
    assert again.ask("GET", wire.STATUS).status == 200
    assert again.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said["authenticateStatus"] == "VALID"


def a_letter(connection: Connection) -> None:
    connection.execute(
        insert(messages).values(
            patron_id=seed.ADULT.patron,
            kind="pickup",
            channel="email",
            recipient="a@b.example",
            subject="x",
            content="y",
            about="",
            made_at=MORNING,
            next_attempt_at=LONG_AGO,
            attempts=0,
        )
    )


def test_a_letter_that_cannot_be_made_ends_no_store(lone: Home, caplog: pytest.LogCaptureFixture) -> None:
    tried = threading.Event()

    def breaks(_letter: Letter) -> None:
        tried.set()
        raise RuntimeError("canary-4711")

    with closing(open_database(lone)) as database:
        database.write(a_letter).result()
        opener, clock = seal.Opener(seal.load_private(lone.seal_private)), HandClock()
        asyncio.run(server._send(Site(database, start.locks(lone), opener, clock, clock), breaks, asyncio.Event()))
    assert tried.is_set()
    assert '"RuntimeError"' in caplog.text
    assert "canary" not in caplog.text


def test_a_mail_server_that_hangs_keeps_neither_a_job_nor_the_end_waiting(
    lone: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, released, turned = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hangs(_letter: Letter) -> None:
        taken.set()
        released.wait(60)

    async def turn(_site: Site, _turns: Turns) -> None:
        turned.release()

    with closing(open_database(lone)) as database:
        database.write(a_letter).result()
    monkeypatch.setattr(server, "TURN_S", 0.01)
    monkeypatch.setattr(server, "_turn", turn)
    with CentralServer(lone, HandClock(), deliver=hangs):
        assert taken.wait(20)
        for _ in range(20):
            assert turned.acquire(timeout=20)
    assert not released.is_set()
    released.set()


# --- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["column.key", "lookup.key"])
def test_a_store_with_the_key_of_another_says_so_before_it_listens(
    home: Home, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (home.keys / key).write_bytes(bytes(32))
    assert main(["serve", "--dir", str(home.directory)], system_clock, never) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert key in said.err and "is not the key of this database" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("key", ["column.key", "lookup.key", "pepper"])
def test_a_key_that_was_cut_short_is_said_to_be_damaged(lone: Home, key: str) -> None:
    (lone.keys / key).write_bytes(bytes(31))
    with pytest.raises(KeysLost, match="damaged"):
        start.populate(lone, start.nothing, MORNING)
