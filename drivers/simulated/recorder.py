"""A recorder at the level of its port: remembers every event, and can be told to be full."""

from dataclasses import dataclass, field

from kiosk.event import Event
from kiosk.fault import DeviceFault, Fault
from kiosk.model import EventId


@dataclass(slots=True)
class SimulatedRecorder:
    """kiosk.ports.Recorder. failing: the fault it answers with, as OUTBOX_FULL; None while it works."""

    failing: Fault | None = None
    kept: dict[EventId, Event] = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """In the order they were recorded."""
        return list(self.kept.values())

    def record(self, event: Event, event_id: EventId | None = None) -> None:
        if self.failing is not None:
            raise DeviceFault(self.failing)
        self.kept.setdefault(event_id or EventId(f"simulated-{len(self.kept) + 1}"), event)
