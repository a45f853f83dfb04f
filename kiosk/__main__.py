"""`kiosk`: the one program, with a command for each process.

    kiosk lock      owns the strike's line          kiosk central   the embedded central store
    kiosk door      who may enter now               kiosk panel     the door's screen
    kiosk checkout  borrow and return               kiosk demo      all of it on this computer, simulated
    kiosk enrol     lets this machine in at a store, by a code
    kiosk queue     what waits in the outboxes, and what the store refused

Not responsible for: what stands behind which port (composition/).
"""

import argparse
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.loop import crash_on_bug, log_without_waiting, system_clock

_UNUSABLE = 78  # sysexits.h, EX_CONFIG: as things are it will not start


def main() -> int:
    """Runs one command; its exit status."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold a PIN
    argv = sys.argv[1:]
    if argv[:1] == ["central"]:
        return _central(argv[1:])
    if argv[:1] == ["demo"]:
        return _demo(argv[1:])
    if argv[:1] == ["enrol"]:
        return _enrol(argv[1:])
    if argv[:1] == ["queue"]:
        return _queue(argv[1:])
    asked = parser().parse_args(argv)
    log_without_waiting()
    crash_on_bug()
    run: Callable[[argparse.Namespace], int] = asked.run
    return run(asked)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="kiosk",
        description="Library self-checkout machines, and the doors of branches that nobody staffs.",
        epilog="`kiosk COMMAND --help` says more about central, demo, enrol and queue.",
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    lock = _add(commands, "lock", "owns the strike's line; takes pulses from the door", _lock)
    lock.add_argument("--release", action="store_true", help="only let the strike go, and end")
    _add(commands, "door", "reader, keypad, contact: who may enter now", _door)
    _add(commands, "panel", "the door's screen", _panel)
    _add(commands, "checkout", "the touchscreen: borrow and return", _checkout)
    commands.add_parser("central", help="the embedded central store", add_help=False)
    commands.add_parser("demo", help="all of it on this computer, hardware simulated", add_help=False)
    commands.add_parser("enrol", help="lets this machine in at a central store, by a code", add_help=False)
    commands.add_parser("queue", help="what waits in the outboxes, and what the store refused", add_help=False)
    return made


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    words: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    command.add_argument("--config", type=Path, default=Path("/etc/kiosk/kiosk.toml"), help="this machine's settings")
    command.set_defaults(run=lambda asked: _fit(asked, run))
    return command


def _fit(asked: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> int:
    """Settings that cannot be used, a machine that is not enrolled: sentences, not traces."""
    from config.settings import SettingsError
    from kiosk.composition.surroundings import NotFit
    from kiosk.fault import DeviceFault, Fault

    why = {
        Fault.GPIO_LOST: "the GPIO lines cannot be opened: this is no Raspberry Pi, or this user is not in group gpio",
        Fault.OUTBOX_BROKEN: "the outbox cannot be opened in device.state_dir: is the folder there, is it this user's, "
        "and does no other process hold it?",
        Fault.OUTBOX_FULL: "the outbox cannot be opened in device.state_dir: the disk is full",
    }
    try:
        return run(asked)
    except (SettingsError, NotFit) as problem:
        print(problem, file=sys.stderr)
    except DeviceFault as fault:
        print(why.get(fault.fault, f"cannot start: {fault.fault.value}"), file=sys.stderr)
    return _UNUSABLE


def _lock(asked: argparse.Namespace) -> int:
    from config.settings import load
    from kiosk.composition.lock import release_line, run_lock

    (release_line if asked.release else run_lock)(load(asked.config))
    return 0


def _door(asked: argparse.Namespace) -> int:
    from config.settings import load
    from kiosk.composition.door import run_door

    run_door(load(asked.config))
    return 0


def _checkout(asked: argparse.Namespace) -> int:
    from config.settings import load
    from kiosk.composition.checkout import run_checkout

    return run_checkout(load(asked.config))


def _panel(asked: argparse.Namespace) -> int:
    from config.settings import load
    from kiosk.composition.panel import run_panel

    return run_panel(load(asked.config))


def _central(argv: list[str]) -> int:
    from drivers.simulated.clock import simulated_clock
    from sync.central import command

    crash_on_bug()
    return command.main(argv, system_clock, lambda path: simulated_clock(path, system_clock))


def _demo(argv: list[str]) -> int:
    from kiosk.demo import main as play

    return play(argv)


def _enrol(argv: list[str]) -> int:
    from sync.rest import enrol

    return enrol.main(argv)


def _queue(argv: list[str]) -> int:
    from kiosk.composition import queue

    return queue.main(argv)


if __name__ == "__main__":
    sys.exit(main())
