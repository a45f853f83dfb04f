"""Staffed, unstaffed or closed at one moment at one branch.

Notation: OpenStreetMap opening_hours, one line per mode, read by opening-hours-py with Denmark's public holidays.
Everything that is not certain is closed: a clock that cannot be trusted, a line that cannot be read.

Not responsible for: where the lines come from (the store's replica, or settings).
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from opening_hours import OpeningHours, ParserError  # type: ignore[attr-defined]  # its stub forgets the exception

from kiosk.model import Mode, Now

COPENHAGEN = ZoneInfo("Europe/Copenhagen")


class HoursError(Exception):
    """A line of opening hours that cannot be read; the text says where."""


class Hours:
    """One branch's hours. staffed wins where both lines are open.

    Raises HoursError on a line that is not opening_hours notation.
    """

    def __init__(self, staffed: str, unstaffed: str) -> None:
        self._staffed = _read(staffed)
        self._unstaffed = _read(unstaffed)

    def mode(self, now: Now) -> Mode:
        if not now.synced:
            return Mode.CLOSED
        if self._staffed.is_open(now.wall.astimezone(COPENHAGEN)):
            return Mode.STAFFED
        if self._unstaffed.is_open(now.wall.astimezone(COPENHAGEN)):
            return Mode.UNSTAFFED
        return Mode.CLOSED

    def next_change(self, now: Now) -> datetime | None:
        """When the mode may next be another (aware, Copenhagen); None when never."""
        here = now.wall.astimezone(COPENHAGEN)
        changes = [hours.next_change(here) for hours in (self._staffed, self._unstaffed)]
        return min((c for c in changes if c is not None), default=None)


def _read(line: str) -> OpeningHours:
    try:
        return OpeningHours(line, country="DK", timezone=COPENHAGEN)
    except ParserError as error:
        raise HoursError(str(error)) from None


ALWAYS_CLOSED = Hours("off", "off")  # what a machine knows before the store told it more
