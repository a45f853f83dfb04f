"""Puts the self-checkout machine together: the unit on threads, the window on the main thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from config.settings import Settings
from kiosk import watchdog
from kiosk.checkout.offline import Branch, Lends, OfflineRules
from kiosk.checkout.states import (
    Rules,
    State,
)
from kiosk.checkout.unit import CheckoutUnit, Surroundings
from kiosk.composition.devices import STOP_WITHIN_S, CardReader, running
from kiosk.composition.store_way import StoreWay
from kiosk.composition.surroundings import clock_of
from kiosk.model import EventId
from sync.replica import BranchRules
from sync.seen import Memory

if TYPE_CHECKING:
    from ui.screens import Tapped
    from ui.window import Window


class SelfCheckout:
    """The unit with its devices and its way to the store. show: told each new state, on the loop's thread."""

    def __init__(self, settings: Settings, show: Callable[[State], None]) -> None:
        self._reader, self._show = CardReader(settings), show
        self._way = StoreWay(settings, "checkout", lends=True)
        self._cards = self._way.cards(_memory(settings))
        around = Surroundings(self._way.store, self._cards, self._way, self._entered)
        self.unit = CheckoutUnit(_rules(settings), around, clock_of(settings), watchdog.alive)

    @contextmanager
    def running(self) -> Iterator[None]:
        """On threads of its own, until the block ends."""
        unit = self.unit
        self._cards.expire()
        loop = threading.Thread(target=unit.run, name="checkout", daemon=True)
        with (
            self._way.talking(unit.put, self._learn),
            running([self._reader.source], unit.read),
        ):
            loop.start()
            try:
                yield
            finally:
                unit.stop()
                loop.join(STOP_WITHIN_S)

    def waiting(self) -> int:
        """How many events the store has not yet taken."""
        return self._way.outbox.counts().waiting

    def _learn(self, rules: BranchRules) -> None:
        self.unit.learn(Branch(rules.as_of, rules.loan_days, rules.closings))
        self._cards.expire()

    def _entered(self, state: State) -> None:
        self._reader.scene(type(state.stage))
        self._show(state)


def open_window(settings: Settings, put: "Callable[[Tapped], None]") -> "Window":
    """On the main thread. put: where taps go."""
    from ui.window import Window  # Qt, which no other process needs

    screen = settings.screen
    return Window(
        put,
        fullscreen=screen.fullscreen,
        at=(screen.left, screen.top),
        size=(screen.width, screen.height),
        demo=settings.device.simulated,
        pin_length=settings.checkout.pin_length,
    )


def run_checkout(settings: Settings) -> int:
    """Blocks until the window is closed or SIGTERM; the exit status."""
    machine = SelfCheckout(settings, lambda state: window.show_state(state))
    window = open_window(settings, machine.unit.put)
    window.once_shown(lambda: watchdog.ready("checkout"))
    with machine.running():
        status = window.exec()
        watchdog.stopping()
    window.close()
    return status


def _rules(settings: Settings) -> Rules:
    chosen = settings.checkout
    return Rules(
        fresh=EventId(""),
        offline=_offline(settings),
        pin_length=chosen.pin_length,
        pin_tries=chosen.pin_tries,
        idle_s=chosen.idle_s,
        verify_s=settings.store.deadline_s * 2,
        tell_s=chosen.tell_s,
        farewell_s=chosen.farewell_s,
    )


def _offline(settings: Settings) -> OfflineRules:
    chosen = settings.offline
    return OfflineRules(Lends(chosen.lends), chosen.most, chosen.loan_days, timedelta(hours=chosen.oldest_h))


def _memory(settings: Settings) -> Memory:
    """None, but where the site lends to whom it remembers."""
    chosen = settings.offline
    return Memory(chosen.seen_days, chosen.seen_most) if Lends(chosen.lends) is Lends.SEEN else Memory()
