"""One queue, one thread, one clock: input -> step -> effects, in order.

    devices, workers, screen --put--> queue --> decide(state, given, now) --> effects --> perform

The loop thread alone owns the state. What waits is done by a Worker and comes back as an input.
An effect that a device refuses ends its step: the effects behind it do not happen (Record stands before the act).

Not responsible for: what any input or effect means.
"""

import ctypes
import json
import logging
import logging.handlers
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from kiosk.fault import DeviceFault, Fault
from kiosk.model import Now

Clock = Callable[[], Now]

StateT = TypeVar("StateT")
GivenT = TypeVar("GivenT")
EffectT = TypeVar("EffectT")

TICK_S = 1.0  # at most this long between two looks at the clock
_EX_SOFTWARE = 70  # sysexits.h
_MOST_LINES = 1000  # of the log, waiting to be written

log = logging.getLogger("kiosk")


# --- the clock ----------------------------------------------------------------------------------


def system_clock() -> Now:
    """Both clocks of this computer; synced: NTP has set the wall clock in this boot."""
    return Now(datetime.now(UTC), time.monotonic(), synced=_synced())


_SYNCED_IN_THIS_BOOT = Path("/run/systemd/timesync/synchronized")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_libc = ctypes.CDLL(None, use_errno=True)


def _synced() -> bool:
    """As the kernel has it (adjtimex), which forgets it some hours after the last word; timesyncd's mark stays."""
    told = int(_libc.adjtimex(ctypes.create_string_buffer(512)))  # -1: not allowed to ask
    return 0 <= told != _TIME_ERROR or _SYNCED_IN_THIS_BOOT.exists()


# --- the loop -----------------------------------------------------------------------------------


class Loop(Generic[StateT, GivenT, EffectT]):
    """Runs one machine.

    decide: gathers what can be read at once and calls the machine's step.
    perform: does one effect; raises DeviceFault when the device refuses.
    refused: the input that tells the machine so; it is taken before anything else and before anybody is told.
    entered: told the state after each step, on the loop's thread.
    alive: called at least every TICK_S, for the watchdog.
    """

    def __init__(
        self,
        start: StateT,
        decide: Callable[[StateT, GivenT, Now], tuple[StateT, tuple[EffectT, ...]]],
        perform: Callable[[EffectT], None],
        refused: Callable[[EffectT, Fault], GivenT],
        entered: Callable[[StateT], None],
        tick: GivenT,
        clock: Clock,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = start
        self._decide, self._perform, self._refused = decide, perform, refused
        self._entered, self._tick, self._clock, self._alive = entered, tick, clock, alive
        self._queue: queue.SimpleQueue[GivenT | None] = queue.SimpleQueue()

    def put(self, given: GivenT) -> None:
        """From any thread, at any time."""
        self._queue.put(given)

    def stop(self) -> None:
        self._queue.put(None)

    def run(self) -> None:
        """Blocks until `stop`."""
        self._entered(self._state)
        while (given := self._next()) is not None:
            self._take(given)

    def _next(self) -> GivenT | None:
        self._alive()
        deadline: float | None = getattr(self._state, "deadline", None)
        wait = TICK_S if deadline is None else min(TICK_S, max(0.0, deadline - self._clock().mono))
        try:
            return self._queue.get(timeout=wait)
        except queue.Empty:
            return self._tick

    def _take(self, given: GivenT) -> None:
        before = self._state
        self._state, effects = self._decide(before, given, self._clock())
        after = self._state
        for effect in effects:
            try:
                self._perform(effect)
            except DeviceFault as refusal:
                self._take(self._refused(effect, refusal.fault))
                break
        else:
            self._entered(self._state)
        if effects or after != before:
            _log_transition(before, given, after, effects)


class Worker:
    """One thread for one port that waits: its jobs stay in order. A job puts its own answer."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def stop(self) -> None:
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


# --- the log ------------------------------------------------------------------------------------


def _log_transition(before: object, given: object, after: object, effects: tuple[object, ...]) -> None:
    """One JSON line: names of classes, and of fields only those from closed sets (Enum). Nothing else can leak."""
    line = {
        "from": _named(before),
        "given": _named(given),
        "to": _named(after),
        "effects": [_named(effect) for effect in effects],
    }
    log.info("%s", json.dumps(line, ensure_ascii=False))


def _named(value: object) -> str:
    if not is_dataclass(value):
        return type(value).__name__
    parts = [getattr(value, f.name) for f in fields(value)]
    said = [part.value for part in parts if isinstance(part, Enum)]
    said += [_named(part) for part in parts if is_dataclass(part)]
    return type(value).__name__ + (f"({', '.join(said)})" if said else "")


def log_without_waiting() -> None:
    """Log lines go to stderr on a thread of their own; when nobody reads, they are dropped: no lock waits for a log."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(_MOST_LINES)
    written = logging.StreamHandler()
    written.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logging.handlers.QueueListener(lines, written).start()
    given = _Dropping(lines)
    given.setFormatter(logging.Formatter("%(message)s"))  # else basicConfig's own, and level and name stand twice
    logging.basicConfig(level=logging.INFO, handlers=[given])


class _Dropping(logging.handlers.QueueHandler):
    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self.queue.put_nowait(record)


def crash_on_bug() -> None:
    """A bug on any thread ends the process, for systemd to start it again.

    The trace has files, lines and the exception's class: its text and the locals could name a patron.
    """
    sys.excepthook = _crash
    threading.excepthook = lambda bug: _crash(bug.exc_type, bug.exc_value, bug.exc_traceback)


def _crash(kind: type[BaseException], _: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        os._exit(130)
    where = " < ".join(f"{f.filename}:{f.lineno} {f.name}" for f in reversed(traceback.extract_tb(trace)))
    with suppress(
        OSError
    ):  # straight to stderr, should it take it: the thread that writes the log may never come to it
        os.set_blocking(2, False)
        os.write(2, f"CRITICAL kiosk {json.dumps({'bug': kind.__name__, 'where': where})}\n".encode())
    os._exit(_EX_SOFTWARE)
