"""What goes wrong with a question, in FBS's form: status, {correlationId, errorCode, message}.

message is for a technician and never repeats what was sent: that could be a CPR number or a PIN.
Not responsible for: answers that are no errors, as a loan refused.
"""

from http import HTTPStatus

from pydantic import ValidationError

from sync.rest.wire import ErrorAnswer

SESSION_EXPIRED = "sessionExpired"


class Refusal(Exception):
    """Ends a question that cannot be answered. code and message are ours, from the list below."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message

    def body(self, correlation_id: str) -> str:
        answer = ErrorAnswer(correlation_id=correlation_id, error_code=self.code, message=self.message)
        return answer.model_dump_json(by_alias=True)


def unauthorized() -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, "clientUnauthorized", "this certificate is not on the allow-list")


def session_expired() -> Refusal:
    return Refusal(HTTPStatus.UNAUTHORIZED, SESSION_EXPIRED, "this session is over, or another machine's")


def not_found(what: str) -> Refusal:
    return Refusal(HTTPStatus.NOT_FOUND, "dataNotFound", f"no such {what}")


def bad_request(why: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "badRequest", why)


def unreadable(problem: ValidationError) -> Refusal:
    """Of a body that is not in the contract: only pydantic's own words for the kinds of error, as `missing`."""
    kinds = sorted({error["type"] for error in problem.errors(include_url=False, include_context=False)})
    return bad_request(f"the body is not in the contract: {', '.join(kinds)}")


def too_large() -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "bodyTooLarge", "the body is larger than the contract allows")


def mismatch() -> Refusal:
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY, "idempotencyMismatch", "this key was used before, for another question"
    )


def too_slow() -> Refusal:
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, "requestTimeout", "the body did not arrive in time")


def code_refused(code: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, code, message)


def too_many() -> Refusal:
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "tooManyRequests", "too many wrong codes; wait a minute")


def of_status(status: int) -> Refusal:
    """Of what the HTTP layer refuses by itself: no such path, not with this method."""
    match status:
        case HTTPStatus.NOT_FOUND:
            return not_found("path")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "methodNotAllowed", "not with this method")
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return too_large()
        case _:
            return bad_request("not a question of the contract")


def unavailable() -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "storeUnavailable", "the store's database is away; ask again later")


def internal() -> Refusal:
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internalError", "a fault of the store; see its log")
