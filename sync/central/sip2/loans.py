"""Lending, returning, renewing, and what an item is: 11, 09, 29, 65, 17.

No block Y (11, 09): it has been done, so it is written down as it was, at its own time; PINs are in no queue. What
cannot be written down is kept for staff (refused.py).
An ordinary 11 needs card and PIN, whatever a machine believes it has checked.
Not responsible for: what is allowed (circulation), the words of a dialect (dialect.py).
"""

from datetime import date, timedelta

from sqlalchemy import Connection, select

from kiosk.model import LoanRefusal, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import items, lending, returning
from sync.central.circulation.items import Item, ItemState, OpenLoan
from sync.central.circulation.outcomes import Lent, NotLent, NotReturned, Returned, Work
from sync.central.schema import branches, holds, loans
from sync.central.sip2 import refused
from sync.central.sip2.asked import Asked, branch_name
from sync.central.sip2.dialect import Fields, Place
from sync.sip2 import dates
from sync.sip2.codec import Message

_LONGEST = timedelta(days=366)  # from a loan to its due date
_MOMENT = timedelta(minutes=10)  # within which a loan that was not handed over is taken back

# --- 11 -----------------------------------------------------------------------------------------


def checkout(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        _keep(connection, asked, refused.PATRON_NOT_FOUND)
        return _not_lent(asked, None, asked.dialect.not_proved())
    match _outcome(connection, asked, patron):
        case Lent() as lent:
            return _lent(asked, lent)
        case NotLent(_, why, work):
            _keep(connection, asked, why.value)
            return _not_lent(asked, work, asked.dialect.not_lent(why))


def _outcome(connection: Connection, asked: Asked, patron: PatronId) -> Lent | NotLent:
    if asked.is_cancelled:  # nothing is to be lent
        return NotLent(asked.item, LoanRefusal.OTHER)
    if not asked.is_done_already:
        return lending.checkout(connection, asked.desk, patron, asked.item)
    return lending.carried_out(connection, asked.then, patron, asked.item, _due(connection, asked)).outcome


def _keep(connection: Connection, asked: Asked, reason: str) -> None:
    if asked.is_done_already:
        refused.keep(connection, asked, reason, _due(connection, asked))


def _due(connection: Connection, asked: Asked) -> date:
    """As the patron was told; what no machine can have told is as good as nothing."""
    day, told = local_date(asked.then.at), asked.told_due
    if told is not None and timedelta() <= told - day <= _LONGEST:
        return told
    query = select(branches.c.loan_days).where(branches.c.branch_id == asked.then.branch)
    return day + timedelta(days=connection.execute(query).scalar_one())


def _lent(asked: Asked, lent: Lent) -> Message:
    """A loan that stood on this name already is no renewal: nothing of it has changed."""
    told = (*asked.dialect.title(lent.work), ("AH", dates.stamp_of_day(lent.due)))
    return asked.answer("12", ("1", "N", "U", "Y", asked.now), *_echo(asked), *told)


def _not_lent(asked: Asked, work: Work | None, why: str) -> Message:
    told = (*asked.dialect.title(work), ("AH", ""), ("AF", why))
    return asked.answer("12", ("0", "N", "U", "N", asked.now), *_echo(asked), *told)


def _echo(asked: Asked) -> Fields:
    return ("AA", asked.said.first("AA")), ("AB", asked.item)


# --- 09 -----------------------------------------------------------------------------------------


def checkin(connection: Connection, asked: Asked) -> Message:
    if asked.is_cancelled:
        return _given_up(connection, asked)
    match returning.checkin(connection, asked.then, asked.item):
        case Returned() as returned:
            return _returned(connection, asked, returned)
        case NotReturned(_, why):
            refused.keep(connection, asked, why.value)
            told = ("AB", asked.item), ("AQ", ""), ("AJ", ""), ("AF", asked.dialect.not_known())
            return asked.answer("10", ("0", "N", "U", "N", asked.now), *told)


def _returned(connection: Connection, asked: Asked, returned: Returned) -> Message:
    place = _place(connection, returned)
    alert = "Y" if returned.held or place.sent_to else "N"
    told: Fields = ("AB", asked.item), ("AQ", asked.dialect.place(place)), *asked.dialect.title(returned.work)
    if returned.bin:
        told = (*told, ("CL", returned.bin))
    if asked.dialect.names_who_had_it and returned.had is not None:
        told = (*told, ("AA", asked.dialect.patron("", returned.had)))
    fixed = ("1", "Y", "U", alert, asked.now)
    return asked.answer("10", fixed, *told, *asked.dialect.laid(returned, place))


def _place(connection: Connection, returned: Returned) -> Place:
    item = items.find(connection, returned.item)
    sent_to = branch_name(connection, returned.sent_to) if returned.sent_to else ""
    if item is None:
        return Place("", "", sent_to)
    return Place(branch_name(connection, item.home_branch), item.department, sent_to)


def _given_up(connection: Connection, asked: Asked) -> Message:
    """BI: the loan of a moment ago was not handed over. It has not been; an older loan stands."""
    loan = items.open_loan(connection, asked.item)
    if loan is not None and _is_of_this_moment(connection, asked, loan):
        lending.undo(connection, asked.item, loan.lent_at)
    item = items.find(connection, asked.item)
    told = ("AB", asked.item), ("AQ", ""), *asked.dialect.title(item.work if item else None)
    return asked.answer("10", ("1" if item else "0", "Y", "U", "N", asked.now), *told)


def _is_of_this_moment(connection: Connection, asked: Asked, loan: OpenLoan) -> bool:
    """Made at this branch and just now: a machine takes back what it has lent, and nobody else's loan."""
    here = select(loans.c.branch_id).where(loans.c.loan_id == loan.loan)
    if connection.execute(here).scalar_one() != asked.desk.branch:
        return False
    return timedelta() <= asked.desk.at - loan.lent_at <= _MOMENT


# --- 17 -----------------------------------------------------------------------------------------

_OTHER, _AVAILABLE, _CHARGED, _HOLD_SHELF, _TRANSIT = "01", "03", "04", "08", "10"
_STATES = {ItemState.LOST: "12", ItemState.MISSING: "13", ItemState.DISCARDED: _OTHER}


def item_information(connection: Connection, asked: Asked) -> Message:
    """Where an item is; never on whose name."""
    item = items.find(connection, asked.item)
    if item is None:
        told = ("AB", asked.item), ("AJ", ""), ("AF", asked.dialect.not_known())
        return asked.answer("18", (_OTHER, "00", "01", asked.now), *told)
    loan = items.open_loan(connection, asked.item)
    place = Place(branch_name(connection, item.home_branch), item.department)
    due = (("AH", dates.stamp_of_day(loan.due)),) if loan else ()
    told = (*due, ("AB", asked.item), *asked.dialect.title(item.work), ("AQ", asked.dialect.place(place)))
    status = _CHARGED if loan else _standing(connection, item)
    return asked.answer("18", (status, "00", "01", asked.now), *told)


def _standing(connection: Connection, item: Item) -> str:
    if item.state is not ItemState.HERE:
        return _STATES[item.state]
    if item.transit_to is not None:
        return _TRANSIT
    aside = connection.execute(select(holds.c.hold_id).where(holds.c.item_id == item.item)).first()
    return _HOLD_SHELF if aside else _AVAILABLE
