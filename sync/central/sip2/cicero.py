"""Cicero's SIP2 over HTTPS: one message per POST, in an envelope with login and password.

    POST /rest/sip2/DK-766100  <ns1:sip login password><request>23…</request></ns1:sip>
    -> 200 <ns2:sip><response>24…</response></ns2:sip>      or <error>…</error>: login, or a message not answered here
    -> 403 <restExceptionInfo> another library's agency     -> 400 <restExceptionInfo> no envelope

The gate before it is that of every path: TLS, certificate, allow-list. No checksum, no login message, no resending.
Not responsible for: the messages (answers.py), what the gate and a bug answer (web/: in JSON).
"""

import asyncio
import secrets
from dataclasses import replace

from aiohttp import web

from sync.central.sip2 import logins
from sync.central.sip2.answers import answer as answer_to
from sync.central.sip2.asked import agency_of
from sync.central.sip2.dialect import CICERO
from sync.central.web.listener import BODY_S, DESK
from sync.central.web.questions import Site
from sync.sip2 import xml
from sync.sip2.codec import WireError, decode_text, encode_text
from sync.sip2.xml import Asked

PATH = "/rest/sip2/{agency}"

_UNSET = "Required field: LOGIN_PASSWORD must be set!"
_WRONG = "Login failed"
_UNSUPPORTED = "Unsupported message"


async def answer(site: Site, request: web.Request) -> web.Response:
    """Answers one POST; the desk was found by the gate."""
    if request.match_info["agency"] != await site.look(agency_of):
        return _exception(403, "AGENCY_NOT_ALLOWED")
    try:
        async with asyncio.timeout(BODY_S):
            asked = xml.read_request(await request.read())
    except TimeoutError:
        return _exception(408, "REQUEST_TIMEOUT")
    except (WireError, web.RequestPayloadError, ConnectionError):
        return _exception(400, "BAD_REQUEST")
    return _xml(200, await _answered(site, request, asked))


async def _answered(site: Site, request: web.Request, asked: Asked) -> bytes:
    if not asked.login or not asked.password:
        return xml.write_error(_UNSET)
    user = await site.look(lambda connection: logins.find(connection, asked.login, asked.password))
    if user is None:
        return xml.write_error(_WRONG)
    try:
        said = decode_text(asked.request)
    except WireError:
        return xml.write_error(_UNSUPPORTED)
    desk = replace(request[DESK], branch=user.branch, fills_holds=user.fills_holds)
    reply = await answer_to(site, desk, said, CICERO)
    return xml.write_error(_UNSUPPORTED) if reply is None else xml.write_response(encode_text(reply, CICERO.spelling))


def _exception(status: int, code: str) -> web.Response:
    response = _xml(status, xml.write_exception(code, secrets.token_hex(8)))
    if status == 408:
        response.force_close()
    return response


def _xml(status: int, body: bytes) -> web.Response:
    headers = {"Cache-Control": "no-store", "Server": "natugle"}
    return web.Response(status=status, body=body, content_type="application/xml", charset="utf-8", headers=headers)
