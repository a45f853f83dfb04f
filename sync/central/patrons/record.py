"""The whole record of a patron, as the library's privacy policy lists it, and who may see each field of it.

    add -> lånernummer      of -> Record (staff)      contact -> Contact, change (the patron)      remove

The lånernummer is drawn at random and derived from nothing. CPR and card numbers are sealed; staff see dots until they
ask for the number itself.
Not responsible for: what a machine or a door is told (admission.py), how long entries are kept (retention.py).
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto, unique

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, literal, select, update

from kiosk.model import BranchId, Credential, PatronId, Pin
from sync.central.patrons import entries
from sync.central.patrons.contact import Absence, Changes, Contact, Flaw, bare, flaw_in, masked_email, masked_mobile
from sync.central.patrons.entries import Blocked, Card, FeeEntry, HoldEntry, LoanEntry, MessageEntry
from sync.central.patrons.locks import Locks
from sync.central.schema import (
    blocks,
    branches,
    cards,
    fees,
    holds,
    loans,
    lockouts,
    messages,
    patrons,
    payments,
    permissions,
    refused_events,
    tries,
    visits,
)
from sync.central.statement import Statement

MASKED_CPR = "••••••-••••"
_CPR = re.compile(r"[0-9]{6}-?[0-9A-ZÆØÅ]{4}")


@unique
class Eye(Enum):
    """Who looks."""

    DOOR = auto()
    MACHINE = auto()  # a self-checkout machine, after the PIN
    MY_PAGE = auto()  # the patron on that machine, who has asked for their own page
    STAFF = auto()


_ALL = frozenset(Eye)
_STAFF = frozenset({Eye.STAFF})
_PATRON = frozenset({Eye.MY_PAGE, Eye.STAFF})
_NOBODY: frozenset[Eye] = frozenset()

# Every column of `patrons` and everything that hangs on one. "age" and "resident" are what is said for a date and a
# municipality that nobody outside hears.
SEEN_BY: Mapping[str, frozenset[Eye]] = {
    "patron_id": _ALL,
    "pin_hash": _NOBODY,
    "cpr": _STAFF,
    "first_name": frozenset({Eye.MACHINE, Eye.MY_PAGE, Eye.STAFF}),
    "last_name": _STAFF,
    "birth_date": _STAFF,
    "age": frozenset({Eye.DOOR, Eye.STAFF}),
    "co_name": _STAFF,
    "street": _STAFF,
    "postal_code": _STAFF,
    "city": _STAFF,
    "phone": _STAFF,
    "mobile": _STAFF,
    "mobile_notice": _PATRON,  # masked, on my page
    "email": _STAFF,
    "email_notice": _PATRON,  # masked, on my page
    "absent_from": _PATRON,
    "absent_to": _PATRON,
    "home_branch": _PATRON,
    "patron_group": frozenset({Eye.DOOR, Eye.STAFF}),
    "municipality": _STAFF,
    "resident": frozenset({Eye.DOOR, Eye.STAFF}),
    "internal_note": _STAFF,
    "patron_note": _PATRON,
    "cards": _STAFF,
    "blocks": _ALL,
    "permissions": frozenset({Eye.DOOR, Eye.STAFF}),
    "loans": _PATRON,
    "holds": _PATRON,
    "fees": _PATRON,
    "messages": _PATRON,
}


@unique
class Refusal(Enum):
    """Why a patron is not added or not removed. Repeats nothing of what was given."""

    CPR_KNOWN = "cprNumberExists"
    CARD_KNOWN = "cardNumberExists"
    BAD_CPR = "cprNumber"
    TEXT = "text"  # control characters in a name or an address; nowhere that a message could go
    UNKNOWN = "patronNotFound"
    LOANS = "hasLoans"
    HOLDS = "hasHolds"  # circulation cancels them first: what is set aside passes on
    DEBT = "hasDebt"


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """For staff. cpr: dots, unless it was asked for; empty where there is none."""

    patron_id: PatronId
    cpr: str
    first_name: str
    last_name: str
    birth_date: date
    co_name: str
    street: str
    postal_code: str
    city: str
    phone: str
    mobile: str
    mobile_notice: str
    email: str
    email_notice: str
    absent_from: date | None
    absent_to: date | None
    home_branch: BranchId
    patron_group: str
    municipality: str
    internal_note: str
    patron_note: str
    cards: tuple[Card, ...]
    blocks: tuple[Blocked, ...]
    permissions: tuple[BranchId, ...]
    loans: tuple[LoanEntry, ...]
    holds: tuple[HoldEntry, ...]
    fees: tuple[FeeEntry, ...]
    messages: tuple[MessageEntry, ...]


@dataclass(frozen=True, slots=True, repr=False)
class NewPatron:
    """card: the first one. cpr: empty where there is none; a health card's number is it."""

    card: Credential
    pin: Pin
    first_name: str
    last_name: str
    birth_date: date
    home_branch: BranchId
    patron_group: str
    municipality: str
    cpr: str = ""
    kind: str = entries.HEALTH
    co_name: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    phone: str = ""
    mobile: str = ""
    mobile_notice: str = ""
    email: str = ""
    email_notice: str = ""
    absence: Absence = field(default_factory=Absence)
    internal_note: str = ""
    patron_note: str = ""


# The fields that stand in the table as they are, here and in Record.
_TEXTS = (
    "first_name",
    "last_name",
    "co_name",
    "street",
    "postal_code",
    "city",
    "phone",
    "mobile",
    "mobile_notice",
    "email",
    "email_notice",
    "home_branch",
    "patron_group",
    "municipality",
    "internal_note",
    "patron_note",
)


def cpr_number(said: str) -> str | None:
    """A CPR number as it is looked up, or None.

    Ten characters of which the first six are digits: a replacement number (eCPR) has letters behind them, and modulus
    11 has not held since 2007.
    """
    number = said.strip().upper()
    return number.replace("-", "") if _CPR.fullmatch(number) else None


def of(connection: Connection, locks: Locks, patron: PatronId, *, reveal: bool = False) -> Record | None:
    """All of it, for staff. reveal: with the CPR number and the cards' numbers. Raises ColumnError."""
    row = connection.execute(select(patrons).where(patrons.c.patron_id == patron)).one_or_none()
    if row is None:
        return None
    said = row._mapping
    cpr = ""
    if row.cpr_sealed is not None:
        cpr = locks.columns.open("cpr", patron, row.cpr_sealed) if reveal else MASKED_CPR
    return Record(
        patron_id=patron,
        cpr=cpr,
        birth_date=row.birth_date,
        absent_from=row.absent_from,
        absent_to=row.absent_to,
        **{name: said[name] for name in _TEXTS},
        cards=entries.cards_of(connection, locks, patron, reveal=reveal),
        blocks=entries.blocks_of(connection, patron),
        permissions=entries.permissions_of(connection, patron),
        loans=entries.loans_of(connection, patron),
        holds=entries.holds_of(connection, patron),
        fees=entries.fees_of(connection, patron),
        messages=entries.messages_of(connection, patron),
    )


# --- come and go --------------------------------------------------------------------------------


def add(connection: Connection, locks: Locks, new: NewPatron) -> PatronId | Refusal:
    """A new patron under a number drawn at random. Costs one Argon2id."""
    return enter(connection, locks, _draw(connection), new)


def _draw(connection: Connection) -> PatronId:
    """Nine digits, so that it is taken for no CPR number."""
    while True:
        patron = PatronId(str(100_000_000 + secrets.randbelow(900_000_000)))
        if not _any(connection, patrons.c.patron_id == patron):
            return patron


def enter(connection: Connection, locks: Locks, patron: PatronId, new: NewPatron) -> PatronId | Refusal:
    """A new patron under a number that is taken by nobody."""
    refusal = _refused(connection, locks, new)
    if refusal is not None:
        return refusal
    cpr = cpr_number(new.cpr)
    connection.execute(
        insert(patrons).values(
            patron_id=patron,
            pin_hash=locks.pins.make(new.pin),
            cpr_digest=locks.lookup.of_cpr(cpr) if cpr else None,
            cpr_sealed=locks.columns.seal("cpr", patron, cpr) if cpr else None,
            birth_date=new.birth_date,
            absent_from=new.absence.first,
            absent_to=new.absence.last,
            **{name: getattr(new, name) for name in _TEXTS} | {"mobile_notice": bare(new.mobile_notice)},
        )
    )
    digest = locks.lookup.of_card(new.card)
    sealed = locks.columns.seal("card", digest, new.card.number)
    connection.execute(insert(cards).values(digest=digest, patron_id=patron, kind=new.kind, number_sealed=sealed))
    return patron


def _refused(connection: Connection, locks: Locks, new: NewPatron) -> Refusal | None:
    if not all(map(_is_plain, (new.card.number, *(getattr(new, name) for name in _TEXTS)))):
        return Refusal.TEXT
    if flaw_in(Changes(mobile_notice=new.mobile_notice, email_notice=new.email_notice)) is not None:
        return Refusal.TEXT
    if _any(connection, cards.c.digest == locks.lookup.of_card(new.card)):
        return Refusal.CARD_KNOWN
    if not new.cpr:
        return None
    cpr = cpr_number(new.cpr)
    if cpr is None:
        return Refusal.BAD_CPR
    return Refusal.CPR_KNOWN if _any(connection, patrons.c.cpr_digest == locks.lookup.of_cpr(cpr)) else None


def _any(connection: Connection, *which: ColumnElement[bool]) -> bool:
    """Whether there is such a row."""
    return connection.execute(select(literal(1)).where(*which).limit(1)).first() is not None


def _is_plain(text: str) -> bool:
    """Without control characters but line ends and tabs, which a note may have. PostgreSQL takes no NUL."""
    return all(sign >= " " or sign in "\n\t" for sign in text)


def remove(connection: Connection, patron: PatronId) -> Refusal | None:
    """Everything of a patron goes, in every table; visits stay for statistics, of nobody. None: it is done.

    An answer under an idempotency key keeps its keyed digest for the 30 days it has, and so does the trace of who of
    staff saw a number: nobody is found by it.
    """
    if not _any(connection, patrons.c.patron_id == patron):
        return Refusal.UNKNOWN
    if _any(connection, loans.c.patron_id == patron, loans.c.returned_at.is_(None)):
        return Refusal.LOANS
    if _any(connection, fees.c.patron_id == patron, fees.c.amount > fees.c.paid):
        return Refusal.DEBT
    if _any(connection, holds.c.patron_id == patron):
        return Refusal.HOLDS
    _forget_traces(connection, patron)
    theirs = select(fees.c.fee_id).where(fees.c.patron_id == patron)
    connection.execute(delete(payments).where(payments.c.fee_id.in_(theirs)))
    for table in (fees, messages, loans, permissions, blocks, cards, patrons):
        connection.execute(delete(table).where(table.c.patron_id == patron))
    return None


def _forget_traces(connection: Connection, patron: PatronId) -> None:
    """What names the patron, or one of their cards, without hanging on the record. Before the cards go."""
    of_cards = connection.execute(select(cards.c.digest).where(cards.c.patron_id == patron)).scalars().all()
    connection.execute(update(visits).where(visits.c.patron_id == patron).values(patron_id=None))
    ours = (refused_events.c.patron_id == patron) | refused_events.c.card_digest.in_(of_cards)
    connection.execute(delete(refused_events).where(ours))
    for table in (tries, lockouts):
        connection.execute(delete(table).where(table.c.subject.in_((patron, *of_cards))))


# --- my page ------------------------------------------------------------------------------------


_CONTACT = Statement(
    select(
        *(patrons.c.mobile_notice, patrons.c.email_notice, patrons.c.absent_from, patrons.c.absent_to),
        *(patrons.c.home_branch, patrons.c.patron_note),
    ).where(patrons.c.patron_id == bindparam("patron"))
)


def contact(connection: Connection, patron: PatronId) -> Contact | None:
    """Masked, as my page shows it."""
    row = _CONTACT.one(connection, patron=patron)
    if row is None:
        return None
    return Contact(
        mobile_notice=masked_mobile(row.mobile_notice),
        email_notice=masked_email(row.email_notice),
        absence=Absence(row.absent_from, row.absent_to),
        home_branch=BranchId(row.home_branch),
        note=row.patron_note,
    )


def change(connection: Connection, patron: PatronId, changes: Changes) -> Flaw | None:
    """Writes what the patron has changed, or says what is wrong with it; then nothing is written."""
    flaw = flaw_in(changes)
    if flaw is not None:
        return flaw
    branch = changes.home_branch
    if branch is not None and not _any(connection, branches.c.branch_id == branch):
        return Flaw.BRANCH
    written = _written(changes)
    if not written:
        return None
    done = connection.execute(update(patrons).where(patrons.c.patron_id == patron).values(written))
    return None if done.rowcount else Flaw.PATRON


def _written(changes: Changes) -> dict[str, str | date | None]:
    written: dict[str, str | date | None] = {}
    if changes.absence is not None:
        written |= {"absent_from": changes.absence.first, "absent_to": changes.absence.last}
    if changes.mobile_notice is not None:
        written["mobile_notice"] = bare(changes.mobile_notice)
    if changes.email_notice is not None:
        written["email_notice"] = changes.email_notice
    if changes.home_branch is not None:
        written["home_branch"] = changes.home_branch
    return written
