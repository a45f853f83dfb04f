"""What keeps a lock from starting is said in a sentence."""

from pathlib import Path

import pytest

from config.settings import load
from kiosk.composition.lock import run_lock
from kiosk.composition.surroundings import NotFit


def test_a_folder_for_sockets_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(
        f"""
[device]
id = "door"
branch = "DK-766103"
simulated = true
run_dir = "{tmp_path}/nowhere"
[store]
address = "https://store.example"
[reader]
path = "/dev/null"
[gpio]
factory = "mock"
""",
        encoding="utf-8",
    )
    with pytest.raises(NotFit, match="nowhere"):
        run_lock(load(config))
