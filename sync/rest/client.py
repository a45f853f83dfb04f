"""The machine's questions to the central store over REST and mutual TLS: the only import of `requests`.

    kiosk.model values -> wire.py question -> one call within its deadline -> wire.py answer -> kiosk.model values
                                                    `-> DeviceFault(STORE_*), which never carries a text

Not responsible for: repeating a question later (exchange.py), deciding anything (kiosk/).
"""

import http.client
import logging
import ssl
import threading
from dataclasses import dataclass, field
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
import urllib3
from pydantic import ValidationError
from requests.adapters import HTTPAdapter

from kiosk.fault import DeviceFault, Fault
from kiosk.hours import Hours, HoursError
from kiosk.loop import Clock
from kiosk.model import (
    AdmissionFacts,
    AuthRefusal,
    Block,
    Borrower,
    BranchId,
    Credential,
    EventId,
    ItemId,
    Loan,
    LoanRefusal,
    NotLent,
    PatronId,
    Pin,
    Return,
    ReturnRefusal,
)
from sync import pki
from sync.rest import wire
from sync.rest.failures import fault_of
from sync.rest.line import Call, Resolver, pool
from sync.rest.retry import Busy, after_s

AnswerT = TypeVar("AnswerT", bound=wire.Answer)

_HTTPS = 443
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME, which `ssl` has no name for

# urllib3 quotes headers that it cannot read in warnings; what a server says is not for our log.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    UnicodeError,  # requests reads a Location header although it follows none
)


class AddressError(Exception):
    """The store's address is not `https://host` or `https://host:port`."""


class RestStore:
    """A kiosk.ports.CentralStore, and the exchange's push and pull. Any thread may ask.

    address: as `https://store.example:8443`. credentials: the folder with ca.pem, device.pem and device.key. Each new
    line takes what stands there then, or what was good before while that cannot be loaded; a machine which is not
    enrolled yet starts. Raises AddressError; calls raise DeviceFault.
    """

    def __init__(
        self, address: str, credentials: Path, deadline_s: float, clock: Clock, resolver: Resolver | None = None
    ) -> None:
        self._origin, self._credentials = _origin(address), credentials
        self._deadline_s, self._clock = deadline_s, clock
        self._resolver = resolver or Resolver()
        self._guard = threading.Lock()
        self._idle: list[_Line] = []
        self._generation = 0
        self._secured: _Secured | None = None  # what was good when it was last loaded

    # --- kiosk.ports.CentralStore ---

    def authenticate(self, card: Credential, pin: Pin) -> Borrower | AuthRefusal:
        question = wire.AuthenticateQuestion(library_card_number=card.number, pincode=pin.reveal())
        answer = self._post(wire.AUTHENTICATE, question, wire.AuthenticateAnswer)
        return _refusal(answer) or Borrower(_patron(answer), answer.first_name, _blocks(answer))

    def admission(self, card: Credential, pin: Pin, branch: BranchId) -> AdmissionFacts | AuthRefusal:
        question = wire.AuthenticateQuestion(library_card_number=card.number, pincode=pin.reveal())
        answer = self._post(_at(wire.ADMISSIONS, branch), question, wire.AdmissionAnswer)
        return _refusal(answer) or AdmissionFacts(_patron(answer), _blocks(answer), answer.age, answer.permitted)

    def checkout(self, patron: PatronId, item: ItemId, event: EventId) -> Loan | NotLent:
        question = wire.LoanQuestion(patron_id=patron, material_item_number=item)
        answer = self._post(wire.LOANS, question, wire.LoanAnswer, event)
        _same(item, answer.material_item_number)
        if answer.refusal:
            return NotLent(_known(LoanRefusal, answer.refusal, LoanRefusal.OTHER), answer.title)
        if answer.due_date is None:
            raise DeviceFault(Fault.STORE_NONSENSE)
        return Loan(item, answer.title, answer.due_date)

    def checkin(self, item: ItemId, event: EventId) -> Return | ReturnRefusal:
        question = wire.ReturnQuestion(material_item_number=item)
        answer = self._post(wire.RETURNS, question, wire.ReturnAnswer, event)
        _same(item, answer.material_item_number)
        if answer.refusal:
            return _known(ReturnRefusal, answer.refusal, ReturnRefusal.OTHER)
        return Return(item, answer.title, answer.place, answer.held)

    # --- for sync/exchange.py ---

    def push(self, question: wire.EventsQuestion) -> wire.EventsAnswer:
        """One result for each event, in any order; anything else is nonsense."""
        answer = self._post(wire.EVENTS, question, wire.EventsAnswer)
        if sorted(r.event_id for r in answer.results) != sorted(e.event_id for e in question.events):
            raise DeviceFault(Fault.STORE_NONSENSE)
        return answer

    def replica(self, branch: BranchId, cursor: str = "") -> wire.ReplicaAnswer:
        """cursor: of the answer before; empty asks for the whole block list."""
        since = f"?{wire.CURSOR}={quote(cursor, safe='')}" if cursor else ""
        answer = self._get(_at(wire.REPLICA, branch) + since, wire.ReplicaAnswer)
        _same(branch, answer.branch_id)
        _readable(answer.staffed, answer.unstaffed)
        return answer

    def status(self) -> wire.StatusAnswer:
        return self._get(wire.STATUS, wire.StatusAnswer)

    # --- certificates and ends ---

    def renew(self) -> bool:
        """Calls that begin from now on show the certificate that stands in the folder; no call in flight is cut.

        False, and everything is as before, when what stands there cannot be loaded.
        """
        try:
            self._secured = _secured(self._credentials)
        except pki.PkiError:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Leaves no line open; one in flight is closed when its call ends. The next call dials anew."""
        with self._guard:
            self._generation += 1
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def store_time(self) -> datetime:
        """The store's time, for a machine whose clock is behind its own certificate (CLOCK_BEHIND).

        Asked on a line of its own, on which all of the store's certificate is checked but its dates, and over which no
        name, card or PIN ever goes. Taken when it lies within both certificates; else STORE_NOT_TRUSTED.
        """
        secured = self._good()
        context = pki.client_context(*_files(self._credentials))
        context.verify_flags |= _NO_CHECK_TIME
        call = Call(self._clock, self._deadline_s)
        line = _Line(self._origin, context, 0, call, self._resolver)
        try:
            told = _parsed(wire.StatusAnswer, self._on(line, "GET", wire.STATUS, b"", {})).time
        finally:
            line.close()
        store = call.peer
        if store is None or not max(secured.begins, store.begins) <= told <= min(secured.ends, store.ends):
            raise DeviceFault(Fault.STORE_NOT_TRUSTED)
        return told

    # --- the way there and back ---

    def _get(self, path: str, answer: type[AnswerT]) -> AnswerT:
        return _parsed(answer, self._call("GET", path, b"", {}))

    def _post(self, path: str, question: wire.Question, answer: type[AnswerT], event: EventId | None = None) -> AnswerT:
        headers = {"Content-Type": "application/json"}
        if event is not None:
            headers[wire.IDEMPOTENCY_KEY] = event
        return _parsed(answer, self._call("POST", path, question.model_dump_json(by_alias=True).encode(), headers))

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        line = self._line()
        try:
            return self._on(line, method, path, body, headers)
        finally:
            self._give_back(line)

    def _on(self, line: "_Line", method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        try:
            heard = line.ask(requests.Request(method, line.base + path, headers, data=body or None))
        except _FAILURES as error:
            raise DeviceFault(self._told_apart(fault_of(error), line)) from None
        return _accepted(heard, self._clock().wall)

    def _told_apart(self, fault: Fault, line: "_Line") -> Fault:
        """What our own certificate says of it. A clock behind its beginning can judge nobody's dates.

        A store on asyncio (the embedded one) sends no alert when it refuses a certificate: it only hangs up.
        """
        secured, now = self._secured, self._clock().wall
        if fault is Fault.CLOCK_BEHIND and (secured is None or now >= secured.begins):
            return Fault.STORE_NOT_TRUSTED
        if fault is Fault.STORE_SILENT and line.was_left_unheard() and secured and not secured.is_good(now):
            return Fault.STORE_REFUSES_DEVICE
        return fault

    def _line(self) -> "_Line":
        """An idle line, else a new one: as many as there are threads that ask at the same time."""
        with self._guard:
            if self._idle:
                return self._idle.pop()
            generation = self._generation
        call = Call(self._clock, self._deadline_s)
        return _Line(self._origin, self._good().context, generation, call, self._resolver)

    def _good(self) -> "_Secured":
        """Of the folder as it is now; while its files are being exchanged, of what was good before."""
        try:
            self._secured = _secured(self._credentials)
        except pki.PkiError:
            if self._secured is None:
                raise DeviceFault(Fault.STORE_REFUSES_DEVICE) from None
        return self._secured

    def _give_back(self, line: "_Line") -> None:
        with self._guard:
            if line.generation == self._generation:
                self._idle.append(line)
                return
        line.close()


# --- one session --------------------------------------------------------------------------------


class _Pinned(HTTPAdapter):
    """Sends everything through the one pool, so to one host under one context.

    Left out is what `requests` would add: certifi's CAs (verify=True loads 117 of them into a given context),
    REQUESTS_CA_BUNDLE (it would even replace our CA), proxies, retries.
    """

    def __init__(self, only: urllib3.HTTPSConnectionPool) -> None:
        super().__init__(max_retries=0)
        self._only = only

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPSConnectionPool:
        return self._only

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The context has said it all."""

    def close(self) -> None:
        self._only.close()
        super().close()


class _Line:
    """One kept-alive connection with its own context and session. For one caller at a time."""

    def __init__(
        self, origin: tuple[str, int], context: ssl.SSLContext, generation: int, call: Call, resolver: Resolver
    ) -> None:
        self.generation = generation
        self.base = f"https://{origin[0]}:{origin[1]}"
        self._call = call
        self._session = _session(_Pinned(pool(origin, context, call, resolver)))

    def ask(self, request: requests.Request) -> "_Heard":
        """Raises what requests, urllib3, http.client and socket raise.

        A kept-alive connection may be closed by the store in the moment it is used again. That says nothing about the
        store, so the question goes out once more, on a fresh connection and within the same deadline. It is harmless:
        loans, returns and events carry their id, the rest only asks. (At worst a wrong PIN counts twice; but who
        closes before the first byte of an answer has, as a rule, not read the question.)
        """
        self._call.begin()
        prepared = self._session.prepare_request(request)
        try:
            return self._once(prepared)
        except OSError:  # every error of requests is one
            if self._call.dialled or self._call.heard:
                raise
        return self._once(prepared)

    def _once(self, prepared: requests.PreparedRequest) -> "_Heard":
        try:
            # The timeout here covers nothing alone: the line's sockets know what is left of the call's time.
            sent = self._session.send(prepared, stream=True, allow_redirects=False, timeout=self._call.left_s())
            with sent as response:
                body = response.raw.read(wire.MAX_BODY + 1, decode_content=False)
                cut = not body or response.raw.length_remaining
        except _FAILURES:
            cut = True
            if not self._call.ended:
                raise
        if cut and self._call.ended:
            # http.client takes what was cut for the whole: odd, without a body, or with half of one.
            raise ConnectionAbortedError
        headers = response.headers
        return _Heard(response.status_code, body, headers.get("Retry-After", ""), headers.get("Date", ""))

    def was_left_unheard(self) -> bool:
        """The store shook hands and said nothing more."""
        return self._call.met and not self._call.heard

    def close(self) -> None:
        self._session.close()


@dataclass(frozen=True, slots=True)
class _Heard:
    """An answer, whatever it says. retry_after, dated: headers as they came."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str = field(repr=False)
    dated: str = field(repr=False)


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", adapter)
    session.headers.clear()
    session.headers.update({"User-Agent": "natugle", "Accept": "application/json", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


@dataclass(frozen=True, slots=True)
class _Secured:
    """A context, and from when until when our certificate in it is good. of_ca: of the CA that we trust ourselves."""

    context: ssl.SSLContext
    begins: datetime
    ends: datetime
    of_ca: bool

    def is_good(self, now: datetime) -> bool:
        """As far as can be told from here."""
        return self.of_ca and self.begins <= now <= self.ends


def _secured(credentials: Path) -> _Secured:
    """Raises PkiError."""
    ca, identity = _files(credentials)
    context = pki.client_context(ca, identity)
    begins, ends = pki.begins_at(identity.cert), pki.ends_at(identity.cert)
    return _Secured(context, begins, ends, pki.is_signed_by(ca, identity.cert))


def _files(credentials: Path) -> tuple[Path, pki.Identity]:
    return credentials / "ca.pem", pki.Identity(credentials / "device.pem", credentials / "device.key")


def _origin(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _HTTPS
    except ValueError:
        raise AddressError("not an address") from None
    if parts.scheme != "https" or not host or parts.path not in ("", "/") or parts.query or parts.username:
        raise AddressError("expected https://host or https://host:port")
    return (f"[{host}]" if ":" in host else host), port


# --- which fault an answer is -------------------------------------------------------------------

_BUSY_STATUS = frozenset({408, 429, 502, 503, 504})  # too slow, too often, or a gateway whose store is away
_REFUSED_STATUS = frozenset({401, 403})


def _accepted(heard: _Heard, wall: datetime) -> bytes:
    if heard.status in _BUSY_STATUS:
        raise Busy(after_s(heard.retry_after, heard.dated, wall))
    if heard.status in _REFUSED_STATUS:
        raise DeviceFault(Fault.STORE_REFUSES_DEVICE)
    if heard.status != http.client.OK or len(heard.body) > wire.MAX_BODY:
        raise DeviceFault(Fault.STORE_NONSENSE)
    return heard.body


# --- answers to the words of the field ----------------------------------------------------------


def _parsed(answer: type[AnswerT], body: bytes) -> AnswerT:
    try:
        return answer.model_validate_json(body, by_name=False)
    except ValidationError:
        raise DeviceFault(Fault.STORE_NONSENSE) from None


def _refusal(answer: wire.AuthenticateAnswer | wire.AdmissionAnswer) -> AuthRefusal | None:
    if answer.authenticate_status is wire.AuthenticateStatus.VALID:
        return None
    return AuthRefusal(answer.authenticate_status.value)


def _patron(answer: wire.AuthenticateAnswer | wire.AdmissionAnswer) -> PatronId:
    if not answer.patron_id:
        raise DeviceFault(Fault.STORE_NONSENSE)
    return PatronId(answer.patron_id)


def _blocks(answer: wire.AuthenticateAnswer | wire.AdmissionAnswer) -> frozenset[Block]:
    return frozenset(_known(Block, status.blocked_reason, Block.OTHER) for status in answer.block_status)


KnownT = TypeVar("KnownT", Block, LoanRefusal, ReturnRefusal)


def _known(kind: type[KnownT], value: str, other: KnownT) -> KnownT:
    """A newer store may say more than this machine knows."""
    try:
        return kind(value)
    except ValueError:
        return other


def _same(asked: str, answered: str) -> None:
    if asked != answered:
        raise DeviceFault(Fault.STORE_NONSENSE)


def _readable(staffed: str, unstaffed: str) -> None:
    """Hours that cannot be read must not take the place of hours that can."""
    try:
        Hours(staffed, unstaffed)
    except HoursError:
        raise DeviceFault(Fault.STORE_NONSENSE) from None


def _at(path: str, branch: BranchId) -> str:
    return path.replace("{branchId}", quote(branch, safe=""))
