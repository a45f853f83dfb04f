"""Magnetic stripes: a health card's track 2 (sundhedskort), or a library card's. Pure.

    ;9 208 1 004 0101702345 1 041173 083 461 010814?
     | |   | |   CPR [8:18] | doctor |   |   valid from
     | |   | issuer         group    region, municipality        (dauer/sygesikringskort; 37 digits)
     | country
     card type

Of the 37 digits only the CPR number is kept. Track 1 (name, address) never gets here: framing.py drops it.
The CPR number's modulus 11 is not asked for: numbers since 2007 fail it.

Not responsible for: who the card belongs to.
"""

from drivers.barcode import BarcodeDecoder, BarcodeRules
from drivers.framing import Framer
from kiosk.model import CardSwiped, Credential, Reading, Unreadable

_HEALTH_CARD = "9208"  # card type 9, country 208
_HEALTH_CARD_LENGTH = 37
_CPR = slice(8, 18)
_LIBRARY_CARD_LENGTHS = range(6, 20)  # ISO/IEC 7812: at most 19 digits


def read_track_2(frame: bytes) -> CardSwiped | Unreadable:
    """What stood between `;` and `?`. A reader says `;E?` of a bad swipe; a bank card's `=` is none of ours."""
    if not frame.isdigit():
        return Unreadable()
    digits = frame.decode("ascii")
    if digits.startswith(_HEALTH_CARD):
        return _health_card(digits)
    if len(digits) not in _LIBRARY_CARD_LENGTHS:
        return Unreadable()
    return CardSwiped(Credential(digits))


def _health_card(digits: str) -> CardSwiped | Unreadable:
    cpr = digits[_CPR]
    if len(digits) != _HEALTH_CARD_LENGTH or not _may_be_cpr(cpr):
        return Unreadable()
    return CardSwiped(Credential(cpr))


def _may_be_cpr(cpr: str) -> bool:
    """DDMMYY, where replacement and test numbers have 60 added to the day."""
    day, month = int(cpr[:2]), int(cpr[2:4])
    return (1 <= day <= 31 or 61 <= day <= 91) and 1 <= month <= 12


def stripe_decoder() -> Framer:
    """For a reader that sends stripes only: a line is Unreadable."""
    return Framer(_no_line, read_track_2)


def card_and_code_decoder(rules: BarcodeRules) -> BarcodeDecoder:
    """For a reader that sends stripes and barcodes on one cable: the sentinel decides."""
    return BarcodeDecoder(rules, read_track_2)


def _no_line(_: bytes) -> Reading:
    return Unreadable()
