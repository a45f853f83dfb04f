"""What comes wrong to a self-checkout machine: from its reader, from its store, from its disk.

It says so, confirms nothing that is not kept, loses nothing, and goes on. The machine is whole but for its window.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from drivers.simulated.clock import simulated_clock
from drivers.simulated.serial_emulator import SerialEmulator, health_card
from kiosk.checkout.line import Lent, Refused, Returned, Trouble
from kiosk.checkout.states import AskingPin, Lending, Notice, Returning, ReturnTapped, Told
from kiosk.composition import store_way
from kiosk.demo.site import COUNTER, Site
from kiosk.event import ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Fault
from kiosk.loop import system_clock
from kiosk.model import EventId
from sync import rows
from sync.central import ledger, seed
from sync.central.ledger import LoanEntry
from sync.central.machines.intake import Arrived
from sync.central.web.server import CentralServer
from sync.rest import wire
from sync.rest.client import RestStore
from sync.store.file import PAGE, UnitFile
from tests.e2e import bad_stores, canary, rig
from tests.e2e.bad_stores import Bad
from tests.e2e.rig import Screen
from tests.sync.rest.scripted import Act, Scripted

_CARD = health_card(seed.ADULT.number)
_FIRST, _SECOND, _HALVED, _BACK = seed.BOOK.item, seed.ITEMS[8].item, seed.ITEMS[9].item, seed.ON_LOAN.item


@pytest.fixture
def placed(site: Site) -> Site:
    """A site whose store has an address, and is not there."""
    with rig.open_store(site):
        pass
    return site


def of_adult(site: Site) -> list[LoanEntry]:
    return [loan for loan in ledger.loans_of(site.home) if loan.patron == seed.ADULT.patron]


def is_back(site: Site) -> bool:
    """Each return arrived once, as one event that the store has taken."""
    returned = [loan for loan in ledger.loans_of(site.home) if loan.item == _BACK and loan.returned_at]
    return len(returned) == 1 and [e.outcome != "refused" for e in rig.told(site, COUNTER, "item.returned")] == [True]


def nothing_leaked(site: Site) -> None:
    assert canary.found(canary.left_by_machines(site.folder)) == []


# --- from the reader ------------------------------------------------------------------------------

_UNREADABLE: dict[str, Callable[[SerialEmulator], None]] = {
    "half a barcode": lambda reader: reader.half(_FIRST),
    "a barcode cut short by its end": lambda reader: reader.send(_FIRST[:5].encode() + b"\r"),
    "a bad swipe": lambda reader: reader.send(b";E?\r"),
    "10 kB of noise": lambda reader: reader.noise(10_000, seed=7),
}


@pytest.mark.parametrize("sent", _UNREADABLE)
def test_what_cannot_be_read_is_said_and_a_good_card_is_taken_after_it(placed: Site, sent: str) -> None:
    with rig.open_store(placed), rig.counter(placed) as screen:
        _UNREADABLE[sent](screen.reader)
        screen.wait_for(lambda: getattr(screen.state.stage, "what", None) is Told.UNREADABLE, "a word about it")
        for _ in range(2):  # the first one may end what is still half read
            screen.reader.swipe(_CARD)
        screen.wait_for_stage(AskingPin)
    nothing_leaked(placed)


@pytest.mark.parametrize("sent", _UNREADABLE)
def test_what_cannot_be_read_between_two_books_changes_nothing(placed: Site, sent: str) -> None:
    with rig.open_store(placed), rig.counter(placed) as screen:
        lending(screen)
        screen.scan(_FIRST)
        before = screen.lines
        _UNREADABLE[sent](screen.reader)
        for _ in range(2):
            screen.reader.scan(_SECOND)
        screen.wait_for(lambda: isinstance(screen.outcome(_SECOND), Lent), "the second book")
        assert screen.lines[:1] == before
        assert len(screen.lines) == 2
    nothing_leaked(placed)


def test_a_reader_unplugged_in_the_middle_of_lending_is_told_of_and_lending_goes_on(placed: Site) -> None:
    with rig.open_store(placed), rig.counter(placed) as screen:
        lending(screen)
        screen.reader.send(f"{_FIRST}\r{_HALVED[:5]}".encode())  # in one piece: with the first, half the second is read
        screen.wait_for(lambda: isinstance(screen.outcome(_FIRST), Lent), "the first book")
        before = screen.lines
        screen.reader.unplug()
        screen.wait_for(lambda: Fault.READER_LOST in screen.state.faults, "the fault")
        assert screen.lines == before
        screen.reader.plug()
        assert screen.reader.opened(rig.WITHIN_S)
        screen.wait_for(lambda: Fault.READER_LOST not in screen.state.faults, "its end")
        screen.reader.send(_HALVED[5:].encode() + b"\r")
        assert isinstance(screen.scan(_SECOND), Lent)
        assert [line.item for line in screen.lines] == [_FIRST, _SECOND]  # the two halves did not make one
        rig.delivered(screen)
    for kind in ("fault.raised", "fault.cleared"):
        assert [e.detail for e in rig.told(placed, COUNTER, kind)].count(Fault.READER_LOST.value) == 1
    assert sorted(loan.item for loan in of_adult(placed)) == sorted([_FIRST, _SECOND])


def heard(screen: Screen, lends: str) -> None:
    """The machine knows what it needs to lend without the store."""
    screen.wait_for(lambda: screen.state.lends.value == lends, "the store's rules")


def lending(screen: Screen) -> None:
    screen.log_in(seed.ADULT)
    screen.wait_for_stage(Lending)


# --- from the store -------------------------------------------------------------------------------


@contextmanager
def interrupted(site: Site, at_loans: Act, lends: str) -> Iterator[tuple[Screen, Scripted]]:
    """A machine whose store knows the patron, and then answers loans and returns badly, and takes no event."""
    with (
        bad_stores.store_that_keeps_nothing(site, at_loans) as running,
        rig.counter(site, lends) as screen,
    ):
        heard(screen, lends)
        lending(screen)
        yield screen, running


def waiting_now(site: Site, folder: Path) -> list[Arrived]:
    return rig.waiting(site, rig.disk_of(site, COUNTER, folder) / "checkout.db")


def known(arrived: list[Arrived], event_id: EventId) -> list[object]:
    return [one.said for one in arrived if one.envelope.event_id == event_id]


def come_back(site: Site, lends: str) -> None:
    """The store, and the machine started anew on what it has kept."""
    with rig.open_store(site), rig.counter(site, lends) as screen:
        rig.delivered(screen)


@pytest.mark.parametrize("bad", bad_stores.ANSWERING, ids=str)
def test_where_everybody_may_borrow_off_line_a_bad_store_costs_nothing(placed: Site, tmp_path: Path, bad: Bad) -> None:
    with interrupted(placed, bad.act, "everybody") as (screen, store):
        lent, key = screen.scan(_FIRST), screen.line(_FIRST).event
        assert isinstance(lent, Lent) and lent.offline
        assert bad_stores.keys_asked(store, wire.LOANS) == [key]
        screen.turn_to_returns()
        assert screen.scan(_BACK) == Returned("", held=False, offline=True)
        back = screen.line(_BACK).event
        assert bad_stores.keys_asked(store, wire.RETURNS) == [back]
        waiting = waiting_now(placed, tmp_path)
    assert known(waiting, key) == [ItemLent(seed.ADULT.patron, _FIRST, lent.due, offline=True)]
    assert known(waiting, back) == [ItemReturned(_BACK, offline=True)]
    come_back(placed, "everybody")
    assert [(loan.item, loan.due, loan.returned_at) for loan in of_adult(placed)] == [(_FIRST, lent.due, None)]
    assert is_back(placed)
    nothing_leaked(placed)


@pytest.mark.parametrize("bad", bad_stores.ANSWERING, ids=str)
def test_where_nobody_may_borrow_off_line_a_bad_store_lends_nothing(placed: Site, tmp_path: Path, bad: Bad) -> None:
    with interrupted(placed, bad.act, "nobody") as (screen, store):
        assert screen.scan(_FIRST) == Refused(Trouble.OFFLINE)
        (key,) = bad_stores.keys_asked(store, wire.LOANS)
        screen.turn_to_returns()
        assert screen.scan(_BACK) == Returned("", held=False, offline=True)
        said = [arrived.said for arrived in waiting_now(placed, tmp_path)]
    assert [event for event in said if isinstance(event, ItemLent | LoanGivenUp)] == [LoanGivenUp(EventId(key), _FIRST)]
    come_back(placed, "nobody")
    assert of_adult(placed) == []
    assert [entry.outcome for entry in rig.told(placed, COUNTER, "loan.given_up")] == ["accepted"]
    assert is_back(placed)
    nothing_leaked(placed)


@pytest.mark.parametrize("lends", ["everybody", "nobody"])
def test_a_loan_whose_answer_is_lost_is_there_once_or_not_at_all(placed: Site, lends: str) -> None:
    """The store has lent it, and the machine does not know."""
    clock = simulated_clock(placed.clock_file, system_clock)
    with CentralServer(placed.home, clock) as real:
        asking = RestStore(real.address, placed.folder / COUNTER / "credentials", rig.WITHIN_S, system_clock)
        lost = bad_stores.lends_and_says_nothing(asking)
        with interrupted(placed, lost, lends) as (screen, _):
            outcome = screen.scan(_FIRST)
        asking.close()
    assert [loan.item for loan in of_adult(placed)] == [_FIRST]
    come_back(placed, lends)
    if lends == "everybody":
        assert isinstance(outcome, Lent) and outcome.offline
        assert [(loan.item, loan.returned_at) for loan in of_adult(placed)] == [(_FIRST, None)]
    else:
        assert outcome == Refused(Trouble.OFFLINE)
        assert [loan for loan in of_adult(placed) if loan.returned_at is None] == []


@pytest.mark.parametrize("bad", bad_stores.STRANGERS, ids=str)
def test_a_stranger_in_the_store_s_place_learns_nothing_and_costs_nothing(
    placed: Site, tmp_path: Path, bad: Bad
) -> None:
    with rig.open_store(placed), rig.counter(placed) as screen:
        heard(screen, "everybody")
    with bad_stores.bad_store(placed, bad, tmp_path / "keys") as stranger, rig.counter(placed) as screen:
        lending(screen)
        lent = screen.scan(_FIRST)
        assert isinstance(lent, Lent) and lent.offline
        screen.turn_to_returns()
        assert screen.scan(_BACK) == Returned("", held=False, offline=True)
        screen.wait_for(lambda: bad.fault in screen.state.faults, "the fault")
        assert stranger.asked == []
    come_back(placed, "everybody")
    assert [(loan.item, loan.due) for loan in of_adult(placed)] == [(_FIRST, lent.due)]
    assert is_back(placed)
    nothing_leaked(placed)


@pytest.mark.parametrize("bad", bad_stores.STRANGERS, ids=str)
def test_where_nobody_may_borrow_off_line_a_stranger_lets_nobody_in(placed: Site, tmp_path: Path, bad: Bad) -> None:
    with bad_stores.bad_store(placed, bad, tmp_path / "keys"), rig.counter(placed, "nobody") as screen:
        screen.log_in(seed.ADULT)
        screen.wait_for_stage(Notice)
        assert getattr(screen.state.stage, "what", None) is Told.OFFLINE
        screen.turn_to_returns()
        assert screen.scan(_BACK) == Returned("", held=False, offline=True)
    come_back(placed, "nobody")
    assert of_adult(placed) == []
    assert is_back(placed)


# --- from the disk --------------------------------------------------------------------------------


def test_on_a_full_disk_nothing_is_confirmed_that_is_not_written(
    placed: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit's file may grow by two pages; the store is away, so that all must be kept here."""
    with closing(UnitFile(tmp_path / "empty.db")) as empty, empty.statements() as statements:
        pages = rows.size(statements) // PAGE
    monkeypatch.setattr(store_way, "_pages", lambda _: pages + 2)
    with rig.counter(placed) as screen:
        screen.machine.unit.put(ReturnTapped())
        screen.wait_for_stage(Returning)
        for copy in seed.ITEMS[:-1]:
            if screen.scan(copy.item) == Refused(Trouble.OUT_OF_ORDER):
                break
        *taken, refused = [line.item for line in screen.lines]
        assert len(taken) > 5
        assert screen.outcome(refused) == Refused(Trouble.OUT_OF_ORDER)
        screen.wait_for(lambda: any(Fault.OUTBOX_FULL in state.faults for state in screen.states), "the fault")
        said = [arrived.said for arrived in waiting_now(placed, tmp_path)]
        assert [event.item for event in said if isinstance(event, ItemReturned)] == taken
        with rig.open_store(placed):
            rig.delivered(screen)
            screen.wait_for(lambda: Fault.OUTBOX_FULL not in screen.state.faults, "room on the disk")
            assert isinstance(screen.scan(seed.ITEMS[-1].item), Returned)
            screen.reader.scan(refused)  # once more: its line stands on the screen
            screen.wait_for(lambda: isinstance(screen.outcome(refused), Returned), "the refused one, taken")
            rig.delivered(screen)
    assert len(rig.told(placed, COUNTER, "item.returned")) == len(taken) + 2
