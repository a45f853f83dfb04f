"""What is forgotten, and when: the library's published privacy policy, and what rests on it, as a closed table.

    payment                30 days after its fee was settled
    fee                    30 days after it was settled
    returned loan          30 days after the return, or after its fee was settled where that is later
    content of a message   30 days                       that it was sent stays
    visitor                30 days                       the visit stays for statistics
    reveal                 30 days                       who of staff saw a number in clear
    refused event          30 days after the refusal     but one that staff have not resolved, and of an item, stays
    patron of such a one   30 days after the refusal     staff have had a month
    content of an answer   30 days                       its digest could name a patron to who holds the key; the answer
                                                         of a renewal names items; that it was answered stays
    answer                 180 days                      twice as long as any machine may stay away
    PIN try                24 hours
    lock-out               7 days after its end          until then the next one is longer
    enrolment code         30 days after it expired

A hold goes when it is filled or cancelled (circulation/), whatever its age.
Not responsible for: calling it (web/server.py: at the start and every minute; command.py: --dry-run).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from sync.central.calendar import local_date
from sync.central.circulation.items import fee_day_of
from sync.central.patrons.tries import DAY, REMEMBERED
from sync.central.schema import (
    answers,
    enrolment_codes,
    fees,
    loans,
    lockouts,
    messages,
    payments,
    refused_events,
    staff_log,
    tries,
    visits,
)

PERSONAL = timedelta(days=30)
ANSWERS = timedelta(days=180)
_AT_ONCE = 500  # ids in one statement
# Stands in the statement itself: of a bound value SQLite may not see that an index of some rows will do (schema.py).
_EMPTY: ColumnElement[str] = literal_column("''")
_RENEWED, _NOTHING = '{"renewals":', '{"renewals":[]}'  # answers in the contract's words (sync/rest/wire.py)

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


def _emptied(table: Table, name: str, says: str, which: Which, values: Mapping[str, object]) -> Rule:
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
    owing = exists().where(fees.c.patron_id == loans.c.patron_id, _unsettled(now))
    gone = connection.execute(delete(loans).where(_returned(now), ~owing)).rowcount
    for few in _portions(_going(connection, now)):
        gone += connection.execute(delete(loans).where(loans.c.loan_id.in_(few))).rowcount
    return gone


def _returned(now: datetime) -> ColumnElement[bool]:
    return loans.c.returned_at <= now - PERSONAL


def _unsettled(now: datetime) -> ColumnElement[bool]:
    return or_(fees.c.settled_at.is_(None), fees.c.settled_at > now - PERSONAL)


def _going(connection: Connection, now: datetime) -> list[int]:
    """The loans that are due and that no fee keeps."""
    returned = select(loans).where(_returned(now))
    rows = connection.execute(returned).all()
    if not rows:
        return []
    patrons = select(loans.c.patron_id).where(_returned(now))
    kept = {
        (row.patron_id, about)
        for row in connection.execute(select(fees).where(fees.c.patron_id.in_(patrons), _unsettled(now)))
        for about in (row.lent_on, row.item_id)
        if about is not None
    }
    return [
        row.loan_id
        for row in rows
        if not kept & {(row.patron_id, about) for about in (local_date(row.lent_at), row.fee_day, row.item_id)}
    ]


# --- fees ---------------------------------------------------------------------------------------


def _over(connection: Connection, now: datetime) -> list[int]:
    """The fees that are due. Not while what one was charged for is out: it would be charged anew, and paid twice."""
    settled = fees.c.settled_at <= now - PERSONAL
    over = connection.execute(select(fees.c.fee_id, fees.c.patron_id, fees.c.lent_on).where(settled)).all()
    if not over:
        return []
    owners = loans.c.patron_id.in_(select(fees.c.patron_id).where(settled))
    out = connection.execute(select(loans).where(loans.c.returned_at.is_(None), owners))
    kept = {(row.patron_id, fee_day_of(row)) for row in out}
    return [row.fee_id for row in over if (row.patron_id, row.lent_on) not in kept]


def _of_fees(table: Table, name: str, says: str) -> Rule:
    """Rows that hang on a fee which is over go."""

    def count(connection: Connection, now: datetime) -> int:
        return sum(
            connection.execute(select(func.count()).select_from(table).where(table.c.fee_id.in_(few))).scalar_one()
            for few in _portions(_over(connection, now))
        )

    def forget(connection: Connection, now: datetime) -> int:
        few_by_few = _portions(_over(connection, now))
        return sum(connection.execute(delete(table).where(table.c.fee_id.in_(few))).rowcount for few in few_by_few)

    return Rule(name, says, count, forget)


def _portions(ids: list[int]) -> Iterator[list[int]]:
    return (ids[place : place + _AT_ONCE] for place in range(0, len(ids), _AT_ONCE))


# --- the table ----------------------------------------------------------------------------------


# An item that somebody carried out, and nobody has on loan. An unknown one's digest could be a person's card.
_unresolved = and_(refused_events.c.resolved_at.is_(None), refused_events.c.item_id.is_not(None))
_by_card = refused_events.c.card_digest.is_not(None)


def _refused(now: datetime) -> ColumnElement[bool]:
    return refused_events.c.refused_at <= now - PERSONAL


RULES: tuple[Rule, ...] = (
    Rule("loans", "30 days after the return or the settlement", _count_loans, _forget_loans),
    _of_fees(payments, "payments", "30 days after the fee was settled"),
    _of_fees(fees, "fees", "30 days after the settlement"),
    _emptied(
        messages,
        "contents of messages",
        "30 days",
        lambda now: (messages.c.made_at <= now - PERSONAL) & (messages.c.content != _EMPTY),
        {"recipient": "", "subject": "", "content": ""},
    ),
    _emptied(
        visits,
        "visitors",
        "30 days",
        lambda now: (visits.c.visited_at <= now - PERSONAL) & visits.c.patron_id.is_not(None),
        {"patron_id": None},
    ),
    _gone(staff_log, "staff_log", "30 days", lambda now: staff_log.c.done_at <= now - PERSONAL),
    _gone(
        refused_events,
        "refused events",
        "30 days after the refusal, resolved or of no item",
        lambda now: and_(_refused(now), ~_unresolved),
    ),
    _emptied(
        refused_events,
        "patrons of refused events",
        "30 days after the refusal",
        lambda now: and_(_refused(now), _unresolved, or_(refused_events.c.patron_id.is_not(None), _by_card)),
        {"patron_id": None, "card_digest": None},
    ),
    _emptied(
        answers,
        "contents of answers",
        "30 days",
        lambda now: (answers.c.answered_at <= now - PERSONAL) & (answers.c.digest != _EMPTY),
        {"digest": "", "answer": case((answers.c.answer.startswith(_RENEWED), _NOTHING), else_=answers.c.answer)},
    ),
    _gone(answers, "answers", "180 days", lambda now: answers.c.answered_at <= now - ANSWERS),
    _gone(tries, "PIN tries", "24 hours", lambda now: tries.c.tried_at <= now - DAY),
    _gone(lockouts, "lock-outs", "7 days after the end", lambda now: lockouts.c.until <= now - REMEMBERED),
    _gone(
        enrolment_codes,
        "enrolment codes",
        "30 days after the expiry",
        lambda now: enrolment_codes.c.expires_at <= now - PERSONAL,
    ),
)
