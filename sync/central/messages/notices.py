"""What patrons are told by SMS and e-mail: a loan is due soon, a loan is late, a hold is ready. Each is said once.

    who lives, and has a mobile (notif) or an e-mail (notif); of loans only a group that gets reminders
      -> one row per patron, matter and channel in `messages`; delivery.py sends it

Nothing is said at night: a telephone rings where somebody sleeps.
No name, no lånernummer and no amount stands in a message: a phone on a table shows it to everybody. What a message is
`about` stays when its content has been erased, so it names no title and no item.
Not responsible for: sending (delivery.py), erasing what was said (retention.py).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum, unique
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, insert, or_, select

from kiosk.model import Block
from sync.central.calendar import local_date, local_time
from sync.central.schema import (
    blocks,
    branches,
    holds,
    items,
    library,
    loans,
    messages,
    patron_groups,
    patrons,
    records,
)

_FIRST, _LAST = time(8), time(20)  # in Denmark: when a telephone may ring
_SHOWN = 10  # titles in one message
_LATE_DAYS = 30  # what is later than that was told long ago, or before the store sent messages
_AT_ONCE = 500  # patrons in one statement


@unique
class Kind(Enum):
    DUE_SOON = "dueSoon"
    OVERDUE = "overdue"
    HOLD_READY = "holdReady"


@unique
class Channel(Enum):
    SMS = "sms"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Matter:
    """What is said once: a due date of a patron, or a hold as it stands ready."""

    patron: str
    kind: Kind
    about: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Notice:
    matter: Matter
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    content: str = field(repr=False)


def is_day(now: datetime) -> bool:
    """Whether anything may be said now."""
    return _FIRST <= local_time(now) < _LAST


def announce(connection: Connection, now: datetime) -> int:
    """Writes what has not been said yet, by day; the number of messages. Harmless when repeated."""
    if not is_day(now):
        return 0
    return due_soon(connection, now) + overdue(connection, now) + hold_ready(connection, now)


def due_soon(connection: Connection, now: datetime) -> int:
    """Today, or in so many days as the library says: all that one patron must bring back on one day in one message."""
    today = local_date(now)
    days: int = connection.execute(select(library.c.remind_days)).scalar_one()
    query = _out().where(loans.c.due >= today, loans.c.due <= today + timedelta(days=days))
    return _say(connection, Kind.DUE_SOON, _of_loans(connection, query, Kind.DUE_SOON), now)


def overdue(connection: Connection, now: datetime) -> int:
    """Late since yesterday or longer, told as due_soon."""
    today = local_date(now)
    query = _out().where(loans.c.due < today, loans.c.due >= today - timedelta(days=_LATE_DAYS))
    return _say(connection, Kind.OVERDUE, _of_loans(connection, query, Kind.OVERDUE), now)


def hold_ready(connection: Connection, now: datetime) -> int:
    """One message per hold that stands on the shelf. One that must be fetched elsewhere or later is told anew."""
    query = _reached(
        select(holds, records.c.title, branches.c.name.label("branch"), *_WHO)
        .select_from(holds.join(records))
        .join(patrons, patrons.c.patron_id == holds.c.patron_id)
        .join(branches, branches.c.branch_id == holds.c.pickup_branch)
    )
    rows = connection.execute(query.where(holds.c.pickup_by >= local_date(now)).order_by(holds.c.hold_id)).all()
    signed = _signed(connection)
    return _say(connection, Kind.HOLD_READY, [notice for row in rows for notice in _of_hold(row, signed)], now)


# --- once ---------------------------------------------------------------------------------------


def _say(connection: Connection, kind: Kind, notices: Iterable[Notice], now: datetime) -> int:
    found = list(notices)
    said = _said(connection, kind, sorted({notice.matter.patron for notice in found}))
    new = [notice for notice in found if notice.matter not in said]
    if new:
        connection.execute(insert(messages), [_row(notice, now) for notice in new])
    return len(new)


def _said(connection: Connection, kind: Kind, told: list[str]) -> set[Matter]:
    """All of this kind that these patrons were told, ever."""
    said = set()
    for start in range(0, len(told), _AT_ONCE):
        mine = messages.c.patron_id.in_(told[start : start + _AT_ONCE]), messages.c.kind == kind.value
        for row in connection.execute(select(messages.c.patron_id, messages.c.about, messages.c.channel).where(*mine)):
            said.add(Matter(row.patron_id, kind, row.about, Channel(row.channel)))
    return said


def _row(notice: Notice, now: datetime) -> dict[str, object]:
    matter = notice.matter
    return {
        "patron_id": matter.patron,
        "kind": matter.kind.value,
        "about": matter.about,
        "channel": matter.channel.value,
        "recipient": notice.recipient,
        "subject": notice.subject,
        "content": notice.content,
        "made_at": now,
        "next_attempt_at": now,
    }


# --- who, and of what ---------------------------------------------------------------------------

_WHO = (patrons.c.patron_id, patrons.c.mobile_notice, patrons.c.email_notice)


def _out() -> Select[Any]:
    joined = loans.join(items, items.c.item_id == loans.c.item_id).join(records)
    query = select(loans.c.due, records.c.title, *_WHO).select_from(joined)
    query = query.join(patrons, patrons.c.patron_id == loans.c.patron_id).where(loans.c.returned_at.is_(None))
    query = query.join(patron_groups, patron_groups.c.group_id == patrons.c.patron_group)
    return _reached(query.where(patron_groups.c.gets_reminders)).order_by(
        loans.c.patron_id, loans.c.due, loans.c.loan_id
    )


def _reached(query: Select[Any]) -> Select[Any]:
    """Only who wants to be told, and lives: the telephone of the dead is with their family."""
    dead = exists().where(blocks.c.patron_id == patrons.c.patron_id, blocks.c.reason == Block.DECEASED.value)
    return query.where(or_(patrons.c.mobile_notice != "", patrons.c.email_notice != ""), ~dead)


def _of_loans(connection: Connection, query: Select[Any], kind: Kind) -> Iterator[Notice]:
    subject, begins, signed = _SUBJECTS[kind], _LOANS[kind], _signed(connection)
    for (_, due), rows in groupby(connection.execute(query).all(), key=lambda row: (row.patron_id, row.due)):
        pile = list(rows)
        text = f"{begins.format(_day(due))}\n{_list([_line(row.title) for row in pile])}\n{signed}"
        yield from _notices(pile[0], kind, due.isoformat(), subject, text)


def _of_hold(row: Row[Any], signed: str) -> Iterator[Notice]:
    # not the hold's number alone: a database may give it to another hold once this one is gone
    about = f"{row.placed_at.isoformat()} {row.pickup_by.isoformat()} {row.shelf_number}"
    text = _READY.format(_line(row.title), row.branch, row.shelf_number, _day(row.pickup_by))
    yield from _notices(row, Kind.HOLD_READY, about, _SUBJECTS[Kind.HOLD_READY], f"{text}\n{signed}")


def _notices(who: Row[Any], kind: Kind, about: str, subject: str, text: str) -> Iterator[Notice]:
    """On every channel that the patron has."""
    for channel, recipient in ((Channel.SMS, who.mobile_notice), (Channel.EMAIL, who.email_notice)):
        if recipient:
            yield Notice(Matter(who.patron_id, kind, about, channel), recipient, subject, text)


# --- words --------------------------------------------------------------------------------------

_SUBJECTS = {
    Kind.DUE_SOON: "Husk at aflevere",
    Kind.OVERDUE: "Afleveringsfristen er overskredet",
    Kind.HOLD_READY: "Din reservering er klar",
}
_LOANS = {
    Kind.DUE_SOON: "Husk at aflevere eller forny senest {}:",
    Kind.OVERDUE: "Afleveringsfristen var {}. Aflever eller forny hurtigst muligt:",
}
_READY = "{} er klar til dig.\nAfhentes: {}, reserveringshylden nr. {}.\nHent senest {}."


def _signed(connection: Connection) -> str:
    name: str = connection.execute(select(library.c.name)).scalar_one()
    return f"Venlig hilsen {name}"


def _line(title: str) -> str:
    return " ".join(title.split())


def _list(titles: list[str]) -> str:
    more = len(titles) - _SHOWN
    lines = [f"- {title}" for title in titles[:_SHOWN]]
    return "\n".join([*lines, f"og {more} mere"] if more > 0 else lines)


def _day(day: date) -> str:
    """As 1. december."""
    return f"{day.day}. {_MONTHS[day.month - 1]}"


_MONTHS = (
    "januar",
    "februar",
    "marts",
    "april",
    "maj",
    "juni",
    "juli",
    "august",
    "september",
    "oktober",
    "november",
    "december",
)
