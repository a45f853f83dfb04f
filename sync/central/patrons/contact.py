"""What a patron may see and change of how the library reaches them: notices, absence, home branch.

    Changes -> flaw_in -> Flaw, or None: they may be written
    number, address    -> masked: enough to know one's own, too little for who looks over the shoulder

Not responsible for: the database (record.py), sending anything (messages/).
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, unique

from kiosk.model import BranchId

_MOBILE = re.compile(r"\+?[0-9]{8,15}")  # E.164 ends at 15 digits
# RFC 5321's dot-atoms, and never `=?`: who reads a header takes that for an encoded word, and reads what stands in it.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
_EMAIL = re.compile(rf"(?!.*=\?)(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_DOMAIN}")
_LONGEST_EMAIL = 254  # RFC 5321 4.5.3.1.3
_HIDDEN = "•••"


@unique
class Flaw(Enum):
    """Why a change is not made. Says which field, never what stood in it."""

    MOBILE = "mobileNotice"
    EMAIL = "emailNotice"
    ABSENCE = "absence"  # it ends before it begins
    BRANCH = "homeBranch"  # there is none of that name
    PATRON = "patron"  # there is none


@dataclass(frozen=True, slots=True)
class Absence:
    """Fraværsperiode: days on which no holds are filled. An end that is None is open; both: there is none."""

    first: date | None = None
    last: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the patron is away on `day`."""
        if self.first is None and self.last is None:
            return False
        return (self.first or date.min) <= day <= (self.last or date.max)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a patron changes on my page. None: as it was; empty: removed."""

    absence: Absence | None = None
    mobile_notice: str | None = field(default=None, repr=False)
    email_notice: str | None = field(default=None, repr=False)
    home_branch: BranchId | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """As my page shows it: masked. note: the library's, to the patron."""

    mobile_notice: str
    email_notice: str
    absence: Absence
    home_branch: BranchId
    note: str = field(default="", repr=False)


def flaw_in(changes: Changes) -> Flaw | None:
    """The first thing that cannot be so, whoever the patron is."""
    if changes.mobile_notice and not is_mobile(bare(changes.mobile_notice)):
        return Flaw.MOBILE
    if changes.email_notice and not is_email(changes.email_notice):
        return Flaw.EMAIL
    absence = changes.absence or Absence()
    if absence.first is not None and absence.last is not None and absence.last < absence.first:
        return Flaw.ABSENCE
    return None


def is_mobile(number: str) -> bool:
    """As it is kept."""
    return _MOBILE.fullmatch(number) is not None


def is_email(address: str) -> bool:
    """One mailbox, of signs that mean themselves in a mail's header."""
    return len(address) <= _LONGEST_EMAIL and _EMAIL.fullmatch(address) is not None


def bare(mobile: str) -> str:
    """A number as it is kept: without the spaces that people write in it."""
    return mobile.replace(" ", "")


def masked_mobile(mobile: str) -> str:
    """`••••••12`; as many dots for every number."""
    return f"{_HIDDEN}{_HIDDEN}{mobile[-2:]}" if mobile else ""


def masked_email(address: str) -> str:
    """`a•••@•••.dk`."""
    return f"{address[0]}{_HIDDEN}@{_HIDDEN}.{address.rpartition('.')[2]}" if address else ""
