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


def test_off_line_nobody_borrows_and_nobody_is_remembered_unless_the_site_says_so(tmp_path: Path) -> None:
    said = '[offline]\nlends = "seen"\nloan_days = 14\noldest_h = 24\nseen_days = 30\nseen_most = 500\n'
    chosen = loaded(tmp_path, WHOLE + said).offline
    assert (chosen.lends, chosen.loan_days, chosen.oldest_h) == ("seen", 14, 24)
    assert (chosen.seen_days, chosen.seen_most) == (30, 500)
    assert loaded(tmp_path, WHOLE).offline.loan_days is None


@pytest.mark.parametrize(
    "wrong",
    ['lends = "friends"', "loan_days = 0", "oldest_h = 721", "seen_days = 31", "seen_most = 20001", "most = 51"],
)
def test_off_line_rules_have_bounds(tmp_path: Path, wrong: str) -> None:
    assert f"offline.{wrong.partition(' ')[0]}: " in problems(tmp_path, f"{WHOLE}[offline]\n{wrong}\n")


def test_every_key_says_what_it_is_for() -> None:
    for section in Settings.model_fields.values():
        kind = section.annotation
        assert kind is not None
        for name, key in kind.model_fields.items():
            assert key.description, name


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("warn_after_h", (0, 2161)),
        ("stop_after_h", (0, 2161)),
        ("most_events", (99, 500_001)),
        ("most_mib", (3, 1025)),
        ("least_free_mib", (-1, 100_001)),
    ],
)
def test_the_outboxs_limits_have_bounds(tmp_path: Path, key: str, values: tuple[int, int]) -> None:
    for value in values:
        assert f"outbox.{key}" in problems(tmp_path, WHOLE + f"[outbox]\n{key} = {value}\n")


def test_the_outbox_warns_before_it_stops(tmp_path: Path) -> None:
    outbox = loaded(tmp_path, WHOLE).outbox
    assert outbox.warn_after_h < outbox.stop_after_h
    assert "is longer than" in problems(tmp_path, WHOLE + "[outbox]\nwarn_after_h = 73\n")
