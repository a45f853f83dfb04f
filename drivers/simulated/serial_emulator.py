"""A reader, scanner or keypad on the wire: a pseudo-terminal under a stable name, as in /dev/serial/by-id.

    emulator --master | slave <--link-- SerialLine(path=link)

Not emulated: baud and parity, which a pseudo-terminal ignores.
"""

import contextlib
import fcntl
import os
import random
import select
import struct
import termios
import tty
from pathlib import Path

HEALTH_CARD = "9208100{issuer}{cpr}1041173083461010814"  # dauer/sygesikringskort; see drivers/magstripe.py
_FLUSHED = 0x01  # TIOCPKT_FLUSHREAD, ioctl_tty(2)


def health_card(cpr: str) -> str:
    """Track 2 of a health card, 37 digits. Take a CPR number with 60 added to the day."""
    return HEALTH_CARD.format(issuer="4", cpr=cpr)


class SerialEmulator:
    """Plugged in from the start. Bytes sent before anybody has opened the line are lost, as from a real reader."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))  # so that `opened` sees the driver's flush
        aside = self._link.with_name(self._link.name + ".new")
        aside.unlink(missing_ok=True)
        aside.symlink_to(os.ttyname(self._slave))
        aside.replace(self._link)

    def unplug(self) -> None:
        """At any moment, also twice. Who reads meets an error."""
        self._link.unlink(missing_ok=True)
        for end in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(end)
        self._master = self._slave = -1

    def opened(self, timeout_s: float) -> bool:
        """Waits until a driver has opened the line: each opening answers once. False when none did in time."""
        while select.select([self._master], [], [], timeout_s)[0]:
            if os.read(self._master, 4096)[0] & _FLUSHED:
                return True
        return False

    def send(self, data: bytes) -> None:
        """Nothing when unplugged. Waits while the driver does not read."""
        if self._master >= 0:
            while data:
                data = data[os.write(self._master, data) :]

    def scan(self, code: str) -> None:
        self.send(code.encode("ascii") + b"\r")

    def swipe(self, track_2: str) -> None:
        self.send(b";" + track_2.encode("ascii") + b"?\r")

    def swipe_both(self, track_1: str, track_2: str) -> None:
        """A reader whose track 1 was not switched off."""
        self.send(b"%" + track_1.encode("ascii") + b"?;" + track_2.encode("ascii") + b"?\r")

    def bad_swipe(self) -> None:
        self.send(b"%E?;E?\r")

    def half(self, code: str) -> None:
        """The first half of a barcode, and then nothing."""
        self.send(code.encode("ascii")[: len(code) // 2])

    def noise(self, count: int, seed: int) -> None:
        """A loose plug, or another baud: any bytes."""
        self.send(random.Random(seed).randbytes(count))  # noqa: S311 -- the same noise each time

    def press(self, keys: str) -> None:
        """On a keypad: digits, `#` and `*`."""
        self.send(keys.encode("ascii"))
