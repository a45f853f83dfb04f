import hmac
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from sync.central import seed, start
from sync.central.jobs import Turns
from sync.central.machines import replica
from sync.central.patrons.locks import Locks
from sync.central.schema import block_list, blocks, cards, closings, cursor, texts
from sync.central.start import Home
from sync.replica import BranchRules, Replica, pull
from sync.rest.wire import BlockList, ReplicaAnswer
from sync.store import UnitFile
from tests.sync.central.library import MORNING, Library, Machine, copy_of

REPLICA = f"/v1/branches/{seed.ULFBORG}/replica"
TODAY = MORNING.date()


class Shelf:
    """A store's tables, without its web."""

    def __init__(self, home: Home) -> None:
        self.database, self.locks, self.now = start.open_database(home), start.locks(home), MORNING

    def write(self, *statements: Any) -> None:
        def run(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        self.database.write(run).result()

    def refresh(self) -> None:
        self.database.write(lambda connection: replica.refresh(connection, self.locks, self.now)).result()

    def told(self, since: str = "") -> ReplicaAnswer:
        def tell(connection: Connection) -> ReplicaAnswer:
            return replica.told(connection, self.locks, seed.ULFBORG, since, MORNING)

        return self.database.read(tell).result()

    def changed(self, since: str = "") -> BlockList:
        changed = self.told(since).block_list
        assert changed is not None
        return changed

    def rows(self) -> int:
        return len(self.database.read(lambda connection: connection.execute(select(block_list)).all()).result())


@pytest.fixture
def shelf(home: Home) -> Iterator[Shelf]:
    shelf = Shelf(home)
    with closing(shelf.database):
        yield shelf


def digest(locks: Locks, person: seed.Person) -> str:
    """As a machine makes it."""
    return hmac.new(locks.lookup.block_list_key(), person.number.encode(), "sha256").hexdigest()[:32]


def block(person: seed.Person) -> Any:
    return insert(blocks).values(patron_id=person.patron, reason="S", since=TODAY)


def number(cursor: str) -> int:
    return int(cursor.partition("-")[2])


def blocked_in_seed(locks: Locks) -> list[str]:
    return sorted(digest(locks, person) for person in seed.PATRONS if person.block)


# --- the block list -----------------------------------------------------------------------------


def test_whom_the_library_blocks_is_on_the_list_and_nobody_else(shelf: Shelf) -> None:
    shelf.refresh()
    changed = shelf.changed()
    assert list(changed.listed) == blocked_in_seed(shelf.locks)
    assert changed.whole
    assert (changed.unlisted, changed.more) == ((), False)


def test_nothing_new_is_nothing_told(shelf: Shelf) -> None:
    shelf.refresh()
    reached = shelf.told().cursor
    shelf.refresh()
    again = shelf.told(reached)
    assert again.cursor == reached
    assert again.block_list is not None
    assert (again.block_list.listed, again.block_list.unlisted, again.block_list.whole) == ((), (), False)


def test_a_new_block_and_a_lifted_one_are_told_after_the_cursor(shelf: Shelf) -> None:
    shelf.refresh()
    reached = shelf.told().cursor
    shelf.write(block(seed.ADULT), delete(blocks).where(blocks.c.patron_id == seed.EXCLUDED.patron))
    shelf.refresh()
    changed = shelf.changed(reached)
    assert changed.listed == (digest(shelf.locks, seed.ADULT),)
    assert changed.unlisted == (digest(shelf.locks, seed.EXCLUDED),)
    assert number(shelf.told(reached).cursor) == number(reached) + 2


def test_a_card_that_does_not_open_is_told_once_and_keeps_no_other_off_the_list(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Shelf(home).database) as database:
        spoilt = update(cards).where(cards.c.patron_id == seed.CHILD.patron).values(number_sealed=b"spoilt")
        statements = spoilt, block(seed.CHILD), block(seed.ADULT)
        for statement in statements:
            database.write(partial(Connection.execute, statement=statement)).result()
        locks = start.locks(home)
        turns = Turns(locks)
        for minute in range(3):
            for job in turns.due(MORNING + timedelta(minutes=minute)):
                database.write(job).result()
        listed = database.read(lambda connection: connection.execute(select(block_list.c.digest)).scalars().all())
        assert digest(locks, seed.ADULT) in listed.result()
        assert digest(locks, seed.CHILD) not in listed.result()
    assert [record.getMessage() for record in caplog.records] == ['{"cardsThatDoNotOpen": 1}']


@pytest.mark.parametrize("lost", [False, True])
def test_no_number_is_opened_twice(shelf: Shelf, caplog: pytest.LogCaptureFixture, lost: bool) -> None:
    shelf.write(update(cards).where(cards.c.patron_id == seed.ADULT.patron).values(lost=lost))
    shelf.refresh()
    before = shelf.told()
    shelf.write(update(cards).values(number_sealed=b"spoilt"))
    shelf.refresh()
    assert shelf.told() == before
    assert not caplog.records


def test_a_card_that_is_nobodys_any_more_leaves_the_list(shelf: Shelf) -> None:
    shelf.refresh()
    reached = shelf.told().cursor
    shelf.write(delete(cards).where(cards.c.patron_id == seed.EXCLUDED.patron))
    shelf.refresh()
    assert shelf.changed(reached).unlisted == (digest(shelf.locks, seed.EXCLUDED),)


def test_a_lifted_block_is_not_in_a_whole_list(shelf: Shelf) -> None:
    shelf.refresh()
    shelf.write(delete(blocks))
    shelf.refresh()
    changed = shelf.changed()
    assert (changed.listed, changed.unlisted, changed.whole) == ((), (), True)


def test_a_card_reported_lost_is_listed_until_it_is_found(shelf: Shelf) -> None:
    mine = update(cards).where(cards.c.patron_id == seed.ADULT.patron)
    shelf.refresh()
    shelf.write(mine.values(lost=True))
    shelf.refresh()
    assert digest(shelf.locks, seed.ADULT) in shelf.changed().listed
    shelf.write(mine.values(lost=False))
    shelf.refresh()
    assert digest(shelf.locks, seed.ADULT) not in shelf.changed().listed


def test_a_block_that_comes_back_is_told_again(shelf: Shelf) -> None:
    for statement in (block(seed.ADULT), delete(blocks).where(blocks.c.patron_id == seed.ADULT.patron)):
        shelf.write(statement)
        shelf.refresh()
    reached = shelf.told().cursor
    shelf.write(block(seed.ADULT))
    shelf.refresh()
    assert shelf.changed(reached).listed == (digest(shelf.locks, seed.ADULT),)


@pytest.mark.parametrize("since", ["", "{epoch}-10000", "{epoch}-0", "0123456789abcdef-1"])
def test_no_cursor_and_one_that_the_store_does_not_know_get_the_whole_list(shelf: Shelf, since: str) -> None:
    shelf.refresh()
    changed = shelf.changed(since.format(epoch=shelf.told().cursor.partition("-")[0]))
    assert changed.whole
    assert list(changed.listed) == blocked_in_seed(shelf.locks)


def test_after_a_backup_was_brought_back_a_machine_gets_the_whole_list(begun: Home, tmp_path: Path) -> None:
    home = copy_of(begun, tmp_path / "store")
    with started(home):
        pass
    backup = copy_of(home, tmp_path / "backup")
    with started(home) as lost:
        lost.write(block(seed.ADULT))
        lost.refresh()
        reached = lost.told().cursor
    with started(backup) as found:
        found.write(block(seed.CHILD))
        found.refresh()
        assert number(found.told().cursor) == number(reached)  # as if it had missed nothing
        changed = found.changed(reached)
    assert changed.whole
    assert digest(found.locks, seed.CHILD) in changed.listed
    assert digest(found.locks, seed.ADULT) not in changed.listed


@contextmanager
def started(home: Home) -> Iterator[Shelf]:
    """As a server does at its start."""
    shelf = Shelf(home)
    with closing(shelf.database):
        for job in Turns(shelf.locks).due(MORNING):
            shelf.database.write(job).result()
        yield shelf


def test_the_digest_of_a_card_that_is_no_longer_listed_goes_within_thirty_days(shelf: Shelf) -> None:
    shelf.refresh()
    shelf.write(delete(blocks))
    shelf.refresh()
    reached = shelf.told().cursor
    shelf.now += timedelta(days=30, minutes=-1)
    shelf.refresh()
    assert shelf.rows() == len(blocked_in_seed(shelf.locks))
    shelf.now += timedelta(minutes=1)
    shelf.refresh()
    assert shelf.rows() == 0
    assert shelf.changed(reached).whole


def test_a_long_list_comes_in_parts_and_loses_nothing(shelf: Shelf) -> None:
    shelf.refresh()
    shelf.write(delete(block_list))
    many = 2 * replica.MOST + 5
    rows = [{"digest": f"{number:032x}", "listed": True, "changed": number} for number in range(1, many + 1)]
    shelf.database.write(lambda connection: connection.execute(insert(block_list), rows)).result()
    shelf.write(update(cursor).values(last=many))
    parts: list[BlockList] = []
    since = ""
    while not parts or parts[-1].more:
        answer = shelf.told(since)
        assert answer.block_list is not None
        since, parts = answer.cursor, [*parts, answer.block_list]
    assert [len(part.listed) for part in parts] == [replica.MOST, replica.MOST, 5]
    assert [part.whole for part in parts] == [True, False, False]
    assert {said for part in parts for said in part.listed} == {row["digest"] for row in rows}
    assert number(since) == many


def test_the_list_holds_no_number_and_none_of_the_stores_own_digests(shelf: Shelf) -> None:
    shelf.write(*(block(person) for person in seed.PATRONS if not person.block))
    shelf.refresh()
    said = shelf.told().model_dump_json()
    own = shelf.database.read(lambda connection: connection.execute(select(cards.c.digest)).scalars().all()).result()
    for secret in (*own, *(person.number for person in seed.PATRONS), *(person.patron for person in seed.PATRONS)):
        assert secret not in said
        assert secret[:32] not in said


# --- the branch's own rules ---------------------------------------------------------------------


def test_closing_dates_are_told_from_today_on_and_only_the_branchs_own(shelf: Shelf) -> None:
    def closed(branch: str, days: int) -> Any:
        return insert(closings).values(branch_id=branch, day=TODAY + timedelta(days), reason="Lukket")

    shelf.write(closed(seed.ULFBORG, 30), closed(seed.ULFBORG, 0), closed(seed.ULFBORG, -1), closed(seed.VINDERUP, 1))
    told = shelf.told().closing_dates
    assert [(closing.closing_date, closing.description) for closing in told] == [
        (TODAY, "Lukket"),
        (date(2026, 12, 24), "Lukket"),
    ]


def test_the_librarys_own_words_are_told(shelf: Shelf) -> None:
    shelf.write(insert(texts).values(branch_id=seed.ULFBORG, name="welcome", language="da", text="Velkommen"))
    (said,) = shelf.told().texts
    assert (said.name, said.language, said.text) == ("welcome", "da", "Velkommen")


# --- over the wire ------------------------------------------------------------------------------


def test_a_machine_that_sends_no_cursor_gets_what_it_always_got(machine: Machine, tmp_path: Path) -> None:
    reply = machine.ask("GET", REPLICA)
    assert reply.status == 200
    file = UnitFile(tmp_path / "unit.sqlite")
    with closing(file):
        pulled = pull(lambda _cursor: ReplicaAnswer.model_validate_json(reply.body), "")
        kept = Replica(file, seed.ULFBORG).keep(pulled)
    assert isinstance(kept, BranchRules)
    assert kept.loan_days == 30


def test_the_key_in_the_answer_makes_the_digests_of_the_list(library: Library, machine: Machine) -> None:
    locks = start.locks(library.home)
    with closing(start.open_database(library.home)) as database:
        database.write(lambda connection: replica.refresh(connection, locks, MORNING)).result()
    said = machine.ask("GET", REPLICA).said
    key = b64decode(said["blockList"]["key"], validate=True)
    assert replica.digest_of(key, seed.EXCLUDED.number) in said["blockList"]["listed"]
    after = machine.ask("GET", f"{REPLICA}?cursor={said['cursor']}").said
    assert after["blockList"]["listed"] == []


@pytest.mark.parametrize(
    "query",
    [
        *("cursor=", "cursor=0", "cursor=x", "cursor=%00", f"cursor={'a' * 16}", f"cursor={'a' * 16}-1e3"),
        *(f"cursor={'A' * 16}-1", f"cursor={'a' * 16}-1%0a", f"cursor={'a' * 16}-1&cursor={'a' * 16}-1"),
    ],
)
def test_a_cursor_that_no_answer_gave_is_a_bad_request(machine: Machine, query: str) -> None:
    reply = machine.ask("GET", f"{REPLICA}?{query}")
    assert (reply.status, reply.said["errorCode"]) == (400, "badRequest")
