"""An act on the command line: its name, its help with an example, the store it is done in, and what runs it.

Not responsible for: which acts there are (command.py, counter.py).
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from kiosk.model import BranchId
from sync.central.staff.office import Office
from sync.options import folder

Acts: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Work = Callable[[Office, argparse.Namespace], str]


@dataclass(frozen=True, slots=True)
class Act:
    """example: what stands behind the store's directory."""

    name: str
    says: str
    example: str
    work: Work


def add(acts: Acts, act: Act) -> argparse.ArgumentParser:
    path = acts._prog_prefix.removeprefix("kiosk central").strip()
    example = " ".join(filter(None, ("kiosk central", path, act.name, "--dir /srv/store", act.example)))
    says = act.says[0].upper() + act.says[1:] + "."
    made = acts.add_parser(act.name, help=act.says, description=says, epilog=f"example: {example}")
    made.add_argument("--dir", required=True, type=folder, metavar="DIR", help="the store's directory")
    made.set_defaults(run=act.work)
    return made


def add_patron(act: argparse.ArgumentParser) -> None:
    act.add_argument("--patron", required=True, metavar="NR", help="lånernummer")


def add_branch(act: argparse.ArgumentParser, says: str) -> None:
    act.add_argument("--branch", required=True, type=BranchId, metavar="ISIL", help=says)


def ore(said: str) -> int:
    """Kroner as they are written, with or without øre: 230, 230,50."""
    found = re.fullmatch(r"([0-9]{1,5})(?:,([0-9]{2}))?", said)
    amount = int(found[1]) * 100 + int(found[2] or 0) if found else 0
    if not amount:
        raise argparse.ArgumentTypeError("an amount is in kroner, as 230 or 230,50")
    return amount
