"""Barcodes from a scanner's serial line: what one line means, and that a code read twice is one code. Pure.

    ]C0 1234567890 CR          an AIM identifier, if the scanner is set to send it, says the symbology
    !BA10 1234567890 !C CR     the form of bibselv's scanners: symbology, length, code

A partly scanned Interleaved 2 of 5 is a valid shorter code: therefore only the lengths in use are taken.
Not responsible for: whether ten digits are a card or an item (what is on the screen decides).
"""

import re
from dataclasses import dataclass

from drivers.framing import Framer, ReadFrame
from kiosk.model import CodeScanned, Reading, Unreadable

REPEAT_S = 1.5

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")  # ISO/IEC 15424: `]`, symbology, modifier
_PREFIXED = re.compile(r"!B(?P<symbology>[A-Z])(?P<length>[0-9]{2})(?P<code>.*)!C")
_INTERLEAVED = "D"  # bibselv: school cards in 2 of 5 are kept in Cicero as LL-


@dataclass(frozen=True, slots=True)
class BarcodeRules:
    """Which codes this scanner may send. prefixed: every code stands between `!B<symbology><length>` and `!C`."""

    lengths: frozenset[int] = frozenset({10})
    digits_only: bool = True
    prefixed: bool = False


def read_code(line: bytes, rules: BarcodeRules) -> CodeScanned | Unreadable:
    """One line without its end, ASCII."""
    text = line.decode("ascii", errors="replace").strip(" ")
    if text.startswith("]"):
        aim = _AIM.match(text)
        text = text[aim.end() :] if aim else ""
    kept_as = ""
    if rules.prefixed:
        kept_as, text = _unwrapped(text)
    if len(text) not in rules.lengths or not _plain(text, rules.digits_only):
        return Unreadable()
    return CodeScanned(kept_as + text)


def _unwrapped(text: str) -> tuple[str, str]:
    """What Cicero has before the code, and the code; empty when the wrapping is not whole."""
    whole = _PREFIXED.fullmatch(text)
    if whole is None or len(whole["code"]) != int(whole["length"]):
        return "", ""
    return "LL-" if whole["symbology"] == _INTERLEAVED else "", whole["code"]


def _plain(text: str, digits_only: bool) -> bool:
    if digits_only:
        return text.isascii() and text.isdecimal()
    return re.fullmatch(r"[0-9A-Za-z-]+", text) is not None


class BarcodeDecoder:
    """Bytes to CodeScanned and Unreadable. With read_stripe also cards: the first byte of a frame decides."""

    def __init__(self, rules: BarcodeRules, read_stripe: ReadFrame | None = None, repeat_s: float = REPEAT_S) -> None:
        self._framer = Framer(lambda line: read_code(line, rules), read_stripe)
        self._repeat_s = repeat_s
        self._last: tuple[CodeScanned, float] | None = None

    def feed(self, data: bytes, mono: float) -> list[Reading]:
        """mono: when the bytes came, seconds."""
        last = self._last
        if last is not None and mono - last[1] >= self._repeat_s:
            self._last = None
        return [reading for reading in self._framer.feed(data, mono) if self._is_new(reading, mono)]

    def cut(self) -> list[Reading]:
        return self._framer.cut()

    def reset(self) -> None:
        """The screen has changed: the same code now means something new. May be called from another thread."""
        self._last = None

    def _is_new(self, reading: Reading, mono: float) -> bool:
        if not isinstance(reading, CodeScanned):
            return True
        last = self._last
        if last is not None and last[0] == reading:
            return False
        self._last = (reading, mono)
        return True
