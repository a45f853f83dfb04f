"""How a machine comes by its certificates: the first by a code, the next by the one before; over real TLS."""

import asyncio
import http.client
import json
import re
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from kiosk.loop import system_clock
from kiosk.model import DeviceId, Now
from sync import pki
from sync.central import seed, start
from sync.central.command import main as central
from sync.central.machines import devices
from sync.central.machines.devices import Device
from sync.central.schema import devices as allow_list
from sync.central.schema import enrolment_codes
from sync.central.start import Home
from sync.central.web.enrolment import WINDOW_S, WRONG, WrongCodes
from sync.central.web.entrance import MOST_AT_ADDRESS, Place
from sync.central.web.listener import listening
from sync.central.web.server import CentralServer
from sync.rest import enrol, wire
from tests.sync.central.library import HandClock, Library, Machine, laid_down

NAME = "ulfborg-door"


class ComputerClock:
    """The computer's own, which a test may put forward: certificates are judged by it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> Now:
        seen = system_clock()
        return replace(seen, wall=seen.wall + self.ahead)


class Gate:
    """A store with its enrolment listener open."""

    def __init__(self, home: Home) -> None:
        self.home, self.computer = home, ComputerClock()
        self.server = CentralServer(home, HandClock(), enrol_port=0, computer=self.computer)

    @property
    def ca(self) -> str:
        return f"sha256:{pki.fingerprint(self.home.ca.cert.read_bytes())}"

    def ask(self, method: str, path: str, body: object = None, source: str = "127.0.0.1") -> tuple[int, Any]:
        """Raw, as whoever finds the port."""
        host, port = self.server.enrol_address.removeprefix("https://").split(":")
        context = pki.checking_context(self.home.ca.cert.read_bytes())
        line = http.client.HTTPSConnection(host, int(port), context=context, timeout=20, source_address=(source, 0))
        try:
            line.request(method, path, body if isinstance(body, bytes) else json.dumps(body).encode())
            response = line.getresponse()
            said = response.read()
            return response.status, said if path == wire.CA else json.loads(said)
        finally:
            line.close()


@pytest.fixture
def gate(home: Home) -> Iterator[Gate]:
    gate = Gate(home)
    with gate.server:
        yield gate


def never(_path: Path) -> Any:
    raise AssertionError("no simulated clock here")


def code_for(home: Home, capsys: pytest.CaptureFixture[str], name: str = NAME, valid: str = "1h") -> str:
    arguments = ["enrol-code", "--dir", str(home.directory), "--device", name, "--branch", seed.ULFBORG]
    assert central([*arguments, "--valid", valid], system_clock, never) == 0
    said = capsys.readouterr().out
    code = re.search(r"^code  ((?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}) ", said, re.MULTILINE)
    assert code is not None
    return code[1]


def enrolled(gate: Gate, code: str, out: Path, ca: str = "") -> int:
    out.parent.joinpath("code").write_text(code + "\n")
    return enrol.main(
        [
            *("--store", gate.server.enrol_address, "--ca", ca or gate.ca, "--out", str(out)),
            *("--code-file", str(out.parent / "code")),
        ]
    )


def csr() -> str:
    return pki.new_request("whatever")[1].decode()


def rows(gate: Gate) -> list[Any]:
    return Library.rows(gate, allow_list)  # type: ignore[arg-type]  # only its home is looked at


# --- by a code ----------------------------------------------------------------------------------


def test_a_machine_enrols_by_a_code_and_is_answered(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    assert enrolled(gate, code_for(gate.home, capsys).lower().replace("-", " "), bundle) == 0
    assert capsys.readouterr().out == f"this machine is {NAME} at DK-766103: {bundle}\n"
    machine = Machine(gate.server.address, bundle)
    assert machine.ask("GET", wire.STATUS).status == 200
    machine.hang_up()
    assert sorted(path.name for path in bundle.iterdir()) == ["ca.pem", "device.key", "device.pem", "seal-public"]
    assert stat.S_IMODE((bundle / "device.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o700
    assert (bundle / "seal-public").read_bytes() == gate.home.seal_public.read_bytes()
    assert (bundle / "ca.pem").read_bytes() == gate.home.ca.cert.read_bytes()


def test_the_line_that_is_printed_is_the_line_to_type(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--dir", str(gate.home.directory), "--device", NAME, "--branch", seed.ULFBORG]
    central(["enrol-code", *arguments], system_clock, never)
    line = capsys.readouterr().out.splitlines()[-1].split()
    asked = enrol.parser().parse_args(line[2:])
    assert line[:2] == ["kiosk", "enrol"]
    assert (asked.store, asked.code_file, asked.ca) == ("https://localhost:8444", "-", gate.ca)


def test_a_code_is_good_once_and_a_second_run_leaves_the_files_alone(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, bundle = code_for(gate.home, capsys), tmp_path / "bundle"
    assert enrolled(gate, code, bundle) == 0
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert enrolled(gate, code, bundle) == 1
    assert capsys.readouterr().err == (
        "kiosk enrol: the store refused: this code has been used; make another at the store\n"
    )
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert len(rows(gate)) == 1


def test_a_code_used_twice_at_once_makes_one_certificate(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    code, together, heard = code_for(gate.home, capsys), threading.Barrier(4), list[int]()

    def use() -> None:
        together.wait()
        heard.append(gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": csr()})[0])

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [200, 403, 403, 403]
    assert len(rows(gate)) == 1


def test_a_code_runs_out(gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = code_for(gate.home, capsys, valid="15m")
    gate.computer.ahead = timedelta(minutes=15)
    assert enrolled(gate, code, tmp_path / "bundle") == 1
    assert "this code has run out" in capsys.readouterr().err
    gate.computer.ahead = timedelta(minutes=14)
    assert enrolled(gate, code, tmp_path / "bundle") == 0


def test_a_new_code_makes_the_one_before_it_void(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    before, now = code_for(gate.home, capsys), code_for(gate.home, capsys)
    other = code_for(gate.home, capsys, "ulfborg-counter")
    heard = [gate.ask("POST", wire.ENROLMENTS, {"code": c, "csr": csr()}) for c in (before, now, other)]
    assert [status for status, _ in heard] == [403, 200, 200]
    assert heard[0][1]["errorCode"] == "codeUnknown"


def test_the_store_says_the_name_whatever_the_request_says(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    _, request = pki.new_request("vinderup-door")
    code = code_for(gate.home, capsys)
    _, said = gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": request.decode()})
    subject = x509.load_pem_x509_certificate(said["certificate"].encode()).subject.rfc4514_string()
    assert (subject, said["device"]) == (f"CN={NAME}", NAME)


def test_enrolling_by_a_code_shuts_out_the_certificates_before(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for bundle in ("first", "second"):
        assert enrolled(gate, code_for(gate.home, capsys), tmp_path / bundle) == 0
    heard = []
    for bundle in ("first", "second"):
        machine = Machine(gate.server.address, tmp_path / bundle)
        heard.append(machine.ask("GET", wire.STATUS).status)
        machine.hang_up()
    assert heard == [401, 200]


def test_the_code_and_the_key_stand_nowhere_at_the_store(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    code = code_for(gate.home, capsys)
    with caplog.at_level("DEBUG"):
        enrolled(gate, code, tmp_path / "bundle")
    gate.server.stop()
    kept = laid_down(gate.home)
    for said in (code, code.replace("-", "")):
        assert said.encode() not in kept
        assert said not in caplog.text
    assert (tmp_path / "bundle" / "device.key").read_bytes()[60:120] not in kept


def guess(gate: Gate, from_address: str = "127.0.0.1", code: str = "wrong") -> int:
    return gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": csr()}, from_address)[0]


def test_ten_wrong_codes_close_the_door_for_their_address_alone(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    code = code_for(gate.home, capsys)
    assert [guess(gate) for _ in range(WRONG + 1)] == [403] * WRONG + [429]
    assert guess(gate, code=code) == 429
    assert guess(gate, "127.0.0.2", code) == 200


def test_guessing_from_many_addresses_is_bounded_in_all(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.central.web.enrolment.WRONG_IN_ALL", 6)
    heard = [guess(gate, f"127.0.0.{2 + turn // 2}") for turn in range(7)]
    assert heard == [403] * 6 + [429]


def test_wrong_codes_at_once_are_no_more_than_one_after_another(gate: Gate) -> None:
    heard, together = list[int](), threading.Barrier(2 * WRONG)

    def use() -> None:
        together.wait()
        heard.append(guess(gate))

    threads = [threading.Thread(target=use) for _ in range(2 * WRONG)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [403] * WRONG + [429] * WRONG


def test_right_codes_are_not_counted(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    for turn in range(WRONG + 2):
        assert guess(gate, code=code_for(gate.home, capsys, f"door-{turn}")) == 200


def test_wrong_codes_are_forgotten_after_a_minute() -> None:
    wrong = WrongCodes()
    assert all(wrong.begin("a", second) for second in range(WRONG))
    assert wrong.begin("a", WINDOW_S - 1) is None
    assert wrong.begin("b", WINDOW_S - 1) is not None
    assert wrong.begin("a", WINDOW_S) is not None
    assert wrong.begin("a", WINDOW_S) is None


def test_wrong_codes_that_come_slowly_close_nothing() -> None:
    wrong = WrongCodes()
    assert all(wrong.begin("a", turn * 7.0) for turn in range(3 * WRONG))


def test_connections_that_never_shake_hands_are_bounded_and_make_room_when_they_end(
    gate: Gate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.central.web.entrance._PATIENCE_S", 1000.0)
    host, port = gate.server.enrol_address.removeprefix("https://").split(":")
    code = code_for(gate.home, capsys)
    silent = [socket.create_connection((host, int(port)), 20) for _ in range(MOST_AT_ADDRESS + 5)]
    for one_too_many in silent[MOST_AT_ADDRESS:]:
        assert one_too_many.recv(1) == b""
    with pytest.raises((ConnectionError, ssl.SSLError)):
        guess(gate)
    for line in silent:
        line.close()
    assert first_answer(lambda: guess(gate, code=code)) == 200


def first_answer(ask: Callable[[], int]) -> int:
    """Asked until the store has seen that the lines have ended."""
    while True:
        with suppress(OSError):
            return ask()


# --- what the listener does not do --------------------------------------------------------------


def other_key(kind: str) -> str:
    key = ec.generate_private_key(ec.SECP384R1()) if kind == "P-384" else rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("kind", ["P-384", "RSA", "nothing", "a broken signature"])
def test_a_request_that_is_not_of_a_p_256_key_spends_no_code(
    gate: Gate, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    code = code_for(gate.home, capsys)
    if kind == "a broken signature":
        der = bytearray(ssl.PEM_cert_to_DER_cert(csr().replace("CERTIFICATE REQUEST", "CERTIFICATE")))
        der[-1] ^= 1
        bad = ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST")
    else:
        bad = "nothing" if kind == "nothing" else other_key(kind)
    status, said = gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": bad})
    assert (status, said["errorCode"]) == (400, "badRequest")
    assert gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": csr()})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", wire.STATUS, 404),
        ("POST", wire.AUTHENTICATE, 404),
        ("POST", wire.CERTIFICATES, 404),
        ("GET", "/", 404),
        ("POST", wire.CA, 405),
        ("GET", wire.ENROLMENTS, 405),
    ],
)
def test_nothing_else_is_served_there(gate: Gate, method: str, path: str, status: int) -> None:
    heard, _ = gate.ask(method, path, {})
    assert heard == status


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code":"1"}', b'{"code":"1","csr":"1","more":1}'])
def test_a_body_outside_the_contract_is_told_in_the_stores_form(gate: Gate, body: bytes) -> None:
    status, said = gate.ask("POST", wire.ENROLMENTS, body)
    assert (status, set(said)) == (400, {"correlationId", "errorCode", "message"})


def test_a_large_body_is_refused(gate: Gate) -> None:
    status, said = gate.ask("POST", wire.ENROLMENTS, b" " * 20_001)
    assert (status, said["errorCode"]) == (413, "bodyTooLarge")


def test_the_listener_is_closed_unless_it_is_asked_for(library: Library) -> None:
    assert library.server.enrol_address == ""


def test_a_port_that_is_taken_is_told_where_the_store_is_started(library: Library) -> None:
    port = int(library.address.rsplit(":", 1)[1])
    server = CentralServer(library.home, HandClock(), enrol_port=port)
    with pytest.raises(OSError, match="ddress already in use"):
        server.start()
    server.stop()


def test_a_connection_that_says_nothing_is_cut(begun: Home) -> None:
    """The time it may last is the listener's own; here it is short."""

    async def heard() -> bytes:
        place = Place("127.0.0.1", 0, pki.open_context(begun.server), longest_s=0.05)
        async with listening(web.Application(), place) as address:
            context = pki.checking_context(begun.ca.cert.read_bytes())
            reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rsplit(":", 1)[1]), ssl=context)
            try:
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.transport.abort()

    assert asyncio.run(asyncio.wait_for(heard(), 20)) == b""


def test_revoking_a_machine_makes_its_unused_code_void(gate: Gate, capsys: pytest.CaptureFixture[str]) -> None:
    code = code_for(gate.home, capsys)
    assert central(["revoke", "--dir", str(gate.home.directory), "--device", NAME], system_clock, never) == 0
    assert gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": csr()})[0] == 403


def test_the_log_says_which_machine_was_let_in(
    gate: Gate, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    code = code_for(gate.home, capsys)
    with caplog.at_level("INFO"):
        gate.ask("POST", wire.ENROLMENTS, {"code": code, "csr": csr()})
    assert json.loads(caplog.messages[-1])["device"] == NAME


# --- the machine's side -------------------------------------------------------------------------


def test_a_store_with_another_ca_is_sent_nothing(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = code_for(gate.home, capsys)
    assert enrolled(gate, code, tmp_path / "bundle", ca="sha256:" + "0" * 64) == 1
    assert "another fingerprint; nothing was sent" in capsys.readouterr().err
    assert list((tmp_path / "bundle").iterdir()) == []
    assert enrolled(gate, code, tmp_path / "bundle") == 0


def test_who_shows_the_right_ca_without_being_the_store_never_hears_the_code(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    validity = pki.Validity(system_clock().wall, 10)
    other = pki.make_ca(pki.make_directory(tmp_path / "other"), "Natugle CA", validity)
    pki.make_server(other, home.keys, ["127.0.0.1"], validity)
    gate = Gate(home)
    with gate.server, caplog.at_level("INFO"):
        assert enrolled(gate, "7K3M-9QXT-2VBN-HD4R", tmp_path / "bundle") == 1
    assert "certificate is not good" in capsys.readouterr().err
    assert wire.CA in caplog.text and wire.ENROLMENTS not in caplog.text


def test_a_folder_that_cannot_be_made_is_named_and_the_code_kept(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = code_for(gate.home, capsys)
    (tmp_path / "file").touch()
    (tmp_path / "code").write_text(code)
    arguments = ["--store", gate.server.enrol_address, "--ca", gate.ca, "--code-file", str(tmp_path / "code")]
    assert enrol.main([*arguments, "--out", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
    assert enrol.main([*arguments, "--out", str(tmp_path / "bundle")]) == 0


def test_of_several_certificates_only_the_checked_one_is_believed(tmp_path: Path) -> None:
    now = pki.Validity(system_clock().wall, 10)
    real, false = (pki.make_ca(pki.make_directory(tmp_path / name), "CA", now).cert.read_bytes() for name in "ab")
    assert pki.first_certificate(real + false) == real


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--store", "http://store:8444", "--store is an address"),
        ("--store", "https://store", "--store is an address"),
        ("--store", "https://store:99999", "--store is an address"),
        ("--ca", "sha256:12", "64 hex digits"),
        ("--ca", "md5:" + "0" * 64, "64 hex digits"),
        ("--code-file", "/nowhere/at/all", "No such file"),
        ("--code-file", "/dev/null", "no code was given"),
        ("--store", "https://127.0.0.1:1", "refused"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, says: str
) -> None:
    given = {"--store": gate.server.enrol_address, "--ca": gate.ca, "--out": str(tmp_path / "b"), "--code-file": "-"}
    given[option] = value
    assert enrol.main([word for pair in given.items() for word in pair]) == 1
    said = capsys.readouterr().err
    assert said.startswith("kiosk enrol: ") and says in said and said.count("\n") == 1


def test_the_main_listener_is_no_place_to_enrol(gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "code").write_text("x")
    arguments = ["--ca", gate.ca, "--out", str(tmp_path / "b"), "--code-file", str(tmp_path / "code")]
    assert enrol.main(["--store", gate.server.address, *arguments]) == 1
    assert "Traceback" not in capsys.readouterr().err


@given(st.text(max_size=300))
def test_no_text_is_a_request_by_chance(text: str) -> None:
    with pytest.raises(pki.PkiError):
        pki.check_request(text.encode("utf-8", "replace"))


@pytest.mark.parametrize("valid", ["14m", "25h", "0h", "1", "1d", "-1h", "", "99999h"])
def test_a_code_is_valid_for_a_quarter_to_a_day(begun: Home, capsys: pytest.CaptureFixture[str], valid: str) -> None:
    arguments = ["--dir", str(begun.directory), "--device", NAME, "--branch", seed.ULFBORG, f"--valid={valid}"]
    assert central(["enrol-code", *arguments], system_clock, never) == 1
    assert "15m to 24h" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "branch", "says"), [("x y", seed.ULFBORG, "name"), ("x", "DK-1", "no such branch")])
def test_a_code_is_for_a_machine_and_a_branch_there_are(
    home: Home, capsys: pytest.CaptureFixture[str], name: str, branch: str, says: str
) -> None:
    arguments = ["--dir", str(home.directory), "--device", name, "--branch", branch]
    assert central(["enrol-code", *arguments], system_clock, never) == 1
    assert says in capsys.readouterr().err
    assert Library.rows(Gate(home), enrolment_codes) == []  # type: ignore[arg-type]  # only its home is looked at


# --- the next certificate -----------------------------------------------------------------------


@contextmanager
def dialled(gate: Gate, bundle: Path) -> Iterator[Machine]:
    machine = Machine(gate.server.address, bundle)
    yield machine
    machine.hang_up()


@pytest.fixture
def bundle(gate: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert enrolled(gate, code_for(gate.home, capsys), tmp_path / "bundle") == 0
    return tmp_path / "bundle"


def renewed(machine: Machine, into: Path) -> Path:
    """A bundle with the next certificate, as the machine would keep it."""
    key, request = pki.new_request("x")
    reply = machine.ask("POST", wire.CERTIFICATES, {"csr": request.decode()})
    assert reply.status == 200
    pki.make_directory(into)
    files = (("device.key", key), ("device.pem", reply.said["certificate"].encode()))
    for name, content in (*files, ("ca.pem", (machine.bundle / "ca.pem").read_bytes())):
        pki.write_file(into / name, content)
    return into


def test_both_certificates_are_good_until_the_new_one_is_used(gate: Gate, bundle: Path, tmp_path: Path) -> None:
    with dialled(gate, bundle) as old, dialled(gate, renewed(old, tmp_path / "new")) as new:
        assert old.ask("GET", wire.STATUS).status == 200
        assert new.ask("GET", wire.STATUS).status == 200
        assert old.ask("GET", wire.STATUS).status == 401
        assert new.ask("GET", wire.STATUS).status == 200


def test_an_answer_that_is_lost_strands_nobody(gate: Gate, bundle: Path, tmp_path: Path) -> None:
    with dialled(gate, bundle) as old:
        lost = renewed(old, tmp_path / "lost")
        with dialled(gate, renewed(old, tmp_path / "new")) as new:
            assert new.ask("GET", wire.STATUS).status == 200
    for dead in (lost, bundle):
        with dialled(gate, dead) as machine:
            assert machine.ask("GET", wire.STATUS).status == 401
    assert [row.supersedes for row in rows(gate) if row.revoked_at is None] == [None]


def test_a_request_for_the_key_in_use_is_refused(gate: Gate, bundle: Path) -> None:
    key = serialization.load_pem_private_key((bundle / "device.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    with dialled(gate, bundle) as machine:
        assert machine.ask("POST", wire.CERTIFICATES, {"csr": pem}).status == 400
        assert machine.ask("POST", wire.CERTIFICATES, {"csr": "nothing"}).status == 400
    assert len(rows(gate)) == 1


def test_revoking_a_machine_shuts_out_the_certificate_it_has_not_used_yet(
    gate: Gate, bundle: Path, tmp_path: Path
) -> None:
    with dialled(gate, bundle) as old:
        new = renewed(old, tmp_path / "new")
        assert central(["revoke", "--dir", str(gate.home.directory), "--device", NAME], system_clock, never) == 0
        assert old.ask("POST", wire.CERTIFICATES, {"csr": csr()}).status == 401
    with dialled(gate, new) as machine:
        assert machine.ask("GET", wire.STATUS).status == 401


def test_a_certificate_that_is_revoked_while_it_is_renewed_renews_nothing(gate: Gate, bundle: Path) -> None:
    before = rows(gate)[0]
    now, device = system_clock().wall, Device(DeviceId(NAME), seed.ULFBORG)
    entry = devices.Certificate("0" * 64, now + timedelta(days=1))
    database = start.open_database(gate.home)
    database.write(lambda c: devices.revoke(c, device.device, now)).result()
    done = database.write(lambda c: devices.renew(c, device, before.fingerprint, entry, now)).result()
    database.close()
    assert done is False
    assert len(rows(gate)) == 1


def test_a_line_that_is_kept_open_does_not_outlive_its_certificate(gate: Gate, bundle: Path) -> None:
    ends = pki.ends_at(bundle / "device.pem")
    with dialled(gate, bundle) as machine:
        assert machine.ask("GET", wire.STATUS).status == 200
        gate.computer.ahead = ends - system_clock().wall - timedelta(minutes=1)
        assert machine.ask("GET", wire.STATUS).status == 200
        gate.computer.ahead += timedelta(minutes=1)
        assert machine.ask("GET", wire.STATUS).status == 401
