"""The same question twice: what was answered under an idempotency key, and whether a question is the same.

    key new                      -> the question is answered, and the answer kept in the same transaction
    key known, same content      -> the kept answer again, byte for byte
    key known, other content     -> Mismatch (HTTP 422)

An answer is kept without the item's number, which whoever asks again says again: an unknown number may be a health
card's, laid where a book belongs.
Not responsible for: what the answer says.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select

from kiosk.model import ItemId
from sync.central.desk import Desk
from sync.central.schema import answers
from sync.central.statement import Statement
from sync.rest.wire import LoanAnswer, ReturnAnswer

_NUMBER = '"materialItemNumber":'
_MINE = (answers.c.device_id == bindparam("device"), answers.c.key == bindparam("this_key"))
_RECALL, _FORGET = Statement(select(answers).where(*_MINE)), Statement(delete(answers).where(*_MINE))
_KEEP = Statement(insert(answers))
_LAST_YES = Statement(
    select(func.max(answers.c.answered_at).label("at")).where(
        answers.c.digest == bindparam("digest"),
        literal_column("answers.digest != ''"),  # as the index has it
        answers.c.refused.is_(False),
        answers.c.answered_at > bindparam("since"),
    )
)
ANY = ""  # the digest of a content that is forgotten, or does not matter


@dataclass(frozen=True, slots=True)
class Kept:
    """answer: JSON as it was sent, but for the item's number. refused: nothing was lent or returned."""

    answer: str
    refused: bool

    def about(self, item: ItemId) -> str:
        """The answer as it was sent."""
        # No JSON string holds the sequence: a quotation mark in one has a backslash before it.
        return self.answer.replace(f'{_NUMBER}""', _NUMBER + json.dumps(item, ensure_ascii=False), 1)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done under a key that is withdrawn."""

    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for another question."""


def kept_of(answer: LoanAnswer | ReturnAnswer) -> Kept:
    bare = answer.model_copy(update={"material_item_number": ""})
    return Kept(bare.model_dump_json(by_alias=True), refused=bool(answer.refusal))


def recall(connection: Connection, desk: Desk, key: str, digest: str) -> Kept | Mismatch | None:
    """None: the key is new. A content that retention has forgotten is taken as the same."""
    row = _RECALL.one(connection, device=desk.device, this_key=key)
    if row is None:
        return None
    return Kept(row.answer, row.refused) if row.digest in (digest, ANY) else Mismatch()


def withdraw(connection: Connection, desk: Desk, key: str, instead: Kept) -> Done | None:
    """Keeps `instead` under the key for whatever content. What had been done under it, if anything."""
    row = _RECALL.one(connection, device=desk.device, this_key=key)
    if row is not None:
        forget(connection, desk, key)
    keep(connection, desk, key, ANY, instead)
    return None if row is None or row.refused else Done(row.answered_at, row.digest)


def last_yes(connection: Connection, digest: str, since: datetime) -> datetime | None:
    """When the same was last answered yes, to whatever machine, after that moment."""
    if digest == ANY:
        return None
    answered_at: datetime | None = _LAST_YES.the(connection, digest=digest, since=since).at
    return answered_at


def forget(connection: Connection, desk: Desk, key: str) -> None:
    """A refusal that the world has overtaken, so that another answer may take its place."""
    _FORGET.run(connection, device=desk.device, this_key=key)


def keep(connection: Connection, desk: Desk, key: str, digest: str, kept: Kept) -> None:
    """In the transaction that did what is answered. The key is new, or forgotten."""
    _KEEP.run(
        connection,
        device_id=desk.device,
        key=key,
        digest=digest,
        answer=kept.answer,
        refused=kept.refused,
        answered_at=desk.at,
    )
