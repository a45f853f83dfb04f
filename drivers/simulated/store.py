"""A central store at the level of its port: patrons, items and loans in memory, and can be told to be silent.

Not responsible for: anything on a wire (the embedded central store, sync/central, is that).
"""

from dataclasses import dataclass, field, replace
from datetime import date

from kiosk.fault import DeviceFault, Fault
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    Borrower,
    BranchId,
    Credential,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Return,
    ReturnRefusal,
)

LOCKED_OUT_AFTER = 5


@dataclass(frozen=True, slots=True)
class SimulatedPatron:
    patron: PatronId = field(repr=False)
    pin: Pin
    first_name: str = field(repr=False)
    age: int = 40
    blocks: frozenset[Block] = frozenset()
    branches: frozenset[BranchId] = frozenset()  # where the patron may enter alone


@dataclass(frozen=True, slots=True)
class SimulatedItem:
    item: ItemId
    title: str
    place: str = "Hylden"
    held: bool = False
    refusal: LoanRefusal | None = None  # what the store says when it is asked to lend it


@dataclass(slots=True)
class SimulatedStore:
    """kiosk.ports.CentralStore. failing: the fault it answers with, as STORE_SILENT; None while it works.

    lost_answers: what is asked is done, and then nothing is heard of it.
    """

    due: date
    patrons: dict[Credential, SimulatedPatron] = field(default_factory=dict)
    items: dict[ItemId, SimulatedItem] = field(default_factory=dict)
    failing: Fault | None = None
    lost_answers: bool = False
    lent: dict[ItemId, PatronId] = field(default_factory=dict)
    _wrong: dict[Credential, int] = field(default_factory=dict)
    _answered: dict[EventId, Loan | NotLent | Return | ReturnRefusal] = field(default_factory=dict)

    def authenticate(self, card: Credential, pin: Pin) -> Borrower | AuthRefusal:
        known = self._known(card, pin)
        if isinstance(known, AuthRefusal):
            return known
        return Borrower(known.patron, known.first_name, known.blocks)

    def admission(self, card: Credential, pin: Pin, branch: BranchId) -> AdmissionFacts | AuthRefusal:
        known = self._known(card, pin)
        if isinstance(known, AuthRefusal):
            return known
        return AdmissionFacts(known.patron, known.blocks, known.age, branch in known.branches)

    def checkout(self, patron: PatronId, item: ItemId, event: EventId) -> Loan | NotLent:
        self._reached()
        answer = self._answered.get(event)
        if not isinstance(answer, Loan | NotLent):
            answer = self._answered[event] = self._lend(patron, item)
        self._heard()
        return answer

    def checkin(self, item: ItemId, event: EventId) -> Return | ReturnRefusal:
        self._reached()
        answer = self._answered.get(event)
        if not isinstance(answer, Return | ReturnRefusal):
            answer = self._answered[event] = self._take_back(item)
        self._heard()
        return answer

    def _known(self, card: Credential, pin: Pin) -> SimulatedPatron | AuthRefusal:
        self._reached()
        answer = self._verified(card, pin)
        self._heard()
        return answer

    def _verified(self, card: Credential, pin: Pin) -> SimulatedPatron | AuthRefusal:
        if self._wrong.get(card, 0) >= LOCKED_OUT_AFTER:
            return AuthRefusal.LOCKED_OUT
        patron = self.patrons.get(card)
        if patron is None or patron.pin != pin:
            self._wrong[card] = self._wrong.get(card, 0) + 1
            return AuthRefusal.INVALID
        self._wrong.pop(card, None)
        return patron

    def _lend(self, patron: PatronId, item: ItemId) -> Loan | NotLent:
        found = self.items.get(item)
        if found is None:
            return NotLent(LoanRefusal.NOT_FOUND)
        if item in self.lent and self.lent[item] != patron:
            return NotLent(LoanRefusal.ON_LOAN, found.title)
        if found.refusal is not None:
            return NotLent(found.refusal, found.title)
        self.lent[item] = patron
        return Loan(item, found.title, self.due)

    def _take_back(self, item: ItemId) -> Return | ReturnRefusal:
        found = self.items.get(item)
        if found is None:
            return ReturnRefusal.NOT_FOUND
        self.lent.pop(item, None)
        return Return(item, found.title, found.place, found.held)

    def _reached(self) -> None:
        if self.failing is not None:
            raise DeviceFault(self.failing)

    def _heard(self) -> None:
        if self.lost_answers:
            raise DeviceFault(Fault.STORE_SILENT)

    def add_patron(self, card: Credential, patron: SimulatedPatron) -> None:
        self.patrons[card] = patron

    def add_item(self, item: SimulatedItem) -> None:
        self.items[item.item] = item

    def block(self, card: Credential, *blocks: Block) -> None:
        self.patrons[card] = replace(self.patrons[card], blocks=frozenset(blocks))
