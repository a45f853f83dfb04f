"""The door's unit on simulated ports: records before it pulses, and takes a welcome back that came to nothing."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import pytest
from walk import at

from drivers.simulated.lock import SimulatedLock
from drivers.simulated.recorder import SimulatedRecorder
from drivers.simulated.store import SimulatedPatron, SimulatedStore
from kiosk.door.face import Face, Show
from kiosk.door.states import (
    Rules,
    Tone,
)
from kiosk.door.unit import DoorUnit, Surroundings
from kiosk.event import EntryGranted, EntryRefused, FaultCleared, FaultRaised
from kiosk.fault import Fault
from kiosk.hours import Hours
from kiosk.loop import system_clock
from kiosk.model import BranchId, CardSwiped, Credential, Denial, DigitTyped, Mode, Now, PatronId, Pin

BRANCH = BranchId("DK-766103")
ADA, PIN = Credential("9101010001"), Pin("1234")


def evening() -> Now:
    """20:15 in Copenhagen, on the real monotonic clock."""
    return at(system_clock().mono)


@dataclass
class Panel:
    changed: threading.Condition = field(default_factory=threading.Condition)
    faces: list[Face] = field(default_factory=list)

    def show(self, face: Face) -> None:
        with self.changed:
            self.faces.append(face)
            self.changed.notify_all()

    def wait_for(self, show: Show | Denial) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.faces) and self.faces[-1].show is show, 10), self.faces


@dataclass
class Door:
    unit: DoorUnit
    panel: Panel
    store: SimulatedStore
    lock: SimulatedLock
    recorder: SimulatedRecorder
    tones: list[Tone]

    def enter(self) -> None:
        self.unit.put(CardSwiped(ADA))
        for digit in PIN.reveal():
            self.unit.put(DigitTyped(digit))


@pytest.fixture
def door() -> Iterator[Door]:
    store = SimulatedStore(date(2026, 12, 24))
    store.patrons[ADA] = SimulatedPatron(PatronId("p1"), PIN, "Ada")
    panel, lock, recorder, tones = Panel(), SimulatedLock(), SimulatedRecorder(), list[Tone]()
    around = Surroundings(store, lock, recorder, panel.show, tones.append)
    unit = DoorUnit(BRANCH, Rules(Mode.CLOSED, pulse_s=0.05, tell_s=0.05), around, evening)
    thread = threading.Thread(target=unit.run)
    thread.start()
    yield Door(unit, panel, store, lock, recorder, tones)
    unit.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_door_that_has_heard_no_hours_is_closed(door: Door) -> None:
    door.panel.wait_for(Show.CLOSED)
    door.unit.put(CardSwiped(ADA))
    door.panel.wait_for(Denial.CLOSED)
    assert door.lock.pulses == []


def test_the_right_card_and_pin_are_recorded_and_pulse_once(door: Door) -> None:
    door.unit.learn(Hours("off", "24/7"), minimum_age=15)
    door.enter()
    door.panel.wait_for(Show.WELCOME)
    door.panel.wait_for(Show.READY)
    assert [pulse.seconds for pulse in door.lock.pulses] == [0.05]
    assert door.recorder.events[0] == EntryGranted(PatronId("p1"))
    assert Tone.GRANTED in door.tones


def test_nothing_pulses_when_nothing_can_be_written(door: Door) -> None:
    door.unit.learn(Hours("off", "24/7"), minimum_age=15)
    door.recorder.failing = Fault.OUTBOX_FULL
    door.enter()
    door.panel.wait_for(Denial.OUT_OF_ORDER)
    assert door.lock.pulses == []
    door.recorder.failing = None
    door.panel.wait_for(Show.READY)
    door.enter()
    door.panel.wait_for(Show.WELCOME)
    assert FaultCleared(Fault.OUTBOX_FULL) in door.recorder.events


def test_a_lock_that_does_not_answer_takes_the_welcome_back(door: Door) -> None:
    door.unit.learn(Hours("off", "24/7"), minimum_age=15)
    door.lock.failing = Fault.LOCK_SILENT
    door.enter()
    door.panel.wait_for(Denial.OUT_OF_ORDER)
    door.lock.failing = None
    door.panel.wait_for(Show.READY)
    door.enter()
    door.panel.wait_for(Show.WELCOME)
    assert FaultRaised(Fault.LOCK_SILENT) in door.recorder.events


def test_a_silent_store_is_said_in_words_and_opens_nothing(door: Door) -> None:
    door.unit.learn(Hours("off", "24/7"), minimum_age=15)
    door.store.failing = Fault.STORE_SILENT
    door.enter()
    door.panel.wait_for(Denial.OFFLINE)
    assert door.recorder.events == [EntryRefused(Denial.OFFLINE)]
    assert door.lock.pulses == []


def test_the_stores_minimum_age_counts(door: Door) -> None:
    door.unit.learn(Hours("off", "24/7"), minimum_age=60)
    door.enter()
    door.panel.wait_for(Denial.UNDERAGE)
