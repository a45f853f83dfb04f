"""Puts the lock process together. Imports nothing that is not needed: it is to stay the smallest."""

import logging
import os
import pwd

from config.settings import Settings
from drivers import gpio
from kiosk import watchdog
from kiosk.composition.lines import gpio_factory
from kiosk.composition.surroundings import NotFit, clock_of, lock_socket, stopped_by_signal
from kiosk.lock.unit import LockUnit

log = logging.getLogger("kiosk")

_DOOR_USER = "kiosk-door"  # systemd/kiosk-sysusers.conf


def run_lock(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT. Raises NotFit where the kernel would keep a dead process's line high."""
    if settings.gpio.factory == "lgpio" and gpio.persist_gpio_outputs():
        raise NotFit(
            "this kernel keeps an output high when its process dies (persist_gpio_outputs=Y): the lock could stay "
            "open. Put dtparam=strict_gpiod into /boot/firmware/config.txt and start the machine again"
        )
    if not settings.device.run_dir.is_dir():
        raise NotFit(f"device.run_dir: there is no folder {settings.device.run_dir} for the lock's socket")
    factory = gpio_factory(settings, "lock", held_low=())
    strike = gpio.GpioStrike(factory, settings.gpio.strike, settings.gpio.strike_active_high)
    unit = LockUnit(
        strike,
        lock_socket(settings),
        settings.lock.longest_pulse_ms,
        _allowed_uids(),
        clock_of(settings),
        watchdog.alive,
    )
    with stopped_by_signal(unit.stop):
        watchdog.ready("lock")
        unit.run()


def release_line(settings: Settings) -> None:
    """Lets the strike go and ends: for systemd, after a lock process that died."""
    factory = gpio.open_factory(settings.gpio.factory)
    gpio.GpioStrike(factory, settings.gpio.strike, settings.gpio.strike_active_high)


def _allowed_uids() -> frozenset[int]:
    """Root, this process's own user, and the door's where there is one."""
    found = {0, os.getuid()}
    try:
        found.add(pwd.getpwnam(_DOOR_USER).pw_uid)
    except KeyError:
        log.info('{"lock": "no user kiosk-door on this computer"}')
    return frozenset(found)
