"""One line for each kind of fault, printed as a table when all have been tried.

Not responsible for: whether a line is good (the tests assert it).
"""

from collections.abc import Sequence
from dataclasses import dataclass

_HEADS = ("faults", "tried", "confirmed", "arrived", "lost", "doubled", "")


@dataclass(frozen=True, slots=True)
class Line:
    """confirmed: of the events that were confirmed, summed over the faults tried. said: what else was counted."""

    name: str
    tried: int
    confirmed: int
    arrived: int
    lost: int
    doubled: int
    said: str = ""


def table(lines: Sequence[Line]) -> str:
    """With a line of heads; empty where there is nothing to print."""
    if not lines:
        return ""
    cells = [_HEADS, *(_cells(line) for line in lines)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADS))]
    return "\n".join(_row(row, widths) for row in cells)


def _cells(line: Line) -> tuple[str, ...]:
    numbers = (line.tried, line.confirmed, line.arrived, line.lost, line.doubled)
    return (line.name, *(str(number) for number in numbers), line.said)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers, said = cells
    aligned = [number.rjust(width) for number, width in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join((name.ljust(widths[0]), *aligned, said)).rstrip()
