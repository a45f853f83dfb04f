"""What may cross the wire and lie on the disk: searched byte by byte, with persons who occur nowhere else."""

import logging
import uuid
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from kiosk.event import EntryGranted, ItemLent
from kiosk.model import Credential, PatronId, Pin
from sync.central import retention, seed, start
from sync.central.schema import events
from sync.central.seed import Person
from sync.central.start import open_database
from sync.rest import wire
from tests.sync.central.library import MORNING, Library, Machine, in_a_file, laid_down
from tests.sync.central.test_central_exchange import Queue


class Canary(Person):
    """A person with a PIN long enough never to turn up by chance."""

    @property
    def pin(self) -> Pin:
        return Pin(PIN)


NUMBER, PIN, WRONG_PIN, UNKNOWN_CARD = "9107770193", "82640517", "71539064", "8911560284"
CANARY = Canary(
    PatronId("987654301"),
    "Zebedæus",
    "Quakkelstrøm",
    34,
    NUMBER,
    block="E",
    permitted=True,
    internal_note="xylofonnøgle i skuffen",
    patron_note="hentes i døren",
    mobile="01739184",
    email="zebedaeus@quakkelstroem.example",
    co_name="Klarinettine Fup",
)
NEVER_SAID = (CANARY.last_name, CANARY.internal_note, NUMBER, PIN, WRONG_PIN, UNKNOWN_CARD)
BIRTH_DATE = seed.born(CANARY.age, date(2026, 11, 24)).isoformat()


@pytest.fixture
def used(library: Library, caplog: pytest.LogCaptureFixture) -> Machine:
    """A machine that has walked every path with the canary, at the loudest log level."""
    caplog.set_level(logging.DEBUG)
    _plant(library)
    machine = library.machine()
    machine.authenticate(NUMBER, PIN)
    machine.authenticate(NUMBER, WRONG_PIN)
    machine.authenticate(UNKNOWN_CARD, PIN)
    machine.admission(NUMBER, PIN)
    machine.admission(NUMBER, WRONG_PIN)
    machine.lend(CANARY.patron, seed.BOOK.item, "canary-event-id-1")
    machine.bring_back(seed.ON_LOAN.item, "canary-event-id-2")
    machine.ask("POST", wire.AUTHENTICATE, {"libraryCardNumber": NUMBER, "pincode": PIN, NUMBER: PIN})
    machine.ask("POST", wire.AUTHENTICATE, f'{{"libraryCardNumber": "{NUMBER}", {PIN}'.encode())
    machine.ask("GET", f"/v1/patrons/{NUMBER}/{PIN}")
    queue = Queue(machine)
    queue.send(
        queue.sealed(ItemLent(CANARY.card, seed.BOOK.item, date(2026, 12, 20), offline=True)),
        queue.sealed(ItemLent(Credential(UNKNOWN_CARD), seed.BOOK.item, date(2026, 12, 20), offline=True)),
        queue.sealed(EntryGranted(CANARY.patron)),
    )
    for _ in range(6):
        machine.authenticate(NUMBER, WRONG_PIN)
    return machine


def _plant(library: Library) -> None:
    locks = start.locks(library.home)

    def plant(connection: Connection) -> None:
        seed.add_patron(connection, locks, CANARY, MORNING.date())

    with closing(open_database(library.home)) as database:
        database.write(plant).result()


def test_no_answer_says_more_than_a_machine_may_know(used: Machine) -> None:
    for secret in (*NEVER_SAID, BIRTH_DATE, "birth"):
        assert secret.encode() not in used.heard
    assert CANARY.first_name.encode() in used.heard  # the search finds what is there


# Everything that the contract can be asked, by who has the canary's card, PIN and session.
PATHS = sorted({path for path in vars(wire).values() if isinstance(path, str) and path.startswith(wire.PREFIX + "/")})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
QUESTIONS: tuple[object, ...] = (
    {},
    {"libraryCardNumber": NUMBER, "pincode": PIN},
    {"patronId": CANARY.patron, "materialItemNumber": seed.BOOK.item},
    {"materialItemNumber": seed.BOOK.item},
    {"recordId": seed.RESERVED.record, "pickupBranch": seed.ULFBORG},
    {"homeBranch": seed.ULFBORG},
    {"loanIds": []},
    {"internalNote": True, "patronId": CANARY.patron, "cprNumber": NUMBER},
)
FOR_STAFF = (
    *(secret for secret in NEVER_SAID if secret not in (WRONG_PIN, UNKNOWN_CARD)),
    BIRTH_DATE,
    f"Opdigtet Vej {NUMBER[-2:]}",
    CANARY.mobile,
    CANARY.email,
    CANARY.co_name,
)


def test_no_path_of_the_contract_whatever_it_is_asked_says_what_is_for_staff(library: Library) -> None:
    _plant(library)
    machine = library.machine()
    session = machine.authenticate(NUMBER, PIN).said["sessionKey"]
    statuses = {path: _ask_everything(machine, path, session) for path in PATHS}
    for secret in FOR_STAFF:
        assert secret.encode() not in machine.heard
    for path in (wire.AUTHENTICATE, wire.ADMISSIONS, wire.LOANS, wire.RETURNS, wire.REPLICA):
        assert 200 in statuses[path]
    assert 200 in statuses[wire.ACCOUNT]
    for said in (CANARY.first_name, CANARY.patron_note, "••••••84"):  # the search finds what is there
        assert said.encode() in machine.heard


def _ask_everything(machine: Machine, path: str, session: str) -> set[int]:
    """The statuses of the answers."""
    holes = {"{branchId}": seed.ULFBORG, "{patronId}": CANARY.patron, "{holdId}": "1"}
    filled = path
    for hole, value in holes.items():
        filled = filled.replace(hole, value)
    assert "{" not in filled
    statuses = set()
    for method in METHODS:
        for number, question in enumerate(QUESTIONS):
            key = f"{method}-{number}-{uuid.uuid4().hex}"
            reply = machine.ask(method, filled, question, Idempotency_Key=key, X_Session=session)
            statuses.add(reply.status)
    return statuses


def test_a_first_name_is_said_by_authenticate_alone(library: Library) -> None:
    _plant(library)
    machine = library.machine()
    machine.admission(NUMBER, PIN)
    assert CANARY.patron.encode() in machine.heard
    assert CANARY.first_name.encode() not in machine.heard


def test_answers_have_the_fields_of_the_contract_and_no_other(machine: Machine) -> None:
    said = machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal()).said
    assert set(said) == {"authenticateStatus", "patronId", "blockStatus", "age", "permitted", "resident", "patronGroup"}
    said = machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1").said
    assert set(said) == {"refusal", "materialItemNumber", "title", "dueDate", "parts"}
    said = machine.bring_back(seed.BOOK.item, "a-return-event-id").said
    assert set(said) == {"refusal", "materialItemNumber", "title", "place", "held", "bin", "parts"}


@pytest.mark.parametrize("stopped", [False, True], ids=["while it runs", "after it stopped"])
def test_no_pin_and_no_card_number_is_laid_down(used: Machine, library: Library, stopped: bool) -> None:
    if stopped:
        library.stop()
    left = laid_down(library.home)
    assert [secret for secret in (NUMBER, PIN, WRONG_PIN, UNKNOWN_CARD) if secret.encode() in left] == []
    assert CANARY.last_name.encode() in left
    assert used.heard


@in_a_file
def test_what_is_forgotten_is_gone_from_the_files(used: Machine, library: Library) -> None:
    digest = start.locks(library.home).lookup.of_card(Credential(UNKNOWN_CARD)).encode()
    assert used.heard
    library.stop()
    assert _holding(library.home.directory, digest) == ["store.sqlite"]
    with closing(open_database(library.home)) as database:
        database.write(lambda connection: retention.purge(connection, MORNING + timedelta(days=31))).result()
        database.settle().result()
        assert _holding(library.home.directory, digest) == []


def _holding(directory: Path, content: bytes) -> list[str]:
    return [path.name for path in _files(directory) if content in path.read_bytes()]


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_no_log_line_names_anybody(used: Machine, caplog: pytest.LogCaptureFixture) -> None:
    assert used.heard
    log = "\n".join(record.getMessage() for record in caplog.get_records("setup"))
    assert "/v1/patrons/authenticate" in log
    for secret in (*NEVER_SAID, CANARY.first_name, CANARY.patron, seed.BOOK.item, BIRTH_DATE):
        assert secret not in log


def test_events_say_what_happened_and_to_nobody(used: Machine, library: Library) -> None:
    assert used.heard
    rows = library.rows(events)
    assert len(rows) == 3
    for secret in (*NEVER_SAID, CANARY.patron, CANARY.first_name):
        assert secret not in repr(rows)
