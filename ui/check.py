"""Holds the screens to their tools: translations whole and built, QML without a warning: `python -m ui.check`.

    --write   bring ui/i18n up to date first (new texts stay "unfinished" until somebody translates them)

Not responsible for: how screens look and behave (tests/ui).
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import PySide6

_UI = Path(__file__).parent
_I18N = _UI / "i18n"
_QT = Path(PySide6.__file__).parent
_SPOKEN = {"da": ("-pluralonly",), "en": ()}  # Danish is the source: only its plural forms are looked up


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        _update(_I18N)
    wrong = [line for step in (_stale, _untranslated, _linted) for line in _told(step.__name__.strip("_"), step())]
    return 1 if wrong else 0


def _told(name: str, complaints: Iterator[str]) -> list[str]:
    found = list(complaints)
    print(f"ui {name}: {'ok' if not found else 'FAILED'}")
    for line in found:
        print(f"  {line}")
    return found


def _stale() -> Iterator[str]:
    """Files of i18n/ that lupdate and lrelease would write otherwise."""
    with tempfile.TemporaryDirectory() as fresh:
        for file in sorted(_I18N.glob("*.ts")):
            (Path(fresh) / file.name).write_bytes(file.read_bytes())
        _update(Path(fresh))
        for file in sorted(Path(fresh).iterdir()):
            kept = _I18N / file.name
            if not kept.exists() or kept.read_bytes() != file.read_bytes():
                yield f"i18n/{file.name} is not up to date: python -m ui.check --write"


def _untranslated() -> Iterator[str]:
    for file in sorted(_I18N.glob("*.ts")):
        for message in ET.parse(file).iter("message"):  # noqa: S314 (our own file)
            source = message.findtext("source", "")
            translation = message.find("translation")
            if translation is None or translation.get("type") == "unfinished":
                yield f"{file.name}: not translated: {source}"
                continue
            for text in [form.text or "" for form in translation.iter("numerusform")] or [translation.text or ""]:
                if _places(text) - {"%n"} != _places(source) - {"%n"}:
                    yield f"{file.name}: other places than its source: {source}"


def _places(text: str) -> set[str]:
    return set(re.findall(r"%(?:n|\d)", text))


def _linted() -> Iterator[str]:
    files = sorted(str(file) for file in (_UI / "qml").glob("*.qml"))
    done = _run("qmllint", "-W", "0", "-I", str(_QT / "Qt" / "qml"), *files)
    if done.returncode:
        yield from (done.stdout + done.stderr).splitlines()


def _update(folder: Path) -> None:
    sources = sorted(str(file) for pattern in ("*.py", "qml/*.qml") for file in _UI.glob(pattern))
    for language, options in _SPOKEN.items():
        ts, qm = folder / f"kiosk_{language}.ts", folder / f"kiosk_{language}.qm"
        wanted = ("-no-obsolete", "-locations", "none", "-source-language", "da", "-target-language", language)
        _run("lupdate", *options, *wanted, *sources, "-ts", str(ts)).check_returncode()
        _run("lrelease", "-silent", str(ts), "-qm", str(qm)).check_returncode()


def _run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of Qt's tools, as the wheel brings it."""
    program = next(path for path in (_QT / tool, _QT / "Qt" / "libexec" / tool) if path.exists())
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
