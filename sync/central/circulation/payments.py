"""Payments: of one fee, or of what is owed, oldest first. Each is told under a reference, and counts once.

    reference known --> the answer of the first time        else --> fee by fee: reference, reference\\x1f1, ...\\x1f2

A reference is forgotten with its payment (retention.py): who repeats one later than that pays again.
Not responsible for: how the money came (a terminal, SIP2 37), what is owed (fees.py).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique

from sqlalchemy import Connection, func, insert, or_, select, update

from kiosk.model import PatronId
from sync.central.calendar import local_date
from sync.central.circulation import fees as owed
from sync.central.circulation.outcomes import FeeLine
from sync.central.schema import fees, payments

_LONGEST = 64  # characters of a reference
_PART = "\x1f"  # between a reference and the number of its part


@dataclass(frozen=True, slots=True)
class Paid:
    """fees: to which it went. amount: øre, all of it."""

    fees: tuple[int, ...]
    amount: int


@unique
class PaymentRefusal(Enum):
    UNKNOWN_FEE = "unknownFee"  # the patron owes no such fee
    TOO_MUCH = "tooMuch"  # more than is owed
    NO_AMOUNT = "noAmount"  # nothing, or less
    BAD_REFERENCE = "badReference"
    REFERENCE_USED = "referenceUsed"  # for another payment


@dataclass(frozen=True, slots=True)
class _Share:
    """What of a payment one fee takes."""

    fee: int
    amount: int
    settles: bool


def pay(
    connection: Connection, patron: PatronId, fee: int, amount: int, reference: str, now: datetime
) -> Paid | PaymentRefusal:
    """All or part of one fee."""
    if not _is_reference(reference):
        return PaymentRefusal.BAD_REFERENCE
    before = _before(connection, patron, reference)
    if before is not None:
        return before if before == Paid((fee,), amount) else PaymentRefusal.REFERENCE_USED
    lines = tuple(line for line in owed.lines_of(connection, patron) if line.fee == fee)
    return _pay(connection, patron, lines, amount, reference, now) if lines else PaymentRefusal.UNKNOWN_FEE


def pay_any(
    connection: Connection, patron: PatronId, amount: int, reference: str, now: datetime
) -> Paid | PaymentRefusal:
    """What is owed, oldest first."""
    if not _is_reference(reference):
        return PaymentRefusal.BAD_REFERENCE
    before = _before(connection, patron, reference)
    if before is not None:
        return before if isinstance(before, Paid) and before.amount == amount else PaymentRefusal.REFERENCE_USED
    return _pay(connection, patron, owed.lines_of(connection, patron), amount, reference, now)


def _pay(
    connection: Connection, patron: PatronId, lines: tuple[FeeLine, ...], amount: int, reference: str, now: datetime
) -> Paid | PaymentRefusal:
    if amount <= 0:
        return PaymentRefusal.NO_AMOUNT
    if amount > sum(line.owed for line in lines):
        return PaymentRefusal.TOO_MUCH
    shares = _shares(lines, amount)
    for number, share in enumerate(shares):
        _write(connection, share, _numbered(reference, number), now)
    owed.follow_debt(connection, patron, local_date(now))
    return Paid(tuple(share.fee for share in shares), amount)


def _shares(lines: tuple[FeeLine, ...], amount: int) -> tuple[_Share, ...]:
    shares = []
    for line in lines:
        part = min(line.owed, amount)
        if part:
            shares.append(_Share(line.fee, part, part == line.owed))
        amount -= part
    return tuple(shares)


def _write(connection: Connection, share: _Share, reference: str, now: datetime) -> None:
    new = insert(payments).values(reference=reference, fee_id=share.fee, amount=share.amount, paid_at=now)
    connection.execute(new)
    settled = {"settled_at": now} if share.settles else {}
    paid = update(fees).where(fees.c.fee_id == share.fee).values(paid=fees.c.paid + share.amount, **settled)
    connection.execute(paid)


# --- references ---------------------------------------------------------------------------------


def _is_reference(reference: str) -> bool:
    """The separator below is not printable, so no reference can be another's second part."""
    return 0 < len(reference) <= _LONGEST and reference.isprintable()


def _numbered(reference: str, number: int) -> str:
    return f"{reference}{_PART}{number}" if number else reference


def _before(connection: Connection, patron: PatronId, reference: str) -> Paid | PaymentRefusal | None:
    """What was answered under it; None: it is new. One that is forgotten in part is not known well enough."""
    later = func.substr(payments.c.reference, 1, len(reference) + 1) == reference + _PART  # LIKE knows no capitals
    query = select(payments, fees.c.patron_id).select_from(payments.join(fees))
    rows = connection.execute(query.where(or_(payments.c.reference == reference, later))).all()
    parts = {row.reference: row for row in rows if row.patron_id == patron}
    known = [parts[name] for number in range(len(rows)) if (name := _numbered(reference, number)) in parts]
    if len(known) < len(rows):
        return PaymentRefusal.REFERENCE_USED
    return Paid(tuple(row.fee_id for row in known), sum(row.amount for row in known)) if known else None
