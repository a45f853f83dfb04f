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
from functools import partial
from importlib.metadata import version
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError
from sqlalchemy import Connection, select

from kiosk.loop import Clock
from kiosk.model import BranchId, Credential, ItemId, PatronId, Pin
from sync.central.circulation import lending
from sync.central.database import Database, Work
from sync.central.desk import Desk
from sync.central.machines import answers
from sync.central.machines.intake import Intake, open_batch
from sync.central.machines.spoken import loan_answer, return_answer
from sync.central.patrons import admission as patrons
from sync.central.patrons import tries
from sync.central.patrons.locks import Locks
from sync.central.patrons.tries import LockedOut
from sync.central.schema import branches
from sync.central.web import refusal
from sync.rest.wire import (
    IDEMPOTENCY_KEY,
    AdmissionAnswer,
    Answer,
    AuthenticateAnswer,
    AuthenticateQuestion,
    AuthenticateStatus,
    EventsQuestion,
    LoanAnswer,
    LoanQuestion,
    Question,
    ReplicaAnswer,
    ReturnAnswer,
    ReturnQuestion,
    StatusAnswer,
)
from sync.seal import Opener

QuestionT = TypeVar("QuestionT", bound=Question)
ResultT = TypeVar("ResultT")

BODY_S = 10.0  # for a whole body to arrive
PIN_THREADS = 2  # 19 MiB and one core each
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_VERSION = version("natugle")


@dataclass(frozen=True, slots=True)
class Site:
    """What every question is answered with."""

    database: Database
    locks: Locks
    opener: Opener
    clock: Clock
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(PIN_THREADS, "pin"))

    async def write(self, work: Work[ResultT]) -> ResultT:
        return await asyncio.wrap_future(self.database.write(work))

    async def read(self, work: Work[ResultT]) -> ResultT:
        return await asyncio.wrap_future(self.database.read(work))

    def close(self) -> None:
        self.pool.shutdown()
        self.database.close()


# --- who ----------------------------------------------------------------------------------------


async def authenticate(site: Site, request: web.Request, desk: Desk) -> str:
    question = await _body(request, AuthenticateQuestion)
    proved = await _proved(site, question, desk, patrons.introduce)
    return _json(AuthenticateAnswer(authenticate_status=proved) if isinstance(proved, AuthenticateStatus) else proved)


async def admission(site: Site, request: web.Request, desk: Desk) -> str:
    branch, question = _branch(request, desk), await _body(request, AuthenticateQuestion)
    admit = partial(patrons.admission, branch=branch, now=desk.at)
    proved = await _proved(site, question, desk, admit)
    return _json(AdmissionAnswer(authenticate_status=proved) if isinstance(proved, AuthenticateStatus) else proved)


async def _proved(
    site: Site, question: AuthenticateQuestion, desk: Desk, say: Callable[[Connection, PatronId], ResultT]
) -> ResultT | AuthenticateStatus:
    """What `say` says of the patron, when card and PIN belong together; it is asked where the tries are cleared.

    Each way to the SQL thread and back costs a waiting patron more than the SQL does. An unknown card takes the same
    time as a wrong PIN.
    """
    digest = site.locks.lookup.of_card(Credential(question.library_card_number))
    attempt = site.database.look(lambda connection: tries.attempt(connection, digest, desk.at))
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
    key, question = _key(request), await _body(request, LoanQuestion)
    patron, item = PatronId(question.patron_id), ItemId(question.material_item_number)

    def lend(connection: Connection) -> LoanAnswer:
        if not patrons.is_known(connection, patron):
            raise refusal.not_found("patron")
        return loan_answer(lending.checkout(connection, desk, patron, item))

    digest = site.locks.lookup.of_question("loan", patron, item)
    return await site.write(lambda connection: _once(connection, desk, key, digest, lend))


async def checkin(site: Site, request: web.Request, desk: Desk) -> str:
    key, question = _key(request), await _body(request, ReturnQuestion)
    item = ItemId(question.material_item_number)
    digest = site.locks.lookup.of_question("return", None, item)

    def bring_back(connection: Connection) -> ReturnAnswer:
        return return_answer(lending.checkin(connection, desk, item))

    return await site.write(lambda connection: _once(connection, desk, key, digest, bring_back))


def _once(
    connection: Connection, desk: Desk, key: str, digest: str, work: Work[LoanAnswer] | Work[ReturnAnswer]
) -> str:
    """The kept answer, or what `work` answers now, kept in the same transaction."""
    match answers.recall(connection, desk, key, digest):
        case answers.Kept(before):
            return before
        case answers.Mismatch():
            raise refusal.mismatch()
        case None:
            answer = work(connection)
            kept = answers.Kept(_json(answer), refused=bool(answer.refusal))
            answers.keep(connection, desk, key, digest, kept)
            return kept.answer


# --- events, replica, status --------------------------------------------------------------------


async def events(site: Site, request: web.Request, desk: Desk) -> str:
    question = await _body(request, EventsQuestion)

    def take(connection: Connection) -> str:
        batch = open_batch(site.opener, desk.device, question)
        return _json(Intake(connection, desk, question.queue_epoch, site.locks.lookup).take(batch))

    return await site.write(take)


async def replica(site: Site, request: web.Request, desk: Desk) -> str:
    branch = _branch(request, desk)

    def copy(connection: Connection) -> ReplicaAnswer:
        row = connection.execute(select(branches).where(branches.c.branch_id == branch)).one()
        return ReplicaAnswer(
            as_of=desk.at,
            branch_id=row.branch_id,
            name=row.name,
            staffed=row.staffed,
            unstaffed=row.unstaffed,
            minimum_age=row.minimum_age,
            loan_days=row.loan_days,
        )

    return _json(await site.read(copy))


async def status(_site: Site, _request: web.Request, desk: Desk) -> str:
    return _json(StatusAnswer(time=desk.at, version=_VERSION))


# --- reading ------------------------------------------------------------------------------------


async def _body(request: web.Request, kind: type[QuestionT]) -> QuestionT:
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


def _key(request: web.Request) -> str:
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if not _KEY.fullmatch(key):
        raise refusal.bad_request(f"{IDEMPOTENCY_KEY} is missing or not an event's id")
    return key


def _branch(request: web.Request, desk: Desk) -> BranchId:
    """The branch that is asked about: a machine's own, whatever others there are."""
    if request.match_info["branchId"] != desk.branch:
        raise refusal.not_found("branch")
    return desk.branch


def _json(answer: Answer) -> str:
    return answer.model_dump_json(by_alias=True)
