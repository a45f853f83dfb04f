"""What a command writes on a terminal of 80 columns: tables, Danish moments, and the sentence that ends it.

Not responsible for: what stands in it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

WIDTH = 80
NOTHING = "-"
_LOCAL = ZoneInfo("Europe/Copenhagen")


class CommandError(Exception):
    """Ends the command with one sentence on stderr."""


def day(when: date | None) -> str:
    return NOTHING if when is None else when.strftime("%d.%m.%Y")


def moment(when: datetime | None) -> str:
    """As the clock in Denmark shows it."""
    return NOTHING if when is None else when.astimezone(_LOCAL).strftime("%d.%m.%Y %H:%M")


def kroner(amount: int) -> str:
    """amount: øre."""
    return f"{amount // 100},{amount % 100:02d}"


def printable(said: str) -> str:
    """Without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in said)


def fitted(said: str, width: int) -> str:
    """Cut to the width, with a mark that it was."""
    shown = printable(said)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be, two spaces apart."""
    shown = [tuple(heads), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown)
    return "\n".join(lines)
