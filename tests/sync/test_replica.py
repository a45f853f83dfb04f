"""What the branch knows of its own rules when nobody can be asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import BranchId
from sync import seal
from sync.replica import BranchRules, Replica
from tests.sync.bench_store import BRANCH, BenchClock, BenchStore, Unit

KEY = seal.generate()
TOLD = BenchStore(KEY).rules
RULES = BranchRules("Ulfborg", "Mo-Fr 10:00-17:00", "Mo-Su 07:00-22:00", 15, 30)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path / "unit", BenchClock(), KEY)
    yield made
    made.close()


def test_a_machine_that_never_heard_the_store_has_no_rules(unit: Unit) -> None:
    replica = Replica(unit.file, BRANCH)
    assert replica.rules() is None
    assert replica.as_of() is None


def test_the_rules_are_there_after_a_cold_start_without_a_network(unit: Unit, tmp_path: Path) -> None:
    assert Replica(unit.file, BRANCH).keep(TOLD) == RULES
    again = unit.died(tmp_path / "again")
    assert Replica(again.file, BRANCH).rules() == RULES
    assert Replica(again.file, BRANCH).as_of() == datetime(2026, 3, 2, 10, tzinfo=UTC)
    again.close()


def test_the_same_rules_again_are_no_change_but_they_are_younger(unit: Unit) -> None:
    replica = Replica(unit.file, BRANCH)
    replica.keep(TOLD)
    later = TOLD.model_copy(update={"as_of": TOLD.as_of + timedelta(hours=1)})
    assert replica.keep(later) is None
    assert replica.as_of() == later.as_of


def test_other_hours_are_a_change(unit: Unit) -> None:
    replica = Replica(unit.file, BRANCH)
    replica.keep(TOLD)
    changed = replica.keep(TOLD.model_copy(update={"staffed": "off", "minimum_age": 18}))
    assert changed == BranchRules("Ulfborg", "off", "Mo-Su 07:00-22:00", 18, 30)
    assert replica.rules() == changed


def test_a_machine_that_moved_to_another_branch_forgets_the_old_one(unit: Unit) -> None:
    Replica(unit.file, BRANCH).keep(TOLD)
    moved = Replica(unit.file, BranchId("DK-766105"))
    assert moved.rules() is None
    moved.keep(TOLD.model_copy(update={"branch_id": "DK-766105"}))
    assert Replica(unit.file, BRANCH).rules() is None
