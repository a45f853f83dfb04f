"""Puts the door unit together."""

from config.settings import Settings
from drivers import gpio
from drivers.lock_client import LockClient
from drivers.panel import PanelSocket
from kiosk import watchdog
from kiosk.composition.devices import CardReader, keypad, running
from kiosk.composition.lines import gpio_factory
from kiosk.composition.store_way import StoreWay
from kiosk.composition.surroundings import clock_of, lock_socket, panel_socket, stopped_by_signal
from kiosk.door import face
from kiosk.door.access import AccessRules
from kiosk.door.leaf import LeafRules
from kiosk.door.states import (
    Rules,
)
from kiosk.door.unit import DoorUnit, Surroundings
from kiosk.hours import Hours
from kiosk.model import Block, BranchId, Mode
from sync.replica import BranchRules


def run_door(settings: Settings) -> None:
    """Blocks until SIGTERM or SIGINT."""
    clock, pins = clock_of(settings), settings.gpio
    reader, panel, way = CardReader(settings), PanelSocket(panel_socket(settings), clock), StoreWay(settings, "door")
    factory = gpio_factory(settings, "door", held_low=(pins.contact,))
    indicator = gpio.GpioIndicator(factory, pins.lamp, pins.buzzer)

    def show(shown: face.Face) -> None:
        reader.scene(shown.show)
        panel.show(face.encode(shown))

    around = Surroundings(
        store=way.store,
        lock=LockClient(lock_socket(settings), clock),
        recorder=way,
        show=show,
        sound=lambda tone: indicator.sound(tone.value),
    )
    unit = DoorUnit(BranchId(settings.device.branch), _door_rules(settings), around, clock, watchdog.alive)

    def learn(rules: BranchRules) -> None:
        unit.learn(Hours(rules.staffed, rules.unstaffed, rules.closings), rules.minimum_age)

    inputs = gpio.GpioInputs(factory, pins.contact, pins.exit_request, clock)
    sources = [reader.source, panel, inputs, *keypad(settings)]
    with way.talking(unit.put, learn), running(sources, unit.put), stopped_by_signal(unit.stop):
        watchdog.ready("door")
        unit.run()
    indicator.stop()


def _door_rules(settings: Settings) -> Rules:
    chosen = settings.door
    return Rules(
        mode=Mode.CLOSED,
        access=AccessRules(
            needs_permission=chosen.needs_permission,
            ignored_blocks=frozenset(Block(code) for code in chosen.ignored_blocks),
        ),
        leaf=LeafRules(expect_s=chosen.expect_s, held_s=chosen.held_s),
        pin_length=chosen.pin_length,
        pin_tries=chosen.pin_tries,
        pin_wait_s=chosen.pin_wait_s,
        verify_s=settings.store.deadline_s * 2,
        pulse_s=chosen.pulse_s,
        tell_s=chosen.tell_s,
    )
