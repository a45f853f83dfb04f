"""Danish days: the store's moments are UTC, its due dates, birthdays and fees go by the day it is in Denmark.

Not responsible for: opening hours (kiosk/hours.py).
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

_LOCAL = ZoneInfo("Europe/Copenhagen")


def local_date(now: datetime) -> date:
    """The day it is in Denmark."""
    return now.astimezone(_LOCAL).date()


def local_time(now: datetime) -> time:
    """The time of day it is in Denmark."""
    return now.astimezone(_LOCAL).time()


def whole_years(born: date, today: date) -> int:
    """Completed years. Who was born on 29 February is a year older on 1 March in other years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
