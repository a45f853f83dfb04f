"""A self-checkout machine that starts while its store is silent: it lends by what it has kept, or says so."""

import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from config.settings import load
from kiosk.checkout.line import Lent, Returned
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import AskingPin, BackTapped, Lending, Notice, Returning, ReturnTapped, Start, State, Told
from kiosk.composition.checkout import SelfCheckout
from kiosk.fault import Fault
from kiosk.hours import today
from kiosk.loop import system_clock
from kiosk.model import BranchId, CardSwiped, CodeScanned, Credential, DigitTyped, Now
from sync import pki, seal
from sync.replica import Replica, digest_of, pull
from sync.rest.wire import BlockList, ClosingDate, ReplicaAnswer
from sync.seen import Memory, SeenCards
from sync.store.file import UnitFile
from tests.sync.rest.scripted import Installation

ADA, EVE = Credential("9101010001"), Credential("9303030003")  # Eve's card is on the list
BOOK = "5010000001"
BRANCH = BranchId("DK-766103")
LIST_KEY = bytes(range(32))
WITHIN_S = 20.0


@dataclass
class Screen:
    """What the machine shows, and the hands before it."""

    machine: SelfCheckout | None = None
    states: list[State] = field(default_factory=lambda: [State()])
    changed: threading.Condition = field(default_factory=threading.Condition)

    def show(self, state: State) -> None:
        with self.changed:
            self.states.append(state)
            self.changed.notify_all()

    def until(self, come: Callable[[State], bool]) -> State:
        with self.changed:
            assert self.changed.wait_for(lambda: come(self.states[-1]), WITHIN_S), self.states[-1]
            return self.states[-1]

    def put(self, *given: CardSwiped | CodeScanned | DigitTyped | ReturnTapped | BackTapped) -> None:
        assert self.machine is not None
        for one in given:
            self.machine.unit.put(one)

    def log_in(self, card: Credential) -> object:
        """The stage that it leads to; at once, or after a PIN that nobody checks."""
        self.put(BackTapped())
        self.until(lambda state: isinstance(state.stage, Start))
        self.put(CardSwiped(card))
        if isinstance(self.until(lambda state: not isinstance(state.stage, Start)).stage, AskingPin):
            self.put(*map(DigitTyped, "1234"))
        return self.until(lambda state: isinstance(state.stage, Lending | Notice)).stage


class Site:
    """A machine's folder, enrolled at a store that is not there."""

    def __init__(self, folder: Path) -> None:
        self.state_dir = pki.make_directory(folder / "state")
        self._config, self._credentials = folder / "kiosk.toml", Installation(folder / "pki").credentials
        pki.write_file(self._credentials / "seal-public", seal.generate().public().encode())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = taken.getsockname()[1]

    def hears(self, answer: ReplicaAnswer) -> None:
        """In a life before, from the store."""
        with closing(UnitFile(self.state_dir / "checkout.db")) as file:
            Replica(file, BRANCH).keep(pull(lambda _: answer, ""))

    def sees(self, card: Credential) -> None:
        """In a life before, with its right PIN."""
        key = self.state_dir / "seen-cards.key"
        with closing(UnitFile(self.state_dir / "checkout.db")) as file:
            SeenCards(file, Replica(file, BRANCH), key, Memory(days=7), system_clock_that_is_certain).saw(card)

    @contextmanager
    def started(self, offline: str) -> Iterator[Screen]:
        self._config.write_text(
            f"""
[device]
id = "machine-1"
branch = "{BRANCH}"
simulated = true
state_dir = "{self.state_dir}"
[clock]
source = "simulated"
file = "{self.state_dir}/clock"
[store]
address = "https://127.0.0.1:{self._port}"
credentials_dir = "{self._credentials}"
deadline_s = 1
exchange_every_s = 1
longest_back_off_s = 1
[reader]
path = "/dev/null"
[offline]
{offline}
""",
            encoding="utf-8",
        )
        screen = Screen()
        screen.machine = SelfCheckout(load(self._config), screen.show)
        with screen.machine.running():
            screen.until(lambda state: Fault.STORE_SILENT in state.faults)
            yield screen


def day(ahead: int) -> date:
    return today(system_clock()) + timedelta(days=ahead)


def system_clock_that_is_certain() -> Now:
    return replace(system_clock(), synced=True)


def told(**more: object) -> ReplicaAnswer:
    listed = BlockList(key=b64encode(LIST_KEY), listed=(digest_of(LIST_KEY, EVE).hex(),), whole=True)
    return ReplicaAnswer(
        as_of=system_clock().wall,
        branch_id=BRANCH,
        name="Ulfborg",
        staffed="off",
        unstaffed="24/7",
        minimum_age=15,
        loan_days=30,
        cursor="00000000000000aa-1",
        block_list=listed,
    ).model_copy(update=more)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_machine_that_has_kept_the_rules_lends_by_them_and_keeps_the_loan(site: Site) -> None:
    site.hears(told(closing_dates=(ClosingDate(closing_date=day(30), description="Lukket"),)))
    with site.started('lends = "everybody"') as screen:
        assert screen.until(lambda state: state.lends is Lends.EVERYBODY).offline
        assert isinstance(screen.log_in(ADA), Lending)
        screen.put(CodeScanned(BOOK))
        stage = screen.until(lambda state: isinstance(state.stage, Lending) and bool(state.stage.lines)).stage
        assert isinstance(stage, Lending)
        assert stage.lines[0].outcome == Lent(day(31), offline=True)
        assert screen.machine is not None
        assert screen.machine.waiting() >= 1


def test_a_listed_card_borrows_nothing(site: Site) -> None:
    site.hears(told())
    with site.started('lends = "everybody"') as screen:
        stage = screen.log_in(EVE)
        assert isinstance(stage, Notice) and stage.what is Told.NOT_UNASKED


def test_a_machine_that_never_heard_its_store_says_so_and_takes_back(site: Site) -> None:
    with site.started('lends = "everybody"') as screen:
        stage = screen.log_in(ADA)
        assert isinstance(stage, Notice) and stage.what is Told.OFFLINE
        assert screen.states[-1].lends is Lends.NOBODY
        screen.put(ReturnTapped(), CodeScanned(BOOK))
        state = screen.until(lambda state: isinstance(state.stage, Returning) and bool(state.stage.lines))
        assert isinstance(state.stage, Returning)
        assert state.stage.lines[0].outcome == Returned("", held=False, offline=True)


@pytest.mark.parametrize(
    "answer",
    [
        told(as_of=system_clock().wall - timedelta(hours=3)),
        told(closing_dates=tuple(ClosingDate(closing_date=day(n), description="Lukket") for n in (0, 1))),
        told(cursor="", block_list=None),
    ],
    ids=["too old", "a closing day", "no block list"],
)
def test_what_was_kept_may_not_be_enough(site: Site, answer: ReplicaAnswer) -> None:
    site.hears(answer)
    with site.started('lends = "everybody"\noldest_h = 2') as screen:
        assert isinstance(screen.log_in(ADA), Notice)


def test_a_card_seen_in_a_life_before_borrows_where_a_stranger_does_not(site: Site) -> None:
    site.hears(told())
    site.sees(ADA)
    with site.started('lends = "seen"') as screen:
        stage = screen.log_in(Credential("9505050005"))
        assert isinstance(stage, Notice) and stage.what is Told.NOT_UNASKED
        assert isinstance(screen.log_in(ADA), Lending)


def test_a_site_that_lends_to_others_remembers_nobody(site: Site) -> None:
    site.sees(ADA)
    with site.started('lends = "everybody"'):
        pass
    assert not (site.state_dir / "seen-cards.key").exists()
    with closing(UnitFile(site.state_dir / "checkout.db")) as file, file.statements() as statements:
        assert statements.rows("SELECT 1 FROM seen_cards") == []
