"""How long a loan runs and how often it may be renewed: material group x patron group; and no due date on which the
branch is closed all day.

Not responsible for: whether this patron may borrow (lending.py) or renew (renewing.py) now.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, select

from kiosk.model import BranchId, PatronId
from sync.central.schema import closings, loan_profiles, patrons
from sync.central.statement import Statement

_EVERY_GROUP = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """loan_days: from the day of lending. renewals: how many one loan may have."""

    loan_days: int
    renewals: int


_GROUP = select(patrons.c.patron_group).where(patrons.c.patron_id == bindparam("patron")).scalar_subquery()
_PROFILE = Statement(
    select(loan_profiles.c.loan_days, loan_profiles.c.renewals)
    .where(
        loan_profiles.c.material_group == bindparam("material"),
        loan_profiles.c.patron_group.in_((_GROUP, _EVERY_GROUP)),
    )
    .order_by((loan_profiles.c.patron_group == _EVERY_GROUP).asc())
    .limit(1)
)
_CLOSED = Statement(
    select(closings.c.day).where(closings.c.branch_id == bindparam("here"), closings.c.day >= bindparam("day"))
)


def profile(connection: Connection, patron: PatronId, material_group: str) -> Profile | None:
    """The row of the patron's own group, else the one for every group; None: such material is not lent."""
    row = _PROFILE.one(connection, patron=patron, material=material_group)
    return None if row is None else Profile(row.loan_days, row.renewals)


def open_day(connection: Connection, branch: BranchId, day: date) -> date:
    """The day itself, or the first after it on which the branch is not closed all day."""
    closed = {row.day for row in _CLOSED.all(connection, here=branch, day=day)}
    while day in closed:
        day += timedelta(days=1)
    return day
