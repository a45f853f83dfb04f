"""What comes wrong to a door: from its reader, from its store. It says so, opens nothing, loses nothing, and lives.

The door and its lock are processes, the cables pseudo-terminals, the stores speak TLS.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.simulated.serial_emulator import health_card
from kiosk.demo.site import DOOR, DoorHands, Site
from kiosk.door.face import Face, Show
from kiosk.event import EntryRefused, FaultRaised
from kiosk.fault import Fault
from kiosk.model import Denial
from sync.central import seed
from tests.e2e import bad_stores, canary, rig
from tests.e2e.bad_stores import Bad

_CARD = health_card(seed.ADULT.number)
_HALF = seed.ADULT.number[:5].encode()


@pytest.fixture
def door(site: Site) -> DoorHands:
    """Closed for everybody, until it learns from a store what the hours are."""
    rig.evening(site)
    with rig.open_store(site):
        pass
    return site.start_door()


def shown(door: DoorHands, show: Show | Denial) -> Face:
    return door.faces.wait_for(lambda face: face.show is show, rig.WITHIN_S)


def stays_shut_and_alive(site: Site, door: DoorHands) -> None:
    assert door.lock.edges(door.settings.gpio.strike) == []
    assert site.program("door").is_running
    assert site.program("lock").is_running
    assert canary.found(canary.left_by_machines(site.folder)) == []


# --- from the reader ------------------------------------------------------------------------------

_UNREADABLE: dict[str, Callable[[DoorHands], None]] = {
    "half a barcode": lambda door: door.reader.half(seed.ADULT.number),
    "a barcode cut short by its end": lambda door: door.reader.send(_HALF + b"\r"),
    "a bad swipe": lambda door: door.reader.send(b";E?\r"),
    "a bad swipe of both tracks": lambda door: door.reader.bad_swipe(),
    "half a stripe": lambda door: door.reader.send(b";" + _CARD[:20].encode()),
    "10 kB of noise": lambda door: door.reader.noise(10_000, seed=7),
}


@pytest.fixture(scope="module")
def open_door(lasting_site: Site) -> Iterator[DoorHands]:
    """Ready for patrons, with its store."""
    rig.evening(lasting_site)
    with rig.open_store(lasting_site):
        yield lasting_site.start_door()


@pytest.mark.parametrize("sent", _UNREADABLE)
def test_what_cannot_be_read_is_said_and_a_good_card_is_taken_after_it(
    lasting_site: Site, open_door: DoorHands, sent: str
) -> None:
    shown(open_door, Show.READY)
    _UNREADABLE[sent](open_door)
    shown(open_door, Show.UNREADABLE)
    open_door.reader.send(b"?\r")  # ends what is still half read, as the pause before the next card does
    open_door.swipe(_CARD)
    shown(open_door, Show.ASK_PIN)
    open_door.type("*")
    shown(open_door, Show.READY)
    stays_shut_and_alive(lasting_site, open_door)


def test_a_reader_unplugged_in_the_middle_of_a_card_is_told_of_and_found_again(site: Site, door: DoorHands) -> None:
    with rig.open_store(site):
        shown(door, Show.READY)
        door.reader.send(f";{_CARD}?\r;{_CARD[:20]}".encode())  # in one piece: with the first, half the second is read
        shown(door, Show.ASK_PIN)
        door.reader.unplug()
        rig.until(lambda: lost(site, "fault.raised") == 1, "the fault at the store")
        assert lost(site, "fault.cleared") == 0
        door.type("*")
        shown(door, Denial.OUT_OF_ORDER)
        door.reader.plug()
        assert door.reader.opened(rig.WITHIN_S)
        rig.until(lambda: lost(site, "fault.cleared") == 1, "its end at the store")
        shown(door, Show.READY)
        door.reader.send(_CARD[20:].encode() + b"?\r")
        shown(door, Show.UNREADABLE)
        stays_shut_and_alive(site, door)
        door.swipe(_CARD)
        shown(door, Show.ASK_PIN)
        door.type(seed.ADULT.pin.reveal())
        door.lock.wait_for(door.settings.gpio.strike, True, rig.WITHIN_S)
        assert door.pulses() == 1
        assert log_of(site).count('"CardSwiped(') == 2  # the two halves did not make one


def lost(site: Site, kind: str) -> int:
    """How often the store was told so of the reader."""
    return sum(entry.detail == Fault.READER_LOST.value for entry in rig.told(site, DOOR, kind))


# --- from the store -------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [*bad_stores.ANSWERING, *bad_stores.STRANGERS], ids=str)
def test_a_store_that_cannot_be_used_lets_nobody_in_and_loses_nothing(
    site: Site, door: DoorHands, tmp_path: Path, bad: Bad
) -> None:
    with rig.open_store(site):
        shown(door, Show.READY)
    with bad_stores.bad_store(site, bad, tmp_path / "keys"):
        door.swipe(_CARD)
        shown(door, Show.ASK_PIN)
        door.type(seed.ADULT.pin.reveal())
        shown(door, Denial.OFFLINE)
        rig.until(lambda: f"Raised({bad.fault.value})" in log_of(site), "the fault in the log")
        looks = (waits(site, tmp_path / f"look-{n}") for n in itertools.count())
        rig.until(lambda: FaultRaised(bad.fault) in next(looks), "the fault in the outbox")
        assert EntryRefused(Denial.OFFLINE) in next(looks)
        stays_shut_and_alive(site, door)
    with rig.open_store(site):
        rig.until(lambda: bool(rig.told(site, DOOR, "entry.refused")), "the refusal at the store")
    assert [entry.detail for entry in rig.told(site, DOOR, "entry.refused")] == [Denial.OFFLINE.value]
    assert rig.told(site, DOOR, "entry.granted") == []
    assert canary.found(canary.left_by_machines(site.folder)) == []


def waits(site: Site, out: Path) -> list[object]:
    """What the door's outbox holds at this moment, read from a copy of its disk."""
    disk = rig.disk_of(site, DOOR, out)
    return [arrived.said for arrived in rig.waiting(site, disk / "door.db")]


def log_of(site: Site) -> str:
    return (site.folder / "door.log").read_text(encoding="utf-8")


def test_a_door_that_never_met_its_store_asks_nobody_for_a_pin(site: Site, door: DoorHands) -> None:
    shown(door, Show.CLOSED)
    door.swipe(_CARD)
    shown(door, Denial.CLOSED)
    rig.until(lambda: f"Raised({Fault.STORE_SILENT.value})" in log_of(site), "the fault in the log")
    stays_shut_and_alive(site, door)
