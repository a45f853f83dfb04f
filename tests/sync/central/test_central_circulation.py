"""Loans and returns over the wire, and the same question twice."""

from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import pytest
from sqlalchemy import update

from kiosk.model import ItemId
from sync.central import seed
from sync.central.schema import answers, items, loans
from sync.central.start import open_database
from tests.sync.central.library import Library, Machine

_numbers = count(1)


def key() -> str:
    return f"event-{next(_numbers):012d}"


def lend(machine: Machine, person: seed.Person, copy: seed.Copy) -> dict[str, object]:
    return machine.lend(person.patron, copy.item, key()).said


def lent(library: Library, copy: seed.Copy) -> list[str]:
    return [row.patron_id for row in library.rows(loans) if row.item_id == copy.item and row.returned_at is None]


# --- loans --------------------------------------------------------------------------------------


def test_an_item_is_lent_for_the_branches_days(machine: Machine, library: Library) -> None:
    assert lend(machine, seed.ADULT, seed.BOOK) == {
        "refusal": "",
        "materialItemNumber": seed.BOOK.item,
        "title": "Lykke-Per",
        "dueDate": "2026-12-24",
        "parts": 1,
    }
    assert lent(library, seed.BOOK) == [seed.ADULT.patron]


def test_the_due_date_is_reckoned_from_the_day_in_denmark(machine: Machine, library: Library) -> None:
    library.clock.wall = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)  # half past midnight, the 25th
    assert lend(machine, seed.ADULT, seed.BOOK)["dueDate"] == "2026-12-25"


@pytest.mark.parametrize(
    ("person", "copy", "refusal"),
    [
        (seed.ADULT, seed.RESERVED, "reserved"),
        (seed.ADULT, seed.NOT_FOR_LOAN, "notForLoan"),
        (seed.ADULT, seed.ON_LOAN, "onLoan"),
        (seed.CHILD, seed.ADULTS_ONLY, "tooYoung"),
        (seed.EXCLUDED, seed.BOOK, "patronBlocked"),
        (seed.DEBTOR, seed.BOOK, "patronBlocked"),
        (seed.ADULT, seed.Copy(ItemId("5019999999"), "", ""), "notFound"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_loan_is_refused_with_its_reason(
    machine: Machine, library: Library, person: seed.Person, copy: seed.Copy, refusal: str
) -> None:
    before = lent(library, copy)
    said = lend(machine, person, copy)
    assert (said["refusal"], said["dueDate"]) == (refusal, None)
    assert lent(library, copy) == before


def test_who_reserved_it_gets_it_and_the_hold_is_gone(machine: Machine) -> None:
    assert lend(machine, seed.OTHER_PATRON, seed.RESERVED)["refusal"] == ""
    assert machine.bring_back(seed.RESERVED.item, key()).said["held"] is False


def test_an_item_the_patron_has_already_is_answered_as_it_stands(machine: Machine, library: Library) -> None:
    first = lend(machine, seed.ADULT, seed.BOOK)
    library.clock.forward(days=3)
    assert lend(machine, seed.ADULT, seed.BOOK) == first
    assert len(lent(library, seed.BOOK)) == 1


# --- returns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("copy", "place", "held"),
    [
        (seed.BOOK, "Romaner", False),
        (seed.RESERVED, "Reserveringshylden 1", True),
        (seed.RESERVED_ELSEWHERE, "Sendes til Vinderup", True),
        (seed.FROM_VINDERUP, "Sendes til Vinderup", False),
    ],
)
def test_a_return_says_where_to_lay_it(machine: Machine, copy: seed.Copy, place: str, held: bool) -> None:
    assert machine.bring_back(copy.item, key()).said == {
        "refusal": "",
        "materialItemNumber": copy.item,
        "title": copy.title,
        "place": place,
        "held": held,
        "bin": "",
        "parts": 1,
    }


def test_at_its_own_branch_the_same_item_goes_on_its_shelf(library: Library) -> None:
    vinderup = library.machine("vinderup-1", seed.VINDERUP)
    assert vinderup.bring_back(seed.FROM_VINDERUP.item, key()).said["place"] == "Romaner"
    assert vinderup.bring_back(seed.BOOK.item, key()).said["place"] == "Sendes til Ulfborg"


def test_a_return_ends_the_loan(machine: Machine, library: Library) -> None:
    assert lent(library, seed.ON_LOAN) == [seed.OTHER_PATRON.patron]
    machine.bring_back(seed.ON_LOAN.item, key())
    assert lent(library, seed.ON_LOAN) == []
    assert lend(machine, seed.ADULT, seed.ON_LOAN)["refusal"] == ""


def test_an_unknown_item_is_not_returned(machine: Machine) -> None:
    assert machine.bring_back("5019999999", key()).said["refusal"] == "notFound"


# --- the same question twice --------------------------------------------------------------------


def test_the_same_key_is_answered_the_same_and_done_once(machine: Machine, library: Library) -> None:
    first = machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    library.clock.forward(days=2)
    again = machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    assert again.body == first.body
    assert len(lent(library, seed.BOOK)) == 1


def test_a_repeated_question_is_not_done_again_after_a_return(machine: Machine, library: Library) -> None:
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-first-event-id")
    machine.bring_back(seed.BOOK.item, key())
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-first-event-id")
    assert lent(library, seed.BOOK) == []


def test_a_repeated_return_does_not_end_a_later_loan(machine: Machine, library: Library) -> None:
    machine.bring_back(seed.BOOK.item, "a-return-event-id")
    lend(machine, seed.ADULT, seed.BOOK)
    machine.bring_back(seed.BOOK.item, "a-return-event-id")
    assert lent(library, seed.BOOK) == [seed.ADULT.patron]


def test_a_kept_answer_outlives_a_restart(machine: Machine, library: Library) -> None:
    first = machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    library.restart()
    again = library.dial(machine.bundle).lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    assert again.body == first.body


def test_a_refusal_is_kept_too(machine: Machine) -> None:
    first = machine.lend(seed.ADULT.patron, seed.ON_LOAN.item, "the-same-event-id")
    machine.bring_back(seed.ON_LOAN.item, key())
    assert machine.lend(seed.ADULT.patron, seed.ON_LOAN.item, "the-same-event-id").body == first.body


def test_the_same_key_for_another_question_is_a_mismatch(machine: Machine, library: Library) -> None:
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    for reply in (
        machine.lend(seed.ADULT.patron, seed.ON_LOAN.item, "the-same-event-id"),
        machine.lend(seed.OTHER_PATRON.patron, seed.BOOK.item, "the-same-event-id"),
        machine.bring_back(seed.BOOK.item, "the-same-event-id"),
    ):
        assert (reply.status, reply.said["errorCode"]) == (422, "idempotencyMismatch")
    assert lent(library, seed.BOOK) == [seed.ADULT.patron]


def test_two_machines_may_use_the_same_key(machine: Machine, library: Library) -> None:
    other = library.machine("vinderup-1", seed.VINDERUP)
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id")
    assert other.bring_back(seed.BOOK.item, "the-same-event-id").status == 200


def test_a_question_that_failed_leaves_its_key_free(machine: Machine, library: Library) -> None:
    assert machine.lend("900000000", seed.BOOK.item, "the-same-event-id").status == 404
    assert library.rows(answers) == []
    assert machine.lend(seed.ADULT.patron, seed.BOOK.item, "the-same-event-id").said["refusal"] == ""


def test_a_set_says_of_how_many_parts_it_is(machine: Machine, library: Library) -> None:
    with closing(open_database(library.home)) as database:
        change = update(items).where(items.c.item_id == seed.BOOK.item).values(parts=3)
        database.write(lambda connection: connection.execute(change).rowcount).result()
    lent = machine.lend(seed.ADULT.patron, seed.BOOK.item, key()).said
    returned = machine.bring_back(seed.BOOK.item, key()).said
    assert (lent["parts"], returned["parts"]) == (3, 3)
