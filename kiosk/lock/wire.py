"""What door and lock say to each other on the unix socket: one JSON object per packet. Pure.

    door -> lock   {"pulse": "<grant>", "ms": 5000}
    lock -> door   {"grant": "<grant>", "line": "high"}      after reading the line back
                   {"grant": "<grant>", "line": "low"}       when the pulse has ended
                   {"grant": "<grant>", "refused": "busy"}

Not responsible for: the socket (kiosk/lock/unit.py, drivers/lock_client.py).
"""

import json

from kiosk.lock.machine import Confirm, Ended, Pulse, Refusal, Refuse
from kiosk.model import GrantId

MAX_PACKET = 512  # bytes
_LONGEST_GRANT = 64


class WireError(Exception):
    """A packet that is none of the above."""


Said = Confirm | Ended | Refuse


def encode_pulse(pulse: Pulse) -> bytes:
    return json.dumps({"pulse": pulse.grant, "ms": pulse.ms}).encode()


def decode_pulse(packet: bytes) -> Pulse:
    """Raises WireError."""
    body = _object(packet)
    grant, ms = body.get("pulse"), body.get("ms")
    if set(body) != {"pulse", "ms"} or not isinstance(ms, int) or isinstance(ms, bool):
        raise WireError("not a pulse")
    return Pulse(_grant(grant), ms)


def encode_said(said: Said) -> bytes:
    match said:
        case Confirm(grant):
            body = {"grant": grant, "line": "high"}
        case Ended(grant):
            body = {"grant": grant, "line": "low"}
        case Refuse(grant, why):
            body = {"grant": grant, "refused": why.value}
    return json.dumps(body).encode()


def decode_said(packet: bytes) -> Said:
    """Raises WireError."""
    body = _object(packet)
    grant = _grant(body.get("grant"))
    match body:
        case {"line": "high"}:
            return Confirm(grant)
        case {"line": "low"}:
            return Ended(grant)
        case {"refused": why} if why in {refusal.value for refusal in Refusal}:
            return Refuse(grant, Refusal(why))
        case _:
            raise WireError("not an answer of the lock")


def _object(packet: bytes) -> dict[str, object]:
    try:
        body = json.loads(packet[:MAX_PACKET])
    except (ValueError, RecursionError):
        raise WireError("not JSON") from None
    if not isinstance(body, dict):
        raise WireError("not an object")
    return body


def _grant(value: object) -> GrantId:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_GRANT:
        raise WireError("not a grant")
    return GrantId(value)
