"""What the evening's steps came to: a line each as they end, one document at the end.

Not responsible for: the steps.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

_NAME, _MS = 46, 9  # columns


class Mismatch(Exception):
    """What happened is not what should have. The text says both."""


@dataclass(slots=True)
class Step:
    """ms: None where the time is not of the machine's making."""

    name: str
    ok: bool = False
    ms: float | None = None
    detail: str = ""

    def took(self, seconds: float) -> None:
        self.ms = round(seconds * 1000, 1)


@dataclass(slots=True)
class Report:
    """quiet: the lines go to stderr, for stdout belongs to the document."""

    quiet: bool
    steps: list[Step] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """One step; a Mismatch in it is noted and goes on, to end the evening."""
        step = Step(name)
        self.steps.append(step)
        begun = perf_counter()
        try:
            yield step
            step.ok = True
        except Exception as failure:
            step.detail = str(failure) or type(failure).__name__
            raise
        finally:
            if step.ms is None:
                step.took(perf_counter() - begun)
            self._print(step)

    def heading(self, text: str) -> None:
        self._say(f"\n{text}")

    @property
    def ok(self) -> bool:
        return bool(self.steps) and all(step.ok for step in self.steps)

    def document(self) -> str:
        return json.dumps(
            {
                "ok": self.ok,
                "steps": [{"name": s.name, "ok": s.ok, "ms": s.ms, "detail": s.detail} for s in self.steps],
                "pictures": [str(path) for path in self.pictures],
            },
            ensure_ascii=False,
            indent=2,
        )

    def close(self) -> None:
        """The last line: how it went, and where the pictures are."""
        good = sum(step.ok for step in self.steps)
        where = f"; {len(self.pictures)} pictures in {self.pictures[0].parent}/" if self.pictures else ""
        self._say(f"\n{good} of {len(self.steps)} steps as they should be{where}")

    def _print(self, step: Step) -> None:
        mark = "ok " if step.ok else "NO "
        self._say(f"  {mark} {step.name:<{_NAME}}{step.ms:>{_MS}.1f} ms   {step.detail}")

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr if self.quiet else sys.stdout, flush=True)
