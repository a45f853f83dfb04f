"""What had been done before it was told, and the store refuses: kept for staff, as a machine's sealed events are.

    11, 09, 29 with no block Y -> refused -> a row of refused_events: one, however often the machine tells it

Not responsible for: what staff make of it (staff/refused.py), sealed events (machines/intake.py).
"""

from datetime import date

from sqlalchemy import Connection, insert, select

from kiosk.model import Credential, PatronId
from sync.central.circulation import items
from sync.central.machines.intake import Reason
from sync.central.schema import refused_events
from sync.central.sip2.asked import Asked

PATRON_NOT_FOUND = Reason.PATRON_NOT_FOUND.value
_KINDS = {"11": "item.lent", "09": "item.returned", "29": "loan.renewed"}


def keep(connection: Connection, asked: Asked, reason: str, due: date | None = None) -> None:
    """Nothing for what was only asked for, or cancelled at once. due: as the patron was told."""
    if not asked.is_done_already or asked.is_cancelled:
        return
    then, kind, event = asked.then, _KINDS[asked.said.id], _event(asked, due)
    told = refused_events.c.device_id == then.device, refused_events.c.event_id == event
    if connection.execute(select(refused_events.c.refusal_id).where(*told)).first() is not None:
        return
    known = items.find(connection, asked.item) is not None
    connection.execute(
        insert(refused_events).values(
            device_id=then.device,
            event_id=event,
            branch_id=then.branch,
            kind=kind,
            reason=reason,
            occurred_at=then.at,
            refused_at=asked.desk.at,
            item_id=asked.item if known else None,
            item_digest=asked.lookup.of_item(asked.item) if asked.item and not known else None,
            patron_id=asked.patron,
            card_digest=None if asked.patron else _card(asked),
            due=due,
        )
    )


def _card(asked: Asked) -> str | None:
    number = asked.said.first("AA").strip()
    return asked.lookup.of_card(Credential(number)) if number else None


def _event(asked: Asked, due: date | None) -> str:
    """SIP2 has no name for an event: whose, what, when and until when is it, as a keyed digest."""
    what = f"{asked.said.id} {asked.then.at.isoformat()} {due}"
    return asked.lookup.of_question(what, PatronId(_card(asked) or ""), asked.item)
