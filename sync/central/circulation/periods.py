"""How long a loan runs and how often it may be renewed: material group x patron group.

Not responsible for: whether this patron may borrow (lending.py) or renew (renewing.py) now.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from kiosk.model import PatronId
from sync.central.schema import loan_profiles, patrons

_EVERY_GROUP = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """loan_days: from the day of lending. renewals: how many one loan may have."""

    loan_days: int
    renewals: int


_GROUP = select(patrons.c.patron_group).where(patrons.c.patron_id == bindparam("patron")).scalar_subquery()
_PROFILE = (
    select(loan_profiles.c.loan_days, loan_profiles.c.renewals)
    .where(
        loan_profiles.c.material_group == bindparam("material"),
        loan_profiles.c.patron_group.in_((_GROUP, _EVERY_GROUP)),
    )
    .order_by((loan_profiles.c.patron_group == _EVERY_GROUP).asc())
    .limit(1)
)


def profile(connection: Connection, patron: PatronId, material_group: str) -> Profile | None:
    """The row of the patron's own group, else the one for every group; None: such material is not lent."""
    row = connection.execute(_PROFILE, {"patron": patron, "material": material_group}).one_or_none()
    return None if row is None else Profile(row.loan_days, row.renewals)
