"""Kinds of value on the command lines of the store and of enrolment: a folder, a number within bounds, a port.

Not responsible for: which options there are.
"""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

_DIGITS = re.compile(r"[0-9]{1,18}")
HIGHEST_PORT = 65535


def folder(said: str) -> Path:
    """An empty one would be where the command happens to run."""
    if not said.strip():
        raise ArgumentTypeError("a folder is named; . is this one")
    return Path(said)


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """A whole number, both bounds included."""

    def read(said: str) -> int:
        found = int(said) if _DIGITS.fullmatch(said) else lowest - 1
        if not lowest <= found <= highest:
            raise ArgumentTypeError(f"a whole number from {lowest} to {highest}")
        return found

    return read


port = number(0, HIGHEST_PORT)
