"""What a branch's machines must know when the central store is silent: hours, closing days, days of a loan, block list.

    pull: part, part, .. until the store has no more --> Pulled --keep--> the unit's file, in one commit

Kept with the time it was true, so that a machine which starts without a network knows it too. What is cut short before
the last part, or cannot be true, changes nothing. The list has digests under a key that the store gave, no card; a door
lends nothing and keeps none.
Not responsible for: who lately was here (seen.py), asking (exchange.py), what to do with it (kiosk/).
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from kiosk.fault import DeviceFault, Fault
from kiosk.model import BranchId, Credential
from sync.rest.wire import BlockList, BranchText, ReplicaAnswer
from sync.store.connection import Statements
from sync.store.file import UnitFile

MOST_CARDS = 100_000  # on one list
MOST_PARTS = 200  # of one pull
_DIGEST = 16  # bytes
_KEY = 32  # bytes, at the least


@dataclass(frozen=True, slots=True)
class BranchRules:
    """staffed, unstaffed: OSM opening_hours (kiosk.hours.Hours reads them). loan_days: of a loan given out off-line.

    as_of: when it was last known to be true, by the store's clock.
    """

    name: str
    staffed: str
    unstaffed: str
    minimum_age: int
    loan_days: int
    closings: frozenset[date]
    as_of: datetime


# --- pulling ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changes:
    """What one pull says of the block list. whole: what is not listed here is on it no more."""

    key: bytes = field(repr=False)
    whole: bool
    listed: frozenset[bytes] = field(repr=False)
    unlisted: frozenset[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pulled:
    """last: the answer of the last part. changes: None from a store that has no block list, or has not made it yet."""

    last: ReplicaAnswer
    changes: Changes | None


def pull(ask: Callable[[str], ReplicaAnswer], cursor: str) -> Pulled:
    """Every part since the cursor; `ask` takes one and answers. Raises what it raises, and STORE_NONSENSE."""
    gathered: Changes | None = None
    for _ in range(MOST_PARTS):
        answer = ask(cursor)
        part = answer.block_list
        if part is None or not answer.cursor:
            return Pulled(answer, None)
        gathered = _joined(gathered, part, whole=_is_whole(part, cursor, answer.cursor))
        if not part.more:
            return Pulled(answer, gathered)
        cursor = answer.cursor
    raise DeviceFault(Fault.STORE_NONSENSE)


def _is_whole(part: BlockList, asked: str, answered: str) -> bool:
    """Of another epoch, or the first ever, it is the whole list; what says otherwise cannot be added to ours."""
    if not part.whole and asked.partition("-")[0] != answered.partition("-")[0]:
        raise DeviceFault(Fault.STORE_NONSENSE)
    return part.whole


def _joined(before: Changes | None, part: BlockList, *, whole: bool) -> Changes:
    listed, unlisted = _digests(part.listed), _digests(part.unlisted)
    if before is None or whole:
        joined = Changes(part.key, whole, listed, unlisted - listed)
    elif not hmac.compare_digest(before.key, part.key):
        raise DeviceFault(Fault.STORE_NONSENSE)
    else:
        on, off = (before.listed - unlisted) | listed, (before.unlisted | unlisted) - listed
        joined = Changes(part.key, before.whole, on, off)
    if len(joined.key) < _KEY or len(joined.listed) + len(joined.unlisted) > MOST_CARDS:
        raise DeviceFault(Fault.STORE_NONSENSE)
    return joined


def _digests(said: tuple[str, ...]) -> frozenset[bytes]:
    return frozenset(map(bytes.fromhex, said))


# --- looking ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """What a technician may see of it. cards: on the block list; None where no whole one is here."""

    as_of: datetime
    cards: int | None


def kept(statements: Statements) -> Kept | None:
    """Of a unit's file; None until the store has been heard once."""
    rows = statements.rows(
        "SELECT as_of, (SELECT cards FROM block_list_told"
        " WHERE length(key) > 0 AND cards = (SELECT count(*) FROM block_list)) FROM replica"
    )
    for as_of, cards in rows:
        return Kept(datetime.fromisoformat(str(as_of)), cards if isinstance(cards, int) else None)
    return None


# --- keeping ------------------------------------------------------------------------------------


class Replica:
    """One branch's rules and, for a machine that lends, the block list. Any thread; raises DeviceFault(OUTBOX_*)."""

    def __init__(self, unit_file: UnitFile, branch: BranchId, *, lends: bool = True) -> None:
        self._file, self._lends = unit_file, lends
        self.branch = branch

    def rules(self) -> BranchRules | None:
        """None until the store has been heard once."""
        with self._file.statements() as statements:
            rows = statements.rows(
                "SELECT name, staffed, unstaffed, minimum_age, loan_days, closings, as_of FROM replica"
                " WHERE branch_id = ?",
                self.branch,
            )
        for name, staffed, unstaffed, minimum_age, loan_days, closings, as_of in rows:
            days = frozenset(map(date.fromisoformat, str(closings).split()))
            when = datetime.fromisoformat(str(as_of))
            numbers = int(minimum_age or 0), int(loan_days or 0)
            return BranchRules(str(name), str(staffed), str(unstaffed), *numbers, days, when)
        return None

    def texts(self) -> tuple[BranchText, ...]:
        """The library's own words, for the places on the screen that they name."""
        with self._file.statements() as statements:
            rows = statements.rows("SELECT name, language, text FROM texts ORDER BY name, language")
        return tuple(BranchText(name=str(name), language=str(lang), text=str(text)) for name, lang, text in rows)

    def cursor(self) -> str:
        """What the store is to be asked since; empty while no whole list is here."""
        with self._file.statements() as statements:
            told = self._told(statements)
        return "" if told is None else told.cursor

    def lists(self, card: Credential) -> bool | None:
        """Whether this card may not borrow; None while no whole list is here."""
        with self._file.statements() as statements:
            told = self._told(statements)
            if told is None or not self._lends:
                return None
            digest = digest_of(told.key, card)
            return bool(statements.rows("SELECT 1 FROM block_list WHERE digest = ?", digest))

    def keep(self, pulled: Pulled) -> BranchRules:
        """All of it, in one commit; what the rules are now. Raises STORE_NONSENSE on a list that cannot be ours."""
        with self._file.transaction() as statements:
            self._keep_rules(statements, pulled.last)
            self._keep_list(statements, pulled)
        rules = self.rules()
        if rules is None:
            raise DeviceFault(Fault.OUTBOX_BROKEN)
        return rules

    def _keep_rules(self, statements: Statements, told: ReplicaAnswer) -> None:
        closings = " ".join(sorted({closing.closing_date.isoformat() for closing in told.closing_dates}))
        statements.run("DELETE FROM replica WHERE branch_id <> ?", self.branch)
        statements.run(
            "INSERT OR REPLACE INTO replica"
            " (branch_id, as_of, name, staffed, unstaffed, minimum_age, loan_days, closings)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self.branch,
            told.as_of.astimezone(UTC).isoformat(),
            told.name,
            told.staffed,
            told.unstaffed,
            told.minimum_age,
            told.loan_days,
            closings,
        )
        statements.run("DELETE FROM texts")
        for text in told.texts:
            statements.run("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", text.name, text.language, text.text)

    def _keep_list(self, statements: Statements, pulled: Pulled) -> None:
        changes = pulled.changes
        if changes is None:
            statements.run("DELETE FROM block_list")
            statements.run("DELETE FROM block_list_told")
            return
        told, key = self._told(statements), changes.key if self._lends else b""
        if not changes.whole and (told is None or told.key != key):
            raise DeviceFault(Fault.STORE_NONSENSE)
        self._change_list(statements, changes)
        statements.run(
            "INSERT OR REPLACE INTO block_list_told (one, cursor, key, cards)"
            " VALUES (1, ?, ?, (SELECT count(*) FROM block_list))",
            pulled.last.cursor,
            key,
        )
        if not statements.rows("SELECT 1 FROM block_list_told WHERE cards <= ?", MOST_CARDS):
            raise DeviceFault(Fault.STORE_NONSENSE)

    def _change_list(self, statements: Statements, changes: Changes) -> None:
        """Only the rows that change are written, of a whole list too: it comes each month."""
        listed, unlisted = changes.listed if self._lends else frozenset(), changes.unlisted
        if changes.whole:
            before = _listed(statements)
            listed, unlisted = listed - before, before - listed
        for digest in unlisted:
            statements.run("DELETE FROM block_list WHERE digest = ?", digest)
        for digest in sorted(listed):
            statements.run("INSERT OR IGNORE INTO block_list VALUES (?)", digest)

    def _told(self, statements: Statements) -> "_Told | None":
        """None where there is no list, a door's, or one of which rows are lost."""
        rows = statements.rows(
            "SELECT cursor, key FROM block_list_told"
            " WHERE cards = (SELECT count(*) FROM block_list) AND (length(key) > 0) = ?",
            self._lends,
        )
        return next((_Told(str(cursor), key) for cursor, key in rows if isinstance(key, bytes)), None)


@dataclass(frozen=True, slots=True)
class _Told:
    cursor: str
    key: bytes = field(repr=False)


def _listed(statements: Statements) -> frozenset[bytes]:
    rows = statements.rows("SELECT digest FROM block_list")
    return frozenset(digest for (digest,) in rows if isinstance(digest, bytes))


def digest_of(key: bytes, card: Credential) -> bytes:
    """Of a card, as the list has it."""
    return hmac.new(key, card.number.encode(), hashlib.sha256).digest()[:_DIGEST]
