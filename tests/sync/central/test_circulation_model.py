"""The store against a library kept in plain lists, written from the rules: whatever is done, both say the same."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection, delete, select, update

from kiosk.model import BranchId, ItemId, LoanRefusal, PatronId
from sync.central.calendar import local_date
from sync.central.circulation import aside, holds, lending, returning
from sync.central.circulation.holds import HoldRefusal
from sync.central.circulation.items import ItemState
from sync.central.circulation.outcomes import HoldState, Lent, RecordId, Returned
from sync.central.schema import blocks, items, library, loans
from sync.central.schema import holds as holds_
from tests.sync.central.small_library import (
    ALMA,
    ATLAS,
    ATLAS_1,
    BO,
    CARLA,
    DORTE,
    NOVEL,
    NOVEL_1,
    NOVEL_2,
    ULFBORG,
    VINDERUP,
    SmallLibrary,
)

PICKUP_DAYS, LOAN_DAYS, TRANSIT_DAYS = 7, 30, 14
TITLE = {NOVEL_1: NOVEL, NOVEL_2: NOVEL, ATLAS_1: ATLAS}
HOME = {NOVEL_1: ULFBORG, NOVEL_2: VINDERUP, ATLAS_1: ULFBORG}
NAME = {ULFBORG: "Ulfborg", VINDERUP: "Vinderup"}

_WAITING = select(
    *(holds_.c.record_id, holds_.c.patron_id, holds_.c.pickup_branch, holds_.c.placed_at, holds_.c.wanted_until),
    *(holds_.c.item_id, holds_.c.shelf_number, holds_.c.pickup_by, holds_.c.sent_on),
).order_by(holds_.c.placed_at)


@dataclass(eq=False)
class Wish:
    """A hold on paper."""

    patron: PatronId
    title: RecordId
    pickup: BranchId
    placed: datetime
    until: date | None
    item: ItemId | None = None
    number: str = ""
    fetch_by: date | None = None
    sent: date | None = None

    def let_go(self) -> None:
        self.item, self.number, self.fetch_by, self.sent = None, "", None, None


@dataclass
class Slip:
    """A loan on paper, and the wish it fulfilled."""

    patron: PatronId
    lent: datetime
    wish: Wish | None


@dataclass
class Paper:
    """The whole library on paper."""

    out: dict[ItemId, Slip] = field(default_factory=dict)
    wishes: list[Wish] = field(default_factory=list)  # in the order they were made
    at: dict[ItemId, BranchId] = field(default_factory=lambda: dict(HOME))
    to: dict[ItemId, BranchId | None] = field(default_factory=lambda: dict.fromkeys(HOME))
    away: dict[PatronId, tuple[date | None, date | None]] = field(default_factory=dict)
    blocked: set[PatronId] = field(default_factory=set)
    missing: set[ItemId] = field(default_factory=set)

    # --- asking ---

    def could_have(self, wish: Wish, today: date) -> bool:
        return not wish.item and self.could_use(wish, today)

    def could_use(self, wish: Wish, today: date) -> bool:
        if wish.patron in self.blocked or (wish.until and wish.until < today):
            return False
        if wish.patron not in self.away:
            return True
        first, last = self.away[wish.patron]
        return not ((first or date.min) <= today <= (last or date.max))

    def first(self, item: ItemId, today: date) -> Wish | None:
        """Of those who have nothing, or have something coming to where this stands."""
        here = None if self.to[item] else self.at[item]
        line = [wish for wish in self.wishes if wish.title == TITLE[item] and self.could_use(wish, today)]
        return next((w for w in line if not w.item or (w.sent and w.pickup == here and w.item != item)), None)

    def wish_of(self, patron: PatronId, title: RecordId) -> Wish | None:
        return next((wish for wish in self.wishes if (wish.patron, wish.title) == (patron, title)), None)

    def aside_for(self, item: ItemId) -> Wish | None:
        return next((wish for wish in self.wishes if wish.item == item), None)

    def is_kept_back(self, item: ItemId, patron: PatronId, today: date) -> bool:
        """Deal the free copies to those before the patron, this one last: is it dealt?"""
        tied = self.aside_for(item)
        if tied:
            return tied.patron != patron
        line = [wish for wish in self.wishes if wish.title == TITLE[item]]
        mine = self.wish_of(patron, TITLE[item])
        before = [wish for wish in (line[: line.index(mine)] if mine else line) if self.could_have(wish, today)]
        gone = {item, *self.out, *self.missing}
        copies = [copy for copy in TITLE if TITLE[copy] == TITLE[item] and copy not in gone]
        taken = [wish.item for wish in self.wishes if wish.patron != patron]
        return len(before) > len([copy for copy in copies if copy not in taken])

    def refuses(self, patron: PatronId, item: ItemId, today: date) -> LoanRefusal | None:
        if patron in self.blocked:
            return LoanRefusal.BLOCKED
        if item in self.missing:
            return LoanRefusal.NOT_FOR_LOAN
        if item in self.out:
            return None if self.out[item].patron == patron else LoanRefusal.ON_LOAN
        return LoanRefusal.RESERVED if self.is_kept_back(item, patron, today) else None

    # --- doing ---

    def lend(self, patron: PatronId, item: ItemId, branch: BranchId, now: datetime) -> None:
        """Whatever stands in the way."""
        tied, mine = self.aside_for(item), self.wish_of(patron, TITLE[item])
        if tied and tied is not mine:
            tied.let_go()
        self.out[item] = Slip(patron, now, mine)
        self.at[item], self.to[item] = branch, None
        self.missing.discard(item)
        if mine:
            self.wishes.remove(mine)
            if mine.item and mine.item != item:
                self.pass_on(mine, local_date(now))

    def undo(self, item: ItemId) -> None:
        wish = self.out.pop(item).wish
        if wish:
            wish.let_go()
            self.wishes.append(wish)
            self.wishes.sort(key=lambda each: each.placed)

    def bring_back(self, item: ItemId, branch: BranchId, today: date, *, told_late: bool = False) -> str:
        """Where it is laid."""
        self.out.pop(item, None)
        self.at[item], self.to[item] = branch, None
        self.missing.discard(item)
        wish = self.aside_for(item)
        stands = wish and wish.fetch_by and (wish.pickup == branch or not told_late)
        if wish and not stands and (told_late or not self.could_use(wish, today)):
            wish.let_go()
            wish = None
        if told_late:
            self.to[item] = None if (wish or HOME[item] == branch) else HOME[item]
            return ""
        wish = wish or self.first(item, today)
        if wish:
            self.set_aside(wish, item, today)
        goal = wish.pickup if wish else HOME[item]
        if goal != branch:
            self.to[item] = goal
            return f"Sendes til {NAME[goal]}"
        return f"Reserveringshylden {wish.number}" if wish else "Romaner"

    def set_aside(self, wish: Wish, item: ItemId, today: date, number: str = "") -> None:
        other = wish.item if wish.item != item else None
        wish.item, wish.sent = item, None
        if self.to[item] or self.at[item] != wish.pickup:
            wish.number, wish.fetch_by, wish.sent = "", None, today
        elif not wish.fetch_by:
            taken = {other.number for other in self.wishes if other.pickup == wish.pickup}
            wish.number = number or min((str(n) for n in range(1, 9) if str(n) not in taken), key=int)
            wish.fetch_by = today + timedelta(days=PICKUP_DAYS)
        if other:
            self.give_on(other, today)

    def pass_on(self, gone: Wish, today: date) -> None:
        if gone.item:
            self.give_on(gone.item, today, gone.number)

    def give_on(self, item: ItemId, today: date, number: str = "") -> None:
        wish = self.first(item, today)
        if wish:
            self.set_aside(wish, item, today, number)
        goal = wish.pickup if wish else HOME[item]
        self.to[item] = goal if self.to[item] or self.at[item] != goal else None

    def tidy(self, today: date) -> int:
        def is_over(wish: Wish) -> bool:
            last = wish.fetch_by if wish.item else wish.until
            return last is not None and last < today

        over = [wish for wish in self.wishes if is_over(wish)]
        self.wishes = [wish for wish in self.wishes if wish not in over]
        for wish in over:
            self.pass_on(wish, today)
        return len(over)

    def search(self, today: date) -> int:
        lost = [wish for wish in self.wishes if wish.sent and wish.sent < today - timedelta(days=TRANSIT_DAYS)]
        self.missing |= {wish.item for wish in lost if wish.item}
        for wish in lost:
            wish.let_go()
        return len(lost)


_PATRONS = st.sampled_from((ALMA, BO, CARLA, DORTE))
_ITEMS, _BRANCHES = st.sampled_from(tuple(TITLE)), st.sampled_from((ULFBORG, VINDERUP))
_TITLES = st.sampled_from((NOVEL, NOVEL, ATLAS))
_DAYS = st.none() | st.integers(-1, 1)


class Both(RuleBasedStateMachine):
    """Each rule does one thing in the store and on paper."""

    connection: Connection  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.store, self.paper = SmallLibrary(self.connection), Paper()
        self.connection.execute(update(library).values(debt_limit=1_000_000_00))  # what is owed is on another paper

    def teardown(self) -> None:
        self.connection.rollback()
        self.connection.connection.rollback()  # as rewind in small_library.py

    @property
    def today(self) -> date:
        return local_date(self.store.now)

    def day(self, days: int | None) -> date | None:
        return None if days is None else self.today + timedelta(days=days)

    # --- holds ---

    @rule(patron=_PATRONS, title=_TITLES, pickup=_BRANCHES, days=st.none() | st.integers(0, 3))
    def place(self, patron: PatronId, title: RecordId, pickup: BranchId, days: int | None) -> None:
        until = self.day(days)
        said = self.store.ask_hold(patron, title, pickup, until)
        if patron in self.paper.blocked:
            assert said is HoldRefusal.BLOCKED
        elif self.paper.wish_of(patron, title):
            assert said is HoldRefusal.ALREADY_RESERVED
        elif any(slip.patron == patron and TITLE[item] == title for item, slip in self.paper.out.items()):
            assert said is HoldRefusal.ALREADY_LOANED
        elif self.paper.missing >= {item for item in TITLE if TITLE[item] == title}:
            assert said is HoldRefusal.NO_ITEMS
        else:
            assert isinstance(said, int)
            self.paper.wishes.append(Wish(patron, title, pickup, self.store.now, until))

    @precondition(lambda self: self.paper.wishes)
    @rule(choice=st.integers(0, 7))
    def cancel(self, choice: int) -> None:
        wish, hold = self._choose(choice)
        assert holds.cancel(self.connection, wish.patron, hold, self.store.forward())
        self.paper.wishes.remove(wish)
        self.paper.pass_on(wish, self.today)

    @precondition(lambda self: self.paper.wishes)
    @rule(choice=st.integers(0, 7), pickup=_BRANCHES)
    def move(self, choice: int, pickup: BranchId) -> None:
        wish, hold = self._choose(choice)
        assert holds.move(self.connection, wish.patron, hold, pickup, self.store.forward()) is (wish.fetch_by is None)
        if wish.fetch_by is None:
            wish.pickup = pickup
            if wish.item:
                self.paper.to[wish.item] = pickup

    def _choose(self, choice: int) -> tuple[Wish, int]:
        wish = self.paper.wishes[choice % len(self.paper.wishes)]
        query = select(holds_.c.hold_id).where(holds_.c.patron_id == wish.patron, holds_.c.record_id == wish.title)
        return wish, self.connection.execute(query).scalar_one()

    @rule(patron=st.none() | _PATRONS, first=_DAYS, last=_DAYS)
    def go_away(self, patron: PatronId | None, first: int | None, last: int | None) -> None:
        """One at a time, or there is nobody left to lend to."""
        for back in self.paper.away:
            self.store.set_patron(back, absent_from=None, absent_to=None)
        self.paper.away.clear()
        if patron is not None and (first, last) != (None, None):
            self.store.set_patron(patron, absent_from=self.day(first), absent_to=self.day(last))
            self.paper.away[patron] = self.day(first), self.day(last)

    @rule(patron=st.none() | _PATRONS)
    def block(self, patron: PatronId | None) -> None:
        """One at a time."""
        self.connection.execute(delete(blocks))
        self.paper.blocked.clear()
        if patron is not None:
            self.store.block(patron)
            self.paper.blocked.add(patron)

    # --- loans ---

    @rule(patron=_PATRONS, item=_ITEMS, branch=_BRANCHES)
    def lend(self, patron: PatronId, item: ItemId, branch: BranchId) -> None:
        said = self.store.lend(patron, item, branch)
        refusal = self.paper.refuses(patron, item, self.today)
        if refusal:
            assert said is refusal
            return
        assert isinstance(said, Lent)
        assert said.again is (item in self.paper.out)
        if not said.again:
            assert said.due == self.day(LOAN_DAYS)
            self.paper.lend(patron, item, branch, self.store.now)

    @rule(patron=_PATRONS, item=_ITEMS, branch=_BRANCHES)
    def carry_out(self, patron: PatronId, item: ItemId, branch: BranchId) -> None:
        desk = self.store.desk(branch, self.store.forward())
        said = lending.carried_out(self.connection, desk, patron, item, self.today)
        if patron in self.paper.blocked:
            assert not isinstance(said.outcome, Lent)
            return
        assert isinstance(said.outcome, Lent)
        slip = self.paper.out.get(item)
        assert said.ended_another is (slip is not None and slip.patron != patron)
        if slip is None or slip.patron != patron:
            self.paper.lend(patron, item, branch, self.store.now)

    @precondition(lambda self: self.paper.out)
    @rule(choice=st.integers(0, 2))
    def undo(self, choice: int) -> None:
        item = sorted(self.paper.out)[choice % len(self.paper.out)]
        lending.undo(self.connection, item, self.paper.out[item].lent)
        self.paper.undo(item)

    @rule(item=_ITEMS, branch=_BRANCHES)
    def bring_back(self, item: ItemId, branch: BranchId) -> None:
        had = self.paper.out.get(item)
        said = self.store.bring_back(item, branch)
        assert said.place == self.paper.bring_back(item, branch, self.today)
        assert said.had == (had.patron if had else None)
        assert said.held is (self.paper.aside_for(item) is not None)
        assert said.sent_to == self.paper.to[item]

    @rule(item=_ITEMS, branch=_BRANCHES)
    def bring_back_and_tell_late(self, item: ItemId, branch: BranchId) -> None:
        said = returning.checkin(self.connection, self.store.desk(branch, self.store.forward()), item)
        self.paper.bring_back(item, branch, self.today, told_late=True)
        assert isinstance(said, Returned)
        assert said.held is (self.paper.aside_for(item) is not None)

    # --- time ---

    @rule(days=st.sampled_from((1, 1, 1, 3, 7, 8, 15)))
    def days_pass(self, days: int) -> None:
        self.store.forward(days=days)

    @precondition(lambda self: self.paper.wishes)
    @rule()
    def tidy(self) -> None:
        assert holds.expire(self.connection, self.store.now) == self.paper.tidy(self.today)
        assert aside.search(self.connection, self.store.now) == self.paper.search(self.today)

    # --- both are the same ---

    @invariant()
    def the_same_have_the_same(self) -> None:
        query = select(loans.c.item_id, loans.c.patron_id, loans.c.lent_at).where(loans.c.returned_at.is_(None))
        kept = {row.item_id: (row.patron_id, row.lent_at) for row in self.connection.execute(query)}
        assert kept == {item: (slip.patron, slip.lent) for item, slip in self.paper.out.items()}

    @invariant()
    def the_same_wait_and_the_same_is_set_aside(self) -> None:
        kept = [tuple(row) for row in self.connection.execute(_WAITING)]
        assert kept == [
            (w.title, w.patron, w.pickup, w.placed, w.until, w.item, w.number, w.fetch_by, w.sent)
            for w in self.paper.wishes
        ]

    @invariant()
    def each_item_is_where_it_is(self) -> None:
        kept = {row.item_id: (row.at_branch, row.transit_to) for row in self.connection.execute(select(items))}
        assert kept == {item: (self.paper.at[item], self.paper.to[item]) for item in TITLE}
        missing = self.connection.execute(select(items.c.item_id).where(items.c.state == ItemState.MISSING.value))
        assert set(missing.scalars()) == self.paper.missing

    @invariant()
    def what_is_set_aside_is_there(self) -> None:
        aside = [wish for wish in self.paper.wishes if wish.item]
        assert len({wish.item for wish in aside}) == len(aside)
        assert not {wish.item for wish in aside} & set(self.paper.out)
        numbers = [(wish.pickup, wish.number) for wish in aside if wish.fetch_by]
        assert len(set(numbers)) == len(numbers)

    @rule(patron=_PATRONS)
    def look_at_my_page(self, patron: PatronId) -> None:
        mine = [wish for wish in self.paper.wishes if wish.patron == patron]
        lines = holds.lines_of(self.connection, patron, self.store.now)
        assert [(line.work.record, line.state, line.place) for line in lines] == [
            (wish.title, self._state(wish), self._place(wish)) for wish in mine
        ]

    def _state(self, wish: Wish) -> HoldState:
        if not wish.item:
            return HoldState.RESERVED
        return HoldState.READY if wish.fetch_by else HoldState.IN_TRANSIT

    def _place(self, wish: Wish) -> int:
        if wish.item:
            return 0
        line = [each for each in self.paper.wishes if each.title == wish.title and not each.item]
        ahead = [each for each in line[: line.index(wish)] if not each.until or each.until >= self.today]
        return len(ahead) + 1


def test_the_store_and_the_paper_library_agree(connection: Connection) -> None:
    machine = type("Machine", (Both,), {"connection": connection})
    lives = 120 if connection.dialect.name == "sqlite" else 30  # the way to a server takes its time
    thorough = settings(
        max_examples=lives, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=thorough)
