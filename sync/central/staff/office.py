"""Where staff's commands work: the store, this moment, and what was typed besides the command line.

Not responsible for: what a command does.
"""

import getpass
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from kiosk.model import Credential
from sync.central import start
from sync.central.patrons.locks import Locks
from sync.central.staff.said import CommandError
from sync.central.start import Home

ResultT = TypeVar("ResultT")

_LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Office:
    """A store that has been begun. now: the computer's."""

    home: Home
    now: datetime

    @property
    def locks(self) -> Locks:
        return start.locks(self.home)

    def write(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """In one transaction; works while the store runs."""
        with closing(start.open_database(self.home)) as database:
            return database.write(work).result()


def begun(home: Home) -> Home:
    """Raises CommandError."""
    if not home.is_begun:
        raise CommandError("there is no store in this directory; start it with: kiosk central serve")
    return home


def card() -> Credential:
    """A card's number from the reader, the keyboard or a pipe; on no command line, and on no screen."""
    number = (getpass.getpass("card: ") if sys.stdin.isatty() else _typed(sys.stdin.readline)).strip()
    if not 1 <= len(number) <= 64 or not number.isprintable():
        raise CommandError("no card's number was given")
    return Credential(number)


def note() -> str:
    """A text from standard input; an empty one takes the note away."""
    said = _typed(lambda: sys.stdin.read(_LONGEST_NOTE + 1)).strip()
    if len(said) > _LONGEST_NOTE:
        raise CommandError(f"a note has at most {_LONGEST_NOTE} characters")
    if not all(letter.isprintable() or letter == "\n" for letter in said):
        raise CommandError("a note is plain text")
    return said


def _typed(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnicodeDecodeError:
        raise CommandError("what was typed is not UTF-8") from None
