"""The demonstration with a display: the machine, the door's panel, and a dock for patrons, clock and weather.

Not responsible for: the site (site.py), the window of the dock (ui/dock.py).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time

from drivers.simulated.gpio_bench import BenchError
from drivers.simulated.serial_emulator import SerialEmulator, health_card
from kiosk.checkout.states import (
    State,
)
from kiosk.composition.checkout import SelfCheckout, open_window
from kiosk.demo.evening import day_like_any, set_time
from kiosk.demo.site import COUNTER_PLACE, PANEL_PLACE, DoorHands, Place, Site
from kiosk.loop import Worker, crash_on_bug
from sync.central import seed
from ui.dock import Act, Dock, Group, display

_GAP, _NARROWEST_DOCK = 12, 440  # pixels
_ITEMS = (seed.BOOK, *seed.ITEMS[7:10], seed.FROM_VINDERUP, seed.RESERVED, seed.NOT_FOR_LOAN)
_PATRONS = {seed.ADULT: "", seed.EXCLUDED: " (blocked)", seed.CHILD: " (12 years)"}
_HOURS = {time(13, 0): "staffed", time(20, 15): "unstaffed", time(23, 0): "closed"}


def play(site: Site) -> int:
    """Blocks until the machine's window is closed; its exit status."""
    crash_on_bug()
    print("Starting a central store, a lock, a door and a self-checkout machine ...", flush=True)
    with site:
        site.begin()
        day = day_like_any(site)
        set_time(site, day, time(20, 15))
        places = _places(*display())
        door = site.start_door(places.panel)
        site.start_panel()
        reader, settings = site.counter(places.counter)

        def show(state: State) -> None:
            window.show_state(state)

        machine = SelfCheckout(settings, show)
        window = open_window(settings, machine.unit.put)
        weather = _Weather(site, day)
        dock = Dock(
            (
                Group("A card at the door", (*_cards(door.swipe), *_leaf(door))),
                Group("A card at the machine", _cards(reader.swipe)),
                Group("Under the machine's scanner", _items(reader)),
                Group("The clock", weather.hours()),
                Group("The weather", weather.acts(reader)),
            ),
            place=(places.dock.left, places.dock.top),
            size=(places.dock.width, places.dock.height),
        )
        dock.tell("The lock's line is low: the door is locked. Its panel is above.")
        ended = _tell_of_the_lock(door, dock.tell)
        with machine.running():
            print("Ready: close the machine's window to end it.", flush=True)
            status = window.exec()
        ended.set()
        dock.close()
        window.close()
    return status


def _cards(swipe: Callable[[str], None]) -> tuple[Act, ...]:
    def act(person: seed.Person, about: str) -> Act:
        label = f"{person.first_name}{about}, PIN {person.pin.reveal()}"  # an invented person's
        return Act(label, lambda: swipe(health_card(person.number)))

    return tuple(act(person, about) for person, about in _PATRONS.items())


def _items(reader: SerialEmulator) -> tuple[Act, ...]:
    def act(copy: seed.Copy) -> Act:
        return Act(copy.title, lambda: reader.scan(copy.item))

    return tuple(act(copy) for copy in _ITEMS)


def _leaf(door: DoorHands) -> tuple[Act, ...]:
    def through() -> None:
        threading.Thread(target=door.walk_through, name="walk").start()

    return (Act("walk through the door", through),)


@dataclass(frozen=True, slots=True)
class _Places:
    counter: Place
    panel: Place
    dock: Place


def _places(width: int, height: int) -> _Places:
    """The machine on the left, the panel above the dock on the right. Of a display's pixels."""
    left = min(COUNTER_PLACE.width, width - _NARROWEST_DOCK - _GAP)
    right = min(width - left - _GAP, 640)
    panel_height = right * PANEL_PLACE.height // PANEL_PLACE.width
    return _Places(
        Place(0, 0, left, left * COUNTER_PLACE.height // COUNTER_PLACE.width),
        Place(left + _GAP, 0, right, panel_height),
        Place(left + _GAP, panel_height + _GAP, right, height - panel_height - _GAP),
    )


class _Weather:
    """What happens around the machines. What takes time is done on a worker, so that the windows live."""

    def __init__(self, site: Site, day: date) -> None:
        self._site, self._day, self._worker = site, day, Worker("weather")

    def hours(self) -> tuple[Act, ...]:
        def act(moment: time, mode: str) -> Act:
            return Act(f"{moment:%H:%M}, {mode}", lambda: set_time(self._site, self._day, moment))

        return tuple(act(moment, mode) for moment, mode in _HOURS.items())

    def acts(self, reader: SerialEmulator) -> tuple[Act, ...]:
        return (
            Act("pull the network plug", lambda: self._worker.do(self._site.stop_store)),
            Act("put it back", lambda: self._worker.do(self._site.start_store_again)),
            Act("unplug the reader", reader.unplug),
            Act("plug it in", reader.plug),
            Act("a bad swipe", reader.bad_swipe),
            Act("noise on the line", lambda: reader.noise(2_000, seed=1)),
        )


def _tell_of_the_lock(door: DoorHands, tell: Callable[[str], None]) -> threading.Event:
    """Watches the strike's line on a thread of its own, until the event that is returned is set."""
    ended, strike = threading.Event(), door.settings.gpio.strike

    def watch() -> None:
        high = False
        while not ended.is_set():
            try:
                door.lock.wait_for(strike, not high, timeout_s=0.5)
            except (BenchError, OSError):
                continue
            high = not high
            tell("The lock's line is high: the door can be opened." if high else "The lock's line is low: locked.")

    threading.Thread(target=watch, name="lock watch", daemon=True).start()
    return ended
