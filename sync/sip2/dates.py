"""SIP2's dates: 18 characters, local unless they say otherwise.

    20261124    103000     YYYYMMDDZZZZHHMMSS; ZZZZ: blank or 0000 local, `   Z` UTC, `   A` … `   Y` military zones

Not responsible for: the clock, which zone is local here.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

BLANK = " " * 18
_STAMP = re.compile(r"([0-9]{8})(.{4})([0-9]{6})")
_EAST, _WEST = "ABCDEFGHIKLM", "NOPQRSTUVWXY"  # J is local time
_DAYS = ("%Y%m%d", "%Y-%m-%d", "%d-%m-%Y", "%d-%m-%y", "%b %d %Y")


def stamp(moment: datetime, zone: tzinfo) -> str:
    """A moment as local time. moment: aware."""
    return moment.astimezone(zone).strftime("%Y%m%d    %H%M%S")


def stamp_of_day(day: date) -> str:
    """A day without a time, as FBS writes it."""
    return f"{day.isoformat().replace('-', '')}    000000"  # strftime writes the year 1 as one digit


def moment(text: str, zone: tzinfo) -> datetime | None:
    """The aware moment; None for a blank or for what cannot be read."""
    found = _STAMP.fullmatch(text)
    told = _zone(found.group(2).strip(), zone) if found else None
    if found is None or told is None:
        return None
    try:
        return datetime.strptime(found.group(1) + found.group(3), "%Y%m%d%H%M%S").replace(tzinfo=told).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(text: str, zone: tzinfo) -> date | None:
    """A day in whatever form a server writes it; None when it is none that is known here."""
    at = moment(text, zone)
    if at is not None:
        try:
            return at.astimezone(zone).date()
        except OverflowError:  # the last hours of the year 9999
            return None
    for form in _DAYS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=zone).date()
        except ValueError:
            continue
    return None


def _zone(said: str, local: tzinfo) -> tzinfo | None:
    if said in ("", "0000", "J"):
        return local
    if said == "Z":
        return UTC
    for letters, sign in ((_EAST, 1), (_WEST, -1)):
        if len(said) == 1 and said in letters:
            return timezone(timedelta(hours=sign * (letters.index(said) + 1)))
    return None
