"""The tables of the embedded central store.

    branches  devices  patrons --< cards, blocks, permissions, tries
    items --< holds, loans     answers (idempotency)     events --< refused_events     visits

Kept out on purpose: the CPR number. No feed of addresses asks for it yet, so a card (a health card's CPR number or a
library card's own number) is known by its keyed hash alone (cards.py), and no column holds the number itself.
Not responsible for: connections and pragmas (database.py), how long rows are kept (retention.py).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

VERSION = 1  # PRAGMA user_version; another number is refused, never changed in silence


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


tables = MetaData()

branches = Table(
    "branches",
    tables,
    Column("branch_id", Text, primary_key=True),  # ISIL
    Column("name", Text, nullable=False),
    Column("staffed", Text, nullable=False),  # OSM opening_hours
    Column("unstaffed", Text, nullable=False),
    Column("minimum_age", Integer, nullable=False, default=15),
    Column("loan_days", Integer, nullable=False, default=30),
)

devices = Table(
    "devices",
    tables,
    Column("fingerprint", Text, primary_key=True),  # SHA-256 of the certificate, hex
    Column("device_id", Text, nullable=False, index=True),
    Column("branch_id", Text, ForeignKey("branches.branch_id"), nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

patrons = Table(
    "patrons",
    tables,
    Column("patron_id", Text, primary_key=True),  # lånernummer: random
    Column("pin_hash", Text, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("home_branch", Text, ForeignKey("branches.branch_id"), nullable=False),
    Column("patron_group", Text, nullable=False),
    Column("municipality", Text, nullable=False),
    Column("internal_note", Text, nullable=False, default=""),  # for staff; leaves the store by no answer
)

cards = Table(
    "cards",
    tables,
    Column("digest", Text, primary_key=True),  # HMAC-SHA256 of the number, hex
    Column("patron_id", Text, ForeignKey("patrons.patron_id"), nullable=False, index=True),
)

blocks = Table(
    "blocks",
    tables,
    Column("patron_id", Text, ForeignKey("patrons.patron_id"), primary_key=True),
    Column("reason", Text, primary_key=True),  # FBS's letter
    Column("since", Date, nullable=False),
)

permissions = Table(
    "permissions",
    tables,
    Column("patron_id", Text, ForeignKey("patrons.patron_id"), primary_key=True),
    Column("branch_id", Text, ForeignKey("branches.branch_id"), primary_key=True),
)

# A try is counted before its PIN is checked, and taken back when it was right: many at once gain nothing.
tries = Table(
    "tries",
    tables,
    Column("try_id", Integer, primary_key=True),
    Column("subject", Text, nullable=False, index=True),  # the patron, or an unknown card's digest
    Column("tried_at", Instant, nullable=False),
)

lockouts = Table(
    "lockouts",
    tables,
    Column("subject", Text, primary_key=True),
    Column("until", Instant, nullable=False),
)

items = Table(
    "items",
    tables,
    Column("item_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("home_branch", Text, ForeignKey("branches.branch_id"), nullable=False),
    Column("shelf", Text, nullable=False),  # the sorting place, in the library's words
    Column("for_loan", Boolean, nullable=False, default=True),
    Column("minimum_age", Integer, nullable=False, default=0),
)

holds = Table(
    "holds",
    tables,
    Column("item_id", Text, ForeignKey("items.item_id"), primary_key=True),
    Column("patron_id", Text, ForeignKey("patrons.patron_id"), nullable=False),
    Column("pickup_branch", Text, ForeignKey("branches.branch_id"), nullable=False),
)

loans = Table(
    "loans",
    tables,
    Column("loan_id", Integer, primary_key=True),
    Column("item_id", Text, ForeignKey("items.item_id"), nullable=False),
    Column("patron_id", Text, ForeignKey("patrons.patron_id"), nullable=False, index=True),
    Column("branch_id", Text, ForeignKey("branches.branch_id"), nullable=False),
    Column("lent_at", Instant, nullable=False),
    Column("due", Date, nullable=False),
    Column("returned_at", Instant),
    Index("one_loan_per_item", "item_id", unique=True, sqlite_where=text("returned_at IS NULL")),
)

answers = Table(
    "answers",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # Idempotency-Key: the event's id
    Column("digest", Text, nullable=False),  # keyed, of (kind, patron, item); empty once it is forgotten
    Column("answer", Text, nullable=False),  # JSON as it was sent; names no patron
    Column("refused", Boolean, nullable=False),
    Column("answered_at", Instant, nullable=False),
)

events = Table(
    "events",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("queue_epoch", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("clock_synced", Boolean, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("monotonic_s", Float, nullable=False),
    Column("digest", Text, nullable=False),  # of the sealed bytes and what is bound to them: says nothing by itself
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),  # from closed sets only: a denial, a fault, implicitReturn
    UniqueConstraint("device_id", "queue_epoch", "sequence"),
)

refused_events = Table(
    "refused_events",
    tables,
    Column("refusal_id", Integer, primary_key=True),
    Column("device_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_at", Instant, nullable=False),
    Column("item_id", Text),
    Column("patron_id", Text),
    Column("card_digest", Text),  # of an unknown card: found again when the card turns up
    Column("wrapped", LargeBinary),  # what did not open, as it came
    Column("sealed", LargeBinary),
)

visits = Table(
    "visits",
    tables,
    Column("visit_id", Integer, primary_key=True),
    Column("branch_id", Text, ForeignKey("branches.branch_id"), nullable=False),
    Column("device_id", Text, nullable=False),
    Column("patron_id", Text, ForeignKey("patrons.patron_id")),  # forgotten after 30 days, the row stays
    Column("visited_at", Instant, nullable=False, index=True),
)
