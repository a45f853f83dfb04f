"""What is owed: the steps, raised and never lowered; payments that count once; block E that follows the debt."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import insert, select, update

from kiosk.model import PatronId
from sync.central import retention, standard
from sync.central.calendar import local_date
from sync.central.circulation import fees, lateness, lending, payments
from sync.central.circulation.items import ItemState
from sync.central.circulation.lateness import FeeDay
from sync.central.circulation.outcomes import FeeLine
from sync.central.circulation.payments import Paid, PaymentRefusal
from sync.central.patrons import admission, blocks
from sync.central.schema import fees as fees_
from sync.central.schema import loans
from sync.central.schema import payments as payments_
from sync.central.seed import ULFBORG
from tests.sync.central.library import MORNING
from tests.sync.central.small_library import ALMA, ATLAS_1, BO, NOVEL_1, NOVEL_2, SmallLibrary, overheard

DUE = date(2026, 11, 1)
LENT = datetime(2026, 10, 2, 10, tzinfo=MORNING.tzinfo)


def late(small: SmallLibrary, days: int, patron: PatronId = ALMA, lent_at: datetime = LENT) -> tuple[FeeLine, ...]:
    """What the patron owes with one more loan that came back so late."""
    returned_at = datetime.combine(DUE + timedelta(days=days), LENT.timetz())
    loan = {"item_id": NOVEL_1, "patron_id": patron, "branch_id": ULFBORG, "lent_at": lent_at, "due": DUE}
    small.connection.execute(insert(loans).values(**loan, returned_at=returned_at))
    lateness.reckon(small.connection, (FeeDay(patron, local_date(lent_at)),), MORNING)
    return fees.lines_of(small.connection, patron)


def rise(small: SmallLibrary, now: datetime) -> int:
    """As the store's jobs do."""
    return lateness.reckon(small.connection, lateness.rising(small.connection, now), now)


def owed(small: SmallLibrary, patron: PatronId = ALMA) -> int:
    return fees.debt_of(small.connection, patron)


def blocked(small: SmallLibrary, patron: PatronId = ALMA) -> list[tuple[str, date]]:
    return [(block.blocked_reason, block.blocked_since) for block in admission.blocks_of(small.connection, patron)]


@pytest.mark.parametrize(
    ("days", "adult", "child"),
    [
        (-3, 0, 0),
        (0, 0, 0),
        (1, 20_00, 10_00),
        (7, 20_00, 10_00),
        (8, 60_00, 30_00),
        (14, 60_00, 30_00),
        (15, 120_00, 55_00),
        (30, 120_00, 55_00),
        (31, 230_00, 120_00),
        (400, 230_00, 120_00),
    ],
)
def test_each_day_late_costs_its_step(small: SmallLibrary, days: int, adult: int, child: int) -> None:
    small.set_patron(BO, birth_date=date(2020, 1, 1))
    late(small, days, ALMA)
    late(small, days, BO)
    assert (owed(small, ALMA), owed(small, BO)) == (adult, child)


@pytest.mark.parametrize(("years", "days", "owes"), [(14, 0, 20_00), (14, 1, 10_00), (14, 5, 10_00)])
def test_the_age_is_that_of_the_due_date_so_that_no_birthday_makes_it_dearer(
    small: SmallLibrary, years: int, days: int, owes: int
) -> None:
    birthday = DUE + timedelta(days=days)
    small.set_patron(ALMA, birth_date=birthday.replace(year=birthday.year - years))
    for each in (4, 5, 6):
        late(small, each)
        assert owed(small) == owes


def test_two_items_of_one_day_are_one_fee_by_the_latest_of_them(small: SmallLibrary) -> None:
    late(small, 9)
    late(small, 2, lent_at=LENT + timedelta(hours=2))
    assert [line.amount for line in fees.lines_of(small.connection, ALMA)] == [60_00]
    late(small, 2, lent_at=LENT + timedelta(days=1))
    assert [line.amount for line in fees.lines_of(small.connection, ALMA)] == [60_00, 20_00]


def test_the_day_of_lending_is_a_danish_day(small: SmallLibrary) -> None:
    late(small, 2, lent_at=datetime(2026, 10, 2, 21, 59, tzinfo=MORNING.tzinfo))
    lines = late(small, 2, lent_at=datetime(2026, 10, 2, 22, 1, tzinfo=MORNING.tzinfo))
    assert len(lines) == 2


def test_a_group_that_pays_no_fees_owes_nothing(small: SmallLibrary) -> None:
    small.set_patron(ALMA, patron_group=standard.STAFF)
    assert late(small, 40) == ()


def test_a_settled_fee_that_rises_is_owed_again_only_by_what_it_rose(small: SmallLibrary) -> None:
    (line,) = late(small, 3)
    payments.pay(small.connection, ALMA, line.fee, 20_00, "first", MORNING)
    assert owed(small) == 0
    late(small, 4)
    assert owed(small) == 0
    late(small, 8)
    assert owed(small) == 40_00


def test_settled_lines_are_told_apart(small: SmallLibrary) -> None:
    (line,) = late(small, 3)
    assert fees.lines_of(small.connection, ALMA, settled=True) == ()
    payments.pay(small.connection, ALMA, line.fee, 20_00, "first", MORNING)
    assert fees.lines_of(small.connection, ALMA) == ()
    assert [line.paid for line in fees.lines_of(small.connection, ALMA, settled=True)] == [20_00]


# --- payments -----------------------------------------------------------------------------------


def test_a_part_is_paid_and_the_rest_stays_owed(small: SmallLibrary) -> None:
    (line,) = late(small, 8)
    assert payments.pay(small.connection, ALMA, line.fee, 25_00, "a", MORNING) == Paid((line.fee,), 25_00)
    assert owed(small) == 35_00


def test_the_same_reference_is_answered_the_same_and_paid_once(small: SmallLibrary) -> None:
    (line,) = late(small, 8)
    first = payments.pay(small.connection, ALMA, line.fee, 25_00, "a", MORNING)
    again = payments.pay(small.connection, ALMA, line.fee, 25_00, "a", MORNING + timedelta(days=1))
    assert first == again == Paid((line.fee,), 25_00)
    assert owed(small) == 35_00


def test_the_answer_is_the_same_after_all_is_settled(small: SmallLibrary) -> None:
    (line,) = late(small, 8)
    first = payments.pay(small.connection, ALMA, line.fee, 60_00, "a", MORNING)
    assert payments.pay(small.connection, ALMA, line.fee, 60_00, "a", MORNING) == first


def test_a_reference_of_another_payment_is_refused(small: SmallLibrary) -> None:
    (line,), (others,) = late(small, 8), late(small, 8, BO)
    payments.pay(small.connection, ALMA, line.fee, 25_00, "a", MORNING)
    used = PaymentRefusal.REFERENCE_USED
    assert payments.pay(small.connection, ALMA, line.fee, 5_00, "a", MORNING) is used
    assert payments.pay(small.connection, BO, others.fee, 25_00, "a", MORNING) is used
    assert payments.pay_any(small.connection, BO, 25_00, "a", MORNING) is used
    assert (owed(small), owed(small, BO)) == (35_00, 60_00)


@pytest.mark.parametrize(
    ("amount", "reference", "refusal"),
    [
        (60_01, "a", PaymentRefusal.TOO_MUCH),
        (0, "a", PaymentRefusal.NO_AMOUNT),
        (-5, "a", PaymentRefusal.NO_AMOUNT),
        (5, "", PaymentRefusal.BAD_REFERENCE),
        (5, "a\x1f1", PaymentRefusal.BAD_REFERENCE),
        (5, "a\x00", PaymentRefusal.BAD_REFERENCE),
        (5, "a" * 65, PaymentRefusal.BAD_REFERENCE),
    ],
)
def test_what_is_no_payment_changes_nothing(
    small: SmallLibrary, amount: int, reference: str, refusal: PaymentRefusal
) -> None:
    (line,) = late(small, 8)
    assert payments.pay(small.connection, ALMA, line.fee, amount, reference, MORNING) is refusal
    assert payments.pay_any(small.connection, ALMA, amount, reference, MORNING) is refusal
    assert owed(small) == 60_00
    assert small.connection.execute(select(payments_)).all() == []


def test_a_fee_of_another_patron_or_a_settled_one_is_unknown(small: SmallLibrary) -> None:
    (line,) = late(small, 8)
    unknown = PaymentRefusal.UNKNOWN_FEE
    assert payments.pay(small.connection, BO, line.fee, 60_00, "a", MORNING) is unknown
    assert payments.pay(small.connection, ALMA, line.fee + 1, 60_00, "b", MORNING) is unknown
    payments.pay(small.connection, ALMA, line.fee, 60_00, "c", MORNING)
    assert payments.pay(small.connection, ALMA, line.fee, 60_00, "d", MORNING) is unknown


def test_an_open_payment_goes_to_the_oldest_fee_first(small: SmallLibrary) -> None:
    late(small, 8)
    old, new = late(small, 8, lent_at=LENT + timedelta(days=1))
    paid = payments.pay_any(small.connection, ALMA, 70_00, "a", MORNING)
    assert paid == Paid((old.fee, new.fee), 70_00)
    assert [(line.fee, line.owed) for line in fees.lines_of(small.connection, ALMA)] == [(new.fee, 50_00)]
    assert payments.pay_any(small.connection, ALMA, 70_00, "a", MORNING) == paid
    assert payments.pay_any(small.connection, ALMA, 60_00, "a", MORNING) is PaymentRefusal.REFERENCE_USED
    assert owed(small) == 50_00


@pytest.mark.parametrize("again", ["returned", "carried out"])
def test_what_was_paid_for_as_lost_and_turns_up_again_is_owed_no_longer(small: SmallLibrary, again: str) -> None:
    fees.compensate(small.connection, ALMA, NOVEL_1, 300_00, MORNING)
    fees.compensate(small.connection, ALMA, ATLAS_1, 10_00, MORNING)
    small.set_item(NOVEL_1, state=ItemState.LOST.value)
    if again == "returned":
        small.bring_back(NOVEL_1)
    else:
        lending.carried_out(small.connection, small.desk(), BO, NOVEL_1, DUE)
    assert [line.item for line in fees.lines_of(small.connection, ALMA)] == [ATLAS_1]
    assert admission.blocks_of(small.connection, ALMA) == ()


# --- compensation, block E ----------------------------------------------------------------------


def test_a_compensation_names_its_title_and_there_may_be_several(small: SmallLibrary) -> None:
    first = fees.compensate(small.connection, ALMA, NOVEL_1, 150_00, MORNING)
    fees.compensate(small.connection, ALMA, ATLAS_1, 20_00, MORNING)
    lines = fees.lines_of(small.connection, ALMA)
    assert [(line.kind, line.item, line.work and line.work.title) for line in lines] == [
        ("compensation", NOVEL_1, "Lykke-Per"),
        ("compensation", ATLAS_1, "Fugle i Vestjylland"),
    ]
    assert lines[0].fee == first
    assert owed(small) == 170_00


def test_a_debt_above_the_limit_blocks_and_one_that_is_not_frees(small: SmallLibrary) -> None:
    fee = fees.compensate(small.connection, ALMA, NOVEL_1, 200_00, MORNING)
    assert blocked(small) == []
    fees.compensate(small.connection, ALMA, ATLAS_1, 1, MORNING)
    assert blocked(small) == [("E", MORNING.date())]
    payments.pay(small.connection, ALMA, fee, 1, "a", MORNING)
    assert blocked(small) == []


def test_block_e_keeps_the_day_it_came_and_lifting_it_leaves_others(small: SmallLibrary) -> None:
    small.block(ALMA)
    fee = fees.compensate(small.connection, ALMA, NOVEL_1, 300_00, MORNING)
    fees.compensate(small.connection, ALMA, ATLAS_1, 5_00, MORNING + timedelta(days=3))
    assert blocked(small) == [("E", MORNING.date()), ("U", MORNING.date())]
    payments.pay(small.connection, ALMA, fee, 300_00, "a", MORNING)
    assert blocked(small) == [("U", MORNING.date())]


def test_lateness_blocks_by_itself(small: SmallLibrary) -> None:
    late(small, 30)
    assert blocked(small) == []
    late(small, 31)
    assert blocked(small) == [("E", MORNING.date())]


def test_blocking_twice_is_blocking_once(small: SmallLibrary) -> None:
    assert blocks.block(small.connection, ALMA, "O", DUE)
    assert not blocks.block(small.connection, ALMA, "O", MORNING.date())
    assert blocked(small) == [("O", DUE)]
    assert blocks.unblock(small.connection, ALMA, "O")
    assert not blocks.unblock(small.connection, ALMA, "O")
    assert blocked(small) == []


# --- what is still out --------------------------------------------------------------------------


def lend(small: SmallLibrary, due: date, item: str = NOVEL_1, numbers: Iterator[int] = count(1)) -> None:  # noqa: B008
    loan = {"loan_id": next(numbers), "item_id": item, "patron_id": ALMA, "branch_id": "DK-766103", "lent_at": LENT}
    small.connection.execute(insert(loans).values(**loan, due=due))


def test_what_is_still_out_rises_by_itself_and_once(small: SmallLibrary) -> None:
    today = MORNING.date()
    lend(small, today)
    assert rise(small, MORNING) == 0
    assert rise(small, MORNING + timedelta(days=1)) == 1
    assert rise(small, MORNING + timedelta(days=1)) == 0
    assert owed(small) == 20_00
    assert rise(small, MORNING + timedelta(days=8)) == 1
    assert owed(small) == 60_00


def test_rising_takes_the_latest_of_a_day_and_leaves_what_came_back_where_it_was(small: SmallLibrary) -> None:
    lend(small, MORNING.date() - timedelta(days=20), NOVEL_1)
    lend(small, MORNING.date() - timedelta(days=2), NOVEL_2)
    lend(small, MORNING.date() - timedelta(days=40), ATLAS_1)
    earlier = MORNING - timedelta(days=30)
    small.connection.execute(update(loans).where(loans.c.item_id == ATLAS_1).values(returned_at=earlier))
    assert rise(small, MORNING) == 1
    assert owed(small) == 120_00


def test_rising_spares_a_group_that_pays_no_fees(small: SmallLibrary) -> None:
    small.set_patron(ALMA, patron_group=standard.STAFF)
    lend(small, MORNING.date() - timedelta(days=20))
    assert rise(small, MORNING) == 0
    assert small.connection.execute(select(fees_)).all() == []


def test_a_fee_paid_while_the_item_is_out_is_not_charged_anew_after_a_month(small: SmallLibrary) -> None:
    lent = {"item_id": NOVEL_1, "patron_id": ALMA, "branch_id": ULFBORG, "lent_at": LENT, "due": DUE, "renewals": 0}
    small.connection.execute(insert(loans).values(lent))
    later = MORNING + timedelta(days=60)
    rise(small, later)
    assert isinstance(payments.pay_any(small.connection, ALMA, 230_00, "paid", later), Paid)
    for days in (29, 31, 60):
        retention.purge(small.connection, later + timedelta(days=days))
        rise(small, later + timedelta(days=days))
        assert owed(small) == 0
    small.connection.execute(update(loans).values(returned_at=later + timedelta(days=60)))
    retention.purge(small.connection, later + timedelta(days=91))
    assert not fees.lines_of(small.connection, ALMA, settled=True)


def test_the_dead_get_no_further_fee_and_what_they_owe_may_still_sink(small: SmallLibrary) -> None:
    late(small, 3)
    blocks.block(small.connection, ALMA, "D", MORNING.date())
    late(small, 20)
    lend(small, MORNING.date() - timedelta(days=40), ATLAS_1)
    assert rise(small, MORNING) == 0
    assert owed(small) == 20_00
    small.connection.execute(update(loans).values(returned_at=LENT))
    lateness.reckon(small.connection, (FeeDay(ALMA, local_date(LENT)),), MORNING)
    assert owed(small) == 0


def test_what_is_late_is_found_by_the_index_of_what_is_out(small: SmallLibrary) -> None:
    if small.connection.dialect.name != "sqlite":  # PostgreSQL plans by how much there is, and here is nothing
        return
    with overheard(small.connection) as said:
        lateness.rising(small.connection, MORNING)
    assert len(said) == 3
    for query in said:
        plan = [row.detail for row in small.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
        assert not [step for step in plan if step.startswith("SCAN") and "loans" in step]
    assert all("loans_due" in str(small.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {q}").all()) for q in said[1:])


def test_every_fee_that_must_rise_is_told_once_and_no_other(small: SmallLibrary) -> None:
    for item in (NOVEL_1, NOVEL_2):
        lend(small, MORNING.date() - timedelta(days=2), item)
    day = FeeDay(ALMA, local_date(LENT))
    assert lateness.rising(small.connection, MORNING) == (day,)
    assert rise(small, MORNING) == 1
    assert lateness.rising(small.connection, MORNING) == ()
    assert lateness.rising(small.connection, MORNING + timedelta(days=6)) == (day,)


# --- references that are forgotten in part ------------------------------------------------------


def test_a_reference_is_used_as_long_as_any_part_of_it_is_known(small: SmallLibrary) -> None:
    late(small, 8)
    late(small, 8, lent_at=LENT + timedelta(days=1))
    payments.pay_any(small.connection, ALMA, 70_00, "a", MORNING)
    retention.purge(small.connection, MORNING + timedelta(days=31))
    used = PaymentRefusal.REFERENCE_USED
    (line,) = fees.lines_of(small.connection, ALMA)
    assert payments.pay_any(small.connection, ALMA, 50_00, "a", MORNING) is used
    assert payments.pay_any(small.connection, ALMA, 10_00, "a", MORNING) is used
    assert payments.pay(small.connection, ALMA, line.fee, 50_00, "a", MORNING) is used
    assert payments.pay_any(small.connection, BO, 70_00, "a", MORNING) is used
    assert isinstance(payments.pay_any(small.connection, ALMA, 50_00, "A", MORNING), Paid)
