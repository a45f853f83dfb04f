"""May this be lent while the store is silent? Pure; the site decides.

Not responsible for: what the store later makes of it (the outbox keeps its refusals for staff).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, unique
from typing import assert_never

from kiosk.checkout.line import Lent, Lines
from kiosk.hours import COPENHAGEN
from kiosk.model import Now


@unique
class Lends(Enum):
    """Who may borrow while the store is silent."""

    NOBODY = "nobody"
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class OfflineRules:
    """most: items of one visit. loan_days: the due date given out, counted from today in Copenhagen."""

    lends: Lends = Lends.NOBODY
    most: int = 10
    loan_days: int = 28


@dataclass(frozen=True, slots=True)
class MayLend:
    due: date


@dataclass(frozen=True, slots=True)
class MayNot:
    pass


def may_lend(rules: OfflineRules, lines: Lines, now: Now) -> MayLend | MayNot:
    """lines: what this patron has on the screen already. A clock that is not certain makes no due dates."""
    match rules.lends:
        case Lends.NOBODY:
            return MayNot()
        case Lends.EVERYBODY:
            lent = sum(isinstance(line.outcome, Lent) and line.outcome.offline for line in lines)
            if not now.synced or lent >= rules.most:
                return MayNot()
            return MayLend(now.wall.astimezone(COPENHAGEN).date() + timedelta(days=rules.loan_days))
        case _:
            assert_never(rules.lends)
