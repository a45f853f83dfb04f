"""A small library for tests of circulation: two branches, a few patrons and items; no machine, nothing committed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import URL, Connection, create_engine, event, insert, select, update

from kiosk.model import BranchId, DeviceId, ItemId, LoanRefusal, PatronId
from sync.central import standard
from sync.central.circulation import holds, lending, returning
from sync.central.circulation.holds import HoldRefusal
from sync.central.circulation.outcomes import HoldLine, Lent, RecordId, Returned
from sync.central.desk import Desk
from sync.central.schema import blocks, branches, items, loans, patrons, records, tables
from sync.central.schema import holds as holds_
from tests.sync.central.library import MORNING

ULFBORG, VINDERUP = BranchId("DK-766103"), BranchId("DK-766104")
ALMA, BO, CARLA, DORTE = (PatronId(f"90000000{number}") for number in (1, 2, 3, 4))
NOVEL, ATLAS = RecordId("91000001"), RecordId("91000002")
NOVEL_1, NOVEL_2, ATLAS_1 = ItemId("5020000001"), ItemId("5020000002"), ItemId("5020000003")


@dataclass
class SmallLibrary:
    """Time is moved by hand; `forward` also lets a second pass, so that no two things happen at once."""

    connection: Connection
    now: datetime = MORNING

    def desk(self, branch: BranchId = ULFBORG, at: datetime | None = None, *, fills_holds: bool = True) -> Desk:
        """at: what was done then is told now."""
        desk = Desk(DeviceId("desk"), branch, self.now, fills_holds)
        return desk if at is None else desk.earlier(at)

    def forward(self, **parts: float) -> datetime:
        self.now += timedelta(**parts) + timedelta(seconds=1)
        return self.now

    def lend(self, patron: PatronId, item: ItemId, branch: BranchId = ULFBORG) -> Lent | LoanRefusal:
        self.forward()
        out = lending.checkout(self.connection, self.desk(branch), patron, item)
        return out if isinstance(out, Lent) else out.why

    def bring_back(self, item: ItemId, branch: BranchId = ULFBORG) -> Returned:
        self.forward()
        out = returning.checkin(self.connection, self.desk(branch), item)
        assert isinstance(out, Returned)
        return out

    def hold(
        self, patron: PatronId, record: RecordId = NOVEL, pickup: BranchId = ULFBORG, until: date | None = None
    ) -> int:
        placed = self.ask_hold(patron, record, pickup, until)
        assert isinstance(placed, int), placed
        return placed

    def ask_hold(
        self, patron: PatronId, record: RecordId = NOVEL, pickup: BranchId = ULFBORG, until: date | None = None
    ) -> int | HoldRefusal:
        self.forward()
        return holds.place(self.connection, patron, record, pickup, self.now, until)

    def line(self, patron: PatronId) -> HoldLine | None:
        """The patron's only hold."""
        lines = holds.lines_of(self.connection, patron, self.now)
        assert len(lines) <= 1
        return lines[0] if lines else None

    def block(self, patron: PatronId) -> None:
        self.connection.execute(insert(blocks).values(patron_id=patron, reason="U", since=self.now.date()))

    def set_patron(self, patron: PatronId, **columns: object) -> None:
        self.connection.execute(update(patrons).where(patrons.c.patron_id == patron).values(columns))

    def set_item(self, item: ItemId, **columns: object) -> None:
        self.connection.execute(update(items).where(items.c.item_id == item).values(columns))

    def where(self, item: ItemId) -> tuple[BranchId, BranchId | None]:
        """(last seen at, on its way to)."""
        row = self.connection.execute(select(items).where(items.c.item_id == item)).one()
        return row.at_branch, row.transit_to

    def on_loan(self) -> dict[ItemId, PatronId]:
        out = self.connection.execute(select(loans).where(loans.c.returned_at.is_(None)))
        return {row.item_id: row.patron_id for row in out}

    def queue(self, record: RecordId = NOVEL) -> list[PatronId]:
        rows = select(holds_.c.patron_id).where(holds_.c.record_id == record)
        return list(self.connection.execute(rows.order_by(holds_.c.placed_at)).scalars())


@contextmanager
def opened(url: str | URL) -> Iterator[Connection]:
    """The library as it begins, in an empty database. `rewind` to have it again."""
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        tables.create_all(connection)
        standard.plant(connection)
        _stock(connection)
        connection.commit()
        yield connection
    engine.dispose()


def rewind(connection: Connection) -> None:
    """Nothing has happened since `opened`. PostgreSQL's sequences know of no rollback; none has been asked before."""
    connection.rollback()
    connection.connection.rollback()  # of statements alone (statement.py) the connection does not know
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT setval(sequencename::regclass, 1, false) FROM pg_sequences")
        connection.rollback()


@contextmanager
def overheard(connection: Connection) -> Iterator[list[str]]:
    """The statements that reach the database meanwhile, by whatever way; SQLite's own BEGIN is none."""
    said: list[str] = []
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.set_trace_callback(lambda text: None if text.startswith("BEGIN") else said.append(text))
        yield said
        driver.set_trace_callback(None)
        return

    def hear(*told: object) -> None:
        said.append(str(told[2]))

    event.listen(connection, "before_cursor_execute", hear)
    yield said
    event.remove(connection, "before_cursor_execute", hear)


def _stock(connection: Connection) -> None:
    for branch, name in ((ULFBORG, "Ulfborg"), (VINDERUP, "Vinderup")):
        connection.execute(insert(branches).values(branch_id=branch, name=name, staffed="", unstaffed=""))
    for patron in (ALMA, BO, CARLA, DORTE):
        _add_patron(connection, patron)
    for record, title in ((NOVEL, "Lykke-Per"), (ATLAS, "Fugle i Vestjylland")):
        connection.execute(insert(records).values(record_id=record, title=title, author="Opdigt Forlag"))
    for item, record, home in ((NOVEL_1, NOVEL, ULFBORG), (NOVEL_2, NOVEL, VINDERUP), (ATLAS_1, ATLAS, ULFBORG)):
        add_item(connection, item, record, home)


def _add_patron(connection: Connection, patron: PatronId) -> None:
    connection.execute(
        insert(patrons).values(
            patron_id=patron,
            pin_hash="",
            first_name="Prøve",
            last_name="Opdigtsen",
            birth_date=date(1980, 5, 17),
            home_branch=ULFBORG,
            patron_group=standard.ADULT,
            municipality=standard.MUNICIPALITY,
        )
    )


def add_item(connection: Connection, item: ItemId, record: RecordId, home: BranchId) -> None:
    connection.execute(
        insert(items).values(
            item_id=item,
            record_id=record,
            material_group=standard.STANDARD,
            home_branch=home,
            at_branch=home,
            department="Romaner",
        )
    )
