"""Puts the GPIO lines together, for the units that have any."""

from collections.abc import Sequence
from pathlib import Path

from config.settings import Settings
from drivers import gpio


def bench_socket(settings: Settings, unit: str) -> Path:
    """Where a unit with mock lines serves them."""
    return settings.device.run_dir / f"{unit}-bench.sock"


def gpio_factory(settings: Settings, unit: str, held_low: Sequence[int]) -> gpio.Factory:
    factory = gpio.open_factory(settings.gpio.factory)
    if settings.gpio.factory == "mock":
        from drivers.simulated.gpio_bench import serve_bench  # no part of a real machine

        serve_bench(factory, bench_socket(settings, unit), held_low)
    return factory
