"""The loop: one queue, one thread; what a device refuses ends the step before anybody is told."""

import json
import logging
import subprocess
import sys
import threading
from dataclasses import dataclass, field

import pytest
from walk import at

from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Loop, Worker, system_clock
from kiosk.model import Credential, Denial, Now, Tick


@dataclass(frozen=True, slots=True)
class Counted:
    n: int = 0
    card: Credential | None = field(default=None, repr=False)
    why: Denial = Denial.CLOSED
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Add:
    n: int


@dataclass(frozen=True, slots=True)
class Refused:
    pass


@dataclass(frozen=True, slots=True)
class Do:
    what: str


Given = Add | Refused | Tick
Loops = Loop[Counted, Given, Do]


class Bench:
    """A loop over a machine that counts; remembers what was done and shown."""

    def __init__(self, refuses: str = "", start: Counted | None = None) -> None:
        self.refuses = refuses
        self.done: list[str] = []
        self.shown: list[int] = []
        self.loop: Loops = Loop(
            start=start or Counted(),
            decide=self._decide,
            perform=self._perform,
            refused=lambda _effect, _fault: Refused(),
            entered=lambda state: self.shown.append(state.n),
            tick=Tick(),
            clock=system_clock,
        )

    def _decide(self, state: Counted, given: Given, _: Now) -> tuple[Counted, tuple[Do, ...]]:
        match given:
            case Add(n):
                return Counted(state.n + n), (Do("record"), Do("act"))
            case Refused():
                return Counted(-1), ()
            case Tick():
                self.loop.stop()
                return Counted(100), ()

    def _perform(self, effect: Do) -> None:
        if effect.what == self.refuses:
            raise DeviceFault(Fault.OUTBOX_FULL)
        self.done.append(effect.what)


def test_effects_are_done_in_order_and_the_state_is_told_after_them() -> None:
    bench = Bench()
    bench.loop.put(Add(1))
    bench.loop.stop()
    bench.loop.run()
    assert bench.done == ["record", "act"]
    assert bench.shown == [0, 1]


def test_what_a_device_refuses_ends_the_step_and_is_never_shown_as_done() -> None:
    bench = Bench(refuses="record")
    bench.loop.put(Add(1))
    bench.loop.put(Add(5))
    bench.refuses = "record"
    bench.loop.stop()
    bench.loop.run()
    assert bench.done == []
    assert bench.shown == [0, -1, -1]


def test_a_tick_comes_when_the_deadline_is_over() -> None:
    bench = Bench(start=Counted(deadline=system_clock().mono + 0.01))
    bench.loop.run()
    assert bench.shown == [0, 100]


def test_a_worker_does_its_jobs_in_order_on_one_thread() -> None:
    worker, done, threads, ended = Worker("port"), list[int](), set[int](), threading.Event()

    def job(n: int) -> None:
        done.append(n)
        threads.add(threading.get_ident())
        if n == 99:
            ended.set()

    for n in range(100):
        worker.do(lambda n=n: job(n))  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert ended.wait(10)
    worker.stop()
    assert done == list(range(100))
    assert len(threads) == 1


def test_the_log_names_classes_and_closed_words_only(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(start=Counted(card=Credential("9101010001")))
    with caplog.at_level(logging.INFO):
        bench.loop.put(Add(1))
        bench.loop.stop()
        bench.loop.run()
    (line,) = [json.loads(record.getMessage()) for record in caplog.records]
    assert line == {
        "from": "Counted(closed, Credential)",
        "given": "Add",
        "to": "Counted(closed)",
        "effects": ["Do", "Do"],
    }


@pytest.mark.parametrize("thread", [False, True])
def test_a_bug_ends_the_process_and_its_trace_says_nothing_of_the_patron(thread: bool) -> None:
    program = f"""
import logging, threading
from kiosk.loop import crash_on_bug
logging.basicConfig(format="%(message)s")
crash_on_bug()
def bug():
    raise KeyError("9101010001")
if {thread}:
    threading.Thread(target=bug).start()
    threading.Event().wait()
bug()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 70
    assert "KeyError" in ended.stderr
    assert "9101010001" not in ended.stderr + ended.stdout


def test_a_log_that_nobody_reads_holds_nobody_up() -> None:
    """A lock whose stderr is a full pipe must still let its line fall."""
    program = """
import logging
from kiosk.loop import log_without_waiting
log_without_waiting()
for n in range(20_000):
    logging.info("a line as long as a transition's, so that the pipe is full after some hundred of them %s", n)
print("done", flush=True)
import os
os._exit(0)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"done\n"
        running.wait(30)


def test_a_line_of_the_log_says_its_level_and_name_once() -> None:
    program = """
import logging
from kiosk.loop import log_without_waiting
log_without_waiting()
logging.getLogger("kiosk").info("a line")
input()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline() == b"INFO kiosk a line\n"
        running.communicate(b"\n", timeout=30)


def test_the_clocks_are_read_together() -> None:
    first, second = system_clock(), system_clock()
    assert first.wall.tzinfo is not None
    assert second.mono >= first.mono
    assert at(0).synced
