"""The spine's rows: from card bytes to the lock's line, the first frame, memory, a whole evening.

The floor of the door is what nobody can go below with this store on this computer: one keep-alive mutual-TLS round trip
by http.client, one append with fdatasync, and one check of a PIN hash with the store's own parameters, each measured
in the same round as ours. The hash dominates, on purpose: it is what a stolen database costs to guess (pin_hash.py).
"""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
from datetime import time
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from kiosk.demo.evening import day_like_any, set_time
from kiosk.demo.site import DOOR, DoorHands, Site
from kiosk.door.face import Show
from kiosk.loop import system_clock
from sync import pki
from sync.central import seed
from sync.central.patrons.pin_hash import PinHash
from sync.rest import wire
from tests.bench.row import Row, median, quantile, spread

_WITHIN_S = 20.0
_AIM_P50_MS, _AIM_P99_MS = 5.0, 25.0


def rows(quick: bool) -> list[Row]:
    return [*_door(60 if quick else 400), *_first_frame(3 if quick else 10), *_evening(1 if quick else 3)]


# --- card to line ---------------------------------------------------------------------------------


def _door(rounds: int) -> list[Row]:
    with Site(Path(tempfile.mkdtemp(prefix="natugle-")), pulse_s=0.1) as site:
        site.begin()
        set_time(site, day_like_any(site), time(20, 15))
        door = site.start_door()
        with _Floor(site) as floor:
            ours, below = [], []
            for _ in range(rounds):
                ours.append(_card_to_line(door))
                below.append(floor.once())
        over = [mine - least for mine, least in zip(ours, below, strict=True)]
        memory = _memory(site)
    p50, p99 = quantile(over, 0.5), quantile(over, 0.99)
    return [
        _ms("spine.card_to_line.p50", ours, 0.5, below),
        _ms("spine.card_to_line.p99", ours, 0.99, below),
        Row("spine.over_floor.p50", "ms", p50, spread(over), aim=f"<= {_AIM_P50_MS:.0f}", met=p50 <= _AIM_P50_MS),
        Row("spine.over_floor.p99", "ms", p99, spread(over), aim=f"<= {_AIM_P99_MS:.0f}", met=p99 <= _AIM_P99_MS),
        *memory,
    ]


def _ms(name: str, ours: list[float], q: float, below: list[float]) -> Row:
    return Row(name, "ms", quantile(ours, q), spread(ours), floor=quantile(below, q))


def _card_to_line(door: DoorHands) -> float:
    """ms from the card's bytes on the reader's line to the strike's line high; the PIN has been typed already."""
    strike = door.settings.gpio.strike
    door.faces.wait_for(lambda face: face.show is Show.READY, _WITHIN_S)
    door.lock.wait_for(strike, False, _WITHIN_S)
    door.type(seed.ADULT.pin.reveal())
    door.faces.wait_for(lambda face: face.show is Show.CARD_WANTED and face.digits == 4, _WITHIN_S)
    begun = system_clock().mono
    door.show_card(seed.ADULT.number)
    return (door.lock.wait_for(strike, True, _WITHIN_S) - begun) * 1000


class _Floor:
    """The three things that any door would have to do, with as little around them as can be."""

    def __init__(self, site: Site) -> None:
        credentials = site.folder / DOOR / "credentials"
        identity = pki.Identity(credentials / "device.pem", credentials / "device.key")
        context = pki.client_context(credentials / "ca.pem", identity)
        at = urlsplit(site.address)
        self._connection = http.client.HTTPSConnection(str(at.hostname), at.port, context=context)
        self._file = os.open(site.folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._hash = PinHash(site.home.pepper.read_bytes())
        self._kept = self._hash.make(seed.ADULT.pin)

    def __enter__(self) -> "_Floor":
        self.once()  # the handshake is nobody's floor
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        os.close(self._file)

    def once(self) -> float:
        """ms of all three."""
        begun = perf_counter()
        self._connection.request("GET", wire.STATUS)
        self._connection.getresponse().read()
        os.write(self._file, b"x" * 330)
        os.fdatasync(self._file)
        if not self._hash.matches(seed.ADULT.pin, self._kept):
            raise AssertionError("the floor's PIN is wrong")
        return (perf_counter() - begun) * 1000


# --- memory ---------------------------------------------------------------------------------------


def _memory(site: Site) -> list[Row]:
    programs = {program.name: program.pid for program in site.programs}
    if site.store is not None:
        programs["central"] = site.store.pid
    argv = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bare:
        if bare.stdout:
            bare.stdout.readline()
        floor = _rss(bare.pid)
        found = [Row(f"spine.rss.{name}", "MiB", _rss(pid), 0.0, floor) for name, pid in programs.items()]
        bare.communicate("\n")
    return found


def _rss(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kib,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kib) / 1024


# --- first frame ----------------------------------------------------------------------------------

_BARE_QT = """
import sys, time
from PySide6.QtGui import QGuiApplication, QColor
from PySide6.QtQuick import QQuickWindow, QSGRendererInterface
QQuickWindow.setGraphicsApi(QSGRendererInterface.GraphicsApi.Software)
app = QGuiApplication(sys.argv)
window = QQuickWindow()
window.setColor(QColor("white"))
window.frameSwapped.connect(app.quit)
window.resize(1280, 800)
window.show()
app.exec()
"""


def _first_frame(rounds: int) -> list[Row]:
    """Process start to the first frame of the whole program, beside an empty window of the same library."""
    with Site(Path(tempfile.mkdtemp(prefix="natugle-"))) as site:
        site.begin()
        site.counter()
        ours, bare, rss = [], [], []
        for _ in range(rounds):
            took, memory = _until_ready(site)
            ours.append(took)
            rss.append(memory)
            begun = perf_counter()
            subprocess.run([sys.executable, "-c", _BARE_QT], env=_offscreen(), check=True)
            bare.append((perf_counter() - begun) * 1000)
    return [
        Row("spine.first_frame", "ms", median(ours), spread(ours), median(bare), aim="<= 400", met=median(ours) <= 400),
        Row("spine.rss.checkout", "MiB", median(rss), spread(rss), aim="<= 130", met=median(rss) <= 130),
    ]


def _offscreen() -> dict[str, str]:
    return os.environ | {"QT_QPA_PLATFORM": "offscreen"}


def _until_ready(site: Site) -> tuple[float, float]:
    """ms until the program says that its first frame stands (sd_notify), and its memory then, MiB."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        path = site.folder / "notify"
        path.unlink(missing_ok=True)
        notices.bind(str(path))
        notices.settimeout(_WITHIN_S)
        argv = [sys.executable, "-m", "kiosk", "checkout", "--config", str(site.config("ulfborg-counter"))]
        begun = perf_counter()
        program = subprocess.Popen(argv, env=_offscreen() | {"NOTIFY_SOCKET": str(path)}, stderr=subprocess.DEVNULL)
        while not notices.recv(512).startswith(b"READY=1"):
            pass
        took, memory = (perf_counter() - begun) * 1000, _rss(program.pid)
        program.terminate()
        program.wait(_WITHIN_S)
    return took, memory


# --- the evening ----------------------------------------------------------------------------------


def _evening(rounds: int) -> list[Row]:
    took = []
    for _ in range(rounds):
        begun = perf_counter()
        with tempfile.TemporaryDirectory() as out:
            argv = [sys.executable, "-m", "kiosk", "demo", "--headless", "--out", out]
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        took.append(perf_counter() - begun)
    return [Row("spine.evening", "s", median(took), spread(took))]
