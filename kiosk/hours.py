"""Staffed, unstaffed or closed at one moment at one branch.

Notation: OpenStreetMap opening_hours, one line per mode, read by opening-hours-py with Denmark's public holidays.
Everything that is not certain is closed: a clock that cannot be trusted, a line that cannot be read. A closing day,
which the library names by its date, is closed from midnight to midnight whatever the lines say.

Not responsible for: where the lines come from (the store's replica, or settings).
"""

from datetime import date, datetime, time, timedelta
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

    def __init__(self, staffed: str, unstaffed: str, closings: frozenset[date] = frozenset()) -> None:
        self._staffed = _read(staffed)
        self._unstaffed = _read(unstaffed)
        self._closings = closings

    def mode(self, now: Now) -> Mode:
        if not now.synced or today(now) in self._closings:
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
        changes += [_midnight(day + timedelta(days=after)) for day in self._closings for after in (0, 1)]
        return min((c for c in changes if c is not None and c > here), default=None)


def today(now: Now) -> date:
    """The day in Copenhagen."""
    return now.wall.astimezone(COPENHAGEN).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), COPENHAGEN)


def _read(line: str) -> OpeningHours:
    try:
        return OpeningHours(line, country="DK", timezone=COPENHAGEN)
    except ParserError as error:
        raise HoursError(str(error)) from None


ALWAYS_CLOSED = Hours("off", "off")  # what a machine knows before the store told it more
