"""How fast it is here: `./dev bench [NAME ...] [--quick] [--json]`.

Every row is measured beside its floor and its peers in one run, in turns: compare ratios, not milliseconds, between
computers. NAME selects by the beginning of a row's name.
"""

import argparse
import json
import os
import platform
import sys

from tests.bench import central, outbox, spine
from tests.bench.row import Measure, Row

PARTS: dict[str, Measure] = {"spine.": spine.rows, "outbox.": outbox.rows, "central.": central.rows}


def main() -> int:
    asked = _parser().parse_args()
    chosen = [name for name in PARTS if not asked.names or any(_meets(name, wanted) for wanted in asked.names)]
    if not chosen:
        print(f"no rows begin so; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in chosen:
        print(f"measuring {name}* ...", file=sys.stderr, flush=True)
        rows += PARTS[name](asked.quick)
    rows = [row for row in rows if not asked.names or any(row.name.startswith(wanted) for wanted in asked.names)]
    print(json.dumps([row.plain() for row in rows], indent=2) if asked.json else _table(rows))
    return 0


def _meets(part: str, wanted: str) -> bool:
    return part.startswith(wanted) or wanted.startswith(part)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows that begin so, as spine.card; all without")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a look, not for a record")
    parser.add_argument("--json", action="store_true", help="a list of rows on stdout")
    return parser


def _table(rows: list[Row]) -> str:
    heads = ("row", "ours", "±", "floor", "ratio", "peers", "aim", "")
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells)
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return "\n".join((*lines, "", f"{where}; median (or the quantile named), ± half the distance of the quartiles"))


def _cells(row: Row) -> tuple[str, ...]:
    ratio = row.ratio_to_floor
    return (
        row.name,
        f"{row.ours:.2f} {row.unit}",
        f"{row.spread:.2f}",
        f"{row.floor:.2f}" if row.floor else "",
        f"{ratio:.2f}" if ratio is not None else "",
        ", ".join(f"{name} {value:.2f}" for name, value in row.peers.items()),
        row.aim,
        "" if row.met is None else "met" if row.met else "SHORT",
    )


if __name__ == "__main__":
    sys.exit(main())
