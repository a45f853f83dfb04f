"""Circulation's outcomes in the words of the contract (rest/wire.py): what a machine is told, and nothing else.

Not responsible for: deciding (circulation/), HTTP (web/).
"""

from sync.central.circulation.outcomes import Lent, NotLent, NotReturned, Returned
from sync.rest.wire import LoanAnswer, ReturnAnswer


def loan_answer(outcome: Lent | NotLent) -> LoanAnswer:
    if isinstance(outcome, Lent):
        return LoanAnswer(material_item_number=outcome.item, title=outcome.work.title, due_date=outcome.due)
    title = outcome.work.title if outcome.work else ""
    return LoanAnswer(refusal=outcome.why.value, material_item_number=outcome.item, title=title)


def return_answer(outcome: Returned | NotReturned) -> ReturnAnswer:
    """Never whose loan it was."""
    if isinstance(outcome, NotReturned):
        return ReturnAnswer(refusal=outcome.why.value, material_item_number=outcome.item)
    return ReturnAnswer(
        material_item_number=outcome.item, title=outcome.work.title, place=outcome.place, held=outcome.held
    )
