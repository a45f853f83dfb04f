"""A folder on a disk that forgets at a power cut whatever was not synced, and what a cut at this moment would leave.

    written, not synced --sync of the file--> on the disk       names: made, moved, gone --sync of the folder--> kept

    at a cut: all that was synced, and of the rest any 512-byte sectors, the one or other of them torn; any change of
    names that was not synced, or all of them up to one.

More can be lost here than a journalling file system loses. The live files themselves are whole: the program under
test reads what it wrote. Not responsible for: who writes (cut_sqlite.py), what must have survived (the tests).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Written:
    at: int
    piece: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The file is this long now."""

    length: int


@dataclass(slots=True)
class Content:
    """Of one file, by whatever names."""

    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Written | Cut] = field(default_factory=list)

    def sync(self) -> None:
        for change in self.unsynced:
            _apply(self.synced, change)
        self.unsynced = []

    def survivor(self, rng: Random) -> bytes:
        """odds: of each sector; 0 and 1 are the two plain cases."""
        odds = rng.choice((0.0, 0.2, 0.5, 0.9, 1.0))
        left = bytearray(self.synced)
        for change in self.unsynced:
            for part in _parts(change):
                if rng.random() < odds:
                    _apply(left, _torn(part, rng))
        return bytes(left)


@dataclass(frozen=True, slots=True)
class Renaming:
    """One change of the names in a folder. gone, made: None where nothing is."""

    gone: Path | None
    made: Path | None
    content: Content | None = None


class Disk:
    """moment: called after each thing that happens to the disk; a cut may be looked at then."""

    def __init__(self, folder: Path, moment: Callable[["Disk"], None], keeps_names: bool = True) -> None:
        """keeps_names: False: a disk on which the sync of a folder does nothing."""
        self.folder, self._moment, self._keeps_names = folder, moment, keeps_names
        self._names: dict[Path, Content] = {}
        self._on_disk: dict[Path, Content] = {}
        self._unsynced: list[Renaming] = []
        self.syncs = 0
        for path in folder.iterdir():
            self._names[path] = self._on_disk[path] = Content(bytearray(path.read_bytes()))

    def holds(self, path: Path) -> bool:
        return path.parent == self.folder

    # --- what happens ---

    def made(self, path: Path) -> None:
        self._names[path] = Content()
        self._renamed(Renaming(None, path, self._names[path]))

    def linked(self, path: Path, other: Path) -> None:
        self._names[other] = self._names[path]
        self._renamed(Renaming(None, other, self._names[path]))

    def moved(self, path: Path, other: Path) -> None:
        self._names[other] = self._names.pop(path)
        self._renamed(Renaming(path, other, self._names[other]))

    def removed(self, path: Path) -> None:
        if self._names.pop(path, None) is not None:
            self._renamed(Renaming(path, None))

    def changed(self, path: Path, change: Written | Cut) -> None:
        self._names[path].unsynced.append(change)
        self._moment(self)

    def sync(self, path: Path) -> None:
        """Nothing where it is no file of this folder."""
        if path not in self._names:
            return
        self._names[path].sync()
        self.syncs += 1
        self._moment(self)

    def sync_folder(self) -> None:
        if self._keeps_names:
            for change in self._unsynced:
                _rename(self._on_disk, change)
            self._unsynced = []
        self._moment(self)

    def _renamed(self, change: Renaming) -> None:
        self._unsynced.append(change)
        self._moment(self)

    # --- a cut ---

    def cut(self, rng: Random, out: Path) -> None:
        """What the disk would hold if the power went now, in another folder."""
        names = dict(self._on_disk)
        for change in self._lucky(rng):
            _rename(names, change)
        for path, content in names.items():
            (out / path.name).write_bytes(content.survivor(rng))

    def _lucky(self, rng: Random) -> list[Renaming]:
        if rng.random() < 0.5:  # as a journal does
            return self._unsynced[: rng.randint(0, len(self._unsynced))]
        return [change for change in self._unsynced if rng.random() < 0.5]


def _rename(names: dict[Path, Content], change: Renaming) -> None:
    if change.gone is not None:
        names.pop(change.gone, None)
    if change.made is not None and change.content is not None:
        names[change.made] = change.content


def _apply(content: bytearray, change: Written | Cut) -> None:
    match change:
        case Cut(length):
            del content[length:]
        case Written(at, piece):
            content.extend(bytes(max(0, at - len(content))))
            content[at : at + len(piece)] = piece


def _parts(change: Written | Cut) -> list[Written | Cut]:
    """A write, sector by sector of the disk."""
    if isinstance(change, Cut):
        return [change]
    end = change.at + len(change.piece)
    edges = [change.at, *range(-(-(change.at + 1) // SECTOR) * SECTOR, end, SECTOR), end]
    return [Written(a, change.piece[a - change.at : b - change.at]) for a, b in pairwise(edges)]


def _torn(part: Written | Cut, rng: Random) -> Written | Cut:
    if isinstance(part, Cut) or rng.random() < 0.8:
        return part
    return Written(part.at, part.piece[: rng.randrange(len(part.piece) + 1)])


# --- what the program does beside SQLite ----------------------------------------------------------


def watched(disk: Disk) -> dict[str, Callable[..., int | None]]:
    """The calls of `os` that change names or sync, each telling the disk after it is done."""

    def opened(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        new = bool(flags & os.O_CREAT) and disk.holds(Path(path)) and not Path(path).exists()
        descriptor = real["open"](path, flags, mode, dir_fd=dir_fd)
        if new:
            disk.made(Path(path))
        return descriptor

    def unlinked(path: str | Path, *, dir_fd: int | None = None) -> None:
        real["unlink"](path, dir_fd=dir_fd)
        if disk.holds(Path(path)):
            disk.removed(Path(path))

    def replaced(path: str | Path, other: str | Path) -> None:
        real["replace"](path, other)
        if disk.holds(Path(path)):
            disk.moved(Path(path), Path(other))

    def synced(descriptor: int) -> None:
        real["fsync"](descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path == disk.folder:
            disk.sync_folder()
        else:
            disk.sync(path)

    real: dict[str, Callable[..., int]] = {name: getattr(os, name) for name in ("open", "unlink", "replace", "fsync")}
    return {"open": opened, "unlink": unlinked, "replace": replaced, "fsync": synced}
