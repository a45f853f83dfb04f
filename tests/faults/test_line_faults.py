"""Every way in which the line fails, at every question: the right fault in time, nothing twice, nothing confirmed lost.

    weather or a lie --> the question --> answered, or a fault that fits --> fair again --> the same question, answered
                                                                                       `--> done once, at the store

A few of each here; all of them with `-m faults`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from _pytest.mark.structures import ParameterSet

from kiosk.fault import Fault
from sync import pki
from sync.central.start import Home
from tests.faults.asked import PATIENT_S, QUESTIONS, Met, Place, answered, client, met
from tests.faults.proxy import FAIR, TRUTH, End, Lie, Teller, Way, Weather, Wire
from tests.faults.tally import Line
from tests.sync.central.library import HandClock, Library, first_start
from tests.sync.rest.scripted import answer

DEADLINE_S = 1.2
LATE_S = 10.0  # a loaded computer; a call without a deadline hangs for longer

Tell = Callable[[Line], None]


@dataclass
class Count:
    """Of the questions after which the store's books were looked at."""

    tried: int = 0
    confirmed: int = 0
    arrived: int = 0
    faults: int = 0

    def add(self, heard: Met, done: Callable[[], int]) -> None:
        """Right after the call, and before it is repeated."""
        arrived = done()
        assert arrived == 1 if heard.fault is None else arrived in (0, 1)
        self.tried += 1
        self.confirmed += heard.fault is None
        self.arrived += arrived
        self.faults += heard.fault is not None


@pytest.fixture(scope="module")
def counted() -> Count:
    return Count()


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return first_start(tmp_path_factory.mktemp("line") / "store")


@pytest.fixture(scope="module")
def place(begun: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    library = Library(begun, HandClock())
    made = Place(library, tmp_path_factory.mktemp("machine"))
    yield made
    made.close()
    library.stop()


@pytest.fixture(scope="module")
def wire(place: Place) -> Iterator[Wire]:
    made = Wire(place.port)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def teller(place: Place) -> Iterator[Teller]:
    identity = place.machine()
    made = Teller(
        pki.server_context(place.home.ca.cert, place.home.server),
        pki.client_context(place.bundle / "ca.pem", identity),
        place.port,
    )
    yield made
    made.stop()


# --- weather --------------------------------------------------------------------------------------

_SLOW = {f"latency {way.value}": Weather(way, wait_s=0.05) for way in Way}
_NEVER = {
    "latency beyond the deadline": Weather(Way.TO_MACHINE, wait_s=2.0),
    "drip to store": Weather(Way.TO_STORE, wait_s=0.05, drip=True),
    "drip to machine": Weather(Way.TO_MACHINE, wait_s=0.05, drip=True),
}
_ENDS = {
    f"{end.value} after {after} {way.value}": Weather(way, after=after, end=end)
    for end in End
    for way in Way
    for after in (0, 1, 100, 400)
}
_LATER = {  # somewhere in the handshake, in the question, in the answer, or never
    f"{end.value} after {after} {way.value}": Weather(way, after=after, end=end)
    for end in End
    for way in Way
    for after in (700, 1000, 1300, 1500, 1700, 2000, 2300)
}
_FEW = ("latency to machine", "cut after 100 to machine", "reset after 0 to store")
_FEWER = ("drip to machine", "black hole after 100 to machine", "half-open after 1 to store")


@dataclass(frozen=True, slots=True)
class Case:
    """warm: on a line that has been used. sure: no answer gets by."""

    weather: Weather
    warm: bool
    sure: bool


def _cases() -> Iterator[ParameterSet]:
    for question in QUESTIONS:
        for name, weather in {**_SLOW, **_NEVER, **_ENDS, **_LATER}.items():
            sure = name in _NEVER or name in _ENDS
            for warm in (True, False):
                quick = name in _FEWER and question in ("loan", "events") if warm else name in _FEW
                marks = () if quick else (pytest.mark.faults,)
                told = f"{question}, {name}, {'kept line' if warm else 'new line'}"
                yield pytest.param(question, Case(weather, warm, sure), id=told, marks=marks)


@pytest.mark.parametrize(("question", "case"), list(_cases()))
def test_weather_between_machine_and_store(place: Place, wire: Wire, counted: Count, question: str, case: Case) -> None:
    weather, warm, sure = case.weather, case.warm, case.sure
    asked = QUESTIONS[question](place)
    wire.turn(FAIR)
    with client(place, wire.port, DEADLINE_S) as store:
        if warm:
            answered(QUESTIONS["status"](place), store, DEADLINE_S)
        wire.turn(weather)
        heard = met(asked, store)
        wire.turn(FAIR)
        assert heard.fault in (None, Fault.STORE_SILENT)
        assert heard.took_s < DEADLINE_S + LATE_S
        if sure and not (warm and (weather.after or 0) >= 100):  # a kept line has no handshake: an answer may be short
            assert heard.fault is Fault.STORE_SILENT
        if asked.done is not None:
            counted.add(heard, asked.done)
        again = answered(asked, store, DEADLINE_S)
        if heard.fault is None:
            assert again == heard.answer
        assert asked.done is None or asked.done() == 1
        answered(QUESTIONS["status"](place), store, DEADLINE_S)


def test_all_that_was_asked_in_bad_weather_was_done_once(counted: Count, tell: Tell) -> None:
    """Each of them has been judged above; this is the sum."""
    said = f"{counted.faults} without an answer; each asked again, and done once"
    tell(Line("bytes on the line", counted.tried, counted.confirmed, counted.arrived, 0, 0, said))
    assert counted.confirmed <= counted.arrived <= counted.tried


def _broken_lines() -> Iterator[ParameterSet]:
    for question in QUESTIONS:
        for way in Way:
            for end in End:
                waits = end in (End.HOLE, End.HALF_OPEN) and question != "loan"
                yield pytest.param(question, way, end, marks=(pytest.mark.faults,) if waits else ())


@pytest.mark.parametrize(("question", "way", "end"), list(_broken_lines()))
def test_a_kept_line_that_broke_costs_nobody_an_answer(
    place: Place, wire: Wire, question: str, way: Way, end: End
) -> None:
    """The store was restarted, or a router forgot the connection: new ones are fair."""
    asked = QUESTIONS[question](place)
    with client(place, wire.port, DEADLINE_S) as store:
        wire.turn(FAIR)
        answered(QUESTIONS["status"](place), store, DEADLINE_S)
        wire.turn(Weather(way, after=0, end=end, fresh=False))
        heard = met(asked, store)
        if end in (End.CUT, End.RESET) and heard.took_s < DEADLINE_S:
            assert heard.fault is None
        assert heard.fault in (None, Fault.STORE_SILENT)
        answered(asked, store, DEADLINE_S)  # in the same weather: the broken line is not used again
        assert asked.done is None or asked.done() == 1
    wire.turn(FAIR)


# --- lies -----------------------------------------------------------------------------------------

_HTML = answer(b"<!doctype html><title>Sign in</title>")
_LIES = {
    "500": (Lie(answer(b"<html>", 500)), Fault.STORE_NONSENSE, 0.0),
    "500 of a store that did it": (Lie(answer(b"{}", 500), unasked=False), Fault.STORE_NONSENSE, 0.0),
    "429": (Lie(answer(b"", 429, "Retry-After: 7\r\n"), unasked=True), Fault.STORE_SILENT, 7.0),
    "429 of a store that did it": (Lie(answer(b"", 429, "Retry-After: 7\r\n")), Fault.STORE_SILENT, 7.0),
    "503": (Lie(answer(b"{}", 503, "Retry-After: 30\r\n"), unasked=True), Fault.STORE_SILENT, 30.0),
    "503 of a store that did it": (Lie(answer(b"{}", 503, "Retry-After: 30\r\n")), Fault.STORE_SILENT, 30.0),
    "503 that names no time": (Lie(answer(b"", 503), unasked=True), Fault.STORE_SILENT, 0.0),
    "408": (Lie(answer(b"", 408), unasked=True), Fault.STORE_SILENT, 0.0),
    "HTML": (Lie(_HTML, unasked=True), Fault.STORE_NONSENSE, 0.0),
    "HTML of a store that did it": (Lie(_HTML), Fault.STORE_NONSENSE, 0.0),
}


@pytest.mark.parametrize("lie", _LIES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_is_none(place: Place, teller: Teller, question: str, lie: str) -> None:
    asked = QUESTIONS[question](place)
    told, fault, after_s = _LIES[lie]
    with client(place, teller.port, PATIENT_S) as store:
        teller.lie = told
        heard = met(asked, store)
        teller.lie = TRUTH
        assert (heard.fault, heard.after_s) == (fault, after_s)
        assert asked.done is None or asked.done() == (0 if told.unasked else 1)
        answered(asked, store, PATIENT_S)
        assert asked.done is None or asked.done() == 1


_OTHERS = {
    "authenticate": "status", "admission": "status", "loan": "status", "return": "status", "events": "status",
    "replica": "status", "status": "replica",
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_of_another_question_is_nonsense(place: Place, teller: Teller, question: str) -> None:
    asked, other = QUESTIONS[question](place), QUESTIONS[_OTHERS[question]](place)
    with client(place, teller.port, PATIENT_S) as store:
        teller.answers.clear()
        answered(other, store, PATIENT_S)
        (stale,) = teller.answers.values()
        teller.lie = Lie(stale)
        heard = met(asked, store)
        teller.lie = TRUTH
        assert heard.fault is Fault.STORE_NONSENSE
        answered(asked, store, PATIENT_S)
        assert asked.done is None or asked.done() == 1


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_comes_twice_is_nobody_elses(place: Place, teller: Teller, question: str) -> None:
    asked = QUESTIONS[question](place)
    with client(place, teller.port, PATIENT_S) as store:
        teller.lie = replace(TRUTH, times=2)
        first = met(asked, store)
        teller.lie = TRUTH
        assert first.fault is None
        assert asked.done is None or asked.done() == 1
        for name, make in QUESTIONS.items():
            if name != question:
                answered(make(place), store, PATIENT_S)


def test_a_long_answer_that_comes_twice_is_nobody_elses(place: Place, teller: Teller) -> None:
    """Longer than what is read at once, so that the rest of the second waits decrypted on the line."""
    asked = QUESTIONS["status"](place)
    with client(place, teller.port, PATIENT_S) as store:
        answered(asked, store, PATIENT_S)
        (truth,) = (told for path, told in teller.answers.items() if path.endswith("/status"))
        body = truth.partition(b"\r\n\r\n")[2].ljust(6000)
        teller.lie = Lie(answer(body), times=2)
        assert met(asked, store).fault is None
        teller.lie = TRUTH
        for make in QUESTIONS.values():
            answered(make(place), store, PATIENT_S)


def test_a_fault_of_the_line_locks_nobody_out(place: Place, wire: Wire) -> None:
    """Twenty right PINs of which no answer arrives, and the twenty-first is right still."""
    asked = QUESTIONS["authenticate"](place)
    with client(place, wire.port, PATIENT_S) as store:
        for _ in range(20):
            wire.turn(Weather(Way.TO_MACHINE, after=0, end=End.RESET, fresh=False))
            with_fault = met(asked, store)
            assert with_fault.fault in (None, Fault.STORE_SILENT)
        wire.turn(FAIR)
        assert answered(asked, store, PATIENT_S) == QUESTIONS["authenticate"](place).ask(place.direct)
