"""The self-checkout machine of the demonstration: its unit and window in this process, and hands at both.

Not responsible for: the order of the evening (evening.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from time import perf_counter

from drivers.simulated.serial_emulator import SerialEmulator, health_card
from kiosk.checkout.line import Asking, Lent, Line, Outcome, Returned
from kiosk.checkout.states import (
    AskingPin,
    Farewell,
    Lending,
    Returning,
    Start,
    State,
    Verifying,
)
from kiosk.composition.checkout import SelfCheckout, open_window
from kiosk.demo.report import Mismatch, Report
from kiosk.demo.site import Site
from kiosk.model import ItemId, LoanRefusal
from sync.central import seed
from ui.hand import Hand
from ui.window import Window

_WITHIN_S = 10.0
RETURN, DONE, HOME = "Aflever uden kort", "Færdig", "Til forsiden"


@dataclass(slots=True)
class Counter:
    """said: what the screen confirmed, an outcome for each item, the last one said."""

    reader: SerialEmulator
    machine: SelfCheckout
    window: Window
    hand: Hand
    report: Report
    out: Path
    states: list[State]
    said: list[tuple[ItemId, Lent | Returned]] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.states[-1]

    # --- an evening's acts ---

    def log_in(self, person: seed.Person, name: str) -> None:
        with self.report.step(name) as step:
            self.reader.swipe(health_card(person.number))
            self._until(lambda: isinstance(self.state.stage, AskingPin), "the PIN pad")
            self.picture("pin")
            for digit in person.pin.reveal():
                self.hand.tap(digit)
            begun = perf_counter()
            self._until(lambda: not isinstance(self.state.stage, AskingPin | Verifying), "an answer to the PIN")
            step.took(perf_counter() - begun)
            if not isinstance(self.state.stage, Lending):
                raise Mismatch(f"not let in to borrow: {_about(self.state.stage)}")
            step.detail = "without the store's word" if self.state.offline else "the store knows card and PIN"

    def borrow(self, copy: seed.Copy, *, offline: bool = False) -> None:
        with self.report.step(f"borrow “{copy.title}”") as step:
            outcome = self._scan(copy.item, step.took)
            if not isinstance(outcome, Lent) or outcome.offline is not offline:
                raise Mismatch(f"not lent: {_about(outcome)}")
            self.said.append((copy.item, outcome))
            step.detail = f"until {outcome.due:%d.%m.%Y}{', kept here' if offline else ''}"

    def be_refused(self, copy: seed.Copy, why: LoanRefusal) -> None:
        with self.report.step(f"“{copy.title}” waits for another patron") as step:
            outcome = self._scan(copy.item, step.took)
            if getattr(outcome, "why", None) is not why:
                raise Mismatch(f"not refused: {_about(outcome)}")
            step.detail = f"refused: {why.value}"

    def give_back(self, copy: seed.Copy, *, offline: bool) -> None:
        with self.report.step(f"return “{copy.title}”") as step:
            self.hand.tap(RETURN)
            self._until(lambda: isinstance(self.state.stage, Returning), "the list of returns")
            outcome = self._scan(copy.item, step.took)
            if not isinstance(outcome, Returned) or outcome.offline is not offline:
                raise Mismatch(f"not returned: {_about(outcome)}")
            self.said.append((copy.item, outcome))
            step.detail = "kept here" if offline else outcome.place

    def finish(self, picture: str) -> None:
        """Done; the farewell lists what was lent, with its due dates: the receipt. Then home."""
        with self.report.step("done: the receipt on the screen") as step:
            self.hand.tap(DONE)
            self._until(lambda: isinstance(self.state.stage, Farewell), "the farewell")
            self.picture(picture)
            step.detail = f"{len(self.lines)} lines"
        self.hand.tap(HOME)
        self._until(lambda: isinstance(self.state.stage, Start), "the start screen")

    def until_offline(self, offline: bool) -> None:
        self._until(lambda: self.state.offline is offline, "news of the store")

    def until_delivered(self) -> None:
        self._until(lambda: self.machine.waiting() == 0, "an empty outbox")

    def picture(self, name: str) -> None:
        path = self.out / f"{len(self.report.pictures) + 1:02}-{name}.png"
        self.hand.picture(path)
        self.report.pictures.append(path)

    # --- what the screen says ---

    @property
    def lines(self) -> tuple[Line, ...]:
        stage = self.state.stage
        return stage.lines if isinstance(stage, Lending | Returning | Farewell) else ()

    def _scan(self, item: ItemId, took: Callable[[float], None]) -> Outcome:
        begun = perf_counter()
        self.reader.scan(item)
        self._until(lambda: self._outcome(item) != Asking(), f"an answer about {item}")
        took(perf_counter() - begun)
        return self._outcome(item)

    def _outcome(self, item: ItemId) -> Outcome:
        return next((line.outcome for line in self.lines if line.item == item), Asking())

    def _until(self, come: Callable[[], bool], what: str) -> None:
        self.hand.wait_until(come, what, _WITHIN_S)


@contextmanager
def counter(site: Site, out: Path, report: Report) -> Iterator[Counter]:
    """The counter with its window shown, until the block ends. On the main thread."""
    reader, settings = site.counter()
    states = [State()]

    def show(state: State) -> None:
        window.show_state(state)  # before it is noted: who waits for a state may then look at its screen
        states.append(state)

    machine = SelfCheckout(settings, show)
    window = open_window(settings, machine.unit.put)
    made = Counter(reader, machine, window, Hand(window.surface), report, out, states)
    try:
        with machine.running():
            if not reader.opened(_WITHIN_S):
                raise Mismatch("the counter did not open its reader")
            yield made
    finally:
        window.close()


def _about(said: object) -> str:
    """For a report: closed words only, whatever stands in it."""
    what = getattr(said, "what", getattr(said, "why", None))
    return f"{type(said).__name__} {what.value}" if isinstance(what, Enum) else type(said).__name__
