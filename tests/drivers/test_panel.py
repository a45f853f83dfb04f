"""The panel's socket: faces go out, keys come in, and no panel can hold the door up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.panel import MOST_PANELS, PanelSocket, read_key
from drivers.simulated.inbox import Inbox, running
from drivers.simulated.panel import SimulatedPanel
from kiosk.fault import Cleared, Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import ClearTyped, DigitTyped, EnterTyped

FACE, NEXT_FACE = b'{"show": "ready"}', b'{"show": "ask pin"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "panel"


@pytest.fixture
def door(path: Path) -> PanelSocket:
    return PanelSocket(path, system_clock, absent_s=0.05)


@pytest.fixture
def inbox(door: PanelSocket) -> Iterator[Inbox]:
    """Running, and so far without a panel."""
    with running(door, Inbox()) as started:
        assert started.next() == Raised(Fault.PANEL_LOST)
        yield started


@pytest.fixture
def panel(inbox: Inbox, door: PanelSocket, path: Path) -> Iterator[SimulatedPanel]:
    door.show(FACE)
    made = SimulatedPanel(path)
    assert made.face() == FACE
    assert inbox.next() == Cleared(Fault.PANEL_LOST)
    yield made
    made.close()


def test_keys_are_put_as_they_are_pressed(panel: SimulatedPanel, inbox: Inbox) -> None:
    for key in ("4", "clear", "enter"):
        panel.press(key)
    assert [inbox.next() for _ in range(3)] == [DigitTyped("4"), ClearTyped(), EnterTyped()]


@pytest.mark.parametrize("packet", [b"", b"{", b"[]", b'{"key": 4}', b'{"key": "44"}', b'{"key": ["4"]}', b"[" * 500])
def test_what_is_no_key_is_nothing(packet: bytes) -> None:
    assert read_key(packet) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_key_or_nothing(packet: bytes) -> None:
    read_key(packet)


def test_nonsense_does_not_end_the_panel(panel: SimulatedPanel, inbox: Inbox) -> None:
    panel.send(b"\xff{")
    panel.press("7")
    assert inbox.next() == DigitTyped("7")


def test_every_panel_sees_every_face_and_a_new_one_the_last(
    panel: SimulatedPanel, door: PanelSocket, path: Path
) -> None:
    other = SimulatedPanel(path)
    assert other.face() == FACE
    door.show(NEXT_FACE)
    assert (panel.face(), other.face()) == (NEXT_FACE, NEXT_FACE)
    other.close()


def test_a_panel_that_does_not_read_is_dropped_and_the_door_does_not_wait(
    panel: SimulatedPanel, door: PanelSocket, path: Path
) -> None:
    slow = SimulatedPanel(path)
    assert slow.face() == FACE
    for _ in range(5000):
        door.show(NEXT_FACE)
        assert panel.face() == NEXT_FACE
    seen = list(iter(slow.face, b""))
    assert 0 < len(seen) < 5000
    slow.close()


def test_a_dead_panel_is_told_of_and_its_return(
    panel: SimulatedPanel, inbox: Inbox, door: PanelSocket, path: Path
) -> None:
    panel.close()
    door.show(NEXT_FACE)
    assert inbox.next() == Raised(Fault.PANEL_LOST)
    again = SimulatedPanel(path)
    assert again.face() == NEXT_FACE
    assert inbox.next() == Cleared(Fault.PANEL_LOST)
    again.close()


def test_more_panels_than_there_can_be_are_turned_away(panel: SimulatedPanel, path: Path) -> None:
    others = [SimulatedPanel(path) for _ in range(MOST_PANELS - 1)]
    assert all(other.face() == FACE for other in others)
    surplus = SimulatedPanel(path)
    assert surplus.face() == b""
    for one in (*others, surplus):
        one.close()


def test_the_socket_is_the_doors_group_only_and_gone_at_the_end(door: PanelSocket, path: Path) -> None:
    with running(door, Inbox()) as inbox:
        inbox.next()
        assert path.stat().st_mode & 0o777 == 0o660
    assert not path.exists()


def test_a_place_where_no_socket_can_be_is_a_lost_panel(tmp_path: Path) -> None:
    door = PanelSocket(tmp_path / "missing" / "panel", system_clock)
    with running(door, Inbox()) as inbox:
        assert inbox.next() == Raised(Fault.PANEL_LOST)
