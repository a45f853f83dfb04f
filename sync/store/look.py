"""A look into a unit's file by somebody else, who leaves nothing beside it: no lock, no WAL of another user.

Not responsible for: what is looked at (rows.py).
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.store import damage
from sync.store.connection import Statements, looking
from sync.store.file import is_held


@contextmanager
def look(path: Path) -> Iterator[Statements]:
    """Beside the unit that has it open, else at a copy of the newest version. Raises DeviceFault, OSError."""
    with TemporaryDirectory() as folder, looking(_at_rest(path, Path(folder))) as statements:
        yield statements


def _at_rest(path: Path, folder: Path) -> Path:
    """A copy of a file that is closed; the file itself, when a unit has it open or opens it meanwhile."""
    if _is_open(path):
        return path
    for name in (path.name, f"{path.name}-wal"):
        if path.with_name(name).exists() or name == path.name:
            shutil.copy(path.with_name(name), folder)
    if _is_open(path):
        return path
    copy = folder / path.name
    damage.fit(copy)  # of an older version, or damaged: the copy is brought up, and saved
    return copy


def _is_open(path: Path) -> bool:
    """A unit that waits beside a file of a newer version holds it without opening it."""
    return is_held(path) and path.with_name(f"{path.name}-wal").exists()
