"""Renewing one loan, 29, and every loan of a patron, 65.

Not responsible for: what may be renewed (circulation).
"""

from sqlalchemy import Connection

from sync.central.circulation import renewing
from sync.central.circulation.outcomes import Renewal, RenewalStatus
from sync.central.sip2.asked import Asked
from sync.sip2 import dates
from sync.sip2.codec import Message

_MOST = 9999  # a count has four digits


def renew(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        return _answer(asked, None, asked.dialect.not_proved())
    renewal = renewing.renew_item(connection, asked.desk, patron, asked.item)
    why = "" if _is_done(renewal) else asked.dialect.not_renewed(renewal.statuses)
    return _answer(asked, renewal, why)


def _answer(asked: Asked, renewal: Renewal | None, why: str) -> Message:
    """Nothing leaves the house by it, so no tag is switched off. why: empty when it was renewed."""
    done = "0" if why else "1"
    due = dates.stamp_of_day(renewal.due) if renewal and renewal.due else ""
    told = [("AA", asked.said.first("AA")), ("AB", asked.item)]
    told += [*asked.dialect.title(renewal.work if renewal else None), ("AH", due)]
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
    refused = [("BN", say(renewal)) for renewal in done if not _is_done(renewal)]
    counts = (f"{min(len(part), _MOST):04d}" for part in (renewed, refused))
    return asked.answer("66", ("1", *counts, asked.now), *renewed, *refused)


def _is_done(renewal: Renewal) -> bool:
    return renewal.statuses == (RenewalStatus.RENEWED,)
