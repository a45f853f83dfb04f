"""Invented states of the machine, one for each picture in the gallery and for the tests.

Not responsible for: whether the machine can come into them (tests/kiosk/checkout).
"""

from collections.abc import Iterator, Mapping
from datetime import date

from kiosk.checkout.line import Asking, Lent, Line, Lines, Outcome, Refused, Returned, Trouble
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import (
    AskingPin,
    Farewell,
    Lending,
    Notice,
    Returning,
    Stage,
    Start,
    State,
    Told,
    Verifying,
)
from kiosk.door.face import Face, Show
from kiosk.fault import Fault
from kiosk.model import (
    Credential,
    Denial,
    EventId,
    ItemId,
    LoanRefusal,
    PatronId,
    Pin,
    Question,
    ReturnRefusal,
    Standing,
)

_CARD = Credential("6105990000")
_NEVER = 0.0
_DUE = date(2026, 12, 22)

_TITLES = ("Rasmus Klump på fisketur", "Kok", "Sådan passer du på en natugle", "Den lange vej hjem")
_LONG = (
    "Aarhus, Ålborg, Ærø og de andre: en fuldstændig vejviser til Danmarks øer, havne, fyrtårne "
    "og færgelejer gennem trehundrede år, bind 4: Østjylland"
)


def states() -> Mapping[str, State]:
    """By a name that serves as a file name."""
    return {
        "start": State(Start()),
        **{f"start-offline-{lends.value}": _silent(Start(), lends) for lends in Lends},
        "pin": _at(AskingPin(_CARD, Pin("12"), 3, False, _NEVER)),
        "pin-again": _at(AskingPin(_CARD, Pin(), 2, True, _NEVER)),
        "wait": _at(Verifying(Question(_CARD, Pin("1234")), 3, _NEVER)),
        **{f"notice-{told.name.lower().replace('_', '-')}": _at(Notice(told, _NEVER)) for told in Told},
        "lending-empty": _at(_lending()),
        "lending": _at(_lending(*_loans())),
        "lending-long": _at(_lending(*_loans(), *_refusals(), name="Wilhelmine-Charlotte")),
        "lending-offline": _silent(_lending(*_offline_loans(), name=""), Lends.EVERYBODY),
        "lending-trouble": State(_lending(*_loans()), frozenset({Fault.READER_LOST})),
        "lending-leaving": _at(_lending(*_loans(), leaving=True)),
        "return-empty": _at(Returning((), False, _NEVER)),
        "return": _at(Returning(_returns(), False, _NEVER)),
        "farewell": _at(Farewell(_loans()[:3], _NEVER)),
        "farewell-refused": _at(Farewell((*_loans()[:1], *_refusals()[:1]), _NEVER)),
        "farewell-return": _at(Farewell(_returns()[:3], _NEVER)),
        "out-of-order": State(Start(), frozenset({Fault.OUTBOX_FULL})),
        "out-of-order-reader": State(Start(), frozenset({Fault.READER_LOST, Fault.STORE_SILENT})),
    }


def faces() -> Mapping[str, Face]:
    """What a door's panel may show, by a name that serves as a file name."""
    shown = {f"door-{show.name.lower().replace('_', '-')}": Face(show) for show in Show}
    denied = {f"door-denied-{why.name.lower().replace('_', '-')}": Face(why) for why in Denial}
    return {**shown, **denied, "door-digits": Face(Show.ASK_PIN, 2)}


def _at(stage: Stage) -> State:
    return State(stage)


def _silent(stage: Stage, lends: Lends) -> State:
    return State(stage, frozenset({Fault.STORE_SILENT}), lends)


def _lending(*lines: Line, name: str = "Karen", leaving: bool = False) -> Lending:
    return Lending(PatronId("p"), name, Standing.SEEN, lines, leaving, _NEVER)


def _loans() -> Lines:
    lent = Lent(_DUE, offline=False)
    return (*_lines((_TITLES[0], lent), (_TITLES[1], lent), (_TITLES[2], lent)), _line(3, "", Asking()))


def _offline_loans() -> Lines:
    return _lines(("", Lent(_DUE, offline=True)), ("", Refused(Trouble.ENOUGH)))


def _refusals() -> Lines:
    shown: Iterator[LoanRefusal | Trouble] = iter((*LoanRefusal, *Trouble))
    return tuple(_line(10 + n, _LONG if n == 1 else _TITLES[n % 4], Refused(why)) for n, why in enumerate(shown))


def _returns() -> Lines:
    return _lines(
        (_TITLES[3], Returned("Voksne, skønlitteratur", held=False, offline=False)),
        (_TITLES[1], Returned("Hylden til reserverede", held=True, offline=False)),
        ("", Returned("", held=False, offline=True)),
        ("", Refused(ReturnRefusal.NOT_FOUND)),
    )


def _lines(*given: tuple[str, Outcome]) -> Lines:
    return tuple(_line(n, title, outcome) for n, (title, outcome) in enumerate(given))


def _line(n: int, title: str, outcome: Outcome) -> Line:
    return Line(EventId(f"e{n}"), ItemId(f"51{n:08}"), title, outcome)
