"""What is forgotten, and when: the library's published privacy policy, and what rests on it, as a closed table.

    payment                30 days after its fee was settled
    fee                    30 days after it was settled
    returned loan          30 days after the return, or after its fee was settled where that is later
    content of a message   30 days                       that it was sent stays
    visitor                30 days                       the visit stays for statistics
    refused event          30 days after the refusal     staff have had a month
    content of an answer   30 days                       its digest could name a patron to who holds the key
    answer                 180 days                      twice as long as any machine may stay away
    PIN try                15 minutes
    lock-out               24 hours after its end        until then the next one is longer
    enrolment code         30 days after it expired

A hold goes when it is filled or cancelled (circulation/), whatever its age.
Not responsible for: calling it (web/server.py: at the start and every minute; command.py: --dry-run).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, update

from sync.central.calendar import local_date
from sync.central.patrons.tries import REMEMBERED, WINDOW
from sync.central.schema import (
    answers,
    enrolment_codes,
    fees,
    loans,
    lockouts,
    messages,
    payments,
    refused_events,
    tries,
    visits,
)

PERSONAL = timedelta(days=30)
ANSWERS = timedelta(days=180)
_AT_ONCE = 500  # ids in one statement

Which = Callable[[datetime], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Rule:
    """count, forget: how many rows are due at a moment, and have been forgotten."""

    name: str
    says: str
    count: Callable[[Connection, datetime], int]
    forget: Callable[[Connection, datetime], int]


@dataclass(frozen=True, slots=True)
class Forgotten:
    name: str
    rows: int


def purge(connection: Connection, now: datetime) -> tuple[Forgotten, ...]:
    """Forgets what is due at `now`."""
    return tuple(Forgotten(rule.name, rule.forget(connection, now)) for rule in RULES)


def due(connection: Connection, now: datetime) -> tuple[Forgotten, ...]:
    """What `purge` would forget; changes nothing."""
    return tuple(Forgotten(rule.name, rule.count(connection, now)) for rule in RULES)


# --- rules of one table -------------------------------------------------------------------------


def _gone(table: Table, name: str, says: str, which: Which) -> Rule:
    """The rows go."""
    return Rule(name, says, _counted(table, which), lambda c, now: c.execute(delete(table).where(which(now))).rowcount)


def _emptied(table: Table, name: str, says: str, which: Which, values: Mapping[str, str | None]) -> Rule:
    """The rows stay without these values. which: only rows that have them still."""

    def forget(connection: Connection, now: datetime) -> int:
        return connection.execute(update(table).where(which(now)).values(**values)).rowcount

    return Rule(name, says, _counted(table, which), forget)


def _counted(table: Table, which: Which) -> Callable[[Connection, datetime], int]:
    return lambda c, now: c.execute(select(func.count()).select_from(table).where(which(now))).scalar_one()


# --- returned loans -----------------------------------------------------------------------------
# A fee is of a patron and a Danish day, a loan of a moment: which belong together, SQL cannot say alike everywhere.


def _count_loans(connection: Connection, now: datetime) -> int:
    return len(_going(connection, now))


def _forget_loans(connection: Connection, now: datetime) -> int:
    """Nearly all of them are of patrons who owe nothing: those go in one statement."""
    owing = loans.c.patron_id.in_(select(fees.c.patron_id).where(_unsettled(now)))
    gone = connection.execute(delete(loans).where(_returned(now), ~owing)).rowcount
    rest = _going(connection, now)
    for place in range(0, len(rest), _AT_ONCE):
        few = rest[place : place + _AT_ONCE]
        gone += connection.execute(delete(loans).where(loans.c.loan_id.in_(few))).rowcount
    return gone


def _returned(now: datetime) -> ColumnElement[bool]:
    return loans.c.returned_at <= now - PERSONAL


def _unsettled(now: datetime) -> ColumnElement[bool]:
    return or_(fees.c.settled_at.is_(None), fees.c.settled_at > now - PERSONAL)


def _going(connection: Connection, now: datetime) -> list[int]:
    """The loans that are due and that no fee keeps."""
    returned = select(loans.c.loan_id, loans.c.patron_id, loans.c.item_id, loans.c.lent_at).where(_returned(now))
    rows = connection.execute(returned).all()
    if not rows:
        return []
    kept = {
        (row.patron_id, about)
        for row in connection.execute(select(fees).where(_unsettled(now)))
        for about in (row.lent_on, row.item_id)
        if about is not None
    }
    return [
        row.loan_id
        for row in rows
        if not kept & {(row.patron_id, local_date(row.lent_at)), (row.patron_id, row.item_id)}
    ]


# --- the table ----------------------------------------------------------------------------------


def _settled(now: datetime) -> ColumnElement[bool]:
    """Not while what it was charged for may still be out: it would be charged anew, and paid twice."""
    out = loans.c.patron_id == fees.c.patron_id, loans.c.returned_at.is_(None), loans.c.lent_at < fees.c.made_at
    return and_(fees.c.settled_at <= now - PERSONAL, ~exists().where(*out))


RULES: tuple[Rule, ...] = (
    Rule("loans", "30 days after the return or the settlement", _count_loans, _forget_loans),
    _gone(
        payments,
        "payments",
        "30 days after the fee was settled",
        lambda now: payments.c.fee_id.in_(select(fees.c.fee_id).where(_settled(now))),
    ),
    _gone(fees, "fees", "30 days after the settlement", _settled),
    _emptied(
        messages,
        "contents of messages",
        "30 days",
        lambda now: (
            (messages.c.made_at <= now - PERSONAL)
            & or_(messages.c.recipient != "", messages.c.subject != "", messages.c.content != "")
        ),
        {"recipient": "", "subject": "", "content": ""},
    ),
    _emptied(
        visits,
        "visitors",
        "30 days",
        lambda now: (visits.c.visited_at <= now - PERSONAL) & visits.c.patron_id.is_not(None),
        {"patron_id": None},
    ),
    _gone(
        refused_events,
        "refused events",
        "30 days after the refusal",
        lambda now: refused_events.c.refused_at <= now - PERSONAL,
    ),
    _emptied(
        answers,
        "contents of answers",
        "30 days",
        lambda now: (answers.c.answered_at <= now - PERSONAL) & (answers.c.digest != ""),
        {"digest": ""},
    ),
    _gone(answers, "answers", "180 days", lambda now: answers.c.answered_at <= now - ANSWERS),
    _gone(tries, "PIN tries", "15 minutes", lambda now: tries.c.tried_at <= now - WINDOW),
    _gone(lockouts, "lock-outs", "24 hours after the end", lambda now: lockouts.c.until <= now - REMEMBERED),
    _gone(
        enrolment_codes,
        "enrolment codes",
        "30 days after the expiry",
        lambda now: enrolment_codes.c.expires_at <= now - PERSONAL,
    ),
)
