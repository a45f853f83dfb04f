"""An NFC reader: the UID of a card laid on it (ISO 14443 A), once each time it is laid. The only import of nfcpy.

    sense --a UID--> CardSwiped --the same UID--> nothing ... --missed twice--> sense

A UID is an identifier, not a proof: who has the card for a second can copy it. The PIN is the secret.
A UID of four bytes beginning with 08 is random (ISO 14443-3), as phones send it: no card, and refused.
nfcpy is imported when the reader is opened: it costs 100 ms and needs libusb. It logs UIDs, so its log goes nowhere.

Not responsible for: anything else that is on the card.
"""

import logging
import termios
from collections.abc import Callable
from typing import Any

from drivers.mending import Mender
from kiosk.fault import Fault
from kiosk.loop import Clock
from kiosk.model import CardSwiped, Credential, Reading, Unreadable
from kiosk.ports import Put

BETWEEN_S = 0.1
_GONE_AFTER = 2  # missed senses


class ReaderGone(Exception):
    """What nfcpy raised when the reader was pulled or dumb. It has no text: nfcpy's could hold a UID."""


class Presence:
    """Pure: one reading for each time a card is laid, out of what each sense found."""

    def __init__(self) -> None:
        self._lying = b""
        self._missed = 0

    def sensed(self, uid: bytes) -> Reading | None:
        """uid: empty when there was no card."""
        if not uid:
            self._missed += 1
            if self._missed >= _GONE_AFTER:
                self._lying = b""
            return None
        self._missed = 0
        # A random UID is another at each sense: one telling is enough.
        known = b"random" if _is_random(uid) else uid
        if known == self._lying:
            return None
        self._lying = known
        return Unreadable() if _is_random(uid) else CardSwiped(Credential(uid.hex().upper()))


def _is_random(uid: bytes) -> bool:
    return len(uid) == 4 and uid[0] == 0x08


class NfcCard:
    """kiosk.ports.Source. path: as nfcpy names readers: `usb`, `tty:AMA0:pn532`, `udp:localhost:54321`."""

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._mender = Mender(Fault.READER_LOST, (ReaderGone,), clock)

    def run(self, put: Put) -> None:
        self._mender.keep(lambda up: self._serve(up, put), put)

    def stop(self) -> None:
        self._mender.stop()

    def _serve(self, up: Callable[[], None], put: Put) -> None:
        reader = _Reader(self._path)
        presence = Presence()
        try:
            up()
            while not self._mender.stopped:
                reading = presence.sensed(reader.uid())
                if reading is not None:
                    put(reading)
                self._mender.pause(BETWEEN_S)
        finally:
            reader.close()


class _Reader:
    """nfcpy's frontend, with one exception for the five it has."""

    def __init__(self, path: str) -> None:
        _silence_the_log()
        import nfc
        import nfc.clf

        self._target = nfc.clf.RemoteTarget("106A")
        self._failures = (OSError, termios.error, IndexError, nfc.clf.Error)
        self._frontend: Any = nfc.ContactlessFrontend()
        try:
            found = self._frontend.open(path)
        except self._failures:
            found = False
        if not found:
            raise ReaderGone

    def uid(self) -> bytes:
        """Empty when there is no card."""
        try:
            found = self._frontend.sense(self._target)
        except self._failures:
            raise ReaderGone from None
        return bytes(found.sdd_res) if found is not None and found.sdd_res else b""

    def close(self) -> None:
        try:
            self._frontend.close()
        except self._failures:
            raise ReaderGone from None


def _silence_the_log() -> None:
    log = logging.getLogger("nfc")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
