"""Who gets in at all, and what is said to those who do not; over real TLS on loopback."""

import errno
import http.client
import json
import logging
import shutil
import socket
import ssl
import threading
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock, system_clock
from kiosk.model import BranchId, DeviceId, EventId
from sync import pki
from sync.central import seed, start
from sync.central.away import is_away, is_full
from sync.central.command import enrol, main
from sync.central.database import Database, DatabaseError
from sync.central.machines import devices
from sync.central.machines.devices import Device
from sync.central.postgres import DatabaseLost, PostgresDatabase
from sync.central.start import Home, open_database
from sync.pki import Identity, Validity
from sync.rest import wire
from sync.rest.client import RestStore
from tests.sync.central.library import Library, Machine, in_a_file

KEY = "a-key-of-sixteen-or-more"
VERSIONS = (b" HTTP/0.9", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/3.0")


def identity(bundle: Path) -> Identity:
    return Identity(bundle / "device.pem", bundle / "device.key")


def signed(ca: Identity, bundle: Path, validity: Validity) -> Path:
    """A bundle signed by `ca`, unknown to the store."""
    pki.make_directory(bundle)
    request = pki.make_request(bundle / "device.key", "ulfborg-1")
    pki.write_file(bundle / "device.pem", pki.sign_device(ca, request, "ulfborg-1", validity))
    return bundle


def assert_nothing(library: Library, context: ssl.SSLContext) -> None:
    """The store ends the talk before one byte of HTTP. Under TLS 1.3 the client hears so at its first read."""
    nobody = library.dial(library.home.directory.parent / "ulfborg-1", context)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        nobody.ask("GET", wire.STATUS)
    assert nobody.heard == b""


# --- TLS ----------------------------------------------------------------------------------------


def test_an_enrolled_machine_is_answered(machine: Machine, library: Library) -> None:
    reply = machine.ask("GET", wire.STATUS)
    assert reply.status == 200
    assert wire.StatusAnswer.model_validate_json(reply.body).time == library.clock.wall


def test_without_a_certificate_nothing_is_said(machine: Machine, library: Library) -> None:
    context = ssl.create_default_context(cafile=str(machine.bundle / "ca.pem"))
    assert_nothing(library, context)


def test_with_a_certificate_of_another_ca_nothing_is_said(machine: Machine, library: Library, tmp_path: Path) -> None:
    now = system_clock().wall
    ca = pki.make_ca(pki.make_directory(tmp_path / "other"), "Natugle CA", Validity(now, 10))
    bundle = signed(ca, tmp_path / "foreign", Validity(now, 10))
    assert_nothing(library, pki.client_context(machine.bundle / "ca.pem", identity(bundle)))


def test_with_an_expired_certificate_nothing_is_said(machine: Machine, library: Library, tmp_path: Path) -> None:
    long_ago = Validity(system_clock().wall - timedelta(days=60), 30)
    bundle = signed(library.home.ca, tmp_path / "expired", long_ago)
    assert_nothing(library, pki.client_context(machine.bundle / "ca.pem", identity(bundle)))


def test_with_the_stores_own_certificate_nothing_is_said(machine: Machine, library: Library) -> None:
    assert_nothing(library, pki.client_context(machine.bundle / "ca.pem", library.home.server))


def test_over_tls_1_2_nothing_is_said(machine: Machine, library: Library) -> None:
    context = pki.client_context(machine.bundle / "ca.pem", identity(machine.bundle))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert_nothing(library, context)


def test_without_tls_nothing_is_said(library: Library) -> None:
    port = int(library.address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not line.recv(1000).startswith(b"HTTP")


# --- the allow-list -----------------------------------------------------------------------------


def test_our_ca_alone_lets_nobody_in(machine: Machine, library: Library, tmp_path: Path) -> None:
    bundle = signed(library.home.ca, tmp_path / "unlisted", Validity(system_clock().wall, 10))
    shutil.copy(machine.bundle / "ca.pem", bundle)
    reply = library.dial(bundle).ask("GET", wire.STATUS)
    assert (reply.status, reply.said["errorCode"]) == (401, "clientUnauthorized")


def test_a_revoked_machine_is_refused_at_its_next_request_on_the_same_connection(
    machine: Machine, library: Library
) -> None:
    assert machine.ask("GET", wire.STATUS).status == 200
    assert main(["revoke", "--dir", str(library.home.directory), "--device", "ulfborg-1"], system_clock, never) == 0
    for path in (wire.STATUS, "/v1/unheard-of"):
        reply = machine.ask("GET", path)
        assert (reply.status, reply.said["errorCode"]) == (401, "clientUnauthorized")


def never(_path: Path) -> Clock:
    raise AssertionError("no simulated clock here")


def test_enrolling_again_shuts_out_the_old_certificate(machine: Machine, library: Library, tmp_path: Path) -> None:
    enrol(library.home, Device(DeviceId("ulfborg-1"), seed.ULFBORG), tmp_path / "new", system_clock)
    assert machine.ask("GET", wire.STATUS).status == 401
    assert library.dial(tmp_path / "new").ask("GET", wire.STATUS).status == 200


def test_revoking_one_machine_leaves_the_others(machine: Machine, library: Library) -> None:
    other = library.machine("vinderup-1", seed.VINDERUP)
    with closing(open_database(library.home)) as database:
        revoked = database.write(lambda c: devices.revoke(c, DeviceId("ulfborg-1"), library.clock.wall)).result()
    assert revoked == 1
    assert machine.ask("GET", wire.STATUS).status == 401
    assert other.ask("GET", wire.STATUS).status == 200


# --- bad questions ------------------------------------------------------------------------------

ADMISSIONS = wire.ADMISSIONS.replace("{branchId}", seed.ULFBORG)
CANARY = "6166660000"


def assert_error(machine: Machine, status: int, code: str, *asked: object, **headers: str) -> None:
    method, path, body = asked
    reply = machine.ask(str(method), str(path), body, **headers)
    assert (reply.status, reply.said["errorCode"]) == (status, code)
    assert reply.said["correlationId"] == reply.headers["X-RequestId"]
    assert set(reply.said) == {"correlationId", "errorCode", "message"}
    assert CANARY.encode() not in reply.body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"libraryCardNumber":"%s"}' % CANARY.encode(),
        b'{"libraryCardNumber":"%s","pincode":6166660000}' % CANARY.encode(),
        b'{"libraryCardNumber":"%s","pincode":"1","%s":1}' % (CANARY.encode(), CANARY.encode()),
        b'{"libraryCardNumber":"\\ud800","pincode":"1"}',
        b'{"libraryCardNumber":"' + CANARY.encode() * 50 + b'","pincode":"1"}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("path", [wire.AUTHENTICATE, ADMISSIONS, wire.LOANS, wire.RETURNS, wire.EVENTS])
def test_a_body_outside_the_contract_is_a_bad_request(machine: Machine, path: str, body: bytes) -> None:
    assert_error(machine, 400, "badRequest", "POST", path, body, Idempotency_Key=KEY)
    assert machine.ask("GET", wire.STATUS).status == 200


def test_a_body_over_the_limit_is_refused(machine: Machine) -> None:
    assert_error(machine, 413, "bodyTooLarge", "POST", wire.AUTHENTICATE, b" " * (wire.MAX_BODY + 1))


def test_a_body_at_the_limit_is_read(machine: Machine) -> None:
    body = b'{"libraryCardNumber":"1","pincode":"1"}'.ljust(wire.MAX_BODY)
    assert machine.ask("POST", wire.AUTHENTICATE, body).status == 200


def test_a_packed_body_is_not_unpacked(machine: Machine) -> None:
    assert_error(
        machine, 400, "badRequest", "POST", wire.AUTHENTICATE, b"\x1f\x8b" + bytes(50), Content_Encoding="gzip"
    )


@pytest.mark.parametrize("path", ["/", "/v1", f"/v1/{CANARY}", "/v1/branches//replica", "/v1/status/"])
def test_an_unknown_path_is_not_found(machine: Machine, path: str) -> None:
    assert_error(machine, 404, "dataNotFound", "GET", path, None)


@pytest.mark.parametrize("branch", ["DK-000000", "%FF%FE", "%00", "x" * 3000, CANARY, "%ED%A0%80"])
def test_an_unknown_branch_is_not_found(machine: Machine, branch: str) -> None:
    assert_error(machine, 404, "dataNotFound", "GET", wire.REPLICA.replace("{branchId}", branch), None)


@pytest.mark.parametrize(("method", "path"), [("POST", wire.STATUS), ("GET", wire.LOANS), ("DELETE", wire.EVENTS)])
def test_another_method_is_refused(machine: Machine, method: str, path: str) -> None:
    assert_error(machine, 405, "methodNotAllowed", method, path, None)


@pytest.mark.parametrize("path", [wire.LOANS, wire.RETURNS])
@pytest.mark.parametrize("key", [None, "", "short", "x" * 65, "a space is not in an id"])
def test_a_loan_or_return_without_a_proper_key_is_a_bad_request(machine: Machine, path: str, key: str | None) -> None:
    body = {"materialItemNumber": "1"} | ({"patronId": "1"} if path == wire.LOANS else {})
    headers = {} if key is None else {"Idempotency_Key": key}
    assert_error(machine, 400, "badRequest", "POST", path, body, **headers)


def test_an_unknown_patron_is_not_found(machine: Machine) -> None:
    body = {"patronId": CANARY, "materialItemNumber": seed.BOOK.item}
    assert_error(machine, 404, "dataNotFound", "POST", wire.LOANS, body, Idempotency_Key=KEY)


NAMES = (
    "libraryCardNumber pincode patronId materialItemNumber queueEpoch keys events eventId sequence kind occurredAt "
    "monotonicS bootId clockSynced keyId sealed wrapped"
)
names = st.sampled_from(NAMES.split())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.just("2026-11-24T09:30:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=9),
    max_leaves=20,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from([wire.AUTHENTICATE, ADMISSIONS, wire.LOANS, wire.RETURNS, wire.EVENTS]),
    st.dictionaries(names, values, max_size=9),
)
def test_no_question_however_odd_is_a_fault_of_the_store(machine: Machine, path: str, body: dict[str, object]) -> None:
    reply = machine.ask("POST", path, body, Idempotency_Key=KEY)
    assert reply.status in (200, 400, 404, 422)


@pytest.mark.parametrize(
    "sent",
    [
        b"\0%s\r\n\r\n",
        b"GET /%s HTTP/9.9\r\n\r\n",
        b"POST /v1/loans HTTP/1.1\r\n%s 1: 1\r\n\r\n",
        b"POST /v1/loans HTTP/1.1\r\nContent-Length: -%s\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nX: " + b"%s" + b"x" * 9000 + b"\r\n\r\n",
    ],
    ids=["no method", "another version", "no header", "no length", "a long header"],
)
def test_bytes_that_are_no_http_are_refused_and_not_repeated(machine: Machine, library: Library, sent: bytes) -> None:
    port = int(library.address.rsplit(":", 1)[1])
    context = pki.client_context(machine.bundle / "ca.pem", identity(machine.bundle))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(sent % CANARY.encode())
        response = http.client.HTTPResponse(line)
        response.begin()
        said = response.read()
    assert response.status == 400
    assert json.loads(said)["errorCode"] == "badRequest"
    assert CANARY.encode() not in said
    assert "aiohttp" not in str(response.headers)
    assert machine.ask("GET", wire.STATUS).status == 200


def test_two_keys_are_no_key(machine: Machine) -> None:
    """Behind a proxy that reads the other one, it would be another loan."""
    line = machine._dial()
    line.putrequest("POST", wire.RETURNS)
    body = json.dumps({"materialItemNumber": "999"}).encode()
    for name, value in ((wire.IDEMPOTENCY_KEY, KEY), (wire.IDEMPOTENCY_KEY, KEY), ("Content-Length", str(len(body)))):
        line.putheader(name, value)
    line.endheaders(body)
    with closing(line), line.getresponse() as response:
        assert (response.status, json.loads(response.read())["errorCode"]) == (400, "badRequest")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (wire.AUTHENTICATE, {"library_card_number": CANARY, "pincode": "1234"}),
        (wire.RETURNS, {"material_item_number": "999"}),
        (wire.EVENTS, {"queueEpoch": "1", "keys": [{"key_id": "1", "wrapped": ""}], "events": []}),
    ],
)
def test_a_field_has_the_contracts_name_alone(machine: Machine, path: str, body: object) -> None:
    assert_error(machine, 400, "badRequest", "POST", path, body, Idempotency_Key=KEY)


# --- a database that is away ---------------------------------------------------------------------


@pytest.fixture
def own_database(monkeypatch: pytest.MonkeyPatch) -> list[Database | PostgresDatabase]:
    """Of the stores that are started from now on."""
    opened: list[Database | PostgresDatabase] = []

    def remembered(home: Home) -> Database | PostgresDatabase:
        opened.append(open_database(home))
        return opened[-1]

    monkeypatch.setattr(start, "open_database", remembered)
    return opened


@in_a_file
def test_while_nothing_can_be_written_a_machine_is_told_to_come_again_and_keeps_its_question(
    own_database: list[Database], library: Library, machine: Machine
) -> None:
    beside = own_database[0].read
    beside(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON")).result()
    reply = machine.bring_back(seed.BOOK.item, KEY)
    assert (reply.status, reply.said["errorCode"]) == (503, "storeUnavailable")
    assert int(reply.headers["Retry-After"]) > 0
    with closing(RestStore(library.address, machine.bundle, 20.0, system_clock)) as client:
        with pytest.raises(DeviceFault) as silent:
            client.checkin(seed.BOOK.item, EventId(KEY))
        assert silent.value.fault is Fault.STORE_SILENT
    beside(lambda connection: connection.exec_driver_sql("PRAGMA query_only = OFF")).result()
    assert machine.bring_back(seed.BOOK.item, KEY).status == 200


def test_a_full_disk_is_no_bug(tmp_path: Path) -> None:
    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE full (x)")
        for _ in range(100):
            connection.exec_driver_sql("INSERT INTO full VALUES (randomblob(4000))")

    with closing(Database(tmp_path / "store.sqlite")) as database:
        pages = database.read(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one()).result()
        database.read(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 10}")).result()
        problem = database.write(fill).exception()
    assert problem is not None
    assert (is_away(problem), is_full(problem)) == (True, True)


@pytest.mark.parametrize(
    ("problem", "away"),
    [
        (DatabaseLost("gone"), True),
        (OSError(errno.ENOSPC, "full"), True),
        (ConnectionResetError(errno.ECONNRESET, "reset"), False),
        (DatabaseError("PostgreSQL refused: SQLSTATE 23505"), False),
        (KeyError("x"), False),
    ],
)
def test_what_is_away_is_told_from_a_bug(problem: Exception, away: bool) -> None:
    assert is_away(problem) is away


@pytest.mark.parametrize("said", [b"PRI * HTTP/2.0", *(b"GET /v1/status" + v for v in (b"", *VERSIONS))])
def test_another_version_of_http_is_not_spoken(machine: Machine, library: Library, said: bytes) -> None:
    port = int(library.address.rsplit(":", 1)[1])
    context = pki.client_context(machine.bundle / "ca.pem", identity(machine.bundle))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(said + b"\r\nHost: x\r\n\r\n")
        heard = b""
        with suppress(OSError):
            heard = line.recv(100)
    assert not heard or (heard.startswith(b"HTTP/1.") and heard[8:13] == b" 400 ")
    assert machine.ask("GET", wire.STATUS).status == 200


# --- answers and log ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", [wire.LOANS, "/nowhere"])
def test_an_expectation_that_nobody_knows_is_refused_in_the_stores_form(machine: Machine, path: str) -> None:
    reply = machine.ask("POST", path, {}, Expect="canary-4711")
    assert (reply.status, set(reply.said)) == (400, {"correlationId", "errorCode", "message"})
    assert (reply.said["errorCode"], reply.headers["Server"]) == ("badRequest", "natugle")
    assert b"canary" not in reply.body
    assert machine.ask("GET", wire.STATUS).status == 200


def test_a_machine_that_asks_before_it_sends_its_body_is_told_to_go_on(machine: Machine) -> None:
    reply = machine.ask("POST", wire.RETURNS, {"materialItemNumber": "999"}, Expect="100-continue", Idempotency_Key=KEY)
    assert reply.said["refusal"] == "notFound"


def test_the_replica_holds_what_a_branch_needs_when_the_store_is_silent(machine: Machine, library: Library) -> None:
    answer = wire.ReplicaAnswer.model_validate_json(
        machine.ask("GET", wire.REPLICA.replace("{branchId}", seed.ULFBORG)).body
    )
    assert (answer.branch_id, answer.name, answer.minimum_age, answer.loan_days) == ("DK-766103", "Ulfborg", 15, 30)
    assert answer.unstaffed == "Mo-Su 07:00-22:00; PH 08:00-20:00"
    assert answer.as_of == library.clock.wall


@pytest.mark.parametrize("branch", [seed.VINDERUP, "DK-999999"])
def test_a_machine_may_ask_about_its_own_branch_only(machine: Machine, branch: str) -> None:
    assert machine.ask("GET", wire.REPLICA.replace("{branchId}", branch)).status == 404
    assert machine.admission(seed.ADULT.number, seed.ADULT.pin.reveal(), branch).status == 404


def test_a_request_leaves_one_line_of_closed_words(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        reply = machine.admission(CANARY, "98761234")
        machine.ask("GET", f"/v1/{CANARY}?pin=98761234")
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "central"]
    assert [line.pop("ms") >= 0 for line in lines] == [True, True]
    assert lines[0] == {
        "method": "POST",
        "route": wire.ADMISSIONS,
        "status": 200,
        "correlation": reply.headers["X-RequestId"],
        "device": "ulfborg-1",
    }
    assert lines[1]["route"] == "none"
    assert CANARY not in caplog.text
    assert "98761234" not in caplog.text


def test_a_fault_of_the_store_is_told_without_its_text(
    machine: Machine, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_database(library.home)) as database:
        database.write(lambda connection: connection.exec_driver_sql("DROP TABLE lockouts")).result()
    with caplog.at_level(logging.INFO):
        reply = machine.authenticate(CANARY, "98761234")
    assert (reply.status, reply.said["errorCode"]) == (500, "internalError")
    assert CANARY not in caplog.text
    assert any(name in caplog.text for name in ("OperationalError", "DatabaseError"))


def test_another_machine_is_answered_while_pins_are_checked(library: Library, machine: Machine) -> None:
    """Four PINs wait for two threads; the status does not wait for them: it is answered before the last of them."""
    order: list[str] = []
    askers = [library.machine(f"asker-{n}") for n in range(4)]

    def ask(asker: Machine, number: int) -> None:
        asker.authenticate(f"card-{number}", "1234")
        order.append("pin")

    machine.ask("GET", wire.STATUS)
    threads = [threading.Thread(target=ask, args=(asker, n)) for n, asker in enumerate(askers)]
    for thread in threads:
        thread.start()
    machine.ask("GET", wire.STATUS)
    order.append("status")
    for thread in threads:
        thread.join()
    assert order[-1] == "pin"


def test_a_machine_of_an_unknown_branch_is_not_enrolled(library: Library, tmp_path: Path) -> None:
    arguments = ["enrol", "--dir", str(library.home.directory), "--device", "x", "--branch", "DK-1"]
    assert main([*arguments, "--out", str(tmp_path / "x")], system_clock, never) == 1
    assert not (tmp_path / "x").exists()
    assert BranchId("DK-1") != seed.ULFBORG
