"""One connection's conversation: allow-list, checksum, login, what is sent again.

    frame -> certificate and login allowed still?
          -> damaged: 96 -> 97, or the same frame again: the reply before, nothing is done twice
          -> 93: login -> message -> reply, with AY and AZ when it was asked with them

A frame is the same when all of it is, not AY and AZ alone: two items whose digits are exchanged have the same sum.
From a login on, the line is read and written in that login's encoding; before it, in the dialect's.
Not responsible for: bytes on the line (listener.py), what is answered (answers.py).
"""

import hashlib
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from sync.central.desk import Desk
from sync.central.machines import devices
from sync.central.machines.devices import Listed
from sync.central.sip2 import logins
from sync.central.sip2.answers import answer
from sync.central.sip2.dialect import Dialect
from sync.central.sip2.logins import Claim, SipUser
from sync.central.web.questions import Site
from sync.sip2.codec import Message, Spelling, WireError, decode, encode, is_damaged, message, sequence_of, trailer

STRIKES = 3  # wrong logins


class Ended(Exception):
    """The conversation is over: the certificate or the login is good no longer, or too many wrong logins."""


@dataclass(frozen=True, slots=True)
class _Peer:
    """Who speaks, as it stands at this message. user: of a login."""

    listed: Listed
    user: SipUser | None


class Conversation:
    """What one machine has said and heard on one connection. fingerprint: of its certificate."""

    def __init__(self, site: Site, fingerprint: str, dialect: Dialect) -> None:
        self._site, self._fingerprint, self._dialect = site, fingerprint, dialect
        self._claim: Claim | None = None
        self._strikes = 0
        self._asked = b""  # digest of the last frame with AY: it may hold a PIN
        self._replied: Message | None = None
        self._reply = b""

    async def hear(self, frame: bytes) -> tuple[str, bytes]:
        """The device and the reply; an empty one is silence. Raises Ended."""
        peer = await self._peer()
        return peer.listed.device.device, await self._hear(frame, peer)

    async def _hear(self, frame: bytes, peer: _Peer) -> bytes:
        spelling = self._spelling(peer)
        if is_damaged(frame):
            return encode(Message("96"), spelling, checked=True)
        if frame[:2] == b"97":
            return self._again(spelling, checked=bool(trailer(frame)))
        asked = hashlib.sha256(frame).digest() if sequence_of(frame) else b""
        if asked and asked == self._asked and frame[:2] != b"99":
            return self._reply
        reply = await self._answer(frame, peer, spelling)
        if reply is None:
            return b""
        self._asked, self._replied = asked, reply
        checked = bool(trailer(frame))
        self._reply = encode(reply, spelling, sequence_of(frame), checked=checked)
        return self._reply

    def _again(self, spelling: Spelling, *, checked: bool) -> bytes:
        """The reply before, without AY: SIP2 2.00. Silence when there is none."""
        return b"" if self._replied is None else encode(self._replied, spelling, checked=checked)

    async def _answer(self, frame: bytes, peer: _Peer, spelling: Spelling) -> Message | None:
        try:
            said = decode(frame, spelling.encoding)
        except WireError:
            return None
        if said.id == "93":
            return await self._login(said)
        return await answer(self._site, self._desk(peer), said, self._dialect)

    async def _login(self, said: Message) -> Message:
        """Raises Ended after too many wrong ones."""
        if self._strikes >= STRIKES:
            raise Ended
        claim = logins.claim(said.first("CN"), said.first("CO"))
        right = await self._site.look(lambda connection: logins.check(connection, claim)) is not None
        self._claim = claim if right else None
        self._strikes = 0 if right else self._strikes + 1
        return message("94", ("1" if right else "0",))

    async def _peer(self) -> _Peer:
        """At every message: certificate and login may have become worth nothing since the last one. Raises Ended."""
        now, claim = self._site.computer().wall, self._claim

        def seen(connection: Connection) -> tuple[Listed | None, SipUser | None]:
            listed = devices.find(connection, self._fingerprint, now)
            return listed, logins.check(connection, claim) if claim else None

        listed, user = await self._site.look(seen)
        if listed is None or (claim and user is None):
            raise Ended
        if listed.unused:
            await self._site.write(lambda connection: devices.take_over(connection, self._fingerprint, now))
        return _Peer(listed, user)

    def _desk(self, peer: _Peer) -> Desk:
        desk = Desk(peer.listed.device.device, peer.listed.device.branch, self._site.clock().wall)
        return replace(desk, branch=peer.user.branch, fills_holds=peer.user.fills_holds) if peer.user else desk

    def _spelling(self, peer: _Peer) -> Spelling:
        spelling = self._dialect.spelling
        return replace(spelling, encoding=peer.user.encoding) if peer.user else spelling
