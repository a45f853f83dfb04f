"""Where and when something is done at the store."""

from dataclasses import dataclass
from datetime import datetime

from kiosk.model import BranchId, DeviceId


@dataclass(frozen=True, slots=True)
class Desk:
    """One device at its branch, at the store's time. fills_holds: what is returned is set aside for who waits."""

    device: DeviceId
    branch: BranchId
    at: datetime
    fills_holds: bool = True
