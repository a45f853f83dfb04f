"""What a branch's machines must know when the central store is silent: hours, youngest age, days of a loan.

Kept in the unit's file with the time it was true, so that a machine which starts without a network knows it too.
Not responsible for: patrons (none stands here), asking the store (exchange.py), what to do with it (kiosk/).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from kiosk.model import BranchId
from sync.rest.wire import ReplicaAnswer
from sync.store import UnitFile


@dataclass(frozen=True, slots=True)
class BranchRules:
    """staffed, unstaffed: OSM opening_hours (kiosk.hours.Hours reads them). loan_days: of a loan given out off-line."""

    name: str
    staffed: str
    unstaffed: str
    minimum_age: int
    loan_days: int


class Replica:
    """One branch's rules. Any thread may ask; raises DeviceFault(OUTBOX_*)."""

    def __init__(self, unit_file: UnitFile, branch: BranchId) -> None:
        self._file = unit_file
        self.branch = branch

    def rules(self) -> BranchRules | None:
        """None until the store has been heard once."""
        with self._file.transaction() as transaction:
            rows = transaction.rows(
                "SELECT name, staffed, unstaffed, minimum_age, loan_days FROM replica WHERE branch_id = ?", self.branch
            )
        for name, staffed, unstaffed, minimum_age, loan_days in rows:
            return BranchRules(str(name), str(staffed), str(unstaffed), int(minimum_age or 0), int(loan_days or 0))
        return None

    def as_of(self) -> datetime | None:
        """When the rules were last known to be true, by the store's clock."""
        with self._file.transaction() as transaction:
            rows = transaction.rows("SELECT as_of FROM replica WHERE branch_id = ?", self.branch)
        return datetime.fromisoformat(str(rows[0][0])) if rows else None

    def keep(self, told: ReplicaAnswer) -> BranchRules | None:
        """Keeps what the store told; the rules when they are others than before, else None."""
        before = self.rules()
        rules = BranchRules(told.name, told.staffed, told.unstaffed, told.minimum_age, told.loan_days)
        with self._file.transaction() as transaction:
            transaction.run("DELETE FROM replica WHERE branch_id <> ?", self.branch)
            transaction.run(
                "INSERT OR REPLACE INTO replica (branch_id, as_of, name, staffed, unstaffed, minimum_age, loan_days)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                self.branch,
                told.as_of.astimezone(UTC).isoformat(),
                told.name,
                told.staffed,
                told.unstaffed,
                told.minimum_age,
                told.loan_days,
            )
        return rules if rules != before else None
