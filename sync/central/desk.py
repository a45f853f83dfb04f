"""Where and when something is done at the store."""

from dataclasses import dataclass, replace
from datetime import datetime

from kiosk.model import BranchId, DeviceId


@dataclass(frozen=True, slots=True)
class Desk:
    """One device at its branch. fills_holds: what is returned is set aside for who waits.

    at: when it is done, by the store's time. told_at: when the store heard of what was done without asking; else None.
    """

    device: DeviceId
    branch: BranchId
    at: datetime
    fills_holds: bool = True
    told_at: datetime | None = None

    @property
    def now(self) -> datetime:
        """The store's time now, whenever it was done."""
        return self.told_at or self.at

    def earlier(self, at: datetime) -> "Desk":
        """What was done here without asking, and is told now."""
        return replace(self, at=at, told_at=self.now)
