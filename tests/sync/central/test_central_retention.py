"""Each time limit of the policy, one minute before and after it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from kiosk.event import EntryGranted, ItemLent
from kiosk.model import Credential
from sync.central import retention, seed
from sync.central.database import Database
from sync.central.postgres import PostgresDatabase
from sync.central.retention import RULES, Forgotten
from sync.central.schema import (
    answers,
    enrolment_codes,
    fees,
    loans,
    messages,
    payments,
    refused_events,
    staff_log,
    tables,
    visits,
)
from sync.central.start import Home, open_database
from sync.rest import wire
from tests.sync.central.library import MORNING, Library, Machine, Reply
from tests.sync.central.test_central_exchange import Queue

ResultT = TypeVar("ResultT")
Store = Database | PostgresDatabase
MINUTE, MONTH = timedelta(minutes=1), timedelta(days=30)
PATRON = seed.OTHER_PATRON.patron  # whose loan is returned in `used`
LENT_ON = date(2026, 11, 13)  # that loan's day


@pytest.fixture
def used(library: Library, machine: Machine) -> Home:
    """A store in which everything with a time limit happened at MORNING; stopped."""
    queue = Queue(machine)
    machine.bring_back(seed.ON_LOAN.item, "a-return-event-id")
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    unreadable = queue.sealed_bytes("item.lent", b"{}")
    queue.send(
        queue.sealed(EntryGranted(seed.PERMITTED.patron)),
        queue.sealed(ItemLent(Credential("6100000000"), seed.BOOK.item, date(2026, 12, 20), offline=True)),
        unreadable,
    )
    for _ in range(5):
        machine.authenticate(seed.ADULT.number, "0007")
    machine.authenticate(seed.CHILD.number, "0007")
    library.stop()
    with closing(open_database(library.home)) as database:
        database.write(_owe_and_say).result()
    return library.home


def _owe_and_say(connection: Connection) -> None:
    """A settled fee with its payment, a message, an expired code."""
    connection.execute(delete(enrolment_codes))
    connection.execute(delete(fees))  # the debtor's
    code = {"code_digest": "d", "device_id": "d", "branch_id": seed.ULFBORG, "expires_at": MORNING}
    connection.execute(insert(enrolment_codes).values(code))
    message = {"kind": "due", "about": "x", "channel": "sms", "recipient": "01443312", "subject": "s", "content": "c"}
    connection.execute(insert(messages).values(patron_id=PATRON, made_at=MORNING, sent_at=MORNING, **message))
    connection.execute(insert(staff_log).values(done_at=MORNING, staff="s", patron_digest="d"))
    owe(connection, settled_at=MORNING)
    fee = connection.execute(select(fees.c.fee_id)).scalar_one()
    connection.execute(insert(payments).values(reference="r", fee_id=fee, amount=20_00, paid_at=MORNING))


def owe(connection: Connection, lent_on: date | None = date(2026, 1, 1), **other: object) -> None:
    values = {"patron_id": PATRON, "kind": "fee", "lent_on": lent_on, "amount": 20_00, "made_at": MORNING}
    connection.execute(insert(fees).values({**values, **other}))


@pytest.fixture
def database(used: Home) -> Iterator[Store]:
    with closing(open_database(used)) as database:
        yield database


Look = Callable[[Connection], object]


def count_of_returned(connection: Connection) -> int:
    return len(connection.execute(select(loans).where(loans.c.returned_at.is_not(None))).all())


def names_in_visits(connection: Connection) -> list[str]:
    return [row.patron_id for row in connection.execute(select(visits)) if row.patron_id]


def refusals_of_no_item(connection: Connection) -> int:
    return len([row for row in connection.execute(select(refused_events)) if row.item_id is None])


def patrons_of_refusals(connection: Connection) -> list[str]:
    kept = [row for row in connection.execute(select(refused_events)) if row.item_id is not None]
    return [value for row in kept for value in (row.patron_id, row.card_digest) if value is not None]


def contents_of_answers(connection: Connection) -> list[str]:
    return [row.digest for row in connection.execute(select(answers)) if row.digest]


def contents_of_messages(connection: Connection) -> list[str]:
    return [
        value
        for row in connection.execute(select(messages))
        for value in (row.recipient, row.subject, row.content)
        if value
    ]


def rows_of(name: str) -> Look:
    return lambda connection: len(connection.execute(select(tables.tables[name])).all())


LIMITS: dict[str, tuple[Look, timedelta]] = {
    "loans": (count_of_returned, MONTH),
    "payments": (rows_of("payments"), MONTH),
    "fees": (rows_of("fees"), MONTH),
    "contents of messages": (contents_of_messages, MONTH),
    "visitors": (names_in_visits, MONTH),
    "staff_log": (rows_of("staff_log"), MONTH),
    "refused events": (refusals_of_no_item, MONTH),
    "patrons of refused events": (patrons_of_refusals, MONTH),
    "contents of answers": (contents_of_answers, MONTH),
    "answers": (rows_of("answers"), timedelta(days=180)),
    "PIN tries": (rows_of("tries"), timedelta(hours=24)),
    "lock-outs": (rows_of("lockouts"), timedelta(days=7, minutes=15)),
    "enrolment codes": (rows_of("enrolment_codes"), MONTH),
}


def test_every_rule_has_its_limit_below() -> None:
    assert [rule.name for rule in RULES] == list(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_it_is_there_a_minute_before_and_gone_a_minute_after(database: Store, name: str) -> None:
    look, limit = LIMITS[name]
    before = database.read(look).result()
    assert before
    assert looked(database, look, MORNING + limit - MINUTE) == before
    assert not looked(database, look, MORNING + limit + MINUTE)


@pytest.mark.parametrize("name", LIMITS)
def test_a_rule_counts_what_it_will_forget_and_counting_changes_nothing(database: Store, name: str) -> None:
    _, limit = LIMITS[name]
    rule = next(rule for rule in RULES if rule.name == name)
    assert database.read(lambda c: rule.count(c, MORNING + limit - MINUTE)).result() == 0
    counted = database.read(lambda c: rule.count(c, MORNING + limit + MINUTE)).result()
    assert counted > 0
    assert database.read(lambda c: rule.count(c, MORNING + limit + MINUTE)).result() == counted


def test_a_dry_run_says_what_a_purge_then_does(database: Store) -> None:
    long_after = MORNING + timedelta(days=400)
    everything = database.read(all_rows).result()
    said = database.read(lambda c: retention.due(c, long_after)).result()
    assert database.read(all_rows).result() == everything
    done = database.write(lambda c: retention.purge(c, long_after)).result()
    assert said == done
    assert all(forgotten.rows > 0 for forgotten in done)
    again = database.write(lambda c: retention.purge(c, long_after)).result()
    assert again == tuple(Forgotten(rule.name, 0) for rule in RULES)


def all_rows(connection: Connection) -> str:
    return repr([connection.execute(select(table)).all() for table in tables.sorted_tables])


def looked(database: Store, look: Callable[[Connection], ResultT], now: datetime) -> ResultT:
    database.write(lambda connection: retention.purge(connection, now)).result()
    return database.read(look).result()


# --- a loan and its fee -------------------------------------------------------------------------


def test_a_returned_loan_stays_while_its_fee_is_owed(database: Store) -> None:
    database.write(lambda c: owe(c, LENT_ON)).result()
    assert looked(database, count_of_returned, MORNING + timedelta(days=300)) == 1


def test_a_returned_loan_stays_a_month_after_its_fee_was_settled(database: Store) -> None:
    settled = MORNING + timedelta(days=100)
    database.write(lambda c: owe(c, LENT_ON, settled_at=settled)).result()
    assert looked(database, count_of_returned, settled + MONTH - MINUTE) == 1
    assert looked(database, count_of_returned, settled + MONTH + MINUTE) == 0


def test_a_returned_loan_stays_while_its_item_is_to_be_paid_for(database: Store) -> None:
    database.write(lambda c: owe(c, None, kind="compensation", item_id=seed.ON_LOAN.item)).result()
    assert looked(database, count_of_returned, MORNING + MONTH + MINUTE) == 1


@pytest.mark.parametrize("other", ["day", "item", "patron"])
def test_a_fee_for_something_else_keeps_no_loan(database: Store, other: str) -> None:
    match other:
        case "day":
            database.write(lambda c: owe(c, LENT_ON - timedelta(days=1))).result()
        case "item":
            database.write(lambda c: owe(c, None, kind="compensation", item_id=seed.BOOK.item)).result()
        case _:
            database.write(lambda c: owe(c, LENT_ON, patron_id=seed.ADULT.patron)).result()
    counted = database.read(lambda c: retention.due(c, MORNING + MONTH + MINUTE)).result()
    assert counted[0] == Forgotten("loans", 1)
    assert looked(database, count_of_returned, MORNING + MONTH + MINUTE) == 0


def test_a_loan_of_before_midnight_belongs_to_the_danish_day(database: Store) -> None:
    late = datetime.combine(LENT_ON, datetime.min.time(), MORNING.tzinfo) - timedelta(minutes=30)  # 00:30 in Denmark
    database.write(lambda c: c.execute(update(loans).where(loans.c.patron_id == PATRON).values(lent_at=late))).result()
    database.write(lambda c: owe(c, LENT_ON)).result()
    assert looked(database, count_of_returned, MORNING + MONTH + MINUTE) == 1


def test_many_loans_of_one_who_owes_go_too(database: Store) -> None:
    returned = {"item_id": seed.BOOK.item, "patron_id": PATRON, "branch_id": seed.ULFBORG, "due": date(2026, 3, 1)}
    rows = [{**returned, "lent_at": MORNING - timedelta(days=60), "returned_at": MORNING}] * 1201
    database.write(lambda c: c.execute(insert(loans), rows)).result()
    database.write(lambda c: owe(c, LENT_ON)).result()
    done = database.write(lambda c: retention.purge(c, MORNING + MONTH + MINUTE)).result()
    assert done[0] == Forgotten("loans", 1201)
    assert database.read(count_of_returned).result() == 1


# --- a fee and its loan -------------------------------------------------------------------------


def fees_after(database: Store, now: datetime) -> list[tuple[str, date | None]]:
    database.write(lambda connection: retention.purge(connection, now)).result()
    rows = database.read(lambda connection: connection.execute(select(fees)).all()).result()
    return [(row.kind, row.lent_on) for row in rows]


def test_a_settled_fee_stays_while_its_own_loan_is_out_and_no_other_keeps_it(database: Store) -> None:
    """The patron of `used` gets a loan of long before its fees, and keeps it."""
    long_ago, paid = MORNING - timedelta(days=100), {"settled_at": MORNING, "paid": 20_00}
    out = {"item_id": seed.BOOK.item, "patron_id": PATRON, "branch_id": seed.ULFBORG, "due": date(2026, 9, 15)}
    database.write(lambda c: c.execute(delete(loans).where(loans.c.item_id == seed.BOOK.item))).result()
    database.write(lambda c: c.execute(insert(loans).values(**out, lent_at=long_ago))).result()
    database.write(lambda c: owe(c, long_ago.date(), **paid)).result()
    database.write(lambda c: owe(c, None, kind="compensation", item_id=seed.BOOK.item, **paid)).result()
    fee = select(fees.c.fee_id).where(fees.c.lent_on == long_ago.date()).scalar_subquery()
    payment = insert(payments).values(reference="of it", fee_id=fee, amount=20_00, paid_at=MORNING)
    database.write(lambda c: c.execute(payment)).result()
    much_later = MORNING + timedelta(days=400)
    assert fees_after(database, much_later) == [("fee", long_ago.date())]
    assert database.read(rows_of("payments")).result() == 1
    renewed = update(loans).where(loans.c.patron_id == PATRON, loans.c.returned_at.is_(None))
    database.write(lambda c: c.execute(renewed.values(fee_day=MORNING.date()))).result()
    assert fees_after(database, much_later) == []
    assert database.read(rows_of("payments")).result() == 0


# --- what is refused ----------------------------------------------------------------------------


def test_a_refusal_keeps_its_item_until_staff_have_resolved_it_and_goes_then(database: Store) -> None:
    later = MORNING + timedelta(days=400)
    assert looked(database, rows_of("refused_events"), later) == 1
    (kept,) = database.read(lambda c: c.execute(select(refused_events)).all()).result()
    assert (kept.item_id, kept.patron_id, kept.card_digest) == (seed.BOOK.item, None, None)
    resolved = update(refused_events).values(resolved_at=later, resolution="on its shelf")
    database.write(lambda c: c.execute(resolved)).result()
    assert looked(database, rows_of("refused_events"), later) == 0


def test_what_was_renewed_is_forgotten_with_whose_it_was_and_still_answered_once(
    library: Library, machine: Machine
) -> None:
    key, patron = "a-renewal-event-id", seed.OTHER_PATRON

    def renew(machine: Machine) -> Reply:
        session = machine.authenticate(patron.number, patron.pin.reveal()).said["sessionKey"]
        return machine.ask("POST", wire.RENEWALS, {"loanIds": []}, Idempotency_Key=key, X_Session=session)

    first = renew(machine)
    assert seed.ON_LOAN.item in first.body.decode()
    assert renew(machine).body == first.body
    library.clock.forward(days=31)
    library.restart()
    library.stop()
    (kept,) = library.rows(answers)
    assert (kept.answer, kept.digest) == ('{"renewals":[]}', "")
    library.restart()
    assert renew(library.dial(machine.bundle)).said == {"renewals": []}


# --- what stays ---------------------------------------------------------------------------------


def test_what_is_not_over_stays_however_long_it_lasts(database: Store) -> None:
    """A loan that is out, holds, an unpaid fee; a visit for statistics, and that a message was sent."""
    owed = {"amount": 20_00, "paid": 5_00}
    database.write(lambda c: owe(c, LENT_ON, patron_id=seed.DEBTOR.patron, **owed)).result()
    looked(database, count_of_returned, MORNING + timedelta(days=4000))
    out = database.read(lambda c: c.execute(select(loans)).all()).result()
    assert [row.item_id for row in out] == [seed.BOOK.item]
    assert database.read(rows_of("holds")).result() == 2
    assert [row.paid for row in database.read(lambda c: c.execute(select(fees)).all()).result()] == [5_00]
    assert [row.patron_id for row in database.read(lambda c: c.execute(select(visits)).all()).result()] == [None]
    said = database.read(lambda c: c.execute(select(messages)).one()).result()
    assert (said.patron_id, said.kind, said.sent_at) == (PATRON, "due", MORNING)


def test_the_store_forgets_by_itself_at_its_start(used: Home, library: Library) -> None:
    assert used == library.home
    library.clock.forward(days=31)
    library.restart()
    library.stop()
    assert [row.patron_id for row in library.rows(visits)] == [None]


def test_a_question_repeated_after_its_content_is_forgotten_is_still_done_once(
    library: Library, machine: Machine
) -> None:
    first = machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    machine.bring_back(seed.BOOK.item, "a-return-event-id")
    library.clock.forward(days=40)
    library.restart()
    again = library.dial(machine.bundle).lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1")
    assert again.body == first.body
    assert [row for row in library.rows(loans) if row.item_id == seed.BOOK.item] == []
