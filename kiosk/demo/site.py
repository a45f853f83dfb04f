"""A whole site on this computer: the store, a lock, a door and a counter, wired to emulated devices.

    kiosk central   a process of its own, with its own certificates and tables
    kiosk lock      a process of its own; its mock line is watched over a bench socket
    kiosk door      a process of its own; reader and keypad are pseudo-terminals, contact and REX mock lines
    the counter     in this process, for its window is here

Everything lies in one folder that goes when the site is closed, unless it is to be kept.
Not responsible for: what happens there (evening.py, dock.py).
"""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from config.settings import SHORTEST_PULSE_S, Settings, load
from drivers.panel_client import PanelClient
from drivers.simulated.clock import set_offset
from drivers.simulated.gpio_bench import GpioBench
from drivers.simulated.serial_emulator import SerialEmulator
from kiosk.composition.lines import bench_socket
from kiosk.composition.surroundings import panel_socket
from kiosk.door import face
from kiosk.door.face import Face
from kiosk.loop import system_clock
from sync.central.start import Home

BRANCH = "DK-766103"
DOOR, COUNTER = "ulfborg-door", "ulfborg-counter"
START_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """Of a window on the display, pixels."""

    left: int
    top: int
    width: int
    height: int


COUNTER_PLACE, PANEL_PLACE = Place(0, 0, 1280, 800), Place(0, 0, 800, 480)


class SiteError(Exception):
    """A part of the site did not start, or did not do what was asked. Says which part."""


class Program:
    """One `kiosk` process with its log; stopped by its own id."""

    def __init__(self, name: str, argv: list[str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kiosk", *argv],
                stdout=subprocess.PIPE,
                stderr=out,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def first_line(self) -> str:
        """What it says first. Raises SiteError when it ends instead."""
        out = self._process.stdout
        line = out.readline().decode().strip() if out else ""
        if not line:
            raise SiteError(f"{self.name} did not start; its log ends: {self.log.read_text()[-300:]}")
        return line

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """Asks it to end, and ends it when it does not. Its exit status; minus the signal that ended it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._ended()

    def kill(self) -> int:
        """As a power cut would, also when it is frozen."""
        self._process.send_signal(signal.SIGKILL)
        return self._ended()

    def _ended(self) -> int:
        status = self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        return status


class Faces:
    """What the door's panel shows, as a panel sees it: on the door's own socket."""

    def __init__(self, path: Path) -> None:
        self._client = PanelClient(path, system_clock)
        self._changed = threading.Condition()
        self.now: Face | None = None
        self._thread = threading.Thread(target=self._client.run, args=(self._show, self._lost), daemon=True)
        self._thread.start()

    def wait_for(self, wanted: Callable[[Face], bool], timeout_s: float) -> Face:
        """Raises SiteError when it is not shown in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.now is not None and wanted(self.now), timeout_s):
                raise SiteError(f"the door's panel stays at {self.now}")
            assert self.now is not None  # noqa: S101 - for the type checker: the condition held
            return self.now

    def close(self) -> None:
        self._client.stop()
        self._thread.join()

    def _show(self, packet: bytes) -> None:
        with self._changed:
            self.now = face.decode(packet)
            self._changed.notify_all()

    def _lost(self) -> None:
        with self._changed:
            self.now = None


@dataclass(slots=True)
class DoorHands:
    """What a person at the door can do, and see."""

    reader: SerialEmulator
    keypad: SerialEmulator
    lock: GpioBench
    frame: GpioBench
    faces: Faces
    settings: Settings

    def show_card(self, number: str) -> None:
        self.reader.scan(number)

    def swipe(self, track_2: str) -> None:
        self.reader.swipe(track_2)

    def type(self, digits: str) -> None:
        self.keypad.press(digits)

    def walk_through(self, open_s: float = 0.2) -> None:
        """Opens the door and lets it fall shut. open_s: longer than a contact bounces."""
        self.frame.drive(self.settings.gpio.contact, high=True)
        threading.Event().wait(open_s)
        self.frame.drive(self.settings.gpio.contact, high=False)

    def pulses(self) -> int:
        """How often the lock's line has risen since the lock process started."""
        return sum(edge.level for edge in self.lock.edges(self.settings.gpio.strike))


@dataclass(slots=True)
class Site:
    """Use as a context manager. folder: an empty one with a short path, for sockets lie in it. keep: leave it."""

    folder: Path
    keep: bool = False
    pulse_s: float = SHORTEST_PULSE_S
    deadline_s: float = 3.0  # of one question to the store
    address: str = ""
    store: Program | None = None
    programs: list[Program] = field(default_factory=list)
    emulators: list[SerialEmulator] = field(default_factory=list)
    _lines: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Site":
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.set_clock(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in reversed(self.programs):
            program.stop()
        self.stop_store()
        for emulator in self.emulators:
            emulator.unplug()
        self._lines.close()
        if not self.keep:
            shutil.rmtree(self.folder)

    # --- the clock of the whole site ---

    @property
    def clock_file(self) -> Path:
        return self.folder / "clock"

    def set_clock(self, ahead_s: float) -> None:
        """How far the site's wall clock is ahead of the computer's. Deadlines and certificates do not notice."""
        set_offset(self.clock_file, ahead_s)

    def begin(self) -> None:
        """The store, and its two machines enrolled."""
        self.start_store()
        self.enrol(DOOR)
        self.enrol(COUNTER)

    # --- the store ---

    @property
    def home(self) -> Home:
        return Home(self.folder / "store")

    def start_store(self) -> None:
        """At the first start anywhere; later where it was, so that the machines find it again."""
        if not self.clock_file.exists():
            self.set_clock(0.0)
        port = self.address.rpartition(":")[2] or "0"
        argv = ["central", "serve", "--dir", str(self.home.directory), "--port", port]
        self.store = Program("central", [*argv, "--clock-file", str(self.clock_file)], self.folder / "central.log")
        self.address = self.store.first_line().removeprefix("listening ")

    def start_store_again(self) -> None:
        """Nothing where it runs."""
        if self.store is None:
            self.start_store()

    def stop_store(self) -> None:
        if self.store is not None:
            self.store.stop()
            self.store = None

    def enrol(self, device: str) -> None:
        out = self.folder / device / "credentials"
        out.parent.mkdir(mode=0o700)
        argv = ["--dir", str(self.home.directory), "--device", device, "--branch", BRANCH, "--out", str(out)]
        enrolment = Program("enrolment", ["central", "enrol", *argv], self.folder / "enrol.log")
        enrolment.first_line()
        enrolment.stop()

    # --- the machines ---

    def start_door(self, place: Place = PANEL_PLACE) -> DoorHands:
        """Lock and door, and hands at both. place: of the panel, should one be started. Raises SiteError."""
        reader, keypad = self._plug("door-reader"), self._plug("door-keypad")
        more = f'[keypad]\npath = "{self.folder}/door-keypad"\n'
        settings = self._settings(DOOR, "door-reader", place, more)
        for unit in ("lock", "door"):
            self.start_unit(unit)
        lock, frame = self.bench(settings, "lock"), self.bench(settings, "door")
        faces = Faces(panel_socket(settings))
        self._lines.callback(faces.close)
        faces.wait_for(lambda _: True, START_WITHIN_S)
        for emulator in (reader, keypad):
            if not emulator.opened(START_WITHIN_S):
                raise SiteError("the door did not open its reader or keypad")
        return DoorHands(reader, keypad, lock, frame, faces, settings)

    def start_unit(self, unit: str) -> Program:
        """One process of the door: lock, door or panel; also anew, when it has died."""
        argv = [unit, "--config", str(self.config(DOOR))]
        self.programs.append(Program(unit, argv, self.folder / f"{unit}.log"))
        return self.programs[-1]

    def program(self, unit: str) -> Program:
        """The last one that was started."""
        return next(program for program in reversed(self.programs) if program.name == unit)

    def start_panel(self) -> None:
        """The door's screen, where there is a display."""
        self.start_unit("panel")

    def bench(self, settings: Settings, unit: str) -> GpioBench:
        """A line to a unit's mock pins, once the unit serves them. Raises SiteError."""
        wait = threading.Event()
        for _ in range(int(START_WITHIN_S / _LOOK_AGAIN_S)):
            with suppress(OSError):
                bench = GpioBench(bench_socket(settings, unit))
                self._lines.callback(bench.close)
                return bench
            wait.wait(_LOOK_AGAIN_S)
        raise SiteError(f"{unit} serves no lines")

    def counter(self, place: Place = COUNTER_PLACE, lends: str = "everybody") -> tuple[SerialEmulator, Settings]:
        """The counter's reader and settings; its unit runs in this process (kiosk.composition.checkout)."""
        reader = self._plug("counter-reader")
        return reader, self._settings(COUNTER, "counter-reader", place, f'[offline]\nlends = "{lends}"\n')

    def _plug(self, name: str) -> SerialEmulator:
        emulator = SerialEmulator(self.folder / name)
        self.emulators.append(emulator)
        return emulator

    def config(self, device: str) -> Path:
        return self.folder / device / "kiosk.toml"

    def _settings(self, device: str, reader: str, place: Place, more: str) -> Settings:
        self.config(device).write_text(
            f"""\
[device]
id = "{device}"
branch = "{BRANCH}"
simulated = true
state_dir = "{self.folder}/{device}"
run_dir = "{self.folder}/{device}"
[clock]
source = "simulated"
file = "{self.clock_file}"
[store]
address = "{self.address}"
credentials_dir = "{self.folder}/{device}/credentials"
deadline_s = {self.deadline_s}
exchange_every_s = 1
longest_back_off_s = 0.3
[reader]
path = "{self.folder}/{reader}"
[gpio]
factory = "mock"
[door]
pulse_s = {self.pulse_s}
[screen]
fullscreen = false
left = {place.left}
top = {place.top}
width = {place.width}
height = {place.height}
{more}"""
        )
        return load(self.config(device))
