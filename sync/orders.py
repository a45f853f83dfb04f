"""What a technician asks of the queue: small files beside the unit's file, for the unit alone writes there.

    unit.db.orders/NAME.order --the unit, at its start and at each round--> NAME.answer --read--> gone

Not responsible for: the commands (kiosk/composition/queue.py), what is done (outbox.py).
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, unique
from pathlib import Path
from typing import assert_never

from kiosk.event import is_reason
from kiosk.fault import DeviceFault
from kiosk.model import EventId
from sync import pki
from sync.outbox import Outbox

_ORDER, _ANSWER = ".order", ".answer"
_LARGEST = 4096  # bytes
NOT_PARKED = "no such event is parked: it was taken, sent again or discarded before"


@unique
class Act(Enum):
    RETRY = "retry"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True)
class Order:
    """reason: of a discard."""

    act: Act
    event: EventId
    reason: str = ""


def folder(path: Path) -> Path:
    """path: the unit's file."""
    return path.with_name(f"{path.name}.orders")


def give(path: Path, order: Order) -> str:
    """Its name. The files are the unit's, whoever asks. Raises OSError."""
    there, name = folder(path), secrets.token_hex(8)
    there.mkdir(mode=0o700, exist_ok=True)
    _hand_over(there, path)
    text = json.dumps({"act": order.act.value, "event": order.event, "reason": order.reason}, ensure_ascii=False)
    pki.write_file(there / f".{name}", text.encode())
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
        order = Order(Act(said["act"]), EventId(said["event"]), said["reason"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = isinstance(order.event, str) and isinstance(order.reason, str)
    return order if texts and (order.act is Act.RETRY or is_reason(order.reason)) else None


def _carried_out(order: Order | None, outbox: Outbox) -> str:
    if order is None:
        return "this was no order"
    match order.act:
        case Act.RETRY:
            return "it waits again" if outbox.retry(order.event) else NOT_PARKED
        case Act.DISCARD:
            return "it is discarded" if outbox.discard(order.event, order.reason) else NOT_PARKED
        case _:
            assert_never(order.act)
