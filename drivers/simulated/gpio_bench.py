"""A bench for mock GPIO lines over a unix socket: another process drives the inputs and watches the outputs.

    bench -> unit   {"do": "drive", "pin": 17, "level": true}      unit -> bench   {}
                    {"do": "level", "pin": 17}                                     {"level": true}
                    {"do": "edges", "pin": 17}                                     {"edges": [[12.5, true], ...]}
                    {"do": "wait", "pin": 17, "level": true, "s": 5}               {"mono": 12.5} or {"late": true}
                    {"do": "watch", "pin": 17}                                     {}, then {"edge": [12.5, true]}, ...

One packet each (SOCK_SEQPACKET). Times are taken at the edge, on CLOCK_MONOTONIC, which all processes share.
Not for production: `serve_bench` takes only a factory whose pins are drivers.gpio.BenchPin.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from drivers.gpio import BenchPin, Edge, Factory
from kiosk.fault import DeviceFault

_MAX_PACKET = 65536  # bytes
_MOST_EDGES = 1000


class BenchError(Exception):
    """The bench did not do what was asked: no such pin, an output driven, an edge that did not come in time."""


# --- the unit's side ----------------------------------------------------------------------------


def serve_bench(factory: Factory, path: Path, held_low: Iterable[int] = ()) -> Callable[[], None]:
    """Serves on threads of its own, until what it returns is called.

    held_low: pins that are low before anybody drives them, as a contact whose door is shut.
    """
    for pin in held_low:
        _pin(factory, pin).drive(False)
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(str(path))
    server.listen()
    accepting = threading.Thread(target=_accept, args=(server, factory), name="bench", daemon=True)
    accepting.start()

    def end() -> None:
        server.shutdown(socket.SHUT_RDWR)  # wakes the accept
        accepting.join()
        server.close()
        path.unlink(missing_ok=True)

    return end


def _accept(server: socket.socket, factory: Factory) -> None:
    with contextlib.suppress(OSError):  # shut down
        while True:
            line, _ = server.accept()
            threading.Thread(target=_converse, args=(line, factory), name="bench line", daemon=True).start()


def _converse(line: socket.socket, factory: Factory) -> None:
    with line, contextlib.suppress(OSError):  # the bench has gone
        while packet := line.recv(_MAX_PACKET):
            asked = json.loads(packet)
            if asked.get("do") == "watch":
                _pin(factory, asked["pin"]).watchers.append(partial(_tell, line))
            line.send(json.dumps(_answer(asked, factory)).encode())


def _tell(line: socket.socket, edge: Edge) -> None:
    """The unit does not wait for a bench that does not read, or has gone."""
    with contextlib.suppress(OSError):
        line.send(json.dumps({"edge": (edge.mono, edge.level)}).encode(), socket.MSG_DONTWAIT)


def _answer(asked: dict[str, object], factory: Factory) -> dict[str, object]:
    pin = _pin(factory, asked["pin"])
    match asked:
        case {"do": "drive", "level": bool(level)}:
            return _drive(pin, level)
        case {"do": "watch"}:
            return {}
        case {"do": "level"}:
            return {"level": bool(pin.state)}
        case {"do": "edges"}:
            return {"edges": [(edge.mono, edge.level) for edge in pin.history[-_MOST_EDGES:]]}
        case {"do": "wait", "level": bool(level), "s": float(seconds) | int(seconds)}:
            return _wait(pin, level, seconds)
        case _:
            return {"unknown": True}


def _pin(factory: Factory, number: object) -> BenchPin:
    pin = factory.pin(number)
    assert isinstance(pin, BenchPin)  # noqa: S101 -- a bench on real lines is a bug of the composition
    return pin


def _drive(pin: BenchPin, level: bool) -> dict[str, object]:
    try:
        pin.drive(level)
    except DeviceFault as fault:
        return {"fault": fault.fault.value}
    return {}


def _wait(pin: BenchPin, level: bool, seconds: float) -> dict[str, object]:
    with pin.changed:
        if not pin.changed.wait_for(lambda: pin.state == level, seconds):
            return {"late": True}
        return {"mono": pin.history[-1].mono if pin.history else 0.0}


# --- the bench's side ---------------------------------------------------------------------------


class GpioBench:
    """One line to a unit's mock pins; one question at a time. Raises BenchError, or OSError when the unit is gone."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._line.connect(str(path))
        except OSError:
            self._line.close()
            raise

    def close(self) -> None:
        self._line.close()

    def drive(self, pin: int, high: bool) -> None:
        self._ask({"do": "drive", "pin": pin, "level": high})

    def level(self, pin: int) -> bool:
        return self._ask({"do": "level", "pin": pin})["level"] is True

    def edges(self, pin: int) -> list[Edge]:
        """The edges since the pin was first used, the last thousand of them."""
        listed = self._ask({"do": "edges", "pin": pin}).get("edges")
        if not isinstance(listed, list):
            raise BenchError("no edges")
        return [Edge(mono, level) for mono, level in listed]

    def watch(self, pin: int) -> Iterator[Edge]:
        """The edges from now on, as they come, until the unit has gone. Nothing else may be asked on this line then."""
        self._ask({"do": "watch", "pin": pin})
        return self._edges_to_come()

    def _edges_to_come(self) -> Iterator[Edge]:
        while packet := self._line.recv(_MAX_PACKET):
            for mono, level in json.loads(packet).values():
                yield Edge(mono, level)

    def wait_for(self, pin: int, high: bool, timeout_s: float) -> float:
        """When the pin became so, mono; at once if it is so already. 0.0 if it has never been otherwise."""
        answer = self._ask({"do": "wait", "pin": pin, "level": high, "s": timeout_s})
        mono = answer.get("mono")
        if not isinstance(mono, float):
            raise BenchError(f"pin {pin} did not go {'high' if high else 'low'}")
        return mono

    def _ask(self, question: dict[str, object]) -> dict[str, object]:
        self._line.send(json.dumps(question).encode())
        answer = json.loads(self._line.recv(_MAX_PACKET) or b'{"fault": "gone"}')
        if "fault" in answer or "unknown" in answer:
            raise BenchError("refused")
        return dict(answer)
