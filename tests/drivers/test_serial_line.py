"""The serial source over a real pseudo-terminal, with an emulated reader at its other end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from drivers.barcode import BarcodeRules
from drivers.keypad import KeypadDecoder
from drivers.magstripe import card_and_code_decoder
from drivers.serial_line import FAILURES, Decoder, SerialLine, SerialSource
from drivers.simulated.inbox import Inbox, running
from drivers.simulated.serial_emulator import SerialEmulator, health_card
from kiosk.fault import Cleared, Fault, Raised
from kiosk.loop import system_clock
from kiosk.model import CardSwiped, ClearTyped, CodeScanned, Credential, DigitTyped, EnterTyped, Unreadable

CODE = "3210519784"
CPR = "6101702345"  # an impossible day: 61
CARD = CardSwiped(Credential(CPR))
LOST, BACK = Raised(Fault.READER_LOST), Cleared(Fault.READER_LOST)
WAIT_S = 10.0


def source(link: Path, decoder: Decoder | None = None) -> SerialSource:
    return SerialSource(
        SerialLine(str(link)), decoder or card_and_code_decoder(BarcodeRules()), Fault.READER_LOST, system_clock
    )


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "reader"


@pytest.fixture
def reader(link: Path) -> Iterator[SerialEmulator]:
    emulator = SerialEmulator(link)
    yield emulator
    emulator.unplug()


@contextmanager
def listening(link: Path, reader: SerialEmulator, decoder: Decoder | None = None) -> Iterator[Inbox]:
    with running(source(link, decoder), Inbox()) as inbox:
        assert reader.opened(WAIT_S)
        yield inbox


def test_a_scan_and_a_swipe_are_put_as_they_come(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.scan(CODE)
        assert inbox.next() == CodeScanned(CODE)
        reader.swipe_both("UGLESEN^NATALIE", health_card(CPR))
        assert inbox.next() == CARD


def test_keys_are_put_as_they_are_pressed(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader, KeypadDecoder()) as inbox:
        reader.press("4*A#")
        assert [inbox.next() for _ in range(3)] == [DigitTyped("4"), ClearTyped(), EnterTyped()]


def test_a_bad_swipe_is_unreadable_and_the_next_is_read(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.bad_swipe()
        assert inbox.next() == Unreadable()
        reader.swipe(health_card(CPR))
        assert inbox.next() == CARD


def test_half_a_barcode_is_told_without_waiting_for_another(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.half(CODE)
        assert inbox.next() == Unreadable()
        reader.scan(CODE)
        assert inbox.next() == CodeScanned(CODE)


def test_after_ten_kilobytes_of_noise_a_good_code_is_read(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.noise(10_000, seed=5)
        assert inbox.next() == Unreadable()
        assert inbox.next(0.6) in (None, Unreadable())  # nobody scans before the noise has ended
        reader.scan(CODE)
        assert inbox.until(CodeScanned(CODE))[-1] == CodeScanned(CODE)


def test_unplugged_in_the_middle_of_a_code_and_plugged_in_again(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.half(CODE)
        reader.unplug()
        assert inbox.until(LOST)[-1] == LOST
        reader.plug()
        assert inbox.next() == BACK
        assert reader.opened(WAIT_S)
        reader.scan(CODE)
        assert inbox.next() == CodeScanned(CODE)


def test_a_reader_that_stays_away_is_told_of_once(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as inbox:
        reader.unplug()
        assert inbox.next() == LOST
        assert inbox.next(1.0) is None  # three tries later
        reader.plug()
        assert inbox.next() == BACK


def test_a_reader_missing_from_the_start_is_told_of_and_comes_later(link: Path) -> None:
    with running(source(link), Inbox()) as inbox:
        assert inbox.next() == LOST
        reader = SerialEmulator(link)
        assert inbox.next() == BACK
        assert reader.opened(WAIT_S)
        reader.scan(CODE)
        assert inbox.next() == CodeScanned(CODE)
    reader.unplug()


def test_two_sources_on_one_port_are_refused_the_second(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader) as first:
        with running(source(link), Inbox()) as second:
            assert second.next() == LOST
        reader.scan(CODE)
        assert first.next() == CodeScanned(CODE)


def test_a_stopped_source_gives_the_port_back_and_can_wait_for_nothing(link: Path, reader: SerialEmulator) -> None:
    with listening(link, reader):
        pass
    with listening(link, reader) as inbox:
        reader.scan(CODE)
        assert inbox.next() == CodeScanned(CODE)


def test_stop_does_not_wait_for_the_back_off(link: Path) -> None:
    with running(source(link), Inbox()) as inbox:
        assert inbox.next() == LOST
        assert inbox.next(1.0) is None  # by now the wait is a second or more


@pytest.mark.parametrize(("baud", "parity"), [(9600, "N"), (38400, "E")])
def test_the_line_is_opened_as_set_and_for_us_alone(link: Path, reader: SerialEmulator, baud: int, parity: str) -> None:
    with SerialLine(str(link), baud, parity).open() as port:
        assert (port.baudrate, port.parity, port.bytesize, port.stopbits) == (baud, parity, 8, 1)
        assert not (port.xonxoff or port.rtscts or port.dsrdtr)
        assert port.exclusive
        with pytest.raises(serial.SerialException):
            SerialLine(str(link)).open()
    reader.unplug()


CALLS: dict[str, Callable[[serial.Serial], object]] = {
    "read": lambda port: port.read(1),
    "in_waiting": lambda port: port.in_waiting,
    "flush": lambda port: port.flush(),
}


@pytest.mark.parametrize("call", CALLS)
def test_whatever_call_meets_a_pulled_plug_its_error_is_contained(
    link: Path, reader: SerialEmulator, call: str
) -> None:
    port = SerialLine(str(link)).open()
    reader.unplug()
    with port, pytest.raises(FAILURES):
        CALLS[call](port)


def test_no_byte_of_a_card_is_logged(link: Path, reader: SerialEmulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), listening(link, reader) as inbox:
        reader.swipe(health_card(CPR))
        assert inbox.next() == CARD
        reader.unplug()
        assert inbox.next() == LOST
    assert caplog.text == ""
