"""A machine's settings: TOML in, typed values out, every error at once.

Every key has a default where there is a safe one, its unit in its name, and one sentence.
Not responsible for: secrets (certificates and keys lie in store.credentials_dir, never here).
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator


class SettingsError(Exception):
    """The file cannot be used. `problems`: one sentence each, naming the key."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


SHORTEST_PULSE_S = 3.0  # EN 60839-11-1: release time, where the system sets it


def _https(address: str) -> str:
    try:
        parts = urlsplit(address)
        whole = parts.scheme == "https" and address == f"https://{parts.netloc}" and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not parts.hostname or "@" in parts.netloc:
        raise ValueError("should be https://host:port, with no path behind it")
    return address


Seconds = Annotated[float, Field(gt=0, le=3600)]
Pin = Annotated[int, Field(ge=0, le=27)]
Short = Annotated[str, Field(min_length=1, max_length=64)]


class Device(_Section):
    id: Annotated[Short, Field(description="Name of this machine, as the store enrolled it.")]
    branch: Annotated[Short, Field(description="ISIL of the branch it stands in, as DK-766103.")]
    simulated: Annotated[bool, Field(description="Allows simulated devices and clocks; never on a real site.")] = False
    state_dir: Annotated[Path, Field(description="Where the outbox lies.")] = Path("/var/lib/kiosk")
    run_dir: Annotated[Path, Field(description="Where the sockets lie.")] = Path("/run/kiosk")


class Clock(_Section):
    source: Annotated[
        Literal["system", "simulated"], Field(description="The computer's clock, or one a dock can move.")
    ] = "system"
    file: Annotated[Path, Field(description="The simulated clock's offset.")] = Path("clock-offset")


class Store(_Section):
    address: Annotated[str, AfterValidator(_https), Field(description="The central store, as https://host:port.")]
    credentials_dir: Annotated[
        Path, Field(description="Holds ca.pem, device.pem, device.key and seal-public, made at enrolment.")
    ] = Path("/etc/kiosk/credentials")
    deadline_s: Annotated[Seconds, Field(description="Longest wait for one answer, all in all.")] = 3.0
    exchange_every_s: Annotated[Seconds, Field(description="Pause between two rounds of the exchange.")] = 15.0
    longest_back_off_s: Annotated[Seconds, Field(description="Longest pause after the store has been silent.")] = 30.0


class Reader(_Section):
    path: Annotated[str, Field(description="Serial device of the card and barcode reader, best by-id.")]
    baud: Annotated[int, Field(ge=300, le=921_600, description="Bits per second.")] = 9600
    code_lengths: Annotated[
        tuple[int, ...], Field(description="Barcodes of other lengths are unreadable; guards against half a code.")
    ] = (10,)


class Keypad(_Section):
    path: Annotated[str, Field(description="Serial device of the keypad; empty where the panel has the keys.")] = ""
    baud: Annotated[int, Field(ge=300, le=921_600, description="Bits per second.")] = 9600


class Gpio(_Section):
    factory: Annotated[
        Literal["lgpio", "mock"], Field(description="gpiozero's pin factory; there is no falling back to another.")
    ] = "lgpio"
    strike: Annotated[Pin, Field(description="BCM number of the strike's line.")] = 17
    strike_active_high: Annotated[bool, Field(description="High energises the strike.")] = True
    contact: Annotated[Pin, Field(description="BCM number of the door contact; closed door pulls low.")] = 23
    exit_request: Annotated[Pin, Field(description="BCM number of REX; pressed pulls low.")] = 24
    lamp: Annotated[Pin, Field(description="BCM number of the lamp.")] = 5
    buzzer: Annotated[Pin, Field(description="BCM number of the buzzer.")] = 13


class Lock(_Section):
    longest_pulse_ms: Annotated[int, Field(ge=500, le=30_000, description="No pulse is longer, whoever asks.")] = 10_000


class Door(_Section):
    pin_length: Annotated[int, Field(ge=4, le=8, description="Digits of a PIN.")] = 4
    pin_tries: Annotated[int, Field(ge=1, le=5, description="PINs per presented card.")] = 3
    pin_wait_s: Annotated[Seconds, Field(description="Longest pause while a PIN is typed.")] = 20.0
    pulse_s: Annotated[
        float, Field(gt=0, le=30, description="How long the strike is energised; on a real site 3 s at the least.")
    ] = 5.0
    tell_s: Annotated[Seconds, Field(description="How long a sentence stands on the panel.")] = 5.0
    held_s: Annotated[Seconds, Field(description="How long the door may stand open before the alarm.")] = 30.0
    expect_s: Annotated[Seconds, Field(description="How long after REX an opening is no alarm.")] = 10.0
    needs_permission: Annotated[bool, Field(description="Only patrons with the branch's permission tag.")] = False
    ignored_blocks: Annotated[
        tuple[Literal["O", "U", "F", "S", "W", "E", "D"], ...],
        Field(description="FBS block codes that do not keep a patron out here."),
    ] = ()


class Checkout(_Section):
    pin_length: Annotated[int, Field(ge=4, le=8, description="Digits of a PIN.")] = 4
    pin_tries: Annotated[int, Field(ge=1, le=5, description="PINs per presented card.")] = 3
    idle_s: Annotated[Seconds, Field(description="Nobody does anything: the session ends.")] = 45.0
    tell_s: Annotated[Seconds, Field(description="How long a sentence stands on the screen.")] = 6.0
    farewell_s: Annotated[Seconds, Field(description="How long the farewell stands.")] = 10.0


class Offline(_Section):
    lends: Annotated[
        Literal["nobody", "seen", "everybody"],
        Field(description="Who may borrow while the store is silent; seen: cards lately here with their right PIN."),
    ] = "nobody"
    most: Annotated[int, Field(ge=1, le=50, description="Items per patron and visit, off-line.")] = 10
    loan_days: Annotated[
        int | None, Field(ge=1, le=365, description="Of a loan given out off-line; else what the store says.")
    ] = None
    oldest_h: Annotated[
        int, Field(ge=1, le=720, description="Hours after the store's last word in which anything is lent off-line.")
    ] = 72
    seen_days: Annotated[int, Field(ge=1, le=30, description="How long a card counts as seen.")] = 14
    seen_most: Annotated[int, Field(ge=1, le=20_000, description="Cards remembered; the oldest go first.")] = 2000


class Outbox(_Section):
    warn_after_h: Annotated[
        float, Field(gt=0, le=24 * 90, description="So long may something wait for the store before it is a fault.")
    ] = 24.0
    stop_after_h: Annotated[
        float, Field(gt=0, le=24 * 90, description="So long, and the machine lends no more without the store.")
    ] = 72.0
    most_events: Annotated[
        int,
        Field(
            ge=100, le=500_000, description="Events that wait; more, and the machine lends no more without the store."
        ),
    ] = 50_000
    most_mib: Annotated[
        int,
        Field(
            ge=4,
            le=1024,
            description="MiB of the outbox's file; more, and the machine lends no more without the store.",
        ),
    ] = 48
    least_free_mib: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="MiB free on its disk; fewer, and the machine lends no more without the store.",
        ),
    ] = 64


class Screen(_Section):
    fullscreen: Annotated[bool, Field(description="Fill the display; a window otherwise.")] = True
    width: Annotated[int, Field(ge=160, le=7680, description="Pixels, where not full screen.")] = 1280
    height: Annotated[int, Field(ge=160, le=7680, description="Pixels, where not full screen.")] = 800
    left: Annotated[int, Field(ge=0, le=7680, description="Pixels from the display's left, where not full screen.")] = 0
    top: Annotated[int, Field(ge=0, le=7680, description="Pixels from the display's top, where not full screen.")] = 0


class Settings(_Section):
    device: Device
    store: Store
    reader: Reader
    clock: Clock = Clock()
    keypad: Keypad = Keypad()
    gpio: Gpio = Gpio()
    lock: Lock = Lock()
    door: Door = Door()
    checkout: Checkout = Checkout()
    offline: Offline = Offline()
    outbox: Outbox = Outbox()
    screen: Screen = Screen()

    @model_validator(mode="after")
    def _simulated_only_where_said(self) -> "Settings":
        pretending = self.gpio.factory == "mock" or self.clock.source == "simulated"
        if pretending and not self.device.simulated:
            raise ValueError("a mock gpio factory or a simulated clock wants device.simulated = true")
        return self

    @model_validator(mode="after")
    def _warned_before_stopped(self) -> "Settings":
        if self.outbox.warn_after_h > self.outbox.stop_after_h:
            raise ValueError("outbox.warn_after_h is longer than outbox.stop_after_h")
        return self

    @model_validator(mode="after")
    def _long_enough_to_get_in(self) -> "Settings":
        if self.door.pulse_s < SHORTEST_PULSE_S and not self.device.simulated:
            raise ValueError(f"door.pulse_s must be {SHORTEST_PULSE_S} or more (EN 60839-11-1)")
        if self.door.pulse_s * 1000 > self.lock.longest_pulse_ms:
            raise ValueError("door.pulse_s is longer than lock.longest_pulse_ms allows")
        return self


def load(path: Path) -> Settings:
    """Raises SettingsError: the file is missing, is not TOML, or has keys that do not fit."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
        raise SettingsError((f"{path}: {why}",)) from None
    try:
        return Settings.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError((f"{path}: not TOML: {error}",)) from None
    except ValidationError as error:
        raise SettingsError(tuple(_problem(path, one) for one in error.errors())) from None


def _problem(path: Path, error: object) -> str:
    assert isinstance(error, dict)  # noqa: S101 - pydantic's own shape, not outside input
    where = ".".join(str(part) for part in error["loc"]) or "settings"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), _siblings(error["loc"]), n=1)
        return f"{path}: {where}: no such key" + (f"; did you mean {near[0]}?" if near else "")
    return f"{path}: {where}: {error['msg'].removeprefix('Value error, ')}"


def _siblings(loc: tuple[str | int, ...]) -> list[str]:
    if len(loc) == 1:
        return list(Settings.model_fields)
    section = Settings.model_fields.get(str(loc[0]))
    kind = section.annotation if section else None
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
