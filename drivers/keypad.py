"""A keypad on a serial line that sends one ASCII character a key. Pure.

    0-9 a digit    # CR enter    * BS ESC DEL clear    everything else nothing

Not responsible for: how many digits make a PIN.
"""

from kiosk.model import ClearTyped, DigitTyped, EnterTyped, Reading

_KEYS: dict[int, Reading] = {ord(digit): DigitTyped(digit) for digit in "0123456789"}
_KEYS |= dict.fromkeys(b"#\r", EnterTyped())
_KEYS |= dict.fromkeys(b"*\x08\x1b\x7f", ClearTyped())


class KeypadDecoder:
    """Keeps nothing between feeds: a key is one byte."""

    def feed(self, data: bytes, mono: float) -> list[Reading]:  # noqa: ARG002 -- every decoder is told the time
        return [_KEYS[byte] for byte in data if byte in _KEYS]

    def cut(self) -> list[Reading]:
        return []
