"""Each question of the contract (rest/wire.py): read strictly, answered as JSON.

    body -> question -> work on the SQL thread, in one transaction -> answer
    PIN: whose card -> count the try (SQL thread) while Argon2id runs (a small pool of its own)
                    -> clear the try and say who (SQL thread)

Not responsible for: TLS, the allow-list, errors as HTTP (server.py).
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from typing import TypeVar

from aiohttp import web
from sqlalchemy import Connection

from kiosk.loop import Clock
from kiosk.model import BranchId, Credential, ItemId, PatronId, Pin
from sync.central.circulation import lending, returning
from sync.central.circulation.outcomes import Lent
from sync.central.database import Database, Work
from sync.central.desk import Desk
from sync.central.machines import answers
from sync.central.machines.intake import Intake, open_batch
from sync.central.machines.replica import told
from sync.central.machines.spoken import loan_answer, return_answer
from sync.central.patrons import admission as patrons
from sync.central.patrons import tries
from sync.central.patrons.locks import Locks
from sync.central.patrons.sessions import SessionKey
from sync.central.patrons.tries import LockedOut
from sync.central.postgres import PostgresDatabase
from sync.central.web import refusal
from sync.central.web.listener import read, spoken
from sync.rest.wire import (
    CURSOR,
    CURSOR_FORM,
    IDEMPOTENCY_KEY,
    REPLICA,
    AdmissionAnswer,
    AuthenticateAnswer,
    AuthenticateQuestion,
    AuthenticateStatus,
    EventsQuestion,
    LoanAnswer,
    LoanQuestion,
    ReturnAnswer,
    ReturnQuestion,
    StatusAnswer,
)
from sync.seal import Opener

ResultT = TypeVar("ResultT")

PIN_THREADS = 2  # 19 MiB and one core each
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_CURSOR = re.compile(CURSOR_FORM)
_QUERIES = {REPLICA: frozenset({CURSOR})}
_VERSION = version("natugle")


@dataclass(frozen=True)
class Site:
    """What every question is answered with."""

    database: Database | PostgresDatabase
    locks: Locks
    opener: Opener
    clock: Clock
    computer: Clock  # for certificates
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(PIN_THREADS, "pin"))

    @cached_property
    def sessions(self) -> SessionKey:
        return SessionKey(self.locks.lookup.session_key())

    async def write(self, work: Work[ResultT]) -> ResultT:
        """A short work: nobody is answered meanwhile, where the database is a file."""
        return await self.database.write_soon(work, asyncio.get_running_loop())

    async def work(self, work: Work[ResultT]) -> ResultT:
        """A long one, beside the questions of others."""
        return await asyncio.wrap_future(self.database.write(work))

    async def read(self, work: Work[ResultT]) -> ResultT:
        return await asyncio.wrap_future(self.database.read(work))

    async def look(self, work: Work[ResultT]) -> ResultT:
        """For a few rows by their keys: at once, where the database can."""
        found = self.database.look(work)
        return found.result() if found.done() else await asyncio.wrap_future(found)

    def close(self) -> None:
        self.pool.shutdown()
        self.database.close()


# --- who ----------------------------------------------------------------------------------------


async def authenticate(site: Site, request: web.Request, desk: Desk) -> str:
    question = await read(request, AuthenticateQuestion)
    proved = await _proved(site, question, desk, patrons.introduce)
    if isinstance(proved, AuthenticateStatus):
        return spoken(AuthenticateAnswer(authenticate_status=proved))
    session = site.sessions.give(PatronId(proved.patron_id), desk.device, desk.at)
    return spoken(proved.model_copy(update={"session_key": session}))


async def admission(site: Site, request: web.Request, desk: Desk) -> str:
    branch, question = _branch(request, desk), await read(request, AuthenticateQuestion)
    admit = partial(patrons.admission, branch=branch, now=desk.at)
    proved = await _proved(site, question, desk, admit)
    return spoken(AdmissionAnswer(authenticate_status=proved) if isinstance(proved, AuthenticateStatus) else proved)


async def _proved(
    site: Site, question: AuthenticateQuestion, desk: Desk, say: Callable[[Connection, PatronId], ResultT]
) -> ResultT | AuthenticateStatus:
    """What `say` says of the patron, when card and PIN belong together; it is asked where the tries are cleared.

    Each way to the SQL thread and back costs a waiting patron more than the SQL does. An unknown card takes the same
    time as a wrong PIN.
    """
    digest = site.locks.lookup.of_card(Credential(question.library_card_number))
    attempt = await site.look(lambda connection: tries.attempt(connection, digest, desk.at))
    if isinstance(attempt, LockedOut):
        return AuthenticateStatus.LOANER_LOCKED_OUT
    counting = site.write(lambda connection: tries.count_try(connection, attempt.subject, desk.at))
    check = partial(site.locks.pins.matches, Pin(question.pincode), attempt.pin_hash)
    checking = asyncio.get_running_loop().run_in_executor(site.pool, check)
    counted, right = await asyncio.gather(counting, checking)
    if not counted:
        return AuthenticateStatus.LOANER_LOCKED_OUT
    patron = attempt.patron
    if not right or patron is None:
        return AuthenticateStatus.INVALID

    def cleared(connection: Connection) -> ResultT:
        tries.clear_tries(connection, attempt.subject)
        return say(connection, patron)

    return await site.write(cleared)


# --- loans and returns --------------------------------------------------------------------------


async def loan(site: Site, request: web.Request, desk: Desk) -> str:
    key, question = idempotency_key(request), await read(request, LoanQuestion)
    patron, item = PatronId(question.patron_id), ItemId(question.material_item_number)

    def lend(connection: Connection) -> LoanAnswer:
        if not patrons.is_known(connection, patron):
            raise refusal.not_found("patron")
        outcome = lending.checkout(connection, desk, patron, item)
        if isinstance(outcome, Lent) and outcome.again:
            lending.take_again(connection, item, desk.at)
        return loan_answer(outcome)

    asked = _Asked(key, item, site.locks.lookup.of_question("loan", patron, item))
    return await site.write(lambda connection: _once(connection, desk, asked, lend))


async def checkin(site: Site, request: web.Request, desk: Desk) -> str:
    key, question = idempotency_key(request), await read(request, ReturnQuestion)
    item = ItemId(question.material_item_number)

    def bring_back(connection: Connection) -> ReturnAnswer:
        return return_answer(returning.checkin(connection, desk, item))

    asked = _Asked(key, item, site.locks.lookup.of_question("return", None, item))
    return await site.write(lambda connection: _once(connection, desk, asked, bring_back))


@dataclass(frozen=True, slots=True)
class _Asked:
    """digest: of all that was asked, keyed."""

    key: str
    item: ItemId
    digest: str


def _once(connection: Connection, desk: Desk, asked: _Asked, work: Work[LoanAnswer] | Work[ReturnAnswer]) -> str:
    """The kept answer, or what `work` answers now, kept in the same transaction."""
    match answers.recall(connection, desk, asked.key, asked.digest):
        case answers.Kept() as before:
            return before.about(asked.item)
        case answers.Mismatch():
            raise refusal.mismatch()
        case None:
            kept = answers.kept_of(work(connection))
            answers.keep(connection, desk, asked.key, asked.digest, kept)
            return kept.about(asked.item)


# --- events, replica, status --------------------------------------------------------------------


async def events(site: Site, request: web.Request, desk: Desk) -> str:
    question = await read(request, EventsQuestion)

    def take(connection: Connection) -> str:
        batch = open_batch(site.opener, desk.device, question)
        return spoken(Intake(connection, desk, question.queue_epoch, site.locks.lookup).take(batch))

    return await site.work(take)


async def replica(site: Site, request: web.Request, desk: Desk) -> str:
    branch, since = _branch(request, desk), _cursor(request)
    return spoken(await site.read(lambda connection: told(connection, site.locks, branch, since, desk.at)))


async def status(_site: Site, _request: web.Request, desk: Desk) -> str:
    return spoken(StatusAnswer(time=desk.at, version=_VERSION))


# --- reading ------------------------------------------------------------------------------------


def idempotency_key(request: web.Request) -> str:
    said = request.headers.getall(IDEMPOTENCY_KEY, [])
    if len(said) != 1 or not _KEY.fullmatch(said[0]):
        raise refusal.bad_request(f"{IDEMPOTENCY_KEY} is missing, not an event's id, or there twice")
    return said[0]


def check_query(request: web.Request) -> None:
    """A parameter that the path does not have is refused, as an unknown field is."""
    resource = request.match_info.route.resource
    if resource is not None and request.query.keys() - _QUERIES.get(resource.canonical, frozenset()):
        raise refusal.bad_request("a query parameter that is not in the contract")


def _cursor(request: web.Request) -> str:
    """Empty where there is none."""
    said = request.query.getall(CURSOR, [])
    if len(said) > 1 or not all(map(_CURSOR.fullmatch, said)):
        raise refusal.bad_request(f"{CURSOR} is not one of an answer")
    return said[0] if said else ""


def _branch(request: web.Request, desk: Desk) -> BranchId:
    """The branch that is asked about: a machine's own, whatever others there are."""
    if request.match_info["branchId"] != desk.branch:
        raise refusal.not_found("branch")
    return desk.branch
