"""A machine's events: exactly once, in order, each by itself; over the wire, sealed as a machine seals them."""

import base64
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import event as events_
from kiosk.event import EntryGranted, EntryRefused, Event, FaultRaised, ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Fault
from kiosk.model import Credential, Denial, EventId, ItemId, PatronId
from sync import seal
from sync.central import seed
from sync.central.schema import events, fees, loans, refused_events, visits
from sync.rest import wire
from sync.seal import Sealer, associated
from tests.sync.central.library import MORNING, Library, Machine, Reply

DUE = date(2026, 12, 20)
UNKNOWN = ItemId("5019999999")
STRANGER = Credential("6100000000")


@dataclass
class Queue:
    """What a machine's outbox does: seals at once, and sends the same bytes each time."""

    machine: Machine
    device: str = "ulfborg-1"
    epoch: str = "epoch-1"
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    sealer: Sealer = field(init=False)

    def __post_init__(self) -> None:
        self.sealer = Sealer(seal.load_public(self.machine.bundle / "seal-public"))

    def sealed(self, event: Event, event_id: str = "", at: datetime = MORNING, sequence: int = 0) -> dict[str, Any]:
        return self.sealed_bytes(events_.kind(event), events_.encode(event), event_id, at, sequence)

    def sealed_bytes(
        self, kind: str, payload: bytes, event_id: str = "", at: datetime = MORNING, sequence: int = 0
    ) -> dict[str, Any]:
        sequence = sequence or next(self.numbers)
        event_id = event_id or f"event-{self.epoch}-{sequence:06d}"
        aad = associated(self.device, self.epoch, sequence, event_id, kind, at)
        return {
            "eventId": event_id,
            "sequence": sequence,
            "kind": kind,
            "occurredAt": at.isoformat(),
            "monotonicS": 12.5,
            "bootId": "boot-1",
            "clockSynced": True,
            "keyId": self.sealer.key_id,
            "sealed": base64.b64encode(self.sealer.seal(payload, aad)).decode(),
        }

    def send(self, *sealed: dict[str, Any]) -> Reply:
        key = {"keyId": self.sealer.key_id, "wrapped": base64.b64encode(self.sealer.wrapped).decode()}
        return self.machine.ask("POST", wire.EVENTS, {"queueEpoch": self.epoch, "keys": [key], "events": sealed})

    def outcomes(self, *sealed: dict[str, Any]) -> list[tuple[str, str]]:
        said = self.send(*sealed).said
        assert [result["eventId"] for result in said["results"]] == [event["eventId"] for event in sealed]
        return [(result["outcome"], result["reason"]) for result in said["results"]]


@pytest.fixture
def queue(machine: Machine) -> Queue:
    return Queue(machine)


ACCEPTED, DUPLICATE = ("accepted", ""), ("duplicate", "")


def lent_offline(who: events_.Who, item: ItemId) -> ItemLent:
    return ItemLent(who, item, DUE, offline=True)


def on_loan(library: Library, item: ItemId) -> list[tuple[str, date]]:
    return [(row.patron_id, row.due) for row in library.rows(loans) if row.item_id == item and row.returned_at is None]


# --- once ---------------------------------------------------------------------------------------


def test_an_offline_loan_by_card_is_lent_to_the_cards_patron(queue: Queue, library: Library) -> None:
    assert queue.outcomes(queue.sealed(lent_offline(seed.ADULT.card, seed.BOOK.item))) == [ACCEPTED]
    assert on_loan(library, seed.BOOK.item) == [(seed.ADULT.patron, DUE)]


def test_a_batch_sent_twice_is_done_once(queue: Queue, library: Library) -> None:
    batch = (
        queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item)),
        queue.sealed(EntryGranted(seed.PERMITTED.patron)),
        queue.sealed(ItemReturned(seed.ON_LOAN.item, offline=True)),
    )
    assert queue.outcomes(*batch) == [ACCEPTED] * 3
    assert queue.outcomes(*batch) == [DUPLICATE] * 3
    library.restart()
    queue.machine = library.dial(queue.machine.bundle)
    assert queue.outcomes(*batch) == [DUPLICATE] * 3
    assert len(library.rows(visits)) == 1
    assert len(library.rows(events)) == 3


def test_the_same_event_twice_in_one_batch_is_done_once(queue: Queue, library: Library) -> None:
    entry = queue.sealed(EntryGranted(seed.PERMITTED.patron))
    assert queue.outcomes(entry, entry) == [ACCEPTED, DUPLICATE]
    assert len(library.rows(visits)) == 1


def test_a_refusal_met_again_is_the_same_refusal(queue: Queue, library: Library) -> None:
    unknown = queue.sealed(lent_offline(seed.ADULT.patron, UNKNOWN))
    assert queue.outcomes(unknown) == queue.outcomes(unknown) == [("refused", "notFound")]
    assert len(library.rows(refused_events)) == 1


def test_the_same_id_with_other_content_is_refused_and_the_first_stands(queue: Queue, library: Library) -> None:
    first = queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item), "the-same-event-id")
    other = queue.sealed(lent_offline(seed.OTHER_PATRON.patron, seed.BOOK.item), "the-same-event-id")
    assert queue.outcomes(first) == [ACCEPTED]
    assert queue.outcomes(other) == [("refused", "idempotencyMismatch")]
    assert queue.outcomes(first) == [DUPLICATE]
    assert on_loan(library, seed.BOOK.item) == [(seed.ADULT.patron, DUE)]


def test_what_is_refused_for_its_id_or_its_place_is_kept_once_with_what_it_is_about(
    queue: Queue, library: Library
) -> None:
    queue.outcomes(queue.sealed(EntryRefused(Denial.CLOSED), "the-same-event-id", sequence=7))
    lent, returned = lent_offline(STRANGER, seed.BOOK.item), ItemReturned(UNKNOWN, offline=True)
    copied: tuple[Event, ...] = lent, returned, EntryGranted(seed.ADULT.patron)
    places = [queue.sealed(event, f"event-{number}-of-a-copy", sequence=7) for number, event in enumerate(copied)]
    ids = queue.sealed(lent_offline(seed.ADULT.card, seed.BOOK.item), "the-same-event-id")
    unread = queue.sealed_bytes("item.lent", b"{}", "an-unreadable-id", sequence=7)
    for _ in range(2):
        queue.outcomes(*places, ids, unread)
    kept = library.rows(refused_events)
    assert [(row.reason, row.item_id, row.due, row.patron_id, row.sealed is None) for row in kept] == [
        ("idempotencyMismatch", seed.BOOK.item, DUE, seed.ADULT.patron, True),
        ("sequenceReused", seed.BOOK.item, DUE, None, True),
        ("sequenceReused", None, None, None, True),
        ("sequenceReused", None, None, seed.ADULT.patron, True),
        ("sequenceReused", None, None, None, False),
    ]
    assert [bool(row.card_digest) for row in kept] == [False, True, False, False, False]
    assert [bool(row.item_digest) for row in kept] == [False, False, True, False, False]


def test_a_number_of_the_queue_used_again_is_refused(queue: Queue) -> None:
    assert queue.outcomes(queue.sealed(EntryRefused(Denial.CLOSED), sequence=7)) == [ACCEPTED]
    assert queue.outcomes(queue.sealed(EntryRefused(Denial.CLOSED), "another-event-id", sequence=7)) == [
        ("refused", "sequenceReused")
    ]


def test_a_new_queue_may_begin_its_numbers_again(queue: Queue) -> None:
    assert queue.outcomes(queue.sealed(EntryRefused(Denial.CLOSED), sequence=1)) == [ACCEPTED]
    fresh = Queue(queue.machine, epoch="epoch-2")
    assert fresh.outcomes(fresh.sealed(EntryRefused(Denial.CLOSED), sequence=1)) == [ACCEPTED]


# --- asked first, then reported -----------------------------------------------------------------


def test_a_loan_that_was_asked_and_is_then_reported_is_one_loan(queue: Queue, library: Library) -> None:
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-first-event")
    told = ItemLent(seed.ADULT.patron, seed.BOOK.item, date(2026, 12, 24), offline=False)
    assert queue.outcomes(queue.sealed(told, "asked-first-event")) == [DUPLICATE]
    assert on_loan(library, seed.BOOK.item) == [(seed.ADULT.patron, date(2026, 12, 24))]


def test_a_return_that_was_asked_and_is_then_reported_does_not_end_a_later_loan(queue: Queue, library: Library) -> None:
    queue.machine.bring_back(seed.BOOK.item, "asked-first-event")
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-later-loan-event")
    assert queue.outcomes(queue.sealed(ItemReturned(seed.BOOK.item, offline=False), "asked-first-event")) == [DUPLICATE]
    assert [patron for patron, _ in on_loan(library, seed.BOOK.item)] == [seed.ADULT.patron]


def test_a_loan_reported_with_another_patron_than_asked_is_refused(queue: Queue) -> None:
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-first-event")
    told = lent_offline(seed.OTHER_PATRON.patron, seed.BOOK.item)
    assert queue.outcomes(queue.sealed(told, "asked-first-event")) == [("refused", "idempotencyMismatch")]


def test_a_no_that_was_not_heard_gives_way_to_the_item_carried_out(queue: Queue, library: Library) -> None:
    """Asked, refused, the answer lost: the machine lent off-line under the same id. The book is gone all the same."""
    assert queue.machine.lend(seed.ADULT.patron, seed.RESERVED.item, "asked-first-event").said["refusal"] == "reserved"
    told = queue.sealed(lent_offline(seed.ADULT.patron, seed.RESERVED.item), "asked-first-event")
    assert queue.outcomes(told) == [ACCEPTED]
    assert on_loan(library, seed.RESERVED.item) == [(seed.ADULT.patron, DUE)]


def test_a_question_that_comes_after_its_report_finds_what_was_done(queue: Queue, library: Library) -> None:
    queue.outcomes(queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item), "reported-first-id"))
    queue.machine.bring_back(seed.BOOK.item, "a-return-event-id")
    late = queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "reported-first-id").said
    assert (late["refusal"], late["dueDate"]) == ("", DUE.isoformat())
    assert on_loan(library, seed.BOOK.item) == []


# --- order, and each by itself ------------------------------------------------------------------


def test_a_batch_out_of_order_is_applied_in_order_and_answered_as_asked(queue: Queue, library: Library) -> None:
    lent = queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item))
    back = queue.sealed(ItemReturned(seed.BOOK.item, offline=True))
    again = queue.sealed(lent_offline(seed.PERMITTED.patron, seed.BOOK.item))
    assert queue.outcomes(again, lent, back) == [ACCEPTED] * 3
    assert on_loan(library, seed.BOOK.item) == [(seed.PERMITTED.patron, DUE)]


def test_one_bad_event_does_not_hold_up_the_others(queue: Queue, library: Library) -> None:
    broken = queue.sealed(EntryRefused(Denial.CLOSED))
    broken["sealed"] = base64.b64encode(b"not what was sealed, not at all").decode()
    outcomes = queue.outcomes(
        queue.sealed(lent_offline(seed.ADULT.patron, UNKNOWN)),
        broken,
        queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item)),
    )
    assert outcomes == [("refused", "notFound"), ("refused", "unreadable"), ACCEPTED]
    assert on_loan(library, seed.BOOK.item) == [(seed.ADULT.patron, DUE)]


def test_an_event_is_not_believed_in_another_place_of_the_queue(queue: Queue) -> None:
    moved = queue.sealed(EntryGranted(seed.PERMITTED.patron)) | {"sequence": 99}
    assert queue.outcomes(moved) == [("refused", "unreadable")]


def test_an_event_of_another_machine_does_not_open(queue: Queue, library: Library) -> None:
    other = Queue(library.machine("vinderup-1", seed.VINDERUP), device="ulfborg-1")
    assert other.outcomes(other.sealed(EntryGranted(seed.PERMITTED.patron))) == [("refused", "unreadable")]


def test_an_event_whose_key_was_not_sent_is_kept_as_it_came(queue: Queue, library: Library) -> None:
    orphan = queue.sealed(EntryRefused(Denial.CLOSED)) | {"keyId": "another key"}
    assert queue.outcomes(orphan) == [("refused", "unreadable")]
    kept = library.rows(refused_events)[0]
    assert kept.sealed == base64.b64decode(orphan["sealed"])


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("item.lent", b"{}"),
        ("item.lent", b"\xff"),
        ("item.stolen", b'{"v":1}'),
        ("entry.granted", b'{"v":1,"patron":"\\ud800"}'),
        ("item.returned", b'{"v":1,"item":"\\udfff","offline":true}'),
        ("door.closed", b'{"v":1,"open_s":' + b"9" * 5000 + b"}"),
    ],
)
def test_a_payload_that_is_no_event_is_refused(queue: Queue, kind: str, payload: bytes) -> None:
    assert queue.outcomes(queue.sealed_bytes(kind, payload)) == [("refused", "unreadable")]


# --- the rules of what was done without asking --------------------------------------------------


@pytest.mark.parametrize("copy", [seed.RESERVED, seed.NOT_FOR_LOAN], ids=["reserved", "not for loan"])
def test_what_was_carried_out_is_lent_though_it_would_have_been_refused(
    queue: Queue, library: Library, copy: seed.Copy
) -> None:
    assert queue.outcomes(queue.sealed(lent_offline(seed.ADULT.card, copy.item))) == [ACCEPTED]
    assert on_loan(library, copy.item) == [(seed.ADULT.patron, DUE)]


def test_a_loan_to_another_is_ended_first_and_noted(queue: Queue, library: Library) -> None:
    assert queue.outcomes(queue.sealed(lent_offline(seed.ADULT.card, seed.ON_LOAN.item))) == [ACCEPTED]
    assert on_loan(library, seed.ON_LOAN.item) == [(seed.ADULT.patron, DUE)]
    assert [row.detail for row in library.rows(events)] == ["implicitReturn"]


def test_a_loan_to_the_same_patron_is_no_other_and_runs_as_long_as_was_told(queue: Queue, library: Library) -> None:
    before = library.rows(loans)
    assert queue.outcomes(queue.sealed(lent_offline(seed.OTHER_PATRON.card, seed.ON_LOAN.item))) == [ACCEPTED]
    assert on_loan(library, seed.ON_LOAN.item) == [(seed.OTHER_PATRON.patron, DUE)]
    assert [row.loan_id for row in library.rows(loans)] == [row.loan_id for row in before]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (lent_offline(seed.EXCLUDED.card, seed.BOOK.item), "patronBlocked"),
        (lent_offline(seed.ADULT.card, UNKNOWN), "notFound"),
        (lent_offline(Credential("6100000000"), seed.BOOK.item), "patronNotFound"),
        (lent_offline(PatronId("900000000"), seed.BOOK.item), "patronNotFound"),
        (EntryGranted(PatronId("900000000")), "patronNotFound"),
        (ItemReturned(UNKNOWN, offline=True), "notFound"),
    ],
    ids=["blocked", "unknown item", "unknown card", "unknown patron", "visit of nobody", "unknown item returned"],
)
def test_what_cannot_be_done_is_kept_for_staff_with_its_reason(
    queue: Queue, library: Library, event: Event, reason: str
) -> None:
    assert queue.outcomes(queue.sealed(event)) == [("refused", reason)]
    kept = library.rows(refused_events)
    assert [(row.reason, row.kind, row.device_id) for row in kept] == [(reason, events_.kind(event), "ulfborg-1")]
    assert on_loan(library, seed.BOOK.item) == []


def test_an_unknown_card_is_kept_as_a_digest_alone(queue: Queue, library: Library) -> None:
    queue.outcomes(queue.sealed(lent_offline(Credential("6100000000"), seed.BOOK.item)))
    kept = library.rows(refused_events)[0]
    assert (kept.item_id, kept.patron_id, len(kept.card_digest)) == (seed.BOOK.item, None, 64)


def test_a_visit_is_kept_with_its_own_time(queue: Queue, library: Library) -> None:
    at = MORNING - timedelta(hours=9)
    queue.outcomes(queue.sealed(EntryGranted(seed.PERMITTED.patron), at=at))
    visit = library.rows(visits)[0]
    assert (visit.branch_id, visit.patron_id, visit.visited_at) == (seed.ULFBORG, seed.PERMITTED.patron, at)


def test_a_time_in_the_future_is_taken_as_now_or_it_would_be_kept_for_ever(queue: Queue, library: Library) -> None:
    queue.outcomes(queue.sealed(EntryGranted(seed.PERMITTED.patron), at=MORNING + timedelta(days=4000)))
    assert library.rows(visits)[0].visited_at == MORNING


def test_the_rest_is_kept_with_its_word_from_a_closed_list(queue: Queue, library: Library) -> None:
    told = (EntryRefused(Denial.UNDERAGE), FaultRaised(Fault.READER_LOST), events_.DoorClosed(42), events_.DoorForced())
    assert queue.outcomes(*(queue.sealed(event) for event in told)) == [ACCEPTED] * 4
    assert [row.detail for row in library.rows(events)] == ["underage", "reader.lost", "42 s", ""]


# --- the contract's bounds ----------------------------------------------------------------------


def test_a_full_batch_is_taken_and_a_larger_one_is_not(queue: Queue) -> None:
    batch = [queue.sealed(EntryRefused(Denial.CLOSED)) for _ in range(wire.MAX_BATCH + 1)]
    assert queue.send(*batch).status == 400
    assert queue.outcomes(*batch[:-1]) == [ACCEPTED] * wire.MAX_BATCH


def test_an_empty_batch_is_answered(queue: Queue) -> None:
    assert queue.outcomes() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"sequence": 0},
        {"sequence": 2**63},
        {"occurredAt": "0001-01-01T00:00:00+14:00"},
        {"occurredAt": "9999-12-31T23:59:59-14:00"},
        {"occurredAt": "2026-11-24T09:30:00"},
        {"monotonicS": float("nan")},
        {"monotonicS": float("inf")},
        {"eventId": "short"},
        {"sealed": "not base64!"},
        {"patron": "9"},
    ],
)
def test_what_a_database_cannot_hold_is_a_bad_request(queue: Queue, changed: dict[str, object]) -> None:
    assert queue.send(queue.sealed(EntryRefused(Denial.CLOSED)) | changed).status == 400


# --- a machine whose clock nobody has set -------------------------------------------------------

LONG_AGO, DAY = datetime(1970, 1, 2, tzinfo=UTC), timedelta(days=1)


def unset(queue: Queue, event: Event, at: datetime = LONG_AGO) -> dict[str, Any]:
    return queue.sealed(event, at=at) | {"clockSynced": False}


def returned_at(library: Library, item: ItemId) -> list[datetime | None]:
    return [row.returned_at for row in library.rows(loans) if row.item_id == item]


def test_what_a_machine_with_a_clock_behind_takes_back_is_returned_when_it_was_lent(
    queue: Queue, library: Library
) -> None:
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-first-event")
    library.clock.forward(days=2)
    assert queue.outcomes(unset(queue, ItemReturned(seed.BOOK.item, offline=True))) == [ACCEPTED]
    assert returned_at(library, seed.BOOK.item) == [MORNING]
    assert [row.occurred_at for row in library.rows(events)] == [LONG_AGO]


def test_a_clock_that_was_set_is_believed_and_an_old_return_ends_no_later_loan(queue: Queue, library: Library) -> None:
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-first-event")
    assert queue.outcomes(queue.sealed(ItemReturned(seed.BOOK.item, offline=True), at=LONG_AGO)) == [ACCEPTED]
    assert returned_at(library, seed.BOOK.item) == [None]


def test_nobody_pays_for_the_time_that_a_return_waited_in_such_a_machine(queue: Queue, library: Library) -> None:
    queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-first-event")
    library.clock.forward(days=90)
    assert queue.outcomes(unset(queue, ItemReturned(seed.BOOK.item, offline=True), MORNING + DAY)) == [ACCEPTED]
    assert returned_at(library, seed.BOOK.item) == [MORNING + DAY]
    assert [row for row in library.rows(fees) if row.patron_id == seed.ADULT.patron] == []


def test_what_such_a_machine_lends_and_takes_back_counts_in_the_order_it_was_told(
    queue: Queue, library: Library
) -> None:
    queue.machine.bring_back(seed.BOOK.item, "a-return-event-id")
    assert (
        queue.outcomes(
            unset(queue, lent_offline(seed.ADULT.patron, seed.BOOK.item)),
            unset(queue, ItemReturned(seed.BOOK.item, offline=True)),
            unset(queue, lent_offline(seed.PERMITTED.patron, seed.BOOK.item)),
        )
        == [ACCEPTED] * 3
    )
    assert on_loan(library, seed.BOOK.item) == [(seed.PERMITTED.patron, DUE)]


@pytest.mark.parametrize("synced", [True, False])
def test_a_loan_told_from_the_future_was_made_now(queue: Queue, library: Library, synced: bool) -> None:
    sealed = queue.sealed(lent_offline(seed.ADULT.patron, seed.BOOK.item), at=MORNING + DAY)
    assert queue.outcomes(sealed | {"clockSynced": synced}) == [ACCEPTED]
    assert [row.lent_at for row in library.rows(loans) if row.item_id == seed.BOOK.item] == [MORNING]


# --- a loan that was given up -------------------------------------------------------------------


def test_a_loan_whose_answer_was_not_heard_is_undone_when_it_is_given_up(machine: Machine, library: Library) -> None:
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-0000000000001")
    queue = Queue(machine)
    given_up = queue.sealed(LoanGivenUp(EventId("asked-0000000000001"), seed.BOOK.item))
    assert queue.outcomes(given_up) == [ACCEPTED]
    assert on_loan(library, seed.BOOK.item) == []
    assert queue.outcomes(given_up) == [DUPLICATE]
    assert machine.lend(seed.PERMITTED.patron, seed.BOOK.item, "asked-0000000000002").said["refusal"] == ""


def test_a_question_that_comes_after_it_was_given_up_lends_nothing(machine: Machine, library: Library) -> None:
    queue = Queue(machine)
    queue.outcomes(queue.sealed(LoanGivenUp(EventId("asked-0000000000001"), seed.BOOK.item)))
    late = machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-0000000000001")
    assert late.said["refusal"] == "givenUp"
    assert on_loan(library, seed.BOOK.item) == []


def test_giving_up_a_second_question_leaves_the_loan_of_the_first(machine: Machine, library: Library) -> None:
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-0000000000001")
    library.clock.forward(seconds=5)
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-0000000000002")
    queue = Queue(machine)
    assert queue.outcomes(queue.sealed(LoanGivenUp(EventId("asked-0000000000002"), seed.BOOK.item))) == [ACCEPTED]
    assert [patron for patron, _ in on_loan(library, seed.BOOK.item)] == [seed.ADULT.patron]


# --- any history --------------------------------------------------------------------------------

PEOPLE = (seed.ADULT, seed.PERMITTED, seed.EXCLUDED)
BOOKS = (seed.BOOK.item, seed.RESERVED.item, UNKNOWN)
_histories = count(1)
told = st.one_of(
    st.builds(lambda p, i: lent_offline(p.card, i), st.sampled_from(PEOPLE), st.sampled_from(BOOKS)),
    st.builds(lambda p, i: lent_offline(p.patron, i), st.sampled_from(PEOPLE), st.sampled_from(BOOKS)),
    st.builds(lambda i: ItemReturned(i, offline=True), st.sampled_from(BOOKS)),
    st.builds(lambda p: EntryGranted(p.patron), st.sampled_from(PEOPLE)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(told, min_size=1, max_size=8), st.data())
def test_a_history_sent_in_pieces_and_again_is_as_if_sent_once(
    machine: Machine, library: Library, history: list[Event], data: st.DataObject
) -> None:
    epochs = uuid.uuid4().hex, uuid.uuid4().hex  # a drawn one may come twice, and a queue's never does
    once, pieces = Queue(machine, epoch=epochs[0]), Queue(machine, epoch=epochs[1])
    clear = ItemReturned(seed.BOOK.item, offline=True), ItemReturned(seed.RESERVED.item, offline=True)
    expected = once.outcomes(*(once.sealed(event) for event in (*clear, *history)))
    after_one = [on_loan(library, item) for item in BOOKS]
    sealed = [pieces.sealed(event) for event in (*clear, *history)]
    heard: dict[str, tuple[str, str]] = {}
    begin = 0
    while begin < len(sealed):
        end = data.draw(st.integers(begin + 1, len(sealed)))
        resent = data.draw(st.integers(0, begin))
        for event, outcome in zip(sealed[resent:end], pieces.outcomes(*sealed[resent:end]), strict=True):
            first = heard.setdefault(event["eventId"], outcome)
            assert outcome in (first, DUPLICATE)
        begin = end
    assert [heard[event["eventId"]] for event in sealed] == expected
    assert [on_loan(library, item) for item in BOOKS] == after_one
