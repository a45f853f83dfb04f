"""SIP2 messages to bytes, strictly, and back, leniently.

    bytes -> Framer -> frame `9900802.00AY1AZFCA0` -> is_damaged? -> decode -> Message
    Message -> encode -> `9900802.00AY1AZFCA0` CR

Sent: every required field, values without `|` and control characters, CR. Read: junk before the two digits, CR, LF or
CR LF, fields that are unknown, missing or repeated, no last `|`, lower-case hexadecimals.
Not responsible for: which field says what, the envelope of Cicero (xml.py), when to send again.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sync.sip2.fields import SHAPES, Shape

MAX_FRAME = 64 * 1024  # bytes
LONGEST = 255  # characters of a value, SIP2 2.00

_START = re.compile(rb"[0-9]{2}")
_END = re.compile(rb"[\r\n]")
# AZ without AY only where a field may begin: an item's number may end in AZ1234.
_TRAILER = re.compile(rb"(?:AY([0-9])|(?<=\|)|(?<=\A9[67]))AZ([0-9A-Fa-f]{4})\|?\Z")
_BROKEN_TRAILER = re.compile(rb"AY[0-9]AZ[^|]*\|?\Z")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x1f\x7f-\x9f|]")
# Nothing on the line tells which: it is set for each peer.
ENCODINGS = ("utf-8", "iso-8859-1", "latin-1", "cp1252", "cp850", "ascii")


class WireError(Exception):
    """These bytes are no SIP2, or this message cannot be said in it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. fixed: name and value, in order. fields: id and value, in order; an id may stand twice."""

    id: str
    fixed: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def fixed_of(self, name: str) -> str:
        """Empty for a name that the message does not have."""
        return next((value for known, value in self.fixed if known == name), "")

    def first(self, field_id: str) -> str:
        """The value of the first such field; empty when there is none."""
        return next((value for known, value in self.fields if known == field_id), "")

    def all(self, field_id: str) -> tuple[str, ...]:
        return tuple(value for known, value in self.fields if known == field_id)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a peer writes. fence: a `|` between the fixed fields and the first other one. longest: None for no bound."""

    encoding: str = "utf-8"
    fence: bool = False
    longest: int | None = LONGEST

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise WireError("an encoding that SIP2 is not read in")


def message(message_id: str, fixed: Sequence[str], *fields: tuple[str, str]) -> Message:
    """The message with these fixed values, in their order. Raises WireError."""
    shape = _shape_of(message_id)
    if len(fixed) != len(shape.fixed):
        raise WireError("not the fixed fields of this message")
    names = (name for name, _ in shape.fixed)
    return Message(message_id, tuple(zip(names, fixed, strict=True)), fields)


# --- sending ------------------------------------------------------------------------------------


def encode(message: Message, spelling: Spelling, sequence: str = "", *, checked: bool = False) -> bytes:
    """The frame and its CR; a letter that the encoding does not have is a `?`. Raises WireError.

    sequence: AY, one digit, or nothing. checked: with AZ.
    """
    body = encode_text(message, spelling).encode(spelling.encoding, errors="replace")
    if not checked:
        return body + b"\r"
    said = body + (b"AY" + sequence.encode("ascii", errors="replace") if sequence else b"") + b"AZ"
    return said + checksum(said) + b"\r"


def encode_text(message: Message, spelling: Spelling) -> str:
    """The frame as text, without CR and AY, AZ: as it stands in Cicero's envelope. Raises WireError."""
    shape = _shape_of(message.id)
    present = {known for known, _ in message.fields}
    missing = tuple((known, "") for known in shape.fields if known in shape.required - present)
    fields = "".join(f"{_known(known)}{_plain(value, spelling)}|" for known, value in message.fields + missing)
    return message.id + _fixed_text(message, shape) + ("|" if spelling.fence and fields else "") + fields


def _fixed_text(message: Message, shape: Shape) -> str:
    if tuple(name for name, _ in message.fixed) != tuple(name for name, _ in shape.fixed):
        raise WireError("not the fixed fields of this message")
    for (_, value), (_, width) in zip(message.fixed, shape.fixed, strict=True):
        if len(value) != width or not value.isascii() or _NOT_IN_A_VALUE.search(value):
            raise WireError("a fixed field of another width")
    return "".join(value for _, value in message.fixed)


def _known(field_id: str) -> str:
    if len(field_id) != 2 or not field_id.isascii() or not field_id.isalnum():
        raise WireError("a field's id is two letters")
    return field_id


def _plain(value: str, spelling: Spelling) -> str:
    """Composed, for an Å of two code points is none in any other encoding than UTF-8."""
    return _NOT_IN_A_VALUE.sub(" ", unicodedata.normalize("NFC", value))[: spelling.longest]


def checksum(said: bytes) -> bytes:
    """Of everything through the `AZ`: two's complement of the bytes' sum, in four hexadecimals. SIP2 2.00."""
    return b"%04X" % (-sum(said) & 0xFFFF)


# --- reading ------------------------------------------------------------------------------------


class Framer:
    """Cuts what arrives into frames, wherever the line cut it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The frames that are complete now, without their end. Raises WireError when one does not end in time."""
        self._held += chunk
        while end := _END.search(self._held):
            line = bytes(self._held[: end.start()])
            del self._held[: end.end()]
            if frame := _without_junk(line):
                yield frame
        if len(self._held) > MAX_FRAME:
            raise WireError("a frame that does not end")


def _without_junk(line: bytes) -> bytes:
    """From the first two digits on; empty when there are none. Raises WireError."""
    if len(line) > MAX_FRAME:
        raise WireError("a frame that is too long")
    start = _START.search(line)
    return line[start.start() :] if start else b""


def trailer(frame: bytes) -> bytes:
    """The frame's AY and AZ as they were sent; empty without."""
    found = _TRAILER.search(frame)
    return found.group() if found else b""


def sequence_of(frame: bytes) -> str:
    """AY: a digit, or empty."""
    found = _TRAILER.search(frame)
    return (found.group(1) or b"").decode() if found else ""


def is_damaged(frame: bytes) -> bool:
    """It has a checksum, and not the right one."""
    found = _TRAILER.search(frame)
    if found is None:
        return _BROKEN_TRAILER.search(frame) is not None
    return (sum(frame[: found.start(2)]) + int(found.group(2), 16)) & 0xFFFF != 0


def decode(frame: bytes, encoding: str) -> Message:
    """The message of one frame; its checksum is not looked at here. Raises WireError."""
    body = frame[: len(frame) - len(trailer(frame))]
    return decode_text(body.decode(Spelling(encoding).encoding, errors="replace"))


def decode_text(text: str) -> Message:
    """The same, of text without AY and AZ. Raises WireError."""
    shape = _shape_of(text[:2])
    rest = unicodedata.normalize("NFC", text[2:])
    if len(rest) < shape.width:
        raise WireError("the fixed fields are cut short")
    fixed, at = [], 0
    for name, width in shape.fixed:
        fixed.append((name, _NOT_IN_A_VALUE.sub(" ", rest[at : at + width])))
        at += width
    parts = (_NOT_IN_A_VALUE.sub(" ", part) for part in rest[at:].split("|"))
    return Message(text[:2], tuple(fixed), tuple((part[:2], part[2:]) for part in parts if len(part) >= 2))


def _shape_of(message_id: str) -> Shape:
    shape = SHAPES.get(message_id)
    if shape is None:
        raise WireError("not a message of SIP2")
    return shape
