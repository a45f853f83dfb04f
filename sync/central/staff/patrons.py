"""What staff see and change of a patron: the picture, blocks, notes. A number that is shown in clear leaves a line.

    DIR/staff.log   {"at": ..., "act": "reveal", "by": who is logged in, "patron": digest of the lånernummer}

Not responsible for: how it looks (picture.py), what a patron changes (patrons/record.py).
"""

import getpass
import json
import os
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from kiosk.model import Block, Credential, PatronId
from sync.central.calendar import local_date
from sync.central.patrons import admission, blocks, entries, record
from sync.central.patrons.record import Record
from sync.central.schema import branches, patrons
from sync.central.staff.office import Office
from sync.central.staff.picture import REASONS, Seen, picture
from sync.central.staff.said import CommandError


@dataclass(frozen=True, slots=True, repr=False)
class Whom:
    """Either; a card stands for its patron."""

    patron: PatronId | None
    card: Credential | None = None


def show(office: Office, whom: Whom, *, reveal: bool) -> str:
    """The picture. reveal: with the CPR number and the cards', once it stands in the log."""
    locks = office.locks

    def look(connection: Connection) -> tuple[Record, str] | None:
        patron = whom.patron
        if whom.card is not None:
            patron = admission.of_card(connection, locks.lookup.of_card(whom.card))
        found = None if patron is None else record.of(connection, locks, patron, reveal=reveal)
        if found is None:
            return None
        name = select(branches.c.name).where(branches.c.branch_id == found.home_branch)
        return found, connection.execute(name).scalar_one()

    seen = office.write(look)
    if seen is None:
        raise CommandError("no such patron")
    if reveal:
        _write_down(office, seen[0].patron_id)
    return picture(Seen(*seen, local_date(office.now)))


def _write_down(office: Office, patron: PatronId) -> None:
    """On the disk before anything is shown."""
    line = {
        "at": office.now.isoformat(timespec="seconds"),
        "act": "reveal",
        "by": getpass.getuser(),
        "patron": office.locks.lookup.of_patron(patron),
    }
    log = os.open(office.home.directory / "staff.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(log, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(log)


# --- blocks and notes ---------------------------------------------------------------------------


def block(office: Office, patron: PatronId, reason: Block) -> str:
    """From today; one that stands keeps its day."""

    def put(connection: Connection) -> None:
        _known(connection, patron)
        blocks.block(connection, patron, reason.value, local_date(office.now))

    office.write(put)
    return f"{patron} is blocked: {reason.value}, {REASONS[reason.value]}"


def unblock(office: Office, patron: PatronId, reason: Block | None) -> str:
    """reason None: every block."""

    def lift(connection: Connection) -> int:
        _known(connection, patron)
        stand = [block.reason for block in entries.blocks_of(connection, patron)] if reason is None else [reason.value]
        return sum(blocks.unblock(connection, patron, letter) for letter in stand)

    if not office.write(lift):
        raise CommandError("there is no such block")
    return f"{patron} is unblocked"


def annotate(office: Office, patron: PatronId, said: str, *, to_patron: bool) -> str:
    """Takes the place of the note that stood there."""
    column = patrons.c.patron_note if to_patron else patrons.c.internal_note

    def put(connection: Connection) -> None:
        _known(connection, patron)
        connection.execute(update(patrons).where(patrons.c.patron_id == patron).values({column: said}))

    office.write(put)
    return f"{patron}: {'note to the patron' if to_patron else 'internal note'} {'written' if said else 'removed'}"


def _known(connection: Connection, patron: PatronId) -> None:
    if not admission.is_known(connection, patron):
        raise CommandError("no such patron")
