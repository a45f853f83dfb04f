"""What is said of a patron whose PIN was right: a little to a self-checkout machine, less to a door.

Not responsible for: tries and lock-out (tries.py), whether the door opens (kiosk/door/access.py).
"""

from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, select

from kiosk.model import BranchId, PatronId
from sync.central.calendar import local_date, whole_years
from sync.central.schema import blocks, cards, library, patrons, permissions
from sync.central.statement import Statement
from sync.rest.wire import AdmissionAnswer, AuthenticateAnswer, AuthenticateStatus, BlockStatus


def introduce(connection: Connection, patron: PatronId) -> AuthenticateAnswer:
    """What a self-checkout machine may know of a patron whose PIN was right."""
    name = connection.execute(select(patrons.c.first_name).where(patrons.c.patron_id == patron)).scalar_one()
    return AuthenticateAnswer(
        authenticate_status=AuthenticateStatus.VALID,
        patron_id=patron,
        first_name=name,
        block_status=blocks_of(connection, patron),
    )


def admission(connection: Connection, patron: PatronId, branch: BranchId, now: datetime) -> AdmissionAnswer:
    """What a door may know of a patron whose PIN was right. Birth date and municipality stay here."""
    tagged = select(permissions).where(permissions.c.patron_id == patron, permissions.c.branch_id == branch)
    ours = select(library).where(library.c.municipality == patrons.c.municipality)
    query = select(
        patrons.c.birth_date,
        patrons.c.patron_group,
        tagged.exists().label("permitted"),
        ours.exists().label("resident"),
    )
    row = connection.execute(query.where(patrons.c.patron_id == patron)).one()
    return AdmissionAnswer(
        authenticate_status=AuthenticateStatus.VALID,
        patron_id=patron,
        block_status=blocks_of(connection, patron),
        age=whole_years(row.birth_date, local_date(now)),
        permitted=row.permitted,
        resident=row.resident,
        patron_group=row.patron_group,
    )


_PATRON: BindParameter[str] = bindparam("patron")
_BLOCKS = Statement(select(blocks).where(blocks.c.patron_id == _PATRON).order_by(blocks.c.reason))
_KNOWN = Statement(select(patrons.c.patron_id).where(patrons.c.patron_id == _PATRON))


def blocks_of(connection: Connection, patron: PatronId) -> tuple[BlockStatus, ...]:
    rows = _BLOCKS.all(connection, patron=patron)
    return tuple(BlockStatus(blocked_reason=row.reason, blocked_since=row.since) for row in rows)


def of_card(connection: Connection, card_digest: str) -> PatronId | None:
    found = connection.execute(select(cards.c.patron_id).where(cards.c.digest == card_digest)).scalar_one_or_none()
    return None if found is None else PatronId(found)


def is_known(connection: Connection, patron: PatronId) -> bool:
    return _KNOWN.one(connection, patron=patron) is not None
