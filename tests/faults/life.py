"""A unit's life on a disk: it opens its file and does by chance whatever an outbox does, and somebody looks on.

Not responsible for: cutting the power (test_power_cut.py), judging what is left (promises.py).
"""

from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random

from kiosk.event import Because, DoorClosed, Event, EventDiscarded, ItemLent, ItemReturned, LoanGivenUp
from kiosk.model import Credential, EventId, ItemId
from sync.outbox import KEY_LASTS_S, Outbox, Recorded
from sync.seal import Sealer
from sync.store import UnitFile
from tests.faults.promises import FILE, Ledger, Promised
from tests.sync.bench_store import DEVICE, BenchClock

_WHY = Because.BY_HAND


class Hasty(Outbox):
    """Wrong on purpose: says yes at once, and writes with whatever comes next."""

    def __init__(self, *parts: object) -> None:
        self._owed: list[Recorded] = []
        super().__init__(*parts)  # type: ignore[arg-type]  # as they come

    def record_all(self, recorded: "list[Recorded] | tuple[Recorded, ...]") -> None:  # type: ignore[override]
        owed, self._owed = self._owed, list(recorded)
        super().record_all(owed)


class Life:
    """act: one more thing happens. before, after, ledger: what may be looked at in the middle of it."""

    def __init__(self, folder: Path, ledger: Ledger, sealer: Sealer, rng: Random, kind: type[Outbox] = Outbox) -> None:
        self._path, self._sealer, self._rng, self._kind = folder / FILE, sealer, rng, kind
        self._clock, self._number = BenchClock(), 1000
        self.ledger = ledger
        self.before = self.after = Promised()

    def live(self, acts: int) -> None:
        """Opens the file, acts, closes it."""
        chances: list[tuple[Callable[[], None], int]] = [
            (self._record, 45),
            (self._pile, 10),
            (self._lend, 15),
            (self._ask_in_vain, 5),
            (self._give_up, 5),
            (self._push, 8),
            (self._again, 4),
            (self._discard, 4),
            (self._empty, 2),
            (self._age, 2),
        ]
        with closing(UnitFile(self._path)) as file:
            self._outbox = self._kind(file, self._sealer, DEVICE, self._clock, "boot-1")
            for act in self._rng.choices([act for act, _ in chances], [often for _, often in chances], k=acts):
                act()

    def _become(self, then: Promised, act: Callable[[], object]) -> None:
        self.after = then
        act()
        self.before = then

    # --- what happens ---

    def _fresh(self) -> EventId:
        self._number += 1
        return EventId(f"{self._number:032d}")

    def _event(self) -> Event:
        item = ItemId(f"500{self._rng.randrange(10**7):07d}")
        return self._rng.choice((DoorClosed(self._number), ItemReturned(item, offline=False)))

    def _record(self) -> None:
        event_id, event = self._fresh(), self._event()
        self._become(self.before.recorded({event_id: event}), lambda: self._outbox.record(event, event_id))

    def _pile(self) -> None:
        recorded = [(self._event(), self._fresh()) for _ in range(self._rng.randint(2, 5))]
        then = self.before.recorded({event_id: event for event, event_id in recorded})
        self._become(then, lambda: self._outbox.record_all(recorded))

    def _lend(self) -> None:
        """Asked, answered, recorded, confirmed."""
        event_id, item = self._fresh(), ItemId("5001234567")
        lent = ItemLent(Credential("7101901234"), item, date(2026, 4, 1), offline=False)
        self._outbox.ask(event_id, item)
        self._become(self.before.recorded({event_id: lent}), lambda: self._outbox.record(lent, event_id))

    def _ask_in_vain(self) -> None:
        event_id = self._fresh()
        self._outbox.ask(event_id, ItemId("5001234567"))
        self._outbox.answered(event_id)

    def _give_up(self) -> None:
        asked, event_id, item = self._fresh(), self._fresh(), ItemId("5001234567")
        self._outbox.ask(asked, item)
        said = LoanGivenUp(asked, item)
        self._become(self.before.recorded({event_id: said}), lambda: self._outbox.record(said, event_id))

    def _push(self) -> None:
        """One batch; the store refuses some."""
        batch = self._outbox.pending(self._rng.randint(1, 30))
        names = self.ledger.named(batch)
        results = self.ledger.push(batch, self._refused)
        outcomes = {names[result.event_id]: result.outcome for result in results}
        self._become(self.before.told(outcomes), lambda: self._outbox.confirm(results))

    def _refused(self, event: Event) -> bool:
        return not isinstance(event, EventDiscarded | LoanGivenUp) and self._rng.random() < 0.2

    def _empty(self) -> None:
        while self._outbox.counts().waiting:
            self._push()

    def _again(self) -> None:
        if self.before.parked:
            name = self._rng.choice(sorted(self.before.parked))
            self._become(self.before.again(name), lambda: self._outbox.retry(EventId(name)))

    def _discard(self) -> None:
        if self.before.parked:
            name = self._rng.choice(sorted(self.before.parked))
            then = self.before.discarded(name, _WHY)
            self._become(then, lambda: self._outbox.discard(EventId(name), _WHY))

    def _age(self) -> None:
        """The next event is sealed under another key."""
        self._clock.advance(KEY_LASTS_S + 1)
