"""Events that the store refused: what staff see of them, and how they are laid to rest.

    refused -> staff look -> resolved with a word
                          `-> --apply: the loan is made now, for a patron or an item that has turned up since;
                                       a block is no reason against it, for the item has left the building

Not responsible for: refusing (machines/intake.py, sip2/refused.py), what is forgotten of it after 30 days
(retention.py).
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection, Row, select, update

from kiosk.model import BranchId, DeviceId, ItemId, PatronId
from sync.central.circulation import lending
from sync.central.circulation.outcomes import NotLent
from sync.central.desk import Desk
from sync.central.machines import hindsight
from sync.central.patrons import admission
from sync.central.patrons.cards import LookupKey
from sync.central.schema import devices, events, items, refused_events
from sync.central.staff.office import Office
from sync.central.staff.said import CommandError, day, moment, printable

_LENT = "item.lent"


@dataclass(frozen=True, slots=True)
class Refused:
    """card_known: of a card that was unknown, whether it is one now; None where no card is."""

    number: int
    device: DeviceId
    kind: str
    reason: str
    occurred_at: datetime
    item: ItemId | None
    item_unknown: bool
    patron: PatronId | None = field(repr=False)
    card_known: bool | None
    due: date | None
    resolution: str


def listed(office: Office, *, every: bool) -> str:
    """Two lines for each; without those that are resolved, unless `every`."""
    found = office.write(lambda connection: _refused(connection, every=every))
    return "\n".join(map(_said, found)) or "nothing has been refused"


def _refused(connection: Connection, *, every: bool) -> tuple[Refused, ...]:
    query = select(refused_events).order_by(refused_events.c.refusal_id)
    rows = connection.execute(query if every else query.where(refused_events.c.resolved_at.is_(None)))
    return tuple(_of_row(connection, row) for row in rows.all())


def _of_row(connection: Connection, row: "Row[tuple[object, ...]]") -> Refused:
    card = None if row.card_digest is None else admission.of_card(connection, row.card_digest)
    return Refused(
        number=row.refusal_id,
        device=DeviceId(row.device_id),
        kind=row.kind,
        reason=row.reason,
        occurred_at=row.occurred_at,
        item=None if row.item_id is None else ItemId(row.item_id),
        item_unknown=row.item_digest is not None,
        patron=row.patron_id or card,
        card_known=None if row.card_digest is None else card is not None,
        due=row.due,
        resolution=row.resolution if row.resolved_at else "",
    )


def _said(refused: Refused) -> str:
    first = f"{refused.number:>4}  {moment(refused.occurred_at)}  {refused.device}  {refused.kind}: {refused.reason}"
    about = ["item " + (refused.item or "unknown")] if refused.item or refused.item_unknown else []
    about += [f"due {day(refused.due)}"] if refused.due else []
    about += [f"patron {refused.patron}"] if refused.patron else []
    about += ["card unknown"] if refused.card_known is False else []
    about += [f"resolved: {refused.resolution}"] if refused.resolution else []
    return printable(first) + "\n      " + printable("  ".join(about) or "-")


# --- laid to rest -------------------------------------------------------------------------------


def resolve(office: Office, number: int, word: str, *, apply: bool) -> str:
    """apply: first makes the loan that was refused, as if it had been taken in. Both, or neither."""
    lookup = office.locks.lookup

    def settle(connection: Connection) -> str:
        row = connection.execute(select(refused_events).where(refused_events.c.refusal_id == number)).one_or_none()
        if row is None:
            raise CommandError("there is no refusal of this number")
        if row.resolved_at is not None:
            raise CommandError("it is resolved already")
        done = _lend(connection, lookup, row, office.now) if apply else ""
        resolved = update(refused_events).where(refused_events.c.refusal_id == number)
        connection.execute(resolved.values(resolved_at=office.now, resolution=word))
        return done

    return f"{number} is resolved{office.write(settle)}"


def _lend(connection: Connection, lookup: LookupKey, row: "Row[tuple[object, ...]]", now: datetime) -> str:
    if row.kind != _LENT or row.due is None:
        raise CommandError("only a refused loan can be applied")
    item = row.item_id or _turned_up(connection, lookup, row.item_digest)
    patron = row.patron_id or admission.of_card(connection, row.card_digest)
    if item is None:
        raise CommandError("the item is unknown still")
    if patron is None or not admission.is_known(connection, patron):
        raise CommandError("the patron is unknown still")
    branch = row.branch_id or _branch_of(connection, row.device_id)
    if branch is None:
        raise CommandError("the machine is unknown")
    at = hindsight.moment(connection, ItemId(item), row.occurred_at, now, synced=_clock_was_set(connection, row))
    desk = Desk(DeviceId(row.device_id), BranchId(branch), now).earlier(at)
    outcome = lending.vouched_for(connection, desk, PatronId(patron), ItemId(item), row.due).outcome
    if isinstance(outcome, NotLent):
        raise CommandError(f"it is refused again: {outcome.why.value}")
    return f"; {item} is lent to {patron}, due {day(outcome.due)}"


def _clock_was_set(connection: Connection, row: "Row[tuple[object, ...]]") -> bool:
    """As the machine said of its event; what came another way had the store's own time."""
    said = select(events.c.clock_synced).where(events.c.device_id == row.device_id, events.c.event_id == row.event_id)
    return connection.execute(said).scalar_one_or_none() is not False


def _branch_of(connection: Connection, device: str) -> str | None:
    latest = select(devices.c.branch_id).where(devices.c.device_id == device)
    return connection.execute(latest.order_by(devices.c.enrolled_at.desc()).limit(1)).scalar_one_or_none()


def _turned_up(connection: Connection, lookup: LookupKey, digest: str | None) -> ItemId | None:
    """The item whose number was unknown, where there is one now: every number has to be tried."""
    if digest is None:
        return None
    numbers = connection.execute(select(items.c.item_id)).scalars()
    return next((ItemId(number) for number in numbers if lookup.of_item(ItemId(number)) == digest), None)
