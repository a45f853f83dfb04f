"""Renewals: each rule before and after, and a patron's page that shows them."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import event, insert, select, update

from kiosk.model import ItemId
from sync.central import standard
from sync.central.circulation import fees, periods, renewing
from sync.central.circulation.account import account_of
from sync.central.circulation.outcomes import Lent, Renewal, RenewalStatus
from sync.central.schema import loan_profiles, loans
from tests.sync.central.small_library import ALMA, ATLAS_1, BO, CARLA, NOVEL, NOVEL_1, NOVEL_2, SmallLibrary, opened

RENEWED = (RenewalStatus.RENEWED,)


@pytest.fixture
def small() -> Iterator[SmallLibrary]:
    with opened() as connection:
        yield SmallLibrary(connection)


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
    small.forward(days=25)
    hold = small.hold(BO)
    assert denied(small, RenewalStatus.RESERVED)
    small.set_patron(BO, absent_from=small.now.date())
    assert renewing.judge(small.connection, ALMA, small.now)[0].line.renewal == RENEWED
    small.set_patron(BO, absent_from=None)
    small.connection.exec_driver_sql("DELETE FROM holds WHERE hold_id = ?", (hold,))
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
    small.hold(BO)
    small.block(ALMA)
    assert denied(small, RenewalStatus.BLOCKED, RenewalStatus.RESERVED, RenewalStatus.OTHER)


def test_a_late_loan_is_charged_up_to_today_and_renewed(small: SmallLibrary) -> None:
    lend(small)
    small.forward(days=30 + 8)
    assert renew(small).statuses == RENEWED
    assert fees.debt_of(small.connection, ALMA) == 60_00
    small.forward(days=1)
    fees.rise(small.connection, small.now)
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
    seen: list[str] = []
    engine = small.connection.engine
    event.listen(engine, "before_cursor_execute", lambda *asked: seen.append(asked[2]))
    assert len(account_of(small.connection, ALMA, small.now).loans) == 3
    assert len(seen) == 3
