"""`kiosk queue`: what waits in this machine's outboxes, and what a technician does about what the store refused.

    list      what waits and what is parked, of every unit there is; what became of earlier orders
    retry     send a parked event again
    discard   take a parked event out, with a reason; the store is told of it
    export    everything that the store has not taken, sealed, into a file: `kiosk central import-queue` reads it

Works while the unit runs and while it does not. The unit alone writes, and takes orders (sync/orders.py).
Not responsible for: opening what is sealed. Only the store can.
"""

import argparse
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from config.settings import Settings, SettingsError, load
from kiosk.composition.surroundings import clock_of
from kiosk.event import Because
from kiosk.fault import DeviceFault, Fault
from kiosk.loop import Clock
from kiosk.model import EventId
from sync import orders, pki, replica, rows
from sync.orders import Order
from sync.replica import Kept
from sync.rows import Counts, Parked
from sync.store import damage
from sync.store.file import is_held
from sync.store.look import look

UNITS = ("door", "checkout")
VERSION = 1  # of an exported file
_FAILED = 1
_PAUSE_S = 0.1
_REASONS = (
    "by-hand: carried out or undone at the desk; told-twice: another event says the same; trial: nobody borrowed,"
    " returned or went in; unknown: nobody can say any more what it was"
)
_UNREADABLE = {
    Fault.OUTBOX_BROKEN: "cannot be read: a newer program wrote it, it is damaged, or it is another user's",
    Fault.OUTBOX_FULL: "cannot be read: the disk is full",
}


class QueueError(Exception):
    """Ends the command with one sentence on stderr."""


def main(argv: Sequence[str]) -> int:
    """Runs one subcommand; its exit status."""
    asked = parser().parse_args(argv)
    try:
        settings = load(asked.config)
        print(_act(_Place(settings.device.state_dir, clock_of(settings)), settings, asked))
    except (QueueError, SettingsError) as failure:
        print(f"kiosk queue: {failure}", file=sys.stderr)
        return _FAILED
    except OSError as failure:
        print(f"kiosk queue: {failure.strerror or 'the system refused'}", file=sys.stderr)
        return _FAILED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="kiosk queue", description="What waits here for the central store.")
    acts = made.add_subparsers(dest="act", required=True, metavar="ACT")
    _add(acts, "list", "what waits and what the store refused")
    retry = _add(acts, "retry", "send a refused event again")
    discard = _add(acts, "discard", "take a refused event out; the store is told which, and why")
    for act in (retry, discard):
        act.add_argument("event", metavar="EVENT", help="the event's id, as `kiosk queue list` prints it")
        act.add_argument(
            "--wait", type=float, default=30.0, metavar="SECONDS", help="for the unit's answer (default: %(default)s)"
        )
    discard.add_argument("--because", required=True, choices=[why.value for why in Because], help=_REASONS)
    export = _add(acts, "export", "write everything that the store has not taken into a file, sealed")
    export.add_argument("--out", required=True, type=Path, metavar="FILE", help="a file that is not there yet")
    return made


def _add(acts: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, says: str) -> argparse.ArgumentParser:
    act = acts.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
    act.add_argument("--config", type=Path, default=Path("/etc/kiosk/kiosk.toml"), help="this machine's settings")
    return act


@dataclass(frozen=True, slots=True)
class _Place:
    folder: Path
    clock: Clock

    def units(self) -> list[Path]:
        """The files of the units that have ever run here."""
        found = [path for unit in UNITS if (path := self.folder / f"{unit}.db").exists()]
        if not found:
            raise QueueError(f"no unit has an outbox in {self.folder}")
        return found


def _act(place: _Place, settings: Settings, asked: argparse.Namespace) -> str:
    match asked.act:
        case "list":
            return "\n".join(line for path in place.units() for line in _listed(path, place.clock))
        case "retry":
            return _ordered(place, Order(EventId(asked.event)), asked.wait)
        case "discard":
            return _ordered(place, Order(EventId(asked.event), Because(asked.because)), asked.wait)
        case _:
            return _exported(place, settings.device.id, asked.out)


# --- list ---------------------------------------------------------------------------------------


def _listed(path: Path, clock: Clock) -> Iterator[str]:
    """Lines about one unit."""
    runs = "runs" if is_held(path) else "does not run"
    try:
        with look(path) as statements:
            counts, parked = rows.counted(statements, clock(), ""), rows.parked(statements)
            known = replica.kept(statements)
    except DeviceFault as fault:
        yield f"{path.stem} ({runs}): {_UNREADABLE[fault.fault]}"
    else:
        yield f"{path.stem} ({runs}): {_counted(counts)}; {_heard(known, clock().wall)}"
        yield from (f"  {_said(one)}" for one in parked)
    yield from (f"  set aside, damaged: {folder}" for folder in damage.aside(path))
    if given := orders.unanswered(path):
        yield f"  {given} order{'s' * (given > 1)} not carried out yet"
    yield from (f"  order {name}: {said}" for name, said in orders.answers(path).items())


def _counted(counts: Counts) -> str:
    oldest = f", the oldest for {_duration(counts.oldest_s)}" if counts.waiting else ""
    return f"{counts.waiting} wait{oldest}; {counts.parked} refused; {counts.bytes / 1e6:.1f} MB"


def _heard(known: Kept | None, now: datetime) -> str:
    """How old it is what the unit goes by while the store is silent."""
    if known is None:
        return "the store was never heard"
    listed = "" if known.cards is None else f", {known.cards} cards on its block list"
    return f"the store was last heard {_duration(max(0.0, (now - known.as_of).total_seconds()))} ago{listed}"


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 1440} d {minutes // 60 % 24} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _said(one: Parked) -> str:
    return f"{one.event}  {_local(one.occurred_at)}  {one.kind}: {_shown(one.reason)}"


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%d.%m.%Y %H:%M")


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


# --- retry, discard -----------------------------------------------------------------------------


def _ordered(place: _Place, order: Order, wait_s: float) -> str:
    path = _holder(place, order.event)
    name = orders.give(path, order)
    if not is_held(path):
        return f"order {name}: {path.stem} does not run; it carries this out when it starts"
    until = place.clock().mono + wait_s
    while place.clock().mono < until:
        if name in (told := orders.answers(path, name)):
            return f"order {name}: {told[name]}"
        threading.Event().wait(_PAUSE_S)
    return f"order {name}: {path.stem} carries this out at its next round; `kiosk queue list` tells what became of it"


def _holder(place: _Place, event: EventId) -> Path:
    """The unit in whose file the event is parked. Raises QueueError."""
    for path in place.units():
        try:
            with look(path) as statements:
                if any(one.event == event for one in rows.parked(statements)):
                    return path
        except DeviceFault:
            continue
    raise QueueError(orders.NOT_PARKED)


# --- export -------------------------------------------------------------------------------------


def _exported(place: _Place, device: str, out: Path) -> str:
    """A line that says whose it is, then lines as they would go over the wire."""
    if out.exists():
        raise QueueError(f"{out} is there already")
    lines, events = [json.dumps({"natugle_queue": VERSION, "device": device})], 0
    for path in place.units():
        runs = is_held(path)
        try:
            with look(path) as statements:
                found = [*rows.everything(statements), *(() if runs else rows.intents(statements))]
        except DeviceFault as fault:
            raise QueueError(f"{path} {_UNREADABLE[fault.fault]}") from None
        lines += [question.model_dump_json(by_alias=True) for question in found]
        events += sum(len(question.events) for question in found)
    pki.write_file(out, "".join(f"{line}\n" for line in lines).encode())
    return f"{events} events in {out}; sealed, so that the central store alone can read them"
