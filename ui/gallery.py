"""Pictures of every screen in both languages and all sizes, with a page to look at them: `python -m ui.gallery`.

A process of its own draws the same bytes each time. Two drawings within one process may differ in the edges of
letters above 64 pixels, after Qt has met a new size of letters (6.11.3).
Not responsible for: whether they are right (tests/ui).
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from ui.bridge import LANGUAGES
from ui.panel import PanelWindow
from ui.samples import faces, states
from ui.window import Window

Size = tuple[int, int]

SIZES: tuple[Size, ...] = ((1280, 800), (1920, 1080), (800, 1280), (1080, 1920))
DOOR_SIZES: tuple[Size, ...] = ((800, 480), (480, 800))


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of every screen.")
    parser.add_argument("--out", type=Path, default=Path("build/screens"))
    parser.add_argument("--first-size", action="store_true", help="one size of the machine and one of the door only")
    asked = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    sizes, door_sizes = (SIZES[:1], DOOR_SIZES[:1]) if asked.first_size else (SIZES, DOOR_SIZES)
    files = [file for size in sizes for file in _machine(out, size)]
    files += [file for size in door_sizes for file in _door(out, size)]
    page = out / "index.html"
    page.write_text(_page(files), encoding="utf-8")
    print(page.resolve())


def _machine(out: Path, size: Size) -> Iterator[str]:
    window = Window(lambda _: None, fullscreen=False, size=size)
    for language in LANGUAGES:
        for name, state in states().items():
            window.show_state(state)
            window.surface.speak(language)
            file = f"{name}-{language}-{size[0]}x{size[1]}.png"
            window.grab(out / file)
            yield file
    window.close()


def _door(out: Path, size: Size) -> Iterator[str]:
    window = PanelWindow(lambda _: None, fullscreen=False, size=size)
    for language in LANGUAGES:
        for name, face in faces().items():
            window.show_face(face)
            window.surface.speak(language)
            file = f"{name}-{language}-{size[0]}x{size[1]}.png"
            window.grab(out / file)
            yield file
    window.close()


def _page(files: list[str]) -> str:
    figures = "\n".join(
        f'<figure><img src="{file}" loading="lazy" alt=""><figcaption>{file}</figcaption></figure>' for file in files
    )
    return f"""<!doctype html>
<html lang="da"><meta charset="utf-8"><title>Natugle: skærme</title>
<style>
body {{ margin: 2rem; background: #0c152b; color: #fbf5e9; font: 16px system-ui, sans-serif; }}
main {{ display: flex; flex-wrap: wrap; gap: 1.5rem; }}
figure {{ margin: 0; }}
img {{ height: 360px; display: block; border-radius: 6px; }}
figcaption {{ padding-top: .4rem; }}
</style>
<h1>Natugle: skærme</h1>
<main>
{figures}
</main>
</html>
"""


if __name__ == "__main__":
    main()
