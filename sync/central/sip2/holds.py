"""Holds over SIP2: 15. + places one, - cancels it, * moves it to another pick-up branch.

The title is meant: by its FAUST (AJ), or by any of its items (AB).
Not responsible for: the queue (circulation).
"""

from sqlalchemy import Connection

from kiosk.model import BranchId, PatronId
from sync.central.circulation import holds, items
from sync.central.circulation.outcomes import HoldLine, HoldState, RecordId
from sync.central.sip2.asked import LOCAL, Asked
from sync.sip2 import dates
from sync.sip2.codec import Message


def hold(connection: Connection, asked: Asked) -> Message:
    record, patron = _record(connection, asked), asked.patron
    if patron is None:
        return _answer(asked, "0", None, asked.dialect.not_proved())
    if record is None:
        return _answer(asked, "0", None, asked.dialect.not_known())
    done = _done(connection, asked, patron, record)
    return _answer(asked, "1" if done else "0", _mine(connection, asked, patron, record))


def _record(connection: Connection, asked: Asked) -> RecordId | None:
    if asked.said.first("AJ").strip():
        return RecordId(asked.said.first("AJ").strip())
    item = items.find(connection, asked.item)
    return item.work.record if item else None


def _done(connection: Connection, asked: Asked, patron: PatronId, record: RecordId) -> bool:
    pickup, now = BranchId(asked.said.first("BS") or asked.desk.branch), asked.desk.at
    mine = _mine(connection, asked, patron, record)
    match asked.said.fixed_of("hold_mode"):
        case "+":
            wanted_until = dates.day(asked.said.first("BW"), LOCAL)
            return isinstance(holds.place(connection, patron, record, pickup, now, wanted_until), int)
        case "-":
            return mine is not None and holds.cancel(connection, patron, mine.hold, now)
        case "*":
            return mine is not None and holds.move(connection, patron, mine.hold, pickup, now)
        case _:
            return False


def _mine(connection: Connection, asked: Asked, patron: PatronId, record: RecordId) -> HoldLine | None:
    lines = holds.lines_of(connection, patron, asked.desk.at)
    return next((line for line in lines if line.work.record == record), None)


def _answer(asked: Asked, ok: str, line: HoldLine | None, why: str = "") -> Message:
    ready = "Y" if line is not None and line.state is HoldState.READY else "N"
    told = [("AA", asked.said.first("AA")), ("AB", asked.item)]
    if line is not None:
        told += [("BR", str(line.place)), ("BS", line.pickup_branch), *asked.dialect.title(line.work)]
    if why:
        told.append(("AF", why))
    return asked.answer("16", (ok, ready, asked.now), *told)
