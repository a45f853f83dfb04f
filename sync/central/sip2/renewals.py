"""Renewing one loan, 29, and every loan of a patron, 65.

No block Y (29): the patron was told a new date. The store judges by its own rules all the same; a refusal
is kept for staff (refused.py), unless the loan runs that long anyway.
Not responsible for: what may be renewed (circulation).
"""

from datetime import date

from sqlalchemy import Connection

from sync.central.circulation import renewing
from sync.central.circulation.outcomes import Renewal, RenewalStatus
from sync.central.sip2 import refused
from sync.central.sip2.asked import Asked
from sync.sip2 import dates
from sync.sip2.codec import Message

_MOST = 9999  # a count has four digits


def renew(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        refused.keep(connection, asked, refused.PATRON_NOT_FOUND, asked.told_due)
        return _answer(asked, None, asked.dialect.not_proved())
    renewal = renewing.renew_item(connection, asked.desk, patron, asked.item)
    if _is_done(renewal):
        return _answer(asked, renewal, "")
    if not _holds_anyway(renewal, asked.told_due):
        refused.keep(connection, asked, renewal.statuses[0].value, asked.told_due)
    return _answer(asked, renewal, asked.dialect.not_renewed(renewal.statuses))


def _holds_anyway(renewal: Renewal, told: date | None) -> bool:
    """The loan runs as long as the patron was told: renewed already, and the machine tells it again."""
    return told is not None and renewal.due is not None and renewal.due >= told


def _answer(asked: Asked, renewal: Renewal | None, why: str) -> Message:
    """Nothing leaves the house by it, so no tag is switched off. why: empty when it was renewed.

    A title is told to who has put in the PIN alone.
    """
    done = "0" if why else "1"
    due = dates.stamp_of_day(renewal.due) if renewal and renewal.due else ""
    told = [("AA", asked.said.first("AA")), ("AB", asked.item)]
    work = renewal.work if renewal and asked.who.proved else None
    told += [*asked.dialect.title(work), ("AH", due)]
    if why:
        told.append(("AF", why))
    return asked.answer("30", (done, "N" if why else "Y", "U", "N", asked.now), *told)


def renew_all(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        return asked.answer("66", ("0", "0000", "0000", asked.now), ("AF", asked.dialect.not_proved()))
    done = renewing.renew_all(connection, asked.desk, patron)
    say = asked.dialect.renewal
    renewed = [("BM", say(renewal)) for renewal in done if _is_done(renewal)]
    left = [("BN", say(renewal)) for renewal in done if not _is_done(renewal)]
    counts = (f"{min(len(part), _MOST):04d}" for part in (renewed, left))
    return asked.answer("66", ("1", *counts, asked.now), *renewed, *left)


def _is_done(renewal: Renewal) -> bool:
    return renewal.statuses == (RenewalStatus.RENEWED,)
