"""Where a test or a technician's trial hears what a Source puts: in order, and with a time to wait."""

import contextlib
import queue
import threading
from collections.abc import Iterator

from kiosk.fault import Cleared, Raised
from kiosk.model import Reading
from kiosk.ports import Source

Given = Reading | Raised | Cleared


class Inbox:
    """A kiosk.ports.Put that keeps what it is given until it is asked for."""

    def __init__(self) -> None:
        self._given: queue.SimpleQueue[Given] = queue.SimpleQueue()

    def __call__(self, given: Given) -> None:
        self._given.put(given)

    def next(self, timeout_s: float = 10.0) -> Given | None:
        """The next one; None when none came in time."""
        with contextlib.suppress(queue.Empty):
            return self._given.get(timeout=timeout_s)
        return None

    def until(self, wanted: Given, timeout_s: float = 10.0) -> list[Given]:
        """All up to the wanted one, and with it as the last, unless it did not come: then without."""
        heard: list[Given] = []
        while (given := self.next(timeout_s)) is not None:
            heard.append(given)
            if given == wanted:
                break
        return heard


@contextlib.contextmanager
def running(source: Source, inbox: Inbox) -> Iterator[Inbox]:
    """The source on a thread of its own, stopped and waited for at the end."""
    thread = threading.Thread(target=source.run, args=(inbox,), name="source")
    thread.start()
    try:
        yield inbox
    finally:
        source.stop()
        thread.join()
