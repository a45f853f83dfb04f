"""What may cross the wire and lie on the disk: searched byte by byte, with persons who occur nowhere else."""

import logging
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection

from kiosk.event import EntryGranted, ItemLent
from kiosk.model import Credential, PatronId, Pin
from sync.central import seed, start
from sync.central.database import Database
from sync.central.seed import Person
from sync.rest import wire
from tests.sync.central.library import MORNING, Library, Machine
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

    database = Database(library.home.database)
    database.write(plant).result()
    database.close()


def test_no_answer_says_more_than_a_machine_may_know(used: Machine) -> None:
    for secret in (*NEVER_SAID, BIRTH_DATE, "birth"):
        assert secret.encode() not in used.heard
    assert CANARY.first_name.encode() in used.heard  # the search finds what is there


def test_a_first_name_is_said_by_authenticate_alone(library: Library) -> None:
    _plant(library)
    machine = library.machine()
    machine.admission(NUMBER, PIN)
    assert CANARY.patron.encode() in machine.heard
    assert CANARY.first_name.encode() not in machine.heard


def test_answers_have_the_fields_of_the_contract_and_no_other(machine: Machine) -> None:
    said = machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal()).said
    assert set(said) == {"authenticateStatus", "patronId", "blockStatus", "age", "permitted"}
    said = machine.lend(seed.ADULT.patron, seed.BOOK.item, "a-loan-event-id-1").said
    assert set(said) == {"refusal", "materialItemNumber", "title", "dueDate"}
    said = machine.bring_back(seed.BOOK.item, "a-return-event-id").said
    assert set(said) == {"refusal", "materialItemNumber", "title", "place", "held"}


@pytest.mark.parametrize("stopped", [False, True], ids=["while it runs", "after it stopped"])
def test_no_pin_and_no_card_number_lies_on_the_disk(used: Machine, library: Library, stopped: bool) -> None:
    if stopped:
        library.stop()
    left = {path: path.read_bytes() for path in _files(library.home.directory)}
    for secret in (NUMBER, PIN, WRONG_PIN, UNKNOWN_CARD):
        assert [path.name for path, content in left.items() if secret.encode() in content] == []
    assert any(CANARY.last_name.encode() in content for content in left.values())
    assert used.heard


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
    database = Database(library.home.database)
    rows = database.read(lambda c: c.exec_driver_sql("SELECT * FROM events").all()).result()
    database.close()
    assert len(rows) == 3
    for secret in (*NEVER_SAID, CANARY.patron, CANARY.first_name):
        assert secret not in repr(rows)
