"""`kiosk demo`: the main job on simulated devices and the embedded central store.

With a display: a window to play with. Without: a whole evening, step by step, checked against the store's own tables.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiosk.demo.site import Site


def main(argv: list[str]) -> int:
    """0 when everything was as it should be, 1 when not, 2 on a wrong command line."""
    asked = _parser().parse_args(argv)
    from kiosk.demo.site import Site

    site = Site(asked.keep or Path(tempfile.mkdtemp(prefix="natugle-")), keep=asked.keep is not None)
    if asked.headless or asked.json or not _has_display():
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        return _evening(site, asked.out, as_json=asked.json)
    from kiosk.demo.dock import play  # Qt, after the platform is chosen

    return play(site)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kiosk demo",
        description="A door, a self-checkout machine and a central store on this computer, all hardware simulated.",
    )
    parser.add_argument(
        "--headless", action="store_true", help="play an evening and check it; the default where there is no display"
    )
    parser.add_argument("--json", action="store_true", help="play the evening and print one JSON document")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="put the site into this new folder and leave it there")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="where pictures land (default: %(default)s)")
    return parser


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _evening(site: "Site", out: Path, *, as_json: bool) -> int:
    from drivers.simulated.gpio_bench import BenchError
    from kiosk.demo.evening import play
    from kiosk.demo.report import Mismatch, Report
    from kiosk.demo.site import SiteError
    from ui.hand import HandError

    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.png"):
        old.unlink()
    report = Report(quiet=as_json)
    try:
        with site:
            with report.step("the central store starts, two machines enrolled"):
                site.begin()
            play(site, out, report)
    except (Mismatch, SiteError, HandError, BenchError) as wrong:
        print(f"\nNot as it should be: {wrong}", file=sys.stderr)
    report.close()
    if as_json:
        print(report.document())
    return 0 if report.ok else 1
