"""The two ways of speaking SIP2: as the standard has it, and as Cicero (FBS) does.

    what circulation answered -> the fields of one dialect
               standard (socket)               Cicero (XML)
    AA         as it was sent                  LN:lånernummer, ANY:as it was sent
    AJ, CH     title, nothing                  FAUST, title%author%GMB%SMB%DK5
    AS … CD    item numbers                    composites, parted by %; an empty list is said
    AF         a sentence in Danish            [CODE], Reserveret, Sendes til …

AE is a patron's first name alone, and BD, BE, BF (address, e-mail, telephone) are never said, though FBS's own 64 says
them: a machine greets, it does not write letters. PB, the birth date, is said in Cicero's dialect: machines of that
dialect reckon the age limits of items and doors from it.
Not responsible for: bytes (sync/sip2), what is decided (circulation).
"""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from kiosk.model import LoanRefusal, PatronId
from sync.central.circulation.outcomes import FeeLine, HoldLine, LoanLine, Renewal, RenewalStatus, Returned, Work
from sync.sip2 import dates
from sync.sip2.codec import Spelling

Fields = tuple[tuple[str, str], ...]

_BLOCKED = 4  # positions: charge, renewal, recall and hold denied
_STATUS_WIDTH = 14
_REASONS = {"O": 4, "E": 10}  # card lost, excessive fines; the other letters have no position of their own


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item belongs. branch: its home's name. sent_to: the name of the branch it goes to, or nothing."""

    branch: str
    department: str
    sent_to: str = ""


class Dialect(Protocol):
    """How circulation's answers are said.

    spelling: of the bytes. limits: of 98, time-out in tenths of a second and retries. stranger: the patron status of
    whom nothing is said. The methods: the value of one field, or a few fields.
    """

    @property
    def spelling(self) -> Spelling: ...
    @property
    def limits(self) -> tuple[str, str]: ...
    @property
    def stranger(self) -> str: ...
    @property
    def names_who_had_it(self) -> bool: ...
    @property
    def says_empty_lists(self) -> bool: ...
    @property
    def says_birth_date(self) -> bool: ...
    def patron(self, sent: str, patron: PatronId | None) -> str: ...
    def title(self, work: Work | None) -> Fields: ...
    def place(self, place: Place) -> str: ...
    def not_lent(self, why: LoanRefusal) -> str: ...
    def not_proved(self) -> str: ...
    def not_known(self) -> str: ...
    def not_renewed(self, statuses: tuple[RenewalStatus, ...]) -> str: ...
    def laid(self, returned: Returned, place: Place) -> Fields: ...
    def loan(self, line: LoanLine) -> str: ...
    def hold(self, line: HoldLine, pickup: str) -> str: ...
    def fee(self, line: FeeLine) -> str: ...
    def renewal(self, renewal: Renewal) -> str: ...


def patron_status(blocks: tuple[str, ...]) -> str:
    """The 14 positions. blocks: FBS's letters."""
    positions = [" "] * _STATUS_WIDTH
    if blocks:
        positions[:_BLOCKED] = "Y" * _BLOCKED
    for reason in blocks:
        if reason in _REASONS:
            positions[_REASONS[reason]] = "Y"
    return "".join(positions)


def kroner(amount: int) -> str:
    """øre as 175.00."""
    return f"{amount // 100}.{amount % 100:02d}"


# --- the standard -------------------------------------------------------------------------------

_NOT_LENT = {
    LoanRefusal.NOT_FOUND: "Materialet er ikke kendt her.",
    LoanRefusal.RESERVED: "Materialet er reserveret til en anden.",
    LoanRefusal.NOT_FOR_LOAN: "Materialet udlånes ikke.",
    LoanRefusal.ON_LOAN: "Materialet er lånt ud til en anden.",
    LoanRefusal.BLOCKED: "Henvend dig til personalet.",
    LoanRefusal.TOO_YOUNG: "Materialet har en aldersgrænse.",
    LoanRefusal.TOO_MANY: "Du kan ikke låne flere materialer nu.",
    LoanRefusal.OTHER: "Materialet kan ikke lånes nu.",
}
_NOT_RENEWED = {
    RenewalStatus.RESERVED: "Materialet er reserveret til en anden.",
    RenewalStatus.MAX_RENEWALS: "Lånet kan ikke fornyes flere gange.",
    RenewalStatus.BLOCKED: "Henvend dig til personalet.",
    RenewalStatus.OTHER: "Det er for tidligt at forny lånet.",
}
_ALERTS = {(True, False): "01", (True, True): "02", (False, True): "04"}  # held, sent on: CV of 3M's revision 1.20


@dataclass(frozen=True, slots=True)
class Standard:
    """SIP2 2.00 over a socket."""

    spelling: Spelling = Spelling()
    limits: tuple[str, str] = ("100", "003")
    stranger: str = "Y" * _BLOCKED + " " * (_STATUS_WIDTH - _BLOCKED)
    names_who_had_it: bool = False
    says_empty_lists: bool = False
    says_birth_date: bool = False

    def patron(self, sent: str, patron: PatronId | None) -> str:  # noqa: ARG002  # Cicero says it
        return sent

    def title(self, work: Work | None) -> Fields:
        return (("AJ", work.title if work else ""),)

    def place(self, place: Place) -> str:
        return place.branch

    def not_lent(self, why: LoanRefusal) -> str:
        return _NOT_LENT[why]

    def not_proved(self) -> str:
        return "Kortet eller pinkoden er ikke gyldig."

    def not_known(self) -> str:
        return _NOT_LENT[LoanRefusal.NOT_FOUND]

    def not_renewed(self, statuses: tuple[RenewalStatus, ...]) -> str:
        return next((_NOT_RENEWED[status] for status in statuses if status in _NOT_RENEWED), "Lånet kan ikke fornyes.")

    def laid(self, returned: Returned, place: Place) -> Fields:
        alert = _ALERTS.get((returned.held, bool(place.sent_to)))
        told = ((("CV", alert),) if alert else ()) + ((("CT", place.sent_to),) if place.sent_to else ())
        return (*told, ("AF", returned.place))

    def loan(self, line: LoanLine) -> str:
        return line.item

    def hold(self, line: HoldLine, pickup: str) -> str:  # noqa: ARG002  # Cicero says it
        return line.item or line.work.title

    def fee(self, line: FeeLine) -> str:
        return f"{kroner(line.owed)} DKK {line.work.title if line.work else ''}".rstrip()

    def renewal(self, renewal: Renewal) -> str:
        return renewal.item


# --- Cicero -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cicero:
    """SIP2 as FBS speaks it, over HTTPS."""

    spelling: Spelling = Spelling(longest=None)
    limits: tuple[str, str] = ("600", "999")
    stranger: str = " " * _STATUS_WIDTH  # BL and CQ say it
    names_who_had_it: bool = True
    says_empty_lists: bool = True
    says_birth_date: bool = True

    def patron(self, sent: str, patron: PatronId | None) -> str:
        return f"ANY:{sent}" if patron is None else f"LN:{patron}"

    def title(self, work: Work | None) -> Fields:
        return (("AJ", work.record), ("CH", _parted(*_work(work)))) if work else (("AJ", ""),)

    def place(self, place: Place) -> str:
        return _parted(place.branch, place.department, "", "")

    def not_lent(self, why: LoanRefusal) -> str:
        return "[MATERIAL_NOT_FOUND]" if why is LoanRefusal.NOT_FOUND else f"[{why.name}]"

    def not_proved(self) -> str:
        return "[PATRON_NOT_VALID]"

    def not_known(self) -> str:
        return "[MATERIAL_NOT_FOUND]"

    def not_renewed(self, statuses: tuple[RenewalStatus, ...]) -> str:
        if RenewalStatus.ITEM_NOT_FOUND in statuses:
            return "[MATERIAL_NOT_FOUND]"
        if RenewalStatus.OTHER in statuses:
            return "[BEFORE_RENEW_PERIOD]"
        return next((f"[{status.name}]" for status in statuses), "")

    def laid(self, returned: Returned, place: Place) -> Fields:
        held = (("AF", "Reserveret"),) if returned.held else ()
        return (*held, ("AF", f"Sendes til {place.sent_to}")) if place.sent_to else held

    def loan(self, line: LoanLine) -> str:
        return _parted(line.item, _day(line.due), *_work(line.work))

    def hold(self, line: HoldLine, pickup: str) -> str:
        if line.pickup_by is None:
            return _parted(line.work.record, line.item or "", _day(line.wanted_until), *_work(line.work))
        shelf = f"Reserveringshylde {line.shelf}"
        return _parted(line.work.record, line.item or "", shelf, _day(line.pickup_by), pickup, *_work(line.work))

    def fee(self, line: FeeLine) -> str:
        work = _work(line.work) if line.work else ("",) * 5
        return _parted(line.item or "", str(line.fee), _day(line.made_on), kroner(line.owed), *work)

    def renewal(self, renewal: Renewal) -> str:
        work = _work(renewal.work) if renewal.work else ("",) * 5
        refused = () if renewal.statuses == (RenewalStatus.RENEWED,) else ("UNSUCCESSFUL",)
        return _parted(renewal.item, *refused, _day(renewal.due), *work)


def _work(work: Work) -> tuple[str, ...]:
    return work.title, work.author, work.gmb, work.smb, work.dk5


def _day(day: date | None) -> str:
    return "" if day is None else dates.stamp_of_day(day)


def _parted(*parts: str) -> str:
    """Peers split at every %, so none may stand in a part."""
    return "%".join(part.replace("%", " ") for part in parts)


STANDARD = Standard()
CICERO = Cicero()
