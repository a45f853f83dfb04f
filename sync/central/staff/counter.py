"""What is done every day at the desk, on the command line: holds, a new patron, cards, PINs, payments, new items.

Not responsible for: doing any of it (the other files of this folder), the other acts (command.py).
"""

import argparse
from pathlib import Path

from kiosk.model import ItemId, PatronId
from sync.central.circulation.outcomes import RecordId, Work
from sync.central.patrons.entries import HEALTH, LIBRARY
from sync.central.staff import cards, catalogue, joining, money, morning, office, typed
from sync.central.staff.cards import Fate, Word
from sync.central.staff.catalogue import NewItem
from sync.central.staff.money import Payment, Reason
from sync.central.staff.office import Office
from sync.central.staff.option import Act, Acts, add, add_branch, add_patron, ore
from sync.options import number
from sync.rest.wire import HIGHEST_ROW

_TRANSIT_DAYS, _LONGEST_DAYS = 7, 999
_OLDEST, _MOST_PARTS = 99, 999
_FEE = number(1, HIGHEST_ROW)


def add_acts(acts: Acts) -> None:
    _add_holds(acts)
    _add_joining(acts)
    _add_cards(acts)
    _add_money(acts)
    _add_catalogue(acts)
    log = add(acts, Act("log", "what staff did in the last 30 days, without names", "", _log))
    log.add_argument("--patron", metavar="NR", help="only with this lånernummer")


def _log(at: Office, asked: argparse.Namespace) -> str:
    return office.logged(at, PatronId(asked.patron) if asked.patron else None)


def _add_holds(acts: Acts) -> None:
    says = "a branch's holds: what to fetch, what to take off the hold shelf, what is long in transit"
    act = add(acts, Act("holds", says, "--branch DK-766103", _holds))
    add_branch(act, "the branch whose shelves are gone through")
    says = "how long an item may be in transit before it is told (default: %(default)s)"
    act.add_argument("--days", type=number(0, _LONGEST_DAYS), default=_TRANSIT_DAYS, metavar="N", help=says)


def _holds(at: Office, asked: argparse.Namespace) -> str:
    return morning.listed(at, asked.branch, asked.days)


# --- patrons ------------------------------------------------------------------------------------


def _add_joining(acts: Acts) -> None:
    act = add(acts, Act("add-patron", "add a patron", "--fields new-patron.txt", _add_patron))
    act.description = (
        "Add a patron. CPR number (which is the health card's), library card, PIN and PIN again are typed without "
        "echo, or come as four lines from standard input; one of the first two may be empty. The other fields come "
        "from a file or are asked for. "
        f"Must be there: {', '.join(joining.MUST)}. May be missing: {', '.join(joining.MAY)}."
    )
    says = "UTF-8, one line for each field, as `first_name: Alma` and `birth_date: 24.12.1980`; delete it afterwards"
    act.add_argument("--fields", type=Path, metavar="FILE", help=says)


def _add_patron(at: Office, asked: argparse.Namespace) -> str:
    return joining.add(at, asked.fields)


def _add_cards(acts: Acts) -> None:
    says = "add a card, or report one lost or found; its number is typed or comes from standard input"
    act = add(acts, Act("card", says, "--patron 940417713 --lost --kind library", _card))
    add_patron(act)
    which = act.add_mutually_exclusive_group(required=True)
    which.add_argument("--add", dest="fate", action="store_const", const=Fate.ADD, help="one card more")
    says = "worth nothing from now on; the patron's other cards go on working"
    which.add_argument("--lost", dest="fate", action="store_const", const=Fate.LOST, help=says)
    which.add_argument("--found", dest="fate", action="store_const", const=Fate.FOUND, help="a lost one works again")
    says = (
        "of a new card (default: library); with --lost the patron's only one of this kind, and no number is asked for"
    )
    act.add_argument("--kind", choices=(LIBRARY, HEALTH), help=says)
    pin = add(acts, Act("pin", "set a patron's PIN, which is typed twice; a lock-out ends", "--patron 940417713", _pin))
    add_patron(pin)


def _card(at: Office, asked: argparse.Namespace) -> str:
    unseen = asked.fate is Fate.LOST and asked.kind is not None
    kind = asked.kind or (LIBRARY if asked.fate is Fate.ADD else "")
    return cards.change(at, PatronId(asked.patron), Word(asked.fate, kind, None if unseen else typed.card()))


def _pin(at: Office, asked: argparse.Namespace) -> str:
    return cards.set_pin(at, PatronId(asked.patron), typed.pin())


# --- money --------------------------------------------------------------------------------------


def _add_money(acts: Acts) -> None:
    add_patron(add(acts, Act("fees", "what a patron owes, fee by fee", "--patron 940417713", _fees)))
    says = "take a payment: of one fee, or of what is owed, oldest first"
    pay = add(acts, Act("pay", says, "--patron 940417713 --amount 60 --reference till-2211", _pay))
    add_patron(pay)
    pay.add_argument("--amount", required=True, type=ore, metavar="KR", help="as 60 or 60,50")
    pay.add_argument("--fee", type=_FEE, metavar="N", help="of this fee, as `fees` numbers it (default: oldest first)")
    says = "the till's receipt: told twice under it, it counts once (default: one is drawn)"
    pay.add_argument("--reference", default="", metavar="R", help=says)
    says = "waive the rest of a fee; what was paid of it stays paid"
    waive = add(acts, Act("waive", says, "--patron 940417713 --fee 7 --reason returned", _waive))
    add_patron(waive)
    waive.add_argument("--fee", required=True, type=_FEE, metavar="N", help="as `fees` numbers it")
    says = f"{', '.join(Reason)}; it is written to the log"
    waive.add_argument("--reason", required=True, type=_reason, metavar="WHY", help=says)


def _reason(said: str) -> Reason:
    """Repeats nothing of what was typed: it could name somebody."""
    found = next((reason for reason in Reason if reason == said), None)
    if found is None:
        raise argparse.ArgumentTypeError(f"a reason is one of {', '.join(Reason)}")
    return found


def _fees(at: Office, asked: argparse.Namespace) -> str:
    return money.listed(at, PatronId(asked.patron))


def _pay(at: Office, asked: argparse.Namespace) -> str:
    return money.pay(at, PatronId(asked.patron), Payment(asked.amount, asked.fee, asked.reference))


def _waive(at: Office, asked: argparse.Namespace) -> str:
    return money.waive(at, PatronId(asked.patron), asked.fee, asked.reason)


# --- titles and items ---------------------------------------------------------------------------


def _add_catalogue(acts: Acts) -> None:
    says = '--record 91000003 --title "Lykke-Per" --author "Henrik Pontoppidan"'
    title = add(acts, Act("add-title", "add a title", says, _add_title))
    title.add_argument("--record", required=True, metavar="NR", help="faustnummer")
    title.add_argument("--title", required=True, metavar="TEXT")
    title.add_argument("--author", required=True, metavar="TEXT")
    title.add_argument("--gmb", default="a", help="danMARC2 009 *a, the general kind (default: %(default)s)")
    title.add_argument("--smb", default="xx", help="danMARC2 009 *g, the specific kind (default: %(default)s)")
    title.add_argument("--dk5", default="", help="its place in DK5, as 99.9")
    says = "--item 5010000099 --record 91000003 --branch DK-766103 --group standard --department Romaner"
    item = add(acts, Act("add-item", "add an item of a title; it can be lent at once", says, _add_item))
    item.add_argument("--item", required=True, metavar="NR", help="materialenummer")
    item.add_argument("--record", required=True, metavar="NR", help="faustnummer")
    add_branch(item, "its home, where it stands now")
    item.add_argument("--group", required=True, metavar="G", help="material group: how long it is lent, as standard")
    item.add_argument("--department", required=True, metavar="TEXT", help="its shelf, as Romaner")
    item.add_argument("--not-for-loan", action="store_true", help="it stays in the house")
    item.add_argument("--minimum-age", type=number(0, _OLDEST), default=0, metavar="YEARS", help="of who borrows it")
    item.add_argument(
        "--parts",
        type=number(1, _MOST_PARTS),
        default=1,
        metavar="N",
        help="three discs in a box: 3 (default: %(default)s)",
    )


def _add_title(at: Office, asked: argparse.Namespace) -> str:
    work = Work(RecordId(asked.record), asked.title, asked.author, asked.gmb, asked.smb, asked.dk5)
    return catalogue.add_title(at, work)


def _add_item(at: Office, asked: argparse.Namespace) -> str:
    new = NewItem(
        item=ItemId(asked.item),
        record=RecordId(asked.record),
        branch=asked.branch,
        group=asked.group,
        department=asked.department,
        for_loan=not asked.not_for_loan,
        minimum_age=asked.minimum_age,
        parts=asked.parts,
    )
    return catalogue.add_item(at, new)
