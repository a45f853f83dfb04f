"""A machine's certificate: the first by a code, on a listener without client certificates; the next over mutual TLS.

    GET  /v1/ca            ca.pem; the machine checks its fingerprint      } only while `--enrol-port` is given,
    POST /v1/enrolments    {code, csr} -> a certificate, and the code is spent  } and nothing else there
    POST /v1/certificates  {csr} -> a certificate beside the one in use    on the main listener

Ten wrong codes from one address within a minute, or a hundred from all, and no more is read until fewer are that young.
A code has 80 random bits: what the bound keeps is the store's time, and its log readable.
Not responsible for: what a code is (machines/enrolment.py), who is on the allow-list (machines/devices.py).
"""

from dataclasses import dataclass
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from sync import pki
from sync.central import start
from sync.central.desk import Desk
from sync.central.machines import devices, enrolment
from sync.central.machines.devices import Certificate, Device
from sync.central.machines.enrolment import Enrolled, NotEnrolled
from sync.central.web import refusal
from sync.central.web.entrance import Place
from sync.central.web.listener import DESK, read, respond, spoken, watch
from sync.central.web.questions import Site
from sync.central.web.refusal import Refusal
from sync.pki import Identity, PkiError, Validity
from sync.rest import wire

WRONG, WRONG_IN_ALL, WINDOW_S = 10, 100, 60.0
MOST_LINES, MOST_LINES_EACH = 32, 24  # each: address; a whole library may stand behind one
_MAX_BODY = 20_000  # a code and a CSR are below 1 kB
_LONGEST_S = 60.0  # nobody here has shown a certificate: no connection stays


@dataclass(frozen=True, slots=True, eq=False)
class Try:
    """A code on its way. mono: seconds."""

    address: str
    mono: float


class WrongCodes:
    """The codes that were wrong within the last minute, or may turn out to be: many at once gain nothing."""

    def __init__(self) -> None:
        self._tries: list[Try] = []

    def begin(self, address: str, mono: float) -> Try | None:
        """Counts one before it is looked at; None when there are too many already."""
        self._tries = [one for one in self._tries if mono - one.mono < WINDOW_S]
        mine = sum(one.address == address for one in self._tries)
        if mine >= WRONG or len(self._tries) >= WRONG_IN_ALL:
            return None
        begun = Try(address, mono)
        self._tries.append(begun)
        return begun

    def was_right(self, begun: Try) -> None:
        if begun in self._tries:
            self._tries.remove(begun)


def place(host: str, port: int, home: start.Home) -> Place:
    """Raises PkiError."""
    return Place(host, port, pki.open_context(home.server), _LONGEST_S, MOST_LINES, MOST_LINES_EACH)


def application(site: Site, home: start.Home) -> web.Application:
    """The two paths for a machine that has no certificate yet."""
    app = web.Application(middlewares=[watch(_anyone)], client_max_size=_MAX_BODY)
    app.router.add_get(wire.CA, partial(_ca, home))
    app.router.add_post(wire.ENROLMENTS, partial(_enrol, site, home, WrongCodes()))
    return app


async def _anyone(request: web.Request, answer: Handler) -> web.StreamResponse:
    return await answer(request)


async def _ca(home: start.Home, _request: web.Request) -> web.StreamResponse:
    response = respond(200, home.ca.cert.read_text())
    response.content_type = "application/x-pem-file"
    return response


async def _enrol(site: Site, home: start.Home, wrong: WrongCodes, request: web.Request) -> web.StreamResponse:
    question = await read(request, wire.EnrolmentQuestion)
    now, csr = site.computer().wall, question.csr.encode()
    _check(csr)
    begun = wrong.begin(request.remote or "", site.computer().mono)
    if begun is None:
        raise refusal.too_many()
    validity = Validity(now, start.DEVICE_DAYS)
    sign = partial(_signed, home.ca, csr, validity)
    done = await site.write(lambda connection: enrolment.use(connection, question.code, sign, now))
    if done is not NotEnrolled.UNKNOWN:
        wrong.was_right(begun)
    if isinstance(done, NotEnrolled):
        raise _refusal(done)
    request[DESK] = Desk(done.device.device, done.device.branch, now)  # for the log
    return respond(200, spoken(_answer(home, done)))


def _answer(home: start.Home, done: Enrolled) -> wire.EnrolmentAnswer:
    return wire.EnrolmentAnswer(
        certificate=done.certificate.decode(),
        seal_public=home.seal_public.read_text(),
        device=done.device.device,
        branch=done.device.branch,
    )


async def renew(site: Site, ca: Identity, request: web.Request) -> web.StreamResponse:
    """Behind the gate. Both certificates are good until the new one is first used."""
    csr = (await read(request, wire.CertificateQuestion)).csr.encode()
    _check(csr)
    in_use = certificate_of(request)
    if pki.same_key(csr, in_use):
        raise refusal.bad_request("the request is for the key in use; a new one is needed")
    device, now = Device(request[DESK].device, request[DESK].branch), site.computer().wall
    signed, certificate = _signed(ca, csr, Validity(now, start.DEVICE_DAYS), device)
    before = pki.fingerprint_of_der(in_use)
    if not await site.write(lambda connection: devices.renew(connection, device, before, certificate, now)):
        raise refusal.unauthorized()
    return respond(200, spoken(wire.CertificateAnswer(certificate=signed.decode())))


def certificate_of(request: web.Request) -> bytes:
    """The peer's, as DER; nothing where there is none."""
    tls = None if request.transport is None else request.transport.get_extra_info("ssl_object")
    return (None if tls is None else tls.getpeercert(binary_form=True)) or b""


def _check(csr: bytes) -> None:
    try:
        pki.check_request(csr)
    except PkiError as problem:
        raise refusal.bad_request(str(problem)) from None


def _signed(ca: Identity, csr: bytes, validity: Validity, device: Device) -> tuple[bytes, Certificate]:
    pem = pki.sign_device(ca, csr, device.device, validity)
    return pem, Certificate(pki.fingerprint(pem), validity.until)


def _refusal(why: NotEnrolled) -> Refusal:
    match why:
        case NotEnrolled.UNKNOWN:
            return refusal.code_refused("codeUnknown", "no such code")
        case NotEnrolled.USED:
            return refusal.code_refused("codeUsed", "this code has been used; make another at the store")
        case NotEnrolled.EXPIRED:
            return refusal.code_refused("codeExpired", "this code has run out; make another at the store")
