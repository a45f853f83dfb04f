"""Renewals: each rule before and after, and a patron's page that shows them."""

from datetime import date, timedelta

from sqlalchemy import delete, insert, select, update

from kiosk.model import ItemId
from sync.central import retention, standard
from sync.central.circulation import fees, lateness, payments, periods, renewing, returning
from sync.central.circulation.account import account_of
from sync.central.circulation.outcomes import Lent, Renewal, RenewalStatus, Returned
from sync.central.schema import closings, holds, loan_profiles, loans
from tests.sync.central.small_library import (
    ALMA,
    ATLAS_1,
    BO,
    CARLA,
    NOVEL,
    NOVEL_1,
    NOVEL_2,
    ULFBORG,
    VINDERUP,
    SmallLibrary,
    overheard,
)

RENEWED = (RenewalStatus.RENEWED,)


def lend(small: SmallLibrary, item: ItemId = NOVEL_1) -> Lent:
    lent = small.lend(ALMA, item)
    assert isinstance(lent, Lent)
    return lent


def renew(small: SmallLibrary, item: ItemId = NOVEL_1) -> Renewal:
    return renewing.renew_item(small.connection, small.desk(), ALMA, item)


def due_of(small: SmallLibrary, item: ItemId = NOVEL_1) -> tuple[date, int]:
    row = small.connection.execute(select(loans).where(loans.c.item_id == item)).one()
    return row.due, row.renewals


def denied(small: SmallLibrary, *statuses: RenewalStatus) -> bool:
    """It is denied for these reasons, says the date that stands, and nothing is changed."""
    before = due_of(small)
    renewal = renew(small)
    return renewal.statuses == statuses and renewal.due == before[0] and due_of(small) == before


def test_a_renewed_loan_runs_anew_from_today(small: SmallLibrary) -> None:
    lent = lend(small)
    small.forward(days=25)
    renewal = renew(small)
    assert (renewal.statuses, renewal.loan) == (RENEWED, lent.loan)
    assert renewal.work is not None
    assert renewal.work.title == "Lykke-Per"
    assert renewal.due == lent.due + timedelta(days=25)
    assert due_of(small) == (renewal.due, 1)


def test_too_early_is_another_reason_until_seven_days_before(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=22)
    assert denied(small, RenewalStatus.OTHER)
    small.forward(days=1)
    assert renew(small).statuses == RENEWED


def test_a_renewal_that_wins_no_day_is_too_early(small: SmallLibrary) -> None:
    small.set_item(NOVEL_1, material_group=standard.FILM)
    lend(small)
    assert denied(small, RenewalStatus.OTHER)
    small.forward(days=1)
    assert renew(small).statuses == RENEWED


def test_a_due_date_never_moves_nearer(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    small.connection.execute(update(loan_profiles).values(loan_days=3))
    assert denied(small, RenewalStatus.OTHER)


def test_a_block_of_any_kind_denies(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    small.block(ALMA)
    assert denied(small, RenewalStatus.BLOCKED)


def test_what_another_waits_for_is_denied_and_what_one_waits_for_oneself_is_not(small: SmallLibrary) -> None:
    lend(small)
    small.lend(CARLA, NOVEL_2)
    small.forward(days=25)
    hold = small.hold(BO)
    assert denied(small, RenewalStatus.RESERVED)
    small.set_patron(BO, absent_from=small.now.date())
    assert renewing.judge(small.connection, ALMA, small.now)[0].line.renewal == RENEWED
    small.set_patron(BO, absent_from=None)
    small.connection.execute(delete(holds).where(holds.c.hold_id == hold))
    assert renew(small).statuses == RENEWED


def test_what_is_set_aside_for_the_other_already_may_be_renewed(small: SmallLibrary) -> None:
    lend(small)
    small.lend(CARLA, NOVEL_2)
    small.forward(days=25)
    small.hold(BO)
    assert denied(small, RenewalStatus.RESERVED)
    small.bring_back(NOVEL_2)
    assert renew(small).statuses == RENEWED


def test_a_loan_is_renewed_as_often_as_its_profile_says(small: SmallLibrary) -> None:
    lend(small)
    for _ in range(3):
        small.forward(days=25)
        assert renew(small).statuses == RENEWED
    small.forward(days=25)
    assert denied(small, RenewalStatus.MAX_RENEWALS)


def test_the_profile_is_the_one_of_lending(small: SmallLibrary) -> None:
    for group in (standard.ADULT, standard.STAFF):
        small.set_patron(ALMA, patron_group=group)
        for material in (standard.STANDARD, standard.FILM):
            small.set_item(NOVEL_1, material_group=material)
            small.connection.execute(loans.delete())
            lend(small)
            profile = periods.profile(small.connection, ALMA, material)
            assert profile is not None
            small.forward(days=profile.loan_days - 1)
            assert renew(small).due == small.now.date() + timedelta(days=profile.loan_days)


def test_material_that_is_no_longer_lent_is_denied(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    small.set_item(NOVEL_1, for_loan=False)
    assert denied(small, RenewalStatus.NOT_LOANABLE)
    small.set_item(NOVEL_1, for_loan=True, state="lost")
    assert denied(small, RenewalStatus.NOT_LOANABLE)


def test_material_without_a_profile_is_denied(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    small.connection.execute(loan_profiles.delete())
    assert denied(small, RenewalStatus.PROFILE_NOT_FOUND)


def test_every_reason_is_told(small: SmallLibrary) -> None:
    lend(small)
    small.lend(CARLA, NOVEL_2)
    small.hold(BO)
    small.block(ALMA)
    assert denied(small, RenewalStatus.BLOCKED, RenewalStatus.RESERVED, RenewalStatus.OTHER)


def test_a_late_loan_is_charged_up_to_today_and_renewed(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=30 + 8)
    assert renew(small).statuses == RENEWED
    assert fees.debt_of(small.connection, ALMA) == 60_00
    small.forward(days=1)
    lateness.reckon(small.connection, lateness.rising(small.connection, small.now), small.now)
    assert fees.debt_of(small.connection, ALMA) == 60_00


def test_a_debt_that_renewing_makes_too_high_denies_all(small: SmallLibrary) -> None:
    lend(small, NOVEL_1)
    small.forward(days=32)
    lend(small, ATLAS_1)
    small.forward(days=29)
    done = renewing.renew_all(small.connection, small.desk(), ALMA)
    assert [renewal.statuses for renewal in done] == [(RenewalStatus.BLOCKED,)] * 2


def test_only_the_loans_asked_for_are_renewed_each_once(small: SmallLibrary) -> None:
    first, other = lend(small, NOVEL_1), lend(small, ATLAS_1)
    small.forward(days=25)
    done = renewing.renew(small.connection, small.desk(), ALMA, (999, first.loan, first.loan))
    assert [(renewal.loan, renewal.statuses) for renewal in done] == [
        (999, (RenewalStatus.ITEM_NOT_FOUND,)),
        (first.loan, RENEWED),
    ]
    assert due_of(small, ATLAS_1) == (other.due, 0)


def test_another_patrons_loan_is_not_found(small: SmallLibrary) -> None:
    lent = lend(small)
    small.forward(days=25)
    by_loan = renewing.renew(small.connection, small.desk(), BO, (lent.loan,))[0]
    by_item = renewing.renew_item(small.connection, small.desk(), BO, NOVEL_1)
    assert by_loan.statuses == by_item.statuses == (RenewalStatus.ITEM_NOT_FOUND,)
    assert by_item.work is None
    assert by_item.due is None
    assert due_of(small) == (lent.due, 0)


def test_a_returned_loan_is_not_found(small: SmallLibrary) -> None:
    lent = lend(small)
    small.bring_back(NOVEL_1)
    (renewal,) = renewing.renew(small.connection, small.desk(), ALMA, (lent.loan,))
    assert renewal.statuses == (RenewalStatus.ITEM_NOT_FOUND,)
    assert renewing.renew_all(small.connection, small.desk(), ALMA) == ()


# --- my page ------------------------------------------------------------------------------------


def test_the_page_shows_loans_by_due_date_with_what_renewing_would_answer(small: SmallLibrary) -> None:
    lend(small, ATLAS_1)
    small.forward(days=25)
    lend(small, NOVEL_1)
    small.lend(CARLA, NOVEL_2)
    small.hold(BO, NOVEL)
    page = account_of(small.connection, ALMA, small.now)
    assert [(line.item, line.renewal) for line in page.loans] == [
        (ATLAS_1, RENEWED),
        (NOVEL_1, (RenewalStatus.RESERVED, RenewalStatus.OTHER)),
    ]
    assert account_of(small.connection, BO, small.now).holds[0].place == 1


def test_the_page_shows_what_is_owed(small: SmallLibrary) -> None:
    fees.compensate(small.connection, ALMA, ATLAS_1, 150_00, small.now)
    page = account_of(small.connection, ALMA, small.now)
    assert page.debt == 150_00
    assert account_of(small.connection, BO, small.now).debt == 0


def test_the_page_takes_three_statements_however_many_loans(small: SmallLibrary) -> None:
    for number, item in enumerate((NOVEL_1, NOVEL_2, ATLAS_1)):
        row = {"loan_id": number + 1, "item_id": item, "patron_id": ALMA, "branch_id": "DK-766103"}
        small.connection.execute(insert(loans).values(**row, lent_at=small.now, due=small.now.date()))
    with overheard(small.connection) as said:
        assert len(account_of(small.connection, ALMA, small.now).loans) == 3
    assert len(said) == 3


# --- lateness, closed days, who waits -----------------------------------------------------------


def rise(small: SmallLibrary) -> int:
    lateness.reckon(small.connection, lateness.rising(small.connection, small.now), small.now)
    return fees.debt_of(small.connection, ALMA)


def test_what_is_late_again_after_a_renewal_costs_again(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=33)
    assert renew(small).statuses == RENEWED
    assert rise(small) == 20_00
    small.forward(days=31)
    assert rise(small) == 40_00
    small.forward(days=7)
    assert rise(small) == 20_00 + 60_00
    small.bring_back(NOVEL_1)
    assert rise(small) == 20_00 + 60_00


def test_what_a_renewed_loan_cost_stays_owed_when_another_of_its_day_is_told_to_have_been_in_time(
    small: SmallLibrary,
) -> None:
    lend(small, NOVEL_1)
    lend(small, ATLAS_1)
    small.forward(days=38)
    assert renew(small).statuses == RENEWED
    small.forward(days=7)
    assert rise(small) == 120_00
    told = returning.checkin(small.connection, small.desk(at=small.now - timedelta(days=20)), ATLAS_1)
    assert isinstance(told, Returned)
    assert rise(small) == 60_00


def test_a_loan_is_kept_as_long_as_a_fee_of_its_renewal_is(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    renew(small)
    small.forward(days=31)
    small.bring_back(NOVEL_1)
    small.forward(days=31)
    retention.purge(small.connection, small.now)
    assert small.connection.execute(select(loans)).all()
    payments.pay_any(small.connection, ALMA, 20_00, "some", small.now)
    small.forward(days=31)
    retention.purge(small.connection, small.now)
    assert not small.connection.execute(select(loans)).all()


def test_a_free_copy_serves_who_waits_and_the_loan_is_renewed(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=25)
    small.hold(BO)
    assert renew(small).statuses == RENEWED
    small.hold(CARLA)
    small.forward(days=25)
    assert denied(small, RenewalStatus.RESERVED)


def test_a_due_date_on_which_the_branch_is_closed_all_day_is_the_next_on_which_it_is_not(small: SmallLibrary) -> None:
    closed = (ULFBORG, date(2026, 12, 24)), (ULFBORG, date(2026, 12, 25)), (ULFBORG, date(2027, 1, 18))
    for branch, day in (*closed, (VINDERUP, date(2026, 12, 26))):
        small.connection.execute(insert(closings).values(branch_id=branch, day=day, reason="Jul"))
    assert lend(small).due == date(2026, 12, 26)
    small.forward(days=25)
    assert renew(small).due == date(2027, 1, 19) == due_of(small)[0]
