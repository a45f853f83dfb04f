"""What a store does by itself: forget, let holds go, raise fees, tell machines and patrons. Each may be done twice.

    at its start  replica.begin_anew
    each minute   retention.purge, holds.expire, aside.search, replica.refresh, what is due to be sent
    each hour     fees rise, notices.announce; one that fails is due again in a minute

Not responsible for: calling it (web/server.py does).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from sqlalchemy import Connection

from sync.central import retention
from sync.central.circulation import aside, holds, lateness
from sync.central.circulation.lateness import FeeDay
from sync.central.machines import replica
from sync.central.messages import notices
from sync.central.patrons.locks import Locks

_SELDOM = timedelta(hours=1)
_SHARES = range(100)  # of those whose fees rise: a turn each, for who lends meanwhile waits for one of them only
_DAYS = *(range(day, day + 1) for day in range(1, 61)), range(61, lateness.EVER.stop)  # late: a turn each

Work = Callable[[Connection, datetime], object]


@dataclass(frozen=True, slots=True)
class Job:
    """One transaction: call it with its connection."""

    work: Work
    now: datetime

    def __call__(self, connection: Connection) -> object:
        return self.work(connection, self.now)


class _Rise:
    """Fees rise: it is read once who is late, and then reckoned share by share, of what is late by then.

    What was read is kept between the transactions, and may be read again; a share of something older changes nothing.
    """

    def __init__(self) -> None:
        self._rising: dict[range, tuple[FeeDay, ...]] = {}
        self._reads: tuple[Work, ...] = tuple(partial(self._read, late) for late in _DAYS)
        self.works: tuple[Work, ...] = (*self._reads, *(partial(self._share, number) for number in _SHARES))

    def again(self, work: Work) -> tuple[Work, ...]:
        """What must be done once more when this has failed: with what is read, who is reckoned."""
        return (work, *self.works[len(self._reads) :]) if work in self._reads else (work,)

    def _read(self, late: range, connection: Connection, now: datetime) -> None:
        self._rising[late] = lateness.rising(connection, now, late)

    def _share(self, number: int, connection: Connection, now: datetime) -> int:
        rising = tuple(chain.from_iterable(self._rising.values()))
        return lateness.reckon(connection, dict.fromkeys(rising[number :: len(_SHARES)]), now)


class Turns:
    """Which jobs are due. One transaction each, so that one which fails keeps no other from being done."""

    def __init__(self, locks: Locks) -> None:
        unopened = set[str]()
        self._often: tuple[Work, ...] = (
            retention.purge,
            holds.expire,
            aside.search,
            lambda connection, now: replica.refresh(connection, locks, now, unopened),
        )
        self._rise = _Rise()
        self._seldom: tuple[Work, ...] = (*self._rise.works, notices.announce)
        self._seldom_at: datetime | None = None
        self._again: tuple[Work, ...] = (replica.begin_anew,)  # once

    def due(self, now: datetime) -> tuple[Job, ...]:
        works, self._again = (*self._again, *self._often), ()
        if self._seldom_at is None or not self._seldom_at <= now < self._seldom_at + _SELDOM:
            self._seldom_at, works = now, (*works, *self._seldom)
        return tuple(Job(work, now) for work in dict.fromkeys(works))

    def failed(self, job: Job) -> None:
        """It is due again at the next turn, as those of each minute are anyway."""
        self._again += self._rise.again(job.work)
