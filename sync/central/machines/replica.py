"""What a branch's machines keep for when the store is silent: the branch's rules, and the cards that may not borrow.

    blocks, lost cards --refresh--> block_list: digest | listed, or no longer | number of the change; only what is new
    no cursor, or one of another epoch --> the whole list, in parts
    cursor of an answer before         --> what changed since, oldest first, in parts

An epoch begins when a store starts, and after thirty days: a database that was brought back from a backup counts the
same numbers once more, and no machine takes them for those it knows. What is no longer listed goes with its epoch.
A card is told as a digest under a key of its own, which the machine has too: that keeps a number out of logs, copies
and sight. Who steals the machine with its disk can try every CPR number there may be, and learn which are listed.
Not responsible for: who is blocked (patrons/), when it is refreshed (jobs.py), what a machine does with it.
"""

import hashlib
import hmac
import json
import logging
import secrets
from base64 import b64encode
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, delete, exists, insert, or_, select, text, union, update

from kiosk.model import BranchId
from sync.central.calendar import local_date
from sync.central.patrons.column import ColumnError
from sync.central.patrons.locks import Locks
from sync.central.schema import block_list, blocks, branches, cards, closings, cursor, texts
from sync.rest.wire import BlockList, BranchText, ClosingDate, ReplicaAnswer

MOST = 1000  # digests in one answer
_DIGEST = 16  # bytes
_EPOCH = 8  # bytes
_EPOCH_LASTS = timedelta(days=30)

log = logging.getLogger("central.replica")


def digest_of(key: bytes, number: str) -> str:
    """Of a card's number, as the list has it."""
    return hmac.new(key, number.encode(), hashlib.sha256).digest()[:_DIGEST].hex()


def begin_anew(connection: Connection, now: datetime) -> None:
    """Every machine gets the whole list once more."""
    connection.execute(delete(block_list).where(~block_list.c.listed))
    connection.execute(update(cursor).values(epoch=secrets.token_hex(_EPOCH), begun_at=now))


def refresh(connection: Connection, locks: Locks, now: datetime, unopened: set[str] | None = None) -> None:
    """Writes down which cards have come onto the list and which have left it, each change under its number.

    unopened: cards whose number did not open before; it is told once of each, and none keeps another off the list.
    """
    begun = connection.execute(select(cursor.c.begun_at)).scalar_one()
    if begun is None or not begun <= now < begun + _EPOCH_LASTS:
        begin_anew(connection, now)
    come = _come(connection, locks, set() if unopened is None else unopened)
    changes = [*come.items(), *((digest, None) for digest in _gone(connection) if digest not in come)]
    if not changes:
        return
    last = _last(connection)
    for number, (digest, card) in enumerate(changes, last + 1):
        _put(connection, digest, card, changed=number)
    connection.execute(update(cursor).values(last=last + len(changes)))


def told(connection: Connection, locks: Locks, branch: BranchId, since: str, now: datetime) -> ReplicaAnswer:
    """branch: a known one. since: the cursor of the answer before, or empty."""
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


def _changed(connection: Connection, locks: Locks, since: str) -> tuple[str, BlockList]:
    """The cursor that is reached with it, and what changed after `since`."""
    last, epoch = connection.execute(select(cursor.c.last, cursor.c.epoch)).one()
    ours, _, number = since.partition("-")
    reached = int(number) if number and ours == epoch else 0
    whole = not 0 < reached <= last
    after = 0 if whole else reached
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
    return f"{epoch}-{rows[-1].changed if more else last}" if epoch else "", changed


def _closings(connection: Connection, branch: BranchId, today: date) -> tuple[ClosingDate, ...]:
    query = select(closings).where(closings.c.branch_id == branch, closings.c.day >= today).order_by(closings.c.day)
    return tuple(ClosingDate(closing_date=row.day, description=row.reason) for row in connection.execute(query))


def _texts(connection: Connection, branch: BranchId) -> tuple[BranchText, ...]:
    query = select(texts).where(texts.c.branch_id == branch).order_by(texts.c.name, texts.c.language)
    return tuple(BranchText(name=row.name, language=row.language, text=row.text) for row in connection.execute(query))


# --- the block list -----------------------------------------------------------------------------


# As text, for SQLite's indexes of some rows (schema.py).
_LOST, _LISTED = text("cards.lost"), text("block_list.listed")
_NOT_YET = ~exists().where(block_list.c.card == cards.c.digest, _LISTED)
_SEALED = select(cards.c.digest, cards.c.number_sealed)
_COME = union(
    _SEALED.where(cards.c.patron_id.in_(select(blocks.c.patron_id)), _NOT_YET),
    _SEALED.where(_LOST, _NOT_YET),
)
_IS_BLOCKED = exists().where(blocks.c.patron_id == cards.c.patron_id)
_STILL = exists().where(cards.c.digest == block_list.c.card, or_(cards.c.lost, _IS_BLOCKED))
_GONE = select(block_list.c.digest).where(_LISTED, ~_STILL)


def _come(connection: Connection, locks: Locks, unopened: set[str]) -> dict[str, str]:
    """The list's digest to the card's, of cards that may not borrow and are not on it."""
    key, come, told = locks.lookup.block_list_key(), dict[str, str](), len(unopened)
    for row in connection.execute(_COME):
        try:
            come[digest_of(key, locks.columns.open("card", row.digest, row.number_sealed))] = row.digest
        except ColumnError:
            unopened.add(row.digest)
    if len(unopened) > told:
        log.error("%s", json.dumps({"cardsThatDoNotOpen": len(unopened)}))
    return dict(sorted(come.items()))


def _gone(connection: Connection) -> list[str]:
    """What is on the list and may borrow again, or is nobody's any more."""
    return sorted(connection.execute(_GONE).scalars())


def _put(connection: Connection, digest: str, card: str | None, *, changed: int) -> None:
    """card: None, where it is no longer listed."""
    new = {"listed": card is not None, "card": card, "changed": changed}
    if not connection.execute(update(block_list).where(block_list.c.digest == digest).values(new)).rowcount:
        connection.execute(insert(block_list).values(digest=digest, **new))


def _last(connection: Connection) -> int:
    number: int = connection.execute(select(cursor.c.last)).scalar_one()
    return number
