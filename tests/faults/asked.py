"""A machine at a real store, what it may ask, and how often the store did what was asked.

Not responsible for: what goes wrong on the way (proxy.py).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy.sql.selectable import FromClause

from kiosk.event import DoorHeld
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import Borrower, DeviceId, EventId, ItemId, Loan
from sync import pki, seal
from sync.central import seed
from sync.central.command import enrol
from sync.central.machines.devices import Device
from sync.central.schema import answers, events, loans
from sync.central.start import Home
from sync.outbox import Outbox
from sync.rest.client import RestStore
from sync.store.file import UnitFile
from tests.sync.central.library import Library

NAME, READER = DeviceId("ulfborg-1"), seed.ADULT
PATIENT_S = 20.0
_numbers = count(1)


class Place:
    """One store with one machine's certificate."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library, self.bundle = library, folder / "bundle"
        enrol(library.home, Device(NAME, seed.ULFBORG), self.bundle, system_clock)
        self.file = UnitFile(folder / "unit.db")
        sealer = seal.Sealer(seal.load_public(self.bundle / "seal-public"))
        self.outbox = Outbox(self.file, sealer, NAME, library.clock, "boot-1")
        self.direct = RestStore(library.address, self.bundle, PATIENT_S, system_clock)

    @property
    def home(self) -> Home:
        return self.library.home

    @property
    def port(self) -> int:
        return int(self.library.address.rpartition(":")[2])

    def machine(self) -> pki.Identity:
        return pki.Identity(self.bundle / "device.pem", self.bundle / "device.key")

    def rows(self, table: FromClause, **wanted: object) -> Sequence[Any]:
        found = self.library.rows(table)
        return [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]

    def close(self) -> None:
        self.direct.close()
        self.file.close()


@contextmanager
def client(place: Place, port: int, deadline_s: float) -> Iterator[RestStore]:
    made = RestStore(f"https://localhost:{port}", place.bundle, deadline_s, system_clock)
    try:
        yield made
    finally:
        made.close()


# --- questions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """ask: the same question however often. done: how often the store did it, so far; None where nothing is done."""

    ask: Callable[[RestStore], object]
    done: Callable[[], int] | None = None


Make = Callable[[Place], Question]


def _event() -> EventId:
    return EventId(f"{next(_numbers):032x}")


def _authenticate(_: Place) -> Question:
    def ask(store: RestStore) -> object:
        answer = store.authenticate(READER.card, READER.pin)
        return answer.patron if isinstance(answer, Borrower) else answer

    return Question(ask)


def _loan(place: Place) -> Question:
    item, key = _free(place), _event()
    before = len(place.rows(loans, item_id=item))
    return Question(
        lambda store: store.checkout(READER.patron, item, key), lambda: len(place.rows(loans, item_id=item)) - before
    )


def _return(place: Place) -> Question:
    item, key = _free(place), _event()
    if not isinstance(place.direct.checkout(READER.patron, item, _event()), Loan):
        raise ValueError("a free item was not lent")
    return Question(lambda store: store.checkin(item, key), lambda: len(place.rows(answers, device_id=NAME, key=key)))


def _free(place: Place) -> ItemId:
    place.direct.checkin(seed.BOOK.item, _event())
    return seed.BOOK.item


def _push(place: Place) -> Question:
    event = _event()
    place.outbox.confirm(place.direct.push(place.outbox.pending()).results)
    place.outbox.record(DoorHeld(), event)
    batch = place.outbox.pending()
    return Question(
        lambda store: [one.event_id for one in store.push(batch).results],
        lambda: len(place.rows(events, device_id=NAME, event_id=event)),
    )


QUESTIONS: dict[str, Make] = {
    "authenticate": _authenticate,
    "admission": lambda _: Question(lambda store: store.admission(READER.card, READER.pin, seed.ULFBORG)),
    "loan": _loan,
    "return": _return,
    "events": _push,
    "replica": lambda _: Question(lambda store: store.replica(seed.ULFBORG).name),
    "status": lambda _: Question(lambda store: store.status().version),
}


# --- asking -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """What came of one call: an answer, or a fault."""

    answer: object = None
    fault: Fault | None = None
    after_s: float = 0.0
    took_s: float = 0.0


def met(question: Question, store: RestStore) -> Met:
    began = system_clock().mono
    try:
        return Met(question.ask(store), took_s=system_clock().mono - began)
    except DeviceFault as fault:
        return Met(None, fault.fault, getattr(fault, "after_s", 0.0), system_clock().mono - began)


def answered(question: Question, store: RestStore, deadline_s: float) -> object:
    """As on a good line. A computer under load may take longer than the deadline; nothing else is let by."""
    for _ in range(10):
        heard = met(question, store)
        if heard.fault is None:
            return heard.answer
        if heard.fault is not Fault.STORE_SILENT or heard.took_s < deadline_s * 0.9:
            raise DeviceFault(heard.fault)
        threading.Event().wait(0.1)
    raise DeviceFault(Fault.STORE_SILENT)
