"""Puts the door's screen together: a window here, the door at the other end of a socket."""

import threading

from config.settings import Settings
from drivers.panel_client import PanelClient
from kiosk.composition.surroundings import clock_of, panel_socket
from kiosk.door import face
from kiosk.model import Denial


def run_panel(settings: Settings) -> int:
    """Blocks until the window is closed or SIGTERM; the exit status."""
    from ui.panel import PanelWindow  # Qt, which the door itself does not need

    door = PanelClient(panel_socket(settings), clock_of(settings))
    screen = settings.screen
    window = PanelWindow(
        door.press,
        fullscreen=screen.fullscreen,
        at=(screen.left, screen.top),
        size=(screen.width, screen.height),
        demo=settings.device.simulated,
        pin_length=settings.door.pin_length,
    )

    def show(packet: bytes) -> None:
        window.show_face(face.decode(packet))

    def lost() -> None:
        window.show_face(face.Face(Denial.OUT_OF_ORDER))

    thread = threading.Thread(target=door.run, args=(show, lost), daemon=True)
    thread.start()
    status = window.exec()
    door.stop()
    thread.join()
    window.close()
    return status
