"""Puts the way to the central store together: the questions, the outbox, the exchange."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config.settings import Settings
from kiosk.composition.surroundings import NotFit, clock_of
from kiosk.event import Event
from kiosk.fault import Cleared, DeviceFault, Raised
from kiosk.model import BranchId, DeviceId, EventId, ItemId
from sync.exchange import Exchange, ReplicaKept, Rhythm
from sync.limits import Chores, Limits
from sync.outbox import Outbox
from sync.replica import BranchRules, Replica
from sync.rest.client import RestStore
from sync.seal import PublicKey, Sealer, SealError, load_public
from sync.seen import Memory, SeenCards
from sync.store.file import PAGE, UnitFile

STOP_WITHIN_S = 5.0
_ABOVE_MIB = 16


class StoreWay:
    """How a unit reaches the central store: by asking (`store`), and by what waits in its own file.

    A kiosk.ports.Recorder: an event is on the disk first, then on its way. Raises DeviceFault and NotFit.
    """

    def __init__(self, settings: Settings, unit: str, *, lends: bool = False) -> None:
        self._settings, self._clock = settings, clock_of(settings)
        self._credentials = _credentials(settings)
        sealer = Sealer(_recipient(self._credentials))
        self._file = UnitFile(settings.device.state_dir / f"{unit}.db", max_pages=_pages(settings))
        self.outbox = Outbox(self._file, sealer, DeviceId(settings.device.id), self._clock, _boot_id())
        self._replica = Replica(self._file, BranchId(settings.device.branch), lends=lends)
        self.store = self._client()
        self._exchange: Exchange | None = None

    def cards(self, memory: Memory) -> SeenCards:
        """What this machine knows of cards by itself."""
        key = self._settings.device.state_dir / "seen-cards.key"
        return SeenCards(self._file, self._replica, key, memory, self._clock)

    def record(self, event: Event, event_id: EventId | None = None) -> None:
        self.outbox.record(event, event_id)
        if self._exchange is not None:
            self._exchange.nudge()

    def ask(self, event_id: EventId, item: ItemId) -> None:
        self.outbox.ask(event_id, item)

    def answered(self, event_id: EventId) -> None:
        self.outbox.answered(event_id)

    @contextmanager
    def talking(self, put: Callable[[Raised | Cleared], None], learn: Callable[[BranchRules], None]) -> Iterator[None]:
        """Runs the exchange. learn: told what the branch's rules are now, and whenever the store tells them."""

        def tell(news: Raised | Cleared | ReplicaKept) -> None:
            if isinstance(news, ReplicaKept):
                learn(news.rules)
            else:
                put(news)

        with suppress(DeviceFault):  # a file that cannot be read says nothing; the exchange tells the fault
            if (known := self._replica.rules()) is not None:
                learn(known)
        place, peer = self._settings.store, self._client()
        rhythm = Rhythm(period_s=place.exchange_every_s, backoff_most_s=place.longest_back_off_s)
        chores = Chores(self._file, self.outbox, _limits(self._settings), put)
        self._exchange = Exchange(peer, self.outbox, self._replica, tell, self._clock, rhythm, chores.do, peer.close)
        self._exchange.start()
        try:
            yield
        finally:
            self._exchange.stop(STOP_WITHIN_S)
            for client in (peer, self.store):
                client.close()
            self._file.close()

    def _client(self) -> RestStore:
        place = self._settings.store
        return RestStore(place.address, self._credentials, place.deadline_s, self._clock)


def _credentials(settings: Settings) -> Path:
    """Where systemd has put them for this unit alone (LoadCredential=), else where the settings say."""
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    return Path(given) if given else settings.store.credentials_dir


def _recipient(credentials: Path) -> PublicKey:
    try:
        return load_public(credentials / "seal-public")
    except SealError:
        raise NotFit(
            f"this machine is not enrolled: {credentials} has no seal-public that can be read. Make its bundle with\n"
            "  kiosk central enrol --dir DIR --device NAME --branch ISIL --out OUTDIR\n"
            "and put the four files there"
        ) from None


def _pages(settings: Settings) -> int:
    """Above the limit at which lending stops, so that what is returned and confirmed then has room still."""
    return ((settings.outbox.most_mib + _ABOVE_MIB) << 20) // PAGE


def _limits(settings: Settings) -> Limits:
    chosen = settings.outbox
    return Limits(
        old_s=chosen.warn_after_h * 3600,
        too_old_s=chosen.stop_after_h * 3600,
        most_events=chosen.most_events,
        most_bytes=chosen.most_mib << 20,
        least_free=chosen.least_free_mib << 20,
    )


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
