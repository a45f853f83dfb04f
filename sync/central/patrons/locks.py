"""The store's three secrets, together: what turns PINs, card and CPR numbers into what the database may hold."""

from dataclasses import dataclass

from sync.central.patrons.cards import LookupKey
from sync.central.patrons.column import ColumnKey
from sync.central.patrons.pin_hash import PinHash


@dataclass(frozen=True, slots=True)
class Locks:
    pins: PinHash
    lookup: LookupKey
    columns: ColumnKey
