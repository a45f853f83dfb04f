"""Lånerbilledet: one patron as the library's privacy policy shows it, field by field, for staff.

Not responsible for: what is masked (patrons/record.py), the database.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain

from sync.central.calendar import local_date, whole_years
from sync.central.patrons.entries import FeeEntry, HoldEntry, LoanEntry, MessageEntry
from sync.central.patrons.record import Record
from sync.central.staff.said import NOTHING, WIDTH, day, fitted, kroner, moment, printable

REASONS = {
    "O": "kortet er meldt stjålet eller mistet",
    "U": "udelukket",
    "F": "udelukket i længere tid",
    "S": "blokeret på en selvbetjeningsautomat",
    "W": "selvoprettet på hjemmesiden",
    "E": "skylder for meget",
    "D": "afdød",
}
_CARDS = {"health": "sundhedskort", "library": "lånerkort"}
_FEES = {"fee": "gebyr", "compensation": "erstatning"}
_LABEL, _TITLE = 21, 34


@dataclass(frozen=True, slots=True, repr=False)
class Seen:
    """home_branch: by name. today: in Denmark. waived: øre of each fee, in their order."""

    record: Record
    home_branch: str
    today: date
    waived: tuple[int, ...]


def picture(seen: Seen) -> str:
    """Lines of at most 80 columns."""
    record = seen.record
    return "\n".join(
        chain(
            _person(seen),
            _reached(record),
            _standing(seen),
            _notes(record),
            _loans(record.loans),
            _holds(record.holds),
            _fees(record.fees, seen.waived),
            _messages(record.messages),
        )
    )


def _person(seen: Seen) -> Iterator[str]:
    record = seen.record
    yield _field("Lånernummer", record.patron_id)
    yield _field("CPR-nummer", record.cpr)
    away = record.absent_from is not None or record.absent_to is not None
    yield _field("Fraværsperiode", f"{day(record.absent_from)} til {day(record.absent_to)}" if away else "")
    yield _field("Navn", f"{record.first_name} {record.last_name}")
    age = whole_years(record.birth_date, seen.today)
    yield _field("Fødselsdato", f"{day(record.birth_date)} ({age} år)")
    yield _field("c/o navn", record.co_name)
    yield _field("Adresse", f"{record.street}, {record.postal_code} {record.city}".strip(" ,"))


def _reached(record: Record) -> Iterator[str]:
    yield _field("Telefon", record.phone)
    yield _field("  mobil", record.mobile)
    yield _field("  mobil (notif)", record.mobile_notice)
    yield _field("E-mail", record.email)
    yield _field("E-mail (notif)", record.email_notice)


def _standing(seen: Seen) -> Iterator[str]:
    record = seen.record
    for block in record.blocks:
        yield _field("Blokeret d.", day(block.since))
        yield _field("Blokeringsårsag", f"{block.reason}: {REASONS.get(block.reason, 'andet')}")
    if not record.blocks:
        yield _field("Blokeret d.", "")
    yield _field("Lånergruppe", record.patron_group)
    yield _field("Tilhørsfilial", seen.home_branch)
    yield _field("Kommunenr.", record.municipality)
    for card in record.cards:
        lost = ", meldt mistet" if card.lost else ""
        yield _field("Låner-ID", f"{_CARDS.get(card.kind, card.kind)} {card.number}{lost}")
    if record.permissions:
        yield _field("Ubemandet adgang", ", ".join(record.permissions))


def _notes(record: Record) -> Iterator[str]:
    yield _field("Intern note", record.internal_note)
    yield _field("Note til låner", record.patron_note)


def _field(label: str, value: str) -> str:
    shown = [line for part in value.splitlines() for line in textwrap.wrap(printable(part), WIDTH - _LABEL)]
    first, *more = shown or [NOTHING]
    return "\n".join((f"{label:<{_LABEL}}{first}", *(" " * _LABEL + line for line in more)))


# --- what hangs on it ---------------------------------------------------------------------------


def _loans(loans: tuple[LoanEntry, ...]) -> Iterator[str]:
    out = [loan for loan in loans if loan.returned_at is None]
    back = [loan for loan in loans if loan.returned_at is not None]
    yield f"\nUdlån ({len(out)})"
    yield from (_line(loan.title, loan.item, f"frist {day(loan.due)}") for loan in out)
    if back:
        yield f"Afleveret, slettes efter 30 dage ({len(back)})"
    for loan in back:
        returned = local_date(loan.returned_at) if loan.returned_at else None
        yield _line(loan.title, loan.item, f"afleveret {day(returned)}")


def _holds(holds: tuple[HoldEntry, ...]) -> Iterator[str]:
    yield f"\nReserveringer ({len(holds)})"
    for hold in holds:
        ready = f"klar til {day(hold.pickup_by)}" if hold.pickup_by else f"fra {day(local_date(hold.placed_at))}"
        yield _line(hold.title, hold.pickup_branch, ready)


def _fees(fees: tuple[FeeEntry, ...], waived: tuple[int, ...]) -> Iterator[str]:
    """What is waived is settled as if it were paid (circulation/waiving.py); here the two are told apart."""
    owed = sum(fee.amount - fee.paid for fee in fees)
    yield f"\nMellemværende ({kroner(owed)} kr.)"
    for fee, let_go in zip(fees, waived, strict=True):
        money = fee.paid - let_go
        paid = f"{day(local_date(fee.made_at))} " + (f"betalt {kroner(money)}" if money else "ikke betalt")
        yield _line(_FEES.get(fee.kind, fee.kind), f"{kroner(fee.amount)} kr.", paid)
        if let_go:
            yield _line("  heraf eftergivet", f"{kroner(let_go)} kr.", "")


def _messages(messages: tuple[MessageEntry, ...]) -> Iterator[str]:
    yield f"\nBeskeder ({len(messages)})"
    for message in messages:
        sent = f"sendt {moment(message.sent_at)}" if message.sent_at else "ikke sendt"
        yield _line(message.kind, message.channel, sent)


def _line(what: str, which: str, when: str) -> str:
    return f"  {fitted(what, _TITLE):<{_TITLE}}  {fitted(which, 14):<14}  {fitted(when, 26)}".rstrip()
