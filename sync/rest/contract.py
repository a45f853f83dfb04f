"""The contract as data, and openapi.yaml (OpenAPI 3.1) as it is written from it.

    OPERATIONS + the bodies of wire.py + words.py -> document() -> yaml.written() -> openapi.yaml

`python -m sync.rest.contract` prints it, `--write` writes it beside this file.
Not responsible for: answering (sync/central/web), what a field means (words.py).
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from sync.rest import wire
from sync.rest.words import WORDS
from sync.rest.yaml import Node, written

FILE = Path(__file__).with_name("openapi.yaml")
_BODY_S = 10  # for a whole body to arrive
_SCHEMAS, _RESPONSES = "#/components/schemas/", "#/components/responses/"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Error:
    """One errorCode, with its HTTP status."""

    status: int
    code: str
    why: str


BAD_REQUEST = Error(400, "badRequest", "Body, header or query is not in the contract.")
UNAUTHORIZED = Error(401, "clientUnauthorized", "The certificate is not on the allow-list.")
SESSION_EXPIRED = Error(401, "sessionExpired", "X-Session is over, or was given to another machine: ask for the PIN.")
CODE_UNKNOWN = Error(403, "codeUnknown", "No such code.")
CODE_USED = Error(403, "codeUsed", "The code has been used.")
CODE_EXPIRED = Error(403, "codeExpired", "The code has run out.")
NOT_FOUND = Error(404, "dataNotFound", "There is none, or it is not for this machine or patron.")
BAD_METHOD = Error(405, "methodNotAllowed", "The path is not asked with this method.")
TOO_SLOW = Error(408, "requestTimeout", f"The body did not arrive within {_BODY_S} s.")
TOO_LARGE = Error(413, "bodyTooLarge", "The body is larger than the operation allows.")
MISMATCH = Error(422, "idempotencyMismatch", "The Idempotency-Key was used before, for another question.")
TOO_MANY = Error(429, "tooManyRequests", "Too many wrong codes: wait a minute.")
INTERNAL = Error(500, "internalError", "A fault of the store; its log has the correlationId.")
UNAVAILABLE = Error(
    503, "storeUnavailable", "The store's disk is full or its database away: ask again after Retry-After seconds."
)

_ALWAYS = (BAD_REQUEST, BAD_METHOD, INTERNAL, UNAVAILABLE)
_OF_BODY = (TOO_SLOW, TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. errors: beside those that every operation has. enrolling: on the other listener.

    leads_to: the operation that takes the number in the answer.
    """

    method: str
    path: str
    name: str
    says: str
    answer: type[wire.Answer] | None
    question: type[wire.Question] | None = None
    errors: tuple[Error, ...] = ()
    keyed: bool = False
    session: bool = False
    enrolling: bool = False
    query: tuple[str, ...] = ()
    leads_to: str = ""
    limits: str = ""

    @property
    def all_errors(self) -> tuple[Error, ...]:
        mine = (*_ALWAYS, *self.errors, *(_OF_BODY if self.question else ()))
        mine += () if self.enrolling else (UNAUTHORIZED,)
        mine += (SESSION_EXPIRED,) if self.session else ()
        mine += (MISMATCH,) if self.keyed else ()
        return tuple(sorted(mine, key=lambda error: (error.status, error.code)))


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", wire.STATUS, "status", "The store's clock and version; the sign of life.", wire.StatusAnswer),
    Operation(
        "POST",
        wire.AUTHENTICATE,
        "authenticate",
        "Whose card and PIN they are, for a self-checkout machine.",
        wire.AuthenticateAnswer,
        wire.AuthenticateQuestion,
        limits="Five wrong PINs within 15 minutes lock the patron out, each time for longer.",
    ),
    Operation(
        "POST",
        wire.ADMISSIONS,
        "admission",
        "What a door of the machine's own branch may know of a patron.",
        wire.AdmissionAnswer,
        wire.AuthenticateQuestion,
        (NOT_FOUND,),
        limits="Five wrong PINs within 15 minutes lock the patron out, each time for longer.",
    ),
    Operation(
        "POST",
        wire.LOANS,
        "lend",
        "Lends an item to a patron, or says why not.",
        wire.LoanAnswer,
        wire.LoanQuestion,
        (NOT_FOUND,),
        keyed=True,
    ),
    Operation(
        "POST",
        wire.RETURNS,
        "bringBack",
        "Takes an item back and says where to lay it.",
        wire.ReturnAnswer,
        wire.ReturnQuestion,
        keyed=True,
    ),
    Operation(
        "POST",
        wire.EVENTS,
        "events",
        "What happened at the machine, sealed; each is taken once, however often it comes.",
        wire.EventsAnswer,
        wire.EventsQuestion,
        limits=f"At most {wire.MAX_BATCH} events in one question.",
    ),
    Operation(
        "GET",
        wire.REPLICA,
        "replica",
        "What the machines of a branch keep for when the store is silent; the block list from a cursor on.",
        wire.ReplicaAnswer,
        errors=(NOT_FOUND,),
        query=(wire.CURSOR,),
        limits="At most 1000 digests in one answer.",
    ),
    Operation(
        "GET",
        wire.ACCOUNT,
        "account",
        "The patron's own page: loans, holds, fees, messages, contact.",
        wire.AccountAnswer,
        session=True,
    ),
    Operation(
        "PATCH",
        wire.ACCOUNT,
        "changeAccount",
        "Changes what is named of contact, absence and home branch; answers with the page as it is then.",
        wire.AccountAnswer,
        wire.AccountQuestion,
        session=True,
    ),
    Operation(
        "POST",
        wire.RENEWALS,
        "renew",
        "Renews loans of the patron, each by itself.",
        wire.RenewalsAnswer,
        wire.RenewalsQuestion,
        keyed=True,
        session=True,
        limits=f"At most {wire.MAX_RENEWED} loans in one question.",
    ),
    Operation(
        "POST",
        wire.HOLDS,
        "placeHold",
        "Places a hold, or says why not. The same again is already_reserved.",
        wire.HoldAnswer,
        wire.HoldQuestion,
        session=True,
        leads_to="cancelHold",
    ),
    Operation(
        "DELETE",
        wire.HOLD,
        "cancelHold",
        "Cancels a hold of the patron.",
        wire.HoldCancelled,
        errors=(NOT_FOUND,),
        session=True,
    ),
    Operation(
        "POST",
        wire.CERTIFICATES,
        "renewCertificate",
        "A new certificate for the machine that asks; the old one is good until the new one is first used.",
        wire.CertificateAnswer,
        wire.CertificateQuestion,
    ),
    Operation(
        "GET", wire.CA, "ca", "ca.pem, to be checked by its fingerprint before anything else.", None, enrolling=True
    ),
    Operation(
        "POST",
        wire.ENROLMENTS,
        "enrol",
        "A first certificate for a machine, against a code that is then spent.",
        wire.EnrolmentAnswer,
        wire.EnrolmentQuestion,
        (CODE_UNKNOWN, CODE_USED, CODE_EXPIRED, TOO_MANY),
        enrolling=True,
        limits="Ten wrong codes within a minute, and no code is read for the next. A body of at most 20,000 bytes.",
    ),
)

_ABOUT = f"""\
Between Natugle's machines and their central store. Words are FBS's own where it has them.

Transport: TLS 1.3 with a client certificate of the store's CA that stands on its allow-list.
Limits: a body of at most {wire.MAX_BODY} bytes, whole within {_BODY_S} s; unknown fields and unknown query
parameters are refused, unknown fields of an answer are to be ignored. No text holds a control character. Of a field
that stands twice in one body the last one counts. A header begun is whole within {_BODY_S} s; HTTP/1.1 or HTTP/1.0. A
line on which nothing is asked for 75 s is cut, and a machine's ninth line cuts its oldest.
Units: money in whole øre; durations as the name says; dates yyyy-mm-dd in Danish local time; moments ISO 8601 with
their offset.
Errors: every answer but 200 is {{correlationId, errorCode, message}}; correlationId stands in X-RequestId too."""


def document() -> dict[str, Node]:
    """The whole of it, as OpenAPI has it."""
    paths: dict[str, Node] = {}
    for operation in OPERATIONS:
        there = paths.setdefault(operation.path, {})
        if isinstance(there, dict):
            there[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Natugle central store", "version": wire.PREFIX.strip("/"), "description": _ABOUT},
        "security": [{"machine": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": _responses(),
            "headers": {"RequestId": _request_id()},
            "securitySchemes": {
                "machine": {"type": "mutualTLS", "description": "The machine's certificate."},
                "session": {
                    "type": "apiKey",
                    "in": "header",
                    "name": wire.SESSION,
                    "description": "sessionKey of an authenticate answer, from the machine that got it.",
                },
            },
        },
    }


# --- one operation ------------------------------------------------------------------------------


def _operation(operation: Operation) -> dict[str, Node]:
    said: dict[str, Node] = {
        "operationId": operation.name,
        "tags": ["enrolment" if operation.enrolling else "machine"],
        "summary": operation.says,
    }
    if operation.limits:
        said["description"] = operation.limits
    if operation.enrolling:
        said["security"] = []
    elif operation.session:
        said["security"] = [{"machine": [], "session": []}]
    if parameters := _parameters(operation):
        said["parameters"] = parameters
    if operation.question:
        said["requestBody"] = {"required": True, "content": {_JSON: {"schema": _ref(operation.question)}}}
    said["responses"] = {"200": _answer(operation)} | _errors(operation)
    return said


def _parameters(operation: Operation) -> list[Node]:
    found: list[Node] = []
    if "{branchId}" in operation.path:
        isil: dict[str, Node] = {"type": "string", "pattern": "^[A-Za-z0-9-]{1,16}$"}
        found.append(_parameter("path", "branchId", "ISIL of the machine's own branch.", isil))
    if "{holdId}" in operation.path:
        hold: dict[str, Node] = {"type": "integer", "minimum": 1, "maximum": wire.HIGHEST_ROW}
        found.append(_parameter("path", "holdId", "Number of a hold of the patron.", hold))
    if wire.CURSOR in operation.query:
        reached: dict[str, Node] = {"type": "string", "pattern": wire.CURSOR_FORM}
        says = "Cursor of the answer before; without it, or with one that the store does not know, the whole list."
        found.append(_parameter("query", wire.CURSOR, says, reached, required=False))
    if operation.keyed:
        key: dict[str, Node] = {"type": "string", "pattern": "^[A-Za-z0-9_-]{16,64}$"}
        says = "The event's id. The same question under the same key is done once and answered alike."
        found.append(_parameter("header", wire.IDEMPOTENCY_KEY, says, key))
    return found


def _parameter(where: str, name: str, says: str, schema: Mapping[str, Node], *, required: bool = True) -> Node:
    return {"name": name, "in": where, "required": required, "description": says, "schema": dict(schema)}


def _answer(operation: Operation) -> Node:
    if operation.answer is None:
        content: Node = {"application/x-pem-file": {"schema": {"type": "string"}}}
    else:
        content = {_JSON: {"schema": _ref(operation.answer)}}
    said: dict[str, Node] = {"description": "It is answered.", "headers": _headers(), "content": content}
    if operation.leads_to:
        hold: dict[str, Node] = {"holdId": "$response.body#/holdId"}
        said["links"] = {operation.leads_to: {"operationId": operation.leads_to, "parameters": hold}}
    return said


def _errors(operation: Operation) -> dict[str, Node]:
    return {str(errors[0].status): {"$ref": _RESPONSES + _named(errors)} for errors in _grouped(operation)}


def _grouped(operation: Operation) -> list[tuple[Error, ...]]:
    """Its errors, one group for each status."""
    return [tuple(group) for _, group in groupby(operation.all_errors, key=lambda error: error.status)]


def _named(errors: Sequence[Error]) -> str:
    return "-".join(error.code for error in errors)


def _responses() -> dict[str, Node]:
    """Every group of errors that an operation has, once."""
    groups = sorted({group for operation in OPERATIONS for group in _grouped(operation)}, key=_named)
    return {_named(group): _error(group[0].status, group) for group in groups}


def _error(status: int, errors: Sequence[Error]) -> Node:
    codes: list[Node] = [error.code for error in errors]
    schema: Node = {"allOf": [_ref(wire.ErrorAnswer), {"properties": {"errorCode": {"enum": codes}}}]}
    says = " ".join(f"{error.code}: {error.why}" for error in errors)
    return {
        "description": f"{HTTPStatus(status).phrase}. {says}",
        "headers": _headers(),
        "content": {_JSON: {"schema": schema}},
    }


def _headers() -> Node:
    return {"X-RequestId": {"$ref": "#/components/headers/RequestId"}}


def _request_id() -> Node:
    return {"description": WORDS["correlationId"], "required": True, "schema": {"type": "string"}}


# --- bodies -------------------------------------------------------------------------------------


def _ref(body: type[wire.Question | wire.Answer]) -> dict[str, Node]:
    return {"$ref": _SCHEMAS + body.__name__}


def _schemas() -> dict[str, Node]:
    """Every body, by its name, each field described."""
    questions = {operation.question for operation in OPERATIONS if operation.question}
    answers: set[type[wire.Answer]] = {operation.answer for operation in OPERATIONS if operation.answer}
    asked = [(body, "validation") for body in sorted(questions, key=lambda body: body.__name__)]
    told = [(body, "serialization") for body in sorted(answers | {wire.ErrorAnswer}, key=lambda body: body.__name__)]
    inputs: Any = [*asked, *told]  # pydantic's type names the modes as literals
    _, schema = models_json_schema(inputs, by_alias=True, ref_template=_SCHEMAS + "{model}")
    return {name: _described(name, body) for name, body in sorted(schema["$defs"].items())}


def _described(model: str, schema: dict[str, Any]) -> Node:
    described = _plain(schema)
    if fields := schema.get("properties", {}):
        described["properties"] = {
            name: {"description": _words(model, name), **_plain(field)} for name, field in fields.items()
        }
    return described


def _words(model: str, name: str) -> str:
    return WORDS.get(f"{model}.{name}") or WORDS[name]


def _plain(schema: dict[str, Any]) -> dict[str, Node]:
    """Without pydantic's titles, which only repeat the name."""
    return {name: value for name, value in schema.items() if name != "title"}


if __name__ == "__main__":
    text = written(document())
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(text)
    else:
        sys.stdout.write(text)
