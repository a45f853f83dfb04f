"""A patron's own page: loans, holds and what is owed.

Not responsible for: who may see it (web/, sip2/), messages and contact (patrons/).
"""

from datetime import datetime

from sqlalchemy import Connection

from kiosk.model import PatronId
from sync.central.circulation import fees, holds, renewing
from sync.central.circulation.outcomes import Account


def account_of(connection: Connection, patron: PatronId, now: datetime) -> Account:
    """Loans by due date. Three statements, and one more per title lent that another may wait for."""
    return Account(
        tuple(loan.line for loan in renewing.judge(connection, patron, now)),
        holds.lines_of(connection, patron, now),
        fees.lines_of(connection, patron),
    )
