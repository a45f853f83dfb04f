"""A fee that was paid at a machine: 37. The money has been taken, so no PIN is asked, and a repeated one counts once.

    reference = device:BK, or device:date:fee:amount where the machine gives none: the same when it is sent again

Not responsible for: terminals, which fee is paid first (circulation).
"""

import re

from sqlalchemy import Connection

from kiosk.model import PatronId
from sync.central.circulation import payments
from sync.central.circulation.payments import Paid, PaymentRefusal
from sync.central.sip2.asked import Asked
from sync.sip2.codec import Message

_AMOUNT = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,2}))?")
_FEE = re.compile(r"[0-9]{1,9}")
_CURRENCIES = ("DKK", "   ")


def fee_paid(connection: Connection, asked: Asked) -> Message:
    patron, amount = asked.who.patron, _amount(asked)
    paid = patron is not None and amount is not None and _is_taken(connection, asked, patron, amount)
    told = ("AA", asked.said.first("AA")), ("BK", asked.said.first("BK"))
    return asked.answer("38", ("Y" if paid else "N", asked.now), *told)


def _is_taken(connection: Connection, asked: Asked, patron: PatronId, amount: int) -> bool:
    fee, reference, now = asked.said.first("CG").strip(), _reference(asked), asked.desk.at
    done: Paid | PaymentRefusal
    if not fee:
        done = payments.pay_any(connection, patron, amount, reference, now)
    elif _FEE.fullmatch(fee):
        done = payments.pay(connection, patron, int(fee), amount, reference, now)
    else:
        done = PaymentRefusal.UNKNOWN_FEE
    return isinstance(done, Paid)


def _amount(asked: Asked) -> int | None:
    """BV in øre; None where it cannot be read, or is not in kroner."""
    found = _AMOUNT.fullmatch(asked.said.first("BV").strip())
    if found is None or asked.said.fixed_of("currency_type") not in _CURRENCIES:
        return None
    return int(found.group(1)) * 100 + int((found.group(2) or "0").ljust(2, "0"))


def _reference(asked: Asked) -> str:
    said = asked.said
    parts = (said.fixed_of("transaction_date").replace(" ", ""), said.first("CG"), said.first("BV"))
    return f"{asked.desk.device}:{said.first('BK').strip() or ':'.join(parts)}"
