"""The simulated devices at the level of their ports: that they behave as what they stand for."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from drivers.simulated.clock import set_offset, simulated_clock
from drivers.simulated.lock import Pulsed, SimulatedLock
from drivers.simulated.recorder import SimulatedRecorder
from drivers.simulated.store import LOCKED_OUT_AFTER, SimulatedItem, SimulatedPatron, SimulatedStore
from kiosk.event import DoorForced, ExitTaken
from kiosk.fault import DeviceFault, Fault
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    Borrower,
    BranchId,
    Credential,
    EventId,
    GrantId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    Now,
    PatronId,
    Pin,
    Return,
    ReturnRefusal,
)
from kiosk.ports import CentralStore, Lock, Recorder

DUE = date(2026, 2, 1)
CARD, PIN, PATRON = Credential("6101702345"), Pin("4711"), PatronId("p1")
ITEM, BRANCH = ItemId("5010000001"), BranchId("DK-766103")
NOON = Now(datetime(2026, 1, 1, 12, tzinfo=UTC), 100.0, False)


def store() -> SimulatedStore:
    made = SimulatedStore(DUE)
    made.add_patron(CARD, SimulatedPatron(PATRON, PIN, "Natalie", branches=frozenset({BRANCH})))
    made.add_item(SimulatedItem(ITEM, "Uglen"))
    return made


def fault_of(failing: SimulatedStore) -> Fault:
    with pytest.raises(DeviceFault) as met:
        failing.checkout(PATRON, ITEM, EventId("e1"))
    return met.value.fault


def test_the_simulated_devices_fit_their_ports() -> None:
    ports: tuple[CentralStore, Lock, Recorder] = (store(), SimulatedLock(), SimulatedRecorder())
    assert len(ports) == 3


# --- clock --------------------------------------------------------------------------------------


def test_without_a_file_the_wall_time_is_the_real_one_and_synced(tmp_path: Path) -> None:
    clock = simulated_clock(tmp_path / "offset", lambda: NOON)
    assert clock() == Now(NOON.wall, NOON.mono, True)


def test_the_wall_time_moves_with_the_file_and_mono_does_not(tmp_path: Path) -> None:
    path = tmp_path / "offset"
    clock = simulated_clock(path, lambda: NOON)
    assert clock().wall == NOON.wall
    for hours in (9.5, -2.0, 0.0):
        set_offset(path, hours * 3600)
        assert clock() == Now(NOON.wall + timedelta(hours=hours), NOON.mono, True)


# --- lock and recorder --------------------------------------------------------------------------


def test_a_lock_remembers_its_pulses_and_takes_a_grant_once() -> None:
    lock = SimulatedLock()
    lock.pulse(GrantId("g1"), 5.0)
    with pytest.raises(DeviceFault):
        lock.pulse(GrantId("g1"), 5.0)
    assert lock.pulses == [Pulsed(GrantId("g1"), 5.0)]


def test_a_failing_lock_pulses_nothing() -> None:
    lock = SimulatedLock(failing=Fault.LOCK_SILENT)
    with pytest.raises(DeviceFault):
        lock.pulse(GrantId("g1"), 5.0)
    assert lock.pulses == []


def test_a_recorder_keeps_events_in_order_and_one_of_each_id() -> None:
    recorder = SimulatedRecorder()
    recorder.record(DoorForced(), EventId("e1"))
    recorder.record(DoorForced(), EventId("e1"))
    recorder.record(ExitTaken())
    assert recorder.events == [DoorForced(), ExitTaken()]


def test_a_full_recorder_keeps_nothing() -> None:
    recorder = SimulatedRecorder(failing=Fault.OUTBOX_FULL)
    with pytest.raises(DeviceFault):
        recorder.record(ExitTaken())
    assert recorder.events == []


# --- store --------------------------------------------------------------------------------------


def test_the_right_pin_is_a_borrower_and_may_enter_the_branch() -> None:
    assert store().authenticate(CARD, PIN) == Borrower(PATRON, "Natalie", frozenset())
    assert store().admission(CARD, PIN, BRANCH) == AdmissionFacts(PATRON, frozenset(), 40, True)
    assert store().admission(CARD, PIN, BranchId("DK-766104")) == AdmissionFacts(PATRON, frozenset(), 40, False)


def test_a_blocked_patron_is_told_as_blocked() -> None:
    blocked = store()
    blocked.block(CARD, Block.DEBT)
    assert blocked.authenticate(CARD, PIN) == Borrower(PATRON, "Natalie", frozenset({Block.DEBT}))


def test_an_unknown_card_and_a_wrong_pin_are_answered_alike_and_then_locked_out() -> None:
    guessed = store()
    assert guessed.authenticate(Credential("6202702345"), PIN) is AuthRefusal.INVALID
    for _ in range(LOCKED_OUT_AFTER):
        assert guessed.authenticate(CARD, Pin("0000")) is AuthRefusal.INVALID
    assert guessed.authenticate(CARD, PIN) is AuthRefusal.LOCKED_OUT


def test_a_loan_and_its_return() -> None:
    lending = store()
    assert lending.checkout(PATRON, ITEM, EventId("e1")) == Loan(ITEM, "Uglen", DUE)
    assert lending.checkout(PatronId("p2"), ITEM, EventId("e2")) == NotLent(LoanRefusal.ON_LOAN, "Uglen")
    assert lending.checkin(ITEM, EventId("e3")) == Return(ITEM, "Uglen", "Hylden", False)
    assert lending.lent == {}


def test_an_item_nobody_knows_is_refused_and_a_reserved_one_too() -> None:
    lending = store()
    lending.add_item(SimulatedItem(ItemId("5010000002"), "Ugleungen", refusal=LoanRefusal.RESERVED))
    assert lending.checkout(PATRON, ItemId("0"), EventId("e1")) == NotLent(LoanRefusal.NOT_FOUND)
    assert lending.checkout(PATRON, ItemId("5010000002"), EventId("e2")) == NotLent(LoanRefusal.RESERVED, "Ugleungen")
    assert lending.checkin(ItemId("0"), EventId("e3")) is ReturnRefusal.NOT_FOUND


def test_a_silent_store_has_done_nothing() -> None:
    silent = store()
    silent.failing = Fault.STORE_SILENT
    assert fault_of(silent) is Fault.STORE_SILENT
    assert silent.lent == {}


def test_a_store_whose_answer_was_lost_has_lent_and_answers_the_repeat_alike() -> None:
    losing = store()
    losing.lost_answers = True
    assert fault_of(losing) is Fault.STORE_SILENT
    assert losing.lent == {ITEM: PATRON}
    losing.lost_answers = False
    losing.checkin(ITEM, EventId("e2"))
    assert losing.checkout(PATRON, ITEM, EventId("e1")) == Loan(ITEM, "Uglen", DUE)
    assert losing.lent == {}  # the first answer again; nothing done twice
