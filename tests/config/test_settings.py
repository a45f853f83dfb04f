"""Settings: every error at once, a suggestion for a wrong key, and nothing simulated on a real site."""

from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, load

ROOT = Path(__file__).parents[2]
WHOLE = """
[device]
id = "door"
branch = "DK-766103"
[store]
address = "https://store.example:8443"
[reader]
path = "/dev/ttyACM0"
"""


def problems(tmp_path: Path, text: str) -> str:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load(path)
    return str(refused.value)


def loaded(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    return load(path)


@pytest.mark.parametrize("site", sorted((ROOT / "config" / "sites").glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_site_loads(site: Path) -> None:
    assert load(site).device.branch.startswith("DK-")


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    settings = loaded(tmp_path, WHOLE)
    assert settings.offline.lends == "nobody"
    assert settings.gpio.factory == "lgpio"


def test_all_errors_are_told_at_once_with_their_keys(tmp_path: Path) -> None:
    said = problems(tmp_path, WHOLE + "[door]\npuls_s = 4\npin_tries = 9\n[screen]\nwidth = 'wide'\n")
    assert "door.puls_s: no such key; did you mean pulse_s?" in said
    assert "door.pin_tries" in said
    assert "screen.width" in said


def test_a_wrong_section_is_named(tmp_path: Path) -> None:
    assert "readers: no such key; did you mean reader?" in problems(tmp_path, WHOLE + "[readers]\n")


def test_a_missing_file_and_a_file_that_is_no_toml_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not there"):
        load(tmp_path / "nothing.toml")
    assert "not TOML" in problems(tmp_path, "[device")


@pytest.mark.parametrize("pretending", ['[gpio]\nfactory = "mock"', '[clock]\nsource = "simulated"'])
def test_nothing_is_simulated_unless_the_machine_says_so(tmp_path: Path, pretending: str) -> None:
    assert "device.simulated = true" in problems(tmp_path, WHOLE + pretending)
    simulated = WHOLE.replace("[store]", "simulated = true\n[store]")
    assert loaded(tmp_path, simulated + pretending).device.simulated


def test_a_pulse_is_long_enough_to_get_in_and_no_longer_than_the_lock_allows(tmp_path: Path) -> None:
    assert "3.0 or more" in problems(tmp_path, WHOLE + "[door]\npulse_s = 1")
    assert "longest_pulse_ms" in problems(tmp_path, WHOLE + "[door]\npulse_s = 20")


@pytest.mark.parametrize(
    "address", ["http://store", "https://", "https://u@store", "https://store?x", "https://store:99999", "https://[::1"]
)
def test_an_address_that_is_no_store_is_refused(tmp_path: Path, address: str) -> None:
    assert "store.address: should be" in problems(tmp_path, WHOLE.replace("https://store.example:8443", address))


def test_every_key_says_what_it_is_for() -> None:
    for section in Settings.model_fields.values():
        kind = section.annotation
        assert kind is not None
        for name, key in kind.model_fields.items():
            assert key.description, name
