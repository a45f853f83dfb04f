"""A lock at the level of its port: remembers every pulse, and can be told to fail."""

from dataclasses import dataclass, field

from kiosk.fault import DeviceFault, Fault
from kiosk.model import GrantId


@dataclass(frozen=True, slots=True)
class Pulsed:
    grant: GrantId
    seconds: float


@dataclass(slots=True)
class SimulatedLock:
    """kiosk.ports.Lock. failing: the fault it answers with, as LOCK_SILENT; None while it works."""

    failing: Fault | None = None
    pulses: list[Pulsed] = field(default_factory=list)

    def pulse(self, grant: GrantId, seconds: float) -> None:
        if self.failing is not None:
            raise DeviceFault(self.failing)
        if any(pulsed.grant == grant for pulsed in self.pulses):
            raise DeviceFault(Fault.LOCK_REFUSED)
        self.pulses.append(Pulsed(grant, seconds))
