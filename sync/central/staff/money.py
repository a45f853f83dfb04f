"""What a patron owes, at the desk: listed by number, paid, or waived.

Not responsible for: what makes a fee (circulation/fees.py), where the money is.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum, unique

from sqlalchemy import Connection

from kiosk.model import PatronId
from sync.central.circulation import fees, payments, waiving
from sync.central.circulation.outcomes import FeeLine
from sync.central.circulation.payments import Paid, PaymentRefusal
from sync.central.staff.office import Done, Office
from sync.central.staff.patrons import known
from sync.central.staff.said import CommandError, day, fitted, kroner, printable

_KINDS = {fees.LATE: "late", fees.COMPENSATION: "lost item"}


@unique
class Reason(StrEnum):
    """Why a fee is waived. A closed list: what is typed freely could name somebody."""

    MISTAKE = "mistake"
    RETURNED = "returned"
    ILLNESS = "illness"
    DEATH = "death"
    GOODWILL = "goodwill"


@dataclass(frozen=True, slots=True)
class Payment:
    """amount: øre. fee: None for what is owed, oldest first. reference: of the till; empty: one is drawn."""

    amount: int
    fee: int | None = None
    reference: str = ""


def listed(office: Office, patron: PatronId) -> str:
    """What is owed, by fee, and what has been settled and is not forgotten yet."""

    def look(connection: Connection) -> tuple[tuple[FeeLine, ...], tuple[FeeLine, ...]]:
        known(connection, patron)
        return fees.lines_of(connection, patron), fees.lines_of(connection, patron, settled=True)

    owed, settled = office.write(look)
    lines = [f"owed: {_kr(sum(line.owed for line in owed))}", *map(_line, owed)]
    return "\n".join([*lines, "settled", *map(_line, settled)] if settled else lines)


def _line(fee: FeeLine) -> str:
    what = fee.work.title if fee.work else ""
    kind, rest = _KINDS.get(fee.kind, fee.kind), f"{_kr(fee.owed)} of {kroner(fee.amount)}"
    return f"  fee {fee.fee:<6} {day(fee.made_on)}  {rest:<22}  {kind:<9}  {fitted(what, 21)}".rstrip()


def pay(office: Office, patron: PatronId, payment: Payment) -> str:
    """Told twice under one reference, it counts once."""
    reference = payment.reference or f"desk-{secrets.token_hex(8)}"

    def work(connection: Connection) -> str:
        known(connection, patron)
        before = fees.debt_of(connection, patron)
        paid = _paid(connection, office, patron, payment, reference)
        if isinstance(paid, PaymentRefusal):
            raise CommandError(_REFUSED[paid].format(_kr(before)))
        rest = fees.debt_of(connection, patron)
        numbers = ", ".join(map(str, paid.fees))
        if rest != before:
            office.log(connection, Done("pay", patron, f"{_kr(paid.amount)} fee {numbers}"))
        known_before = "" if rest != before else "; it was known before, and counts once"
        return (
            f"{patron} has paid {_kr(paid.amount)} (fee {numbers}), and owes {_kr(rest)}\n"
            f"reference {printable(reference)}{known_before}"
        )

    return office.write(work)


_REFUSED = {
    PaymentRefusal.UNKNOWN_FEE: "the patron owes no such fee",
    PaymentRefusal.TOO_MUCH: "that is more than is owed, which is {} in all",
    PaymentRefusal.NO_AMOUNT: "an amount is more than nothing",
    PaymentRefusal.BAD_REFERENCE: "a reference is 1 to 64 printable characters",
    PaymentRefusal.REFERENCE_USED: "the reference stands for another payment",
}


def _paid(
    connection: Connection, office: Office, patron: PatronId, payment: Payment, reference: str
) -> Paid | PaymentRefusal:
    if payment.fee is None:
        return payments.pay_any(connection, patron, payment.amount, reference, office.now)
    return payments.pay(connection, patron, payment.fee, payment.amount, reference, office.now)


def waive(office: Office, patron: PatronId, fee: int, reason: Reason) -> str:
    """The rest of one fee; what was paid of it stays paid."""

    def work(connection: Connection) -> str:
        known(connection, patron)
        amount = waiving.waive(connection, patron, fee, office.now)
        if not amount:
            raise CommandError("the patron owes no such fee")
        office.log(connection, Done("waive", patron, f"{_kr(amount)} fee {fee} {reason.value}"))
        return f"{_kr(amount)} of fee {fee} is waived; {patron} owes {_kr(fees.debt_of(connection, patron))}"

    return office.write(work)


def _kr(amount: int) -> str:
    return f"{kroner(amount)} kr."
