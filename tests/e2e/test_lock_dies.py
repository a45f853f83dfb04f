"""The lock process is ended, killed, frozen, and started again; the door beside it says so, and repeats nothing.

Not shown here: that the kernel lets a dead process's line go, for a mock line has no kernel (kiosk lock refuses to
start where it would not; systemd's ExecStopPost lets go once more).
"""

import os
import signal
from collections.abc import Iterator

import pytest

from drivers.lock_client import LockClient
from kiosk.composition.surroundings import lock_socket
from kiosk.demo.site import DOOR, DoorHands, Site
from kiosk.door.face import Show
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import system_clock
from kiosk.model import Denial, GrantId
from sync.central import seed
from tests.e2e import rig


@pytest.fixture
def door(site: Site) -> Iterator[DoorHands]:
    """Open to patrons by themselves, with its store."""
    rig.evening(site)
    with rig.open_store(site):
        hands = site.start_door()
        hands.faces.wait_for(lambda face: face.show is Show.READY, rig.WITHIN_S)
        yield hands


def ask_in(door: DoorHands) -> None:
    """Card and PIN of somebody who may."""
    shown(door, Show.READY)  # the one before has been welcomed
    door.show_card(seed.ADULT.number)
    shown(door, Show.ASK_PIN)
    door.type(seed.ADULT.pin.reveal())


def shown(door: DoorHands, show: Show | Denial) -> None:
    door.faces.wait_for(lambda face: face.show is show, rig.WITHIN_S)


def let_in(door: DoorHands) -> None:
    ask_in(door)
    door.lock.wait_for(door.settings.gpio.strike, True, rig.WITHIN_S)


def start_lock(site: Site, door: DoorHands) -> None:
    site.start_unit("lock")
    door.lock = site.bench(door.settings, "lock")


def told_of_the_lock(site: Site, kind: str) -> list[str]:
    return [entry.detail for entry in rig.told(site, DOOR, kind) if entry.detail.startswith("lock.")]


def test_a_lock_that_is_asked_to_end_in_a_pulse_lets_the_line_fall_first(site: Site, door: DoorHands) -> None:
    edges = site.bench(door.settings, "lock").watch(door.settings.gpio.strike)
    let_in(door)
    assert site.program("lock").stop() == 0
    risen, fallen = edges  # until the process is gone
    assert (risen.level, fallen.level) == (True, False)
    assert fallen.mono - risen.mono < site.pulse_s
    assert site.program("door").is_running


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "frozen"])
def test_a_lock_killed_in_a_pulse_is_missed_found_again_and_repeats_nothing(
    site: Site, door: DoorHands, frozen: bool
) -> None:
    lock, strike = site.program("lock"), door.settings.gpio.strike
    let_in(door)
    if frozen:
        os.kill(lock.pid, signal.SIGSTOP)
    assert lock.kill() == -signal.SIGKILL
    shown(door, Show.READY)
    ask_in(door)
    shown(door, Denial.OUT_OF_ORDER)
    rig.until(lambda: told_of_the_lock(site, "fault.raised") == ["lock.silent"], "the fault at the store")
    start_lock(site, door)
    assert not door.lock.level(strike)
    assert door.pulses() == 0  # neither the pulse it died in, nor the one nobody took
    let_in(door)
    shown(door, Show.WELCOME)
    assert door.pulses() == 1
    rig.until(lambda: told_of_the_lock(site, "fault.cleared") == ["lock.silent"], "its end at the store")
    assert len(rig.told(site, DOOR, "entry.granted")) == 3


@pytest.mark.parametrize("earlier", [0, 1], ids=["a fresh line", "a line in use"])
def test_a_lock_that_was_frozen_does_not_open_when_it_thaws(site: Site, door: DoorHands, earlier: int) -> None:
    """The patron was told that the door is out of order and has gone: who comes next must not find it open."""
    lock, strike = site.program("lock"), door.settings.gpio.strike
    for _ in range(earlier):
        let_in(door)
        door.lock.wait_for(strike, False, rig.WITHIN_S)
        shown(door, Show.READY)
    os.kill(lock.pid, signal.SIGSTOP)
    ask_in(door)
    shown(door, Denial.OUT_OF_ORDER)
    os.kill(lock.pid, signal.SIGCONT)
    asking = LockClient(lock_socket(door.settings), system_clock)
    asking.pulse(GrantId("b" * 32), 0.5)  # stands behind what was asked before; refused while another pulse runs
    asking.close()
    assert door.pulses() == earlier + 1


def test_a_grant_that_died_with_its_lock_opens_nothing_when_it_is_asked_again(site: Site, door: DoorHands) -> None:
    """A grant is used once, within one life of the lock; the door makes a new one for each patron."""
    asking = LockClient(lock_socket(door.settings), system_clock)
    asking.pulse(GrantId("a" * 32), 0.6)
    door.lock.wait_for(door.settings.gpio.strike, False, rig.WITHIN_S)
    with pytest.raises(DeviceFault) as refused:
        asking.pulse(GrantId("a" * 32), 0.6)
    asking.close()
    assert refused.value.fault is Fault.LOCK_REFUSED
    assert door.pulses() == 1
