"""Circulation's outcomes in the words of the contract (rest/wire.py): what a machine is told, and nothing else.

Not responsible for: deciding (circulation/), HTTP (web/).
"""

from sync.central.calendar import local_date
from sync.central.circulation.outcomes import (
    FeeLine,
    HoldLine,
    Lent,
    LoanLine,
    NotLent,
    NotReturned,
    Renewal,
    RenewalStatus,
    Returned,
)
from sync.central.patrons.contact import Absence
from sync.central.patrons.entries import MessageEntry
from sync.rest import wire
from sync.rest.wire import AccountFee, AccountHold, AccountLoan, AccountMessage, LoanAnswer, RenewedLoan, ReturnAnswer


def loan_answer(outcome: Lent | NotLent) -> LoanAnswer:
    if isinstance(outcome, Lent):
        title, due = outcome.work.title, outcome.due
        return LoanAnswer(material_item_number=outcome.item, title=title, due_date=due, parts=outcome.parts)
    title = outcome.work.title if outcome.work else ""
    return LoanAnswer(refusal=outcome.why.value, material_item_number=outcome.item, title=title)


def return_answer(outcome: Returned | NotReturned) -> ReturnAnswer:
    """Never whose loan it was."""
    if isinstance(outcome, NotReturned):
        return ReturnAnswer(refusal=outcome.why.value, material_item_number=outcome.item)
    return ReturnAnswer(
        material_item_number=outcome.item,
        title=outcome.work.title,
        place=outcome.place,
        held=outcome.held,
        bin=outcome.bin,
        parts=outcome.parts,
    )


# --- the patron's own page ----------------------------------------------------------------------


def loan_line(line: LoanLine) -> AccountLoan:
    return AccountLoan(
        loan_id=line.loan,
        material_item_number=line.item,
        record_id=line.work.record,
        title=line.work.title,
        author=line.work.author,
        loan_date=line.lent_on,
        due_date=line.due,
        is_renewable=line.renewal == (RenewalStatus.RENEWED,),
        renewal_status_list=tuple(status.value for status in line.renewal),
    )


def hold_line(line: HoldLine) -> AccountHold:
    return AccountHold(
        hold_id=line.hold,
        record_id=line.work.record,
        title=line.work.title,
        author=line.work.author,
        state=line.state.value,
        number_in_queue=line.place,
        pickup_branch=line.pickup_branch,
        pickup_number=line.shelf,
        pickup_deadline=line.pickup_by,
        date_of_reservation=local_date(line.placed_at),
        expiry_date=line.wanted_until,
    )


def fee_line(line: FeeLine) -> AccountFee:
    return AccountFee(
        fee_id=line.fee,
        type=line.kind,
        amount=line.amount,
        paid=line.paid,
        creation_date=line.made_on,
        title=line.work.title if line.work else "",
        material_item_number=line.item or "",
    )


def renewed(renewal: Renewal) -> RenewedLoan:
    return RenewedLoan(
        loan_id=renewal.loan,
        renewal_status=tuple(status.value for status in renewal.statuses),
        material_item_number=renewal.item,
        title=renewal.work.title if renewal.work else "",
        due_date=renewal.due,
    )


def message(entry: MessageEntry) -> AccountMessage:
    """Never where it went: the patron sees that masked."""
    at = local_date(entry.sent_at or entry.made_at)
    return AccountMessage(kind=entry.kind, channel=entry.channel, date_sent=at, content=entry.content)


def on_hold(absence: Absence) -> wire.Absence | None:
    if absence.first is None and absence.last is None:
        return None
    return wire.Absence(start=absence.first, end=absence.last)
