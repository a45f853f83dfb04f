"""Cuts a reader's bytes into frames: a line up to CR or LF, or track 2 of a magnetic stripe. Pure.

    start --printable--> line  --CR/LF--> a line, read
    start --;----------> track 2 --?----> a stripe, read
    start --%----------> track 1 --?----> nothing: a name and an address, dropped byte by byte and never kept

The first byte decides, so one cable may carry barcodes and stripes. Control characters other than CR and LF (STX, ETX,
NUL) are passed over; a byte above 0x7E, a frame over the cap, or a silence in the middle spoils the frame.
What spoils is told once, then not again before a good frame or a silence: noise cannot flood the queue.

Not responsible for: what a frame means (barcode.py, magstripe.py).
"""

from collections.abc import Callable
from enum import Enum, auto, unique
from typing import assert_never

from kiosk.model import Reading, Unreadable

ReadFrame = Callable[[bytes], Reading]  # answers Unreadable for what is no code or card

CAP = 64  # bytes in a frame
GAP_S = 0.3  # a silence this long in the middle of a frame ends it

_ENDS = b"\r\n"


@unique
class _In(Enum):
    START = auto()
    LINE = auto()
    TRACK_1 = auto()
    TRACK_2 = auto()
    SPOILT = auto()


class Framer:
    """Keeps the rest between feeds. Any cut of the same bytes gives the same readings.

    read_stripe: None where no stripe can come; then `%` and `;` are a line's bytes as any other.
    """

    def __init__(self, read_line: ReadFrame, read_stripe: ReadFrame | None = None, gap_s: float = GAP_S) -> None:
        self._read_line, self._read_stripe, self._gap_s = read_line, read_stripe, gap_s
        self._in = _In.START
        self._kept = bytearray()
        self._owed = False  # a track 1 came and no track 2 yet
        self._told = False  # Unreadable was said of this burst
        self._last = float("-inf")

    def feed(self, data: bytes, mono: float) -> list[Reading]:
        """mono: when the bytes came, seconds. Feed b"" in silence, so that half a frame is told of."""
        readings = self.cut() if mono - self._last > self._gap_s else []
        if data:
            self._last = mono
        for byte in data:
            readings += self._take(byte)
        return readings

    def cut(self) -> list[Reading]:
        """Nothing more comes of what is begun: a silence, or the cable is out."""
        half = self._in is not _In.START or self._owed
        readings = self._unreadable() if half else []
        self._begin()
        self._owed = self._told = False
        return readings

    def _take(self, byte: int) -> list[Reading]:
        if byte in _ENDS:
            return self._end_line()
        if byte < 0x20:
            return []
        match self._in:
            case _In.START:
                return self._start(byte)
            case _In.LINE:
                return self._keep(byte)
            case _In.TRACK_1:
                return self._track_1(byte)
            case _In.TRACK_2:
                return self._end_stripe() if byte == ord("?") else self._keep(byte)
            case _In.SPOILT:
                return []
            case _:
                assert_never(self._in)

    def _start(self, byte: int) -> list[Reading]:
        if self._read_stripe is not None and byte == ord("%"):
            self._in, self._owed = _In.TRACK_1, True
            return []
        if self._read_stripe is not None and byte == ord(";"):
            self._in = _In.TRACK_2
            return []
        self._in = _In.LINE
        return self._keep(byte)

    def _keep(self, byte: int) -> list[Reading]:
        if byte > 0x7E or len(self._kept) == CAP:
            self._begin()
            self._in = _In.SPOILT
            return []
        self._kept.append(byte)
        return []

    def _track_1(self, byte: int) -> list[Reading]:
        if byte == ord("?"):
            self._in = _In.START
        return []

    def _end_line(self) -> list[Reading]:
        was, frame = self._in, self._begin()
        match was:
            case _In.LINE:
                return self._heard(self._read_line(frame))
            case _In.TRACK_2 | _In.SPOILT:
                self._owed = False
                return self._unreadable()
            case _In.START | _In.TRACK_1:
                return []
            case _:
                assert_never(was)

    def _end_stripe(self) -> list[Reading]:
        self._owed = False
        frame = self._begin()
        return self._heard(self._read_stripe(frame)) if self._read_stripe else []

    def _heard(self, reading: Reading) -> list[Reading]:
        if isinstance(reading, Unreadable):
            return self._unreadable()
        self._told = False
        return [reading]

    def _unreadable(self) -> list[Reading]:
        told, self._told = self._told, True
        return [] if told else [Unreadable()]

    def _begin(self) -> bytes:
        """The frame so far; the buffer is overwritten, for it may hold a card's number."""
        frame = bytes(self._kept)
        self._kept[:] = bytes(len(self._kept))
        self._kept.clear()
        self._in = _In.START
        return frame
