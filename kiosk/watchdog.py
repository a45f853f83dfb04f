"""Tells systemd that this process is ready and alive (sd_notify), in the few lines it takes.

Does nothing where systemd did not ask. Not responsible for: deciding that something is wrong; silence does.
"""

import os
import socket
from contextlib import suppress


def ready(status: str) -> None:
    """status: one line for `systemctl status`; nothing about a patron."""
    _notify(f"READY=1\nSTATUS={status}")


def alive() -> None:
    _notify("WATCHDOG=1")


def stopping() -> None:
    _notify("STOPPING=1")


def _notify(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # Whoever does not listen is not waited for: a lock's deadline may not hang on systemd's queue.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out, suppress(OSError):
        # A leading @ is systemd's way to write an abstract address.
        out.sendto(message.encode(), socket.MSG_DONTWAIT, "\0" + address[1:] if address[0] == "@" else address)
