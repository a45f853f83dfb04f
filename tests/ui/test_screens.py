"""screen(): each stage and fault has its screen, and nothing on it that does not belong there."""

from dataclasses import replace
from datetime import date

import pytest

from kiosk.checkout import states
from kiosk.checkout.line import Asking, Lent, Line, Refused, Returned
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import (
    State,
)
from kiosk.fault import OUTBOX, STRAINED, Fault
from kiosk.model import Credential, EventId, ItemId, LoanRefusal, PatronId, Pin, Question, Standing
from ui import screens, words
from ui.samples import states as samples
from ui.screens import screen

_CARD = Credential("6105990000")
_PIN = Pin("7393")
_STAGES: dict[type[states.Stage], type[screens.Screen]] = {
    states.Start: screens.Start,
    states.Notice: screens.Notice,
    states.AskingPin: screens.Pin,
    states.Verifying: screens.Wait,
    states.Lending: screens.Lending,
    states.Returning: screens.Return,
    states.Farewell: screens.Farewell,
}


def _line(n: int, outcome: object, title: str = "") -> Line:
    assert isinstance(outcome, Asking | Lent | Returned | Refused)
    return Line(EventId(f"e{n}"), ItemId(f"i{n}"), title, outcome)


def _lending(*lines: Line) -> states.Lending:
    return states.Lending(PatronId("patron"), "Karen", Standing.SEEN, lines, False, 0.0)


def test_every_stage_has_its_own_screen() -> None:
    shown = {type(state.stage): screen(State(state.stage)) for state in samples().values()}
    assert {stage: type(drawn) for stage, drawn in shown.items()} == _STAGES


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_leaves_a_screen_with_something_to_do(fault: Fault) -> None:
    for state in samples().values():
        assert isinstance(screen(replace(state, faults=frozenset({fault}))), screens.Screen)


@pytest.mark.parametrize(
    "fault", [Fault.STORE_SILENT, Fault.STORE_NONSENSE, Fault.STORE_REFUSES_DEVICE, Fault.STORE_NOT_TRUSTED]
)
def test_every_screen_says_when_the_store_cannot_be_reached(fault: Fault) -> None:
    for state in samples().values():
        network = screen(replace(state, faults=frozenset({fault}))).network
        assert network == (words.of_offline(state.lends) if state.stage == states.Start() else words.NO_CONNECTION)
        assert screen(replace(state, faults=frozenset())).network is None


@pytest.mark.parametrize("lends", list(Lends))
def test_the_start_screen_invites_to_what_the_machine_will_do(lends: Lends) -> None:
    silent = frozenset({Fault.STORE_SILENT})
    invited = screen(State(faults=silent, lends=lends))
    assert invited == screens.Start(words.of_offline(lends), lends is not Lends.NOBODY)
    assert screen(State(lends=lends)) == screens.Start(None, True)


@pytest.mark.parametrize("fault", sorted(STRAINED, key=str))
def test_a_machine_without_room_says_what_it_still_does_once_it_is_alone(fault: Fault) -> None:
    alone = frozenset({fault, Fault.STORE_SILENT})
    assert screen(State(faults=alone)) == screens.Start(words.NO_CONNECTION_NO_ROOM, False)
    assert screen(State(faults=frozenset({fault}))) == screens.Start(None)


@pytest.mark.parametrize("fault", sorted(OUTBOX | {Fault.READER_LOST}, key=str))
def test_nobody_begins_what_the_machine_cannot_finish(fault: Fault) -> None:
    faults = frozenset({fault})
    beginnings = (states.Start(), states.AskingPin(_CARD, Pin(), 3, False, 0.0), _lending())
    assert all(isinstance(screen(State(stage, faults)), screens.OutOfOrder) for stage in beginnings)


@pytest.mark.parametrize("fault", sorted(OUTBOX | {Fault.READER_LOST}, key=str))
def test_a_fault_does_not_hide_what_has_been_lent(fault: Fault) -> None:
    shown = screen(State(_lending(_line(1, Lent(date(2026, 1, 2), False))), frozenset({fault})))
    assert isinstance(shown, screens.Lending)
    assert shown.trouble
    assert shown.lent == 1


def test_the_reader_and_the_disk_are_not_told_with_the_same_words() -> None:
    reader = screen(State(faults=frozenset({Fault.READER_LOST})))
    disk = screen(State(faults=frozenset({Fault.OUTBOX_FULL})))
    assert isinstance(reader, screens.OutOfOrder)
    assert isinstance(disk, screens.OutOfOrder)
    assert reader.advice != disk.advice


def test_a_lost_keypad_leaves_the_screen_alone() -> None:
    """The PIN is typed on the screen itself."""
    assert screen(State(faults=frozenset({Fault.KEYPAD_LOST}))) == screens.Start(None)


def test_who_may_not_borrow_is_shown_the_way_to_return() -> None:
    offered = {told for told in states.Told if _notice(told).returns}
    assert offered == {states.Told.BLOCKED, states.Told.OFFLINE, states.Told.NOT_UNASKED}


def _notice(told: states.Told) -> screens.Notice:
    shown = screen(State(states.Notice(told, 0.0)))
    assert isinstance(shown, screens.Notice)
    return shown


def test_a_refused_pin_says_so_and_a_first_one_does_not() -> None:
    again = screen(State(states.AskingPin(_CARD, Pin(), 2, True, 0.0)))
    first = screen(State(states.AskingPin(_CARD, Pin("12"), 3, False, 0.0)))
    assert again == screens.Pin(None, 0, 4, words.AGAIN)
    assert first == screens.Pin(None, 2, 4, None)


def test_neither_pin_nor_card_stands_on_any_screen() -> None:
    asking = states.AskingPin(_CARD, _PIN, 3, False, 0.0)
    verifying = states.Verifying(Question(_CARD, _PIN), 3, 0.0)
    offline = states.Lending(_CARD, "", Standing.STRANGER, (), False, 0.0)
    for stage in (asking, verifying, offline):
        assert _PIN.reveal() not in repr(screen(State(stage)))
        assert _CARD.number not in repr(screen(State(stage)))


def test_the_first_name_is_a_greeting_and_no_part_of_a_repr() -> None:
    shown = screen(State(_lending()))
    assert isinstance(shown, screens.Lending)
    assert shown.name == "Karen"
    assert "Karen" not in repr(shown)


def test_the_newest_line_comes_first_under_its_title_or_else_its_last_digits() -> None:
    shown = screen(State(_lending(_line(1, Lent(date(2026, 1, 2), False), "Kok"), _line(2, Asking()))))
    assert isinstance(shown, screens.Lending)
    assert [(line.title, line.icon, line.due) for line in shown.lines] == [
        ("… i2", words.Icon.WAIT, None),
        ("Kok", words.Icon.CHECK, date(2026, 1, 2)),
    ]


def test_a_farewell_counts_what_was_lent_returned_and_refused() -> None:
    lent, back = Lent(date(2026, 1, 2), False), Returned("Krimi", False, False)
    lines = (_line(1, lent), _line(2, back), _line(3, back), _line(4, Refused(LoanRefusal.RESERVED)))
    shown = screen(State(states.Farewell(lines, 0.0)))
    assert isinstance(shown, screens.Farewell)
    assert (shown.lent, shown.returned, shown.refused) == (1, 2, 1)
    assert [line.place for line in shown.lines] == ["", "Krimi", "Krimi", ""]
