"""A technician's orders are carried out once, by the unit, whenever it comes to it."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.event import Because, DoorHeld, EventDiscarded
from kiosk.fault import DeviceFault, Fault
from kiosk.model import EventId
from sync import orders, seal
from sync.orders import Order
from sync.outbox import Outbox
from tests.sync.bench_store import BenchClock, BenchStore, Unit

KEY = seal.generate()
PARKED = EventId("a" * 32)


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    """With one event that the store refused."""
    made, store = Unit(tmp_path / "unit", BenchClock(), KEY), BenchStore(KEY)
    store.refuses = {PARKED}
    made.outbox.record(DoorHeld(), PARKED)
    made.outbox.confirm(store.push(made.outbox.pending()).results)
    yield made
    made.close()


def test_a_retry_is_carried_out_and_answered(unit: Unit) -> None:
    name = orders.give(unit.path, Order(PARKED))
    assert orders.unanswered(unit.path) == 1
    orders.carry_out(unit.path, unit.outbox)
    assert [event.event_id for event in unit.outbox.pending().events] == [PARKED]
    assert orders.answers(unit.path, name) == {name: "it waits again"}
    assert orders.answers(unit.path) == {}
    assert orders.unanswered(unit.path) == 0


def test_a_discard_is_carried_out_and_told_to_the_store(unit: Unit) -> None:
    orders.give(unit.path, Order(PARKED, Because.BY_HAND))
    orders.carry_out(unit.path, unit.outbox)
    store = BenchStore(KEY)
    store.push(unit.outbox.pending())
    assert store.kept == [(2, EventDiscarded(PARKED, "door.held", Because.BY_HAND))]


def test_an_order_given_while_the_unit_is_down_is_carried_out_at_its_start(unit: Unit, tmp_path: Path) -> None:
    left = unit.died(tmp_path / "left")
    orders.give(left.path, Order(PARKED))
    orders.carry_out(left.path, left.outbox)
    assert left.outbox.counts().waiting == 1
    left.close()


def test_what_is_not_parked_is_answered_so(unit: Unit) -> None:
    for why in (None, Because.TRIAL):
        name = orders.give(unit.path, Order(EventId("b" * 32), why))
        orders.carry_out(unit.path, unit.outbox)
        assert orders.answers(unit.path)[name] == orders.NOT_PARKED


def test_orders_and_answers_are_the_units_alone(unit: Unit) -> None:
    orders.give(unit.path, Order(PARKED))
    there = orders.folder(unit.path)
    assert stat.S_IMODE(there.stat().st_mode) == 0o700
    assert [stat.S_IMODE(one.stat().st_mode) for one in there.iterdir()] == [0o600]
    orders.carry_out(unit.path, unit.outbox)
    assert [stat.S_IMODE(one.stat().st_mode) for one in there.iterdir()] == [0o600]


def test_on_a_full_disk_an_order_stays_for_the_next_round(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    orders.give(unit.path, Order(PARKED, Because.TRIAL))

    def full(*_: object) -> bool:
        raise DeviceFault(Fault.OUTBOX_FULL)

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "discard", full)
        orders.carry_out(unit.path, unit.outbox)
    assert orders.unanswered(unit.path) == 1
    orders.carry_out(unit.path, unit.outbox)
    assert orders.unanswered(unit.path) == 0
    assert unit.outbox.counts().parked == 0


@pytest.mark.parametrize("why", ['"  "', '"Alma Opdigtet har den"', "7", "true", '["trial"]', '{"trial": 1}'])
def test_a_reason_of_no_list_discards_nothing_and_is_not_repeated(unit: Unit, why: str) -> None:
    orders.folder(unit.path).mkdir()
    (orders.folder(unit.path) / "x.order").write_text(f'{{"event": "{PARKED}", "why": {why}}}')
    orders.carry_out(unit.path, unit.outbox)
    assert orders.answers(unit.path) == {"x": "this was no order"}
    assert unit.outbox.counts().parked == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=5000) | st.sampled_from([b"[]", b"{}", b'{"event":7,"why":""}', b"[" * 900]))
def test_whatever_lies_in_the_folder_is_answered_and_changes_nothing(unit: Unit, content: bytes) -> None:
    orders.folder(unit.path).mkdir(exist_ok=True)
    (orders.folder(unit.path) / "x.order").write_bytes(content)
    orders.carry_out(unit.path, unit.outbox)
    assert orders.answers(unit.path) == {"x": "this was no order"}
    assert unit.outbox.counts().parked == 1
