"""What a machine may know of a patron: 23 and 63, to block a card, 01, and the end of a session, 35.

    unknown card          BL N, CQ N
    wrong or no PIN       BL Y, CQ N, and nothing of the record: no name, no status, no counts
    right PIN             BL Y, CQ Y, and the least that the machine needs (dialect.py)

Not responsible for: lock-out (patrons/tries.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kiosk.model import PatronId
from sync.central.calendar import local_date
from sync.central.circulation.account import account_of
from sync.central.circulation.outcomes import Account, HoldLine, HoldState
from sync.central.patrons import admission, blocks
from sync.central.schema import library, patron_groups, patrons
from sync.central.sip2.asked import Asked, branch_name
from sync.central.sip2.dialect import Fields, kroner, patron_status
from sync.sip2.codec import Message

_BY_MACHINE = "S"  # FBS's letter
_NO_COUNTS = ("    ",) * 6
_UNBOUNDED = "9999"
_MOST = 9999  # a count has four digits
_LISTS = {"AS": 0, "AT": 1, "AU": 2, "AV": 3, "BU": 4, "CD": 5}  # where the summary asks for it


def status(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        return _unknown(asked)
    account = account_of(connection, patron, asked.desk.at)
    fixed = (_blocks(connection, patron), *_head(asked))
    return asked.answer("24", fixed, *_known(connection, asked, patron), *_debt(account))


def information(connection: Connection, asked: Asked) -> Message:
    patron = asked.patron
    if patron is None:
        return asked.answer("64", (asked.dialect.stranger, *_head(asked), *_NO_COUNTS), *_stranger(asked))
    account = account_of(connection, patron, asked.desk.at)
    lists = dict(_lists(connection, asked, account))
    counts = tuple(f"{min(len(lists[name]), _MOST):04d}" for name in ("AS", "AT", "AU", "AV", "BU", "CD"))
    told = (*_known(connection, asked, patron), *_limits(connection, patron), *_debt(account))
    fixed = (_blocks(connection, patron), *_head(asked), *counts)
    return asked.answer("64", fixed, *told, *_wanted(asked, lists), *_born(connection, asked, patron))


def end_of_session(_connection: Connection, asked: Asked) -> Message:
    return asked.answer("36", ("Y", asked.now), ("AA", asked.said.first("AA")))


def block(connection: Connection, asked: Asked) -> Message:
    """01: the machine has kept the card, or seen too many wrong PINs. Answered as to a stranger."""
    if asked.who.patron is not None:
        blocks.block(connection, asked.who.patron, _BY_MACHINE, local_date(asked.desk.at))
    return _unknown(asked)


def _unknown(asked: Asked) -> Message:
    """24 of a patron of whom nothing is said."""
    return asked.answer("24", (asked.dialect.stranger, *_head(asked)), *_stranger(asked))


# --- who ----------------------------------------------------------------------------------------


def _head(asked: Asked) -> tuple[str, str]:
    """Language as it was asked in, where it is one of SIP2's numbers, and the time."""
    return _language(asked.said.fixed_of("language")), asked.now


def _language(said: str) -> str:
    return said if said.isascii() and said.isdigit() else "000"


def _stranger(asked: Asked) -> Fields:
    """A wrong PIN names the patron's number no more than an unknown card does."""
    known = "N" if asked.who.patron is None else "Y"
    return ("AA", asked.dialect.patron(asked.said.first("AA"), None)), ("AE", ""), ("BL", known), ("CQ", "N")


def _known(connection: Connection, asked: Asked, patron: PatronId) -> Fields:
    name = connection.execute(select(patrons.c.first_name).where(patrons.c.patron_id == patron)).scalar_one()
    whose = asked.dialect.patron(asked.said.first("AA"), patron)
    return ("AA", whose), ("AE", name), ("BL", "Y"), ("CQ", "Y")


def _blocks(connection: Connection, patron: PatronId) -> str:
    return patron_status(tuple(block.blocked_reason for block in admission.blocks_of(connection, patron)))


def _born(connection: Connection, asked: Asked, patron: PatronId) -> Fields:
    if not asked.dialect.says_birth_date:
        return ()
    born = connection.execute(select(patrons.c.birth_date).where(patrons.c.patron_id == patron)).scalar_one()
    return (("PB", born.strftime("%Y%m%d")),)


# --- what of ------------------------------------------------------------------------------------


def _debt(account: Account) -> Fields:
    return ("BH", "DKK"), ("BV", kroner(account.debt))


def _limits(connection: Connection, patron: PatronId) -> Fields:
    """Holds, overdue (no bound), charged, debt."""
    query = select(patron_groups.c.max_holds, patron_groups.c.max_loans, library.c.debt_limit)
    joined = patrons.join(patron_groups).join(library, library.c.library_id == 1)
    row = connection.execute(query.select_from(joined).where(patrons.c.patron_id == patron)).one()
    most = (f"{min(most, _MOST):04d}" for most in (row.max_holds, row.max_loans))
    return ("BZ", next(most)), ("CA", _UNBOUNDED), ("CB", next(most)), ("CC", kroner(row.debt_limit))


def _lists(connection: Connection, asked: Asked, account: Account) -> Iterator[tuple[str, tuple[str, ...]]]:
    say, today = asked.dialect, local_date(asked.desk.at)
    ready = [hold for hold in account.holds if hold.state is HoldState.READY]
    waiting = [hold for hold in account.holds if hold.state is not HoldState.READY]

    def held(hold: HoldLine) -> str:
        return say.hold(hold, f"{hold.pickup_branch} - {branch_name(connection, hold.pickup_branch)}")

    yield "AS", tuple(held(hold) for hold in ready)
    yield "AT", tuple(say.loan(loan) for loan in account.loans if loan.due < today)
    yield "AU", tuple(say.loan(loan) for loan in account.loans)
    yield "AV", tuple(say.fee(fee) for fee in account.fees)
    yield "BU", ()
    yield "CD", tuple(held(hold) for hold in waiting)


@dataclass(frozen=True, slots=True)
class _Range:
    """BP and BQ: first and last entry, from 1."""

    first: int
    last: int | None


def _wanted(asked: Asked, lists: dict[str, tuple[str, ...]]) -> Fields:
    """The lists that the summary asks for, and of them the entries from BP to BQ."""
    summary, part = asked.said.fixed_of("summary"), _range(asked)
    told: list[tuple[str, str]] = []
    for name, position in _LISTS.items():
        entries = lists[name][part.first - 1 : part.last] if summary[position] == "Y" else ()
        told += [(name, entry) for entry in entries]
        if not entries and asked.dialect.says_empty_lists:
            told.append((name, ""))
    return tuple(told)


def _range(asked: Asked) -> _Range:
    first, last = (_number(asked.said.first(name)) for name in ("BP", "BQ"))
    return _Range(first or 1, last)


def _number(said: str) -> int | None:
    """A positive number of at most four digits."""
    said = said.strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 4 and int(said) > 0 else None
