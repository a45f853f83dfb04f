"""The patron's own page, on the machine where the PIN was put in: loans, holds, fees, messages; renewals and changes.

    X-Session --> whose it is, on this machine, now --> work on the SQL thread --> answer      none: 401 sessionExpired

Not responsible for: the session's cipher (patrons/sessions.py), what may be renewed or held (circulation/).
"""

import re

from aiohttp import web
from sqlalchemy import Connection

from kiosk.model import BranchId, ItemId, PatronId
from sync.central.circulation import holds, renewing
from sync.central.circulation.account import account_of
from sync.central.circulation.holds import HoldRefusal
from sync.central.circulation.outcomes import RecordId
from sync.central.desk import Desk
from sync.central.machines import answers, spoken
from sync.central.patrons import admission, entries, record
from sync.central.patrons.contact import Absence, Changes, Flaw
from sync.central.web import refusal
from sync.central.web.listener import read
from sync.central.web.listener import spoken as as_json
from sync.central.web.questions import Site, idempotency_key
from sync.rest import wire

_HOLD = re.compile(r"[1-9][0-9]{0,9}")
_SUCCESS = "success"  # FBS: reservationResult


async def account(site: Site, request: web.Request, desk: Desk) -> str:
    patron = _who(site, request, desk)
    return as_json(await site.look(lambda connection: _page(connection, patron, desk)))


async def change(site: Site, request: web.Request, desk: Desk) -> str:
    patron, question = _who(site, request, desk), await read(request, wire.AccountQuestion)
    changes = _changes(question)

    def write(connection: Connection) -> wire.AccountAnswer:
        flaw = record.change(connection, patron, changes)
        if flaw is not None:
            raise refusal.session_expired() if flaw is Flaw.PATRON else refusal.bad_request(f"{flaw.value} is none")
        return _page(connection, patron, desk)

    return as_json(await site.write(write))


async def renew(site: Site, request: web.Request, desk: Desk) -> str:
    patron, key = _who(site, request, desk), idempotency_key(request)
    question = await read(request, wire.RenewalsQuestion)
    chosen = ItemId(",".join(map(str, sorted(question.loan_ids))))
    digest = site.locks.lookup.of_question("renewals", patron, chosen)

    def work(connection: Connection) -> str:
        match answers.recall(connection, desk, key, digest):
            case answers.Kept(before):
                return before
            case answers.Mismatch():
                raise refusal.mismatch()
            case None:
                said = as_json(_renewals(connection, desk, patron, question))
                answers.keep(connection, desk, key, digest, answers.Kept(said, refused=False))
                return said

    return await site.write(work)


async def place_hold(site: Site, request: web.Request, desk: Desk) -> str:
    patron, question = _who(site, request, desk), await read(request, wire.HoldQuestion)
    title, pickup = RecordId(question.record_id), BranchId(question.pickup_branch)
    placed = await site.write(lambda connection: holds.place(connection, patron, title, pickup, desk.at))
    if isinstance(placed, HoldRefusal):
        return as_json(wire.HoldAnswer(result=placed.value))
    return as_json(wire.HoldAnswer(result=_SUCCESS, hold_id=placed))


async def cancel_hold(site: Site, request: web.Request, desk: Desk) -> str:
    patron, hold = _who(site, request, desk), _hold(request)
    if not await site.write(lambda connection: holds.cancel(connection, patron, hold, desk.at)):
        raise refusal.not_found("hold")
    return as_json(wire.HoldCancelled(hold_id=hold))


# --- who, and what is asked ---------------------------------------------------------------------


def _who(site: Site, request: web.Request, desk: Desk) -> PatronId:
    patron = site.sessions.who(request.headers.get(wire.SESSION, ""), desk.device, desk.at)
    if patron is None:
        raise refusal.session_expired()
    return patron


def _hold(request: web.Request) -> int:
    said = request.match_info["holdId"]
    if not _HOLD.fullmatch(said) or int(said) > wire.HIGHEST_ROW:
        raise refusal.bad_request("holdId is not the number of a hold")
    return int(said)


def _changes(question: wire.AccountQuestion) -> Changes:
    away, branch = question.on_hold, question.home_branch
    return Changes(
        absence=None if away is None else Absence(away.start, away.end),
        mobile_notice=question.mobile,
        email_notice=question.email,
        home_branch=None if branch is None else BranchId(branch),
    )


# --- what is answered ---------------------------------------------------------------------------


def _page(connection: Connection, patron: PatronId, desk: Desk) -> wire.AccountAnswer:
    """A session outlives its patron where the record was removed meanwhile."""
    contact = record.contact(connection, patron)
    if contact is None:
        raise refusal.session_expired()
    mine = account_of(connection, patron, desk.at)
    sent = [entry for entry in entries.messages_of(connection, patron) if entry.sent_at is not None]
    return wire.AccountAnswer(
        loans=tuple(map(spoken.loan_line, mine.loans)),
        holds=tuple(map(spoken.hold_line, mine.holds)),
        fees=tuple(map(spoken.fee_line, mine.fees)),
        debt=mine.debt,
        block_status=admission.blocks_of(connection, patron),
        on_hold=spoken.on_hold(contact.absence),
        contact=wire.Contact(mobile=contact.mobile_notice, email=contact.email_notice),
        home_branch=contact.home_branch,
        patron_note=contact.note,
        messages=tuple(map(spoken.message, reversed(sent))),
    )


def _renewals(
    connection: Connection, desk: Desk, patron: PatronId, question: wire.RenewalsQuestion
) -> wire.RenewalsAnswer:
    loans = question.loan_ids
    done = renewing.renew(connection, desk, patron, loans) if loans else renewing.renew_all(connection, desk, patron)
    return wire.RenewalsAnswer(renewals=tuple(map(spoken.renewed, done)))
