"""`kiosk central staff ...`, and the acts beside it that keep a store: each its options, its help, and what runs it.

Not responsible for: doing any of it (the other files of this folder).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kiosk.loop import Clock
from kiosk.model import Block, BranchId, ItemId, PatronId
from sync.central.circulation.items import ItemState
from sync.central.sip2.logins import SipUser
from sync.central.staff import items, machines, office, patrons, refused, upkeep
from sync.central.staff.office import Office
from sync.central.staff.patrons import Whom
from sync.central.staff.picture import REASONS
from sync.central.start import Home

Acts: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Work = Callable[[Office, argparse.Namespace], str]


@dataclass(frozen=True, slots=True)
class _Act:
    """example: what stands behind the store's directory."""

    name: str
    says: str
    example: str
    work: Work


def run(asked: argparse.Namespace, clock: Clock) -> str:
    """What an act of `add_acts` prints. Raises CommandError."""
    work: Work = asked.run
    return work(Office(office.begun(Home(asked.dir)), clock().wall), asked)


def add_acts(acts: Acts) -> None:
    """What `kiosk central` has of ours. Each act's parser carries what runs it."""
    _add_upkeep(acts)
    says = "patrons, items, refused events and machines, at the desk"
    staff = acts.add_parser("staff", help=says, description=says[0].upper() + says[1:] + ".")
    desk = staff.add_subparsers(dest="staff_act", required=True, metavar="ACT")
    _add_show(desk)
    _add_blocks(desk)
    _add_item(desk)
    _add_events(desk)


def _add(acts: Acts, act: _Act) -> argparse.ArgumentParser:
    path = acts._prog_prefix.removeprefix("kiosk central").strip()
    example = " ".join(filter(None, ("kiosk central", path, act.name, "--dir /srv/store", act.example)))
    says = act.says[0].upper() + act.says[1:] + "."
    made = acts.add_parser(act.name, help=act.says, description=says, epilog=f"example: {example}")
    made.add_argument("--dir", required=True, type=Path, metavar="DIR", help="the store's directory")
    made.set_defaults(run=act.work)
    return made


# --- patrons ------------------------------------------------------------------------------------


def _add_show(acts: Acts) -> None:
    act = _add(acts, _Act("show", "show a patron, as the privacy policy lists it", "--patron 940417713", _show))
    whom = act.add_mutually_exclusive_group(required=True)
    whom.add_argument("--patron", metavar="NR", help="lånernummer")
    whom.add_argument("--card", action="store_true", help="read the card's number from the reader or standard input")
    act.add_argument("--reveal", action="store_true", help="with CPR and card numbers; this is written to staff.log")


def _show(at: Office, asked: argparse.Namespace) -> str:
    whom = Whom(None, office.card()) if asked.card else Whom(PatronId(asked.patron))
    return patrons.show(at, whom, reveal=asked.reveal)


def _add_blocks(acts: Acts) -> None:
    block = _add(acts, _Act("block", "block a patron", "--patron 940417713 --reason O", _block))
    _add_patron(block)
    block.add_argument("--reason", required=True, choices=tuple(REASONS), help=_letters())
    unblock = _add(acts, _Act("unblock", "lift a block, or all of them", "--patron 940417713 --reason O", _unblock))
    _add_patron(unblock)
    unblock.add_argument("--reason", choices=tuple(REASONS), help="only this one (default: all)")
    note = _add(acts, _Act("note", "write a note, from standard input", "--patron 940417713 --internal", _note))
    _add_patron(note)
    which = note.add_mutually_exclusive_group(required=True)
    which.add_argument("--internal", action="store_true", help="for staff alone")
    which.add_argument("--to-patron", action="store_true", help="for the patron")


def _letters() -> str:
    return "; ".join(f"{letter}: {said}" for letter, said in REASONS.items())


def _add_patron(act: argparse.ArgumentParser) -> None:
    act.add_argument("--patron", required=True, metavar="NR", help="lånernummer")


def _block(at: Office, asked: argparse.Namespace) -> str:
    return patrons.block(at, PatronId(asked.patron), Block(asked.reason))


def _unblock(at: Office, asked: argparse.Namespace) -> str:
    return patrons.unblock(at, PatronId(asked.patron), Block(asked.reason) if asked.reason else None)


def _note(at: Office, asked: argparse.Namespace) -> str:
    return patrons.annotate(at, PatronId(asked.patron), office.note(), to_patron=asked.to_patron)


# --- items, events, machines --------------------------------------------------------------------


def _add_item(acts: Acts) -> None:
    act = _add(acts, _Act("item", "show an item, or say that it is lost", "--item 5010000001 --state lost", _item))
    act.add_argument("--item", required=True, metavar="NR", help="materialenummer")
    act.add_argument("--state", choices=[state.value for state in ItemState], help="what it is from now on")


def _item(at: Office, asked: argparse.Namespace) -> str:
    return items.show(at, ItemId(asked.item), ItemState(asked.state) if asked.state else None)


def _add_events(acts: Acts) -> None:
    listed = _add(acts, _Act("refused", "what machines reported and the store refused", "", _refused))
    listed.add_argument("--all", action="store_true", help="those that are resolved, too")
    says = "say what became of a refused event; with --apply, carry its loan out"
    act = _add(acts, _Act("resolve", says, '--refusal 7 --as "the card was registered" --apply', _resolve))
    act.add_argument("--refusal", required=True, type=int, metavar="N", help="its number, as `refused` lists it")
    act.add_argument("--as", required=True, dest="word", metavar="WORD", help="what became of it")
    act.add_argument("--apply", action="store_true", help="make the refused loan now: patron or item is known since")
    _add(acts, _Act("machines", "each machine: certificate, last event, what is missing", "", _machines))


def _refused(at: Office, asked: argparse.Namespace) -> str:
    return refused.listed(at, every=asked.all)


def _resolve(at: Office, asked: argparse.Namespace) -> str:
    return refused.resolve(at, asked.refusal, asked.word, apply=asked.apply)


def _machines(at: Office, _asked: argparse.Namespace) -> str:
    return machines.listed(at)


# --- upkeep -------------------------------------------------------------------------------------


def _add_upkeep(acts: Acts) -> None:
    forget = _add(acts, _Act("retention", "forget what is due; the store does it by itself", "--dry-run", _retention))
    forget.add_argument("--dry-run", action="store_true", help="only count what is due")
    news = _add(acts, _Act("import-cpr", "take over names and addresses of the CPR register", "news.csv", _import_cpr))
    news.add_argument("file", metavar="FILE", help="as the register sends it; - is standard input")
    says = "make a login for a machine that speaks SIP2, or a new password for one"
    user = _add(acts, _Act("sip-user", says, "--login sorter-1 --branch DK-766103", _sip_user))
    user.add_argument("--login", required=True, metavar="NAME", help="the machine's user name")
    user.add_argument("--branch", required=True, metavar="ISIL", help="the branch it stands in")
    user.add_argument("--no-holds", action="store_true", help="what it takes back is not set aside for who waits")


def _retention(at: Office, asked: argparse.Namespace) -> str:
    return upkeep.forget(at, dry_run=asked.dry_run)


def _import_cpr(at: Office, asked: argparse.Namespace) -> str:
    return upkeep.import_cpr(at, asked.file)


def _sip_user(at: Office, asked: argparse.Namespace) -> str:
    return upkeep.sip_user(at, asked.login, SipUser(BranchId(asked.branch), fills_holds=not asked.no_holds))
