"""How long a store asks to be left alone: Retry-After, as seconds or as a date (RFC 9110, 10.2.3), within bounds.

Not responsible for: waiting (sync/exchange.py).
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from kiosk.fault import DeviceFault, Fault

MOST_S = 300.0  # a store that says more may be wrong, and nobody is there to tell the machine
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_DATE_LENGTH = 64


class Busy(DeviceFault):
    """The store, or what stands before it, answered that it cannot now. after_s: 0 when it does not say when."""

    def __init__(self, after_s: float) -> None:
        super().__init__(Fault.STORE_SILENT)
        self.after_s = after_s


def after_s(said: str, dated: str, wall: datetime) -> float:
    """0 .. MOST_S; what cannot be read is 0.

    dated: when the answer was made, by the same clock as a date in `said`: ours may have jumped. wall: without it.
    """
    said = said.strip()
    if _SECONDS.fullmatch(said):
        return min(float(said), MOST_S)
    until = _moment(said)
    if until is None:
        return 0.0
    return max(0.0, min((until - (_moment(dated) or wall)).total_seconds(), MOST_S))


def _moment(said: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said[:_DATE_LENGTH])
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
