"""Every reachable state of the lock by every input."""

from collections.abc import Iterable

from walk import LATE, Edge, at, walk

from kiosk.lock.machine import (
    Confirm,
    Effect,
    Ended,
    Energise,
    Given,
    LineStuck,
    Pulse,
    Pulsing,
    Refusal,
    Refuse,
    Release,
    Resting,
    State,
    step,
)
from kiosk.model import GrantId, Now, Tick

A, B = GrantId("a"), GrantId("b")
LONGEST = 10_000


def _step(state: State, given: Given, now: Now) -> tuple[State, tuple[Effect, ...]]:
    return step(state, given, now, LONGEST)


def alphabet(_: State) -> Iterable[Given]:
    for grant in (A, B):
        yield from (Pulse(grant, 5_000), Pulse(grant, LONGEST), Pulse(grant, LONGEST + 1), Pulse(grant, 0))
    yield Pulse(A, -1)
    yield from (LineStuck(), Tick())


_REST: State = Resting()
EDGES: list[Edge[State, Given, Effect]] = list(walk(_REST, _step, alphabet))


def test_the_line_rises_only_for_a_pulse_and_only_from_rest() -> None:
    rises = [edge for edge in EDGES if Energise() in edge.effects]
    assert rises
    for edge in rises:
        assert isinstance(edge.before, Resting) and isinstance(edge.given, Pulse)
        assert 0 < edge.given.ms <= LONGEST and edge.given.grant != edge.before.last
        assert isinstance(edge.after, Pulsing)
        assert edge.effects == (Energise(), Confirm(edge.given.grant))


def test_no_input_at_all_makes_a_pulse_longer() -> None:
    for edge in EDGES:
        if isinstance(edge.before, Pulsing) and isinstance(edge.after, Pulsing):
            assert edge.after.deadline <= edge.before.deadline, edge


def test_any_input_after_the_deadline_lets_the_line_fall_first() -> None:
    for edge in EDGES:
        if isinstance(edge.before, Pulsing) and edge.late:
            assert edge.effects[0] == Release() and isinstance(edge.after, Resting), edge


def test_the_line_is_released_before_anything_is_said() -> None:
    for edge in EDGES:
        if Release() in edge.effects:
            assert edge.effects[0] == Release()


def test_every_pulse_asked_for_is_answered() -> None:
    for edge in EDGES:
        if isinstance(edge.given, Pulse):
            said = [e for e in edge.effects if isinstance(e, Confirm | Refuse) and e.grant == edge.given.grant]
            assert len(said) == 1, edge


def test_a_grant_is_used_once() -> None:
    state, _ = _step(Resting(), Pulse(A, 100), at(0))
    state, _ = _step(state, Tick(), at(LATE))
    _, effects = _step(state, Pulse(A, 100), at(LATE))
    assert effects == (Refuse(A, Refusal.REPEATED),)


def test_a_stuck_line_is_told_to_the_door_and_ends_the_pulse() -> None:
    state, _ = _step(Resting(), Pulse(A, 100), at(0))
    state, effects = _step(state, LineStuck(), at(0))
    assert effects == (Release(), Refuse(A, Refusal.STUCK)) and state == Resting(A)


def test_the_end_of_a_pulse_is_told() -> None:
    _, effects = _step(Pulsing(A, 5.0), Tick(), at(5.0))
    assert effects == (Release(), Ended(A))
