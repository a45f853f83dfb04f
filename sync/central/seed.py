"""An invented library for demonstration, tests and training: two branches, twelve patrons, forty items.

Every person is impossible: family names that nobody has, and CPR numbers whose day is 61 or more.
The PIN of a seed patron is by rule the last four digits of the card's number, read backwards: 6101900012 has 2100.
The agency is Holstebro's; the branch numbers behind it are invented, for the real ones are not public.

Not responsible for: a real library's first start, which begins with empty tables (--seed-data none).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, insert

from kiosk.model import BranchId, Credential, ItemId, PatronId, Pin
from sync.central.calendar import local_date
from sync.central.circulation.fees import LATE
from sync.central.circulation.outcomes import RecordId
from sync.central.patrons import record
from sync.central.patrons.contact import Absence
from sync.central.patrons.locks import Locks
from sync.central.patrons.record import NewPatron
from sync.central.schema import blocks, branches, fees, holds, items, loans, permissions, records
from sync.central.standard import ADULT as ADULTS
from sync.central.standard import CHILD as CHILDREN
from sync.central.standard import DISC, FILM, LOAN_DAYS, MUNICIPALITY, STANDARD

ULFBORG = BranchId("DK-766103")  # invented
VINDERUP = BranchId("DK-766104")  # invented
_STAFFED = "Mo-Fr 12:00-17:00; PH off"
_UNSTAFFED = "Mo-Su 07:00-22:00; PH 08:00-20:00"
_MINIMUM_AGE = 15
_BLOCKED_DAYS = 9  # before the first start
DEBT = 230_00  # øre: the dearest step of a late fee, above the limit


@dataclass(frozen=True, slots=True)
class Person:
    """One invented patron. number: of the health card. block: FBS's letter, or nothing."""

    patron: PatronId
    first_name: str
    last_name: str
    age: int
    number: str
    home_branch: BranchId = ULFBORG
    block: str = ""
    permitted: bool = False
    internal_note: str = ""
    patron_note: str = ""
    mobile: str = ""
    email: str = ""
    co_name: str = ""
    away_days: int = 0  # from today on: no holds are filled

    @property
    def card(self) -> Credential:
        return Credential(self.number)

    @property
    def pin(self) -> Pin:
        return Pin(self.number[-1:-5:-1])


@dataclass(frozen=True, slots=True)
class Copy:
    """One item. shelf: where it is laid after a return."""

    item: ItemId
    title: str
    author: str
    shelf: str = "Romaner"
    home_branch: BranchId = ULFBORG
    for_loan: bool = True
    minimum_age: int = 0

    @property
    def record(self) -> RecordId:
        """FAUST: an invented one, by the item's number."""
        return RecordId(f"9{self.item[-7:]}")


_GROUPS = {"Film": FILM, "Musik og lyd": DISC}
_DK5 = {"Fagbøger": "99.9", "Musik og lyd": "78.4"}


def _patron(number: int) -> PatronId:
    return PatronId(f"9{number:08d}")


# Telephone numbers begin with 0, which no Danish one does; addresses end in .example, which nobody can have (RFC 2606).
ADULT = Person(
    _patron(40417713), "Alma", "Prøvesen", 34, "6101900012", mobile="01617712", email="alma@proevesen.example"
)
CHILD = Person(_patron(18273390), "Bo", "Eksempelsen", 12, "6202130023")
EXCLUDED = Person(_patron(77310284), "Carla", "Testrup-Ingensteds", 51, "6303730034", block="U")
DEBTOR = Person(
    _patron(52907741),
    "Dagmar",
    "Opdigtsen",
    45,
    "6404800045",
    block="E",
    internal_note="Har lovet at betale på fredag.",
    patron_note="Ring til os om regningen.",
    email="dagmar@opdigtsen.example",
)
PERMITTED = Person(_patron(30165528), "Egil", "Påfundsen", 67, "6505580056", permitted=True)
OTHER_PATRON = Person(
    _patron(66482019),
    "Frida",
    "Figurant",
    29,
    "6606960067",
    VINDERUP,
    mobile="01664467",
    email="frida@figurant.example",
)

PATRONS = (
    ADULT,
    CHILD,
    EXCLUDED,
    DEBTOR,
    PERMITTED,
    OTHER_PATRON,
    Person(_patron(21750936), "Gorm", "Attrapsen", 15, "6707100078", VINDERUP, co_name="Hilda Skabelonsen"),
    Person(_patron(84039157), "Hilda", "Skabelonsen", 82, "6808430089", VINDERUP, permitted=True),
    Person(_patron(13594862), "Ivar", "Papfigur", 23, "6909020090", block="O", internal_note="Glemt kort ligger her."),
    Person(_patron(95826403), "Jytte", "Modelsen", 58, "7110670101", VINDERUP, mobile="01715501", away_days=14),
    Person(_patron(47018235), "Karlo", "Pseudonymsen", 17, "7211080112", email="karlo@pseudonymsen.example"),
    Person(_patron(60371594), "Laura", "Øvelsesen", 40, "7312850123", VINDERUP, block="W"),
)

BOOK = Copy(ItemId("5010000001"), "Lykke-Per", "Henrik Pontoppidan")
RESERVED = Copy(ItemId("5010000002"), "Babettes gæstebud", "Karen Blixen")
NOT_FOR_LOAN = Copy(ItemId("5010000003"), "Holstebro Årsskrift", "Holstebro Museum", "Lokalsamling", for_loan=False)
ON_LOAN = Copy(ItemId("5010000004"), "Niels Lyhne", "J.P. Jacobsen")
FROM_VINDERUP = Copy(ItemId("5010000005"), "Pelle Erobreren", "Martin Andersen Nexø", home_branch=VINDERUP)
ADULTS_ONLY = Copy(ItemId("5010000006"), "Gys i mosen (film, 15 år)", "Opdigt Film", "Film", minimum_age=15)
RESERVED_ELSEWHERE = Copy(ItemId("5010000007"), "Himmerlandshistorier", "Johannes V. Jensen")

_SHELVES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Romaner",
        (
            ("Kongens Fald", "Johannes V. Jensen"),
            ("Det forsømte Forår", "Hans Scherfig"),
            ("Barbara", "Jørgen-Frantz Jacobsen"),
            ("Den afrikanske farm", "Karen Blixen"),
            ("Hærværk", "Tom Kristensen"),
            ("Ved Vejen", "Herman Bang"),
            ("Stuk", "Herman Bang"),
            ("Fru Marie Grubbe", "J.P. Jacobsen"),
            ("Det tabte Land", "Johannes V. Jensen"),
            ("En Landsbydegns Dagbog", "Steen Steensen Blicher"),
            ("Hosekræmmeren", "Steen Steensen Blicher"),
            ("Ditte Menneskebarn", "Martin Andersen Nexø"),
        ),
    ),
    (
        "Børn",
        (
            ("Den grimme Ælling", "H.C. Andersen"),
            ("Snedronningen", "H.C. Andersen"),
            ("Klods-Hans", "H.C. Andersen"),
            ("Fyrtøjet", "H.C. Andersen"),
            ("Lille Ugle flyver ud", "Opdigt Forlag"),
            ("Ulven og de syv gedekid", "Brødrene Grimm"),
            ("Palle alene i verden", "Jens Sigsgaard"),
            ("Natuglen og tågen", "Opdigt Forlag"),
        ),
    ),
    (
        "Fagbøger",
        (
            ("Fugle i Vestjylland", "Opdigt Forlag"),
            ("Strik efter lokale mønstre", "Opdigt Forlag"),
            ("Brød af gamle kornsorter", "Opdigt Forlag"),
            ("Storåens historie", "Opdigt Forlag"),
            ("Cykelture ved Nissum Fjord", "Opdigt Forlag"),
            ("Begynd med Python", "Opdigt Forlag"),
            ("Havens år", "Opdigt Forlag"),
        ),
    ),
    (
        "Musik og lyd",
        (
            ("Symfoni nr. 4 (cd)", "Carl Nielsen"),
            ("Maskarade (cd)", "Carl Nielsen"),
            ("Eventyr (lydbog)", "H.C. Andersen"),
            ("Sange fra heden (cd)", "Opdigt Kor"),
            ("Trækfuglenes tid (lydbog)", "Opdigt Forlag"),
            ("Aften ved fjorden (cd)", "Opdigt Kor"),
        ),
    ),
)
_NAMED = (BOOK, RESERVED, NOT_FOR_LOAN, ON_LOAN, FROM_VINDERUP, ADULTS_ONLY, RESERVED_ELSEWHERE)
_OTHERS = tuple((shelf, title, author) for shelf, works in _SHELVES for title, author in works)
ITEMS = _NAMED + tuple(
    Copy(ItemId(f"50100000{place:02d}"), title, author, shelf, VINDERUP if place % 3 == 0 else ULFBORG)
    for place, (shelf, title, author) in enumerate(_OTHERS, start=len(_NAMED) + 1)
)


def plant(connection: Connection, locks: Locks, now: datetime) -> None:
    """Fills empty tables. Birth dates are reckoned from `now`, so that ages are as the table says at any start."""
    for branch, name in ((ULFBORG, "Ulfborg"), (VINDERUP, "Vinderup")):
        _add_branch(connection, branch, name)
    for person in PATRONS:
        add_patron(connection, locks, person, local_date(now))
    for copy in ITEMS:
        add_item(connection, copy)
    _add_circulation(connection, now)


def _add_branch(connection: Connection, branch: BranchId, name: str) -> None:
    connection.execute(
        insert(branches).values(
            branch_id=branch,
            name=name,
            staffed=_STAFFED,
            unstaffed=_UNSTAFFED,
            minimum_age=_MINIMUM_AGE,
            loan_days=LOAN_DAYS,
        )
    )


def add_patron(connection: Connection, locks: Locks, person: Person, today: date) -> None:
    """One patron with card, block and permission."""
    record.enter(connection, locks, person.patron, _as_new(person, today))
    if person.block:
        connection.execute(
            insert(blocks).values(
                patron_id=person.patron, reason=person.block, since=today - timedelta(days=_BLOCKED_DAYS)
            )
        )
    if person.permitted:
        connection.execute(insert(permissions).values(patron_id=person.patron, branch_id=person.home_branch))


def _as_new(person: Person, today: date) -> NewPatron:
    away = Absence(today, today + timedelta(days=person.away_days)) if person.away_days else Absence()
    return NewPatron(
        card=person.card,
        cpr=person.number,
        pin=person.pin,
        first_name=person.first_name,
        last_name=person.last_name,
        birth_date=born(person.age, today),
        co_name=person.co_name,
        street=f"Opdigtet Vej {person.number[-2:]}",
        postal_code="6990" if person.home_branch == ULFBORG else "7830",
        city="Ulfborg" if person.home_branch == ULFBORG else "Vinderup",
        mobile=person.mobile,
        mobile_notice=person.mobile,
        email=person.email,
        email_notice=person.email,
        absence=away,
        home_branch=person.home_branch,
        patron_group=CHILDREN if person.age < 18 else ADULTS,
        municipality=MUNICIPALITY,
        internal_note=person.internal_note,
        patron_note=person.patron_note,
    )


def born(age: int, today: date) -> date:
    """A birth date that makes `age` whole years at `today`; the birthday has been."""
    yesterday = today - timedelta(days=1)
    day = min(yesterday.day, 28)  # a day that every month has
    return date(yesterday.year - age, yesterday.month, day)


def add_item(connection: Connection, copy: Copy) -> None:
    """One item and its title."""
    connection.execute(
        insert(records).values(
            record_id=copy.record, title=copy.title, author=copy.author, dk5=_DK5.get(copy.shelf, "")
        )
    )
    connection.execute(
        insert(items).values(
            item_id=copy.item,
            record_id=copy.record,
            material_group=_GROUPS.get(copy.shelf, STANDARD),
            home_branch=copy.home_branch,
            at_branch=copy.home_branch,
            department=copy.shelf,
            for_loan=copy.for_loan,
            minimum_age=copy.minimum_age,
        )
    )


def _add_circulation(connection: Connection, now: datetime) -> None:
    blocked_at = now - timedelta(days=_BLOCKED_DAYS)  # since a book came back more than a month late
    connection.execute(
        insert(fees).values(
            patron_id=DEBTOR.patron,
            kind=LATE,
            lent_on=local_date(blocked_at) - timedelta(days=LOAN_DAYS + 40),
            amount=DEBT,
            made_at=blocked_at,
        )
    )
    lent_at = now - timedelta(days=11)
    connection.execute(
        insert(loans).values(
            item_id=ON_LOAN.item,
            patron_id=OTHER_PATRON.patron,
            branch_id=VINDERUP,
            lent_at=lent_at,
            due=local_date(lent_at) + timedelta(days=LOAN_DAYS),
        )
    )
    for copy, pickup in ((RESERVED, ULFBORG), (RESERVED_ELSEWHERE, VINDERUP)):
        connection.execute(
            insert(holds).values(
                record_id=copy.record,
                patron_id=OTHER_PATRON.patron,
                pickup_branch=pickup,
                placed_at=now - timedelta(days=3),
            )
        )
