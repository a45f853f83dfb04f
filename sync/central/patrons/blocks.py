"""Blocks: setting one and lifting it, by FBS's letter.

    O stolen card   U, F exclusion   S too many wrong PINs   W not yet seen by staff   E debt   D deceased

Not responsible for: what a block keeps a patron from (circulation/, kiosk/door/), telling machines (replica.py).
"""

from datetime import date

from sqlalchemy import Connection, delete, insert, select

from kiosk.model import PatronId
from sync.central.schema import blocks


def block(connection: Connection, patron: PatronId, reason: str, since: date) -> bool:
    """False: it stood already, and keeps its date."""
    there = select(blocks.c.since).where(blocks.c.patron_id == patron, blocks.c.reason == reason)
    if connection.execute(there).first() is not None:
        return False
    connection.execute(insert(blocks).values(patron_id=patron, reason=reason, since=since))
    return True


def unblock(connection: Connection, patron: PatronId, reason: str) -> bool:
    """False: there was none."""
    lifted = delete(blocks).where(blocks.c.patron_id == patron, blocks.c.reason == reason)
    return connection.execute(lifted).rowcount > 0
