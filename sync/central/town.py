"""An invented town for load and training: seed.py's small library, and 20 000 patrons with 100 000 items beside it.

The same at every start of one day: all is drawn from one seed. Every person is impossible, as in seed.py.
The PIN is by seed.py's rule the last four digits of the card's number, read backwards; here those four are one of
twenty (4001 to 4020, so 1004 to 0204), and patrons with the same PIN share its hash: twenty thousand hashes of their
own would take a quarter of an hour. Invented people may share; real ones never do.
Not responsible for: the rules (standard.py).
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random

from sqlalchemy import Connection, Table, insert, select

from kiosk.model import BranchId, Credential, ItemId, PatronId, Pin
from sync.central import seed
from sync.central.calendar import local_date
from sync.central.patrons.entries import HEALTH
from sync.central.patrons.locks import Locks
from sync.central.schema import blocks, cards, fees, holds, items, loans, patrons, payments, permissions, records
from sync.central.standard import ADULT, CHILD, DISC, FILM, LOAN_DAYS, MUNICIPALITY, STANDARD

PATRONS, ITEMS, RECORDS, LOANS, HOLDS, FEES = 20_000, 100_000, 60_000, 30_000, 3_000, 2_000
_SEED = 766100
_ENDINGS = tuple(f"{4000 + number}" for number in range(1, 21))
_BRANCHES = (seed.ULFBORG, seed.VINDERUP)
_FIRST_NAMES = ("Alma", "Bo", "Carla", "Dagmar", "Egil", "Frida", "Gorm", "Hilda", "Ivar", "Jytte", "Karlo", "Laura")
_INVENTED = ("Prøve", "Eksempel", "Test", "Opdigt", "Påfund", "Attrap", "Skabelon", "Papfigur", "Model", "Øvelses")
_FAMILY = tuple(f"{start}{end}" for start in _INVENTED for end in ("sen", "dal", "bjerg-Ingensteds", "holt-Ingensteds"))
_OF_WHAT = ("Vinden", "Fjorden", "Natuglen", "Haven", "Broen", "Lyngen", "Mosen", "Tågen", "Havnen", "Sneen")
_WHERE = ("ved Storåen", "i oktober", "uden navn", "på heden", "bag diget", "om natten", "i Vestjylland", "og uglen")
_GROUPS = ((STANDARD, "Romaner", LOAN_DAYS), (STANDARD, "Fagbøger", LOAN_DAYS), (FILM, "Film", 7), (DISC, "Musik", 14))
_BLOCKED, _PERMITTED = 100, 3  # one in so many
_CHUNK = 5_000

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Resident:
    """One invented patron, by what others need to know of them."""

    patron: PatronId = field(repr=False)
    number: str = field(repr=False)
    age: int
    branch: BranchId

    @property
    def pin(self) -> Pin:
        return Pin(self.number[-1:-5:-1])


def plant(connection: Connection, locks: Locks, now: datetime) -> None:
    """Fills empty tables, in some seconds; says on stderr what it is at."""
    seed.plant(connection, locks, now)
    draw, people = Random(_SEED), residents(local_date(now))  # noqa: S311  # invented people are no secret
    hashes = {ending: locks.pins.make(Pin(ending[::-1])) for ending in _ENDINGS}
    for table, rows in (
        (patrons, (_patron(locks, hashes, one, draw, local_date(now)) for one in people)),
        (cards, (_card(locks, one) for one in people)),
        (blocks, (_block(one, now) for one in people[::_BLOCKED])),
        (permissions, map(_permission, people[::_PERMITTED])),
        (records, map(_record, range(RECORDS))),
        (items, map(_item, range(ITEMS))),
        (loans, _loans(people, draw, now)),
        (holds, _holds(people, draw, now)),
        (fees, _fees(people, now)),
        (payments, _payments(connection, now)),
    ):
        _fill(connection, table, rows)


def residents(today: date) -> list[Resident]:
    """All of them, in the order of their numbers' drawing."""
    draw, taken, made = Random(_SEED), set[str](), list[Resident]()  # noqa: S311
    while len(made) < PATRONS:
        age = draw.randrange(5, 95)
        day, month, year = draw.randrange(61, 89), draw.randrange(1, 13), (today.year - age) % 100
        number = f"{day}{month:02d}{year:02d}{draw.choice(_ENDINGS)}"
        patron, branch = PatronId(f"8{len(made) * 7919 % 100_000_000:08d}"), draw.choice(_BRANCHES)
        if number not in taken:
            taken.add(number)
            made.append(Resident(patron, number, age, branch))
    return made


def item_id(place: int) -> ItemId:
    return ItemId(f"51{place:08d}")


def _fill(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    rest, done = iter(rows), 0
    while chunk := list(islice(rest, _CHUNK)):
        connection.execute(insert(table), chunk)
        done += len(chunk)
        print(f"\rplanting the town: {table.name} {done}\033[K", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


# --- people -------------------------------------------------------------------------------------


def _patron(locks: Locks, hashes: dict[str, str], one: Resident, draw: Random, today: date) -> Row:
    return {
        "patron_id": one.patron,
        "pin_hash": hashes[one.number[-4:]],
        "cpr_digest": locks.lookup.of_cpr(one.number),
        "cpr_sealed": locks.columns.seal("cpr", one.patron, one.number),
        "first_name": draw.choice(_FIRST_NAMES),
        "last_name": draw.choice(_FAMILY),
        "birth_date": seed.born(one.age, today),
        "street": f"Opdigtet Vej {draw.randrange(1, 400)}",
        "postal_code": "6990" if one.branch == seed.ULFBORG else "7830",
        "city": "Ulfborg" if one.branch == seed.ULFBORG else "Vinderup",
        "home_branch": one.branch,
        "patron_group": CHILD if one.age < 18 else ADULT,
        "municipality": MUNICIPALITY,
    }


def _card(locks: Locks, one: Resident) -> Row:
    digest = locks.lookup.of_card(Credential(one.number))
    sealed = locks.columns.seal("card", digest, one.number)
    return {"digest": digest, "patron_id": one.patron, "kind": HEALTH, "number_sealed": sealed}


def _block(one: Resident, now: datetime) -> Row:
    return {"patron_id": one.patron, "reason": "U", "since": local_date(now - timedelta(days=20))}


def _permission(one: Resident) -> Row:
    return {"patron_id": one.patron, "branch_id": one.branch}


# --- titles and items ---------------------------------------------------------------------------


def _record_id(place: int) -> str:
    return f"8{place % RECORDS:07d}"


def _record(place: int) -> Row:
    of_what, where = _OF_WHAT[place % len(_OF_WHAT)], _WHERE[place // len(_OF_WHAT) % len(_WHERE)]
    author = f"{_FIRST_NAMES[place % len(_FIRST_NAMES)]} {_FAMILY[place % len(_FAMILY)]}"
    return {"record_id": _record_id(place), "title": f"{of_what} {where} {place}", "author": author}


def _item(place: int) -> Row:
    group, department, _ = _group(place)
    branch = _BRANCHES[place % len(_BRANCHES)]
    return {
        "item_id": item_id(place),
        "record_id": _record_id(place),
        "material_group": group,
        "department": department,
        "home_branch": branch,
        "at_branch": branch,
    }


def _group(place: int) -> tuple[str, str, int]:
    return _GROUPS[place % RECORDS % 7 % len(_GROUPS)]


# --- what is going on ---------------------------------------------------------------------------


def _loans(people: list[Resident], draw: Random, now: datetime) -> Iterator[Row]:
    """Each of an item of its own, lent in the last six weeks: some of them are late."""
    for place in draw.sample(range(ITEMS), LOANS):
        who, lent_at = draw.choice(people), now - timedelta(minutes=draw.randrange(60 * 24 * 42))
        due = local_date(lent_at) + timedelta(days=_group(place)[2])
        yield {
            "item_id": item_id(place),
            "patron_id": who.patron,
            "branch_id": who.branch,
            "lent_at": lent_at,
            "due": due,
        }


def _holds(people: list[Resident], draw: Random, now: datetime) -> Iterator[Row]:
    """Of the town's most wanted titles, several each."""
    for place, who in enumerate(draw.sample(people, HOLDS)):
        yield {
            "record_id": _record_id(place // 3),
            "patron_id": who.patron,
            "pickup_branch": who.branch,
            "placed_at": now - timedelta(minutes=HOLDS - place),
            "wanted_until": local_date(now) + timedelta(days=180),
        }


def _fees(people: list[Resident], now: datetime) -> Iterator[Row]:
    """Every third is paid."""
    for place, who in enumerate(people[:FEES]):
        paid = place % 3 == 0
        yield {
            "patron_id": who.patron,
            "kind": "fee",
            "lent_on": local_date(now) - timedelta(days=40 + place % 20),
            "amount": 20_00,
            "paid": 20_00 if paid else 0,
            "made_at": now - timedelta(days=5),
            "settled_at": now - timedelta(days=1) if paid else None,
        }


def _payments(connection: Connection, now: datetime) -> Iterator[Row]:
    paid = select(fees.c.fee_id, fees.c.paid).where(fees.c.paid > 0).order_by(fees.c.fee_id)
    for row in connection.execute(paid).all():
        yield {
            "reference": f"town-{row.fee_id}",
            "fee_id": row.fee_id,
            "amount": row.paid,
            "paid_at": now - timedelta(days=1),
        }
