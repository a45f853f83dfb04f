"""An evening in Ulfborg, played step by step and checked: the door, the counter, an outage, and the store's own tables.

    at the door      20:15 wrong PIN, right PIN, a blocked patron; 13:00 staffed; 23:00 closed
    at the counter   card, PIN, three loans, one item that waits for another patron, the receipt
    the store is out a loan and a return while it is silent
    the store is back both arrive once, in order; then its tables against what the screen said

Not responsible for: the site (site.py), the counter's hands (counter.py), how it is printed (report.py).
"""

import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

from drivers.simulated.serial_emulator import health_card
from kiosk.checkout.line import Lent
from kiosk.checkout.offline import Lends
from kiosk.demo.counter import Counter, counter
from kiosk.demo.report import Mismatch, Report
from kiosk.demo.site import BRANCH, COUNTER, DOOR, DoorHands, Site
from kiosk.door.face import Face, Show
from kiosk.hours import COPENHAGEN, Hours
from kiosk.loop import system_clock
from kiosk.model import BranchId, Denial, DeviceId, LoanRefusal, Mode, Now
from sync.central import ledger, seed
from sync.central.ledger import EventEntry
from ui import words

_WITHIN_S = 10.0
_BOOKS = (seed.BOOK, seed.ITEMS[7], seed.FROM_VINDERUP)
_OFFLINE_BOOK = seed.ITEMS[8]
_EVENING, _LATER, _AFTERNOON, _NIGHT = time(20, 15), time(20, 20), time(13, 0), time(23, 0)
_DAY = {_EVENING: Mode.UNSTAFFED, _LATER: Mode.UNSTAFFED, _AFTERNOON: Mode.STAFFED, _NIGHT: Mode.CLOSED}


def play(site: Site, out: Path, report: Report) -> None:
    """Raises Mismatch, SiteError, HandError or BenchError at the first step that is not as it should be."""
    day = day_like_any(site)
    report.heading(f"At the door of Ulfborg, {day:%d.%m.%Y}")
    door = _at_the_door(site, day, report)
    report.heading("At the self-checkout machine")
    with counter(site, out, report) as machine:
        _at_the_counter(machine)
        report.heading("The store is stopped")
        _without_the_store(site, machine)
        report.heading("The store is back, and its own tables")
        _compare(site, door, machine)


# --- the door -------------------------------------------------------------------------------------


def _at_the_door(site: Site, day: date, report: Report) -> DoorHands:
    with report.step("lock and door start") as step:
        door = site.start_door()
        step.detail = "two processes"
    visit = _Visit(door, report)
    set_time(site, day, _EVENING)
    door.faces.wait_for(lambda face: face.show is Show.READY, _WITHIN_S)
    visit.shown("20:15, a health card is swiped", Show.ASK_PIN, lambda: door.swipe(health_card(seed.ADULT.number)))
    visit.shown("a wrong PIN", Show.ASK_PIN_AGAIN, lambda: door.type(_wrong(seed.ADULT)))
    visit.still_locked()
    visit.let_in(seed.ADULT)
    visit.refused("a blocked patron with the right PIN", seed.EXCLUDED, Denial.BLOCKED)
    visit.refused("a child of twelve with the right PIN", seed.CHILD, Denial.UNDERAGE)
    for moment, name, why in (
        (_AFTERNOON, "13:00, a card in staffed hours", Denial.STAFFED),
        (_NIGHT, "23:00, a card when it is closed", Denial.CLOSED),
    ):
        set_time(site, day, moment)
        visit.shown(name, why, lambda: door.swipe(health_card(seed.PERMITTED.number)))
    with report.step("the strike rose once, for the one who may") as step:
        _equal("pulses", door.pulses(), 1)
        step.detail = "1 pulse"
    set_time(site, day, _LATER)
    return door


class _Visit:
    """What is done at the door, and what it must come to."""

    def __init__(self, door: DoorHands, report: Report) -> None:
        self._door, self._report = door, report

    def shown(self, name: str, show: Show | Denial, act: Callable[[], None]) -> None:
        with self._report.step(name) as step:
            begun = perf_counter()
            act()
            face = self._wait_for(show)
            step.took(perf_counter() - begun)
            step.detail = _said(face)

    def let_in(self, person: seed.Person) -> None:
        door, strike, pulse_s = self._door, self._door.settings.gpio.strike, self._door.settings.door.pulse_s
        with self._report.step("the right PIN: the lock line rises") as step:
            begun = system_clock().mono
            door.type(person.pin.reveal())
            risen = door.lock.wait_for(strike, True, _WITHIN_S)
            step.took(risen - begun)
            step.detail = _said(self._wait_for(Show.WELCOME))
        with self._report.step("somebody goes in, the door falls shut"):
            door.walk_through()
        with self._report.step("the lock line falls") as step:
            fallen = door.lock.wait_for(strike, False, _WITHIN_S)
            step.took(fallen - risen)
            step.detail = f"{fallen - risen:.3f} s of {pulse_s:.0f}"
            if not pulse_s - 0.1 < fallen - risen < pulse_s + 1:
                raise Mismatch(step.detail)
        self._wait_for(Show.READY)

    def refused(self, name: str, person: seed.Person, why: Denial) -> None:
        self._door.swipe(health_card(person.number))
        self._wait_for(Show.ASK_PIN)
        self.shown(name, why, lambda: self._door.type(person.pin.reveal()))
        self.still_locked()

    def still_locked(self) -> None:
        if self._door.lock.level(self._door.settings.gpio.strike):
            raise Mismatch("the strike is energised for somebody who was refused")

    def _wait_for(self, show: Show | Denial) -> Face:
        return self._door.faces.wait_for(lambda face: face.show is show, _WITHIN_S)


def _said(face: Face) -> str:
    said = words.of_show(face.show)
    return f"“{said.heading.source}”"


def _wrong(person: seed.Person) -> str:
    return "".join(str((int(digit) + 1) % 10) for digit in person.pin.reveal())


# --- the counter ----------------------------------------------------------------------------------


def _at_the_counter(machine: Counter) -> None:
    machine.until_offline(False)
    machine.picture("start")
    machine.log_in(seed.ADULT, "health card and PIN")
    for copy in _BOOKS:
        machine.borrow(copy)
    machine.be_refused(seed.RESERVED, LoanRefusal.RESERVED)
    machine.picture("lending")
    machine.finish("farewell")


def _without_the_store(site: Site, machine: Counter) -> None:
    with machine.report.step("the store is stopped, the machine notices") as step:
        site.stop_store()
        machine.until_offline(True)
        machine.picture("start-offline")
        step.detail = f"“{words.of_offline(Lends.EVERYBODY).source}”"
    machine.log_in(seed.ADULT, "health card and PIN, nobody to ask")
    machine.borrow(_OFFLINE_BOOK, offline=True)
    machine.picture("lending-offline")
    machine.finish("farewell-offline")
    machine.give_back(seed.BOOK, offline=True)
    machine.picture("return-offline")
    machine.finish("farewell-return")


# --- the books balance ------------------------------------------------------------------------------


def _compare(site: Site, door: DoorHands, machine: Counter) -> None:
    with machine.report.step("the store returns, the outbox is delivered"):
        site.start_store()
        machine.until_offline(False)
        machine.until_delivered()
        machine.picture("start-again")
    with machine.report.step("every loan the screen confirmed, once") as step:
        step.detail = _balance_loans(site, machine)
    with machine.report.step("every event once, in the order of the screen") as step:
        step.detail = _balance_events(site, machine)
    with machine.report.step("entries at the store = pulses of the strike") as step:
        entries = _once_delivered(site)
        _equal("entries at the store", len(entries), door.pulses())
        step.detail = f"{len(entries)}"


def _balance_loans(site: Site, machine: Counter) -> str:
    """Each loan on the screen stands once at the store, until the same day, and open unless it was returned here."""
    expected = {item: outcome.due for item, outcome in machine.said if isinstance(outcome, Lent)}
    returned = {item for item, outcome in machine.said if not isinstance(outcome, Lent)}
    entries = [loan for loan in ledger.loans_of(site.home) if loan.patron == seed.ADULT.patron]
    _equal("loans", sorted((loan.item, loan.due) for loan in entries), sorted(expected.items()))
    _equal("returned", {loan.item for loan in entries if loan.returned_at}, returned)
    return f"{len(entries)} loans, {len(returned)} returned"


def _balance_events(site: Site, machine: Counter) -> str:
    entries = ledger.events_of(site.home, DeviceId(COUNTER))
    acts = [entry.kind for entry in entries if entry.kind.startswith("item.")]
    said = ["item.lent" if isinstance(outcome, Lent) else "item.returned" for _, outcome in machine.said]
    _equal("loans and returns", acts, said)
    _equal("sequence", [entry.sequence for entry in entries], list(range(1, len(entries) + 1)))
    _equal("refused", [entry.kind for entry in entries if entry.outcome == "refused"], [])
    return f"{len(entries)} events, {len(acts)} of them loans and returns"


def _once_delivered(site: Site) -> list[EventEntry]:
    """The door's entries, when its exchange has found the store again."""
    wait = threading.Event()
    for _ in range(100):
        entries = [e for e in ledger.events_of(site.home, DeviceId(DOOR)) if e.kind == "entry.granted"]
        if entries:
            return entries
        wait.wait(0.1)
    return []


def _equal(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Mismatch(f"{what}: {found}, and it should be {wanted}")


# --- the clock --------------------------------------------------------------------------------------


def day_like_any(site: Site) -> date:
    """The last day on which the branch is staffed at noon, unstaffed in the evening and closed at night."""
    branch = ledger.branch_of(site.home, BranchId(BRANCH))
    hours = Hours(branch.staffed, branch.unstaffed)
    today = system_clock().wall.astimezone(COPENHAGEN).date()
    for back in range(30):
        day = today - timedelta(days=back)
        if all(hours.mode(_now(day, moment)) is mode for moment, mode in _DAY.items()):
            return day
    raise Mismatch("no day of the last thirty is like any other")


def set_time(site: Site, day: date, moment: time) -> None:
    site.set_clock((_now(day, moment).wall - system_clock().wall).total_seconds())


def _now(day: date, moment: time) -> Now:
    return Now(datetime.combine(day, moment, COPENHAGEN), 0.0, synced=True)
