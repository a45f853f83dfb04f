"""What hangs on a patron, row by row, as staff read it: cards, blocks, loans, holds, fees, messages.

Not responsible for: the patron's own fields (record.py), what a loan or a hold may do next (circulation/).
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, select

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.patrons.locks import Locks
from sync.central.schema import blocks, cards, fees, holds, items, loans, messages, permissions, records
from sync.central.statement import Statement

HEALTH, LIBRARY = "health", "library"
_HIDDEN = "••••••••"


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """Låner-ID. number: dots, unless it was asked for; a library card's last two digits show always."""

    kind: str
    number: str
    lost: bool


@dataclass(frozen=True, slots=True)
class Blocked:
    """reason: FBS's letter."""

    reason: str
    since: date


@dataclass(frozen=True, slots=True, repr=False)
class LoanEntry:
    """returned_at: None while it lasts; a returned one stays 30 days."""

    item: ItemId
    title: str
    branch: BranchId
    lent_at: datetime
    due: date
    renewals: int
    returned_at: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class HoldEntry:
    """item: what is set aside for it."""

    title: str
    pickup_branch: BranchId
    placed_at: datetime
    item: ItemId | None
    pickup_by: date | None


@dataclass(frozen=True, slots=True, repr=False)
class FeeEntry:
    """Amounts in øre."""

    kind: str
    amount: int
    paid: int
    made_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class MessageEntry:
    """recipient, subject and content are empty once they are forgotten."""

    kind: str
    channel: str
    recipient: str
    subject: str
    content: str
    made_at: datetime
    sent_at: datetime | None


def cards_of(connection: Connection, locks: Locks, patron: PatronId, *, reveal: bool) -> tuple[Card, ...]:
    """reveal: with their numbers. Raises ColumnError."""
    rows = connection.execute(select(cards).where(cards.c.patron_id == patron).order_by(cards.c.digest))
    return tuple(
        Card(row.kind, _shown(row.kind, locks.columns.open("card", row.digest, row.number_sealed), reveal), row.lost)
        for row in rows
    )


def _shown(kind: str, number: str, reveal: bool) -> str:
    """A health card's number is a CPR number: of that no digit shows."""
    if reveal:
        return number
    return _HIDDEN if kind == HEALTH else _HIDDEN + number[-2:]


def blocks_of(connection: Connection, patron: PatronId) -> tuple[Blocked, ...]:
    rows = connection.execute(select(blocks).where(blocks.c.patron_id == patron).order_by(blocks.c.reason))
    return tuple(Blocked(row.reason, row.since) for row in rows)


def permissions_of(connection: Connection, patron: PatronId) -> tuple[BranchId, ...]:
    """The branches whose doors the patron may open in unstaffed hours where a tag is needed."""
    query = select(permissions.c.branch_id).where(permissions.c.patron_id == patron)
    return tuple(BranchId(branch) for branch in connection.execute(query.order_by(permissions.c.branch_id)).scalars())


def loans_of(connection: Connection, patron: PatronId) -> tuple[LoanEntry, ...]:
    query = select(loans, records.c.title).join(items, items.c.item_id == loans.c.item_id).join(records)
    rows = connection.execute(query.where(loans.c.patron_id == patron).order_by(loans.c.due, loans.c.loan_id))
    return tuple(
        LoanEntry(
            item=ItemId(row.item_id),
            title=row.title,
            branch=BranchId(row.branch_id),
            lent_at=row.lent_at,
            due=row.due,
            renewals=row.renewals,
            returned_at=row.returned_at,
        )
        for row in rows
    )


def holds_of(connection: Connection, patron: PatronId) -> tuple[HoldEntry, ...]:
    query = select(holds, records.c.title).join(records, records.c.record_id == holds.c.record_id)
    rows = connection.execute(query.where(holds.c.patron_id == patron).order_by(holds.c.placed_at, holds.c.hold_id))
    return tuple(
        HoldEntry(
            title=row.title,
            pickup_branch=BranchId(row.pickup_branch),
            placed_at=row.placed_at,
            item=None if row.item_id is None else ItemId(row.item_id),
            pickup_by=row.pickup_by,
        )
        for row in rows
    )


def fees_of(connection: Connection, patron: PatronId) -> tuple[FeeEntry, ...]:
    rows = connection.execute(select(fees).where(fees.c.patron_id == patron).order_by(fees.c.fee_id))
    return tuple(FeeEntry(row.kind, row.amount, row.paid, row.made_at, row.settled_at) for row in rows)


_MESSAGES = Statement(
    select(messages).where(messages.c.patron_id == bindparam("patron")).order_by(messages.c.message_id)
)


def messages_of(connection: Connection, patron: PatronId) -> tuple[MessageEntry, ...]:
    return tuple(
        MessageEntry(
            kind=row.kind,
            channel=row.channel,
            recipient=row.recipient,
            subject=row.subject,
            content=row.content,
            made_at=row.made_at,
            sent_at=row.sent_at,
        )
        for row in _MESSAGES.all(connection, patron=patron)
    )
