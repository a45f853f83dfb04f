"""One connection's conversation: allow-list, checksum, login, what is sent again.

    frame -> allowed still? -> damaged: 96 -> 97, or the same frame again: the reply before, nothing is done twice
          -> 93: login -> message -> reply, with AY and AZ when it was asked with them

A frame is the same when all of it is, not AY and AZ alone: two items whose digits are exchanged have the same sum.
Not responsible for: bytes on the line (listener.py), what is answered (answers.py).
"""

import hashlib
from dataclasses import replace

from sync.central.desk import Desk
from sync.central.machines import devices
from sync.central.sip2 import logins
from sync.central.sip2.answers import answer
from sync.central.sip2.dialect import Dialect
from sync.central.sip2.logins import SipUser
from sync.central.web.questions import Site
from sync.sip2.codec import Message, WireError, decode, encode, is_damaged, message, sequence_of, trailer

STRIKES = 3  # wrong logins


class Ended(Exception):
    """The conversation is over: the certificate is not on the allow-list, or too many wrong logins."""


class Conversation:
    """What one machine has said and heard on one connection. fingerprint: of its certificate."""

    def __init__(self, site: Site, fingerprint: str, dialect: Dialect) -> None:
        self._site, self._fingerprint, self._dialect = site, fingerprint, dialect
        self._user: SipUser | None = None
        self._strikes = 0
        self._asked = b""  # digest of the last frame with AY: it may hold a PIN
        self._replied: Message | None = None
        self._reply = b""

    async def hear(self, frame: bytes) -> tuple[str, bytes]:
        """The device and the reply; an empty one is silence. Raises Ended."""
        desk = await self._desk()
        return desk.device, await self._hear(frame, desk)

    async def _hear(self, frame: bytes, desk: Desk) -> bytes:
        if is_damaged(frame):
            return encode(Message("96"), self._dialect.spelling, checked=True)
        if frame[:2] == b"97":
            return self._again(checked=bool(trailer(frame)))
        asked = hashlib.sha256(frame).digest() if sequence_of(frame) else b""
        if asked and asked == self._asked and frame[:2] != b"99":
            return self._reply
        reply = await self._answer(frame, desk)
        if reply is None:
            return b""
        self._asked, self._replied = asked, reply
        checked = bool(trailer(frame))
        self._reply = encode(reply, self._dialect.spelling, sequence_of(frame), checked=checked)
        return self._reply

    def _again(self, *, checked: bool) -> bytes:
        """The reply before, without AY: SIP2 2.00. Silence when there is none."""
        return b"" if self._replied is None else encode(self._replied, self._dialect.spelling, checked=checked)

    async def _answer(self, frame: bytes, desk: Desk) -> Message | None:
        try:
            said = decode(frame, self._dialect.spelling.encoding)
        except WireError:
            return None
        return await self._login(said) if said.id == "93" else await answer(self._site, desk, said, self._dialect)

    async def _login(self, said: Message) -> Message:
        """Raises Ended after too many wrong ones."""
        if self._strikes >= STRIKES:
            raise Ended
        login, password = said.first("CN"), said.first("CO")
        self._user = await self._site.look(lambda connection: logins.find(connection, login, password))
        self._strikes = 0 if self._user else self._strikes + 1
        return message("94", ("1" if self._user else "0",))

    async def _desk(self) -> Desk:
        """The allow-list at every message: a certificate may have been revoked since the last one. Raises Ended."""
        now = self._site.computer().wall
        listed = await self._site.look(lambda connection: devices.find(connection, self._fingerprint, now))
        if listed is None:
            raise Ended
        if listed.unused:
            await self._site.write(lambda connection: devices.take_over(connection, self._fingerprint, now))
        desk = Desk(listed.device.device, listed.device.branch, self._site.clock().wall)
        user = self._user
        return desk if user is None else replace(desk, branch=user.branch, fills_holds=user.fills_holds)
