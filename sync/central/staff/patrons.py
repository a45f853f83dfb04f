"""What staff see and change of a patron: the picture, blocks, notes. A number that is shown in clear leaves a trace.

Not responsible for: how it looks (picture.py), what a patron changes (patrons/record.py).
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from kiosk.model import Block, Credential, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import holds, waiving
from sync.central.patrons import admission, blocks, entries, record
from sync.central.patrons.record import Refusal
from sync.central.schema import branches, patrons
from sync.central.staff.office import REVEAL, Done, Office
from sync.central.staff.picture import REASONS, Seen, picture
from sync.central.staff.said import CommandError

_SHORT = 12  # letters of a digest: enough to tell one from another


@dataclass(frozen=True, slots=True, repr=False)
class Whom:
    """Either; a card stands for its patron."""

    patron: PatronId | None
    card: Credential | None = None


def show(office: Office, whom: Whom, *, reveal: bool) -> str:
    """The picture. reveal: with the CPR number and the cards', once it is written down."""
    locks = office.locks

    def look(connection: Connection) -> Seen | None:
        patron = whom.patron
        if whom.card is not None:
            patron = admission.of_card(connection, locks.lookup.of_card(whom.card))
        found = None if patron is None else record.of(connection, locks, patron, reveal=reveal)
        if found is None:
            return None
        if reveal:
            office.log(connection, Done(REVEAL, found.patron_id))
        name = select(branches.c.name).where(branches.c.branch_id == found.home_branch)
        waived = waiving.waived_of(connection, found.patron_id)
        return Seen(found, connection.execute(name).scalar_one(), local_date(office.now), waived)

    seen = office.write(look)
    if seen is None:
        raise CommandError("no such patron")
    return picture(seen)


# --- blocks and notes ---------------------------------------------------------------------------


def block(office: Office, patron: PatronId, reason: Block) -> str:
    """From today; one that stands keeps its day."""

    def put(connection: Connection) -> None:
        known(connection, patron)
        blocks.block(connection, patron, reason.value, local_date(office.now))
        office.log(connection, Done("block", patron, reason.value))

    office.write(put)
    return f"{patron} is blocked: {reason.value}, {REASONS[reason.value]}"


def unblock(office: Office, patron: PatronId, reason: Block | None) -> str:
    """reason None: every block."""

    def lift(connection: Connection) -> None:
        known(connection, patron)
        stand = [block.reason for block in entries.blocks_of(connection, patron)] if reason is None else [reason.value]
        lifted = [letter for letter in stand if blocks.unblock(connection, patron, letter)]
        if not lifted:
            raise CommandError("there is no such block")
        office.log(connection, Done("unblock", patron, " ".join(lifted)))

    office.write(lift)
    return f"{patron} is unblocked"


def annotate(office: Office, patron: PatronId, said: str, *, to_patron: bool) -> str:
    """Takes the place of the note that stood there."""
    column = patrons.c.patron_note if to_patron else patrons.c.internal_note

    def put(connection: Connection) -> None:
        known(connection, patron)
        connection.execute(update(patrons).where(patrons.c.patron_id == patron).values({column: said}))
        office.log(connection, Done("note", patron, "to-patron" if to_patron else "internal"))

    office.write(put)
    return f"{patron}: {'note to the patron' if to_patron else 'internal note'} {'written' if said else 'removed'}"


# --- a patron goes ------------------------------------------------------------------------------

_KEPT = {
    Refusal.UNKNOWN: "no such patron",
    Refusal.LOANS: "the patron has something on loan: it is returned, or called lost and paid for, first",
    Refusal.DEBT: "the patron owes something: it is paid first",
}


def remove(office: Office, patron: PatronId) -> str:
    """Everything of the patron; what was set aside for them goes to the next, or home. All of it, or nothing."""

    def forget(connection: Connection) -> None:
        holds.cancel_all(connection, patron, office.now)
        refusal = record.remove(connection, patron)
        if refusal is not None:
            raise CommandError(_KEPT[refusal])
        office.log(connection, Done("remove", patron))

    office.write(forget)
    return f"{patron} is removed"


def known(connection: Connection, patron: PatronId) -> None:
    """Raises CommandError."""
    if not admission.is_known(connection, patron):
        raise CommandError("no such patron")
