"""What the branch knows of its own rules and of the block list when nobody can be asked."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.fault import DeviceFault, Fault
from kiosk.model import BranchId, Credential
from sync import replica as replicas
from sync import seal
from sync.replica import BranchRules, Kept, Pulled, Replica, digest_of, kept, pull
from sync.rest.wire import BlockList, BranchText, ClosingDate, ReplicaAnswer
from sync.store.file import UnitFile
from sync.store.look import look
from tests.sync.bench_store import BRANCH, BenchClock, BenchStore, Unit

KEY = seal.generate()
TOLD = BenchStore(KEY).rules
NOON = datetime(2026, 3, 2, 10, tzinfo=UTC)
RULES = BranchRules("Ulfborg", "Mo-Fr 10:00-17:00", "Mo-Su 07:00-22:00", 15, 30, frozenset(), NOON)
LIST_KEY, OTHER_KEY = bytes(range(32)), bytes(32)
CARDS = tuple(Credential(f"94{number:08}") for number in range(20))
ONE, TWO, THREE = CARDS[:3]
EPOCH, NEXT_EPOCH = "00000000000000aa", "00000000000000bb"


def told(cursor: str, block_list: BlockList | None, **more: Any) -> ReplicaAnswer:
    return TOLD.model_copy(update={"cursor": cursor, "block_list": block_list, **more})


def part(
    *listed: Credential,
    off: tuple[Credential, ...] = (),
    whole: bool = False,
    more: bool = False,
    key: bytes = LIST_KEY,
) -> BlockList:
    on, gone = ([digest_of(key, card).hex() for card in cards] for cards in (listed, off))
    return BlockList(key=b64encode(key), listed=tuple(on), unlisted=tuple(gone), whole=whole, more=more)


def answering(*answers: ReplicaAnswer, asked: list[str] | None = None) -> Callable[[str], ReplicaAnswer]:
    """Each answer once, in turn."""
    left = list(answers)

    def ask(cursor: str) -> ReplicaAnswer:
        if asked is not None:
            asked.append(cursor)
        if not left:
            raise DeviceFault(Fault.STORE_SILENT)
        return left.pop(0)

    return ask


def pulled(replica: Replica, *answers: ReplicaAnswer) -> BranchRules:
    return replica.keep(pull(answering(*answers), replica.cursor()))


def fault_of(work: Callable[[], object]) -> Fault:
    with pytest.raises(DeviceFault) as caught:
        work()
    return caught.value.fault


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    yield made
    made.close()


@pytest.fixture
def replica(unit: Unit) -> Replica:
    return Replica(unit.file, BRANCH)


def listed(replica: Replica, *among: Credential) -> set[Credential]:
    return {card for card in among or CARDS if replica.lists(card)}


# --- the branch's rules -------------------------------------------------------------------------


def test_a_machine_that_never_heard_the_store_has_no_rules(replica: Replica) -> None:
    assert replica.rules() is None
    assert replica.cursor() == ""
    assert replica.lists(ONE) is None
    assert replica.texts() == ()


def test_all_of_it_is_there_after_a_cold_start_without_a_network(unit: Unit, tmp_path: Path) -> None:
    text = BranchText(name="start", language="da", text="Brug hoveddøren")
    days = tuple(ClosingDate(closing_date=date(2026, 12, day), description="Jul") for day in (25, 24))
    answer = told(f"{EPOCH}-1", part(ONE, whole=True), closing_dates=days, texts=(text,))
    closed = frozenset({date(2026, 12, 24), date(2026, 12, 25)})
    rules = BranchRules("Ulfborg", "Mo-Fr 10:00-17:00", "Mo-Su 07:00-22:00", 15, 30, closed, NOON)
    assert pulled(Replica(unit.file, BRANCH), answer) == rules
    again = unit.died(tmp_path / "again")
    replica = Replica(again.file, BRANCH)
    assert replica.rules() == rules
    assert replica.texts() == (text,)
    assert (replica.cursor(), listed(replica)) == (f"{EPOCH}-1", {ONE})
    again.close()


def test_the_same_rules_again_are_younger(replica: Replica) -> None:
    assert pulled(replica, TOLD) == RULES
    later = TOLD.model_copy(update={"as_of": TOLD.as_of + timedelta(hours=1)})
    assert pulled(replica, later).as_of == later.as_of


def test_other_hours_closings_and_texts_take_the_place_of_the_old_ones(replica: Replica) -> None:
    text = BranchText(name="start", language="da", text="Brug hoveddøren")
    day = ClosingDate(closing_date=date(2026, 12, 24), description="Jul")
    pulled(replica, told("", None, closing_dates=(day,), texts=(text,)))
    changed = pulled(replica, TOLD.model_copy(update={"staffed": "off", "minimum_age": 18}))
    assert changed == BranchRules("Ulfborg", "off", "Mo-Su 07:00-22:00", 18, 30, frozenset(), NOON)
    assert replica.texts() == ()


def test_a_machine_that_moved_to_another_branch_forgets_the_old_one(unit: Unit) -> None:
    pulled(Replica(unit.file, BRANCH), TOLD)
    moved = Replica(unit.file, BranchId("DK-766105"))
    assert moved.rules() is None
    pulled(moved, TOLD.model_copy(update={"branch_id": "DK-766105"}))
    assert Replica(unit.file, BRANCH).rules() is None


# --- the block list -----------------------------------------------------------------------------


def test_the_first_list_comes_whole_and_later_only_what_changed(replica: Replica) -> None:
    asked: list[str] = []
    replica.keep(pull(answering(told(f"{EPOCH}-2", part(ONE, TWO, whole=True)), asked=asked), replica.cursor()))
    assert listed(replica) == {ONE, TWO}
    changes = told(f"{EPOCH}-4", part(THREE, off=(ONE,)))
    replica.keep(pull(answering(changes, asked=asked), replica.cursor()))
    assert listed(replica) == {TWO, THREE}
    assert (asked, replica.cursor()) == (["", f"{EPOCH}-2"], f"{EPOCH}-4")


def test_a_list_in_parts_is_asked_for_until_it_is_whole(replica: Replica) -> None:
    parts = [
        told(f"{EPOCH}-{number}", part(card, whole=number == 1, more=number < 5))
        for number, card in enumerate(CARDS[:5], 1)
    ]
    asked: list[str] = []
    replica.keep(pull(answering(*parts, asked=asked), ""))
    assert listed(replica) == set(CARDS[:5])
    assert asked == ["", *(f"{EPOCH}-{number}" for number in range(1, 5))]


def test_what_changes_while_the_parts_come_is_as_the_last_of_them_says(replica: Replica) -> None:
    first = told(f"{EPOCH}-2", part(ONE, TWO, whole=True, more=True))
    second = told(f"{EPOCH}-3", part(THREE, off=(ONE,), more=True))
    third = told(f"{EPOCH}-4", part(ONE, off=(THREE,)))
    pulled(replica, first, second, third)
    assert listed(replica) == {ONE, TWO}


def test_changes_in_parts_take_off_the_list_in_each_of_them(replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-3", part(ONE, TWO, THREE, whole=True)))
    pulled(replica, told(f"{EPOCH}-4", part(off=(ONE,), more=True)), told(f"{EPOCH}-5", part(off=(TWO,))))
    assert listed(replica) == {THREE}


@pytest.mark.parametrize("heard", [0, 1, 2])
def test_a_pull_that_is_cut_half_way_changes_nothing(replica: Replica, heard: int) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True)))
    parts = [told(f"{NEXT_EPOCH}-{n}", part(TWO, whole=n == 1, more=True), staffed="off") for n in (1, 2)]
    assert fault_of(lambda: pulled(replica, *parts[:heard])) is Fault.STORE_SILENT
    assert (replica.cursor(), listed(replica), replica.rules()) == (f"{EPOCH}-1", {ONE}, RULES)


def test_a_file_that_fails_half_way_keeps_rules_and_list_of_the_same_moment(unit: Unit, replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True)))
    with unit.file.transaction() as transaction:
        transaction.run(
            "CREATE TRIGGER full BEFORE INSERT ON block_list_told BEGIN SELECT raise(ABORT, 'no more'); END"
        )
    changed = told(f"{EPOCH}-2", part(TWO, off=(ONE,)), staffed="off")
    assert fault_of(lambda: pulled(replica, changed)) is Fault.OUTBOX_BROKEN
    assert (replica.cursor(), listed(replica), replica.rules()) == (f"{EPOCH}-1", {ONE}, RULES)


def test_a_list_of_another_epoch_takes_the_old_ones_place(replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-9", part(ONE, TWO, whole=True)))
    pulled(replica, told(f"{NEXT_EPOCH}-1", part(TWO, THREE, whole=True, key=OTHER_KEY)))
    assert listed(replica) == {TWO, THREE}
    assert replica.cursor() == f"{NEXT_EPOCH}-1"
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True, key=OTHER_KEY)))
    assert listed(replica) == {ONE}


def test_an_epoch_that_begins_between_two_parts_begins_the_list_anew(replica: Replica) -> None:
    first = told(f"{EPOCH}-1", part(ONE, whole=True, more=True))
    pulled(replica, first, told(f"{NEXT_EPOCH}-1", part(TWO, whole=True, key=OTHER_KEY)))
    assert listed(replica) == {TWO}


def test_a_store_that_has_no_list_leaves_none(replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True)))
    pulled(replica, TOLD)
    assert (replica.lists(ONE), replica.lists(TWO), replica.cursor()) == (None, None, "")


def test_a_list_that_names_nobody_is_a_list_until_there_is_none(replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-0", part(whole=True)))
    assert replica.lists(ONE) is False
    pulled(replica, TOLD)
    assert replica.lists(ONE) is None


def test_a_list_without_a_cursor_is_not_made_yet(replica: Replica) -> None:
    pulled(replica, told("", part(whole=True)))
    assert replica.lists(ONE) is None


@pytest.mark.parametrize(
    "answers",
    [
        (told(f"{EPOCH}-1", part(TWO)),),  # the first must be whole
        (told(f"{NEXT_EPOCH}-1", part(TWO)),),
        (told(f"{EPOCH}-1", part(TWO, whole=True, key=b"short")),),
        (told(f"{EPOCH}-1", part(TWO, whole=True, more=True)), told(f"{EPOCH}-2", part(ONE, key=OTHER_KEY))),
        (told(f"{EPOCH}-1", part(TWO, whole=True, more=True)),) * 1000,  # it never ends
    ],
)
def test_what_cannot_be_a_list_is_nonsense(answers: tuple[ReplicaAnswer, ...]) -> None:
    assert fault_of(lambda: pull(answering(*answers), "")) is Fault.STORE_NONSENSE


def test_changes_under_another_key_are_nonsense_and_change_nothing(replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True)))
    assert fault_of(lambda: pulled(replica, told(f"{EPOCH}-2", part(TWO, key=OTHER_KEY)))) is Fault.STORE_NONSENSE
    assert (replica.cursor(), listed(replica)) == (f"{EPOCH}-1", {ONE})


def test_a_list_that_is_too_long_is_nonsense_at_once_and_bit_by_bit(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "MOST_CARDS", 3)
    whole = told(f"{EPOCH}-1", part(*CARDS[:4], whole=True))
    assert fault_of(lambda: pull(answering(whole), "")) is Fault.STORE_NONSENSE
    pulled(replica, told(f"{EPOCH}-1", part(*CARDS[:3], whole=True)))
    assert fault_of(lambda: pulled(replica, told(f"{EPOCH}-2", part(CARDS[3])))) is Fault.STORE_NONSENSE
    assert listed(replica) == set(CARDS[:3])


def test_a_list_that_damage_has_bitten_is_none_and_is_asked_for_as_a_whole(unit: Unit, replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, TWO, whole=True)))
    with unit.file.transaction() as transaction:
        transaction.run("DELETE FROM block_list WHERE digest = ?", digest_of(LIST_KEY, ONE))
    assert (replica.lists(TWO), replica.cursor()) == (None, "")
    pulled(replica, told(f"{EPOCH}-1", part(ONE, TWO, whole=True)))
    assert listed(replica) == {ONE, TWO}


def test_a_door_keeps_no_list_and_yet_is_told_only_what_changed(unit: Unit) -> None:
    door = Replica(unit.file, BRANCH, lends=False)
    pulled(door, told(f"{EPOCH}-2", part(ONE, TWO, whole=True)))
    pulled(door, told(f"{EPOCH}-3", part(THREE, off=(ONE,))))
    assert (door.cursor(), door.lists(TWO)) == (f"{EPOCH}-3", None)
    assert digest_of(LIST_KEY, TWO) not in unit.bytes()
    assert Replica(unit.file, BRANCH).lists(TWO) is None


def test_a_look_into_the_file_tells_how_old_it_is_and_how_long_the_list(unit: Unit, replica: Replica) -> None:
    def looked() -> Kept | None:
        with look(unit.path) as statements:
            return kept(statements)

    assert looked() is None
    pulled(replica, TOLD)
    assert looked() == Kept(NOON, None)
    pulled(replica, told(f"{EPOCH}-2", part(ONE, TWO, whole=True)))
    assert looked() == Kept(NOON, 2)
    pulled(Replica(unit.file, BRANCH, lends=False), told(f"{EPOCH}-2", part(ONE, whole=True)))
    assert looked() == Kept(NOON, None)


def test_no_number_stands_in_the_file(unit: Unit, replica: Replica) -> None:
    pulled(replica, told(f"{EPOCH}-1", part(ONE, whole=True)))
    assert ONE.number.encode() not in unit.bytes()


def test_nothing_of_the_list_is_printed() -> None:
    changes: Pulled = pull(answering(told(f"{EPOCH}-1", part(ONE, whole=True))), "")
    digest = digest_of(LIST_KEY, ONE)
    assert digest.hex() not in repr(changes) and repr(digest) not in repr(changes.changes)


# --- any changes, any cut -----------------------------------------------------------------------


class ListStore:
    """The store's side of the list, as sync/central keeps it: each change has a number, two fit into one part."""

    def __init__(self) -> None:
        self.rows: dict[Credential, tuple[bool, int]] = {}
        self.last, self.epoch = 0, 0

    def listed(self) -> set[Credential]:
        return {card for card, (on, _) in self.rows.items() if on}

    def change(self, card: Credential | None) -> None:
        """On the list or off it; None: a new epoch, which forgets what is off."""
        if card is None:
            self.epoch += 1
            self.rows = {card: row for card, row in self.rows.items() if row[0]}
            return
        self.last += 1
        self.rows[card] = (card not in self.listed(), self.last)

    def told(self, cursor: str) -> ReplicaAnswer:
        epoch, _, number = cursor.partition("-")
        reached = int(number) if epoch == f"{self.epoch:016x}" else 0
        whole = not 0 < reached <= self.last
        after = 0 if whole else reached
        newer = [(at, card, on) for card, (on, at) in self.rows.items() if at > after and (on or not whole)]
        newer.sort(key=lambda row: row[0])
        more, newer = len(newer) > 2, newer[:2]
        on, off = (tuple(card for _, card, is_on in newer if is_on is wanted) for wanted in (True, False))
        said = f"{self.epoch:016x}-{newer[-1][0] if more else self.last}"
        return told(said, part(*on, off=off, whole=whole, more=more, key=bytes([self.epoch]) * 32))

    def asked(self, between: list[Credential | None], *, is_cut: bool) -> Callable[[str], ReplicaAnswer]:
        """between: changes, one before each part but the first. is_cut: the last part is lost."""
        left = list(between)

        def ask(cursor: str) -> ReplicaAnswer:
            if left and cursor:
                self.change(left.pop())
            answer = self.told(cursor)
            if is_cut and answer.block_list is not None and not answer.block_list.more:
                raise DeviceFault(Fault.STORE_SILENT)
            return answer

        return ask


CHANGE = st.one_of(st.sampled_from(CARDS[:6]), st.none())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.lists(CHANGE, max_size=8), st.lists(CHANGE, max_size=3), st.booleans()), max_size=8))
def test_a_whole_pull_leaves_the_stores_list_and_a_cut_one_the_old_list(
    rounds: list[tuple[list[Credential | None], list[Credential | None], bool]],
) -> None:
    """In each round the store's list changes, before the pull and between its parts; or its last part is lost."""
    store = ListStore()
    with TemporaryDirectory() as folder, closing(UnitFile(Path(folder) / "unit.db")) as file:
        replica = Replica(file, BRANCH)
        for before, between, is_cut in rounds:
            for card in before:
                store.change(card)
            old = replica.cursor(), listed(replica, *CARDS[:6])
            with suppress(DeviceFault):
                replica.keep(pull(store.asked(between, is_cut=is_cut), replica.cursor()))
            new = replica.cursor(), listed(replica, *CARDS[:6])
            assert new == old if is_cut else new[1] == store.listed()
