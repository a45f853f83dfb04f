"""`kiosk central` as its users meet it: a real process, its words, its end."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.loop import Clock, system_clock
from sync import pki
from sync.central import seed
from sync.central.command import main
from sync.central.start import Home
from sync.rest import enrol, wire
from tests.sync.central.library import Library, Machine

PROGRAM = """
import sys
from datetime import datetime
from pathlib import Path
from kiosk.loop import system_clock
from kiosk.model import Now
from sync.central.command import main

def simulated(path):
    return lambda: Now(datetime.fromisoformat(path.read_text()), 0.0, synced=True)

sys.exit(main(sys.argv[1:], system_clock, simulated))
"""
ROOT = Path(__file__).parents[3]


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address, once it listens."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "serve", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert program.stdout is not None
    try:
        said = re.fullmatch(r"listening (https://127\.0\.0\.1:\d+)\n", program.stdout.readline())
        assert said is not None
        yield program, said[1]
    finally:
        if program.poll() is None:
            program.kill()
        program.communicate()


def never(_path: Path) -> Clock:
    raise AssertionError("no simulated clock here")


def run(*arguments: str) -> int:
    return main(arguments, system_clock, never)


def enrolled(directory: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = ("--device", "ulfborg-1", "--branch", seed.ULFBORG, "--out", str(bundle))
    assert run("enrol", "--dir", str(directory), *arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_answers_and_ends_cleanly(
    unbegun: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    with serving("--dir", str(unbegun.directory)) as (program, address):
        said = enrolled(unbegun.directory, tmp_path / "bundle", capsys)
        assert said == f"enrolled ulfborg-1 at DK-766103: {tmp_path / 'bundle'}\n"
        machine = Machine(address, tmp_path / "bundle")
        assert machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said["firstName"] == "Alma"
        program.send_signal(number)
        out, log = program.communicate(timeout=20)
        machine.hang_up()
    assert (program.returncode, out) == (0, "")
    assert '"route": "/v1/patrons/authenticate"' in log
    assert "Traceback" not in log
    assert not (unbegun.directory / "store.sqlite-wal").exists()


def test_a_store_begun_again_keeps_its_keys_and_its_machines(
    tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    enrolled(home.directory, tmp_path / "bundle", capsys)
    before = {path.name: path.read_bytes() for path in home.keys.iterdir()}
    with serving("--dir", str(home.directory)) as (_, address):
        machine = Machine(address, tmp_path / "bundle")
        assert machine.ask("GET", wire.STATUS).status == 200
        machine.hang_up()
    assert {path.name: path.read_bytes() for path in home.keys.iterdir()} == before


def test_the_time_of_a_file_is_taken_for_everything_but_certificates(
    tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clock").write_text("2031-05-05T10:00:00+00:00")
    enrolled(home.directory, tmp_path / "bundle", capsys)
    with serving("--dir", str(home.directory), "--clock-file", str(tmp_path / "clock")) as (_, address):
        machine = Machine(address, tmp_path / "bundle")
        status = wire.StatusAnswer.model_validate_json(machine.ask("GET", wire.STATUS).body)
        machine.hang_up()
    assert status.time.isoformat() == "2031-05-05T10:00:00+00:00"


def test_a_bundle_holds_what_a_machine_needs_and_keeps_its_key_to_itself(library: Library) -> None:
    bundle = library.machine().bundle
    assert sorted(path.name for path in bundle.iterdir()) == ["ca.pem", "device.key", "device.pem", "seal-public"]
    assert stat.S_IMODE((bundle / "device.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o700


def test_keys_lie_outside_the_database_for_their_owner_alone(begun: Home) -> None:
    assert stat.S_IMODE(begun.keys.stat().st_mode) == 0o700
    for secret in (begun.ca.key, begun.server.key, begun.seal_private, begun.pepper, begun.lookup):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert secret.read_bytes() not in begun.database.read_bytes()


def test_loans_are_shown_without_names(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show-loans", "--dir", str(home.directory)) == 0
    heads, *rows = capsys.readouterr().out.splitlines()
    assert heads.split() == ["item", "title", "lånernummer", "branch", "due"]
    assert rows == ["5010000004  Niels Lyhne  966482019    DK-766104  2026-12-13"]


def test_a_machine_can_be_shut_out_once(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.machine()
    directory = str(library.home.directory)
    assert run("revoke", "--dir", directory, "--device", "ulfborg-1") == 0
    assert run("revoke", "--dir", directory, "--device", "ulfborg-1") == 1
    assert capsys.readouterr().err == "kiosk central: no such machine, or revoked before\n"


@pytest.mark.parametrize("act", ["show-loans", "revoke", "enrol"])
def test_where_there_is_no_store_it_says_so_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], act: str
) -> None:
    more = {"revoke": ["--device", "x"], "enrol": ["--device", "x", "--branch", "y", "--out", str(tmp_path / "o")]}
    assert run(act, "--dir", str(tmp_path / "none"), *more.get(act, [])) == 1
    assert "kiosk central serve" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said_in_words(library: Library, tmp_path: Path) -> None:
    port = library.address.rsplit(":", 1)[1]
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve", "--dir", str(tmp_path / "other"), "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (program.returncode, program.stdout) == (1, "")
    assert program.stderr.startswith("kiosk central: ")
    assert "Traceback" not in program.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["enrol", "--help"], ["revoke", "--help"]])
def test_every_act_explains_itself(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 0
    assert "--" in capsys.readouterr().out


def test_an_empty_library_is_begun_without_people(unbegun: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with serving("--dir", str(unbegun.directory), "--seed-data", "none"):
        assert run("show-loans", "--dir", str(unbegun.directory)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_library_adds_its_own_branch_and_lets_a_machine_in(
    unbegun: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(unbegun.directory)
    with serving("--dir", store, "--seed-data", "none") as (_, address):
        branch = ("add-branch", "--dir", store, "--branch", "DK-799999", "--name", "Opdigt")
        assert run(*branch, "--unstaffed", "Mo-Su 08:00-21:00") == 0
        assert run(*branch, "--unstaffed", "Mo-Su 08:00-22:00") == 0  # changed its mind
        arguments = ("--device", "door", "--branch", "DK-799999", "--out", str(tmp_path / "bundle"))
        assert run("enrol", "--dir", store, *arguments) == 0
        machine = Machine(address, tmp_path / "bundle")
        answer = machine.ask("GET", wire.REPLICA.replace("{branchId}", "DK-799999")).said
        machine.hang_up()
    assert (answer["name"], answer["staffed"], answer["unstaffed"]) == ("Opdigt", "off", "Mo-Su 08:00-22:00")
    assert "staffed off; unstaffed Mo-Su 08:00-22:00" in capsys.readouterr().out


def test_hours_that_cannot_be_read_are_refused_with_the_place(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    branch = ("add-branch", "--dir", str(home.directory), "--branch", "DK-799999", "--name", "Opdigt")
    assert run(*branch, "--staffed", "Mandag 10-17") == 1
    assert "1 | Mandag" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["pepper", "lookup.key"])
def test_a_store_whose_key_is_lost_does_not_make_another(
    home: Home, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    (home.keys / key).unlink()
    assert run("serve", "--dir", str(home.directory)) == 1
    assert f"{key} in {home.keys} is gone" in capsys.readouterr().err
    assert not (home.keys / key).exists()


def test_the_enrolment_listener_opens_where_it_is_asked_for_and_says_so(
    unbegun: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # free again in a moment
    with serving("--dir", str(unbegun.directory), "--enrol-port", str(port)) as (program, address):
        assert program.stdout is not None
        assert program.stdout.readline() == f"enrolling https://127.0.0.1:{port}\n"
        arguments = ("--dir", str(unbegun.directory), "--device", "ulfborg-1", "--branch", seed.ULFBORG)
        assert run("enrol-code", *arguments) == 0
        (tmp_path / "code").write_text(capsys.readouterr().out.split()[1])
        ca = pki.fingerprint((unbegun.directory / "keys" / "ca.pem").read_bytes())
        wanted = ("--store", f"https://127.0.0.1:{port}", "--ca", f"sha256:{ca}", "--out", str(tmp_path / "bundle"))
        assert enrol.main([*wanted, "--code-file", str(tmp_path / "code")]) == 0
        machine = Machine(address, tmp_path / "bundle")
        assert machine.ask("GET", wire.STATUS).status == 200
        machine.hang_up()
