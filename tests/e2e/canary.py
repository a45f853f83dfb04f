"""Words that may stand nowhere: every invented patron's numbers, names and PIN, searched in every byte of a folder.

Names and lånernumre are looked for as whole words; a name under four letters only in text, for among random bytes it
stands by chance. PINs, being four digits, likewise in text only.

Not responsible for: what is in a picture.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sync.central import seed

_SHORT = 4  # letters
_TEXT = (".log", ".json", ".txt")


@dataclass(frozen=True, slots=True)
class Found:
    """what: which kind of word it is."""

    where: Path
    what: str


@dataclass(frozen=True, slots=True)
class _Canary:
    what: str
    pattern: re.Pattern[bytes]
    only_text: bool


def _canary(what: str, text: str, *, only_text: bool = False, whole: bool = True) -> _Canary:
    word = re.escape(text.encode())
    # The edges are those of base64 too: a certificate is full of four-letter words.
    pattern = rb"(?<![0-9A-Za-z+/])" + word + rb"(?![0-9A-Za-z+/=])" if whole else word
    return _Canary(what, re.compile(pattern), only_text)


def _of(person: seed.Person) -> list[_Canary]:
    first = person.first_name
    return [
        _canary("card number", person.number, whole=False),
        _canary("lånernummer", person.patron, whole=False),
        _canary("last name", person.last_name, whole=False),
        _canary("first name", first, only_text=len(first) < _SHORT),
        _canary("PIN", person.pin.reveal(), only_text=True),
    ]


PERSONS = [canary for person in seed.PATRONS for canary in _of(person)]
ITEMS = [_canary("item number", copy.item, whole=False) for copy in seed.ITEMS]
CARDS = [canary for canary in PERSONS if canary.what == "card number"]


def found(files: Iterable[Path], canaries: Iterable[_Canary] = (*PERSONS, *ITEMS)) -> list[Found]:
    """Every kind of word in every file that has it."""
    wanted = list(canaries)
    hits = {Found(path, what) for path in files for what in _in(path, wanted)}
    return sorted(hits, key=lambda hit: (str(hit.where), hit.what))


def _in(path: Path, canaries: list[_Canary]) -> set[str]:
    content, is_text = path.read_bytes(), path.suffix in _TEXT
    return {c.what for c in canaries if (is_text or not c.only_text) and c.pattern.search(content)}


def files_of(*places: Path) -> list[Path]:
    """All files in these folders, and these files; no sockets and links."""
    under = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return sorted(path for path in under if path.is_file() and not path.is_symlink())


def left_by_machines(folder: Path) -> list[Path]:
    """Of a site: everything but the store's own folder."""
    return [path for path in files_of(folder) if folder / "store" not in path.parents]
