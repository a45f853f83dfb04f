"""Walks a machine: every reachable state by every input, each before and after every deadline.

States are frozen and step is pure, so a breadth-first walk is complete. Time is made relative: a state is looked at
as if entered at mono 0, and what is overdue is set to 0.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from kiosk.model import Now

StateT = TypeVar("StateT")
GivenT = TypeVar("GivenT")
EffectT = TypeVar("EffectT")

SOON, LATE = 0.0, 10_000.0
_TIMES = {"deadline", "since"}
WALL = datetime(2026, 11, 24, 19, 15, tzinfo=UTC)  # a Tuesday, 20:15 in Copenhagen


def at(mono: float, wall: datetime = WALL, *, synced: bool = True) -> Now:
    return Now(wall, mono, synced)


@dataclass(frozen=True)
class Edge(Generic[StateT, GivenT, EffectT]):
    before: StateT
    given: GivenT
    late: bool
    after: StateT
    effects: tuple[EffectT, ...]


def walk(
    start: StateT,
    step: Callable[[StateT, GivenT, Now], tuple[StateT, tuple[EffectT, ...]]],
    alphabet: Callable[[StateT], Iterable[GivenT]],
) -> Iterator[Edge[StateT, GivenT, EffectT]]:
    """alphabet: the inputs worth giving in this state (answers belong to the questions that stand in it)."""
    seen: set[StateT] = set()
    todo = deque([start])
    while todo:
        state = todo.popleft()
        if state in seen:
            continue
        seen.add(state)
        for given in alphabet(state):
            for mono in (SOON, LATE):
                after, effects = step(state, given, at(mono))
                yield Edge(state, given, mono == LATE, after, effects)
                todo.append(_relative(after, mono))


def _relative(value: Any, mono: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_relative(part, mono) for part in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    moved = {
        f.name: max(0.0, getattr(value, f.name) - mono) if f.name in _TIMES else _relative(getattr(value, f.name), mono)
        for f in fields(value)
    }
    return replace(value, **moved)
