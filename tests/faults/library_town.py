"""Several machines at one store, each with its own file and line, that are treated badly; and what really happened.

    where an item is   what a person who stands in the library sees: on its shelf, or with a patron who was told yes
    confirmed          what a machine has said yes to, and so must reach the store, once

Not responsible for: what is done to them (test_several_machines.py).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum, unique
from itertools import count
from pathlib import Path
from typing import TypeVar

from kiosk.event import Event, ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import BranchId, DeviceId, EventId, ItemId, Loan
from sync import seal
from sync.central import seed
from sync.central.seed import Person
from sync.exchange import NOT_ANSWERED, Exchange, Round
from sync.outbox import Outbox
from sync.replica import Replica
from sync.rest import wire
from sync.rest.client import RestStore
from sync.store.file import UnitFile
from tests.sync.bench_store import snapshot
from tests.sync.central.library import HandClock, Library

DUE = timedelta(days=30)
DEADLINE_S = 20.0
ITEMS = seed.BOOK.item, seed.ITEMS[10].item, seed.ITEMS[11].item
GOOD = seed.ADULT, seed.PERMITTED, seed.OTHER_PATRON
AnswerT = TypeVar("AnswerT")


@unique
class Line(Enum):
    """What becomes of one question."""

    GOOD = "good"
    NEVER = "it never arrives"
    UNHEARD = "it is done, and the answer is lost"
    LATE = "it is done when the machine has given it up"
    NONSENSE = "a page of HTML comes instead"
    GARBLED = "it is done, and the answer is garbled"


@dataclass
class Way:
    """A Peer and the questions at the pad, over lines of which each call uses up one. It keeps what it carried."""

    store: RestStore
    ahead: list[Line] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)
    carried: list[wire.EventsQuestion] = field(default_factory=list)

    def over(self, ask: Callable[[], AnswerT]) -> AnswerT:
        line = self.ahead.pop(0) if self.ahead else Line.GOOD
        match line:
            case Line.GOOD:
                return ask()
            case Line.UNHEARD | Line.GARBLED:
                ask()
            case Line.LATE:
                self.late.append(ask)
            case Line.NEVER | Line.NONSENSE:
                pass
        garbled = line in (Line.NONSENSE, Line.GARBLED)
        raise DeviceFault(Fault.STORE_NONSENSE if garbled else Fault.STORE_SILENT)

    def arrive(self) -> None:
        """What was late comes now."""
        late, self.late = self.late, []
        for ask in late:
            ask()

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        self.carried.append(question)
        return self.over(lambda: self.store.push(question))

    def replica(self, branch: BranchId, cursor: str) -> wire.ReplicaAnswer:
        return self.over(lambda: self.store.replica(branch, cursor))

    def status(self) -> wire.StatusAnswer:
        return self.over(self.store.status)


class Kiosk:
    """One machine. Its file survives it."""

    def __init__(self, name: str, bundle: Path, folder: Path, address: str, clock: HandClock) -> None:
        self.name, self._bundle, self._folder, self._clock = name, bundle, folder, clock
        self.way = Way(RestStore(address, bundle, DEADLINE_S, system_clock))
        self._lives, self._files = count(1), list[UnitFile]()
        folder.mkdir()
        self._path = folder / "unit.db"
        self.recorded: list[EventId] = []
        self._begin()

    def _begin(self) -> None:
        file = UnitFile(self._path)
        self._files.append(file)
        sealer = seal.Sealer(seal.load_public(self._bundle / "seal-public"))
        self.outbox = Outbox(file, sealer, DeviceId(self.name), self._clock, f"boot-{len(self._files)}")
        replica = Replica(file, seed.ULFBORG)
        self.exchange = Exchange(self.way, self.outbox, replica, lambda _: None, self._clock)

    def crash(self) -> None:
        """Killed where it stands, and started from what is on its disk."""
        here = self._folder / str(next(self._lives))
        snapshot(self._path, here)
        self._path = here / self._path.name
        self._begin()

    def record(self, event: Event, event_id: EventId) -> None:
        self.outbox.record(event, event_id)
        self.recorded.append(event_id)

    def round(self) -> Round:
        done = self.exchange.round()
        self.way.arrive()
        return done

    def close(self) -> None:
        self.way.store.close()
        for file in self._files:
            file.close()


@dataclass
class Truth:
    """holder: who has an item in the hand; no entry: it is in the library.

    lent: how often yes was said of it. given_up: how often the store was asked, and nobody got it.
    """

    holder: dict[ItemId, Person] = field(default_factory=dict)
    lent: Counter[ItemId] = field(default_factory=Counter)
    given_up: Counter[ItemId] = field(default_factory=Counter)
    refused: set[EventId] = field(default_factory=set)  # what the store must refuse, for it cannot be


class Town:
    """The machines, the store, the items and the truth."""

    def __init__(self, library: Library, bundles: dict[str, Path], folder: Path) -> None:
        self.library, self.truth, self._numbers = library, Truth(), count(1)
        self.kiosks = [
            Kiosk(name, bundle, folder / name, library.address, library.clock) for name, bundle in bundles.items()
        ]

    def close(self) -> None:
        for kiosk in self.kiosks:
            kiosk.close()

    def event(self) -> EventId:
        return EventId(f"{next(self._numbers):032x}")

    def due(self) -> date:
        return self.library.clock.wall.date() + DUE

    # --- at the pad -----------------------------------------------------------------------------

    def lend(self, kiosk: Kiosk, person: Person, item: ItemId, *, off_line: bool) -> None:
        """A person stands there with the item. off_line: this machine lends while the store is silent."""
        asked = self.event()
        kiosk.outbox.ask(asked, item)
        try:
            answer = kiosk.way.over(lambda: kiosk.way.store.checkout(person.patron, item, asked))
        except DeviceFault:
            if off_line:
                self._hand_over(kiosk, asked, person, ItemLent(person.card, item, self.due(), offline=True))
            else:
                kiosk.record(LoanGivenUp(asked, item), self.event())
                self.truth.given_up[item] += 1
            kiosk.way.arrive()
            return
        if isinstance(answer, Loan):
            self._hand_over(kiosk, asked, person, ItemLent(person.patron, item, answer.due, offline=False))
        else:
            kiosk.outbox.answered(asked)

    def _hand_over(self, kiosk: Kiosk, asked: EventId, person: Person, lent: ItemLent) -> None:
        kiosk.record(lent, asked)
        self.truth.holder[lent.item] = person
        if person.block and lent.offline:
            self.truth.refused.add(asked)
        else:
            self.truth.lent[lent.item] += 1

    def die_asking(self, kiosk: Kiosk, person: Person, item: ItemId, *, heard: bool) -> None:
        """The machine is killed before the person has seen anything. heard: the store has lent it already."""
        asked = self.event()
        kiosk.outbox.ask(asked, item)
        if heard:
            kiosk.way.store.checkout(person.patron, item, asked)
        self.truth.given_up[item] += 1
        kiosk.crash()

    def bring_back(self, kiosk: Kiosk, item: ItemId) -> None:
        returned = self.event()
        try:
            kiosk.way.over(lambda: kiosk.way.store.checkin(item, returned))
            offline = False
        except DeviceFault:
            offline = True
        kiosk.record(ItemReturned(item, offline), returned)
        self.truth.holder.pop(item, None)
        kiosk.way.arrive()

    def bring_back_what_nobody_knows(self, kiosk: Kiosk) -> None:
        returned = self.event()
        kiosk.record(ItemReturned(ItemId("5099999999"), offline=True), returned)
        self.truth.refused.add(returned)

    # --- in the end -----------------------------------------------------------------------------

    def all_told(self) -> None:
        """The network is well again. A technician sends what only the line has spoilt."""
        for kiosk in self.kiosks:
            kiosk.way.ahead.clear()
            for _ in range(20):
                kiosk.round()
                spoilt = [one.event for one in kiosk.outbox.parked() if one.reason == NOT_ANSWERED]
                if not spoilt and kiosk.outbox.counts().waiting == 0:
                    break
                for event in spoilt:
                    kiosk.outbox.retry(event)
