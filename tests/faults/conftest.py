"""Every test here may put a line into one table, which is printed when pytest is done."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.tally import Line, table

_IN_MEMORY = Path("/dev/shm")
_LINES = pytest.StashKey[list[Line]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "faults: many faults, one after the other; ./dev faults")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long ones only when they are asked for by name: `./dev test --slow` is not meant to take an hour."""
    if "faults" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[Line], None]:
    """Puts a line into the table."""
    return request.config.stash.setdefault(_LINES, []).append


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder whose syncs cost nothing, where there is one."""
    if not _IN_MEMORY.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=_IN_MEMORY) as folder:
        yield Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_LINES, []):
        terminalreporter.write_sep("-", "faults")
        terminalreporter.write_line(table(lines))
