"""How long a loan runs and how often it may be renewed: material group x patron group.

Not responsible for: whether this patron may borrow (lending.py) or renew (renewing.py) now.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from kiosk.model import PatronId
from sync.central.schema import loan_profiles, patrons

_EVERY_GROUP = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """loan_days: from the day of lending. renewals: how many one loan may have."""

    loan_days: int
    renewals: int


def profile(connection: Connection, patron: PatronId, material_group: str) -> Profile | None:
    """The row of the patron's own group, else the one for every group; None: such material is not lent."""
    group = select(patrons.c.patron_group).where(patrons.c.patron_id == patron).scalar_subquery()
    query = (
        select(loan_profiles.c.loan_days, loan_profiles.c.renewals)
        .where(
            loan_profiles.c.material_group == material_group, loan_profiles.c.patron_group.in_((group, _EVERY_GROUP))
        )
        .order_by((loan_profiles.c.patron_group == _EVERY_GROUP).asc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Profile(row.loan_days, row.renewals)
