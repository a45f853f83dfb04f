"""A recorder at the level of its port: remembers every event, and can be told to be full."""

from dataclasses import dataclass, field

from kiosk.event import Event, LoanGivenUp
from kiosk.fault import DeviceFault, Fault
from kiosk.model import EventId, ItemId


@dataclass(slots=True)
class SimulatedRecorder:
    """kiosk.ports.Recorder. failing: the fault it answers with, as OUTBOX_FULL; None while it works."""

    failing: Fault | None = None
    kept: dict[EventId, Event] = field(default_factory=dict)
    asked: dict[EventId, ItemId] = field(default_factory=dict)  # and not answered

    @property
    def events(self) -> list[Event]:
        """In the order they were recorded."""
        return list(self.kept.values())

    def record(self, event: Event, event_id: EventId | None = None) -> None:
        if self.failing is not None:
            raise DeviceFault(self.failing)
        chosen = event_id or EventId(f"simulated-{len(self.kept) + 1}")
        self.kept.setdefault(chosen, event)
        self.answered(event.asked if isinstance(event, LoanGivenUp) else chosen)

    def ask(self, event_id: EventId, item: ItemId) -> None:
        if self.failing is not None:
            raise DeviceFault(self.failing)
        self.asked[event_id] = item

    def answered(self, event_id: EventId) -> None:
        self.asked.pop(event_id, None)
