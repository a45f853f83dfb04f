"""Lending, returning, renewing, and what an item is: 11, 09, 29, 65, 17.

No block Y (11, 09): it has been done, so it is written down as it was, at its own time; PINs are in no queue.
An ordinary 11 needs card and PIN, whatever a machine believes it has checked.
Not responsible for: what is allowed (circulation), the words of a dialect (dialect.py).
"""

from datetime import date, timedelta

from sqlalchemy import Connection, select

from kiosk.model import LoanRefusal, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import items, lending, returning
from sync.central.circulation.items import Item, ItemState
from sync.central.circulation.outcomes import Lent, NotLent, NotReturned, Returned, Work
from sync.central.desk import Desk
from sync.central.schema import branches, holds
from sync.central.sip2.asked import LOCAL, Asked, branch_name
from sync.central.sip2.dialect import Fields, Place
from sync.sip2 import dates
from sync.sip2.codec import Message

_LONGEST = timedelta(days=366)  # from a loan to its due date

# --- 11 -----------------------------------------------------------------------------------------


def checkout(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        return _not_lent(asked, None, asked.dialect.not_proved())
    match _outcome(connection, asked, patron):
        case Lent() as lent:
            return _lent(asked, lent)
        case NotLent() as refused:
            return _not_lent(asked, refused.work, asked.dialect.not_lent(refused.why))


def _outcome(connection: Connection, asked: Asked, patron: PatronId) -> Lent | NotLent:
    if asked.said.first("BI") == "Y":  # security could not be switched off: nothing is to be lent
        return NotLent(asked.item, LoanRefusal.OTHER)
    if not asked.is_done_already:
        return lending.checkout(connection, asked.desk, patron, asked.item)
    then = asked.then("transaction_date")
    return lending.carried_out(connection, then, patron, asked.item, _due(connection, asked, then)).outcome


def _due(connection: Connection, asked: Asked, then: Desk) -> date:
    """As the patron was told; what no machine can have told is as good as nothing."""
    day, told = local_date(then.at), dates.day(asked.said.fixed_of("nb_due_date"), LOCAL)
    if told is not None and timedelta() <= told - day <= _LONGEST:
        return told
    query = select(branches.c.loan_days).where(branches.c.branch_id == then.branch)
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
    if asked.said.first("BI") == "Y":
        return _given_up(connection, asked)
    match returning.checkin(connection, asked.then("return_date"), asked.item):
        case Returned() as returned:
            return _returned(connection, asked, returned)
        case NotReturned():
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
    if loan is not None and local_date(loan.lent_at) == local_date(asked.desk.at):
        lending.undo(connection, asked.item, loan.lent_at)
    item = items.find(connection, asked.item)
    told = ("AB", asked.item), ("AQ", ""), *asked.dialect.title(item.work if item else None)
    return asked.answer("10", ("1" if item else "0", "Y", "U", "N", asked.now), *told)


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
