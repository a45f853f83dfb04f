"""A new patron, as staff register one: secrets are typed, the fields stand in a small file or are typed too.

    CPR number, library card, PIN, PIN again     typed (typed.py), in this order
    first_name: Alma                             then the fields: one on each line of a file, or asked for one by one
    birth_date: 24.12.1980                       what may be missing is left out, or left empty

Not responsible for: what else a patron has (patrons/record.py), further cards (cards.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from kiosk.model import BranchId, Credential, PatronId, Pin
from sync.central.calendar import local_date
from sync.central.patrons import entries, record, wallet
from sync.central.patrons.contact import Absence, Changes, Flaw, flaw_in
from sync.central.patrons.record import NewPatron, Refusal
from sync.central.schema import branches, library, patron_groups
from sync.central.staff import typed
from sync.central.staff.office import Done, Office
from sync.central.staff.said import CommandError

MUST = ("first_name", "last_name", "birth_date", "home_branch", "patron_group")
MAY = (
    *("municipality", "co_name", "street", "postal_code", "city", "phone", "mobile", "mobile_notice"),
    *("email", "email_notice", "internal_note", "patron_note"),
)
_LONGEST_FILE, _LONGEST = 20_000, 200  # characters
_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_MUNICIPALITY = re.compile(r"[0-9]{3}")
_OLDEST = date(1900, 1, 1)
_REFUSED = {
    Refusal.CPR_KNOWN: "a patron with this CPR number or card is there already",
    Refusal.CARD_KNOWN: "a patron with this CPR number or card is there already",
    Refusal.BAD_CPR: "this is no CPR number",
    Refusal.TEXT: "a field holds what is no text",
}


@dataclass(frozen=True, slots=True)
class _Choices:
    """What the store has. today: in Denmark."""

    branches: Sequence[str]
    groups: Sequence[str]
    municipality: str
    today: date

    def flaw(self, name: str, said: str) -> str:
        """What is wrong with a field, in a sentence; empty: nothing. Repeats nothing of it."""
        if not said:
            return f"{name} is missing" if name in MUST else ""
        if not said.isprintable():
            return f"{name} is no text"
        if len(said) > _LONGEST:
            return f"{name} has at most {_LONGEST} characters"
        match name:
            case "birth_date":
                return "" if _birthday(said, self.today) else "birth_date is a day that has been, as 24.12.1980"
            case "home_branch":
                return "" if said in self.branches else f"home_branch is one of {', '.join(self.branches)}"
            case "patron_group":
                return "" if said in self.groups else f"patron_group is one of {', '.join(self.groups)}"
            case "municipality":
                return "" if _MUNICIPALITY.fullmatch(said) else "municipality is a number of three digits"
            case "mobile_notice":
                wrong = flaw_in(Changes(mobile_notice=said)) is Flaw.MOBILE
                return "mobile_notice is a number of 8 to 15 digits" if wrong else ""
            case "email_notice":
                return "email_notice is no e-mail address" if flaw_in(Changes(email_notice=said)) else ""
        return ""


@dataclass(frozen=True, slots=True, repr=False)
class _Secrets:
    """One of the first two at least. cpr: the health card's number, too."""

    cpr: str
    card: Credential | None
    pin: Pin


def add(office: Office, file: Path | None) -> str:
    """file: None where the fields are typed."""
    choices = office.write(lambda connection: _choices(connection, office.now))
    if not choices.branches:
        raise CommandError("there is no branch in this store yet; make one with: kiosk central add-branch")
    said = {} if file is None else _read(file, choices)
    secrets = _secrets()
    if file is None:
        said = _typed(choices)
    new, locks = _new(said, secrets, choices), office.locks

    def enter(connection: Connection) -> PatronId:
        entered = record.add(connection, locks, new)
        if isinstance(entered, Refusal):
            raise CommandError(_REFUSED[entered])
        if secrets.cpr and secrets.card:
            refusal = wallet.add(connection, locks, entered, entries.LIBRARY, secrets.card)
            if refusal is not None:
                raise CommandError(_REFUSED[refusal])
        office.log(connection, Done("add-patron", entered))
        return entered

    return f"{office.write(enter)} is added: {new.patron_group}, {new.home_branch}"


def _choices(connection: Connection, now: datetime) -> _Choices:
    return _Choices(
        connection.execute(select(branches.c.branch_id).order_by(branches.c.branch_id)).scalars().all(),
        connection.execute(select(patron_groups.c.group_id).order_by(patron_groups.c.group_id)).scalars().all(),
        connection.execute(select(library.c.municipality)).scalar_one(),
        local_date(now),
    )


def _secrets() -> _Secrets:
    cpr, card = typed.cpr(), typed.optional_card()
    if not cpr and card is None:
        raise CommandError("a patron has a CPR number or a library card")
    return _Secrets(cpr, card, typed.pin())


def _typed(choices: _Choices) -> Mapping[str, str]:
    hints = {
        "birth_date": " (24.12.1980)",
        "home_branch": f" ({', '.join(choices.branches)})",
        "patron_group": f" ({', '.join(choices.groups)})",
        "municipality": f" (empty: {choices.municipality})",
    }
    return {name: typed.field(name + hints.get(name, ""), partial(choices.flaw, name)) for name in (*MUST, *MAY)}


def _read(file: Path, choices: _Choices) -> Mapping[str, str]:
    """Raises CommandError, by the line's number."""
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(_LONGEST_FILE + 1)
    except UnicodeDecodeError:
        raise CommandError("the file is not UTF-8") from None
    if len(text) > _LONGEST_FILE:
        raise CommandError("the file is longer than the fields of one patron")
    said: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not name and not colon:
            continue
        if not colon or name not in (*MUST, *MAY) or name in said:
            raise CommandError(f"line {number} is not `field: value` of a field that comes once; see --help")
        said[name] = value
    flaws = (choices.flaw(name, said.get(name, "")) for name in (*MUST, *MAY))
    wrong = next(filter(None, flaws), "")
    if wrong:
        raise CommandError(wrong)
    return said


def _new(said: Mapping[str, str], secrets: _Secrets, choices: _Choices) -> NewPatron:
    """said: without a flaw."""
    born = _birthday(said["birth_date"], choices.today)
    if born is None:
        raise CommandError("birth_date is missing")
    texts = {name: said.get(name, "") for name in (*MUST, *MAY) if name not in ("birth_date", "home_branch")}
    texts["municipality"] = texts["municipality"] or choices.municipality
    return NewPatron(
        card=Credential(secrets.cpr) if secrets.cpr else secrets.card or Credential(""),
        kind=entries.HEALTH if secrets.cpr else entries.LIBRARY,
        cpr=secrets.cpr,
        pin=secrets.pin,
        birth_date=born,
        absence=Absence(),
        home_branch=BranchId(said["home_branch"]),
        **texts,
    )


def _birthday(said: str, today: date) -> date | None:
    found = _DAY.fullmatch(said)
    try:
        born = date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        return None
    return born if born is not None and _OLDEST <= born <= today else None
