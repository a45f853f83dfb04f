"""The desk's daily acts, as they are typed: a new patron, cards, PINs, money, new items, and the log of it all."""

import getpass
import io
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update

from kiosk.loop import system_clock
from kiosk.model import Credential, PatronId, Pin
from sync.central import seed, start
from sync.central.circulation import fees as fees_
from sync.central.circulation import waiving
from sync.central.command import main
from sync.central.machines import replica
from sync.central.schema import blocks, cards, fees, items, loans, patrons, payments, records, staff_log
from sync.central.staff import joining, typed
from sync.central.staff.said import WIDTH, CommandError
from sync.central.standard import MUNICIPALITY
from sync.central.start import Home
from tests.sync.central.library import Library, Machine, first_start, laid_down
from tests.sync.central.small_library import ALMA, BO, NOVEL_1, NOVEL_2, SmallLibrary
from tests.sync.central.test_central_staff import Desk, never

CPR, CARD, PIN = "7301805432", "LIB-00124", "2468"
FIELDS = """first_name: Mette
last_name: Opdigtsen-Kanarie
birth_date: 24.12.1980
home_branch: DK-766103
patron_group: Voksen

street: Opdigtet Vej 7
mobile_notice: 01 61 77 12
"""
SECRETS = f"{CPR}\n{CARD}\n{PIN}\n{PIN}\n"
LOSER = ("--patron", seed.OTHER_PATRON.patron)


@pytest.fixture
def desk(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(home, capsys, monkeypatch)


@pytest.fixture
def counter(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """At the store that `library` runs."""
    return Desk(library.home, capsys, monkeypatch)


@pytest.fixture
def form(tmp_path: Path) -> Path:
    path = tmp_path / "new-patron.txt"
    path.write_text(FIELDS, encoding="utf-8")
    return path


def add_patron(desk: Desk, form: Path, typed: str = SECRETS) -> PatronId:
    said = desk.says("staff", "add-patron", "--fields", str(form), typed=typed)
    assert said.endswith(" is added: Voksen, DK-766103\n")
    return PatronId(said.split()[0])


def acts(desk: Desk) -> list[tuple[str, str]]:
    """(act, about)."""
    return [(row.act, row.about) for row in desk.rows(staff_log)]


# --- a new patron -------------------------------------------------------------------------------


def test_a_new_patron_has_the_fields_of_the_file_and_both_cards_work_at_a_machine(
    machine: Machine, counter: Desk, form: Path
) -> None:
    patron = add_patron(counter, form)
    row = next(row for row in counter.rows(patrons) if row.patron_id == patron)
    assert (row.first_name, row.street, row.mobile_notice) == ("Mette", "Opdigtet Vej 7", "01617712")
    assert (row.birth_date.isoformat(), row.municipality) == ("1980-12-24", MUNICIPALITY)
    for number in (CPR, CARD):
        said = machine.authenticate(number, PIN).said
        assert (said["patronId"], said["firstName"]) == (patron, "Mette")
    shown = counter.says("staff", "show", "--patron", patron)
    assert "sundhedskort ••••••••\n" in shown and "lånerkort ••••••••24\n" in shown


@pytest.mark.parametrize(("secrets", "kinds"), [(f"{CPR}\n\n", {"health"}), (f"\n{CARD}\n", {"library"})])
def test_a_cpr_number_or_a_library_card_is_enough(desk: Desk, form: Path, secrets: str, kinds: set[str]) -> None:
    patron = add_patron(desk, form, f"{secrets}{PIN}\n{PIN}\n")
    assert {row.kind for row in desk.rows(cards) if row.patron_id == patron} == kinds


def test_without_a_file_the_fields_are_typed_after_the_secrets(desk: Desk) -> None:
    said = dict(line.split(": ") for line in FIELDS.splitlines() if line)
    lines = "".join(said.get(name, "") + "\n" for name in (*joining.MUST, *joining.MAY))
    patron = desk.says("staff", "add-patron", typed=SECRETS + lines).split()[0]
    row = next(row for row in desk.rows(patrons) if row.patron_id == patron)
    assert (row.last_name, row.street) == ("Opdigtsen-Kanarie", "Opdigtet Vej 7")


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("first_name: Mette\n", "", "first_name is missing"),
        ("24.12.1980", "24.12.2980", "birth_date is a day that has been, as 24.12.1980"),
        ("24.12.1980", "31.02.1980", "birth_date is a day that has been, as 24.12.1980"),
        ("24.12.1980", "1980-12-24", "birth_date is a day that has been, as 24.12.1980"),
        ("DK-766103", "DK-1", "home_branch is one of DK-766103, DK-766104"),
        ("Voksen", "Ingen", "patron_group is one of Barn, Personale, Voksen"),
        ("01 61 77 12", "x", "mobile_notice is a number of 8 to 15 digits"),
        ("street: ", "email_notice: ", "email_notice is no e-mail address"),
        ("street: ", "municipality: ", "municipality is a number of three digits"),
        ("street: ", "steet: ", "line 7 is not `field: value` of a field that comes once; see --help"),
        ("street: ", "first_name: ", "line 7 is not `field: value` of a field that comes once; see --help"),
        ("Mette", "M\0tte", "first_name is no text"),
        ("Mette", "M" * 201, "first_name has at most 200 characters"),
    ],
)
def test_a_field_that_cannot_be_is_told_and_nobody_is_added(
    desk: Desk, form: Path, before: str, after: str, complaint: str
) -> None:
    form.write_text(FIELDS.replace(before, after), encoding="utf-8")
    said = desk.complains("staff", "add-patron", "--fields", str(form), typed=SECRETS)
    assert said == f"kiosk central: {complaint}\n"
    assert len(desk.rows(patrons)) == len(seed.PATRONS)


def test_a_file_that_is_no_form_is_told(desk: Desk, form: Path) -> None:
    form.write_bytes(b"first_name: \xff\n")
    assert "not UTF-8" in desk.complains("staff", "add-patron", "--fields", str(form), typed=SECRETS)
    form.write_text("x" * 20_001)
    assert "longer" in desk.complains("staff", "add-patron", "--fields", str(form), typed=SECRETS)
    form.unlink()
    assert "No such file" in desk.complains("staff", "add-patron", "--fields", str(form), typed=SECRETS)


@pytest.mark.parametrize(
    ("secrets", "complaint"),
    [
        (f"\n\n{PIN}\n{PIN}\n", "a patron has a CPR number or a library card"),
        (f"61\n\n{PIN}\n{PIN}\n", "this is no CPR number"),
        (f"\nLIB 1\n{PIN}\n{PIN}\n", "a card's number has letters, digits and hyphens"),
        (f"{CPR}\n\n{PIN}\n2469\n", "the two PINs are not the same; nothing is changed"),
        (f"{CPR}\n\n12345\n12345\n", "a PIN is four digits"),
        (f"{CPR}\n\n٢٢٢٢\n٢٢٢٢\n", "a PIN is four digits"),
        (f"{CPR}\n", "a PIN is four digits"),
        (f"{seed.ADULT.number}\n\n{PIN}\n{PIN}\n", "a patron with this CPR number or card is there already"),
        (f"{CPR}\n{seed.ADULT.number}\n{PIN}\n{PIN}\n", "a patron with this CPR number or card is there already"),
        (f"{CPR}\n{CPR}\n{PIN}\n{PIN}\n", "a patron with this CPR number or card is there already"),
    ],
)
def test_secrets_that_cannot_be_are_told_without_being_repeated(
    desk: Desk, form: Path, secrets: str, complaint: str
) -> None:
    said = desk.complains("staff", "add-patron", "--fields", str(form), typed=secrets)
    assert complaint in said and CPR not in said
    assert len(desk.rows(patrons)) == len(seed.PATRONS)
    assert acts(desk) == []


def test_nothing_of_a_new_patron_is_said_or_lies_open_but_in_their_own_columns(
    counter: Desk, library: Library, form: Path
) -> None:
    patron = add_patron(counter, form)
    counter.says("staff", "card", "--patron", patron, "--lost", typed=CARD)
    counter.says("staff", "pin", "--patron", patron, typed="9753\n9753\n")
    log = counter.says("staff", "log")
    assert patron not in log and "Opdigtsen" not in log
    assert patron not in repr(counter.rows(staff_log))
    library.stop()
    kept = laid_down(counter.home)
    for secret in (CPR, CARD):
        assert secret.encode() not in kept


# --- at a terminal ------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Somebody sits at it."""

    def isatty(self) -> bool:
        return True


def sit(monkeypatch: pytest.MonkeyPatch, seen: str = "", *unseen: str) -> list[str]:
    """What is typed where it shows, and where it does not. The prompts of the latter, as they come."""
    prompts: list[str] = []
    left = iter(unseen)

    def getpass_(prompt: str) -> str:
        prompts.append(prompt)
        said = next(left, None)
        if said is None:
            raise EOFError
        return said

    monkeypatch.setattr("sys.stdin", Terminal(seen))
    monkeypatch.setattr(getpass, "getpass", getpass_)
    return prompts


def test_at_a_terminal_what_cannot_be_is_said_and_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = sit(monkeypatch, "", "", "not a card", CARD)
    assert typed.card() == Credential(CARD)
    assert prompts == ["card: "] * 3
    said = capsys.readouterr()
    assert said.err == "no card's number was given\na card's number has letters, digits and hyphens\n"
    assert said.out == ""


def test_a_pin_is_typed_twice_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = sit(monkeypatch, "", PIN, PIN)
    assert typed.pin() == Pin(PIN)
    assert prompts == ["PIN: ", "PIN again: "]
    sit(monkeypatch, "", PIN, "1111")
    with pytest.raises(CommandError, match="not the same"):
        typed.pin()
    assert PIN not in "".join(capsys.readouterr())


def test_fields_are_asked_for_until_they_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sit(monkeypatch, "yesterday\n24.12.1980\n")
    assert typed.field("birth_date", lambda said: "" if said[:1].isdigit() else "no") == "24.12.1980"
    assert capsys.readouterr().err == "birth_date: no\nbirth_date: "


def test_who_gives_up_is_told_that_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    sit(monkeypatch)
    for asked in (typed.card, typed.pin, lambda: typed.field("x", lambda _said: "")):
        with pytest.raises(CommandError, match="given up; nothing is changed"):
            asked()


# --- cards and PINs -----------------------------------------------------------------------------


def test_a_lost_card_is_worth_nothing_and_the_other_goes_on_working(
    machine: Machine, counter: Desk, form: Path
) -> None:
    patron = add_patron(counter, form)
    said = counter.says("staff", "card", "--patron", patron, "--lost", typed=CARD)
    assert said == f"{patron} has lost the card; 1 card works\n"
    assert machine.authenticate(CARD, PIN).said["authenticateStatus"] == "INVALID"
    assert machine.authenticate(CPR, PIN).said["patronId"] == patron
    assert "lånerkort ••••••••24, meldt mistet" in counter.says("staff", "show", "--patron", patron)
    assert counter.says("staff", "card", "--patron", patron, "--found", typed=CARD).endswith("2 cards work\n")
    assert machine.authenticate(CARD, PIN).said["patronId"] == patron


def test_machines_are_told_of_a_lost_card_and_of_no_other(counter: Desk, form: Path) -> None:
    patron = add_patron(counter, form)
    counter.says("staff", "card", "--patron", patron, "--lost", "--kind", "library")
    locks, now = start.locks(counter.home), counter.clock.wall

    def told(connection: Connection) -> tuple[str, ...]:
        replica.refresh(connection, locks, now)
        said = replica.told(connection, locks, seed.ULFBORG, "", now).block_list
        return said.listed if said else ()

    with closing(start.open_database(counter.home)) as database:
        listed = database.write(told).result()
    key = locks.lookup.block_list_key()
    assert replica.digest_of(key, CARD) in listed
    assert replica.digest_of(key, CPR) not in listed


def test_the_only_card_of_a_kind_is_lost_without_its_number(desk: Desk, form: Path) -> None:
    at = ("staff", "card", "--patron", add_patron(desk, form))
    desk.says(*at, "--add", typed="LIB-00125")
    assert "2 library cards that work" in desk.complains(*at, "--lost", "--kind", "library")
    desk.says(*at, "--lost", typed="LIB-00125")
    assert desk.says(*at, "--lost", "--kind", "library").endswith("1 card works\n")
    assert desk.says(*at, "--lost", "--kind", "health").endswith("no card works now\n")
    assert "no health card that works" in desk.complains(*at, "--lost", "--kind", "health")
    assert acts(desk)[-3:] == [("card", "lost"), ("card", "lost library"), ("card", "lost health")]


def test_a_card_that_cannot_be_added_or_reported_is_told(desk: Desk) -> None:
    at = ("staff", "card", "--patron", seed.ADULT.patron)
    assert "has this card already" in desk.complains(*at, "--add", typed=seed.CHILD.number)
    assert "a health card has a CPR number" in desk.complains(*at, "--add", "--kind", "health", typed=CARD)
    assert "no such card that works" in desk.complains(*at, "--lost", typed=seed.CHILD.number)
    assert "no such card that is lost" in desk.complains(*at, "--found", typed=seed.ADULT.number)
    assert desk.run(*at, "--lost", CARD)[0] == desk.run(*at)[0] == 2
    assert "no such patron" in desk.complains("staff", "card", "--patron", "1", "--add", typed=CARD)
    assert acts(desk) == []


def test_a_health_card_is_added_as_it_is_read_and_as_it_is_printed(machine: Machine, counter: Desk) -> None:
    counter.says("staff", "card", "--patron", seed.ADULT.patron, "--add", "--kind", "health", typed="730180-5432")
    assert machine.authenticate(CPR, seed.ADULT.pin.reveal()).said["patronId"] == seed.ADULT.patron


def test_a_new_pin_opens_at_once_also_after_a_lock_out(machine: Machine, counter: Desk) -> None:
    for _ in range(5):
        machine.authenticate(seed.ADULT.number, "0000")
    assert not machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said["patronId"]
    said = counter.says("staff", "pin", "--patron", seed.ADULT.patron, typed=f"{PIN}\n{PIN}\n")
    assert said == f"{seed.ADULT.patron} has a new PIN\n"
    assert machine.authenticate(seed.ADULT.number, PIN).said["patronId"] == seed.ADULT.patron
    assert machine.authenticate(seed.ADULT.number, seed.ADULT.pin.reveal()).said["authenticateStatus"] == "INVALID"
    assert "no such patron" in counter.complains("staff", "pin", "--patron", "1", typed=f"{PIN}\n{PIN}\n")


# --- money --------------------------------------------------------------------------------------


def charge(desk: Desk, amount: str = "230,50") -> None:
    desk.says("staff", "item", "--item", seed.ON_LOAN.item, "--state", "lost", "--charge", amount)


def numbers(desk: Desk) -> list[str]:
    """Of the loser's fees."""
    return [str(row.fee_id) for row in desk.rows(fees) if row.patron_id == LOSER[1]]


def owe(desk: Desk, amount: int, days: int = 0) -> None:
    made_at = desk.clock.wall - timedelta(days=days)
    row = {"kind": "fee", "lent_on": made_at.date(), "amount": amount, "made_at": made_at}
    desk.change(insert(fees).values(patron_id=seed.OTHER_PATRON.patron, **row))


def test_a_payment_goes_to_what_is_oldest_and_lifts_the_block_of_debt(desk: Desk) -> None:
    owe(desk, 20_00, days=3)
    charge(desk)
    said = desk.says("staff", "pay", *LOSER, "--amount", "120", "--reference", "till-1")
    first, second = numbers(desk)
    assert said == f"{LOSER[1]} has paid 120,00 kr. (fee {first}, {second}), and owes 130,50 kr.\nreference till-1\n"
    assert [(row.amount, row.paid) for row in desk.rows(fees) if row.patron_id == LOSER[1]] == [
        (20_00, 20_00),
        (230_50, 100_00),
    ]
    assert "E" not in {row.reason for row in desk.rows(blocks) if row.patron_id == LOSER[1]}
    shown = desk.says("staff", "fees", *LOSER)
    assert shown.splitlines()[0] == "owed: 130,50 kr."
    assert f"fee {second:<6} 24.11.2026  130,50 kr. of 230,50    lost item  Niels Lyhne" in shown
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_a_payment_told_twice_counts_once_and_is_in_the_log_once(desk: Desk) -> None:
    charge(desk)
    pay = ("staff", "pay", *LOSER, "--amount", "100", "--reference", "till-1")
    desk.says(*pay)
    assert "known before, and counts once" in desk.says(*pay)
    assert [row.amount for row in desk.rows(payments)] == [100_00]
    assert [about for act, about in acts(desk) if act == "pay"] == [f"100,00 kr. fee {numbers(desk)[0]}"]
    assert "another payment" in desk.complains(*pay[:-3], "50", "--reference", "till-1")


def test_without_a_reference_each_payment_is_one_of_its_own(desk: Desk) -> None:
    charge(desk)
    for _ in range(2):
        desk.says("staff", "pay", *LOSER, "--amount", "10", "--fee", *numbers(desk))
    assert [row.amount for row in desk.rows(payments)] == [10_00, 10_00]


def test_a_payment_that_cannot_be_is_told(desk: Desk) -> None:
    charge(desk)
    pay = ("staff", "pay", *LOSER, "--amount")
    assert "more than is owed, which is 230,50 kr. in all" in desk.complains(*pay, "230,51")
    assert "owes no such fee" in desk.complains(*pay, "1", "--fee", "99")
    assert "1 to 64 printable characters" in desk.complains(*pay, "1", "--reference", "x" * 65)
    assert "no such patron" in desk.complains("staff", "pay", "--patron", "1", "--amount", "1")
    assert "as 60 or 60,50" in desk.run("staff", "pay", "--help")[1]
    assert desk.run(*pay, "0")[0] == 2
    assert desk.run(*pay, "1", "--fee", str(10**18))[0] == 2
    assert desk.rows(payments) == []


def test_what_is_waived_is_owed_no_longer_and_what_was_paid_stays_paid(desk: Desk) -> None:
    charge(desk)
    desk.says("staff", "pay", *LOSER, "--amount", "20,50")
    fee = numbers(desk)[0]
    waive = ("staff", "waive", *LOSER, "--fee", fee, "--reason", "returned")
    assert desk.says(*waive) == f"210,00 kr. of fee {fee} is waived; {LOSER[1]} owes 0,00 kr.\n"
    assert "owes no such fee" in desk.complains(*waive)
    shown = desk.says("staff", "show", *LOSER)
    assert "Mellemværende (0,00 kr.)" in shown
    assert "betalt 20,50\n    heraf eftergivet                  210,00 kr.\n" in shown
    assert "E" not in {row.reason for row in desk.rows(blocks) if row.patron_id == LOSER[1]}
    assert acts(desk)[-1] == ("waive", f"210,00 kr. fee {fee} returned")
    assert "settled" in desk.says("staff", "fees", *LOSER)


def test_a_fee_is_waived_for_a_reason_of_the_list_alone(desk: Desk) -> None:
    ended, _, complaint = desk.run("staff", "waive", *LOSER, "--fee", "1", "--reason", "Frida is ill")
    assert (ended, "Frida" in complaint) == (2, False)
    assert "a reason is one of mistake, returned, illness, death, goodwill" in complaint
    assert "no such patron" in desk.complains("staff", "waive", "--patron", "1", "--fee", "1", "--reason", "death")
    assert "no such patron" in desk.complains("staff", "fees", "--patron", "1")


def test_a_compensation_that_is_not_paid_is_lifted_once_the_item_is_back(desk: Desk) -> None:
    charge(desk)
    desk.says("staff", "pay", *LOSER, "--amount", "20,50")
    said = desk.says("staff", "item", "--item", seed.ON_LOAN.item, "--state", "here")
    assert said.endswith("not lent\n210,00 kr. that was owed for it is waived\n")
    assert desk.says("staff", "fees", *LOSER).splitlines()[0] == "owed: 0,00 kr."
    assert "E" not in {row.reason for row in desk.rows(blocks) if row.patron_id == LOSER[1]}
    assert acts(desk)[0] == ("item", f"{seed.ON_LOAN.item} lost 230,50 kr.")
    assert acts(desk)[-1] == ("item", f"{seed.ON_LOAN.item} here, 210,00 kr. waived")
    again = desk.says("staff", "item", "--item", seed.ON_LOAN.item, "--state", "here")
    assert again.endswith("not lent\n")


def test_what_is_owed_otherwise_stays_when_an_item_is_back(small: SmallLibrary) -> None:
    connection, now = small.connection, small.now
    compensations = [fees_.compensate(connection, ALMA, item, 100_00, now) for item in (NOVEL_1, NOVEL_2)]
    connection.execute(insert(fees).values(patron_id=ALMA, kind="fee", amount=20_00, item_id=NOVEL_1, made_at=now))
    assert waiving.lift(connection, NOVEL_1, now) == 100_00
    assert waiving.lift(connection, NOVEL_1, now) == 0
    assert compensations[1] in [line.fee for line in fees_.lines_of(connection, ALMA)]
    assert fees_.debt_of(connection, ALMA) == 120_00


def test_a_fee_that_was_waived_and_rises_is_owed_above_it_and_can_be_waived_again(small: SmallLibrary) -> None:
    connection, now = small.connection, small.now
    fee = fees_.compensate(connection, ALMA, NOVEL_1, 100_00, now)
    assert waiving.waive(connection, ALMA, fee, now) == 100_00
    connection.execute(update(fees).where(fees.c.fee_id == fee).values(amount=120_00, settled_at=None))
    assert waiving.waive(connection, ALMA, fee, now) == 20_00
    assert waiving.waived_of(connection, ALMA) == (120_00,)
    assert waiving.waive(connection, BO, fee, now) == 0


# --- titles and items ---------------------------------------------------------------------------

TITLE = ("staff", "add-title", "--record", "91000003", "--title", "Ørnen", "--author", "Opdigt Forlag")
ITEM = ("staff", "add-item", "--item", "5010000099", "--record", "91000003", "--branch", seed.ULFBORG)
SHELF = ("--group", "standard", "--department", "Romaner")


def test_a_new_item_of_a_new_title_can_be_lent_at_once(machine: Machine, counter: Desk) -> None:
    assert counter.says(*TITLE) == "91000003  Ørnen is added; give it an item with add-item\n"
    assert counter.says(*ITEM, *SHELF) == "5010000099  Ørnen is added: DK-766103, Romaner\n"
    assert "here; DK-766103, Romaner; not lent" in counter.says("staff", "item", "--item", "5010000099")
    machine.lend(seed.ADULT.patron, "5010000099", "asked-for-a-loan--")
    assert ("5010000099", seed.ADULT.patron) in [(row.item_id, row.patron_id) for row in counter.rows(loans)]
    assert acts(counter)[:2] == [("add-title", "91000003"), ("add-item", "5010000099")]


def test_an_item_may_stay_in_the_house_ask_for_an_age_and_have_parts(desk: Desk) -> None:
    desk.says(*TITLE, "--gmb", "r", "--smb", "xx", "--dk5", "86")
    desk.says(*ITEM, *SHELF, "--not-for-loan", "--minimum-age", "15", "--parts", "3")
    row = next(row for row in desk.rows(items) if row.item_id == "5010000099")
    assert (row.for_loan, row.minimum_age, row.parts) == (False, 15, 3)
    title = next(row for row in desk.rows(records) if row.record_id == "91000003")
    assert (title.gmb, title.dk5) == ("r", "86")


def test_a_title_or_an_item_that_cannot_be_is_told_and_not_added(desk: Desk) -> None:
    before = len(desk.rows(items))
    assert "no title of this number" in desk.complains(*ITEM, *SHELF)
    desk.says(*TITLE)
    assert "title of this number already" in desk.complains(*TITLE)
    assert "letters, digits" in desk.complains("staff", "add-title", "--record", "9 1", *TITLE[4:])
    assert "1 to 500" in desk.complains(*TITLE[:4], "--title", " ", "--author", "x")
    assert "--group is one of film, musik, spil, standard" in desk.complains(*ITEM, "--group", "x", *SHELF[2:])
    assert "no such branch" in desk.complains(*ITEM[:-1], "DK-1", *SHELF)
    assert "letters, digits" in desk.complains(*ITEM[:3], "50 1", *ITEM[4:], *SHELF)
    assert "already" in desk.complains(*ITEM[:3], seed.BOOK.item, *ITEM[4:], *SHELF)
    for option, value in (("--parts", "0"), ("--parts", "-1"), ("--minimum-age", "100"), ("--minimum-age", "x")):
        assert desk.run(*ITEM, *SHELF, f"{option}={value}")[0] == 2
    assert len(desk.rows(items)) == before


def test_a_card_that_is_read_for_an_item_is_not_written_down(desk: Desk) -> None:
    desk.says(*TITLE)
    said = desk.complains(*ITEM[:3], seed.ADULT.number, *ITEM[4:], *SHELF)
    assert "this is a card's number" in said and seed.ADULT.number not in said


# --- from nothing -------------------------------------------------------------------------------


def test_a_store_that_began_empty_needs_no_sql_until_its_first_loan(
    unbegun: Home, form: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(first_start(unbegun.directory, start.nothing), capsys, monkeypatch)
    refused = desk.complains("staff", "add-patron", "--fields", str(form), typed=SECRETS)
    assert "no branch in this store yet; make one with: kiosk central add-branch" in refused
    desk.says("add-branch", "--branch", seed.ULFBORG, "--name", "Ulfborg")
    desk.says(*TITLE)
    desk.says(*ITEM, *SHELF)
    patron = add_patron(desk, form)
    library = Library(desk.home, desk.clock)
    try:
        machine = library.machine()
        assert machine.authenticate(CARD, PIN).said["patronId"] == patron
        machine.lend(patron, "5010000099", "asked-for-a-loan--")
    finally:
        library.stop()
    assert [(row.item_id, row.patron_id) for row in desk.rows(loans)] == [("5010000099", patron)]


# --- the log, the help --------------------------------------------------------------------------


def test_every_act_of_change_is_in_the_log_with_who_did_it_and_nobodys_name(desk: Desk) -> None:
    patron = ("--patron", seed.ADULT.patron)
    desk.says("staff", "block", *patron, "--reason", "U")
    desk.says("staff", "unblock", *patron)
    desk.says("staff", "note", *patron, "--internal", typed="Alma kommer fredag.")
    desk.says("staff", "remove", *patron)
    assert acts(desk) == [("block", "U"), ("unblock", "U"), ("note", "internal"), ("remove", "")]
    said = desk.says("staff", "log", *patron)
    assert len(said.splitlines()) == 1 + 4
    assert said.splitlines()[1].split()[2:4] == [getpass.getuser(), "remove"]
    assert "Alma" not in said and seed.ADULT.patron not in said
    assert desk.says("staff", "log", *LOSER) == "nothing has been done\n"


DAILY = ("holds", "add-patron", "card", "pin", "fees", "pay", "waive", "add-title", "add-item", "log")


@pytest.mark.parametrize("act", DAILY)
def test_every_daily_act_explains_itself_with_an_example(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    with pytest.raises(SystemExit) as ended:
        main(["staff", act, "--help"], system_clock, never)
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"example: kiosk central staff {act} --dir /srv/store" in said
    assert max(map(len, said.splitlines())) <= WIDTH
