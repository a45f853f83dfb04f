"""Blocks: setting one and lifting it, by FBS's letter.

    O stolen card   U, F exclusion   S too many wrong PINs   W not yet seen by staff   E debt   D deceased

Not responsible for: what a block keeps a patron from (circulation/, kiosk/door/), telling machines (replica.py).
"""

from datetime import date

from sqlalchemy import Connection, bindparam, delete, insert, select

from kiosk.model import PatronId
from sync.central.schema import blocks
from sync.central.statement import Statement

_THAT = blocks.c.patron_id == bindparam("patron"), blocks.c.reason == bindparam("why")
_THERE, _LIFT = Statement(select(blocks.c.since).where(*_THAT)), Statement(delete(blocks).where(*_THAT))
_SET = Statement(insert(blocks))


def block(connection: Connection, patron: PatronId, reason: str, since: date) -> bool:
    """False: it stood already, and keeps its date."""
    if _THERE.one(connection, patron=patron, why=reason) is not None:
        return False
    _SET.run(connection, patron_id=patron, reason=reason, since=since)
    return True


def unblock(connection: Connection, patron: PatronId, reason: str) -> bool:
    """False: there was none."""
    return _LIFT.run(connection, patron=patron, why=reason) > 0
