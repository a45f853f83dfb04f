"""Puts the devices together that speak by themselves, each on a thread of its own."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from config.settings import Settings
from drivers.barcode import BarcodeDecoder, BarcodeRules
from drivers.keypad import KeypadDecoder
from drivers.magstripe import card_and_code_decoder
from drivers.serial_line import SerialLine, SerialSource
from kiosk.composition.surroundings import clock_of
from kiosk.fault import Fault
from kiosk.ports import Put, Source

STOP_WITHIN_S = 5.0


class CardReader:
    """The reader of cards and barcodes on one serial line."""

    def __init__(self, settings: Settings) -> None:
        chosen = settings.reader
        rules = BarcodeRules(lengths=frozenset(chosen.code_lengths))
        self._decoder: BarcodeDecoder = card_and_code_decoder(rules)
        line = SerialLine(chosen.path, chosen.baud)
        self.source: Source = SerialSource(line, self._decoder, Fault.READER_LOST, clock_of(settings))
        self._scene: object = None

    def scene(self, scene: object) -> None:
        """When what is shown is another scene, the same code again is meant."""
        if scene != self._scene:
            self._scene = scene
            self._decoder.reset()


def keypad(settings: Settings) -> list[Source]:
    if not settings.keypad.path:
        return []
    line = SerialLine(settings.keypad.path, settings.keypad.baud)
    return [SerialSource(line, KeypadDecoder(), Fault.KEYPAD_LOST, clock_of(settings))]


@contextmanager
def running(sources: Sequence[Source], put: Put) -> Iterator[None]:
    """Each source on a thread of its own."""
    threads = [threading.Thread(target=source.run, args=(put,), daemon=True) for source in sources]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for source, thread in zip(sources, threads, strict=True):
            source.stop()
            thread.join(STOP_WITHIN_S)
