"""A counter and a door as processes that die and are started again, and the store's own word about what they said.

Not responsible for: at which step they die (mortal.py, test_kill.py).
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

from drivers.simulated.serial_emulator import health_card
from kiosk.composition.surroundings import panel_socket
from kiosk.demo.site import COUNTER, DOOR, Faces, Site
from kiosk.door.face import Show
from kiosk.fault import DeviceFault
from kiosk.loop import system_clock
from kiosk.model import EventId, ItemId
from sync.central import ledger, seed
from sync.rest.client import RestStore
from sync.store.look import look
from tests.e2e import rig
from tests.faults.tally import Line

AT_ANY_TIME = ""
ITEMS = [copy.item for copy in seed.ITEMS[8:12]]
_ROOT = Path(__file__).parents[2]
_MOMENT_S = 0.4  # a loan takes less
_STEP_S = 3.0  # a step that is not come to within this is not come to at all
_PIN, _CARD = seed.ADULT.pin.reveal(), health_card(seed.ADULT.number)


class Mortal:
    """One life of a process, and every line it has shown."""

    def __init__(self, site: Site, unit: str, device: str) -> None:
        argv = [sys.executable, "-m", "tests.faults.mortal", unit, "--config", str(site.config(device))]
        with (site.folder / f"{unit}.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.shown: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._changed:
                self.shown.append(line.strip())
                self._changed.notify_all()

    def wait_for(self, come: Callable[[str], bool]) -> None:
        """Of the last line. Raises Late."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self.shown) and come(self.shown[-1]), rig.WITHIN_S):
                raise rig.Late(f"shown was {self.shown[-8:]}")

    def say(self, line: str) -> None:
        if self._process.stdin:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def dies(self, within_s: float) -> None:
        """By itself, or else by our hand; what it had shown is read to the end."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for end in (self._process.stdin, self._process.stdout):
            if end:
                end.close()


@dataclass(slots=True)
class Count:
    """unshown: on the disk, and killed before anybody saw it."""

    tried: int = 0
    confirmed: int = 0
    arrived: int = 0
    lost: int = 0
    doubled: int = 0
    unshown: int = 0
    left: int = 0  # not confirmed, not on the disk, and yet a loan

    def line(self, name: str) -> Line:
        said = f"{self.unshown} on the disk and not yet shown, {self.left} left behind"
        return Line(name, self.tried, self.confirmed, self.arrived, self.lost, self.doubled, said)

    def is_good(self) -> bool:
        return (self.lost, self.doubled, self.left) == (0, 0, 0)


def rows(file: Path, table: str) -> int:
    """Of a unit that runs; -1 while they cannot be counted."""
    try:
        with look(file) as statements:
            ((count,),) = statements.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
    except (DeviceFault, OSError):
        return -1
    return int(count or 0)


def nothing_waits(file: Path) -> bool:
    return rows(file, "events") == rows(file, "intents") == 0


class Till:
    """The counter's process, its reader, and the store's own word about each loan."""

    def __init__(self, site: Site, rng: Random, clock: Path | None = None) -> None:
        """With the store there, which tells it the rules. clock: of its own, a file of drivers/simulated/clock.py."""
        self._site, self._rng = site, rng
        self.count = Count()
        self.reader, self._settings = site.counter()
        if clock is not None:
            config = site.config(COUNTER)
            config.write_text(config.read_text().replace(str(site.clock_file), str(clock)))
        self._file = self._settings.device.state_dir / "checkout.db"
        self._start()
        rig.until(lambda: rows(self._file, "replica") == 1, "the rules")

    def _start(self) -> None:
        self._life = Mortal(self._site, "checkout", COUNTER)
        assert self.reader.opened(rig.WITHIN_S)
        self._life.wait_for(lambda line: line.startswith("Start"))

    def loan(self, step: str, item: ItemId, *, silent: bool, before: Callable[[], None] = lambda: None) -> None:
        """One, in the middle of which the process dies; then a start, and what became of it.

        silent: the store is not there, until the process is dead. before: happens between the card and the item.
        """
        arrived = self._arrived()
        self._log_in()
        before()
        self._life.say(f"arm {step}")
        self.reader.scan(item)
        most_s = _MOMENT_S + silent * self._settings.store.deadline_s
        self._life.dies(self._rng.uniform(0, most_s) if step == AT_ANY_TIME else _STEP_S)
        confirmed = any(f"{item}=Lent" in line for line in self._life.shown)
        with rig.open_store(self._site) if silent else nullcontext():
            self._start()
            rig.until(lambda: nothing_waits(self._file), "an empty outbox")
            self._compare(confirmed, item, self._arrived() - arrived)
            self._bring_back(item)

    def _log_in(self) -> None:
        self.reader.swipe(_CARD)
        self._life.wait_for(lambda line: line.startswith("AskingPin"))
        for digit in _PIN:
            self._life.say(f"type {digit}")
        self._life.wait_for(lambda line: line.startswith("Lending"))

    def _arrived(self) -> int:
        return len(rig.told(self._site, COUNTER, "item.lent"))

    def _compare(self, confirmed: bool, item: ItemId, arrived: int) -> None:
        loans = sum(loan.item == item and loan.returned_at is None for loan in ledger.loans_of(self._site.home))
        self.count.tried += 1
        self.count.confirmed += confirmed
        self.count.arrived += confirmed and arrived > 0 and loans > 0
        self.count.lost += confirmed and (arrived == 0 or loans == 0)
        self.count.doubled += max(arrived, loans) > 1
        self.count.unshown += not confirmed and arrived > 0
        self.count.left += not confirmed and not arrived and loans > 0

    def _bring_back(self, item: ItemId) -> None:
        """For the next one to be lent."""
        place = self._settings.store
        with closing(RestStore(self._site.address, place.credentials_dir, 5.0, system_clock)) as store:
            store.checkin(item, EventId(f"{self._rng.getrandbits(128):032x}"))

    def close(self) -> None:
        self._life.dies(0)


# --- the door -------------------------------------------------------------------------------------


class Gate:
    """The door's process beside a lock that lives on; what its line did is what was confirmed."""

    def __init__(self, site: Site, rng: Random) -> None:
        self._site, self._rng = site, rng
        self.count = Count()
        rig.evening(site)
        self._hands = site.start_door()
        self._file = self._hands.settings.device.state_dir / "door.db"
        site.program("door").stop()
        self._faces = self._hands.faces
        self._start()

    def _start(self) -> None:
        self._life = Mortal(self._site, "door", DOOR)
        for line in (self._hands.reader, self._hands.keypad):
            assert line.opened(rig.WITHIN_S)
        self._faces.close()
        self._faces = Faces(panel_socket(self._hands.settings))  # at once; the one before would wait a while
        self._shown(Show.READY)

    def _shown(self, show: Show) -> None:
        self._faces.wait_for(lambda face: face.show is show, rig.WITHIN_S)

    def entry(self, step: str) -> None:
        """One, in the middle of which the door dies; then a start, and what became of it."""
        before, pulses = self._arrived(), self._hands.pulses()
        self._hands.show_card(seed.ADULT.number)
        self._shown(Show.ASK_PIN)
        self._life.say(f"arm {step}")
        self._hands.type(_PIN)
        self._life.dies(self._rng.uniform(0, _MOMENT_S) if step == AT_ANY_TIME else _STEP_S)
        self._hands.lock.wait_for(self._hands.settings.gpio.strike, False, rig.WITHIN_S)
        opened = self._hands.pulses() - pulses
        self._start()
        rig.until(lambda: nothing_waits(self._file), "an empty outbox")
        self._compare(opened, self._arrived() - before)

    def _arrived(self) -> int:
        return len(rig.told(self._site, DOOR, "entry.granted"))

    def _compare(self, opened: int, arrived: int) -> None:
        self.count.tried += 1
        self.count.confirmed += opened
        self.count.arrived += min(opened, arrived)
        self.count.lost += max(0, opened - arrived)
        self.count.doubled += max(opened, arrived) > 1
        self.count.unshown += not opened and arrived > 0

    def close(self) -> None:
        self._life.dies(0)
        self._faces.close()
