"""SIP2 on a socket: mutual TLS 1.3, one task per connection, one message at a time.

    TLS: no certificate of our CA, nothing -> bytes -> frames -> conversation.py -> bytes

A connection ends when it is idle for long, when a frame does not end, or when its certificate is no longer allowed.
A log line is a message's number, how long it took, and which device: never a field.
Not responsible for: what is said (conversation.py, answers.py).
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from sync import pki
from sync.central.sip2.conversation import Conversation, Ended
from sync.central.sip2.dialect import STANDARD, Dialect
from sync.central.web.entrance import Place, accepting
from sync.central.web.listener import log, log_bug
from sync.central.web.questions import Site
from sync.sip2.codec import Framer, WireError
from sync.sip2.fields import SHAPES

IDLE_S = 600.0
MOST_LINES, MOST_LINES_EACH = 64, 16  # each: certificate; one may speak for several machines
_CHUNK = 4096


@asynccontextmanager
async def listening(site: Site, place: Place, dialect: Dialect = STANDARD) -> AsyncIterator[str]:
    """Answers there as long as it is held. The address, as 127.0.0.1:6001."""
    lines = Lines(site, dialect, place.longest_s or IDLE_S)
    bounded = replace(place, most=MOST_LINES, most_each=MOST_LINES_EACH)
    async with accepting(bounded, lines.protocol, lines.end) as address:
        yield address


class Lines:
    """The connections there are."""

    def __init__(self, site: Site, dialect: Dialect, idle_s: float) -> None:
        self._site, self._dialect, self._idle_s = site, dialect, idle_s
        self._open: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its handshake to its end. Raises nothing."""
        task = asyncio.current_task()
        if task is None:
            raise ConnectionError("outside of any task")
        self._open.add(task)
        try:
            await self._talk(reader, writer)
        except (Ended, WireError, TimeoutError, OSError, asyncio.CancelledError):
            pass  # the line is ended below; there is nobody to tell
        except Exception as bug:
            log_bug(bug, secrets.token_hex(8))
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def end(self) -> None:
        """Ends every connection, and waits for it."""
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        fingerprint = pki.fingerprint_of_der(tls.getpeercert(binary_form=True) or b"")
        conversation, framer = Conversation(self._site, fingerprint, self._dialect), Framer()
        while True:
            async with asyncio.timeout(self._idle_s):
                chunk = await reader.read(_CHUNK)
            if not chunk:
                return
            for frame in framer.feed(chunk):
                await self._reply(writer, conversation, frame)

    async def _reply(self, writer: asyncio.StreamWriter, conversation: Conversation, frame: bytes) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        device, reply = await conversation.hear(frame)
        writer.write(reply)
        async with asyncio.timeout(self._idle_s):
            await writer.drain()
        code = frame[:2].decode("ascii")
        line = {"sip2": code if code in SHAPES else "other", "ms": round((clock() - began) * 1000, 1), "device": device}
        log.info("%s", json.dumps(line))
