"""The central store on the network: mutual TLS 1.3, the allow-list at every request, errors in one form, one log line.

    TLS: no certificate of our CA, nothing -> allow-list: 401 -> question -> 200, or {correlationId, errorCode, message}

Runs on a thread of its own, so that a program, a demonstration or a test can hold it.
Not responsible for: what a question means (questions.py), the first start (start.py).
"""

import asyncio
import json
import logging
import secrets
import ssl
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestHandler
from sqlalchemy.exc import SQLAlchemyError

from kiosk.loop import Clock
from sync import pki, seal
from sync.central import retention, start
from sync.central.database import Database
from sync.central.desk import Desk
from sync.central.machines.devices import find
from sync.central.web import questions, refusal
from sync.central.web.questions import Site
from sync.central.web.refusal import Refusal
from sync.rest import wire

PURGE_S = 60.0
_SHUTDOWN_S = 2.0
_HANDSHAKE_S = 10.0
_DESK = web.RequestKey("desk", Desk)

log = logging.getLogger("central")
# aiohttp's own lines hold pieces of what was sent: none of them is written.
_silent = logging.Logger("central.http", logging.CRITICAL + 1)

Answerer = Callable[[Site, web.Request, Desk], Awaitable[str]]

_ROUTES: tuple[tuple[str, str, Answerer], ...] = (
    ("GET", wire.STATUS, questions.status),
    ("POST", wire.AUTHENTICATE, questions.authenticate),
    ("POST", wire.ADMISSIONS, questions.admission),
    ("POST", wire.LOANS, questions.loan),
    ("POST", wire.RETURNS, questions.checkin),
    ("POST", wire.EVENTS, questions.events),
    ("GET", wire.REPLICA, questions.replica),
)


class CentralServer:
    """One store, listening. `with CentralServer(...) as server: server.address`."""

    def __init__(self, home: start.Home, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        """home: begun and populated. port 0: any free one. clock: for everything but TLS."""
        self._home, self._clock = home, clock
        self._host, self._port = host, port
        self._listening: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="central")

    def start(self) -> str:
        """The address, as https://127.0.0.1:4431, once it answers there. Raises what kept it from listening."""
        self._thread.start()
        return self._listening.result()

    @property
    def address(self) -> str:
        return self._listening.result()

    def stop(self) -> None:
        """Ends what is under way, closes the database, and waits for both. Harmless when repeated."""
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> "CentralServer":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as bug:
            if self._listening.done():
                raise
            self._listening.set_exception(bug)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        context = pki.server_context(self._home.ca.cert, self._home.server)
        opener = seal.Opener(seal.load_private(self._home.seal_private))
        site = Site(Database(self._home.database), start.locks(self._home), opener, self._clock)
        try:
            await self._answer(site, context)
        finally:
            site.close()

    async def _answer(self, site: Site, context: ssl.SSLContext) -> None:
        runner = web.AppRunner(
            application(site), access_log=None, logger=_silent, auto_decompress=False, shutdown_timeout=_SHUTDOWN_S
        )
        await runner.setup()
        listener = await asyncio.get_running_loop().create_server(
            partial(_line, runner), self._host, self._port, ssl=context, ssl_handshake_timeout=_HANDSHAKE_S
        )
        try:
            self._listening.set_result(f"https://{self._host}:{listener.sockets[0].getsockname()[1]}")
            await self._until_stopped(site)
        finally:
            listener.close()
            open_lines = [line.transport for line in runner.server.connections] if runner.server else []
            await runner.cleanup()
            for transport in filter(None, open_lines):
                transport.abort()  # a machine that keeps its line idle does not answer TLS's farewell

    async def _until_stopped(self, site: Site) -> None:
        while not self._stop.is_set():
            await _forget(site)
            try:
                await asyncio.wait_for(self._stop.wait(), PURGE_S)
            except TimeoutError:
                continue


async def _forget(site: Site) -> None:
    """What a full disk keeps from being forgotten now is forgotten at a later turn."""
    try:
        await site.write(lambda connection: retention.purge(connection, site.clock().wall))
        await asyncio.wrap_future(site.database.settle())
    except SQLAlchemyError as problem:
        _log_bug(problem, "retention")


def application(site: Site) -> web.Application:
    """The paths of the contract, behind the gate."""
    app = web.Application(middlewares=[_gate(site)], client_max_size=wire.MAX_BODY)
    for method, path, answerer in _ROUTES:
        app.router.add_route(method, path, _answering(site, answerer))
    return app


def _answering(site: Site, answerer: Answerer) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return _response(200, await answerer(site, request, request[_DESK]))

    return answer


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
        response = _error(refusal.of_status(status), correlation)
        response.force_close()
        return response


def _line(runner: web.AppRunner) -> RequestHandler:
    """A connection as aiohttp makes it, with our `handle_error`; it has no setting for that."""
    server = runner.server
    if server is None:
        raise ConnectionError("the server is not set up")
    line = server()
    line.__class__ = _Line
    return line


# --- the gate -----------------------------------------------------------------------------------


def _gate(site: Site) -> Middleware:
    """Everything that holds for every request."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        clock = asyncio.get_running_loop().time
        began, correlation = clock(), secrets.token_hex(8)
        response = await _or_error(partial(_let_in, site, request, handler), correlation)
        response.headers["X-RequestId"] = correlation
        _log(request, response.status, (clock() - began) * 1000, correlation)
        return response

    return gate


async def _let_in(site: Site, request: web.Request, answer: Handler) -> web.StreamResponse:
    fingerprint = _fingerprint(request)
    device = site.database.look(lambda connection: find(connection, fingerprint))
    if device is None:
        raise refusal.unauthorized()
    request[_DESK] = Desk(device.device, device.branch, site.clock().wall)
    return await answer(request)


async def _or_error(work: Callable[[], Awaitable[web.StreamResponse]], correlation: str) -> web.StreamResponse:
    try:
        return await work()
    except Refusal as refused:
        return _error(refused, correlation)
    except web.HTTPException as refused:
        return _error(refusal.of_status(refused.status), correlation)
    except Exception as bug:
        _log_bug(bug, correlation)
        return _error(refusal.internal(), correlation)


def _fingerprint(request: web.Request) -> str:
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    return pki.fingerprint_of_der(certificate or b"")


def _error(refused: Refusal, correlation: str) -> web.Response:
    response = _response(refused.status, refused.body(correlation))
    if refused.status in (401, 408, 413):
        response.force_close()
    return response


def _response(status: int, body: str) -> web.Response:
    headers = {"Cache-Control": "no-store", "Server": "natugle"}
    return web.Response(status=status, text=body, content_type="application/json", headers=headers)


def _log_bug(bug: Exception, correlation: str) -> None:
    """Class, files and lines: the text of an exception could name a patron."""
    frames = reversed(traceback.extract_tb(bug.__traceback__))
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    log.error("%s", json.dumps({"bug": type(bug).__name__, "where": where, "correlation": correlation}))


def _log(request: web.Request, status: int, took_ms: float, correlation: str) -> None:
    """One line per request: never a path with values, a header or a body."""
    resource = request.match_info.route.resource
    desk = request.get(_DESK)
    line = {
        "method": request.method if request.method in ("GET", "POST") else "other",
        "route": resource.canonical if resource else "none",
        "status": status,
        "ms": round(took_ms, 1),
        "correlation": correlation,
        "device": desk.device if desk else "none",
    }
    log.info("%s", json.dumps(line))
