"""Each way in which a store or the way to it fails, told apart; each trap of `requests` that would loosen the pin.

Every test has a deadline of its own in the client; none asserts how long it took, but pytest's timeout bounds it.
"""

import socket
import ssl
import struct
import threading
from pathlib import Path

import certifi
import pytest

from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import EventId, ItemId
from sync import pki
from sync.rest import wire
from sync.rest.client import RestStore
from sync.rest.line import Address, Resolver
from tests.sync.rest.scripted import Act, Asked, Installation, Sock, answer, expired, says, store

STATUS = {"time": "2026-03-02T10:00:00+00:00", "version": "1"}
SHORT_S, LONG_S = 0.4, 10.0


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("theirs"))


def met(address: str, credentials: Path, deadline_s: float = LONG_S, resolver: Resolver | None = None) -> Fault | None:
    """The fault that one question for the status meets; None when it is answered."""
    asking = RestStore(address, credentials, deadline_s, system_clock, resolver)
    try:
        asking.status()
    except DeviceFault as fault:
        return fault.fault
    finally:
        asking.close()
    return None


def met_from(installation: Installation, act: Act, deadline_s: float = LONG_S) -> Fault | None:
    with store(installation.context(), act) as running:
        return met(running.address, installation.credentials, deadline_s)


# --- who is who -----------------------------------------------------------------------------------


def test_our_own_store_is_answered(installation: Installation) -> None:
    assert met_from(installation, says(STATUS)) is None


def test_a_store_of_another_ca_is_not_trusted(installation: Installation, foreign: Installation) -> None:
    with store(foreign.context(), says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NOT_TRUSTED


@pytest.mark.parametrize("names", [["elsewhere.example"], ["127.0.0.1"]])
def test_a_store_of_another_name_is_not_trusted(installation: Installation, tmp_path: Path, names: list[str]) -> None:
    validity = pki.Validity(system_clock().wall, 10)
    identity = pki.make_server(installation.ca, tmp_path, names, validity)
    with store(pki.server_context(installation.ca.cert, identity), says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NOT_TRUSTED


def test_an_expired_store_is_not_trusted(installation: Installation, tmp_path: Path) -> None:
    identity = pki.make_server(installation.ca, tmp_path, ["localhost"], expired())
    with store(pki.server_context(installation.ca.cert, identity), says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NOT_TRUSTED


def test_a_device_certificate_as_store_is_not_trusted(installation: Installation) -> None:
    """The CA signed it, but for clients only."""
    stolen = pki.Identity(installation.credentials / "device.pem", installation.credentials / "device.key")
    with store(pki.server_context(installation.ca.cert, stolen), says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NOT_TRUSTED


@pytest.mark.parametrize("attempt", range(20))
def test_a_machine_of_another_ca_knows_that_it_is_refused(
    installation: Installation, foreign: Installation, tmp_path: Path, attempt: int
) -> None:
    """Under TLS 1.3 this shows after the handshake; twenty times, for the alert races with our question."""
    folder = foreign.enrol("intruder", tmp_path)
    pki.write_file(folder / "ca.pem", installation.ca.cert.read_bytes())
    with store(installation.context(), says(STATUS)) as running:
        assert met(running.address, folder) is Fault.STORE_REFUSES_DEVICE
        asking = RestStore(running.address, folder, LONG_S, system_clock)
        with pytest.raises(DeviceFault) as caught:  # a question in two pieces, headers and body
            asking.checkin(ItemId("5001234567"), EventId("e" * 32))
        asking.close()
        assert caught.value.fault is Fault.STORE_REFUSES_DEVICE
        assert running.asked == []


def test_an_expired_machine_knows_that_it_is_refused(installation: Installation, tmp_path: Path) -> None:
    request = pki.make_request(tmp_path / "device.key", "old")
    pki.write_file(tmp_path / "device.pem", pki.sign_device(installation.ca, request, "old", expired()))
    pki.write_file(tmp_path / "ca.pem", installation.ca.cert.read_bytes())
    with store(installation.context(), says(STATUS)) as running:
        assert met(running.address, tmp_path) is Fault.STORE_REFUSES_DEVICE


@pytest.mark.parametrize("missing", ["device.pem", "device.key", "ca.pem"])
def test_a_machine_that_is_not_enrolled_starts_and_knows_it(
    installation: Installation, tmp_path: Path, missing: str
) -> None:
    folder = installation.enrol("machine-2", tmp_path)
    (folder / missing).unlink()
    assert met("https://localhost:9", folder) is Fault.STORE_REFUSES_DEVICE


@pytest.mark.parametrize("status", [401, 403])
def test_a_store_that_says_no_to_the_machine(installation: Installation, status: int) -> None:
    assert met_from(installation, says({"errorCode": "revoked"}, status)) is Fault.STORE_REFUSES_DEVICE


def test_a_store_without_tls_1_3_is_nonsense(installation: Installation) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(installation.server.cert, installation.server.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with store(context, says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NONSENSE


def test_a_portal_without_tls_is_nonsense(installation: Installation) -> None:
    """A captive portal answers in clear whatever it is asked."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def portal() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://portal.example\r\n\r\n")
                ended.wait(10)

        thread = threading.Thread(target=portal, daemon=True)
        thread.start()
        assert met(f"https://localhost:{listener.getsockname()[1]}", installation.credentials) is Fault.STORE_NONSENSE
        ended.set()
        thread.join(10)


# --- the pin cannot be loosened -------------------------------------------------------------------


def test_the_context_keeps_exactly_our_one_ca(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    build = pki.client_context

    def remembered(ca_cert: Path, identity: pki.Identity) -> ssl.SSLContext:
        made.append(build(ca_cert, identity))
        return made[-1]

    monkeypatch.setattr(pki, "client_context", remembered)
    assert met_from(installation, says(STATUS)) is None
    assert [len(context.get_ca_certs()) for context in made] == [1]
    assert made[0].minimum_version is ssl.TLSVersion.TLSv1_3
    assert made[0].verify_mode is ssl.CERT_REQUIRED
    assert made[0].check_hostname


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_no_environment_variable_brings_another_ca(
    installation: Installation, foreign: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(foreign.ca.cert))
    with store(foreign.context(), says(STATUS)) as running:
        assert met(running.address, installation.credentials) is Fault.STORE_NOT_TRUSTED


def test_no_environment_variable_brings_a_proxy(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert met_from(installation, says(STATUS)) is None


def test_no_netrc_brings_a_password(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with store(installation.context(), says(STATUS)) as running:
        met(running.address, installation.credentials)
        assert "authorization" not in running.asked[0].headers


def test_a_key_log_cannot_be_switched_on(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert met_from(installation, says(STATUS)) is None
    assert not (tmp_path / "keys").exists()


def test_certifi_would_bring_many(installation: Installation) -> None:
    """What the test above guards against is real: the bundle is there to be loaded."""
    folder = installation.credentials
    context = pki.client_context(folder / "ca.pem", pki.Identity(folder / "device.pem", folder / "device.key"))
    context.load_verify_locations(certifi.where())
    assert len(context.get_ca_certs()) > 50


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_nonsense_and_not_followed(installation: Installation, status: int) -> None:
    with store(installation.context(), says(STATUS)) as elsewhere:
        act = says({}, status, f"Location: {elsewhere.address}{wire.STATUS}\r\n")
        assert met_from(installation, act) is Fault.STORE_NONSENSE
        assert elsewhere.asked == []


# --- silence --------------------------------------------------------------------------------------


def test_nobody_listens(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert met(f"https://localhost:{port}", installation.credentials) is Fault.STORE_SILENT


def test_a_listener_that_never_shakes_hands(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"https://localhost:{deaf.getsockname()[1]}"
        assert met(address, installation.credentials, SHORT_S) is Fault.STORE_SILENT


def _held(sock: Sock, running_s: threading.Event, drops: bytes) -> None:
    for position in range(len(drops)):
        if running_s.wait(0.1):
            return
        sock.sendall(drops[position : position + 1])


def _dripping(installation: Installation, at_once: bytes, drops: bytes) -> Fault | None:
    """One byte each tenth of a second: never silent for long, never done before the deadline."""
    released = threading.Event()

    def drip(sock: Sock, _: Asked) -> bool:
        sock.sendall(at_once)
        _held(sock, released, drops)
        return False

    with store(installation.context(), drip) as running:
        fault = met(running.address, installation.credentials, SHORT_S)
        released.set()
    return fault


def test_a_body_of_one_byte_at_a_time_ends_with_the_deadline(installation: Installation) -> None:
    head, body = answer(STATUS).split(b"\r\n\r\n")
    assert _dripping(installation, head + b"\r\n\r\n", body) is Fault.STORE_SILENT


def test_headers_of_one_byte_at_a_time_end_with_the_deadline(installation: Installation) -> None:
    assert _dripping(installation, b"", answer(STATUS)) is Fault.STORE_SILENT


def test_headers_without_end_end_with_the_deadline(installation: Installation) -> None:
    assert _dripping(installation, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 50) is Fault.STORE_SILENT


def test_a_chunked_body_of_one_byte_at_a_time_ends_with_the_deadline(installation: Installation) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert _dripping(installation, head, b"1\r\n \r\n" * 50) is Fault.STORE_SILENT


def test_a_handshake_of_one_byte_at_a_time_ends_with_the_deadline(installation: Installation) -> None:
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            sock, _ = listener.accept()
            with sock:
                try:
                    _held(sock, released, b"\x16\x03\x03\x10\x00" + bytes(200))
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        address = f"https://localhost:{listener.getsockname()[1]}"
        assert met(address, installation.credentials, SHORT_S) is Fault.STORE_SILENT
        released.set()
        thread.join(10)


def test_a_store_that_hardly_reads_ends_with_the_deadline(installation: Installation) -> None:
    """A body larger than the buffers between us, of which each piece gets through in time, but never the whole."""
    ended, received = threading.Event(), []
    context = installation.context()
    listener = socket.create_server(("127.0.0.1", 0))

    def slow() -> None:
        raw, _ = listener.accept()
        with context.wrap_socket(raw, server_side=True) as sock:
            try:
                while not ended.wait(0.005) and (got := sock.recv(16_384)):
                    received.append(len(got))
            except OSError:
                return

    thread = threading.Thread(target=slow, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    asking = RestStore(f"https://localhost:{port}", installation.credentials, SHORT_S, system_clock)
    keys = tuple(wire.WrappedKey(key_id=str(n), wrapped=b"AAAA" * 50_000) for n in range(100))
    with pytest.raises(DeviceFault) as caught:
        asking.push(wire.EventsQuestion(queue_epoch="q", keys=keys, events=()))
    ended.set()
    asking.close()
    thread.join(10)
    listener.close()
    assert caught.value.fault is Fault.STORE_SILENT
    assert sum(received) < 20_000_000


def test_a_name_server_that_hangs_ends_with_the_deadline(installation: Installation) -> None:
    released = threading.Event()
    asked: list[str] = []

    def hanging(host: str, port: int) -> list[Address]:
        asked.append(host)
        released.wait(10)
        raise socket.gaierror

    resolver = Resolver(hanging)
    for _ in range(3):
        fault = met("https://store.example", installation.credentials, 0.05, resolver)
        assert fault is Fault.STORE_SILENT
    released.set()
    assert asked == ["store.example"]


def test_an_unknown_name_is_silence_and_is_asked_anew(installation: Installation) -> None:
    answers: list[list[Address]] = []

    def later(_: str, port: int) -> list[Address]:
        answers.append([])
        if len(answers) == 1:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    with store(installation.context(), says(STATUS)) as running:
        resolver = Resolver(later)
        assert met(running.address, installation.credentials, LONG_S, resolver) is Fault.STORE_SILENT
        assert met(running.address, installation.credentials, LONG_S, resolver) is None


def test_the_second_address_of_a_name_is_tried(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        dead = gone.getsockname()[1]

    def two(_: str, port: int) -> list[Address]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", at)) for at in (dead, port)]

    with store(installation.context(), says(STATUS)) as running:
        assert met(running.address, installation.credentials, LONG_S, Resolver(two)) is None


@pytest.mark.parametrize("kept", [0, 1, 10, 40, 90, -1])
def test_an_answer_that_is_cut_is_silence(installation: Installation, kept: int) -> None:
    def cut(sock: Sock, _: Asked) -> bool:
        sock.sendall(answer(STATUS)[:kept])
        return False

    assert met_from(installation, cut) is Fault.STORE_SILENT


def test_a_reset_is_silence(installation: Installation) -> None:
    def reset(sock: Sock, _: Asked) -> bool:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    assert met_from(installation, reset) is Fault.STORE_SILENT


def test_a_chunked_body_that_is_cut_is_silence(installation: Installation) -> None:
    def cut(sock: Sock, _: Asked) -> bool:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")
        return False

    assert met_from(installation, cut) is Fault.STORE_SILENT


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_without_its_store_is_silence(installation: Installation, status: int) -> None:
    assert met_from(installation, says(b"<html>Bad gateway</html>", status)) is Fault.STORE_SILENT


# --- nonsense -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        says(b"<html><body>It works!</body></html>"),
        says(b"<html>Internal error</html>", 500),
        says({"errorCode": "x", "correlationId": "y", "message": "z"}, 422),
        says(STATUS, 404),
        says(STATUS, 204),
        says(b""),
        says(b"[]"),
        says(b"null"),
        says(b"\xff\xfe"),
        says({"version": "1"}),
        says({"time": "yesterday", "version": "1"}),
        says(b"[" * 100_000),
    ],
)
def test_an_answer_that_is_not_in_the_contract_is_nonsense(installation: Installation, act: Act) -> None:
    assert met_from(installation, act) is Fault.STORE_NONSENSE


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_is_no_http_is_nonsense(installation: Installation, raw: bytes) -> None:
    def act(sock: Sock, _: Asked) -> bool:
        sock.sendall(raw)
        return False

    assert met_from(installation, act) is Fault.STORE_NONSENSE


def _endless(head: bytes) -> Act:
    def act(sock: Sock, _: Asked) -> bool:
        sock.sendall(head)
        try:
            for _round in range(200):
                sock.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            return False
        return False

    return act


@pytest.mark.parametrize(
    "act",
    [
        says(b" " * (wire.MAX_BODY + 1)),
        _endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        _endless(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["length", "chunked", "until close"],
)
def test_a_body_without_measure_is_nonsense(installation: Installation, act: Act) -> None:
    assert met_from(installation, act) is Fault.STORE_NONSENSE


def test_a_body_of_exactly_the_cap_is_read_and_one_byte_more_is_not(installation: Installation) -> None:
    body = answer(STATUS).split(b"\r\n\r\n")[1].ljust(wire.MAX_BODY)
    assert met_from(installation, says(body)) is None
    assert met_from(installation, says(body + b" ")) is Fault.STORE_NONSENSE


def test_a_zipped_body_is_not_unpacked(installation: Installation) -> None:
    assert met_from(installation, says(STATUS, more="Content-Encoding: gzip\r\n")) is None


# --- after a fault --------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [says(b"<html>", 500), says(b" " * (wire.MAX_BODY + 1)), says(b"", 503)])
def test_the_next_call_is_not_spoilt_by_the_last(installation: Installation, bad: Act) -> None:
    with store(installation.context(), bad, says(STATUS)) as running:
        asking = RestStore(running.address, installation.credentials, LONG_S, system_clock)
        with pytest.raises(DeviceFault):
            asking.status()
        assert asking.status().version == "1"
        asking.close()


def test_a_late_answer_is_not_taken_for_the_next(installation: Installation) -> None:
    go = threading.Event()

    def late(sock: Sock, _: Asked) -> bool:
        go.wait(10)
        sock.sendall(answer(STATUS | {"version": "late"}))
        return True

    with store(installation.context(), late, says(STATUS)) as running:
        asking = RestStore(running.address, installation.credentials, SHORT_S, system_clock)
        with pytest.raises(DeviceFault):
            asking.status()
        go.set()
        assert asking.status().version == "1"
        asking.close()
