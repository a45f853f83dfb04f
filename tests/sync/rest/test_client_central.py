"""The machine's side against the embedded store: real TLS, real database, the whole way there and back."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.event import DoorHeld, EntryGranted, ItemLent, ItemReturned
from kiosk.fault import Cleared, DeviceFault, Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Borrower,
    Credential,
    DeviceId,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Return,
)
from sync import pki, seal
from sync.central import seed, start
from sync.central.command import enrol
from sync.central.machines import replica as central_replica
from sync.central.machines.devices import Device
from sync.central.schema import events, refused_events
from sync.exchange import Exchange, ReplicaKept, Round
from sync.outbox import Outbox
from sync.replica import Replica, pull
from sync.rest.client import RestStore
from sync.store import UnitFile
from tests.sync.bench_store import BenchClock
from tests.sync.central.library import MORNING, HandClock, Library, first_start
from tests.sync.rest.scripted import Installation

NAME = DeviceId("ulfborg-1")
READER = next(person for person in seed.PATRONS if not person.block and person.age >= 18)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    running = Library(first_start(tmp_path_factory.mktemp("library") / "store"), HandClock())
    yield running
    running.stop()


@pytest.fixture
def bundle(library: Library, tmp_path: Path) -> Path:
    enrol(library.home, Device(NAME, seed.ULFBORG), tmp_path / "bundle", system_clock)
    return tmp_path / "bundle"


@pytest.fixture
def asking(library: Library, bundle: Path) -> Iterator[RestStore]:
    made = RestStore(library.address, bundle, 10.0, system_clock)
    yield made
    made.close()


def test_a_patron_borrows_and_brings_back(asking: RestStore) -> None:
    borrower = asking.authenticate(READER.card, READER.pin)
    assert borrower == Borrower(READER.patron, READER.first_name, frozenset())
    loan = asking.checkout(READER.patron, seed.BOOK.item, EventId("1" * 32))
    assert isinstance(loan, Loan)
    assert asking.checkout(READER.patron, seed.BOOK.item, EventId("1" * 32)) == loan
    back = asking.checkin(seed.BOOK.item, EventId("2" * 32))
    assert isinstance(back, Return)
    assert back.title == loan.title


def test_a_wrong_pin_and_an_unknown_card_are_one_answer(asking: RestStore) -> None:
    assert asking.authenticate(READER.card, Pin("0000")) is AuthRefusal.INVALID
    assert asking.authenticate(Credential("9999999999"), Pin("0000")) is AuthRefusal.INVALID


def test_an_admission_tells_the_door_what_it_needs(asking: RestStore) -> None:
    facts = asking.admission(READER.card, READER.pin, seed.ULFBORG)
    assert isinstance(facts, AdmissionFacts)
    assert facts.age == READER.age


def test_an_unknown_item_is_not_lent(asking: RestStore) -> None:
    assert asking.checkout(READER.patron, ItemId("nothing"), EventId("3" * 32)) == NotLent(LoanRefusal.NOT_FOUND)


def test_the_rules_and_the_time_of_the_store(asking: RestStore) -> None:
    assert asking.replica(seed.ULFBORG).loan_days == 30
    assert asking.status().time == MORNING


def test_a_machine_finds_on_its_list_whom_the_store_has_put_there(
    library: Library, asking: RestStore, tmp_path: Path
) -> None:
    locks = start.locks(library.home)
    with closing(start.open_database(library.home)) as database:
        database.write(lambda connection: central_replica.refresh(connection, locks, MORNING)).result()
    with closing(UnitFile(tmp_path / "unit.db")) as file:
        kept = Replica(file, seed.ULFBORG)
        for _ in range(2):  # whole, and then what changed since: nothing
            kept.keep(pull(lambda since: asking.replica(seed.ULFBORG, since), kept.cursor()))
            may_not = {person.card for person in seed.PATRONS if kept.lists(person.card)}
            assert may_not == {person.card for person in seed.PATRONS if person.block}
        assert kept.lists(Credential("9999999999")) is False


def test_a_revoked_machine_is_told_at_its_next_question(library: Library, bundle: Path, tmp_path: Path) -> None:
    asking = RestStore(library.address, bundle, 10.0, system_clock)
    asking.status()
    enrol(library.home, Device(NAME, seed.ULFBORG), tmp_path / "newer", system_clock)
    with pytest.raises(DeviceFault) as caught:
        asking.status()
    assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
    asking.close()


def test_an_expired_machine_knows_it_though_this_store_sends_no_alert(library: Library, tmp_path: Path) -> None:
    request = pki.make_request(tmp_path / "device.key", "old")
    validity = pki.Validity(datetime(2020, 1, 1, tzinfo=UTC), days=1)
    pki.write_file(tmp_path / "device.pem", pki.sign_device(library.home.ca, request, "old", validity))
    pki.write_file(tmp_path / "ca.pem", library.home.ca.cert.read_bytes())
    asking = RestStore(library.address, tmp_path, 10.0, system_clock)
    for _ in range(20):  # the hang-up races with the question, the more so when that has a body
        with pytest.raises(DeviceFault) as caught:
            asking.status()
        assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
        with pytest.raises(DeviceFault) as caught:
            asking.authenticate(READER.card, READER.pin)
        assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
    asking.close()


def test_another_librarys_store_is_not_trusted(library: Library, tmp_path: Path) -> None:
    asking = RestStore(library.address, Installation(tmp_path).credentials, 10.0, system_clock)
    with pytest.raises(DeviceFault) as caught:
        asking.status()
    assert caught.value.fault is Fault.STORE_NOT_TRUSTED
    asking.close()


# --- a queue, all the way -------------------------------------------------------------------------


def _recorded(bundle: Path, file: UnitFile) -> Outbox:
    clock = BenchClock()
    clock.turn(MORNING - timedelta(hours=1))
    sealer = seal.Sealer(seal.load_public(bundle / "seal-public"))
    outbox = Outbox(file, sealer, NAME, clock, "boot-1")
    outbox.record(ItemReturned(seed.ITEMS[10].item, offline=True))
    outbox.record(ItemLent(READER.card, seed.ITEMS[10].item, date(2026, 12, 24), offline=True))
    outbox.record(ItemLent(Credential("9999999999"), seed.ITEMS[11].item, date(2026, 12, 24), offline=True))
    outbox.record(EntryGranted(READER.patron))
    outbox.record(EntryGranted(PatronId("nobody")))
    outbox.record(DoorHeld())
    return outbox


def test_a_day_without_the_store_arrives_once_in_order_and_the_refused_are_parked(
    library: Library, bundle: Path, asking: RestStore, tmp_path: Path
) -> None:
    file = UnitFile(tmp_path / "unit.db")
    outbox = _recorded(bundle, file)
    asking.push(outbox.pending())  # the answer is lost
    told: list[Raised | Cleared | ReplicaKept] = []
    exchange = Exchange(asking, outbox, Replica(file, seed.ULFBORG), told.append, BenchClock())
    done = exchange.round()
    assert done == Round(delivered=4, parked=2, pulled=True)
    assert [(one.sequence, one.reason) for one in outbox.parked()] == [(3, "patronNotFound"), (5, "patronNotFound")]
    assert [type(one) for one in told] == [ReplicaKept]
    ours = outbox.pending().queue_epoch
    kept = [row for row in library.rows(events) if row.queue_epoch == ours]
    assert [row.sequence for row in kept] == [1, 2, 3, 4, 5, 6]
    assert len([row for row in library.rows(refused_events) if row.device_id == NAME]) == 2
    file.close()
