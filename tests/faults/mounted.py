"""File systems of a few megabytes, mounted for one test: one that fills up, one that goes read-only in the middle.

Not responsible for: what a unit makes of it (test_disk.py).
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small(folder: Path, mebibytes: int) -> Iterator[Path]:
    """In memory. Skips the test where mounting is not allowed."""
    folder.mkdir()
    _or_skip("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "natugle-test", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Card:
    """An ext4 file system in a file, which does at an error what Raspberry Pi OS's does: it goes read-only."""

    def __init__(self, image: Path, mebibytes: int) -> None:
        self._image, self.folder = image, image.with_name(f"{image.name}.mounted")
        self.folder.mkdir()
        with image.open("wb") as file:
            file.truncate(mebibytes << 20)
        _or_skip("mkfs.ext4", "-q", str(image))
        self.insert()

    def insert(self) -> None:
        _or_skip("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def fail(self) -> None:
        """As at an error of the medium; whoever writes meets one."""
        subprocess.run(["mount", "-o", "remount,abort", str(self.folder)], check=False, capture_output=True)

    def take_out(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def check(self) -> None:
        """As at the next start of the computer."""
        subprocess.run(["e2fsck", "-p", str(self._image)], check=False, capture_output=True)


def _or_skip(*argv: str) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        pytest.skip(f"{argv[0]} is not allowed here: {type(failure).__name__}")
