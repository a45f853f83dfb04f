"""./dev, in a folder of its own: with a `uv` that only notes that it was called, and a system that lacks what we say.

Not responsible for: whether uv, pip and apt do their work; a clean clone on CI shows that.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = shlex.quote(sys.executable)
TOOLS = (
    *("bash", "cat", "chmod", "dirname", "flock", "getconf", "id", "mkdir", "mktemp"),
    *("readlink", "rm", "sed", "sha256sum", "sort", "touch", "uname"),
)

# Makes a .venv whose python notes what it was asked to run; only the probe for libraries is really run.
FAKE_UV = f"""#!/bin/bash
if [[ $1 == --version ]]; then echo "uv 0"; exit; fi
echo "sync in $PWD" >>"$CALLS"
if [[ -e $CALLS.broken ]]; then exit 1; fi
mkdir -p .venv/bin
cat >.venv/bin/python <<'END'
#!/bin/bash
case $1 in -) exec {PYTHON} "$@" ;; -c) ;; *) echo "ran $*" >>"$CALLS" ;; esac
END
chmod +x .venv/bin/python
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clone in `root`, and `bin`, the only folder on its PATH."""

    root: Path
    bin: Path
    calls: Path

    def env(self) -> dict[str, str]:
        return {"PATH": str(self.bin), "CALLS": str(self.calls), "HOME": str(self.root.parent)}

    def dev(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "dev", *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=self.env(),
            cwd=cwd or self.root,
            stdin=subprocess.DEVNULL,
        )

    def called(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def has(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, tools = tmp_path / "a clone", tmp_path / "bin"
    root.mkdir()
    tools.mkdir()
    shutil.copy(ROOT / "dev", root)
    (root / "pyproject.toml").write_text("", encoding="utf-8")
    (root / "uv.lock").write_text("one", encoding="utf-8")
    for tool in TOOLS:
        (tools / tool).symlink_to(str(shutil.which(tool)))
    new = Checkout(root, tools, tmp_path / "calls")
    new.has("uv", FAKE_UV)
    new.has("python3", f'#!/bin/bash\nexec {PYTHON} "$@"\n')
    return new


def test_without_arguments_it_says_what_it_can_do_and_makes_nothing(checkout: Checkout) -> None:
    said = checkout.dev()
    for command in ("demo", "test", "check", "bench", "screens", "setup"):
        assert f"./dev {command}" in said.stdout
    assert (said.returncode, said.stderr, checkout.called()) == (0, "", [])
    assert "\x1b" not in said.stdout


def test_an_unknown_command_is_named_and_nothing_is_made(checkout: Checkout) -> None:
    said = checkout.dev("tset")
    assert (said.returncode, checkout.called()) == (2, [])
    assert "'tset'" in said.stderr


def test_the_first_start_makes_the_environment_and_the_second_is_silent(checkout: Checkout) -> None:
    first = checkout.dev("setup")
    assert (first.returncode, checkout.called()) == (0, [f"sync in {checkout.root}"]), first.stderr
    second = checkout.dev("setup")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(checkout.called()) == 1


def test_it_is_made_again_when_the_lock_file_changes(checkout: Checkout) -> None:
    checkout.dev("setup")
    (checkout.root / "uv.lock").write_text("two", encoding="utf-8")
    checkout.dev("setup")
    assert len(checkout.called()) == 2


def test_a_setup_that_failed_is_tried_again_the_next_time(checkout: Checkout) -> None:
    broken = Path(f"{checkout.calls}.broken")
    broken.touch()
    assert checkout.dev("demo").returncode == 1
    assert checkout.called() == [f"sync in {checkout.root}"]
    broken.unlink()
    assert checkout.dev("demo").returncode == 0
    assert checkout.called()[-1] == "ran -m kiosk demo"


def test_two_starts_at_once_make_it_once(checkout: Checkout) -> None:
    starts = [
        subprocess.Popen([checkout.root / "dev", "setup"], env=checkout.env(), stderr=subprocess.DEVNULL)
        for _ in range(4)
    ]
    assert [start.wait() for start in starts] == [0, 0, 0, 0]
    assert len(checkout.called()) == 1


def test_it_works_from_anywhere_and_passes_arguments_on_as_they_are(checkout: Checkout, tmp_path: Path) -> None:
    checkout.dev("demo", "--headless", "two words", cwd=tmp_path)
    checkout.dev("bench", "*")
    assert checkout.called() == [
        f"sync in {checkout.root}",
        "ran -m kiosk demo --headless two words",
        "ran -m tests.bench *",
    ]


def test_slow_tests_run_only_when_asked_for(checkout: Checkout) -> None:
    checkout.dev("test", "-x")
    checkout.dev("test", "--slow", "-x")
    assert checkout.called()[1:] == ["ran -m pytest -m not slow -x", "ran -m pytest -x"]


def test_every_part_of_the_check_runs_though_one_fails(checkout: Checkout) -> None:
    checkout.dev("setup")
    (checkout.root / ".venv/bin/python").write_text(
        '#!/bin/bash\necho "$2" >>"$CALLS"\n[[ $2 != mypy ]] || { echo "a wrong type"; exit 1; }\n', encoding="utf-8"
    )
    (checkout.root / ".venv/bin/lint-imports").symlink_to("python")
    said = checkout.dev("check")
    assert said.returncode == 1
    assert "    a wrong type" in said.stdout.splitlines()
    verdicts = [line.split()[:2] for line in said.stdout.splitlines() if line.startswith("  ") and line[2] != " "]
    parts = ["format", "lint", "types", "layers", "screens", "units"]
    assert verdicts == [[part, "FAILED" if part == "types" else "ok"] for part in parts]


def test_without_rights_it_prints_the_one_line_to_run(checkout: Checkout) -> None:
    checkout.has("id", "#!/bin/bash\necho 1000\n")
    checkout.has("sudo", "#!/bin/bash\nexit 1\n")
    checkout.has("apt-get", '#!/bin/bash\necho apt-get >>"$CALLS"\n')
    script = checkout.root / "dev"
    script.write_text(script.read_text("utf-8").replace("libEGL.so.1=", "libNoSuch.so.1="), encoding="utf-8")
    said = checkout.dev("setup")
    assert (said.returncode, checkout.called()) == (1, [])
    assert "sudo apt-get install -y --no-install-recommends libegl1" in said.stderr
    assert "libgl1" not in said.stderr.split()


def test_a_python_that_is_too_old_is_said_in_one_sentence(checkout: Checkout) -> None:
    checkout.has("python3", "#!/bin/bash\n[[ $1 != --version ]] || echo Python 3.9.2\n[[ $1 != -c ]] || echo 3.9\n")
    said = checkout.dev("test")
    assert (said.returncode, checkout.called()) == (1, [])
    assert said.stderr == "dev: Python 3.11, 3.12 or 3.13 is needed, and Python 3.9.2 is here\n"


def test_the_lint_half_stays_quick_for_the_hook_before_a_commit(checkout: Checkout) -> None:
    checkout.dev("check", "--quick")
    assert checkout.called()[1:] == ["ran -m ruff format --check", "ran -m ruff check"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed here")
@pytest.mark.parametrize("script", ["dev", ".ci/run"])
def test_shellcheck_has_nothing_to_say(script: str) -> None:
    said = subprocess.run(["shellcheck", ROOT / script], check=False, capture_output=True, text=True)
    assert said.stdout == ""
    assert os.access(ROOT / script, os.X_OK)
