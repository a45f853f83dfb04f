"""The units: systemd reads them without a word, and each is as closed as was promised.

Not responsible for: whether they run; that takes a booted systemd and the hardware.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.__main__ import parser as program_parser
from sync.central.command import parser as central_parser

UNITS = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))

# Tenths of systemd's exposure level. Door and checkout pay 0.6 of theirs for reading whether the clock is synchronised
# (adjtimex), and 0.1 for the address list of the store.
MOST_EXPOSED = {"kiosk-lock": 6, "kiosk-door": 16, "kiosk-checkout": 17, "kiosk-central": 12}

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def said_by(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def directives(unit: Path) -> list[str]:
    return [line for line in unit.read_text(encoding="utf-8").splitlines() if "=" in line and line[0] != "#"]


def test_systemd_reads_every_unit_without_a_word(tmp_path: Path) -> None:
    for unit in [*SERVICES, *UNITS.glob("*.target")]:
        # The program is not installed here, and systemd-analyze looks for it.
        (tmp_path / unit.name).write_text(
            unit.read_text(encoding="utf-8").replace("/usr/bin/kiosk", "/usr/bin/true"), encoding="utf-8"
        )
    verdict = said_by("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir()))
    # systemd 252 returns 0 on an unknown key and only says so.
    assert (verdict.stderr, verdict.returncode) == ("", 0)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_no_unit_is_more_exposed_than_promised(unit: Path) -> None:
    limit = MOST_EXPOSED[unit.stem]
    verdict = said_by("systemd-analyze", "security", "--offline=true", f"--threshold={limit}", unit)
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_every_unit_comes_back_for_ever_and_never_dumps_its_memory(unit: Path) -> None:
    # The store says nothing to systemd yet: it is up when its process is.
    kind = "Type=exec" if unit.stem == "kiosk-central" else "Type=notify"
    assert {"Restart=always", "StartLimitIntervalSec=0", "LimitCORE=0", kind} <= set(directives(unit))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_every_command_of_a_unit_is_one_that_the_program_takes(unit: Path) -> None:
    commands = [
        line.partition("=/usr/bin/kiosk ")[2].split() for line in directives(unit) if "=/usr/bin/kiosk " in line
    ]
    assert commands
    for command in commands:
        parser = central_parser() if command[0] == "central" else program_parser()
        parser.parse_args(command[1:] if command[0] == "central" else command)


def test_the_lock_has_no_network_and_lets_the_strike_go_whatever_ends_it() -> None:
    wanted = {
        "ExecStartPre=/usr/bin/kiosk lock --release",
        "ExecStopPost=/usr/bin/kiosk lock --release",
        "WatchdogSec=2",
        "PrivateNetwork=yes",
        "RestrictAddressFamilies=AF_UNIX",
        "DevicePolicy=closed",
        "DeviceAllow=char-gpiochip rw",
    }
    lock = directives(UNITS / "kiosk-lock.service")
    assert wanted <= set(lock)
    assert [line for line in lock if line.startswith("DeviceAllow=")] == ["DeviceAllow=char-gpiochip rw"]


def test_the_lock_sees_the_true_user_of_whoever_asks() -> None:
    """In a user namespace of its own SO_PEERCRED would call everybody 65534."""
    assert not [line for line in directives(UNITS / "kiosk-lock.service") if line.startswith("PrivateUsers=")]


@pytest.mark.parametrize("name", ["kiosk-door", "kiosk-checkout"])
def test_units_that_know_a_clock_may_ask_whether_it_is_synchronised(name: str) -> None:
    """ProtectClock= forbids adjtimex(2) too, which only reads here: the bounding set is empty."""
    unit = set(directives(UNITS / f"{name}.service"))
    assert {"SystemCallFilter=adjtimex clock_adjtime", "CapabilityBoundingSet="} <= unit
    assert "ProtectClock=yes" not in unit


@pytest.mark.parametrize("name", ["kiosk-door", "kiosk-checkout"])
def test_units_that_keep_a_queue_keep_it_to_themselves_and_get_the_key_from_systemd(name: str) -> None:
    wanted = {"StateDirectoryMode=0700", "LoadCredential=device.key:/etc/kiosk/credentials/device.key"}
    assert wanted <= set(directives(UNITS / f"{name}.service"))


def test_every_user_of_a_unit_is_made_and_may_reach_its_devices(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    verdict = said_by("systemd-sysusers", f"--root={tmp_path}", UNITS / "kiosk-sysusers.conf")
    assert verdict.returncode == 0, verdict.stderr
    made = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text(encoding="utf-8").splitlines()}
    users = {line.removeprefix("User=") for unit in SERVICES for line in directives(unit) if line.startswith("User=")}
    assert made == users
    groups = [line.split(":") for line in (tmp_path / "etc/group").read_text(encoding="utf-8").splitlines()]
    members = {group[0]: set(group[3].split(",")) for group in groups}
    assert members["gpio"] == {"kiosk-door", "kiosk-lock"}
    assert members["dialout"] == {"kiosk-door", "kiosk-checkout"}
    assert members["kiosk"] == {"kiosk-lock", "kiosk-door", "kiosk-checkout"}


def test_only_root_reads_the_credentials_and_nobody_removes_anothers_socket(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    said_by("systemd-sysusers", f"--root={tmp_path}", UNITS / "kiosk-sysusers.conf")
    verdict = said_by("systemd-tmpfiles", f"--root={tmp_path}", "--create", UNITS / "kiosk-tmpfiles.conf")
    assert verdict.returncode == 0, verdict.stderr
    assert (tmp_path / "etc/kiosk/credentials").stat().st_mode & 0o7777 == 0o700
    assert (tmp_path / "run/kiosk").stat().st_mode & 0o7777 == 0o3770
