"""What the machine knows of cards by itself: the list above all, then who lately was here, and no number anywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.model import Credential, Standing
from sync import seal, seen
from sync.replica import Changes, Pulled, Replica, digest_of
from sync.seen import Memory, SeenCards
from tests.sync.bench_store import BRANCH, BenchClock, BenchStore, Unit

KEY = seal.generate()
ADA, EVE, BO = Credential("9101010001"), Credential("9303030003"), Credential("9202020002")
LIST_KEY = bytes(range(32))
DAY_S = 86_400.0


def list_of(*cards: Credential) -> Pulled:
    told = BenchStore(KEY).rules.model_copy(update={"cursor": "0123456789abcdef-1"})
    return Pulled(told, Changes(LIST_KEY, True, frozenset(digest_of(LIST_KEY, card) for card in cards), frozenset()))


class Desk:
    def __init__(self, folder: Path, memory: Memory) -> None:
        self.folder, self.clock = folder, BenchClock()
        self.unit = Unit(folder, self.clock, KEY)
        self.replica = Replica(self.unit.file, BRANCH)
        self.key = folder / "seen-cards.key"
        self.cards = self.started(memory)

    def started(self, memory: Memory) -> SeenCards:
        cards = SeenCards(self.unit.file, self.replica, self.key, memory, self.clock)
        cards.expire()
        return cards

    def knows(self, card: Credential) -> Standing:
        return self.cards.standing(card, proven=False)

    def rows(self) -> int:
        with self.unit.file.statements() as statements:
            return len(statements.rows("SELECT 1 FROM seen_cards"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(seen, "_COST", 2)
    made = Desk(tmp_path / "unit", Memory(days=7, most=3))
    made.replica.keep(list_of(EVE))
    yield made
    made.unit.close()


def test_without_a_list_nobody_is_known(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "unit", Memory(days=7))
    desk.cards.saw(ADA)
    assert {desk.knows(ADA), desk.cards.standing(ADA, proven=True)} == {Standing.UNTOLD}
    desk.unit.close()


def test_a_card_is_a_stranger_until_it_was_seen(desk: Desk) -> None:
    assert desk.knows(ADA) is Standing.STRANGER
    assert desk.cards.standing(ADA, proven=True) is Standing.SEEN
    desk.cards.saw(ADA)
    assert desk.knows(ADA) is Standing.SEEN
    assert desk.knows(BO) is Standing.STRANGER


def test_a_listed_card_is_listed_however_often_it_was_seen_and_is_seen_no_more(desk: Desk) -> None:
    desk.cards.saw(EVE)
    assert desk.cards.standing(EVE, proven=True) is Standing.LISTED
    assert desk.rows() == 0
    desk.cards.saw(EVE)
    assert desk.knows(EVE) is Standing.LISTED
    desk.replica.keep(list_of())
    assert desk.knows(EVE) is Standing.STRANGER


def test_a_forgotten_card_is_a_stranger(desk: Desk) -> None:
    desk.cards.saw(ADA)
    desk.cards.forget(ADA)
    assert desk.knows(ADA) is Standing.STRANGER
    assert desk.rows() == 0


def test_a_card_is_known_for_so_many_days_and_then_gone(desk: Desk) -> None:
    desk.cards.saw(ADA)
    desk.clock.advance(7 * DAY_S)
    desk.cards.expire()
    assert desk.knows(ADA) is Standing.SEEN
    desk.clock.advance(DAY_S)
    assert desk.knows(ADA) is Standing.STRANGER
    desk.cards.expire()
    assert desk.rows() == 0


def test_a_day_that_is_still_to_come_is_none_on_which_a_card_was_seen(desk: Desk) -> None:
    desk.clock.turn(datetime(2030, 1, 1, tzinfo=UTC))
    desk.cards.saw(ADA)
    desk.clock.turn(datetime(2026, 3, 2, tzinfo=UTC))
    assert desk.knows(ADA) is Standing.STRANGER
    desk.cards.expire()
    assert desk.rows() == 0


def test_the_oldest_go_when_there_are_too_many(desk: Desk) -> None:
    cards = [Credential(f"94040400{number:02}") for number in range(4)]
    for card in cards:
        desk.cards.saw(card)
        desk.clock.advance(60)
    assert [desk.knows(card) for card in cards] == [Standing.STRANGER, *[Standing.SEEN] * 3]


def test_seen_again_is_the_newest_again(desk: Desk) -> None:
    cards = [Credential(f"94040400{number:02}") for number in range(4)]
    for card in (*cards[:3], cards[0], cards[3]):
        desk.cards.saw(card)
    assert [desk.knows(card) for card in cards] == [Standing.SEEN, Standing.STRANGER, Standing.SEEN, Standing.SEEN]


def test_the_key_is_the_machines_own_its_owners_alone_and_stays(desk: Desk, tmp_path: Path) -> None:
    desk.cards.saw(ADA)
    assert desk.key.stat().st_mode & 0o777 == 0o600
    assert desk.started(Memory(days=7)).standing(ADA, proven=False) is Standing.SEEN
    other = Desk(tmp_path / "other", Memory(days=7))
    other.cards.saw(ADA)
    assert other.key.read_bytes() != desk.key.read_bytes()
    other.unit.close()


def test_a_key_that_is_lost_or_cut_makes_strangers_of_all(desk: Desk) -> None:
    desk.cards.saw(ADA)
    desk.key.write_bytes(desk.key.read_bytes()[:31])
    again = desk.started(Memory(days=7, most=3))
    assert again.standing(ADA, proven=False) is Standing.STRANGER
    assert desk.rows() == 0
    again.saw(ADA)
    assert again.standing(ADA, proven=False) is Standing.SEEN
    assert len(desk.key.read_bytes()) == 32


def test_where_nothing_is_to_be_kept_nothing_is_and_what_was_goes_with_its_key(desk: Desk) -> None:
    desk.cards.saw(ADA)
    nothing = desk.started(Memory())
    assert desk.rows() == 0 and not desk.key.exists()
    nothing.saw(ADA)
    nothing.forget(ADA)
    assert nothing.standing(ADA, proven=False) is Standing.STRANGER
    assert desk.rows() == 0 and not desk.key.exists()


def test_a_clock_that_is_not_certain_keeps_nothing(desk: Desk) -> None:
    desk.clock.now = type(desk.clock.now)(desk.clock.now.wall, desk.clock.now.mono, synced=False)
    desk.cards.saw(ADA)
    assert desk.rows() == 0


def test_a_file_that_cannot_be_read_knows_nobody(desk: Desk) -> None:
    with desk.unit.file.transaction() as transaction:
        transaction.run("DROP TABLE seen_cards")
    desk.cards.saw(ADA)
    desk.cards.forget(ADA)
    desk.cards.expire()
    assert desk.knows(ADA) is Standing.UNTOLD
    assert desk.knows(EVE) is Standing.LISTED


def test_no_number_and_no_quick_digest_of_one_stands_in_any_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "unit", Memory(days=7))
    desk.replica.keep(list_of(EVE))
    desk.cards.saw(ADA)
    left = b"".join(path.read_bytes() for path in desk.folder.iterdir())
    quick = digest_of(desk.key.read_bytes(), ADA), digest_of(LIST_KEY, ADA)
    assert all(word not in left for word in (ADA.number.encode(), EVE.number.encode(), *quick))
    desk.unit.close()


def test_a_digest_costs_memory_that_a_thief_must_have_for_each_try() -> None:
    assert 128 * seen._COST * seen._BLOCK >= 16 * 2**20
