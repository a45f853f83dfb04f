"""What is typed wrongly, or cannot be done: one sentence, and nothing is changed by it."""

import errno
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from kiosk.loop import Clock, system_clock
from sync import pki
from sync.central import command, seed
from sync.central.command import main
from sync.central.schema import branches, versions
from sync.central.start import Home, open_database
from sync.rest import enrol
from tests.sync.central.library import HandClock, in_a_file

FINGERPRINT = "sha256:" + "0" * 64


def never(_path: Path) -> Clock:
    return HandClock()


def run(*arguments: str) -> int:
    try:
        return main(arguments, system_clock, never)
    except SystemExit as ended:
        return int(str(ended.code))


def says(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    said = capsys.readouterr()
    assert said.out == ""
    assert sentence in said.err
    assert "Traceback" not in said.err


# --- folders ------------------------------------------------------------------------------------


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    pki.make_directory(there)
    assert stat.S_IMODE(there.stat().st_mode) == 0o755
    assert stat.S_IMODE(pki.make_directory(tmp_path / "new" / "one").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o1777, 0o757])
def test_no_key_is_laid_where_anybody_may_write(tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int) -> None:
    out = tmp_path / "shared"
    out.mkdir()
    out.chmod(mode)
    assert run("serve", "--dir", str(out)) == 1
    says(capsys, "anybody may write into")
    arguments = ("--store", "https://127.0.0.1:1", "--ca", FINGERPRINT, "--code-file", "-")
    assert enrol.main([*arguments, "--out", str(out)]) == 1
    says(capsys, "anybody may write into")
    assert (list(out.iterdir()), stat.S_IMODE(out.stat().st_mode)) == ([], mode)


@in_a_file
def test_a_bundle_is_not_laid_among_other_things_that_others_may_see(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "etc"
    out.mkdir()
    out.chmod(0o755)
    (out / "passwd").touch()
    machine = ("enrol", "--dir", str(home.directory), "--device", "door", "--branch", seed.ULFBORG)
    assert run(*machine, "--out", str(out)) == 1
    says(capsys, "holds other things")
    arguments = ("--store", "https://127.0.0.1:1", "--ca", FINGERPRINT, "--code-file", "-")
    assert enrol.main([*arguments, "--out", str(out)]) == 1
    says(capsys, "holds other things")
    assert ([path.name for path in out.iterdir()], stat.S_IMODE(out.stat().st_mode)) == (["passwd"], 0o755)
    (out / "passwd").unlink()
    assert run(*machine, "--out", str(out)) == 0
    assert run(*machine, "--out", str(out)) == 0  # its own things are no others


@pytest.mark.parametrize("act", ["serve", "show-loans"])
def test_an_empty_folder_is_none(capsys: pytest.CaptureFixture[str], act: str) -> None:
    assert run(act, "--dir", "") == 2
    says(capsys, "a folder is named")


def test_an_empty_folder_for_a_bundle_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        enrol.main(["--store", "https://127.0.0.1:1", "--ca", FINGERPRINT, "--code-file", "-", "--out", ""])
    says(capsys, "a folder is named")


# --- branches and machines ----------------------------------------------------------------------


def hours(home: Home, branch: str) -> tuple[str, str, str]:
    query = select(branches).where(branches.c.branch_id == branch)
    with closing(open_database(home)) as database:
        row = database.read(lambda connection: connection.execute(query).one()).result()
    return row.name, row.staffed, row.unstaffed


def test_a_branchs_hours_stay_unless_they_are_named(home: Home) -> None:
    name, staffed, unstaffed = hours(home, seed.ULFBORG)
    assert "off" not in (staffed, unstaffed)
    change = ("add-branch", "--dir", str(home.directory), "--branch", seed.ULFBORG, "--name")
    assert run(*change, "Ulfborg By") == 0
    assert hours(home, seed.ULFBORG) == ("Ulfborg By", staffed, unstaffed)
    assert run(*change, name, "--staffed", "Mo 10:00-12:00") == 0
    assert hours(home, seed.ULFBORG) == (name, "Mo 10:00-12:00", unstaffed)
    assert run(*change, name, "--unstaffed", "off") == 0
    assert hours(home, seed.ULFBORG) == (name, "Mo 10:00-12:00", "off")


@pytest.mark.parametrize(
    ("branch", "name", "sentence"),
    [
        ("", "Ulfborg", "an ISIL is"),
        ("DK 1", "Ulfborg", "an ISIL is"),
        ("DK-" + "1" * 14, "Ulfborg", "an ISIL is"),
        ("DK/1", "Ulfborg", "an ISIL is"),
        ("DK-1", "", "a branch's name has"),
        ("DK-1", "   ", "a branch's name has"),
        ("DK-1", "x" * 101, "a branch's name has"),
    ],
)
def test_a_branch_has_an_isil_and_a_name(
    home: Home, capsys: pytest.CaptureFixture[str], branch: str, name: str, sentence: str
) -> None:
    assert run("add-branch", "--dir", str(home.directory), "--branch", branch, "--name", name) == 1
    says(capsys, sentence)


@pytest.mark.parametrize("name", ["a/b|c", "", "x" * 65, "x y", "æ"])
@pytest.mark.parametrize("act", ["enrol", "enrol-code"])
def test_a_machines_name_is_the_same_whichever_way_it_is_let_in(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], act: str, name: str
) -> None:
    more = ("--out", str(tmp_path / "bundle")) if act == "enrol" else ()
    assert run(act, "--dir", str(home.directory), "--device", name, "--branch", seed.ULFBORG, *more) == 1
    says(capsys, "a machine's name is")
    assert not (tmp_path / "bundle").exists()


# --- serve --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option",
    [("--port", "99999"), ("--port", "-1"), ("--sip-port", "70000"), ("--enrol-port", "1e3"), ("--port", "")],
    ids=" ".join,
)
def test_a_port_is_within_its_range(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    assert run("serve", "--dir", str(tmp_path / "store"), *option) == 2
    says(capsys, "a whole number from 0 to 65535")
    assert list(tmp_path.iterdir()) == []


def test_a_refusals_number_is_within_its_range(begun: Home, capsys: pytest.CaptureFixture[str]) -> None:
    resolve = ("staff", "resolve", "--dir", str(begun.directory), "--as", "x", "--refusal")
    for number in (str(10**23), "0", "-1", "x"):
        assert run(*resolve, number) == 2
        says(capsys, "a whole number from 1 to 2147483647")


@pytest.mark.parametrize("name", ["æøå", "", "a b", "-x", "x" * 64 + ".dk", "a..b"])
@pytest.mark.parametrize("option", ["--name", "--host"])
def test_a_name_that_no_machine_could_reach_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    assert run("serve", "--dir", str(tmp_path / "store"), f"{option}={name}") == 1
    says(capsys, "an IP address or a DNS name")
    assert list(tmp_path.iterdir()) == []


def test_a_clock_file_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("serve", "--dir", str(tmp_path / "store"), "--clock-file", str(tmp_path / "clock")) == 1
    says(capsys, "is not there")
    assert list(tmp_path.iterdir()) == []


# --- what the system refuses --------------------------------------------------------------------


def test_what_the_system_refuses_is_told_with_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert run("serve", "--dir", str(tmp_path / "file" / "store")) == 1
    says(capsys, f"{tmp_path / 'file' / 'store'}: Not a directory")


def test_a_full_disk_is_told_in_words(
    begun: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_home: Home) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(command, "_loans", full)
    assert run("show-loans", "--dir", str(begun.directory)) == 1
    says(capsys, "kiosk central: the disk is full\n")


def test_a_store_of_another_version_says_what_to_do(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(open_database(home)) as database:
        database.write(lambda connection: connection.execute(update(versions).values(version=1)).rowcount).result()
    assert run("show-loans", "--dir", str(home.directory)) == 1
    says(capsys, "use the program that made it, or begin a new store in another directory")


# --- kiosk enrol --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("store", "code", "sentence"),
    [
        ("https://bøger.example:8444", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
        ("https://a..b:8444", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
        ("https://" + "x" * 64 + ":8444", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
        ("https://a b:8444", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
        ("https://store:0", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
        ("https://[::1:8444", b"7K3M-9QXT-2VBN-HD4R", "--store is an address"),
    ],
)
def test_an_odd_address_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], store: str, code: bytes, sentence: str
) -> None:
    (tmp_path / "code").write_bytes(code)
    wanted = ("--store", store, "--ca", FINGERPRINT, "--code-file", str(tmp_path / "code"))
    assert enrol.main([*wanted, "--out", str(tmp_path / "bundle")]) == 1
    says(capsys, sentence)


@pytest.mark.parametrize(
    "code",
    [b"\xff\xfe7K3M", b"7K3M-9QXT-2VBN-HD4\xe6", b"\x00" * 16, "7K3M–9QXT–2VBN–HD4R".encode(), b"7K3M", b"7" * 17],
)
def test_what_is_no_code_is_told_without_repeating_it(code: bytes, tmp_path: Path) -> None:
    (tmp_path / "code").write_bytes(code)
    with pytest.raises(enrol.EnrolError, match="a code is 16 letters and digits"):
        enrol._code(str(tmp_path / "code"))
