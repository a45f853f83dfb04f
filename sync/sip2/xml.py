"""Cicero's envelope: SIP2 text in XML over HTTPS, one message per request.

    <ns1:sip login="…" password="…" xmlns:ns1="http://axiell.com/Schema/sip.xsd"><request>23009…</request></ns1:sip>
    <ns2:sip xmlns:ns2="http://axiell.com/Schema/sip.xsd"><response>24…</response></ns2:sip>   or <error>…</error>
    <restExceptionInfo><correlationId>…</correlationId><errorCode>…</errorCode></restExceptionInfo>   HTTP not 200

XML is read without document types and entities of its own, so nothing in it can grow or reach out.
Not responsible for: HTTP, what the message means.
"""

from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from sync.sip2.codec import MAX_FRAME, WireError

_SCHEMA = "http://axiell.com/Schema/sip.xsd"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_REFUSED = ("<!doctype", "<!entity")


@dataclass(frozen=True, slots=True)
class Asked:
    login: str
    password: str = field(repr=False)
    request: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """The SIP2 message of an answer."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """What the server says instead. code: of a restExceptionInfo, else empty."""

    text: str = field(repr=False)
    code: str = ""


def write_request(asked: Asked) -> bytes:
    said = f"login={quoteattr(asked.login)} password={quoteattr(asked.password)}"
    return f'{_HEAD}<ns1:sip {said} xmlns:ns1="{_SCHEMA}"><request>{escape(asked.request)}</request></ns1:sip>'.encode()


def read_request(body: bytes) -> Asked:
    """A missing login or password is an empty one. Raises WireError."""
    root = _root(body)
    request = root.find("request")
    if _local(root.tag) != "sip" or request is None or not request.text:
        raise WireError("not an envelope with a request")
    return Asked(root.get("login", ""), root.get("password", ""), request.text.strip("\r\n"))


def write_response(text: str) -> bytes:
    return _answer(f"<response>{escape(text)}</response>")


def write_error(text: str) -> bytes:
    return _answer(f"<error>{escape(text)}</error>")


def write_exception(code: str, correlation: str) -> bytes:
    inner = f"<correlationId>{escape(correlation)}</correlationId><errorCode>{escape(code)}</errorCode>"
    return f"{_HEAD}<restExceptionInfo>{inner}</restExceptionInfo>".encode()


def read_answer(body: bytes) -> Response | Failure:
    """Raises WireError for what is none of the three, as a proxy's HTML."""
    root = _root(body)
    said = {_local(element.tag): element.text or "" for element in root.iter()}
    if _local(root.tag) == "restExceptionInfo":
        return Failure("", said.get("errorCode", ""))
    if "error" in said:
        return Failure(said["error"])
    if _local(root.tag) != "sip" or "response" not in said:
        raise WireError("not an envelope with an answer")
    return Response(said["response"])


def _answer(inner: str) -> bytes:
    return f'{_HEAD}<ns2:sip xmlns:ns2="{_SCHEMA}">{inner}</ns2:sip>'.encode()


def _root(body: bytes) -> ElementTree.Element:
    if len(body) > MAX_FRAME:
        raise WireError("an envelope that is too long")
    try:
        text = body.decode("utf-8-sig")  # no other encoding, which could hide what is refused
        if any(word in text.lower() for word in _REFUSED):
            raise WireError("an envelope with a document type")
        return ElementTree.fromstring(text)  # noqa: S314  # neither document type nor entities: refused above
    except (UnicodeDecodeError, ElementTree.ParseError):
        raise WireError("not XML") from None


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
