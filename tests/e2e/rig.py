"""What the tests of whole sites share: the store on a thread, what waits in a machine's file, the counter's screen.

Not responsible for: stores that misbehave (bad_stores.py), what may stand where (canary.py).
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path

from drivers.simulated.clock import simulated_clock
from drivers.simulated.serial_emulator import SerialEmulator, health_card
from kiosk.checkout.line import Asking, Line, Outcome
from kiosk.checkout.states import (
    AskingPin,
    BackTapped,
    DoneTapped,
    Farewell,
    Lending,
    Returning,
    ReturnTapped,
    Start,
    State,
)
from kiosk.composition.checkout import SelfCheckout
from kiosk.demo.evening import day_like_any, set_time
from kiosk.demo.site import Site
from kiosk.loop import system_clock
from kiosk.model import DeviceId, DigitTyped, ItemId
from sync.central import ledger, seed
from sync.central.ledger import EventEntry
from sync.central.machines import intake
from sync.central.machines.intake import Arrived
from sync.central.web.server import CentralServer
from sync.outbox import Outbox
from sync.seal import Opener, PrivateKey, Sealer, load_private, load_public
from sync.store import UnitFile

WITHIN_S = 15.0
_LOOK_AGAIN_S = 0.02


class Late(Exception):
    """What was waited for did not come."""


def until(come: Callable[[], bool], what: str) -> None:
    """For what tells nobody when it changes: a log, another program's tables. Raises Late."""
    wait = threading.Event()
    for _ in range(int(WITHIN_S / _LOOK_AGAIN_S)):
        if come():
            return
        wait.wait(_LOOK_AGAIN_S)
    raise Late(what)


# --- the store ------------------------------------------------------------------------------------


@contextmanager
def open_store(site: Site) -> Iterator[None]:
    """The site's own store, where it was before, or at its first start anywhere."""
    clock = simulated_clock(site.clock_file, system_clock)
    with CentralServer(site.home, clock, port=port_of(site)) as server:
        site.address = server.address
        yield


def port_of(site: Site) -> int:
    """0 before the first start."""
    return int(site.address.rpartition(":")[2] or 0)


def evening(site: Site) -> None:
    """20:15 on a day when nobody is there then: patrons let themselves in."""
    set_time(site, day_like_any(site), time(20, 15))


def told(site: Site, device: str, kind: str) -> list[EventEntry]:
    """What the store has of this kind, in the device's order."""
    return [entry for entry in ledger.events_of(site.home, DeviceId(device)) if entry.kind == kind]


# --- what waits in a machine's file ---------------------------------------------------------------


def waiting(site: Site, database: Path, key: PrivateKey | None = None) -> list[Arrived]:
    """As the store would read them. database: of a unit that has ended. key: another one than the store's."""
    device = DeviceId(database.parent.name)
    with closing(UnitFile(database)) as kept:
        outbox = Outbox(kept, Sealer(load_public(site.home.seal_public)), device, system_clock, "later")
        batch = outbox.pending()
    return list(intake.open_batch(Opener(key or load_private(site.home.seal_private)), device, batch))


def disk_of(site: Site, device: str, out: Path) -> Path:
    """A machine's folder as it stands at this moment, as after a power cut; the copy."""
    copied = out / device
    shutil.copytree(site.folder / device, copied, ignore=shutil.ignore_patterns("*.sock"))
    return copied


# --- the counter, without a window ----------------------------------------------------------------


@dataclass(slots=True)
class Screen:
    """Every state the machine has shown, and the hands in front of it."""

    site: Site
    reader: SerialEmulator
    machine: SelfCheckout
    states: list[State]
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def state(self) -> State:
        return self.states[-1]

    @property
    def lines(self) -> tuple[Line, ...]:
        stage = self.state.stage
        return stage.lines if isinstance(stage, Lending | Returning | Farewell) else ()

    def show(self, state: State) -> None:
        with self.changed:
            self.states.append(state)
            self.changed.notify_all()

    def wait_for(self, come: Callable[[], bool], what: str) -> None:
        """Raises Late."""
        with self.changed:
            if not self.changed.wait_for(come, WITHIN_S):
                raise Late(what)

    def wait_for_stage(self, stage: type) -> None:
        self.wait_for(lambda: isinstance(self.state.stage, stage), f"{stage.__name__}, and not {_name(self.state)}")

    def log_in(self, person: seed.Person) -> None:
        """As far as the store's answer, or its silence."""
        self.reader.swipe(health_card(person.number))
        self.wait_for_stage(AskingPin)
        for digit in person.pin.reveal():
            self.machine.unit.put(DigitTyped(digit))

    def scan(self, item: ItemId) -> Outcome:
        self.reader.scan(item)
        self.wait_for(lambda: self.outcome(item) != Asking(), f"an answer about {item}")
        return self.outcome(item)

    def outcome(self, item: ItemId) -> Outcome:
        return next((line.outcome for line in self.lines if line.item == item), Asking())

    def line(self, item: ItemId) -> Line:
        return next(line for line in self.lines if line.item == item)

    def turn_to_returns(self) -> None:
        """Done with lending, if there was any; then the list of returns."""
        if self.lines:
            self.machine.unit.put(DoneTapped())
            self.wait_for_stage(Farewell)
        self.machine.unit.put(BackTapped())
        self.wait_for_stage(Start)
        self.machine.unit.put(ReturnTapped())
        self.wait_for_stage(Returning)


def _name(state: State) -> str:
    return type(state.stage).__name__


@contextmanager
def counter(site: Site, lends: str = "everybody") -> Iterator[Screen]:
    """The self-checkout machine on its threads, in front of its start screen, until the block ends."""
    reader, settings = site.counter(lends=lends)
    machine = SelfCheckout(settings, lambda state: screen.show(state))
    screen = Screen(site, reader, machine, [State()])
    with machine.running():
        if not reader.opened(WITHIN_S):
            raise Late("the reader is not opened")
        screen.wait_for_stage(Start)
        yield screen


def delivered(screen: Screen) -> None:
    until(lambda: screen.machine.waiting() == 0, "an empty outbox")
