"""How the store listens and speaks: connections, errors in one form, one log line per request.

    bytes -> _Line -> watch -> (who is it, what is asked: given from outside) -> answer, or {correlationId, ...}

Not responsible for: who may speak and what a question means (server.py, enrolment.py, questions.py).
"""

import asyncio
import json
import logging
import secrets
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler
from pydantic import ValidationError

from sync.central.desk import Desk
from sync.central.web import refusal
from sync.central.web.refusal import Refusal
from sync.rest.wire import Answer, Question

QuestionT = TypeVar("QuestionT", bound=Question)

BODY_S = 10.0  # for a whole body to arrive
DESK = web.RequestKey("desk", Desk)
_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})
_SHUTDOWN_S = 2.0
_HANDSHAKE_S = 10.0

log = logging.getLogger("central")
# aiohttp's own lines hold pieces of what was sent: none of them is written.
_silent = logging.Logger("central.http", logging.CRITICAL + 1)


# --- listening ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen. port 0: any free one. longest_s: after which a connection is cut, whatever it is doing."""

    host: str
    port: int
    context: ssl.SSLContext
    longest_s: float | None = None


@asynccontextmanager
async def listening(app: web.Application, place: Place) -> AsyncIterator[str]:
    """Answers there as long as it is held. The address, as https://127.0.0.1:4431."""
    runner = web.AppRunner(app, access_log=None, logger=_silent, auto_decompress=False, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    listener = await asyncio.get_running_loop().create_server(
        partial(_line, runner, place.longest_s),
        place.host,
        place.port,
        ssl=place.context,
        ssl_handshake_timeout=_HANDSHAKE_S,
    )
    try:
        yield f"https://{place.host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()
        open_lines = [line.transport for line in runner.server.connections] if runner.server else []
        await runner.cleanup()
        for transport in filter(None, open_lines):
            transport.abort()  # a machine that keeps its line idle does not answer TLS's farewell


# --- bytes that are no HTTP ---------------------------------------------------------------------


class _Line(RequestHandler):
    """One connection. aiohttp's answer to bytes that are no HTTP repeats them and tells its version; ours does not."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  # aiohttp's signature
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way")
        correlation = secrets.token_hex(8)
        log.info("%s", json.dumps({"route": "none", "status": status, "correlation": correlation}))
        response = _refused(refusal.of_status(status), correlation)
        response.force_close()
        return response


def _line(runner: web.AppRunner, longest_s: float | None) -> RequestHandler:
    """A connection as aiohttp makes it, with our `handle_error`; it has no setting for that."""
    server = runner.server
    if server is None:
        raise ConnectionError("the server is not set up")
    line = server()
    line.__class__ = _Line
    if longest_s is not None:
        asyncio.get_running_loop().call_later(longest_s, _cut, line)
    return line


def _cut(line: RequestHandler) -> None:
    if line.transport is not None:
        line.transport.abort()


# --- every request ------------------------------------------------------------------------------


def watch(admit: Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]) -> Middleware:
    """Everything that holds for every request, around `admit`, which says who it is and lets the answer come."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        clock = asyncio.get_running_loop().time
        began, correlation = clock(), secrets.token_hex(8)
        response = await _or_error(partial(admit, request, handler), correlation)
        response.headers["X-RequestId"] = correlation
        _log(request, response.status, (clock() - began) * 1000, correlation)
        return response

    return gate


async def _or_error(work: Callable[[], Awaitable[web.StreamResponse]], correlation: str) -> web.StreamResponse:
    try:
        return await work()
    except Refusal as refused:
        return _refused(refused, correlation)
    except web.HTTPException as refused:
        response = _refused(refusal.of_status(refused.status), correlation)
        if "Allow" in refused.headers:
            response.headers["Allow"] = refused.headers["Allow"]
        return response
    except Exception as bug:
        log_bug(bug, correlation)
        return _refused(refusal.internal(), correlation)


def _refused(refused: Refusal, correlation: str) -> web.Response:
    response = respond(refused.status, refused.body(correlation))
    if refused.status in (401, 408, 413) and refused.code != refusal.SESSION_EXPIRED:
        response.force_close()
    return response


def respond(status: int, body: str) -> web.Response:
    headers = {"Cache-Control": "no-store", "Server": "natugle"}
    return web.Response(status=status, text=body, content_type="application/json", headers=headers)


def log_bug(bug: Exception, correlation: str) -> None:
    """Class, files and lines: the text of an exception could name a patron."""
    frames = reversed(traceback.extract_tb(bug.__traceback__))
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    log.error("%s", json.dumps({"bug": type(bug).__name__, "where": where, "correlation": correlation}))


def _log(request: web.Request, status: int, took_ms: float, correlation: str) -> None:
    """One line per request: never a path with values, a header or a body."""
    resource = request.match_info.route.resource
    desk = request.get(DESK)
    line = {
        "method": request.method if request.method in _METHODS else "other",
        "route": resource.canonical if resource else "none",
        "status": status,
        "ms": round(took_ms, 1),
        "correlation": correlation,
        "device": desk.device if desk else "none",
    }
    log.info("%s", json.dumps(line))


# --- reading and speaking -----------------------------------------------------------------------


async def read(request: web.Request, kind: type[QuestionT]) -> QuestionT:
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.read()
        return kind.model_validate_json(body)
    except TimeoutError:
        raise refusal.too_slow() from None
    except (web.RequestPayloadError, ConnectionError):
        raise refusal.bad_request("the body is broken off") from None
    except ValidationError as problem:
        raise refusal.unreadable(problem) from None


def spoken(answer: Answer) -> str:
    return answer.model_dump_json(by_alias=True)
