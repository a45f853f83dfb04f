"""How the store listens and speaks: connections, errors in one form, one log line per request.

    entrance.py -> bytes -> _Line -> watch -> (who is it, what is asked: given from outside)
                     |                `- answer, or {correlationId, errorCode, message}
                     `- no whole header within 10 s, no question for 75 s: cut

Not responsible for: how many connections there are (entrance.py), who may speak and what a question means (server.py,
enrolment.py, questions.py).
"""

import asyncio
import json
import logging
import secrets
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler
from pydantic import ValidationError

from sync.central.away import is_away
from sync.central.desk import Desk
from sync.central.web import refusal
from sync.central.web.entrance import Place, accepting
from sync.central.web.refusal import Refusal
from sync.rest.wire import Answer, Question

QuestionT = TypeVar("QuestionT", bound=Question)

BODY_S = 10.0  # for a whole body to arrive
HEADER_S = 10.0  # for a whole header to arrive, from the first byte on or from the handshake
IDLE_S = 75.0  # between two questions
RETRY_S = 30  # after the database was away
DESK = web.RequestKey("desk", Desk)
_VERSIONS = frozenset({HttpVersion10, HttpVersion11})
_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE"})
_SHUTDOWN_S = 2.0

log = logging.getLogger("central")
# aiohttp's own lines hold pieces of what was sent: none of them is written.
_silent = logging.Logger("central.http", logging.CRITICAL + 1)


# --- listening ----------------------------------------------------------------------------------


@asynccontextmanager
async def listening(app: web.Application, place: Place) -> AsyncIterator[str]:
    """Answers there as long as it is held. The address, as https://127.0.0.1:4431."""
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    server = runner.server
    if server is None:
        raise ConnectionError("the server is not set up")
    server.request_handler = partial(_in_form, server.request_handler)
    async with accepting(place, partial(_line, server, place.longest_s), runner.cleanup) as address:
        yield f"https://{address}"


# --- bytes that are no HTTP ---------------------------------------------------------------------


class _Line(RequestHandler):
    """One connection. aiohttp's answer to bytes that are no HTTP repeats them and tells its version; ours does not.

    Nor has aiohttp a deadline for a header that was begun.
    """

    __slots__ = ("_answering", "_header_due")

    def __init__(self, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # it is asked whether it is there
            logger=_silent,
            auto_decompress=False,
            keepalive_timeout=IDLE_S,
        )
        self._answering = False
        self._header_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._header_due = asyncio.get_running_loop().call_later(HEADER_S, self.cut)

    def data_received(self, data: bytes) -> None:
        if not self._answering and self._header_due is None:
            self._header_due = asyncio.get_running_loop().call_later(HEADER_S, self.cut)
        super().data_received(data)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Its header is whole; what comes meanwhile is the body."""
        self._answering = True
        if self._header_due is not None:
            self._header_due.cancel()
            self._header_due = None
        try:
            yield
        finally:
            self._answering = False

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002  # aiohttp's signature
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way")
        return _unheard(status)


async def _in_form(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], request: web.BaseRequest
) -> web.StreamResponse:
    """aiohttp refuses an `Expect` that it does not know before `watch` is reached, and repeats it."""
    line = request.protocol
    if not isinstance(line, _Line):
        raise ConnectionError("another's line")
    if request.version not in _VERSIONS:
        line.cut()  # an answer would be in the version that was asked with
        return _unheard(HTTPStatus.BAD_REQUEST)
    with line.answering():
        try:
            return await answer(request)
        except web.HTTPException as refused:
            return _unheard(refused.status)


def _unheard(status: int) -> web.Response:
    """To what no part of the contract has seen; the line ends, for what follows on it may be anything."""
    correlation, refused = secrets.token_hex(8), refusal.of_status(status)
    log.info("%s", json.dumps({"route": "none", "status": refused.status, "correlation": correlation}))
    response = _refused(refused, correlation)
    response.force_close()
    return response


def _line(server: web.Server, longest_s: float | None) -> RequestHandler:
    line = _Line(server)
    if longest_s is not None:
        asyncio.get_running_loop().call_later(longest_s, line.cut)
    return line


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
        return _refused(refusal.unavailable() if is_away(bug) else refusal.internal(), correlation)


def _refused(refused: Refusal, correlation: str) -> web.Response:
    response = respond(refused.status, refused.body(correlation))
    if refused.status in (401, 408, 413) and refused.code != refusal.SESSION_EXPIRED:
        response.force_close()
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_S)
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
        return kind.model_validate_json(body, by_name=False)
    except TimeoutError:
        raise refusal.too_slow() from None
    except (web.RequestPayloadError, ConnectionError):
        raise refusal.bad_request("the body is broken off") from None
    except ValidationError as problem:
        raise refusal.unreadable(problem) from None


def spoken(answer: Answer) -> str:
    return answer.model_dump_json(by_alias=True)
