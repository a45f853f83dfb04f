"""A loan that a machine gave up and the store had made, when the patron has asked once more in the meantime."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from kiosk.event import Event, ItemLent, ItemReturned, LoanGivenUp
from kiosk.loop import system_clock
from kiosk.model import DeviceId, EventId, Loan, PatronId
from sync import seal
from sync.central import seed
from sync.central.schema import loans
from sync.outbox import Outbox
from sync.rest.client import RestStore
from sync.store.file import UnitFile
from tests.sync.central.library import Library

ITEM, READER = seed.BOOK.item, seed.ADULT


class Counter:
    """A machine whose events are told when the test says so."""

    def __init__(self, library: Library, name: str, folder: Path) -> None:
        self.library, self._numbers = library, count(1)
        bundle = library.machine(name).bundle
        self.store = RestStore(library.address, bundle, 20.0, system_clock)
        self.file = UnitFile(folder / f"{name}.db")
        sealer = seal.Sealer(seal.load_public(bundle / "seal-public"))
        self.outbox = Outbox(self.file, sealer, DeviceId(name), library.clock, "boot-1")
        self._name = name

    def event(self) -> EventId:
        return EventId(f"{self._name}-{next(self._numbers):020d}")

    def lend(self) -> EventId:
        """The store lends; whether anybody hears it is for the test to say."""
        self.library.clock.forward(minutes=1)
        asked = self.event()
        assert isinstance(self.store.checkout(READER.patron, ITEM, asked), Loan)
        return asked

    def record(self, event: Event) -> None:
        self.library.clock.forward(minutes=1)
        self.outbox.record(event, self.event())

    def tell(self) -> None:
        self.outbox.confirm(self.store.push(self.outbox.pending()).results)

    def say(self, event: Event) -> None:
        self.record(event)
        self.tell()

    def give_up(self, asked: EventId) -> None:
        self.say(LoanGivenUp(asked, ITEM))

    def close(self) -> None:
        self.store.close()
        self.file.close()


@pytest.fixture
def counters(library: Library, tmp_path: Path) -> Iterator[tuple[Counter, Counter]]:
    made = Counter(library, "counter-1", tmp_path), Counter(library, "counter-2", tmp_path)
    yield made
    for counter in made:
        counter.close()


def holders(library: Library) -> list[PatronId]:
    return [row.patron_id for row in library.rows(loans) if row.item_id == ITEM and row.returned_at is None]


def lent_off_line(library: Library) -> ItemLent:
    return ItemLent(READER.card, ITEM, library.clock.wall.date() + timedelta(days=30), offline=True)


def test_a_loan_that_nobody_asked_for_again_is_undone(library: Library, counters: tuple[Counter, Counter]) -> None:
    one, _ = counters
    one.give_up(one.lend())
    assert holders(library) == []


@pytest.mark.parametrize("place", [0, 1])
def test_who_was_told_yes_since_keeps_the_loan(library: Library, counters: tuple[Counter, Counter], place: int) -> None:
    """The answer was lost, the patron scanned it again, there or at the machine beside it, and has the receipt."""
    unheard = counters[0].lend()
    counters[place].lend()
    counters[0].give_up(unheard)
    assert holders(library) == [READER.patron]


def test_who_was_told_yes_off_line_keeps_the_loan(library: Library, counters: tuple[Counter, Counter]) -> None:
    one, two = counters
    unheard = one.lend()
    two.say(lent_off_line(library))
    one.give_up(unheard)
    assert holders(library) == [READER.patron]


def test_who_was_told_yes_before_keeps_the_loan(library: Library, counters: tuple[Counter, Counter]) -> None:
    one, two = counters
    one.lend()
    two.give_up(two.lend())
    assert holders(library) == [READER.patron]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_both_have_given_up_is_undone(
    library: Library, counters: tuple[Counter, Counter], order: tuple[int, int]
) -> None:
    asked = [counter.lend() for counter in counters]
    for place in order:
        counters[place].give_up(asked[place])
    assert holders(library) == []


@pytest.mark.parametrize("online", [True, False])
def test_a_return_of_before_that_is_told_after_does_not_end_what_was_taken_again(
    library: Library, counters: tuple[Counter, Counter], online: bool
) -> None:
    """It came back while the line was down, and was borrowed anew at the machine beside it: first told last."""
    one, two = counters
    one.lend()
    one.record(ItemReturned(ITEM, offline=True))
    if online:
        two.lend()
    else:
        two.say(lent_off_line(library))
    one.tell()
    assert holders(library) == [READER.patron]


def test_what_was_given_up_in_between_leaves_the_loan_of_before_as_it_was(
    library: Library, counters: tuple[Counter, Counter]
) -> None:
    """A return of after it, and of before the second question, ends it."""
    one, two = counters
    one.lend()
    one.record(ItemReturned(ITEM, offline=True))
    two.give_up(two.lend())
    assert holders(library) == [READER.patron]
    one.tell()
    assert holders(library) == []


def test_a_return_told_before_the_second_question_is_given_up_ends_the_loan_too(
    library: Library, counters: tuple[Counter, Counter]
) -> None:
    one, two = counters
    one.lend()
    one.record(ItemReturned(ITEM, offline=True))
    asked = two.lend()
    one.tell()
    two.give_up(asked)
    assert holders(library) == []
    assert [row.returned_at is None for row in library.rows(loans) if row.item_id == ITEM] == [False]


def test_a_later_loan_of_another_patron_is_left_alone(library: Library, counters: tuple[Counter, Counter]) -> None:
    one, two = counters
    unheard = one.lend()
    other = seed.PERMITTED
    two.say(ItemLent(other.card, ITEM, library.clock.wall.date() + timedelta(days=30), offline=True))
    one.give_up(unheard)
    assert holders(library) == [other.patron]
