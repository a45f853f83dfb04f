"""Two at the same instant, and a store that is killed: once, or not at all; on both databases."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, func, select

from kiosk.event import EntryGranted
from sync.central import seed
from sync.central.schema import events, loans, tries, visits
from sync.central.start import Home, open_database
from tests.sync.central.library import HandClock, Library, Machine
from tests.sync.central.test_central_exchange import Queue

AnswerT = TypeVar("AnswerT")
ROUNDS = 12


def at_once(*acts: Callable[[], AnswerT]) -> list[AnswerT]:
    """What each answers, begun at one instant."""
    line, answers = threading.Barrier(len(acts)), list[AnswerT]()

    def begin(act: Callable[[], AnswerT]) -> None:
        line.wait(10)
        answers.append(act())

    threads = [threading.Thread(target=begin, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def out(library: Library, copy: seed.Copy) -> int:
    return len([row for row in library.rows(loans) if row.item_id == copy.item and row.returned_at is None])


def lend_in_a_race(library: Library, first: Machine, second: Machine) -> None:
    """ROUNDS times two patrons take one item at two machines; then it is brought back."""
    for turn in range(ROUNDS):
        replies = at_once(
            partial(first.lend, seed.ADULT.patron, seed.BOOK.item, f"first-machine-{turn:06d}"),
            partial(second.lend, seed.PERMITTED.patron, seed.BOOK.item, f"second-machine-{turn:06d}"),
        )
        assert [reply.status for reply in replies] == [200, 200]
        assert out(library, seed.BOOK) == 1
        assert first.bring_back(seed.BOOK.item, f"brought-back-{turn:06d}").status == 200


def test_of_two_checkouts_of_one_item_at_one_instant_one_is_a_loan(library: Library, machine: Machine) -> None:
    lend_in_a_race(library, machine, library.machine("ulfborg-2"))
    assert len(library.rows(loans)) == ROUNDS + 1  # and the one of the seed


def test_two_servers_of_one_database_lend_one_item_once(library: Library, machine: Machine, home: Home) -> None:
    other = Library(home, HandClock())
    try:
        lend_in_a_race(library, machine, other.machine("ulfborg-2"))
    finally:
        other.stop()


def test_the_same_question_on_two_connections_at_one_instant_is_done_once(library: Library, machine: Machine) -> None:
    again = library.dial(machine.bundle)
    for turn in range(ROUNDS):
        key = f"the-same-event-{turn:06d}"
        asked = [partial(line.lend, seed.ADULT.patron, seed.BOOK.item, key) for line in (machine, again)]
        assert len({(reply.status, reply.body) for reply in at_once(*asked)}) == 1
        machine.bring_back(seed.BOOK.item, f"brought-back-{turn:06d}")
    assert len(library.rows(loans)) == ROUNDS + 1


def test_the_same_events_on_two_connections_at_one_instant_are_applied_once(library: Library, machine: Machine) -> None:
    queue, again = Queue(machine), Queue(library.dial(machine.bundle))
    for _ in range(ROUNDS):
        batch = [queue.sealed(EntryGranted(seed.PERMITTED.patron)) for _ in range(5)]
        again.sealer = queue.sealer
        heard = at_once(partial(queue.outcomes, *batch), partial(again.outcomes, *batch))
        assert sorted(outcome for outcomes in heard for outcome, _ in outcomes) == ["accepted"] * 5 + ["duplicate"] * 5
    assert len(library.rows(visits)) == len(library.rows(events)) == ROUNDS * 5


_WRITES_PAIRS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import insert
from sync.central.schema import tries
from sync.central.start import Home, open_database

database = open_database(Home(Path(sys.argv[1])))

def pair(connection):
    for half in ("first", "second"):
        connection.execute(insert(tries).values(subject=half, tried_at=datetime(2026, 11, 24, tzinfo=UTC)))

while True:
    for asked in [database.write(pair) for _ in range(20)]:
        asked.result()
        print("written", flush=True)
"""


def test_a_program_that_is_killed_leaves_all_that_it_answered_and_nothing_half_done(home: Home) -> None:
    argv = [sys.executable, "-c", _WRITES_PAIRS, str(home.directory)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        answered = [program.stdout.readline() for _ in range(150)]
        program.send_signal(signal.SIGKILL)
        answered += program.stdout.readlines()
    with closing(open_database(home)) as database:
        firsts, seconds = database.read(_halves).result()
    assert firsts == seconds >= answered.count("written\n") >= 150


def _halves(connection: Connection) -> tuple[int, int]:
    counted = select(func.count()).select_from(tries)
    first, second = (
        connection.execute(counted.where(tries.c.subject == half)).scalar_one() for half in ("first", "second")
    )
    return first, second
