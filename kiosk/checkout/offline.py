"""May this be lent while the store is silent? Pure; the site decides who, what the store last told decides the rest.

    certain clock, list young enough, no closing day --> whom the site lends to --> this card --> not too many --> due

A card on the store's block list borrows nothing, whatever the site says. An item's number tells neither its material
group nor an age limit, so one length of loan holds for all; what the store would have refused, staff meet in its list.
Not responsible for: what the store later makes of it (the outbox keeps its refusals for staff).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, unique
from typing import assert_never

from kiosk.checkout.line import Lent, Lines, Trouble
from kiosk.hours import today
from kiosk.model import Now, Standing

_AHEAD = timedelta(hours=1)  # of ours the store's clock may be; more, and one of them is wrong


@unique
class Lends(Enum):
    """Who may borrow while the store is silent."""

    NOBODY = "nobody"
    SEEN = "seen"  # whose card this machine has lately seen with its right PIN
    EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Branch:
    """What the store last told of this branch. as_of: when, by its own clock."""

    as_of: datetime
    loan_days: int
    closings: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class OfflineRules:
    """most: items of one visit. loan_days: the site's own; None takes the branch's. oldest: of what the store told."""

    lends: Lends = Lends.NOBODY
    most: int = 10
    loan_days: int | None = None
    oldest: timedelta = timedelta(days=3)
    branch: Branch | None = None


@dataclass(frozen=True, slots=True)
class MayLend:
    due: date


@dataclass(frozen=True, slots=True)
class MayNot:
    why: Trouble


def open_to(rules: OfflineRules, now: Now) -> Lends:
    """Who may borrow at this moment. A clock that is not certain makes no due dates, and no age of a list."""
    branch = rules.branch
    if branch is None or not now.synced or today(now) in branch.closings:
        return Lends.NOBODY
    return rules.lends if -_AHEAD <= now.wall - branch.as_of <= rules.oldest else Lends.NOBODY


def may_lend(rules: OfflineRules, standing: Standing, lines: Lines, now: Now) -> MayLend | MayNot:
    """lines: what this patron has on the screen already."""
    if rules.branch is None or not _includes(open_to(rules, now), standing):
        return MayNot(Trouble.OFFLINE)
    if sum(isinstance(line.outcome, Lent) and line.outcome.offline for line in lines) >= rules.most:
        return MayNot(Trouble.ENOUGH)
    days = rules.branch.loan_days if rules.loan_days is None else rules.loan_days
    return MayLend(_open_day(today(now) + timedelta(days=days), rules.branch.closings))


def _includes(lends: Lends, standing: Standing) -> bool:
    match standing:
        case Standing.LISTED | Standing.UNTOLD:
            return False
        case Standing.SEEN:
            return lends is not Lends.NOBODY
        case Standing.STRANGER:
            return lends is Lends.EVERYBODY
        case _:
            assert_never(standing)


def _open_day(day: date, closings: frozenset[date]) -> date:
    """The day itself, or the first after it on which the branch is not closed all day, as the store has it."""
    while day in closings:
        day += timedelta(days=1)
    return day
