"""What a technician asks of the queue: small files beside the unit's file, for the unit alone writes there.

    unit.db.orders/NAME.order --the unit, at its start and at each round--> NAME.answer --read--> gone

Not responsible for: the commands (kiosk/composition/queue.py), what is done (outbox.py).
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kiosk.event import Because
from kiosk.fault import DeviceFault
from kiosk.model import EventId
from sync import pki
from sync.outbox import Outbox

_ORDER, _ANSWER = ".order", ".answer"
_LARGEST = 4096  # bytes
NOT_PARKED = "no such event is parked: it was taken, sent again or discarded before"


@dataclass(frozen=True, slots=True)
class Order:
    """About a parked event. why: to take it out; None: to send it again."""

    event: EventId
    why: Because | None = None


def folder(path: Path) -> Path:
    """path: the unit's file."""
    return path.with_name(f"{path.name}.orders")


def give(path: Path, order: Order) -> str:
    """Its name. The files are the unit's, whoever asks. Raises OSError."""
    there, name = folder(path), secrets.token_hex(8)
    there.mkdir(mode=0o700, exist_ok=True)
    _hand_over(there, path)
    said = {"event": order.event, "why": order.why.value if order.why else ""}
    pki.write_file(there / f".{name}", json.dumps(said).encode())
    _hand_over(there / f".{name}", path)
    (there / f".{name}").replace(there / f"{name}{_ORDER}")
    return name


def _hand_over(made: Path, path: Path) -> None:
    owner = path.stat()
    if os.geteuid() == 0:
        os.chown(made, owner.st_uid, owner.st_gid)


def unanswered(path: Path) -> int:
    return len(list(folder(path).glob(f"*{_ORDER}")))


def answers(path: Path, name: str = "*") -> dict[str, str]:
    """Name of the order to what was said, of all or of one; each is told once."""
    told = {}
    for answer in sorted(folder(path).glob(f"{name}{_ANSWER}")):
        told[answer.stem] = answer.read_text(encoding="utf-8")
        answer.unlink(missing_ok=True)
    return told


# --- the unit's side ----------------------------------------------------------------------------


def carry_out(path: Path, outbox: Outbox) -> None:
    """All that were given; what a full disk refuses stays for the next round. Raises nothing."""
    for given in sorted(folder(path).glob(f"*{_ORDER}")):
        with suppress(OSError, DeviceFault):  # of another user still, or taken back
            said = _carried_out(_read(given), outbox)
            pki.write_file(given.with_suffix(_ANSWER), said.encode())
            given.unlink()


def _read(given: Path) -> Order | None:
    """None: nothing that a command of ours wrote."""
    with given.open("rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        said = json.loads(content)
        event, why = said["event"], Because(said["why"]) if said["why"] else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Order(EventId(event), why) if isinstance(event, str) else None


def _carried_out(order: Order | None, outbox: Outbox) -> str:
    if order is None:
        return "this was no order"
    if order.why is None:
        return "it waits again" if outbox.retry(order.event) else NOT_PARKED
    return "it is discarded" if outbox.discard(order.event, order.why) else NOT_PARKED
