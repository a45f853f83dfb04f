"""What RestStore asks, and what it makes of a store that answers. Its failures: test_client_faults.py."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    Borrower,
    BranchId,
    Credential,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Return,
    ReturnRefusal,
)
from sync.rest import wire
from sync.rest.client import AddressError, RestStore
from tests.sync.rest.scripted import Act, Asked, Installation, Scripted, Sock, answer, says, store

CARD, PIN = Credential("7101901234"), Pin("4711")
PATRON, ITEM, EVENT = PatronId("patron-9f2c"), ItemId("5001234567"), EventId("e" * 32)
BRANCH = BranchId("DK-766103")
STATUS = {"time": "2026-03-02T10:00:00+00:00", "version": "1"}
VALID = {"authenticateStatus": "VALID", "patronId": PATRON, "firstName": "Odin"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("pki"))


class Bench:
    """Makes stores and clients, and ends them."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self._running: list[Scripted] = []
        self._clients: list[RestStore] = []

    def store(self, *acts: Act) -> Scripted:
        self._running.append(Scripted(self.installation.context(), *acts))
        return self._running[-1]

    def client(self, address: str, credentials: Path | None = None) -> RestStore:
        self._clients.append(RestStore(address, credentials or self.installation.credentials, 5.0, system_clock))
        return self._clients[-1]

    def asking(self, *acts: Act) -> RestStore:
        return self.client(self.store(*acts).address)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for running in self._running:
            running.stop()


@pytest.fixture
def bench(installation: Installation) -> Iterator[Bench]:
    made = Bench(installation)
    yield made
    made.close()


def fault_of(call: Any) -> Fault:
    with pytest.raises(DeviceFault) as caught:
        call()
    assert caught.value.__cause__ is None
    assert str(caught.value) == caught.value.fault.value
    return caught.value.fault


# --- the four questions ---------------------------------------------------------------------------


def test_right_pin_gives_a_borrower_with_blocks(bench: Bench) -> None:
    blocks = [
        {"blockedReason": "E", "blockedSince": "2026-01-01"},
        {"blockedReason": "Q", "blockedSince": "2026-01-01"},
    ]
    running = bench.store(says(VALID | {"blockStatus": blocks, "newInAYear": 1}))
    borrower = bench.client(running.address).authenticate(CARD, PIN)
    assert borrower == Borrower(PATRON, "Odin", frozenset({Block.DEBT, Block.OTHER}))
    asked = running.asked[0]
    assert (asked.method, asked.path) == ("POST", wire.AUTHENTICATE)
    assert json.loads(asked.body) == {"libraryCardNumber": CARD.number, "pincode": "4711"}


@pytest.mark.parametrize("refusal", list(AuthRefusal))
def test_refused_patrons_are_told_why(bench: Bench, refusal: AuthRefusal) -> None:
    refusing = bench.asking(says({"authenticateStatus": refusal.value}))
    assert refusing.authenticate(CARD, PIN) is refusal
    assert refusing.admission(CARD, PIN, BRANCH) is refusal


def test_admission_asks_for_this_branch(bench: Bench) -> None:
    running = bench.store(says({"authenticateStatus": "VALID", "patronId": PATRON, "age": 17, "permitted": True}))
    facts = bench.client(running.address).admission(CARD, PIN, BranchId("DK/7 6"))
    assert facts == AdmissionFacts(PATRON, frozenset(), 17, True)
    assert running.asked[0].path == "/v1/branches/DK%2F7%206/admissions"


def test_valid_without_a_patron_is_nonsense(bench: Bench) -> None:
    confused = bench.asking(says({"authenticateStatus": "VALID"}))
    assert fault_of(lambda: confused.authenticate(CARD, PIN)) is Fault.STORE_NONSENSE
    assert fault_of(lambda: confused.admission(CARD, PIN, BRANCH)) is Fault.STORE_NONSENSE


def test_a_loan_carries_its_event_as_key(bench: Bench) -> None:
    running = bench.store(says({"materialItemNumber": ITEM, "title": "Frost", "dueDate": "2026-04-01"}))
    loan = bench.client(running.address).checkout(PATRON, ITEM, EVENT)
    assert loan == Loan(ITEM, "Frost", date(2026, 4, 1))
    assert running.asked[0].headers["idempotency-key"] == EVENT


@pytest.mark.parametrize(("told", "known"), [("reserved", LoanRefusal.RESERVED), ("moonPhase", LoanRefusal.OTHER)])
def test_loan_refusals(bench: Bench, told: str, known: LoanRefusal) -> None:
    refusing = bench.asking(says({"materialItemNumber": ITEM, "refusal": told, "title": "Frost"}))
    assert refusing.checkout(PATRON, ITEM, EVENT) == NotLent(known, "Frost")


def test_a_loan_without_a_due_date_is_nonsense(bench: Bench) -> None:
    confused = bench.asking(says({"materialItemNumber": ITEM, "title": "Frost"}))
    assert fault_of(lambda: confused.checkout(PATRON, ITEM, EVENT)) is Fault.STORE_NONSENSE


def test_an_answer_about_another_item_is_nonsense(bench: Bench) -> None:
    confused = bench.asking(says({"materialItemNumber": "5009999999", "dueDate": "2026-04-01"}))
    assert fault_of(lambda: confused.checkout(PATRON, ITEM, EVENT)) is Fault.STORE_NONSENSE
    assert fault_of(lambda: confused.checkin(ITEM, EVENT)) is Fault.STORE_NONSENSE


def test_a_return_says_where_to_lay_it(bench: Bench) -> None:
    running = bench.store(says({"materialItemNumber": ITEM, "title": "Frost", "place": "hylde 3", "held": True}))
    assert bench.client(running.address).checkin(ITEM, EVENT) == Return(ITEM, "Frost", "hylde 3", True)
    assert running.asked[0].headers["idempotency-key"] == EVENT


@pytest.mark.parametrize(("told", "known"), [("notFound", ReturnRefusal.NOT_FOUND), ("new", ReturnRefusal.OTHER)])
def test_return_refusals(bench: Bench, told: str, known: ReturnRefusal) -> None:
    refusing = bench.asking(says({"materialItemNumber": ITEM, "refusal": told}))
    assert refusing.checkin(ITEM, EVENT) is known


# --- the exchange's questions ---------------------------------------------------------------------


def batch(*ids: str) -> wire.EventsQuestion:
    events = tuple(
        wire.SealedEvent(
            event_id=event_id,
            sequence=number,
            kind="door.held",
            occurred_at=datetime(2026, 3, 2, tzinfo=UTC),
            monotonic_s=1.5,
            boot_id="boot",
            clock_synced=True,
            key_id="k",
            sealed=b"AAAA",
        )
        for number, event_id in enumerate(ids, 1)
    )
    return wire.EventsQuestion(queue_epoch="q" * 32, keys=(), events=events)


def results(*ids: str) -> dict[str, object]:
    return {"results": [{"eventId": event_id, "outcome": "accepted"} for event_id in ids]}


def test_a_pushed_batch_arrives_as_it_was(bench: Bench) -> None:
    one, two = "1" * 32, "2" * 32
    running = bench.store(says(results(two, one)))
    sent = batch(one, two)
    assert len(bench.client(running.address).push(sent).results) == 2
    assert wire.EventsQuestion.model_validate_json(running.asked[0].body) == sent


@pytest.mark.parametrize("told", [(), ("1" * 32,), ("1" * 32, "3" * 32), ("1" * 32,) * 2, ("1" * 32, "2" * 32) * 2])
def test_results_for_other_events_than_were_sent_are_nonsense(bench: Bench, told: tuple[str, ...]) -> None:
    confused = bench.asking(says(results(*told)))
    assert fault_of(lambda: confused.push(batch("1" * 32, "2" * 32))) is Fault.STORE_NONSENSE


RULES = {
    "asOf": "2026-03-02T10:00:00+00:00",
    "branchId": BRANCH,
    "name": "Ulfborg",
    "staffed": "Mo-Fr 10:00-17:00",
    "unstaffed": "Mo-Su 07:00-22:00",
    "minimumAge": 15,
    "loanDays": 30,
}


def test_the_replica_of_this_branch(bench: Bench) -> None:
    assert bench.asking(says(RULES)).replica(BRANCH).name == "Ulfborg"


@pytest.mark.parametrize(
    "wrong",
    [
        {"branchId": "DK-000000"},
        {"staffed": "whenever"},
        {"minimumAge": "old"},
        {"minimumAge": -5},
        {"loanDays": 10**9},
        {"loanDays": 0},
        {"asOf": "0001-01-01T00:00:00+14:00"},
        {"cursor": "7"},
        {"cursor": "00000000000000aa-1&branch=other"},
        {"closingDates": [{"closingDate": "2026-12-24", "description": ""}] * 1001},
        {"texts": [{"name": "start", "language": "da", "text": "Velkommen"}] * 201},
        {"texts": [{"name": "start", "language": "da", "text": "V" * 2001}]},
        {"blockList": {"key": "AAAA", "listed": ["00" * 15]}},
        {"blockList": {"key": "AAAA", "listed": ["XY" * 16]}},
        {"blockList": {"key": "no base64"}},
    ],
)
def test_a_replica_of_another_branch_or_out_of_bounds_is_nonsense(bench: Bench, wrong: dict[str, object]) -> None:
    assert fault_of(lambda: bench.asking(says(RULES | wrong)).replica(BRANCH)) is Fault.STORE_NONSENSE


def test_the_cursor_of_the_answer_before_goes_with_the_question(bench: Bench) -> None:
    listed = {"cursor": "00000000000000aa-7", "blockList": {"key": "AAAA", "listed": ["0f" * 16], "whole": True}}
    running = bench.store(says(RULES | listed))
    told = bench.client(running.address).replica(BRANCH)
    assert told.block_list is not None and told.block_list.listed == ("0f" * 16,)
    bench.client(running.address).replica(BRANCH, told.cursor)
    path = f"/v1/branches/{BRANCH}/replica"
    assert [asked.path for asked in running.asked] == [path, f"{path}?cursor=00000000000000aa-7"]


# --- keep-alive -----------------------------------------------------------------------------------


def test_calls_share_one_connection(bench: Bench) -> None:
    running = bench.store(says(STATUS))
    asking = bench.client(running.address)
    for _ in range(5):
        asking.status()
    assert len(running.devices) == 1


def test_two_threads_have_a_connection_each(bench: Bench) -> None:
    barrier = threading.Barrier(2, timeout=10)

    def together(sock: Sock, _: Asked) -> bool:
        barrier.wait()
        sock.sendall(answer(STATUS))
        return True

    running = bench.store(together)
    asking = bench.client(running.address)
    threads = [threading.Thread(target=asking.status) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(running.devices) == 2


def hangs_up_unheard(sock: Sock, _: Asked) -> bool:
    return False


def resets_unheard(sock: Sock, _: Asked) -> bool:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return False


@pytest.mark.parametrize("dying", [hangs_up_unheard, resets_unheard])
def test_a_kept_connection_that_died_is_no_fault(bench: Bench, dying: Act) -> None:
    running = bench.store(says(STATUS), dying, says({"materialItemNumber": ITEM, "dueDate": "2026-04-01"}))
    asking = bench.client(running.address)
    asking.status()
    assert isinstance(asking.checkout(PATRON, ITEM, EVENT), Loan)
    assert len(running.devices) == 2
    assert {asked.headers.get("idempotency-key") for asked in running.asked[1:]} == {EVENT}


def test_the_second_try_is_the_last(bench: Bench) -> None:
    running = bench.store(says(STATUS), hangs_up_unheard)
    asking = bench.client(running.address)
    asking.status()
    assert fault_of(asking.status) is Fault.STORE_SILENT
    assert len(running.asked) == 3


def test_a_fresh_connection_that_dies_is_not_tried_again(bench: Bench) -> None:
    running = bench.store(hangs_up_unheard)
    assert fault_of(bench.client(running.address).status) is Fault.STORE_SILENT
    assert len(running.asked) == 1


def test_a_connection_that_died_inside_its_answer_is_not_tried_again(bench: Bench) -> None:
    def cut(sock: Sock, _: Asked) -> bool:
        sock.sendall(answer(STATUS)[:40])
        return False

    running = bench.store(says(STATUS), cut)
    asking = bench.client(running.address)
    asking.status()
    assert fault_of(asking.status) is Fault.STORE_SILENT
    assert len(running.asked) == 2


def test_a_store_that_closes_after_each_answer_is_dialled_again(bench: Bench) -> None:
    def once(sock: Sock, _: Asked) -> bool:
        sock.sendall(answer(STATUS, more="Connection: close\r\n"))
        return False

    running = bench.store(once)
    asking = bench.client(running.address)
    for _ in range(3):
        asking.status()
    assert len(running.devices) == 3


# --- certificates ---------------------------------------------------------------------------------


def test_renewed_certificates_are_shown_without_a_restart(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    with store(installation.context(), says(STATUS)) as running:
        asking = RestStore(running.address, installation.credentials, 5.0, system_clock)
        asking.status()
        installation.enrol("machine-1-renewed")
        asking.status()
        asking.renew()
        asking.status()
        asking.close()
    assert running.devices == ["machine-1", "machine-1-renewed"]


def test_a_call_in_flight_survives_the_renewal(bench: Bench) -> None:
    arrived = threading.Event()

    def slow(sock: Sock, _: Asked) -> bool:
        arrived.set()
        running.released.wait(10)
        sock.sendall(answer(STATUS))
        return True

    running = bench.store(slow)
    asking = bench.client(running.address)
    heard: list[str] = []
    thread = threading.Thread(target=lambda: heard.append(asking.status().version))
    thread.start()
    assert arrived.wait(10)
    asking.renew()
    running.released.set()
    thread.join(10)
    asking.status()
    assert heard == ["1"]
    assert len(running.devices) == 2


# --- addresses and traces -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "http://store",
        "store:8443",
        "https://",
        "https://u:p@store",
        "https://store/path",
        "https://s:99999",
        "https://[x",
    ],
)
def test_only_https_addresses_are_taken(tmp_path: Path, address: str) -> None:
    with pytest.raises(AddressError) as caught:
        RestStore(address, tmp_path, 1.0, system_clock)
    assert "store" not in str(caught.value).replace("https://host", "")


def test_no_log_at_any_level_holds_what_was_asked_or_answered(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    running = bench.store(
        says(VALID, more="Broken header: 7101901234\r\n no colon 4711\r\n"), says(b"<p>Odin</p>", 500)
    )
    asking = bench.client(running.address)
    asking.authenticate(CARD, PIN)
    fault_of(lambda: asking.authenticate(CARD, PIN))
    assert not [text for text in (CARD.number, "4711", "Odin", PATRON) if text in caplog.text]


def test_no_cookie_is_kept_from_one_patron_to_the_next(bench: Bench) -> None:
    running = bench.store(says(VALID, more="Set-Cookie: who=patron-9f2c\r\n"))
    asking = bench.client(running.address)
    asking.authenticate(CARD, PIN)
    asking.authenticate(CARD, PIN)
    assert "cookie" not in running.asked[1].headers
