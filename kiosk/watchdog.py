"""Tells systemd that this process is ready and alive (sd_notify), in the few lines it takes.

Does nothing where systemd did not ask. Not responsible for: deciding that something is wrong; silence does.
"""

import os
import socket


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
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        # A leading @ is systemd's way to write an abstract address.
        out.sendto(message.encode(), "\0" + address[1:] if address[0] == "@" else address)
