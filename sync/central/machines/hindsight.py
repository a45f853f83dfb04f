"""When that happened which a machine tells afterwards: as it says, unless its clock says what cannot be.

    clock set by the network      its own time
    clock not set                 its own time, but after all that is known of the item: in the order it was told
    later than now                now, for what lies in the future would be kept for ever

A return that seems older than the loan would be taken for one that was overtaken, and the loan would stay open for
ever. It is moved no further than it must be, so that nobody pays for the time it waited.
Not responsible for: what the machine said, which is kept as it came (intake.py).
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from kiosk.model import ItemId
from sync.central.schema import items, loans

_KNOWN = (
    select(items.c.seen_at, func.max(loans.c.lent_at).label("lent_at"))
    .select_from(items.outerjoin(loans))
    .where(items.c.item_id == bindparam("item"))
    .group_by(items.c.item_id)
)


def moment(connection: Connection, item: ItemId, said: datetime, now: datetime, *, synced: bool) -> datetime:
    """said: by the machine's clock. synced: the network had set it."""
    return min(said if synced else max((said, *_known(connection, item))), now)


def _known(connection: Connection, item: ItemId) -> tuple[datetime, ...]:
    """Its last loan, its last return."""
    row = connection.execute(_KNOWN, {"item": item}).one_or_none()
    return () if row is None else tuple(moment for moment in (row.lent_at, row.seen_at) if moment is not None)
