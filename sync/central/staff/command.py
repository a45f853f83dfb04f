"""`kiosk central staff ...`, and the acts beside it that keep a store: each its options, its help, and what runs it.

Not responsible for: doing any of it (the other files of this folder).
"""

import argparse
from pathlib import Path

from kiosk.loop import Clock
from kiosk.model import Block, BranchId, ItemId, PatronId
from sync.central.circulation.items import ItemState
from sync.central.sip2.logins import SipUser
from sync.central.staff import carried, counter, items, machines, office, patrons, refused, typed, upkeep
from sync.central.staff.items import Change
from sync.central.staff.office import Office
from sync.central.staff.option import Act, Acts, Work, add, add_patron, ore
from sync.central.staff.patrons import Whom
from sync.central.staff.picture import REASONS
from sync.central.start import Home
from sync.options import number
from sync.rest.wire import HIGHEST_ROW
from sync.sip2.codec import ENCODINGS


def run(asked: argparse.Namespace, clock: Clock) -> str:
    """What an act of `add_acts` prints. Raises CommandError."""
    work: Work = asked.run
    return work(Office(office.begun(Home(asked.dir)), clock().wall), asked)


def add_acts(acts: Acts) -> None:
    """What `kiosk central` has of ours. Each act's parser carries what runs it."""
    _add_upkeep(acts)
    says = "patrons, cards, fees, holds, items, refused events and machines, at the desk"
    staff = acts.add_parser("staff", help=says, description=says[0].upper() + says[1:] + ".")
    desk = staff.add_subparsers(dest="staff_act", required=True, metavar="ACT")
    counter.add_acts(desk)
    _add_show(desk)
    _add_blocks(desk)
    _add_remove(desk)
    _add_item(desk)
    _add_events(desk)


# --- patrons ------------------------------------------------------------------------------------


def _add_show(acts: Acts) -> None:
    act = add(acts, Act("show", "show a patron, as the privacy policy lists it", "--patron 940417713", _show))
    whom = act.add_mutually_exclusive_group(required=True)
    whom.add_argument("--patron", metavar="NR", help="lånernummer")
    whom.add_argument("--card", action="store_true", help="read the card's number from the reader or standard input")
    act.add_argument("--reveal", action="store_true", help="with CPR and card numbers; this is written down")


def _show(at: Office, asked: argparse.Namespace) -> str:
    whom = Whom(None, typed.card()) if asked.card else Whom(PatronId(asked.patron))
    return patrons.show(at, whom, reveal=asked.reveal)


def _add_blocks(acts: Acts) -> None:
    block = add(acts, Act("block", "block a patron", "--patron 940417713 --reason O", _block))
    add_patron(block)
    block.add_argument("--reason", required=True, choices=tuple(REASONS), help=_letters())
    unblock = add(acts, Act("unblock", "lift a block, or all of them", "--patron 940417713 --reason O", _unblock))
    add_patron(unblock)
    unblock.add_argument("--reason", choices=tuple(REASONS), help="only this one (default: all)")
    note = add(acts, Act("note", "write a note, from standard input", "--patron 940417713 --internal", _note))
    add_patron(note)
    which = note.add_mutually_exclusive_group(required=True)
    which.add_argument("--internal", action="store_true", help="for staff alone")
    which.add_argument("--to-patron", action="store_true", help="for the patron")


def _add_remove(acts: Acts) -> None:
    says = "remove a patron who has nothing on loan and owes nothing; their holds are cancelled"
    add_patron(add(acts, Act("remove", says, "--patron 940417713", _remove)))


def _remove(at: Office, asked: argparse.Namespace) -> str:
    return patrons.remove(at, PatronId(asked.patron))


def _letters() -> str:
    return "; ".join(f"{letter}: {said}" for letter, said in REASONS.items())


def _block(at: Office, asked: argparse.Namespace) -> str:
    return patrons.block(at, PatronId(asked.patron), Block(asked.reason))


def _unblock(at: Office, asked: argparse.Namespace) -> str:
    return patrons.unblock(at, PatronId(asked.patron), Block(asked.reason) if asked.reason else None)


def _note(at: Office, asked: argparse.Namespace) -> str:
    return patrons.annotate(at, PatronId(asked.patron), typed.note(), to_patron=asked.to_patron)


# --- items, events, machines --------------------------------------------------------------------


def _add_item(acts: Acts) -> None:
    act = add(acts, Act("item", "show an item, or say that it is lost", "--item 5010000001 --state lost", _item))
    act.add_argument("--item", required=True, metavar="NR", help="materialenummer")
    now = "what it is from now on; where a lost one is here again, what was owed for it is waived"
    act.add_argument("--state", choices=[state.value for state in ItemState], help=now)
    says = "with --state lost: what whoever has it on loan owes for it; the loan ends"
    act.add_argument("--charge", metavar="KR", type=ore, help=says)


def _item(at: Office, asked: argparse.Namespace) -> str:
    change = Change(ItemState(asked.state) if asked.state else None, asked.charge)
    return items.show(at, ItemId(asked.item), change)


def _add_events(acts: Acts) -> None:
    listed = add(acts, Act("refused", "what machines reported and the store refused", "", _refused))
    listed.add_argument("--all", action="store_true", help="those that are resolved, too")
    says = "say what became of a refused event; with --apply, carry its loan out"
    act = add(acts, Act("resolve", says, '--refusal 7 --as "the card was registered" --apply', _resolve))
    act.add_argument(
        "--refusal", required=True, type=number(1, HIGHEST_ROW), metavar="N", help="its number, as `refused` lists it"
    )
    act.add_argument("--as", required=True, dest="word", metavar="WORD", help="what became of it")
    act.add_argument("--apply", action="store_true", help="make the refused loan now: patron or item is known since")
    add(acts, Act("machines", "each machine: certificate, last event, what is missing", "", _machines))


def _refused(at: Office, asked: argparse.Namespace) -> str:
    return refused.listed(at, every=asked.all)


def _resolve(at: Office, asked: argparse.Namespace) -> str:
    return refused.resolve(at, asked.refusal, asked.word, apply=asked.apply)


def _machines(at: Office, _asked: argparse.Namespace) -> str:
    return machines.listed(at)


# --- upkeep -------------------------------------------------------------------------------------


def _add_upkeep(acts: Acts) -> None:
    forget = add(acts, Act("retention", "forget what is due; the store does it by itself", "--dry-run", _retention))
    forget.add_argument("--dry-run", action="store_true", help="only count what is due")
    news = add(acts, Act("import-cpr", "take over names and addresses of the CPR register", "news.csv", _import_cpr))
    news.add_argument("file", metavar="FILE", help="as the register sends it; - is standard input")
    queue = add(acts, Act("import-queue", "take in a machine's queue, carried here in a file", "queue", _import_queue))
    queue.add_argument("file", type=Path, metavar="FILE", help="as `kiosk queue export` wrote it at the machine")
    says = "make a login for a machine that speaks SIP2, a new password for one, or remove it"
    user = add(acts, Act("sip-user", says, "--login sorter-1 --branch DK-766103", _sip_user))
    user.add_argument("--login", required=True, metavar="NAME", help="the machine's user name")
    which = user.add_mutually_exclusive_group(required=True)
    which.add_argument("--branch", metavar="ISIL", help="the branch it stands in")
    which.add_argument("--remove", action="store_true", help="the login is worth nothing from now on")
    user.add_argument("--no-holds", action="store_true", help="what it takes back is not set aside for who waits")
    user.add_argument(
        "--encoding", choices=ENCODINGS, default="utf-8", help="what its letters are in; utf-8 if not said"
    )


def _retention(at: Office, asked: argparse.Namespace) -> str:
    return upkeep.forget(at, dry_run=asked.dry_run)


def _import_cpr(at: Office, asked: argparse.Namespace) -> str:
    return upkeep.import_cpr(at, asked.file)


def _import_queue(at: Office, asked: argparse.Namespace) -> str:
    return carried.import_queue(at, asked.file)


def _sip_user(at: Office, asked: argparse.Namespace) -> str:
    if asked.remove:
        return upkeep.remove_sip_user(at, asked.login)
    return upkeep.sip_user(at, asked.login, SipUser(BranchId(asked.branch), not asked.no_holds, asked.encoding))
