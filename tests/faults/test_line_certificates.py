"""What is wrong with a certificate is told apart from being off-line, at the real store; new ones need no restart."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import DeviceId
from sync import pki
from sync.central import seed
from sync.central.command import enrol
from sync.central.machines.devices import Device
from sync.central.start import Home
from sync.rest.client import RestStore
from tests.faults.asked import PATIENT_S, QUESTIONS, Place, met
from tests.faults.proxy import Lie, Teller
from tests.sync.central.library import MORNING, HandClock, Library, copy_of, first_start
from tests.sync.rest.scripted import Installation, says, store

NO_CHECK_TIME = 0x200000  # of OpenSSL
STATUS = {"time": "2026-03-02T10:00:00+00:00", "version": "1"}
WRONG_DAYS = timedelta(days=60)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return first_start(tmp_path_factory.mktemp("certificates") / "store")


@pytest.fixture(scope="module")
def place(begun: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    library = Library(copy_of(begun, tmp_path_factory.mktemp("here") / "store"), HandClock())
    made = Place(library, tmp_path_factory.mktemp("machine"))
    yield made
    made.close()
    library.stop()


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> Path:
    """A bundle of this library, for the test to spoil."""
    shutil.copytree(place.bundle, tmp_path / "credentials")
    return tmp_path / "credentials"


def asked(address: str, folder: Path, question: str, place: Place) -> Fault | None:
    """Of a client of its own, whose first call it is."""
    made = RestStore(address, folder, PATIENT_S, system_clock)
    try:
        return met(QUESTIONS[question](place), made).fault
    finally:
        made.close()


@contextmanager
def client_of(place: Place, folder: Path) -> Iterator[RestStore]:
    made = RestStore(place.library.address, folder, PATIENT_S, system_clock)
    try:
        yield made
    finally:
        made.close()


# --- ours -----------------------------------------------------------------------------------------


def certify(ca: pki.Identity, folder: Path, now: datetime, device: str = "ulfborg-1") -> None:
    """A new key and certificate in the folder, good for ten days from a day before `now`."""
    request = pki.make_request(folder / "device.key", device)
    pki.write_file(folder / "device.pem", pki.sign_device(ca, request, device, pki.Validity(now, 10)))


def _expired(home: Home, folder: Path) -> None:
    certify(home.ca, folder, system_clock().wall - WRONG_DAYS)


def _not_yet(home: Home, folder: Path) -> None:
    certify(home.ca, folder, system_clock().wall + WRONG_DAYS)


def _never_enrolled(home: Home, folder: Path) -> None:
    certify(home.ca, folder, system_clock().wall)


def _of_another_ca(_: Home, folder: Path) -> None:
    certify(Installation(folder / "elsewhere").ca, folder, system_clock().wall)


def _revoked(home: Home, folder: Path) -> None:
    """The machine was enrolled anew, and this is the bundle it had before."""
    for bundle in (folder, folder.with_name("newer")):
        enrol(home, Device(DeviceId("ulfborg-2"), seed.ULFBORG), bundle, system_clock)


Spoil = Callable[[Home, Path], None]
OURS: tuple[Spoil, ...] = (_expired, _not_yet, _never_enrolled, _of_another_ca, _revoked)


@pytest.mark.parametrize("question", ["status", "authenticate", "loan", "events"])
@pytest.mark.parametrize("spoil", OURS)
def test_a_machine_that_is_refused_does_not_believe_it_is_off_line(
    place: Place, folder: Path, spoil: Spoil, question: str
) -> None:
    spoil(place.home, folder)
    for _ in range(3):  # the hang-up races with the question
        assert asked(place.library.address, folder, question, place) is Fault.STORE_REFUSES_DEVICE


def test_the_same_machine_with_a_store_that_is_away_is_off_line(place: Place, folder: Path) -> None:
    assert asked("https://localhost:9", folder, "status", place) is Fault.STORE_SILENT


# --- the store's ----------------------------------------------------------------------------------


def _server(home: Home, names: list[str], now: datetime) -> None:
    pki.make_server(home.ca, home.keys, names, pki.Validity(now, 10))


def _store_expired(home: Home, _: Path) -> None:
    _server(home, ["localhost"], system_clock().wall - WRONG_DAYS)


def _store_not_yet(home: Home, _: Path) -> None:
    _server(home, ["localhost"], system_clock().wall + WRONG_DAYS)


def _store_of_another_name(home: Home, _: Path) -> None:
    _server(home, ["store.example"], system_clock().wall)


def _store_of_another_ca(_: Home, folder: Path) -> None:
    pki.write_file(folder / "ca.pem", Installation(folder / "elsewhere").ca.cert.read_bytes())


THEIRS: tuple[Spoil, ...] = (_store_expired, _store_not_yet, _store_of_another_name, _store_of_another_ca)


@pytest.mark.parametrize("spoil", THEIRS)
def test_a_store_that_is_not_ours_is_not_trusted_and_hears_no_pin(
    begun: Home, place: Place, folder: Path, tmp_path: Path, spoil: Spoil
) -> None:
    home = copy_of(begun, tmp_path / "store")
    spoil(home, folder)
    library = Library(home, HandClock())
    try:
        for question in ("status", "authenticate", "loan"):
            address = f"https://localhost:{library.address.rpartition(':')[2]}"
            assert asked(address, folder, question, place) is Fault.STORE_NOT_TRUSTED
    finally:
        library.stop()


# --- a clock that is behind -----------------------------------------------------------------------

SOON = timedelta(days=30)


class Later:
    """A month from now, as it looks from here: certificates of then, a store whose clock is right.

    OpenSSL reads this computer's clock on both sides, so that the store's own side must not look at dates.
    """

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.now = (system_clock().wall + SOON).replace(microsecond=0)
        certify(place.home.ca, folder, self.now)

    def store(self, ca: pki.Identity, names: list[str]) -> Teller:
        identity = pki.make_server(ca, self.folder, names, pki.Validity(self.now, 5))
        face = pki.server_context(self.place.home.ca.cert, identity)
        face.verify_flags |= NO_CHECK_TIME
        machine = pki.client_context(self.place.bundle / "ca.pem", self.place.machine())
        return Teller(face, machine, self.place.port)


@pytest.fixture
def later(place: Place, folder: Path) -> Iterator[Later]:
    made = Later(place, folder)
    place.library.clock.wall = made.now
    yield made
    place.library.clock.wall = MORNING


def of_time(later: Later, port: int) -> datetime | Fault:
    made = RestStore(f"https://localhost:{port}", later.folder, PATIENT_S, system_clock)
    try:
        return made.store_time()
    except DeviceFault as fault:
        return fault.fault
    finally:
        made.close()


@pytest.fixture
def then(later: Later) -> Iterator[Teller]:
    made = later.store(later.place.home.ca, ["localhost"])
    yield made
    made.stop()


def test_a_clock_behind_our_own_certificate_is_told_apart(later: Later, then: Teller) -> None:
    address = f"https://localhost:{then.port}"
    assert asked(address, later.folder, "status", later.place) is Fault.CLOCK_BEHIND
    assert asked(address, later.folder, "authenticate", later.place) is Fault.CLOCK_BEHIND
    assert then.answers == {}


def test_the_store_tells_such_a_machine_the_time_and_hears_no_pin_still(later: Later, then: Teller) -> None:
    made = RestStore(f"https://localhost:{then.port}", later.folder, PATIENT_S, system_clock)
    assert made.store_time() == later.now
    heard = met(QUESTIONS["authenticate"](later.place), made)
    made.close()
    assert heard.fault is Fault.CLOCK_BEHIND
    assert list(then.answers) == ["/v1/status"]


@pytest.mark.parametrize("days", [-2, 6, 365, -3650])
def test_a_time_outside_the_certificates_is_not_believed(later: Later, then: Teller, days: int) -> None:
    later.place.library.clock.wall = later.now + timedelta(days=days)
    assert of_time(later, then.port) is Fault.STORE_NOT_TRUSTED


def test_who_has_another_name_or_ca_is_not_asked_for_the_time(later: Later, tmp_path: Path) -> None:
    elsewhere = Installation(tmp_path / "elsewhere").ca
    for ca, names in ((later.place.home.ca, ["store.example"]), (elsewhere, ["localhost"])):
        stranger = later.store(ca, names)
        assert of_time(later, stranger.port) is Fault.STORE_NOT_TRUSTED
        assert stranger.answers == {}
        stranger.stop()


def test_a_machine_whose_clock_is_right_may_ask_for_the_time_as_well(place: Place) -> None:
    place.library.clock.wall = system_clock().wall.replace(microsecond=0)
    try:
        assert place.direct.store_time() == place.library.clock.wall
    finally:
        place.library.clock.wall = MORNING


def test_nonsense_about_the_time_is_nonsense(later: Later, then: Teller) -> None:
    then.lie = Lie(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert of_time(later, then.port) is Fault.STORE_NONSENSE


# --- a new certificate ----------------------------------------------------------------------------


def test_a_new_certificate_is_shown_without_a_restart(place: Place, tmp_path: Path) -> None:
    device, folder = Device(DeviceId("ulfborg-3"), seed.ULFBORG), tmp_path / "bundle"
    enrol(place.home, device, folder, system_clock)
    with client_of(place, folder) as made:
        made.status()
        enrol(place.home, device, folder, system_clock)  # the one before is revoked at once
        with pytest.raises(DeviceFault) as caught:
            made.status()
        assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
        assert made.renew()
        made.status()


def _half(folder: Path) -> None:
    pki.make_request(folder / "device.key", "ulfborg-1")


def _torn(folder: Path) -> None:
    cert = folder / "device.pem"
    pki.write_file(cert, cert.read_bytes()[:200])


def _gone(folder: Path) -> None:
    (folder / "device.key").unlink()


def _no_ca(folder: Path) -> None:
    pki.write_file(folder / "ca.pem", b"")


@pytest.mark.parametrize("spoil", [_half, _torn, _gone, _no_ca])
def test_what_does_not_load_changes_nothing(place: Place, folder: Path, spoil: Callable[[Path], None]) -> None:
    with client_of(place, folder) as made:
        made.status()
        spoil(folder)
        assert not made.renew()
        made.status()
        made.close()  # and on a new line too
        made.status()


def test_what_does_not_load_at_first_is_loaded_when_it_does(place: Place, folder: Path) -> None:
    key = (folder / "device.key").read_bytes()
    _gone(folder)
    with client_of(place, folder) as made:
        with pytest.raises(DeviceFault) as caught:
            made.status()
        assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
        pki.write_file(folder / "device.key", key)
        made.status()


def test_calls_go_on_while_the_files_are_exchanged(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    ended, faults, calls = threading.Event(), list[Fault](), list[int]()
    with store(installation.context(), says(STATUS)) as running:
        made = RestStore(running.address, installation.credentials, PATIENT_S, system_clock)

        def ask() -> None:
            while not ended.is_set():
                try:
                    made.status()
                except DeviceFault as fault:
                    faults.append(fault.fault)
                calls.append(1)
                made.close()

        made.status()
        thread = threading.Thread(target=ask)
        thread.start()
        for number in range(30):
            installation.enrol(f"machine-{number}")
            made.renew()
        ended.set()
        thread.join(20)
        made.close()
    assert faults == []
    assert calls
