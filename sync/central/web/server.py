"""The central store on the network: mutual TLS 1.3, the allow-list at every request, errors in one form, one log line.

    TLS: no certificate of our CA, nothing -> allow-list: 401 -> question -> 200, or {correlationId, errorCode, message}

Runs on a thread of its own, so that a program, a demonstration or a test can hold it.
Not responsible for: what a question means (questions.py), the first start (start.py).
"""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import SQLAlchemyError

from kiosk.loop import Clock, system_clock
from sync import pki, seal
from sync.central import start
from sync.central.database import DatabaseError
from sync.central.desk import Desk
from sync.central.jobs import Turns
from sync.central.machines import devices
from sync.central.messages import delivery
from sync.central.messages.delivery import Deliver, FileDrop
from sync.central.postgres import DatabaseLost
from sync.central.sip2 import cicero
from sync.central.sip2 import listener as sip2
from sync.central.web import enrolment, mypage, questions, refusal
from sync.central.web.entrance import Place
from sync.central.web.listener import DESK, listening, log_bug, respond, watch
from sync.central.web.questions import Site
from sync.rest import wire

TURN_S = 60.0

Answerer = Callable[[Site, web.Request, Desk], Awaitable[str]]

_ROUTES: tuple[tuple[str, str, Answerer], ...] = (
    ("GET", wire.STATUS, questions.status),
    ("POST", wire.AUTHENTICATE, questions.authenticate),
    ("POST", wire.ADMISSIONS, questions.admission),
    ("POST", wire.LOANS, questions.loan),
    ("POST", wire.RETURNS, questions.checkin),
    ("POST", wire.EVENTS, questions.events),
    ("GET", wire.REPLICA, questions.replica),
    ("GET", wire.ACCOUNT, mypage.account),
    ("PATCH", wire.ACCOUNT, mypage.change),
    ("POST", wire.RENEWALS, mypage.renew),
    ("POST", wire.HOLDS, mypage.place_hold),
    ("DELETE", wire.HOLD, mypage.cancel_hold),
)


class CentralServer:
    """One store, listening. `with CentralServer(...) as server: server.address`."""

    def __init__(
        self,
        home: start.Home,
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        enrol_port: int | None = None,
        sip_port: int | None = None,
        deliver: Deliver | None = None,
        computer: Clock = system_clock,
    ) -> None:
        """home: begun and populated. Ports: 0 is any free one; enrol_port None: no machine is let in by a code.

        sip_port None: no SIP2 on a socket. deliver: of messages; None: into the folder `outgoing`.
        clock: for everything but certificates, which are judged by the computer's own.
        """
        self._home, self._clock, self._computer = home, clock, computer
        self._deliver = deliver or FileDrop(home.outgoing)
        self._host, self._port, self._enrol_port, self._sip_port = host, port, enrol_port, sip_port
        self._listening: Future[str] = Future()
        self.enrol_address = self.sip_address = ""
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
        site = Site(start.open_database(self._home), start.locks(self._home), opener, self._clock, self._computer)
        try:
            await self._answer(site, context)
        finally:
            await asyncio.to_thread(site.close)  # what is under way may still want this loop

    async def _answer(self, site: Site, context: ssl.SSLContext) -> None:
        async with AsyncExitStack() as open_places:
            known = partial(_machine_of, site)
            main = Place(self._host, self._port, context, known=known)
            address = await open_places.enter_async_context(listening(application(site, self._home), main))
            if self._enrol_port is not None:
                place = enrolment.place(self._host, self._enrol_port, self._home)
                app = enrolment.application(site, self._home)
                self.enrol_address = await open_places.enter_async_context(listening(app, place))
            if self._sip_port is not None:
                sip_place = Place(self._host, self._sip_port, context, known=known)
                self.sip_address = await open_places.enter_async_context(sip2.listening(site, sip_place))
            self._listening.set_result(address)
            await self._until_stopped(site)

    async def _until_stopped(self, site: Site) -> None:
        """Letters leave beside the turns: a mail server that takes its time keeps no job waiting."""
        turns = Turns(site.locks)
        sending: asyncio.Task[None] | None = None
        while not self._stop.is_set():
            await _turn(site, turns)
            if sending is None or sending.done():
                sending = asyncio.create_task(_send(site, self._deliver, self._stop))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), TURN_S)
        if sending is not None:
            await sending


async def _turn(site: Site, turns: Turns) -> None:
    """What cannot be done now is done at a later turn: a full disk, but also one damaged row, must not end a store."""
    jobs = iter(turns.due(site.clock().wall))
    for job in jobs:
        try:
            await site.work(job)
        except DatabaseLost as problem:
            log_bug(problem, "job")
            for lost in (job, *jobs):  # the others would not find it either, each after seconds
                turns.failed(lost)
        except Exception as problem:
            log_bug(problem, "job")
            turns.failed(job)
    try:
        await asyncio.wrap_future(site.database.settle())
    except (SQLAlchemyError, DatabaseError) as problem:
        log_bug(problem, "settle")


async def _send(site: Site, deliver: Deliver, stop: asyncio.Event) -> None:
    """On a thread of its own: a mail server may take its time, but not from a store that stops."""
    halted: Future[None] = Future()
    work = asyncio.to_thread(delivery.send, site.database, deliver, site.clock().wall, halted)
    sending, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((sending, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        halted.set_result(None)
        stopping.cancel()
    try:
        await sending
    except Exception as problem:  # of one letter, perhaps: the others go a minute later
        log_bug(problem, "messages")


def application(site: Site, home: start.Home) -> web.Application:
    """The paths of the contract, behind the gate."""
    app = web.Application(middlewares=[watch(partial(_let_in, site))], client_max_size=wire.MAX_BODY)
    for method, path, answerer in _ROUTES:
        app.router.add_route(method, path, _answering(site, answerer))
    app.router.add_post(cicero.PATH, partial(cicero.answer, site))
    app.router.add_post(wire.CERTIFICATES, partial(enrolment.renew, site, home.ca))
    return app


def _answering(site: Site, answerer: Answerer) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return respond(200, await answerer(site, request, request[DESK]))

    return answer


# --- the gate -----------------------------------------------------------------------------------


async def _machine_of(site: Site, certificate: bytes) -> str:
    """The certificate's fingerprint when it is on the allow-list, else nothing; nor while the database is away."""
    fingerprint, now = pki.fingerprint_of_der(certificate), site.computer().wall
    try:
        listed = await site.look(lambda connection: devices.find(connection, fingerprint, now))
    except (SQLAlchemyError, DatabaseError) as problem:
        log_bug(problem, "entrance")
        return ""
    return fingerprint if listed else ""


async def _let_in(site: Site, request: web.Request, answer: Handler) -> web.StreamResponse:
    """The allow-list at every request: a certificate may have been revoked, or have run out, since the last one."""
    fingerprint, now = pki.fingerprint_of_der(enrolment.certificate_of(request)), site.computer().wall
    listed = await site.look(lambda connection: devices.find(connection, fingerprint, now))
    if listed is None:
        raise refusal.unauthorized()
    if listed.unused:
        await site.write(lambda connection: devices.take_over(connection, fingerprint, now))
    questions.check_query(request)
    request[DESK] = Desk(listed.device.device, listed.device.branch, site.clock().wall)
    return await answer(request)
