"""`kiosk central`: the embedded central store as a program, and the few acts a librarian or technician needs.

    serve       make the store at its first start, and listen until SIGTERM or Ctrl-C
    add-branch  a branch and its hours
    enrol-code  a code by which a machine lets itself in, once (`kiosk enrol` there)
    enrol       a machine's bundle: ca.pem device.pem device.key seal-public; works while the store runs
    revoke      shut a machine out, from its next request on
    show-loans  what is lent now, without names
    staff ...   the desk: patrons, cards, fees, holds, titles and items; refused events, machines, the log of it
    retention, import-cpr, import-queue, sip-user

Not responsible for: clocks other than those it is given.
"""

import argparse
import logging
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from kiosk.hours import Hours, HoursError
from kiosk.loop import Clock
from kiosk.model import BranchId, DeviceId
from sync import pki
from sync.central import ledger, seed, start, town
from sync.central.away import is_full
from sync.central.database import DatabaseError
from sync.central.machines import devices, enrolment
from sync.central.machines.devices import Certificate, Device
from sync.central.messages import mail
from sync.central.messages.delivery import FileDrop
from sync.central.messages.mail import MailError
from sync.central.patrons.column import ColumnError
from sync.central.schema import branches
from sync.central.staff import command as staff
from sync.central.staff.office import begun
from sync.central.staff.said import CommandError, table
from sync.central.start import Home, KeysLost
from sync.central.web.server import CentralServer
from sync.options import HIGHEST_PORT, folder, number, port
from sync.seal import SealError

_FAILED, _UNREADABLE = 1, 2
_PLANTS: dict[str, start.Plant] = {"small": seed.plant, "town": town.plant, "none": start.nothing}
_EXPECTED = (
    *(CommandError, DatabaseError, KeysLost, pki.PkiError, SealError),
    *(ColumnError, MailError, SQLAlchemyError, OSError),
)
_DEVICE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ISIL = re.compile(r"[A-Za-z0-9-]{1,16}")  # as the contract's branchId
_LONGEST_NAME = 100
_SERVER_NAMES = ("localhost", "127.0.0.1", "::1")

ResultT = TypeVar("ResultT")


def main(argv: Sequence[str], clock: Clock, simulated: Callable[[Path], Clock]) -> int:
    """Runs one subcommand. clock: this computer's. simulated: the clock of a file, for --clock-file."""
    if not "".join(argv).isprintable():
        print("kiosk central: an argument holds what is no text", file=sys.stderr)
        return _UNREADABLE
    asked = parser().parse_args(argv)
    try:
        _act(Home(asked.dir), asked, clock, simulated)
    except _EXPECTED as failure:
        print(f"kiosk central: {_sentence(failure)}", file=sys.stderr)
        return _FAILED
    return 0


def _act(home: Home, asked: argparse.Namespace, clock: Clock, simulated: Callable[[Path], Clock]) -> None:
    match asked.act:
        case "serve":
            _serve(home, asked, clock, simulated)
        case "enrol-code":
            print(_enrol_code(home, _device(asked), asked, clock))
        case "enrol":
            print(enrol(home, _device(asked), asked.out, clock))
        case "add-branch":
            print(_add_branch(home, _Branch(asked.branch, asked.name, asked.staffed, asked.unstaffed)))
        case "revoke":
            print(_revoke(home, DeviceId(asked.device), clock))
        case "show-loans":
            print(_loans(home))
        case _:
            print(staff.run(asked, clock))


def _sentence(failure: Exception) -> str:
    """SQLAlchemy's own words could hold what was asked for."""
    if is_full(failure):
        return "the disk is full"
    match failure:
        case SQLAlchemyError():
            return f"the database refused: {type(failure).__name__}"
        case ColumnError():
            return "a sealed number does not open: column.key is not the one it was sealed with"
        case OSError(filename=str() | Path() as path):
            return f"{path}: {failure.strerror or 'the system refused'}"
        case OSError():
            return failure.strerror or "the system refused"
        case _:
            return str(failure)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="kiosk central",
        description="The embedded central store, for demonstration, tests, training and small sites.",
    )
    acts = made.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_serve(_add_act(acts, "serve", "listen; makes the store at its first start", "--host 0.0.0.0 --port 8443"))
    door = "--device ulfborg-door --branch DK-766103"
    says = "make a machine's bundle and let it in; works while the store runs"
    enrolment = _add_act(acts, "enrol", says, f"{door} --out bundle")
    enrolment.add_argument("--device", required=True, metavar="NAME", help="the machine's name, as ulfborg-door")
    enrolment.add_argument("--branch", required=True, metavar="ISIL", help="the branch it stands in, as DK-766103")
    enrolment.add_argument("--out", required=True, type=folder, metavar="OUTDIR", help="where the bundle is written")
    _add_enrol_code(_add_act(acts, "enrol-code", "print a code by which a machine lets itself in, once", door))
    branch = _add_act(
        acts, "add-branch", "add a branch, or change the hours of one there is", "--branch DK-766103 --name Ulfborg"
    )
    branch.add_argument("--branch", required=True, metavar="ISIL", help="as DK-766103")
    branch.add_argument("--name", required=True, help="as patrons know it")
    hours = 'OSM opening_hours, as "Mo-Fr 12:00-17:00", or off; left out: as they are, and off for a new branch'
    branch.add_argument("--staffed", metavar="HOURS", help=hours)
    branch.add_argument("--unstaffed", metavar="HOURS", help='as "Mo-Su 07:00-22:00; PH 08:00-20:00"; left out: so too')
    revocation = _add_act(acts, "revoke", "shut a machine out, from its next request on", "--device ulfborg-door")
    revocation.add_argument("--device", required=True, metavar="NAME", help="the machine's name")
    staff.add_acts(acts)
    _add_act(acts, "show-loans", "what is lent now: item, title, lånernummer, due date; no names")
    return made


def _add_act(
    acts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, says: str, example: str = ""
) -> argparse.ArgumentParser:
    shown = f"example: kiosk central {name} --dir /srv/store {example}".rstrip()
    act = acts.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".", epilog=shown)
    act.add_argument("--dir", required=True, type=folder, metavar="DIR", help="the store's directory")
    return act


def _add_serve(act: argparse.ArgumentParser) -> None:
    act.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    act.add_argument("--port", default=0, type=port, help="the port; 0 takes any free one (default: %(default)s)")
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
    act.add_argument(
        "--enrol-port",
        default=0,
        type=port,
        metavar="PORT",
        help="where machines without a certificate may use a code of `enrol-code`; 0: nowhere (default: %(default)s)",
    )
    act.add_argument(
        "--sip-port",
        default=0,
        type=port,
        metavar="PORT",
        help="where machines may speak SIP2 over TLS; 0: nowhere (default: %(default)s)",
    )
    act.add_argument("--clock-file", type=folder, metavar="PATH", help="take the time from this file (demonstration)")


def _add_enrol_code(act: argparse.ArgumentParser) -> None:
    act.add_argument("--device", required=True, metavar="NAME", help="the machine's name, as ulfborg-door")
    act.add_argument("--branch", required=True, metavar="ISIL", help="the branch it stands in, as DK-766103")
    act.add_argument("--valid", default="1h", metavar="TIME", help="15m to 24h (default: %(default)s)")
    act.add_argument(
        "--enrol-port",
        default=8444,
        type=number(1, HIGHEST_PORT),
        help="the store's, as at `serve` (default: %(default)s)",
    )


# --- serve --------------------------------------------------------------------------------------


def _serve(home: Home, asked: argparse.Namespace, clock: Clock, simulated: Callable[[Path], Clock]) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if asked.clock_file and not asked.clock_file.is_file():
        raise CommandError(f"--clock-file {asked.clock_file} is not there")
    store_clock = simulated(asked.clock_file) if asked.clock_file else clock
    start.begin(home, (*_SERVER_NAMES, asked.host, *asked.name), clock().wall)
    start.populate(home, _PLANTS[asked.seed_data], store_clock().wall)
    ended = _on_signal()
    with CentralServer(
        home,
        store_clock,
        asked.host,
        asked.port,
        enrol_port=asked.enrol_port or None,
        sip_port=asked.sip_port or None,
        deliver=mail.deliverer(home.mail, FileDrop(home.outgoing)),
    ) as server:
        for says, address in (
            ("listening", server.address),
            ("enrolling", server.enrol_address),
            ("sip2", server.sip_address),
        ):
            if address:
                print(f"{says} {address}", flush=True)
        ended.wait()


def _on_signal() -> threading.Event:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


# --- machines -----------------------------------------------------------------------------------


def _device(asked: argparse.Namespace) -> Device:
    if not _DEVICE.fullmatch(asked.device):
        raise CommandError("a machine's name is 1 to 64 letters, digits, hyphens, full stops or underscores")
    return Device(DeviceId(asked.device), BranchId(asked.branch))


def enrol(home: Home, device: Device, out: Path, clock: Clock) -> str:
    """Makes the bundle in `out` and lets its certificate in. One sentence of what was done. clock: the computer's."""
    if not _with_database(begun(home), lambda connection: devices.has_branch(connection, device.branch)):
        raise CommandError("no such branch in this store")
    now = clock().wall
    pki.make_bundle_directory(out)
    request = pki.make_request(out / "device.key", device.device)
    validity = pki.Validity(now, start.DEVICE_DAYS)
    certificate = pki.sign_device(home.ca, request, device.device, validity)
    pki.write_file(out / "device.pem", certificate, 0o644)
    pki.write_file(out / "ca.pem", home.ca.cert.read_bytes(), 0o644)
    pki.write_file(out / "seal-public", home.seal_public.read_bytes(), 0o644)
    entry = Certificate(pki.fingerprint(certificate), validity.until)
    replaced = _with_database(home, lambda connection: devices.enrol(connection, device, entry, now))
    earlier = f"; {replaced} earlier certificate revoked" if replaced else ""
    return f"enrolled {device.device} at {device.branch}: {out}{earlier}"


def _enrol_code(home: Home, device: Device, asked: argparse.Namespace, clock: Clock) -> str:
    """The code, the CA's fingerprint, and the line to type at the machine. The code is shown this once."""
    valid, now = _valid(asked.valid), clock().wall

    def make(connection: Connection) -> str | None:
        known = devices.has_branch(connection, device.branch)
        return enrolment.make(connection, device, valid, now) if known else None

    code = _with_database(begun(home), make)
    if code is None:
        raise CommandError("no such branch in this store")
    ca = f"sha256:{pki.fingerprint(home.ca.cert.read_bytes())}"
    host = next((name for name in pki.names_of(home.server.cert) if name not in _SERVER_NAMES), _SERVER_NAMES[0])
    until = (now + valid).astimezone().strftime("%d.%m.%Y %H:%M")
    return (
        f"code  {code}   ({device.device} at {device.branch}; once, until {until})\n"
        f"CA    {ca}\n\n"
        f"at the machine, which then asks for the code:\n"
        f"kiosk enrol --store https://{host}:{asked.enrol_port} --code-file - --ca {ca}"
    )


def _valid(said: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([mh])", said)
    valid = timedelta(**{"minutes" if found[2] == "m" else "hours": int(found[1])}) if found else timedelta()
    if not enrolment.SHORTEST <= valid <= enrolment.LONGEST:
        raise CommandError("--valid is from 15m to 24h, as 90m or 4h")
    return valid


@dataclass(frozen=True, slots=True)
class _Branch:
    """Hours that are None stay as they are."""

    isil: str
    name: str
    staffed: str | None
    unstaffed: str | None


def _add_branch(home: Home, branch: _Branch) -> str:
    """Minimum age and loan days of a new branch are the schema's; those of an old one stay."""
    if not _ISIL.fullmatch(branch.isil):
        raise CommandError("an ISIL is 1 to 16 letters, digits or hyphens, as DK-766103")
    if not 1 <= len(branch.name.strip()) <= _LONGEST_NAME:
        raise CommandError(f"a branch's name has 1 to {_LONGEST_NAME} characters")

    def keep(connection: Connection) -> str:
        there = select(branches.c.staffed, branches.c.unstaffed).where(branches.c.branch_id == branch.isil)
        before = connection.execute(there).one_or_none()
        was_staffed, was_unstaffed = ("off", "off") if before is None else (before.staffed, before.unstaffed)
        staffed = was_staffed if branch.staffed is None else branch.staffed
        unstaffed = was_unstaffed if branch.unstaffed is None else branch.unstaffed
        _check_hours(staffed, unstaffed)
        values = {"name": branch.name.strip(), "staffed": staffed, "unstaffed": unstaffed}
        devices.keep_branch(connection, BranchId(branch.isil), values)
        return f"{branch.isil} {branch.name.strip()}: staffed {staffed}; unstaffed {unstaffed}"

    return _with_database(begun(home), keep)


def _check_hours(staffed: str, unstaffed: str) -> None:
    try:
        Hours(staffed, unstaffed)
    except HoursError as problem:
        raise CommandError(f"these hours cannot be read:\n{problem}") from None


def _revoke(home: Home, device: DeviceId, clock: Clock) -> str:
    def shut_out(connection: Connection) -> int:
        return devices.revoke(connection, device, clock().wall) + enrolment.void(connection, device)

    revoked = _with_database(begun(home), shut_out)
    if not revoked:
        raise CommandError("no such machine, or revoked before")
    return f"revoked {device}"


def _with_database(home: Home, work: Callable[[Connection], ResultT]) -> ResultT:
    with closing(start.open_database(home)) as database:
        return database.write(work).result()


# --- staff --------------------------------------------------------------------------------------


def _loans(home: Home) -> str:
    lent = (entry for entry in ledger.loans_of(begun(home)) if entry.returned_at is None)
    rows = ((entry.item, entry.title, entry.patron, entry.branch, entry.due.isoformat()) for entry in lent)
    return table(("item", "title", "lånernummer", "branch", "due"), rows)
