"""What a branch's machines keep for when the store is silent: the branch's rules, and the cards that may not borrow.

    blocks, lost cards --refresh--> block_list: digest | listed, or no longer | number of the change
    cursor 0, none, or from a store that was ahead of this one --> the whole list, in parts
    cursor of an answer before                                 --> what changed since, oldest first, in parts

A card is told as a digest under a key of its own: who steals a machine can ask whether a card it has is on the list,
but reads no number off it. Rows are never taken away, so an old cursor misses nothing.
Not responsible for: who is blocked (patrons/), when it is refreshed (jobs.py), what a machine does with it.
"""

import hashlib
import hmac
from base64 import b64encode
from datetime import date, datetime

from sqlalchemy import Connection, insert, or_, select, update

from kiosk.model import BranchId
from sync.central.calendar import local_date
from sync.central.patrons.locks import Locks
from sync.central.schema import block_list, blocks, branches, cards, closings, cursor, texts
from sync.rest.wire import BlockList, BranchText, ClosingDate, ReplicaAnswer

MOST = 1000  # digests in one answer
_DIGEST = 16  # bytes


def digest_of(key: bytes, number: str) -> str:
    """Of a card's number, as the list has it."""
    return hmac.new(key, number.encode(), hashlib.sha256).digest()[:_DIGEST].hex()


def refresh(connection: Connection, locks: Locks) -> None:
    """Writes down which cards have come onto the list and which have left it, each change under its number."""
    blocked, listed = _blocked(connection, locks), _listed(connection)
    changes = [(digest, True) for digest in sorted(blocked - listed)]
    changes += [(digest, False) for digest in sorted(listed - blocked)]
    if not changes:
        return
    last = _last(connection)
    for number, (digest, is_listed) in enumerate(changes, last + 1):
        _put(connection, digest, listed=is_listed, changed=number)
    connection.execute(update(cursor).values(last=last + len(changes)))


def told(connection: Connection, locks: Locks, branch: BranchId, since: int, now: datetime) -> ReplicaAnswer:
    """branch: a known one. since: the cursor of the answer before, or 0."""
    row = connection.execute(select(branches).where(branches.c.branch_id == branch)).one()
    reached, changed = _changed(connection, locks, since)
    return ReplicaAnswer(
        as_of=now,
        branch_id=row.branch_id,
        name=row.name,
        staffed=row.staffed,
        unstaffed=row.unstaffed,
        minimum_age=row.minimum_age,
        loan_days=row.loan_days,
        cursor=reached,
        closing_dates=_closings(connection, branch, local_date(now)),
        texts=_texts(connection, branch),
        block_list=changed,
    )


def _changed(connection: Connection, locks: Locks, since: int) -> tuple[int, BlockList]:
    """The cursor that is reached with it, and what changed after `since`."""
    last = _last(connection)
    whole = not 0 < since <= last
    after = 0 if whole else since
    query = select(block_list).where(block_list.c.changed > after).order_by(block_list.c.changed).limit(MOST + 1)
    rows = connection.execute(query.where(block_list.c.listed) if whole else query).all()
    more, rows = len(rows) > MOST, rows[:MOST]
    changed = BlockList(
        key=b64encode(locks.lookup.block_list_key()),
        listed=tuple(row.digest for row in rows if row.listed),
        unlisted=tuple(row.digest for row in rows if not row.listed),
        whole=whole,
        more=more,
    )
    return (rows[-1].changed if more else last), changed


def _closings(connection: Connection, branch: BranchId, today: date) -> tuple[ClosingDate, ...]:
    query = select(closings).where(closings.c.branch_id == branch, closings.c.day >= today).order_by(closings.c.day)
    return tuple(ClosingDate(closing_date=row.day, description=row.reason) for row in connection.execute(query))


def _texts(connection: Connection, branch: BranchId) -> tuple[BranchText, ...]:
    query = select(texts).where(texts.c.branch_id == branch).order_by(texts.c.name, texts.c.language)
    return tuple(BranchText(name=row.name, language=row.language, text=row.text) for row in connection.execute(query))


# --- the block list -----------------------------------------------------------------------------


def _blocked(connection: Connection, locks: Locks) -> set[str]:
    """Digests of the cards that may not borrow. Raises ColumnError."""
    key = locks.lookup.block_list_key()
    of_blocked = select(blocks.c.reason).where(blocks.c.patron_id == cards.c.patron_id).exists()
    rows = connection.execute(select(cards.c.digest, cards.c.number_sealed).where(or_(cards.c.lost, of_blocked)))
    return {digest_of(key, locks.columns.open("card", row.digest, row.number_sealed)) for row in rows}


def _listed(connection: Connection) -> set[str]:
    return set(connection.execute(select(block_list.c.digest).where(block_list.c.listed)).scalars())


def _put(connection: Connection, digest: str, *, listed: bool, changed: int) -> None:
    there = update(block_list).where(block_list.c.digest == digest).values(listed=listed, changed=changed)
    if not connection.execute(there).rowcount:
        connection.execute(insert(block_list).values(digest=digest, listed=listed, changed=changed))


def _last(connection: Connection) -> int:
    number: int = connection.execute(select(cursor.c.last)).scalar_one()
    return number
