"""The tables of the embedded central store.

    library  branches --< closings, sorting, texts        devices  enrolment_codes  queues  sip_users
    patron_groups --< patrons --< cards, blocks, permissions, tries, fees --< payments, messages
    records --< items --< loans        records --< holds        material_groups x patron_groups: loan_profiles
    answers (idempotency)   events --< refused_events   visits   staff_log   block_list (what the replica feed tells)

Columns named *_sealed are encrypted (patrons/column.py); *_digest are keyed digests (patrons/cards.py). A CPR number or
a card's number stands in no other column.
Not responsible for: connections (database.py), how long rows are kept (retention.py), who may see what
(patrons/record.py).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
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

VERSION = 3  # of the tables; another number is refused, never changed in silence


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept in UTC."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=UTC)


tables = MetaData()

versions = Table("versions", tables, Column("version", Integer, primary_key=True))


def _patron(*, primary_key: bool = False, nullable: bool = True, index: bool = False) -> Column[str]:
    patron = ForeignKey("patrons.patron_id")
    return Column(
        "patron_id", Text, patron, primary_key=primary_key, nullable=nullable and not primary_key, index=index
    )


def _branch(name: str = "branch_id", *, primary_key: bool = False, nullable: bool = True) -> Column[str]:
    branch = ForeignKey("branches.branch_id")
    return Column(name, Text, branch, primary_key=primary_key, nullable=nullable and not primary_key)


def _index(name: str, column: str, *, where: str, unique: bool = False) -> Index:
    """Of some rows: by an index that had the empty ones too, SQLite would look through all of them."""
    return Index(name, column, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# --- the library and its rules ------------------------------------------------------------------

# One row. Amounts in øre.
library = Table(
    "library",
    tables,
    Column("library_id", Integer, primary_key=True),
    Column("agency", Text, nullable=False),  # ISIL, as DK-766100
    Column("name", Text, nullable=False),
    Column("municipality", Text, nullable=False),  # its number: who lives there is resident
    Column("child_below", Integer, nullable=False),  # years: below this age a fee is a child's
    Column("debt_limit", Integer, nullable=False),  # above it block E
    Column("renew_from_days", Integer, nullable=False),  # before the due date
    Column("pickup_days", Integer, nullable=False),  # how long a hold stands on the shelf
    Column("transit_days", Integer, nullable=False),  # how long what is sent to a hold is believed to be on its way
    Column("remind_days", Integer, nullable=False),  # before the due date
)

branches = Table(
    "branches",
    tables,
    Column("branch_id", Text, primary_key=True),  # ISIL
    Column("name", Text, nullable=False),
    Column("staffed", Text, nullable=False),  # OSM opening_hours
    Column("unstaffed", Text, nullable=False),
    Column("minimum_age", Integer, nullable=False, default=15),
    Column("loan_days", Integer, nullable=False, default=30),  # given out by a machine that cannot ask
    Column("changed", Integer, nullable=False, default=0),  # the replica's cursor (machines/replica.py)
)

closings = Table(  # days on which a branch is closed all day, whatever its hours say
    "closings",
    tables,
    _branch(primary_key=True),
    Column("day", Date, primary_key=True),
    Column("reason", Text, nullable=False),
)

sorting = Table(  # where a branch lays what is returned; without a row the item's own department
    # "*" as department: the hold shelf; another branch's id: what is sent there. Of these only the bin is asked for.
    "sorting",
    tables,
    _branch(primary_key=True),
    Column("department", Text, primary_key=True),
    Column("bin", Text, nullable=False),  # SIP2's CL, as 102
    Column("place", Text, nullable=False),  # in the library's words
)

texts = Table(  # what a branch's machines say in the library's own words
    "texts",
    tables,
    _branch(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("text", Text, nullable=False),
)

patron_groups = Table(
    "patron_groups",
    tables,
    Column("group_id", Text, primary_key=True),  # as Voksen
    Column("max_loans", Integer, nullable=False),
    Column("max_holds", Integer, nullable=False),
    Column("pays_fees", Boolean, nullable=False),
    Column("gets_reminders", Boolean, nullable=False),
)

material_groups = Table(
    "material_groups",
    tables,
    Column("group_id", Text, primary_key=True),  # as standard, 7dvd
    Column("description", Text, nullable=False),
    Column("holdable", Boolean, nullable=False),
)

loan_profiles = Table(  # how long, how often again; "" as patron group: every group without a row of its own
    "loan_profiles",
    tables,
    Column("material_group", Text, ForeignKey("material_groups.group_id"), primary_key=True),
    Column("patron_group", Text, primary_key=True),
    Column("loan_days", Integer, nullable=False),
    Column("renewals", Integer, nullable=False),
)

fee_steps = Table(  # what one loan date costs from so many days late on
    "fee_steps",
    tables,
    Column("child", Boolean, primary_key=True),
    Column("from_day", Integer, primary_key=True),
    Column("amount", Integer, nullable=False),  # øre
)

# --- patrons ------------------------------------------------------------------------------------

patrons = Table(
    "patrons",
    tables,
    Column("patron_id", Text, primary_key=True),  # lånernummer: random
    Column("pin_hash", Text, nullable=False),
    Column("cpr_digest", Text, unique=True),  # the CPR feed finds a patron by it
    Column("cpr_sealed", LargeBinary),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("co_name", Text, nullable=False, default=""),
    Column("street", Text, nullable=False, default=""),
    Column("postal_code", Text, nullable=False, default=""),
    Column("city", Text, nullable=False, default=""),
    Column("phone", Text, nullable=False, default=""),
    Column("mobile", Text, nullable=False, default=""),
    Column("mobile_notice", Text, nullable=False, default=""),  # mobil (notif): SMS on holds and due dates
    Column("email", Text, nullable=False, default=""),
    Column("email_notice", Text, nullable=False, default=""),  # e-mail (notif)
    Column("absent_from", Date),  # fraværsperiode: no holds are filled in it; either end may be open
    Column("absent_to", Date),
    _branch("home_branch", nullable=False),
    Column("patron_group", Text, ForeignKey("patron_groups.group_id"), nullable=False),
    Column("municipality", Text, nullable=False),
    Column("internal_note", Text, nullable=False, default=""),  # for staff; leaves the store by no answer
    Column("patron_note", Text, nullable=False, default=""),  # note til låner
)

cards = Table(
    "cards",
    tables,
    Column("digest", Text, primary_key=True),  # HMAC-SHA256 of the number, hex
    _patron(nullable=False, index=True),
    Column("kind", Text, nullable=False),  # health, library
    Column("number_sealed", LargeBinary, nullable=False),
    Column("lost", Boolean, nullable=False, default=False),
    _index("cards_lost", "digest", where="lost"),
)

blocks = Table(
    "blocks",
    tables,
    _patron(primary_key=True),
    Column("reason", Text, primary_key=True),  # FBS's letter
    Column("since", Date, nullable=False),
)

permissions = Table("permissions", tables, _patron(primary_key=True), _branch(primary_key=True))

# A try is counted before its PIN is checked, and taken back when it was right: many at once gain nothing.
tries = Table(
    "tries",
    tables,
    Column("try_id", Integer, primary_key=True),
    Column("subject", Text, nullable=False, index=True),  # the patron, or an unknown card's digest
    Column("tried_at", Instant, nullable=False, index=True),
)

lockouts = Table(
    "lockouts",
    tables,
    Column("subject", Text, primary_key=True),
    Column("until", Instant, nullable=False, index=True),
    Column("round", Integer, nullable=False),  # 1 the first time; each is longer than the one before
)

# --- titles, items, holds, loans ----------------------------------------------------------------

records = Table(
    "records",
    tables,
    Column("record_id", Text, primary_key=True),  # FAUST
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("gmb", Text, nullable=False, default="a"),  # danMARC2 009 *a: general kind of material
    Column("smb", Text, nullable=False, default="xx"),  # danMARC2 009 *g: specific kind
    Column("dk5", Text, nullable=False, default=""),
)

items = Table(
    "items",
    tables,
    Column("item_id", Text, primary_key=True),  # materialItemNumber
    Column("record_id", Text, ForeignKey("records.record_id"), nullable=False, index=True),
    Column("material_group", Text, ForeignKey("material_groups.group_id"), nullable=False),
    _branch("home_branch", nullable=False),
    Column("department", Text, nullable=False),  # the shelf, in the library's words
    Column("for_loan", Boolean, nullable=False, default=True),
    Column("minimum_age", Integer, nullable=False, default=0),
    Column("parts", Integer, nullable=False, default=1),  # three discs in a box: 3
    Column("state", Text, nullable=False, default="here"),  # circulation/items.py: here, lost, missing, discarded
    _branch("at_branch", nullable=False),  # where it was last seen
    _branch("transit_to"),  # on its way there
    Column("seen_at", Instant),  # its last return: what a machine tells late of an earlier moment changes nothing
)

holds = Table(  # deleted when the item is lent to the patron, or when it is cancelled
    "holds",
    tables,
    Column("hold_id", Integer, primary_key=True),
    Column("record_id", Text, ForeignKey("records.record_id"), nullable=False),
    _patron(nullable=False, index=True),
    _branch("pickup_branch", nullable=False),
    Column("placed_at", Instant, nullable=False),  # the queue's order
    Column("wanted_until", Date),  # interest date
    Column("item_id", Text, ForeignKey("items.item_id")),  # set aside for it: on its way, or on the shelf
    Column("shelf_number", Text, nullable=False, default=""),
    Column("pickup_by", Date),  # set when it stands on the shelf
    Column("sent_on", Date),  # set while it is on its way
    UniqueConstraint("record_id", "patron_id"),
    Index("queue", "record_id", "placed_at"),
    _index("holds_set_aside", "item_id", where="item_id IS NOT NULL", unique=True),
    _index("holds_shelf", "pickup_branch", where="shelf_number != ''"),
    _index("holds_sent", "sent_on", where="sent_on IS NOT NULL"),
)

loans = Table(
    "loans",
    tables,
    Column("loan_id", Integer, primary_key=True),
    Column("item_id", Text, ForeignKey("items.item_id"), nullable=False),
    _patron(nullable=False, index=True),
    _branch(nullable=False),
    Column("lent_at", Instant, nullable=False),
    Column("due", Date, nullable=False),
    Column("renewals", Integer, nullable=False, default=0),
    Column("fee_day", Date),  # of the last renewal: lateness after it is a fee of its own; else the day of lending
    Column("hold_placed_at", Instant),  # the hold that this loan fulfilled, should the loan be undone
    Column("hold_pickup", Text),
    Column("hold_wanted_until", Date),
    Column("returned_at", Instant),
    _index("one_loan_per_item", "item_id", where="returned_at IS NULL", unique=True),
    _index("loans_due", "due", where="returned_at IS NULL"),
    _index("loans_returned", "returned_at", where="returned_at IS NOT NULL"),
    Index("loans_of_item", "item_id", "lent_at"),
)

# --- what is owed, what is said -----------------------------------------------------------------

fees = Table(  # one per patron and day of lending or renewal, after the days late; or a compensation
    "fees",
    tables,
    Column("fee_id", Integer, primary_key=True),
    _patron(nullable=False, index=True),
    Column("kind", Text, nullable=False),  # FBS feeType: fee, compensation
    Column("lent_on", Date),
    Column("item_id", Text, ForeignKey("items.item_id")),
    Column("amount", Integer, nullable=False),  # øre
    Column("paid", Integer, nullable=False, default=0),
    Column("least", Integer, nullable=False, default=0),  # of late loans that were renewed: it sinks no lower
    Column("made_at", Instant, nullable=False),
    Column("settled_at", Instant),
    _index("fees_settled", "settled_at", where="settled_at IS NOT NULL"),
    UniqueConstraint("patron_id", "kind", "lent_on"),
)

payments = Table(
    "payments",
    tables,
    Column("reference", Text, primary_key=True),  # SIP2's BK, or an event's id: paid once
    Column("fee_id", Integer, ForeignKey("fees.fee_id"), nullable=False, index=True),
    Column("amount", Integer, nullable=False),
    Column("paid_at", Instant, nullable=False),
)

messages = Table(  # content and recipient are erased after 30 days; that it was sent stays
    "messages",
    tables,
    Column("message_id", Integer, primary_key=True),
    _patron(nullable=False, index=True),
    Column("kind", Text, nullable=False),  # messages/notices.py
    Column("about", Text, nullable=False),  # what it is about, so that it is said once
    Column("channel", Text, nullable=False),  # sms, email
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", Instant),
    _index("messages_due", "next_attempt_at", where="sent_at IS NULL"),
    _index("messages_told", "made_at", where="content != ''"),
    UniqueConstraint("patron_id", "kind", "about", "channel"),
)

visits = Table(
    "visits",
    tables,
    Column("visit_id", Integer, primary_key=True),
    _branch(nullable=False),
    Column("device_id", Text, nullable=False),
    _patron(index=True),  # forgotten after 30 days, the row stays
    Column("visited_at", Instant, nullable=False),
    _index("visits_named", "visited_at", where="patron_id IS NOT NULL"),
)

staff_log = Table(  # what staff did; also each time a CPR number or a card's was shown in clear
    "staff_log",
    tables,
    Column("entry_id", Integer, primary_key=True),
    Column("done_at", Instant, nullable=False, index=True),
    Column("staff", Text, nullable=False),  # who was logged in
    Column("act", Text, nullable=False, default="reveal"),  # as it is typed: add-patron, card, pay
    Column("patron_digest", Text, nullable=False),  # empty: of no patron
    Column("about", Text, nullable=False, default=""),  # an item's or a fee's number, words of closed lists
)

# --- machines -----------------------------------------------------------------------------------

devices = Table(
    "devices",
    tables,
    Column("fingerprint", Text, primary_key=True),  # SHA-256 of the certificate, hex
    Column("device_id", Text, nullable=False, index=True),
    _branch(nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),  # by the computer's clock, as enrolled_at and revoked_at
    Column("supersedes", Text),  # a renewed certificate: the one before it, revoked when this one is first used
    Column("revoked_at", Instant),
)

enrolment_codes = Table(
    "enrolment_codes",
    tables,
    Column("code_digest", Text, primary_key=True),
    Column("device_id", Text, nullable=False),
    _branch(nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

sip_users = Table(  # a machine that logs in with SIP2, or with Cicero's XML
    "sip_users",
    tables,
    Column("login", Text, primary_key=True),
    Column("password_digest", Text, nullable=False),
    _branch(nullable=False),
    Column("fills_holds", Boolean, nullable=False, default=True),  # Cicero: Opfyld reservationer
    Column("encoding", Text, nullable=False, default="utf-8"),  # of what is said on a socket (sync/sip2/codec.py)
)

answers = Table(
    "answers",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # Idempotency-Key: the event's id
    Column("digest", Text, nullable=False),  # keyed, of what was asked; empty once it is forgotten
    Column("answer", Text, nullable=False),  # JSON as it was sent; names no patron
    Column("refused", Boolean, nullable=False),
    Column("answered_at", Instant, nullable=False, index=True),
    _index("answers_told", "answered_at", where="digest != ''"),
)

queues = Table(  # what a device's outbox has sent so far: where a gap shows
    "queues",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("queue_epoch", Text, primary_key=True),
    Column("begun_at", Instant, nullable=False),
    Column("highest", BigInteger, nullable=False),  # sequence
    Column("taken", BigInteger, nullable=False),  # how many: highest - taken are missing
)

events = Table(
    "events",
    tables,
    Column("device_id", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("queue_epoch", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("clock_synced", Boolean, nullable=False),
    Column("boot_id", Text, nullable=False),
    Column("monotonic_s", Float, nullable=False),
    Column("digest", Text, nullable=False),  # of the sealed bytes and what is bound to them: says nothing by itself
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),  # from closed sets only: a denial, a fault, why it was discarded
    UniqueConstraint("device_id", "queue_epoch", "sequence"),
)

refused_events = Table(
    "refused_events",
    tables,
    Column("refusal_id", Integer, primary_key=True),
    Column("device_id", Text, nullable=False),
    Column("event_id", Text, nullable=False),  # a machine's own; of SIP2, which has none, a keyed digest
    Column("branch_id", Text),  # of a SIP2 login; else the machine's own branch
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("refused_at", Instant, nullable=False, index=True),
    Column("item_id", Text),  # of an item there is
    Column("item_digest", Text),  # of an unknown number: it could be a health card's
    Column("patron_id", Text),
    Column("card_digest", Text),  # of an unknown card: found again when the card turns up
    Column("due", Date),
    Column("wrapped", LargeBinary),  # what did not open, as it came
    Column("sealed", LargeBinary),
    Column("resolved_at", Instant),
    Column("resolution", Text, nullable=False, default=""),  # staff's word for it
    UniqueConstraint("device_id", "event_id", "reason"),
)

# --- the replica feed ---------------------------------------------------------------------------

cursor = Table(  # one row: how far the block list has come
    "cursor",
    tables,
    Column("last", Integer, primary_key=True),  # the last change's number
    Column("epoch", Text, nullable=False, default=""),  # what the numbers are counted in; random, hex
    Column("begun_at", Instant),  # the epoch
)

block_list = Table(  # cards that may not borrow while a machine cannot ask
    "block_list",
    tables,
    Column("digest", Text, primary_key=True),  # under the block list's own key
    Column("listed", Boolean, nullable=False),  # False: it was, and is no longer
    Column("card", Text),  # cards.digest, while it is listed
    Column("changed", Integer, nullable=False, index=True),
    _index("block_list_cards", "card", where="listed"),
)
