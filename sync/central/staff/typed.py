"""What staff type besides the command line: cards, CPR numbers and PINs, which no screen shows, notes and fields.

    a terminal   asks, without echo where it is a secret; what cannot be is said and asked for again
    a pipe       one line for each, in the same order; what cannot be ends the command

Not responsible for: what is done with it.
"""

import getpass
import sys
from collections.abc import Callable

from kiosk.model import Credential, Pin
from sync.central.patrons import wallet
from sync.central.patrons.record import cpr_number
from sync.central.staff.said import CommandError

_LONGEST_NOTE = 2000
_LONGEST_LINE = 500

Flaw = Callable[[str], str]  # what is wrong with what was typed, in a sentence that does not repeat it; empty: nothing


def card() -> Credential:
    """A card's number from the reader, the keyboard or a pipe."""
    return Credential(_asked(_secret, "card: ", _flaw_in_card))


def cpr() -> str:
    """A CPR number, or nothing."""
    return cpr_number(_asked(_secret, "CPR number, which is the health card's (may be empty): ", _flaw_in_cpr)) or ""


def optional_card() -> Credential | None:
    """A card's number, or nothing."""
    number = _asked(_secret, "library card (may be empty): ", lambda said: said and _flaw_in_card(said))
    return Credential(number) if number else None


def pin() -> Pin:
    """Typed twice by the patron. Raises CommandError when the two differ."""
    first = Pin(_asked(_secret, "PIN: ", _flaw_in_pin))
    if first != Pin(_asked(_secret, "PIN again: ", lambda _said: "")):
        raise CommandError("the two PINs are not the same; nothing is changed")
    return first


def field(label: str, flaw: Flaw) -> str:
    """One line that may be seen."""
    return _asked(_line, f"{label}: ", flaw)


def note() -> str:
    """A text from standard input; an empty one takes the note away."""
    said = _typed(lambda: sys.stdin.read(_LONGEST_NOTE + 1)).strip()
    if len(said) > _LONGEST_NOTE:
        raise CommandError(f"a note has at most {_LONGEST_NOTE} characters")
    if not all(letter.isprintable() or letter == "\n" for letter in said):
        raise CommandError("a note is plain text")
    return said


def _flaw_in_card(said: str) -> str:
    if not said:
        return "no card's number was given"
    return "" if wallet.is_number(said) else "a card's number has letters, digits and hyphens"


def _flaw_in_cpr(said: str) -> str:
    return "" if not said or cpr_number(said) else "this is no CPR number"


def _flaw_in_pin(said: str) -> str:
    return "" if wallet.is_pin(Pin(said)) else "a PIN is four digits"


# --- a terminal or a pipe -----------------------------------------------------------------------


def _asked(read: Callable[[str], str], prompt: str, flaw: Flaw) -> str:
    while True:
        said = _typed(lambda: read(prompt)).strip()
        wrong = flaw(said) if said.isprintable() else "what was typed is no text"
        if not wrong:
            return said
        if not sys.stdin.isatty():
            raise CommandError(wrong)
        print(wrong, file=sys.stderr)


def _secret(prompt: str) -> str:
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline(_LONGEST_LINE)


def _line(prompt: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline(_LONGEST_LINE)
    print(prompt, end="", file=sys.stderr, flush=True)
    said = sys.stdin.readline(_LONGEST_LINE)
    if not said:
        raise EOFError
    return said


def _typed(read: Callable[[], str]) -> str:
    try:
        return read()
    except UnicodeDecodeError:
        raise CommandError("what was typed is not UTF-8") from None
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)  # the prompt's line is not ended
        raise CommandError("given up; nothing is changed") from None
