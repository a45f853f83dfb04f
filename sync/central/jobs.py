"""What a store does by itself: forget, let holds go, raise fees, tell machines and patrons. Each may be done twice.

    each minute   retention.purge, holds.expire, replica.refresh, what is due to be sent
    each hour     fees.rise, notices.announce

Not responsible for: calling it (web/server.py does).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from sync.central import retention
from sync.central.circulation import fees, holds
from sync.central.machines import replica
from sync.central.messages import notices
from sync.central.patrons.locks import Locks

_SELDOM = timedelta(hours=1)
_SHARES = tuple(f"{number:02d}" for number in range(100))  # a turn each: who lends meanwhile waits for one of them only

Job = Callable[[Connection], object]


class Turns:
    """Which jobs are due. One transaction each, so that one which fails keeps no other from being done."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self._seldom_at: datetime | None = None

    def due(self, now: datetime) -> tuple[Job, ...]:
        often: tuple[Job, ...] = (
            lambda connection: retention.purge(connection, now),
            lambda connection: holds.expire(connection, now),
            lambda connection: replica.refresh(connection, self._locks),
        )
        if self._seldom_at is not None and self._seldom_at <= now < self._seldom_at + _SELDOM:
            return often
        self._seldom_at = now
        return (
            *often,
            *(partial(fees.rise, now=now, share=share) for share in _SHARES),
            lambda connection: notices.announce(connection, now),
        )
