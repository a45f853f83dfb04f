"""`kiosk central`: the embedded central store as a program, and the few acts a librarian or technician needs.

    serve       make the store at its first start, and listen until SIGTERM or Ctrl-C
    add-branch  a branch and its hours
    enrol       a machine's bundle: ca.pem device.pem device.key seal-public; works while the store runs
    revoke      shut a machine out, from its next request on
    show-loans  what is lent now, without names

Not responsible for: clocks other than those it is given.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from sqlalchemy import Connection

from kiosk.hours import Hours, HoursError
from kiosk.loop import Clock
from kiosk.model import BranchId, DeviceId
from sync import pki
from sync.central import ledger, seed, start
from sync.central.database import Database, DatabaseError
from sync.central.machines import devices
from sync.central.machines.devices import Device
from sync.central.start import Home, KeysLost
from sync.central.web.server import CentralServer
from sync.seal import SealError

_FAILED = 1
_PLANTS: dict[str, start.Plant] = {"small": seed.plant, "none": start.nothing}
_SERVER_NAMES = ("localhost", "127.0.0.1", "::1")

ResultT = TypeVar("ResultT")


class CommandError(Exception):
    """Ends the command with one sentence on stderr."""


def main(argv: Sequence[str], clock: Clock, simulated: Callable[[Path], Clock]) -> int:
    """Runs one subcommand. clock: this computer's. simulated: the clock of a file, for --clock-file."""
    asked = parser().parse_args(argv)
    home = Home(asked.dir)
    try:
        match asked.act:
            case "serve":
                _serve(home, asked, clock, simulated)
            case "enrol":
                print(enrol(home, Device(DeviceId(asked.device), BranchId(asked.branch)), asked.out, clock))
            case "add-branch":
                print(_add_branch(home, _Branch(asked.branch, asked.name, asked.staffed, asked.unstaffed)))
            case "revoke":
                print(_revoke(home, DeviceId(asked.device), clock))
            case _:
                print(_loans(home))
    except (CommandError, DatabaseError, KeysLost, pki.PkiError, SealError) as failure:
        print(f"kiosk central: {failure}", file=sys.stderr)
        return _FAILED
    except OSError as failure:
        print(f"kiosk central: {failure.strerror or 'the system refused'}", file=sys.stderr)
        return _FAILED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="kiosk central",
        description="The embedded central store, for demonstration, tests, training and small sites.",
    )
    acts = made.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_serve(_add_act(acts, "serve", "listen; makes the store at its first start"))
    enrolment = _add_act(acts, "enrol", "make a machine's bundle and let it in; works while the store runs")
    enrolment.add_argument("--device", required=True, metavar="NAME", help="the machine's name, as ulfborg-door")
    enrolment.add_argument("--branch", required=True, metavar="ISIL", help="the branch it stands in, as DK-766103")
    enrolment.add_argument("--out", required=True, type=Path, metavar="OUTDIR", help="where the bundle is written")
    branch = _add_act(acts, "add-branch", "add a branch, or change the hours of one there is")
    branch.add_argument("--branch", required=True, metavar="ISIL", help="as DK-766103")
    branch.add_argument("--name", required=True, help="as patrons know it")
    branch.add_argument("--staffed", default="off", metavar="HOURS", help='OSM opening_hours, as "Mo-Fr 12:00-17:00"')
    branch.add_argument("--unstaffed", default="off", metavar="HOURS", help='as "Mo-Su 07:00-22:00; PH 08:00-20:00"')
    revocation = _add_act(acts, "revoke", "shut a machine out, from its next request on")
    revocation.add_argument("--device", required=True, metavar="NAME", help="the machine's name")
    _add_act(acts, "show-loans", "what is lent now: item, title, lånernummer, due date; no names")
    return made


def _add_act(
    acts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, says: str
) -> argparse.ArgumentParser:
    act = acts.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
    act.add_argument("--dir", required=True, type=Path, metavar="DIR", help="the store's directory")
    return act


def _add_serve(act: argparse.ArgumentParser) -> None:
    act.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    act.add_argument("--port", default=0, type=int, help="the port; 0 takes any free one (default: %(default)s)")
    act.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="a further DNS name or IP address for the certificate, at the first start; may be repeated",
    )
    act.add_argument(
        "--seed-data",
        choices=tuple(_PLANTS),
        default="small",
        help="what an empty store is filled with: an invented library, or nothing (default: %(default)s)",
    )
    act.add_argument("--clock-file", type=Path, metavar="PATH", help="take the time from this file (demonstration)")


# --- serve --------------------------------------------------------------------------------------


def _serve(home: Home, asked: argparse.Namespace, clock: Clock, simulated: Callable[[Path], Clock]) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    store_clock = simulated(asked.clock_file) if asked.clock_file else clock
    start.begin(home, (*_SERVER_NAMES, asked.host, *asked.name), clock().wall)
    start.populate(home, _PLANTS[asked.seed_data], store_clock().wall)
    ended = _on_signal()
    with CentralServer(home, store_clock, asked.host, asked.port) as server:
        print(f"listening {server.address}", flush=True)
        ended.wait()


def _on_signal() -> threading.Event:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


# --- machines -----------------------------------------------------------------------------------


def enrol(home: Home, device: Device, out: Path, clock: Clock) -> str:
    """Makes the bundle in `out` and lets its certificate in. One sentence of what was done. clock: the computer's."""
    if not _with_database(_begun(home), lambda connection: devices.has_branch(connection, device.branch)):
        raise CommandError("no such branch in this store")
    now = clock().wall
    pki.make_directory(out)
    request = pki.make_request(out / "device.key", device.device)
    certificate = pki.sign_device(home.ca, request, device.device, pki.Validity(now, start.DEVICE_DAYS))
    pki.write_file(out / "device.pem", certificate, 0o644)
    pki.write_file(out / "ca.pem", home.ca.cert.read_bytes(), 0o644)
    pki.write_file(out / "seal-public", home.seal_public.read_bytes(), 0o644)
    fingerprint = pki.fingerprint(certificate)
    replaced = _with_database(home, lambda connection: devices.enrol(connection, device, fingerprint, now))
    earlier = f"; {replaced} earlier certificate revoked" if replaced else ""
    return f"enrolled {device.device} at {device.branch}: {out}{earlier}"


@dataclass(frozen=True, slots=True)
class _Branch:
    isil: str
    name: str
    staffed: str
    unstaffed: str


def _add_branch(home: Home, branch: _Branch) -> str:
    """Minimum age and loan days of a new branch are the schema's; those of an old one stay."""
    try:
        Hours(branch.staffed, branch.unstaffed)
    except HoursError as problem:
        raise CommandError(f"these hours cannot be read:\n{problem}") from None
    values = {"name": branch.name, "staffed": branch.staffed, "unstaffed": branch.unstaffed}
    _with_database(_begun(home), lambda connection: devices.keep_branch(connection, BranchId(branch.isil), values))
    return f"{branch.isil} {branch.name}: staffed {branch.staffed}; unstaffed {branch.unstaffed}"


def _revoke(home: Home, device: DeviceId, clock: Clock) -> str:
    revoked = _with_database(_begun(home), lambda connection: devices.revoke(connection, device, clock().wall))
    if not revoked:
        raise CommandError("no such machine, or revoked before")
    return f"revoked {device}"


def _begun(home: Home) -> Home:
    if not home.is_begun:
        raise CommandError("there is no store in this directory; start it with: kiosk central serve")
    return home


def _with_database(home: Home, work: Callable[[Connection], ResultT]) -> ResultT:
    with closing(Database(home.database)) as database:
        return database.write(work).result()


# --- staff --------------------------------------------------------------------------------------


def _loans(home: Home) -> str:
    lent = (entry for entry in ledger.loans_of(_begun(home)) if entry.returned_at is None)
    rows = ((entry.item, entry.title, entry.patron, entry.branch, entry.due.isoformat()) for entry in lent)
    table = (("item", "title", "lånernummer", "branch", "due"), *rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
    return "\n".join(lines)
