"""NFC cards: nfcpy's own UDP driver plays the air between a reader and a card."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drivers.nfc_card import NfcCard, Presence
from drivers.simulated.inbox import Inbox, running
from kiosk.fault import Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import CardSwiped, Credential, Unreadable

UID = bytes.fromhex("04A1B2C3D4E5F6")
CARD = CardSwiped(Credential("04A1B2C3D4E5F6"))


# --- presence: pure -----------------------------------------------------------------------------


def test_a_card_is_told_once_while_it_lies_there() -> None:
    presence = Presence()
    assert [presence.sensed(UID) for _ in range(3)] == [CARD, None, None]


def test_one_missed_sense_is_not_a_card_taken_away() -> None:
    presence = Presence()
    assert [presence.sensed(uid) for uid in (UID, b"", UID)] == [CARD, None, None]


def test_two_missed_senses_are_and_the_card_counts_again() -> None:
    presence = Presence()
    assert [presence.sensed(uid) for uid in (UID, b"", b"", UID)] == [CARD, None, None, CARD]


def test_another_card_is_told_at_once() -> None:
    presence = Presence()
    other = bytes.fromhex("DEADBEEF")
    assert [presence.sensed(uid) for uid in (UID, other)] == [CARD, CardSwiped(Credential("DEADBEEF"))]


def test_a_random_uid_is_refused_once_though_it_is_another_each_time() -> None:
    presence = Presence()
    assert [presence.sensed(bytes([0x08, 1, 2, n])) for n in range(3)] == [Unreadable(), None, None]


def test_seven_bytes_beginning_with_08_are_not_random() -> None:
    uid = bytes.fromhex("08010203040506")
    assert Presence().sensed(uid) == CardSwiped(Credential(uid.hex()))


# --- on the wire --------------------------------------------------------------------------------


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@contextmanager
def card_on(port: int, uid: bytes) -> Iterator[None]:
    """A card in the field of the reader on this port, until the end."""
    import nfc
    import nfc.clf

    frontend: Any = nfc.ContactlessFrontend(f"udp:localhost:{port}")
    target = nfc.clf.LocalTarget(
        "106A", sens_res=bytearray.fromhex("4400"), sdd_res=bytearray(uid), sel_res=bytearray.fromhex("00")
    )
    taken = threading.Event()

    def lie() -> None:
        while not taken.is_set():
            frontend.listen(target, timeout=0.2)

    thread = threading.Thread(target=lie)
    thread.start()
    try:
        yield
    finally:
        taken.set()
        thread.join()
        frontend.close()


def test_a_card_laid_on_the_reader_is_read_and_its_number_not_logged(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with running(NfcCard("tty:NONE:pn532", system_clock), Inbox()) as first:
        first.next()  # from now on nfcpy's log is closed, also to the card, which logs its UID too
    with (
        card_on(port, UID),
        caplog.at_level(logging.DEBUG - 1, logger="nfc"),
        running(NfcCard(f"udp:localhost:{port}", system_clock), Inbox()) as inbox,
    ):
        assert inbox.next() == CARD
    assert "04a1b2" not in caplog.text.lower()


def test_a_reader_that_is_not_there_is_a_lost_reader() -> None:
    with running(NfcCard("tty:NONE:pn532", system_clock), Inbox()) as inbox:
        assert inbox.next() == Raised(Fault.READER_LOST)
