"""Staff's commands, as they are typed; and what a machine's queue leaves behind for staff to see."""

import getpass
import io
import json
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from kiosk.event import FaultRaised, ItemLent, ItemReturned, LoanGivenUp
from kiosk.fault import Fault
from kiosk.loop import system_clock
from kiosk.model import Credential, EventId, ItemId, PatronId
from sync.central import seed, start
from sync.central.calendar import local_date
from sync.central.command import main
from sync.central.schema import (
    answers,
    blocks,
    cards,
    fees,
    holds,
    items,
    loans,
    patrons,
    queues,
    refused_events,
    sip_users,
    staff_log,
    visits,
)
from sync.central.sip2 import logins
from sync.central.staff.said import WIDTH
from sync.central.start import Home
from tests.sync.central.library import HandClock, Library, Machine, copy_of, laid_down
from tests.sync.central.test_central_exchange import DUE, Queue

UNKNOWN = ItemId("6166660000")  # a health card's number, laid where a book belongs
STRANGER = Credential("6177770000")


@dataclass
class Desk:
    """A terminal at the store."""

    home: Home
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """The exit status, what was printed, and what was complained of. words: the act and its options."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        path = words[: 2 if words[0] == "staff" else 1]
        try:
            ended = main([*path, "--dir", str(self.home.directory), *words[len(path) :]], self.clock, never)
        except SystemExit as usage:
            ended = int(str(usage.code))
        said = self.capsys.readouterr()
        return ended, said.out, said.err

    def says(self, *words: str, typed: str = "") -> str:
        ended, out, err = self.run(*words, typed=typed)
        assert (ended, err) == (0, "")
        return out

    def complains(self, *words: str, typed: str = "") -> str:
        ended, out, err = self.run(*words, typed=typed)
        assert (ended, out) == (1, "")
        assert err.startswith("kiosk central: ")
        return err

    def change(self, statement: Any) -> None:
        with closing(start.open_database(self.home)) as database:
            database.write(lambda connection: connection.execute(statement)).result()

    def rows(self, table: Any) -> list[Any]:
        with closing(start.open_database(self.home)) as database:
            return list(database.read(lambda connection: connection.execute(table.select()).all()).result())

    clock = HandClock()


def never(_path: Path) -> Any:
    raise AssertionError("no simulated clock here")


@pytest.fixture
def desk(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(home, capsys, monkeypatch)


@pytest.fixture
def counter(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """At the store that `library` runs."""
    return Desk(library.home, capsys, monkeypatch)


@pytest.fixture
def queue(machine: Machine) -> Queue:
    return Queue(machine)


# --- the picture --------------------------------------------------------------------------------

FIELDS = """Lånernummer
CPR-nummer
Fraværsperiode
Navn
Fødselsdato
c/o navn
Adresse
Telefon
E-mail
E-mail (notif)
Blokeret d.
Lånergruppe
Tilhørsfilial
Kommunenr.
Låner-ID
Intern note
Note til låner
Udlån
Reserveringer
Mellemværende
Beskeder""".splitlines()


def test_the_picture_has_the_fields_of_the_policy_in_its_order(desk: Desk) -> None:
    said = desk.says("staff", "show", "--patron", seed.DEBTOR.patron)
    places = [next(n for n, line in enumerate(said.splitlines()) if line.startswith(field)) for field in FIELDS]
    assert places == sorted(places)
    assert "Ring til os om regningen." in said
    assert "E: skylder for meget" in said
    assert "Mellemværende (230,00 kr.)" in said  # above the limit
    assert "Tilhørsfilial        Ulfborg" in said
    assert max(map(len, said.splitlines())) <= WIDTH


def test_cpr_and_health_card_are_dots_unless_they_are_asked_for(desk: Desk) -> None:
    masked = desk.says("staff", "show", "--patron", seed.ADULT.patron)
    revealed = desk.says("staff", "show", "--patron", seed.ADULT.patron, "--reveal")
    assert seed.ADULT.number not in masked.replace("-", "")
    assert revealed.count(seed.ADULT.number) == 2  # as CPR number, and as card


def test_a_reveal_leaves_a_trace_that_names_nobody(desk: Desk) -> None:
    desk.says("staff", "show", "--patron", seed.ADULT.patron)
    assert desk.says("staff", "log") == "nothing has been done\n"
    desk.says("staff", "show", "--patron", seed.ADULT.patron, "--reveal")
    desk.says("staff", "show", "--card", "--reveal", typed=seed.ADULT.number + "\n")
    desk.says("staff", "show", "--patron", seed.CHILD.patron, "--reveal")
    traces = desk.rows(staff_log)
    assert {(row.done_at, row.staff) for row in traces} == {(desk.clock.wall, getpass.getuser())}
    digests = [row.patron_digest for row in traces]
    assert digests[0] == digests[1] != digests[2]
    assert seed.ADULT.patron not in repr(traces) and seed.ADULT.number not in repr(traces)
    assert len(desk.says("staff", "log").splitlines()) == 1 + 3
    of_one = desk.says("staff", "log", "--patron", seed.CHILD.patron).splitlines()
    assert [line.split() for line in of_one[1:]] == [
        ["24.11.2026", "10:30", getpass.getuser(), "reveal", digests[2][:12]]
    ]


def test_a_reveal_that_cannot_be_written_down_shows_nothing(desk: Desk) -> None:
    with closing(start.open_database(desk.home)) as database:
        database.write(
            lambda connection: connection.exec_driver_sql("ALTER TABLE staff_log RENAME TO elsewhere")
        ).result()
    try:
        assert "refused" in desk.complains("staff", "show", "--patron", seed.ADULT.patron, "--reveal")
    finally:
        with closing(start.open_database(desk.home)) as database:
            back = "ALTER TABLE elsewhere RENAME TO staff_log"
            database.write(lambda connection: connection.exec_driver_sql(back)).result()


def test_a_card_is_read_from_standard_input_and_never_from_the_command_line(desk: Desk) -> None:
    assert seed.ADULT.last_name in desk.says("staff", "show", "--card", typed=seed.ADULT.number + "\n")
    assert desk.run("staff", "show", "--card", seed.ADULT.number)[0] == 2
    assert "no such patron" in desk.complains("staff", "show", "--card", typed=STRANGER.number)
    assert "no card's number" in desk.complains("staff", "show", "--card", typed="\n")


def test_what_a_patron_has_is_in_the_picture(desk: Desk) -> None:
    said = desk.says("staff", "show", "--patron", seed.OTHER_PATRON.patron)
    assert "Udlån (1)" in said and "Reserveringer (2)" in said and "Mellemværende (0,00 kr.)" in said
    assert "Niels Lyhne" in said and "frist 13.12.2026" in said


def test_a_text_that_a_terminal_would_obey_is_shown_without_its_power(desk: Desk) -> None:
    desk.change(
        update(patrons)
        .where(patrons.c.patron_id == seed.ADULT.patron)
        .values(street="\x1b[31mVej", internal_note="a" * 300)
    )
    said = desk.says("staff", "show", "--patron", seed.ADULT.patron)
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= WIDTH


def test_a_column_key_of_another_store_is_told_in_a_sentence(desk: Desk) -> None:
    (desk.home.column).write_bytes(bytes(32))
    assert "column.key" in desk.complains("staff", "show", "--patron", seed.ADULT.patron)


# --- blocks, notes, items -----------------------------------------------------------------------


def test_a_block_stands_from_today_and_is_lifted_by_its_letter(desk: Desk) -> None:
    patron = ("--patron", seed.ADULT.patron)
    for letter in ("O", "U", "O"):
        desk.says("staff", "block", *patron, "--reason", letter)
    mine = [(row.reason, row.since) for row in desk.rows(blocks) if row.patron_id == seed.ADULT.patron]
    assert sorted(mine) == [("O", local_date(desk.clock.wall)), ("U", local_date(desk.clock.wall))]
    desk.says("staff", "unblock", *patron, "--reason", "O")
    assert "Blokeringsårsag      U: udelukket" in desk.says("staff", "show", *patron)
    desk.says("staff", "unblock", *patron)
    assert "Blokeringsårsag" not in desk.says("staff", "show", *patron)
    assert "no such block" in desk.complains("staff", "unblock", *patron)


@pytest.mark.parametrize("act", ["show", "block", "unblock", "note"])
def test_an_unknown_patron_is_told_in_a_sentence(desk: Desk, act: str) -> None:
    more = {"block": ["--reason", "U"], "note": ["--internal"]}.get(act, [])
    assert desk.complains("staff", act, "--patron", "900000000", *more) == "kiosk central: no such patron\n"


def test_notes_are_written_from_standard_input_each_in_its_place(desk: Desk) -> None:
    patron = ("--patron", seed.ADULT.patron)
    desk.says("staff", "note", *patron, "--internal", typed="Kortet ligger\ni skuffen.\n")
    desk.says("staff", "note", *patron, "--to-patron", typed="Ring til os.")
    said = desk.says("staff", "show", *patron)
    assert "Intern note          Kortet ligger\n" + " " * 21 + "i skuffen.\n" in said
    assert "Note til låner       Ring til os.\n" in said
    assert "removed" in desk.says("staff", "note", *patron, "--internal", typed="")
    assert "at most" in desk.complains("staff", "note", *patron, "--internal", typed="x" * 2001)
    assert "plain text" in desk.complains("staff", "note", *patron, "--internal", typed="a\0b")


def test_an_item_is_shown_and_lost_and_who_waits_for_it_waits_again(desk: Desk) -> None:
    item = ("--item", seed.RESERVED.item)
    desk.change(update(holds).where(holds.c.record_id == seed.RESERVED.record).values(item_id=seed.RESERVED.item))
    assert "Babettes gæstebud\nhere; DK-766103, Romaner; not lent" in desk.says("staff", "item", *item)
    assert "lost; DK-766103" in desk.says("staff", "item", *item, "--state", "lost")
    assert [row.state for row in desk.rows(items) if row.item_id == seed.RESERVED.item] == ["lost"]
    assert [row.item_id for row in desk.rows(holds)] == [None, None]
    assert "here; DK-766103" in desk.says("staff", "item", *item, "--state", "here")


def test_an_item_on_loan_is_not_discarded(desk: Desk) -> None:
    item = ("--item", seed.ON_LOAN.item)
    assert f"lent to {seed.OTHER_PATRON.patron}, due 13.12.2026" in desk.says("staff", "item", *item)
    assert "on loan" in desk.complains("staff", "item", *item, "--state", "discarded")
    assert "no such item" in desk.complains("staff", "item", "--item", UNKNOWN)


LOST = ("staff", "item", "--item", seed.ON_LOAN.item, "--state", "lost")


def test_who_has_a_lost_item_on_loan_is_charged_for_it_and_the_loan_is_ended(desk: Desk) -> None:
    patron = seed.OTHER_PATRON.patron
    said = desk.says(*LOST, "--charge", "230,50")
    assert f"lost; DK-766103, Romaner; not lent\n{patron} is charged 230,50 kr. for it" in said
    charged = [row for row in desk.rows(fees) if row.patron_id == patron]
    assert [(row.patron_id, row.kind, row.item_id, row.amount) for row in charged] == [
        (patron, "compensation", seed.ON_LOAN.item, 230_50)
    ]
    assert [row.returned_at for row in desk.rows(loans)] == [desk.clock.wall]
    assert "erstatning" in desk.says("staff", "show", "--patron", patron)
    assert "E" in {row.reason for row in desk.rows(blocks) if row.patron_id == patron}  # above the limit


def test_for_an_item_that_nobody_has_on_loan_nobody_is_charged_and_nothing_is_changed(desk: Desk) -> None:
    desk.says(*LOST, "--charge", "230")
    before = desk.rows(items), desk.rows(fees)
    assert "nobody has it on loan" in desk.complains(*LOST, "--charge", "230")  # typed again
    assert "nobody has it on loan" in desk.complains(
        "staff", "item", "--item", seed.BOOK.item, "--state", "lost", "--charge", "1"
    )
    assert (desk.rows(items), desk.rows(fees)) == before


@pytest.mark.parametrize("amount", ["0", "0,00", "-1", "2,5", "2.50", "x", "100000", "", "٢"])
def test_a_charge_is_an_amount_in_kroner(desk: Desk, amount: str) -> None:
    before = desk.rows(fees)
    ended, _, complaint = desk.run(*LOST, f"--charge={amount}")
    assert ended == 2
    assert "an amount is in kroner, as 230 or 230,50" in complaint
    assert desk.rows(fees) == before


def test_only_a_lost_item_is_charged_for(desk: Desk) -> None:
    item = ("staff", "item", "--item", seed.ON_LOAN.item)
    for state in ([], ["--state", "here"]):
        assert "only for a lost item" in desk.complains(*item, *state, "--charge", "230")


# --- a patron goes ------------------------------------------------------------------------------


def test_what_is_set_aside_for_a_patron_who_is_removed_goes_to_the_next_in_the_queue_or_home(
    machine: Machine, counter: Desk
) -> None:
    first, second = seed.OTHER_PATRON.patron, seed.PERMITTED.patron
    wish = {"record_id": seed.RESERVED.record, "patron_id": second, "pickup_branch": seed.ULFBORG}
    counter.change(insert(holds).values(placed_at=counter.clock.wall, **wish))
    machine.bring_back(seed.ON_LOAN.item, "a-return-event-1")
    machine.bring_back(seed.RESERVED.item, "a-return-event-2")
    machine.bring_back(seed.RESERVED_ELSEWHERE.item, "a-return-event-3")  # on its way to Vinderup
    assert counter.says("staff", "remove", "--patron", first) == f"{first} is removed\n"
    assert [(row.patron_id, row.item_id) for row in counter.rows(holds)] == [(second, seed.RESERVED.item)]
    bound = {row.item_id: row.transit_to for row in counter.rows(items)}
    assert bound[seed.RESERVED_ELSEWHERE.item] == seed.ULFBORG
    assert [row for row in counter.rows(patrons) if row.patron_id == first] == []


def test_a_patron_who_has_a_loan_or_a_debt_stays_with_every_hold(desk: Desk) -> None:
    before = desk.rows(holds)
    assert "on loan" in desk.complains("staff", "remove", "--patron", seed.OTHER_PATRON.patron)
    assert desk.rows(holds) == before
    desk.change(insert(fees).values(patron_id=seed.ADULT.patron, kind="fee", amount=1, made_at=desk.clock.wall))
    assert "owes" in desk.complains("staff", "remove", "--patron", seed.ADULT.patron)
    assert "no such patron" in desk.complains("staff", "remove", "--patron", "1")


# --- what was refused ---------------------------------------------------------------------------


def lent(card: Credential = STRANGER, item: ItemId = seed.BOOK.item) -> ItemLent:
    return ItemLent(card, item, DUE, offline=True)


def register(at: Desk, patron: PatronId) -> None:
    """The unknown card turns out to be this patron's."""
    locks = start.locks(at.home)
    digest = locks.lookup.of_card(STRANGER)
    sealed = locks.columns.seal("card", digest, STRANGER.number)
    at.change(insert(cards).values(digest=digest, patron_id=patron, kind="library", number_sealed=sealed))


def test_a_refused_loan_is_carried_out_once_the_card_is_known(queue: Queue, counter: Desk) -> None:
    queue.send(queue.sealed(lent()))
    said = counter.says("staff", "refused")
    assert "ulfborg-1  item.lent: patronNotFound" in said
    assert f"item {seed.BOOK.item}  due 20.12.2026  card unknown" in said
    resolve = ("staff", "resolve", "--refusal", "1", "--as", "card registered", "--apply")
    assert "unknown still" in counter.complains(*resolve)
    register(counter, seed.ADULT.patron)
    assert f"patron {seed.ADULT.patron}" in counter.says("staff", "refused")
    assert counter.says(*resolve) == f"1 is resolved; {seed.BOOK.item} is lent to {seed.ADULT.patron}, due 20.12.2026\n"
    made = [row for row in counter.rows(loans) if row.item_id == seed.BOOK.item]
    assert [(row.patron_id, row.due, row.branch_id) for row in made] == [(seed.ADULT.patron, DUE, seed.ULFBORG)]
    assert counter.says("staff", "refused") == "nothing has been refused\n"
    assert "resolved: card registered" in counter.says("staff", "refused", "--all")
    assert "resolved already" in counter.complains(*resolve)


@pytest.mark.parametrize("wrong", [timedelta(days=-9000), timedelta(days=9)], ids=["behind", "ahead"])
def test_a_refused_loan_of_a_machine_with_a_wrong_clock_is_made_and_stays_out(
    queue: Queue, counter: Desk, wrong: timedelta
) -> None:
    queue.machine.bring_back(seed.BOOK.item, "a-return-event-id")
    queue.send(queue.sealed(lent(STRANGER), at=counter.clock.wall + wrong) | {"clockSynced": False})
    register(counter, seed.ADULT.patron)
    counter.says("staff", "resolve", "--refusal", "1", "--as", "card registered", "--apply")
    made = [row for row in counter.rows(loans) if row.item_id == seed.BOOK.item]
    assert [(row.lent_at, row.returned_at) for row in made] == [(counter.clock.wall, None)]


def test_a_loan_to_a_blocked_patron_is_made_on_the_word_of_staff_for_the_item_is_gone(
    queue: Queue, counter: Desk
) -> None:
    queue.send(queue.sealed(lent(seed.EXCLUDED.card)))
    assert "patronBlocked" in counter.says("staff", "refused")
    said = counter.says("staff", "resolve", "--refusal", "1", "--as", "x", "--apply")
    assert f"is lent to {seed.EXCLUDED.patron}" in said


def test_a_loan_of_a_copied_machine_is_kept_once_and_made_by_staff(queue: Queue, counter: Desk) -> None:
    entry = queue.sealed(FaultRaised(Fault.READER_LOST), sequence=7)
    copied = queue.sealed(lent(seed.ADULT.card), "an-event-of-the-copy", sequence=7)
    queue.send(entry)
    for _ in range(3):
        assert queue.outcomes(copied) == [("refused", "sequenceReused")]
    assert f"item {seed.BOOK.item}  due 20.12.2026  patron {seed.ADULT.patron}" in counter.says("staff", "refused")
    assert len(counter.rows(refused_events)) == 1
    said = counter.says("staff", "resolve", "--refusal", "1", "--as", "a copied card", "--apply")
    assert f"{seed.BOOK.item} is lent to {seed.ADULT.patron}" in said


def test_a_refusal_may_be_resolved_with_a_word_alone(queue: Queue, counter: Desk) -> None:
    queue.send(queue.sealed(ItemReturned(UNKNOWN, offline=True)))
    assert "only a refused loan" in counter.complains("staff", "resolve", "--refusal", "1", "--as", "x", "--apply")
    assert counter.says("staff", "resolve", "--refusal", "1", "--as", "not ours") == "1 is resolved\n"
    assert "no refusal of this number" in counter.complains("staff", "resolve", "--refusal", "9", "--as", "x")


def test_an_item_that_was_unknown_is_found_again_by_its_digest(queue: Queue, counter: Desk) -> None:
    queue.send(queue.sealed(lent(seed.ADULT.card, UNKNOWN)))
    resolve = ("staff", "resolve", "--refusal", "1", "--as", "catalogued", "--apply")
    assert "item is unknown still" in counter.complains(*resolve)
    book = next(row for row in counter.rows(items) if row.item_id == seed.BOOK.item)
    counter.change(insert(items).values(**(dict(book._mapping) | {"item_id": UNKNOWN})))
    assert f"{UNKNOWN} is lent to {seed.ADULT.patron}" in counter.says(*resolve)


def test_an_unknown_items_number_stands_nowhere_in_the_store(queue: Queue, counter: Desk, library: Library) -> None:
    queue.send(
        queue.sealed(lent(seed.ADULT.card, UNKNOWN)),
        queue.sealed(ItemReturned(UNKNOWN, offline=True)),
        queue.sealed(LoanGivenUp(EventId("asked-and-given-up"), UNKNOWN)),
    )
    queue.machine.lend(seed.ADULT.patron, UNKNOWN, "asked-unknown-loan")
    queue.machine.bring_back(UNKNOWN, "asked-unknown-return")
    assert UNKNOWN not in counter.says("staff", "refused")
    library.stop()
    assert UNKNOWN.encode() not in laid_down(counter.home)
    assert {row.item_digest is None for row in counter.rows(refused_events)} == {False}


@pytest.mark.parametrize("number", [UNKNOWN, seed.BOOK.item, 'a"b\\c\u00e6\u2028'])
def test_a_question_asked_again_is_answered_alike_with_its_number(machine: Machine, number: str) -> None:
    first = [
        machine.lend(seed.ADULT.patron, number, "asked-for-a-loan--"),
        machine.bring_back(number, "a-return-of-it--"),
    ]
    again = [
        machine.lend(seed.ADULT.patron, number, "asked-for-a-loan--"),
        machine.bring_back(number, "a-return-of-it--"),
    ]
    assert [reply.body for reply in first] == [reply.body for reply in again]
    assert [reply.said["materialItemNumber"] for reply in again] == [number, number]


def test_a_question_that_comes_after_it_was_given_up_hears_its_own_number(queue: Queue) -> None:
    queue.send(queue.sealed(LoanGivenUp(EventId("asked-and-given-up"), seed.BOOK.item)))
    said = queue.machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-and-given-up").said
    assert (said["refusal"], said["materialItemNumber"]) == ("givenUp", seed.BOOK.item)


def test_an_event_with_a_nul_is_unreadable_and_holds_nothing_up(queue: Queue) -> None:
    said = queue.outcomes(
        queue.sealed(ItemReturned(ItemId("a\0b"), offline=True)),
        queue.sealed(ItemReturned(seed.BOOK.item, offline=True)),
    )
    assert said == [("refused", "unreadable"), ("accepted", "")]


# --- machines -----------------------------------------------------------------------------------


def kept(at: Desk) -> list[tuple[str, int, int]]:
    return [(row.queue_epoch, row.highest, row.taken) for row in at.rows(queues)]


def fault(queue: Queue, sequence: int) -> dict[str, Any]:
    return queue.sealed(FaultRaised(Fault.STORE_SILENT), sequence=sequence)


def test_a_queue_is_kept_up_with_and_a_gap_shows(queue: Queue, counter: Desk) -> None:
    first, second, fifth = (fault(queue, number) for number in (1, 2, 5))
    queue.send(second, first)
    assert kept(counter) == [("epoch-1", 2, 2)]
    queue.send(first, second)  # the answer was lost
    queue.send(fifth)
    assert kept(counter) == [("epoch-1", 5, 3)]
    queue.send(fault(queue, 3))
    assert kept(counter) == [("epoch-1", 5, 4)]
    Queue(queue.machine, epoch="epoch-2").send(fault(Queue(queue.machine, epoch="epoch-2"), 1))
    assert [row[0] for row in kept(counter)] == ["epoch-1", "epoch-2"]


def test_machines_are_listed_with_what_is_missing(queue: Queue, counter: Desk, library: Library) -> None:
    library.machine("vinderup-1", seed.VINDERUP)
    library.machine("gone", seed.VINDERUP)
    main(["revoke", "--dir", str(counter.home.directory), "--device", "gone"], system_clock, never)
    counter.capsys.readouterr()
    queue.send(fault(queue, 1), fault(queue, 4), queue.sealed(ItemReturned(UNKNOWN, offline=True), sequence=5))
    heads, *rows = counter.says("staff", "machines").splitlines()
    until = (system_clock().wall + timedelta(days=start.DEVICE_DAYS)).strftime("%d.%m.%Y")
    assert heads.split("  ")[0] == "machine"
    assert [row.split() for row in rows] == [
        ["gone", "DK-766104", "revoked", "-", "-", "-"],
        ["ulfborg-1", "DK-766103", until, "24.11.2026", "10:30", "2", "1"],
        ["vinderup-1", "DK-766104", until, "-", "-", "-"],
    ]


def test_without_machines_it_says_so(desk: Desk) -> None:
    assert desk.says("staff", "machines") == "no machine is enrolled\n"


# --- upkeep -------------------------------------------------------------------------------------


def test_what_is_due_to_be_forgotten_is_counted_and_then_forgotten(desk: Desk) -> None:
    long_ago = desk.clock.wall - timedelta(days=31)
    desk.change(
        insert(visits).values(branch_id=seed.ULFBORG, device_id="d", patron_id=seed.ADULT.patron, visited_at=long_ago)
    )
    assert "would be forgotten" in desk.says("retention", "--dry-run")
    assert [row.patron_id for row in desk.rows(visits)] == [seed.ADULT.patron]
    desk.says("retention")
    assert [row.patron_id for row in desk.rows(visits)] == [None]


def test_news_of_the_cpr_register_are_taken_over_and_bad_lines_told(desk: Desk, tmp_path: Path) -> None:
    heads = "cpr;fornavn;efternavn;co;vej;postnr;by;kommune;status\n"
    good = f"{seed.ADULT.number};Alma;Prøvesen;;Opdigtet Vej 14;6990;Ulfborg;661;\n"
    news = tmp_path / "news.csv"
    news.write_text(heads + good)
    assert desk.says("import-cpr", str(news)) == "changed 1, unchanged 0, not ours 0, dead 0\n"
    news.write_text(heads + good + f"{STRANGER.number};only three;fields\n")
    complaint = desk.complains("import-cpr", str(news))
    assert "unchanged 1" in complaint and "line 3: not nine fields" in complaint
    assert STRANGER.number not in complaint
    assert "No such file" in desk.complains("import-cpr", str(tmp_path / "none"))


@pytest.mark.parametrize("known_before", [False, True])
def test_what_waits_for_who_died_waits_no_longer(desk: Desk, tmp_path: Path, known_before: bool) -> None:
    died = next(person for person in seed.PATRONS if person.number == "7312850123")
    first = desk.rows(holds)[0]
    desk.change(update(holds).where(holds.c.hold_id == first.hold_id).values(patron_id=died.patron))
    if known_before:
        desk.change(insert(blocks).values(patron_id=died.patron, reason="D", since=desk.clock.wall.date()))
    news = tmp_path / "news.csv"
    news.write_text(f"cpr;fornavn;efternavn;co;vej;postnr;by;kommune;status\n{died.number};;;;;;;;doed\n")
    assert f"dead {int(not known_before)}" in desk.says("import-cpr", str(news))
    assert [row for row in desk.rows(holds) if row.patron_id == died.patron] == []


def test_a_sip_user_is_made_and_the_password_is_good(desk: Desk) -> None:
    said = desk.says("sip-user", "--login", "sorter-1", "--branch", seed.ULFBORG, "--no-holds")
    password = said.split("password  ")[1].split()[0]
    with closing(start.open_database(desk.home)) as database:
        user = database.read(lambda connection: logins.find(connection, "sorter-1", password)).result()
    assert user == logins.SipUser(seed.ULFBORG, fills_holds=False)
    assert [row.login for row in desk.rows(sip_users) if row.password_digest == password] == []
    assert "no such branch" in desk.complains("sip-user", "--login", "x", "--branch", "DK-1")
    assert "64 printable" in desk.complains("sip-user", "--login", "a|b", "--branch", seed.ULFBORG)


def test_a_sip_user_has_an_encoding_of_its_own_and_can_be_removed(desk: Desk) -> None:
    at = "--login", "sorter-1"
    desk.says("sip-user", *at, "--branch", seed.ULFBORG, "--encoding", "cp850")
    assert [row.encoding for row in desk.rows(sip_users)] == ["cp850"]
    assert "ASCII" in desk.complains("sip-user", "--login", "sørter", "--branch", seed.ULFBORG, "--encoding", "cp850")
    assert desk.says("sip-user", *at, "--remove") == "removed   sorter-1\n"
    assert desk.rows(sip_users) == []
    assert "no such login" in desk.complains("sip-user", *at, "--remove")


# --- every act ----------------------------------------------------------------------------------

ACTS = [
    *(
        ["staff", act]
        for act in ("show", "block", "unblock", "item", "refused", "resolve", "note", "machines", "remove", "log")
    ),
    *([act] for act in ("retention", "import-cpr", "sip-user", "enrol-code", "show-loans", "serve", "add-branch")),
]


@pytest.mark.parametrize("path", ACTS, ids=" ".join)
def test_every_act_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str], path: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*path, "--help"], system_clock, never)
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"example: kiosk central {' '.join(path)} --dir /srv/store" in said


@pytest.mark.parametrize("act", ["refused", "machines"])
def test_where_there_is_no_store_staff_are_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], act: str
) -> None:
    assert main(["staff", act, "--dir", str(tmp_path / "none")], system_clock, never) == 1
    assert "there is no store in this directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("act", [["serve"], ["staff", "machines"]], ids=" ".join)
def test_without_the_driver_of_postgresql_one_sentence_says_what_is_missing(
    begun: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, act: list[str]
) -> None:
    home = copy_of(begun, tmp_path / "store")
    home.database_url.touch(0o600)
    home.database_url.write_text("postgresql://natugle:hemmelig@127.0.0.1:1/store")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main([*act, "--dir", str(home.directory)], system_clock, never) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "psycopg, which is not there: pip install 'natugle[postgresql]'" in said.err


def test_an_argument_that_is_no_text_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staff", "item", "--dir", "x", "--item", "\udcff"], system_clock, never) == 2
    assert "no text" in capsys.readouterr().err


def test_answers_are_kept_without_the_items_number(machine: Machine, counter: Desk) -> None:
    machine.lend(seed.ADULT.patron, seed.BOOK.item, "asked-for-a-loan--")
    assert [json.loads(row.answer)["materialItemNumber"] for row in counter.rows(answers)] == [""]
