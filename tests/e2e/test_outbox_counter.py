"""The counter's outbox against the real store: a death between question and record, a damaged file, a newer one."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.checkout.line import Lent, Returned
from kiosk.checkout.states import Lending, ReturnTapped
from kiosk.composition import queue
from kiosk.demo.site import COUNTER, Site
from kiosk.event import Event, ItemLent
from kiosk.fault import Fault
from kiosk.model import EventId
from sync.central import ledger, seed
from sync.outbox import Outbox
from sync.store import damage
from sync.store.file import PAGE
from tests.e2e import rig

_BOOK, _BACK = seed.BOOK.item, seed.ON_LOAN.item


def database(site: Site) -> Path:
    return site.folder / COUNTER / "checkout.db"


def lent_now(site: Site) -> set[str]:
    return {loan.item for loan in ledger.loans_of(site.home) if loan.returned_at is None}


def test_a_machine_that_dies_between_the_stores_answer_and_its_record_gives_the_loan_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = tmp_path / "died"
    record = Outbox.record

    def dies(self: Outbox, event: Event, event_id: EventId | None = None) -> None:
        """The disk is kept as it is at this moment; this life goes on unaware."""
        if isinstance(event, ItemLent):
            rig.disk_of(site, COUNTER, died)
        record(self, event, event_id)

    with rig.open_store(site):
        with monkeypatch.context() as patch, rig.counter(site) as screen:
            patch.setattr(Outbox, "record", dies)
            screen.log_in(seed.ADULT)
            screen.wait_for_stage(Lending)
            assert isinstance(screen.scan(_BOOK), Lent)
        assert _BOOK in lent_now(site)
        for name in ("checkout.db", "checkout.db-wal", "checkout.db-shm"):
            database(site).with_name(name).unlink(missing_ok=True)
            if (died / COUNTER / name).exists():
                shutil.copy(died / COUNTER / name, database(site).with_name(name))
        with rig.counter(site) as screen:
            rig.delivered(screen)
    assert len(rig.told(site, COUNTER, "loan.given_up")) == 1
    assert _BOOK not in lent_now(site)


def test_a_damaged_file_is_set_aside_and_what_could_be_read_arrives(site: Site) -> None:
    with rig.open_store(site):
        pass
    with rig.counter(site) as screen:
        screen.machine.unit.put(ReturnTapped())
        screen.wait_for(lambda: Fault.STORE_SILENT in screen.state.faults, "the store's silence")
        assert isinstance(screen.scan(_BACK), Returned)
    _break_an_index(database(site))
    with rig.open_store(site), rig.counter(site) as screen:
        screen.wait_for(lambda: Fault.OUTBOX_SET_ASIDE in screen.state.faults, "the alarm")
        rig.delivered(screen)
    assert len(damage.aside(database(site))) == 1
    assert len(rig.told(site, COUNTER, "item.returned")) == 1
    assert Fault.OUTBOX_SET_ASIDE.value in {entry.detail for entry in rig.told(site, COUNTER, "fault.raised")}


def _break_an_index(path: Path) -> None:
    """And take away the mark of a clean stop."""
    with closing(sqlite3.connect(path)) as connection:
        ((root,),) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_events_1'")
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE)
        file.write(b"\xa5" * PAGE)
    path.with_name(f"{path.name}-wal").touch()


def test_beside_a_file_of_a_newer_program_the_machine_says_that_it_cannot_record(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rig.open_store(site):
        pass
    with rig.counter(site) as screen:
        screen.machine.unit.put(ReturnTapped())
        screen.wait_for(lambda: Fault.STORE_SILENT in screen.state.faults, "the store's silence")
        assert isinstance(screen.scan(_BACK), Returned)
    with closing(sqlite3.connect(database(site))) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = database(site).read_bytes()
    with rig.open_store(site), rig.counter(site) as screen:
        screen.wait_for(lambda: Fault.OUTBOX_NEWER in screen.state.faults, "the fault")
        config = str(site.config(COUNTER))
        assert queue.main(["export", "--config", config, "--out", str(tmp_path / "queue")]) == 0
    assert capsys.readouterr().out.startswith("2 events") or "item.returned" in (tmp_path / "queue").read_text()
    assert database(site).read_bytes() == before
    assert rig.told(site, COUNTER, "item.returned") == []
