"""`kiosk checkout` and `kiosk door` as they are, but that they die by SIGKILL at the step of their work they are told.

    stdin   arm STEP    from now on: the next time that step is come to, the process is gone
            type DIGIT  a finger on the screen's keys
    stdout  of the checkout, what its screen shows: STAGE ITEM=OUTCOME ...

The checkout's window is one of text; everything else is what kiosk/__main__.py runs.
Not responsible for: which step, and what must be true afterwards (test_kill.py).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from drivers.lock_client import LockClient
from kiosk import __main__ as program
from kiosk.checkout.states import Farewell, Lending, Returning, State
from kiosk.composition import checkout
from kiosk.event import EntryGranted, ItemLent
from kiosk.model import DigitTyped
from sync.outbox import Outbox
from sync.rest.client import RestStore

P = ParamSpec("P")
R = TypeVar("R")

_BOTH = ("before", "after")
AT_COUNTER = tuple(
    f"{name} {when}" for name in ("ask", "checkout", "record", "show", "push", "confirm") for when in _BOTH
)
AT_DOOR = tuple(f"{name} {when}" for name in ("admission", "record", "pulse", "push", "confirm") for when in _BOTH)


class _Fate:
    """step: at which to die."""

    def __init__(self) -> None:
        self.step = ""

    def come(self, step: str) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, work: Callable[P, R], counts: Callable[..., bool]) -> Callable[P, R]:
        @wraps(work)
        def done(*given: P.args, **named: P.kwargs) -> R:
            if not counts(*given, **named):
                return work(*given, **named)
            self.come(f"{name} before")
            answer = work(*given, **named)
            self.come(f"{name} after")
            return answer

        return done


class _TextWindow:
    def __init__(self, fate: _Fate, put: Callable[[DigitTyped], None]) -> None:
        self._show = fate.around("show", _printed, _tells_of_a_loan)
        self._fate, self._put = fate, put

    def show_state(self, state: State) -> None:
        self._show(state)

    def once_shown(self, done: Callable[[], None]) -> None:
        done()

    def exec(self) -> int:
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "arm":
                self._fate.step = rest
            else:
                self._put(DigitTyped(rest))
        return 0

    def close(self) -> None:
        pass


def _lines(state: State) -> list[str]:
    stage = state.stage
    lines = stage.lines if isinstance(stage, Lending | Returning | Farewell) else ()
    return [f"{line.item}={type(line.outcome).__name__}" for line in lines]


def _printed(state: State) -> None:
    print(type(state.stage).__name__, *_lines(state), flush=True)


def _tells_of_a_loan(state: State) -> bool:
    return any(line.endswith("=Lent") for line in _lines(state))


def main() -> int:
    fate = _Fate()
    always: Callable[..., bool] = lambda *_, **__: True  # noqa: E731
    for owner, name in ((Outbox, "ask"), (Outbox, "confirm"), (LockClient, "pulse")):
        setattr(owner, name, fate.around(name, getattr(owner, name), always))
    for name in ("checkout", "admission", "push"):
        setattr(RestStore, name, fate.around(name, getattr(RestStore, name), always))
    setattr(Outbox, "record", fate.around("record", Outbox.record, _matters))  # noqa: B010
    setattr(checkout, "open_window", lambda _, put: _TextWindow(fate, put))  # noqa: B010
    if sys.argv[1] == "door":
        threading.Thread(target=_TextWindow(fate, lambda _: None).exec, daemon=True).start()
    return program.main()


def _matters(_: Outbox, event: object, *__: object) -> bool:
    return isinstance(event, ItemLent | EntryGranted)


if __name__ == "__main__":
    sys.exit(main())
