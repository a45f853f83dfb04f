"""The unit's one SQLite file: opened by one process, through one connection, so that what is committed is on the disk.

    unit.db                 tables of migrations/NNNN.sql, version in PRAGMA user_version
    unit.db-wal             the last commits (one fdatasync each); emptied by `erase`. Still there at a start: nobody
                            had closed the file, and every page of it is checked
    unit.db.lock            held while the file is open: SQLite before 3.51.3 can corrupt a WAL that two write
    unit.db.ballast         1 MiB thrown overboard by `make_room`: on a full disk SQLite cannot even delete
    unit.db.making, .next   the file's next version (versions.py); unit.db.DATE.broken/: a damaged one (damage.py)
    unit.db.orders/         what a technician asks for (orders.py)

Not responsible for: what the tables mean (outbox.py, replica.py). The kiosk's side imports sqlite3 here only.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.fault import DeviceFault, Fault
from sync.store import damage, versions
from sync.store.connection import Statements, faults, opened, sync_folder

PAGE = 4096  # bytes
MAX_PAGES = 16_384  # 64 MiB, some 100 000 events
BALLAST = 1_048_576  # bytes: room for the WAL, which a checkpoint needs a second time in the file
_LOCK_TRIES, _LOCK_PAUSE_S = 10, 0.05  # a technician's look holds it for less


class UnitFile:
    """Raises DeviceFault(OUTBOX_FULL) when there is no room, else DeviceFault(OUTBOX_BROKEN); never deletes a file.

    A file of a newer version stays as it is: whatever is asked of it raises DeviceFault(OUTBOX_NEWER).
    Any thread may use it; one at a time does.
    """

    def __init__(self, path: Path, max_pages: int = MAX_PAGES) -> None:
        self.path = path
        self._ballast = path.with_name(path.name + ".ballast")
        self._lock = threading.Lock()
        self.is_damaged = False  # found meanwhile: the next start sets it aside and saves what can be read
        try:
            self._held = _hold(path)
            try:
                self._connection = _open(path, max_pages)
            except BaseException:
                os.close(self._held)
                raise
        except OSError:
            raise DeviceFault(Fault.OUTBOX_BROKEN) from None
        self._take_ballast()

    @property
    def is_newer(self) -> bool:
        """A later program wrote it."""
        return self._connection is None

    @contextmanager
    def statements(self) -> Iterator[Statements]:
        """Each is on the disk when it has run."""
        if self._connection is None:
            raise DeviceFault(Fault.OUTBOX_NEWER)
        with self._lock, faults():
            try:
                yield Statements(self._connection)
            except sqlite3.DatabaseError as error:
                self.is_damaged = self.is_damaged or damage.is_damage(error)
                raise

    @contextmanager
    def transaction(self) -> Iterator[Statements]:
        """All of it is on the disk when the block ends, or nothing of it."""
        with self.statements() as statements, statements.together():
            yield statements

    def erase(self) -> bool:
        """Takes what was deleted out of the WAL too; False while a reader holds it: ask again."""
        with self.statements() as statements:
            ((busy, _, _),) = statements.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        self._take_ballast()
        return bool(busy == 0)

    def make_room(self) -> bool:
        """On a full disk, once: for taking out what was delivered, not for taking in more."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

    def _take_ballast(self) -> None:
        """Where the disk has no room for it the unit works without."""
        if self._ballast.exists() and self._ballast.stat().st_size == BALLAST:  # a cut leaves an empty one
            return
        try:
            _allocate(self._ballast)
        except OSError:
            self.make_room()

    def close(self) -> None:
        with self._lock, faults():
            if self._connection is not None:
                self._connection.close()
            os.close(self._held)


def is_held(path: Path) -> bool:
    """A unit has this file open now."""
    try:
        os.close(_locked(path, os.O_RDONLY))
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _open(path: Path, max_pages: int) -> sqlite3.Connection | None:
    """None: it is of a newer version."""
    versions.finish(path)
    if not damage.fit(path):
        return None
    with faults():
        connection = opened(path)
        connection.execute(f"PRAGMA max_page_count = {max_pages:d}")
    return connection


def _hold(path: Path) -> int:
    """Makes the file with its rights and takes the lock beside it. Raises OSError when another process has it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    sync_folder(path.parent)
    for _ in range(_LOCK_TRIES):
        try:
            return _locked(path, os.O_RDWR | os.O_CREAT)
        except BlockingIOError:
            threading.Event().wait(_LOCK_PAUSE_S)
    return _locked(path, os.O_RDWR | os.O_CREAT)


def _locked(path: Path, flags: int) -> int:
    """To be closed. Raises BlockingIOError when another has it."""
    held = os.open(f"{path}.lock", flags, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _allocate(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BALLAST)
    finally:
        os.close(descriptor)
