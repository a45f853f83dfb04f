"""Schemathesis asks the store everything that openapi.yaml lets it think of, over the real mutual TLS.

It lives in an environment of its own, made once from tests/contract/requirements.txt: what it depends on, we do not.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.central import seed
from sync.central.start import Home
from sync.rest import contract
from tests.sync.central.library import HandClock, Library, copy_of, first_start

ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "tests/contract/requirements.txt"
TOOLS = ROOT / ".venv-tools/schemathesis"
SETTINGS = Path(__file__).with_name("schemathesis.toml")
_INSTALL_S, _RUN_S = 180, 240


@pytest.fixture(scope="module")
def schemathesis() -> Path:
    """The program `st`, in the pinned version."""
    made = TOOLS / "made-from"
    if not made.exists() or made.read_text() != REQUIREMENTS.read_text():
        shutil.rmtree(TOOLS, ignore_errors=True)
        install: list[str | Path] = [
            TOOLS / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--requirement",
            REQUIREMENTS,
        ]
        try:
            subprocess.run([sys.executable, "-m", "venv", TOOLS], check=True, timeout=_INSTALL_S)
            subprocess.run(install, check=True, capture_output=True, timeout=_INSTALL_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip("schemathesis is not installed, and the package index is not to be reached")
        made.write_text(REQUIREMENTS.read_text())
    return TOOLS / "bin/st"


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Library]:
    """A store of its own: what is asked here changes much."""
    home: Home = copy_of(first_start(tmp_path / "first"), tmp_path / "store")
    library = Library(home, HandClock())
    yield library
    library.stop()


def test_the_store_keeps_its_contract_whatever_it_is_asked(schemathesis: Path, busy: Library, tmp_path: Path) -> None:
    machine = busy.machine()
    session = machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said["sessionKey"]
    run: list[str | Path] = [schemathesis, "--config-file", SETTINGS, "run", contract.FILE, "--url", busy.address]
    run += [
        "--exclude-tag",
        "enrolment",
        "--request-cert",
        machine.bundle / "device.pem",
        "--request-cert-key",
        machine.bundle / "device.key",
    ]
    run += ["--tls-verify", machine.bundle / "ca.pem", "--header", f"X-Session: {session}", "--no-color"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"}
    done = subprocess.run(
        run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=_RUN_S, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
