"""The words a patron meets for every closed list of the rules: Danish source texts, found by lupdate.

Not responsible for: labels and headings of the screens themselves (ui/qml, qsTr), the translations (ui/i18n).
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import assert_never

from kiosk.checkout.line import Asking, Lent, Outcome, Refused, Returned, Trouble
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import (
    Told,
)
from kiosk.door.face import Show
from kiosk.model import Denial, LoanRefusal, ReturnRefusal


@dataclass(frozen=True, slots=True)
class Words:
    """A text in Danish, translated at the moment it is shown (bridge.py)."""

    source: str


@unique
class Icon(Enum):
    """Names of the drawings in qml/Icon.qml. Never alone: words stand beside each."""

    CHECK = "check"
    WAIT = "wait"
    HAND = "hand"  # give it to the staff
    CARD = "card"
    PIN = "pin"
    LOCK = "lock"
    OPEN = "open"
    WELCOME = "welcome"  # the way is free: the one drawing in green
    CLOUD = "cloud"  # no connection
    WRENCH = "wrench"
    PERSON = "person"
    MOON = "moon"


@dataclass(frozen=True, slots=True)
class Said:
    """What a whole screen says: what is the matter, and what to do."""

    icon: Icon
    heading: Words
    advice: Words


def QT_TRANSLATE_NOOP(context: str, source: str) -> Words:
    """Mark a text for lupdate, which knows this name. The context is always "Words"."""
    del context
    return Words(source)


# --- one line of the list -------------------------------------------------------------------------

_ASKING = QT_TRANSLATE_NOOP("Words", "Et øjeblik …")
_LENT = QT_TRANSLATE_NOOP("Words", "Lånt")
_LENT_OFFLINE = QT_TRANSLATE_NOOP("Words", "Lånt. Gemt her på automaten")
_RETURNED = QT_TRANSLATE_NOOP("Words", "Afleveret")
_RETURNED_HELD = QT_TRANSLATE_NOOP("Words", "Afleveret. En anden venter.")
_RETURNED_HELD_BY_STAFF = QT_TRANSLATE_NOOP("Words", "Afleveret. En anden venter. Læg den til personalet.")
_RETURNED_OFFLINE = QT_TRANSLATE_NOOP("Words", "Afleveret. Gemt her på automaten")

_LOAN_REFUSED = {
    LoanRefusal.NOT_FOUND: QT_TRANSLATE_NOOP("Words", "Vi kender ikke stregkoden. Læg den til personalet."),
    LoanRefusal.RESERVED: QT_TRANSLATE_NOOP("Words", "Reserveret til en anden. Læg den til personalet."),
    LoanRefusal.NOT_FOR_LOAN: QT_TRANSLATE_NOOP("Words", "Lånes ikke ud. Du kan bruge den her på biblioteket."),
    LoanRefusal.ON_LOAN: QT_TRANSLATE_NOOP("Words", "Ikke afleveret af den forrige låner. Læg den til personalet."),
    LoanRefusal.BLOCKED: QT_TRANSLATE_NOOP("Words", "Du kan ikke låne lige nu. Tal med personalet."),
    LoanRefusal.TOO_YOUNG: QT_TRANSLATE_NOOP("Words", "Der er aldersgrænse på den. Læg den til personalet."),
    LoanRefusal.TOO_MANY: QT_TRANSLATE_NOOP("Words", "Du kan ikke låne flere lige nu. Aflever noget først."),
    LoanRefusal.OTHER: QT_TRANSLATE_NOOP("Words", "Kan ikke lånes her. Læg den til personalet."),
}
_RETURN_REFUSED = {
    ReturnRefusal.NOT_FOUND: QT_TRANSLATE_NOOP("Words", "Vi kender ikke stregkoden. Læg den til personalet."),
    ReturnRefusal.OTHER: QT_TRANSLATE_NOOP("Words", "Kan ikke afleveres her. Læg den til personalet."),
}
_TROUBLE = {
    Trouble.OFFLINE: QT_TRANSLATE_NOOP("Words", "Kan ikke lånes uden forbindelse. Prøv igen senere."),
    Trouble.ENOUGH: QT_TRANSLATE_NOOP("Words", "Du kan ikke låne flere uden forbindelse. Prøv igen senere."),
    Trouble.OUT_OF_ORDER: QT_TRANSLATE_NOOP("Words", "Blev ikke gemt. Læg den til personalet."),
}


def of_outcome(outcome: Outcome) -> tuple[Icon, Words]:
    match outcome:
        case Asking():
            return Icon.WAIT, _ASKING
        case Lent(offline=offline):
            return Icon.CHECK, _LENT_OFFLINE if offline else _LENT
        case Returned(place=place, held=True):
            return Icon.CHECK, _RETURNED_HELD if place else _RETURNED_HELD_BY_STAFF
        case Returned(offline=offline):
            return Icon.CHECK, _RETURNED_OFFLINE if offline else _RETURNED
        case Refused(why):
            return Icon.HAND, of_refusal(why)
        case _:
            assert_never(outcome)


def of_refusal(why: LoanRefusal | ReturnRefusal | Trouble) -> Words:
    match why:
        case LoanRefusal():
            return _LOAN_REFUSED[why]
        case ReturnRefusal():
            return _RETURN_REFUSED[why]
        case Trouble():
            return _TROUBLE[why]
        case _:
            assert_never(why)


# --- the whole screen of the machine ----------------------------------------------------------------

_NOT_TOGETHER = QT_TRANSLATE_NOOP("Words", "Kort og pinkode passer ikke sammen. Prøv igen.")
_TOO_MANY_TRIES = QT_TRANSLATE_NOOP("Words", "For mange forsøg")

_TOLD = {
    Told.NOT_ACCEPTED: Said(Icon.PIN, QT_TRANSLATE_NOOP("Words", "Det lykkedes ikke"), _NOT_TOGETHER),
    Told.LOCKED_OUT: Said(
        Icon.LOCK, _TOO_MANY_TRIES, QT_TRANSLATE_NOOP("Words", "Prøv igen om et kvarter, eller spørg personalet.")
    ),
    Told.BLOCKED: Said(
        Icon.PERSON,
        QT_TRANSLATE_NOOP("Words", "Tal med personalet"),
        QT_TRANSLATE_NOOP("Words", "Du kan ikke låne lige nu. Du kan stadig aflevere."),
    ),
    Told.OFFLINE: Said(
        Icon.CLOUD,
        QT_TRANSLATE_NOOP("Words", "Vi kan ikke låne ud lige nu"),
        QT_TRANSLATE_NOOP("Words", "Der er ingen forbindelse til biblioteket. Du kan stadig aflevere."),
    ),
    Told.NOT_UNASKED: Said(
        Icon.CLOUD,
        QT_TRANSLATE_NOOP("Words", "Det kan vi ikke uden forbindelse"),
        QT_TRANSLATE_NOOP(
            "Words", "Vi kan ikke låne ud til dit kort lige nu. Prøv igen senere. Du kan stadig aflevere."
        ),
    ),
    Told.UNREADABLE: Said(
        Icon.CARD,
        QT_TRANSLATE_NOOP("Words", "Det kunne ikke læses"),
        QT_TRANSLATE_NOOP("Words", "Prøv igen, lidt langsommere."),
    ),
}

AGAIN = _NOT_TOGETHER


def of_told(told: Told) -> Said:
    return _TOLD[told]


# --- faults -----------------------------------------------------------------------------------------

NO_CONNECTION = QT_TRANSLATE_NOOP("Words", "Ingen forbindelse. Det, skærmen bekræfter, er gemt og sendes senere.")
NO_CONNECTION_NO_ROOM = QT_TRANSLATE_NOOP(
    "Words", "Ingen forbindelse, og automaten gemmer ikke flere lån. Du kan stadig aflevere."
)
_OFFLINE = {
    Lends.NOBODY: QT_TRANSLATE_NOOP("Words", "Ingen forbindelse. Du kan aflevere, men ikke låne lige nu."),
    Lends.SEEN: QT_TRANSLATE_NOOP(
        "Words", "Ingen forbindelse. Du kan aflevere, og låne hvis du har lånt her for nylig."
    ),
    Lends.EVERYBODY: QT_TRANSLATE_NOOP("Words", "Ingen forbindelse. Du kan stadig låne og aflevere her."),
}


def of_offline(lends: Lends) -> Words:
    """What a patron may do while the store is silent."""
    return _OFFLINE[lends]


READER_LOST = QT_TRANSLATE_NOOP("Words", "Læseren svarer ikke. Det, der står som klaret, er gemt.")
NOTHING_KEPT = QT_TRANSLATE_NOOP("Words", "Automaten kan ikke gemme mere. Læg resten til personalet.")

OUT_NOTHING_KEPT = Said(
    Icon.WRENCH,
    QT_TRANSLATE_NOOP("Words", "Automaten er ude af drift"),
    QT_TRANSLATE_NOOP("Words", "Den kan ikke gemme nye lån og afleveringer. Det, du har fået bekræftet, gælder."),
)
OUT_READER_LOST = Said(
    Icon.WRENCH,
    QT_TRANSLATE_NOOP("Words", "Automaten er ude af drift"),
    QT_TRANSLATE_NOOP("Words", "Den kan ikke læse kort og bøger. Den prøver selv igen og starter, når den kan."),
)

# --- the door ---------------------------------------------------------------------------------------

_OPEN_TO_ALL = Said(
    Icon.OPEN,
    QT_TRANSLATE_NOOP("Words", "Biblioteket er åbent"),
    QT_TRANSLATE_NOOP("Words", "Du behøver ikke kort lige nu. Er døren låst, så bank på."),
)
_CLOSED = Said(
    Icon.MOON,
    QT_TRANSLATE_NOOP("Words", "Vi har lukket"),
    QT_TRANSLATE_NOOP("Words", "Åbningstiderne står på bibliotekets hjemmeside."),
)
_NOT_NOW = Said(
    Icon.PERSON,
    QT_TRANSLATE_NOOP("Words", "Du kan ikke komme ind nu"),
    QT_TRANSLATE_NOOP("Words", "Kom, når personalet er her, så hjælper vi dig."),
)

_SHOW = {
    Show.READY: Said(
        Icon.CARD,
        QT_TRANSLATE_NOOP("Words", "Scan dit kort"),
        QT_TRANSLATE_NOOP("Words", "Sundhedskort eller lånerkort. Bagefter din pinkode."),
    ),
    Show.STAFFED: _OPEN_TO_ALL,
    Show.CLOSED: _CLOSED,
    Show.CARD_WANTED: Said(
        Icon.CARD,
        QT_TRANSLATE_NOOP("Words", "Pinkode og kort"),
        QT_TRANSLATE_NOOP("Words", "Tast pinkoden færdig, og scan dit kort."),
    ),
    Show.ASK_PIN: Said(
        Icon.PIN,
        QT_TRANSLATE_NOOP("Words", "Tast din pinkode"),
        QT_TRANSLATE_NOOP("Words", "Den samme, som når du låner."),
    ),
    Show.ASK_PIN_AGAIN: Said(Icon.PIN, QT_TRANSLATE_NOOP("Words", "Tast pinkoden igen"), _NOT_TOGETHER),
    Show.WAIT: Said(
        Icon.WAIT,
        QT_TRANSLATE_NOOP("Words", "Et øjeblik …"),
        QT_TRANSLATE_NOOP("Words", "Vi slår dig op."),
    ),
    Show.WELCOME: Said(
        Icon.WELCOME,
        QT_TRANSLATE_NOOP("Words", "Velkommen indenfor"),
        QT_TRANSLATE_NOOP("Words", "Døren er låst op."),
    ),
    Show.UNREADABLE: Said(
        Icon.CARD,
        QT_TRANSLATE_NOOP("Words", "Kortet kunne ikke læses"),
        QT_TRANSLATE_NOOP("Words", "Tør det af, og prøv igen."),
    ),
}
_DENIED = {
    Denial.NOT_ACCEPTED: Said(Icon.PIN, QT_TRANSLATE_NOOP("Words", "Døren er stadig låst"), _NOT_TOGETHER),
    Denial.LOCKED_OUT: Said(Icon.LOCK, _TOO_MANY_TRIES, QT_TRANSLATE_NOOP("Words", "Prøv igen om et kvarter.")),
    Denial.BLOCKED: _NOT_NOW,
    Denial.UNDERAGE: _NOT_NOW,
    Denial.NO_PERMISSION: _NOT_NOW,
    Denial.CLOSED: _CLOSED,
    Denial.STAFFED: _OPEN_TO_ALL,
    Denial.OFFLINE: Said(
        Icon.CLOUD,
        QT_TRANSLATE_NOOP("Words", "Døren kan ikke åbne lige nu"),
        QT_TRANSLATE_NOOP("Words", "Der er ingen forbindelse. Prøv igen om lidt."),
    ),
    Denial.OUT_OF_ORDER: Said(
        Icon.WRENCH,
        QT_TRANSLATE_NOOP("Words", "Døren virker ikke lige nu"),
        QT_TRANSLATE_NOOP("Words", "Prøv igen om lidt, eller kom, når personalet er her."),
    ),
}


def of_show(show: Show | Denial) -> Said:
    """A reason that hangs on a person (a block, an age) is never told on the street."""
    return _SHOW[show] if isinstance(show, Show) else _DENIED[show]
