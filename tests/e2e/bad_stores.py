"""Stores that answer wrongly, slowly, not at all, or are somebody else's; each under the address of the site's own.

Not responsible for: what the client makes of each (tests/sync/rest); here it is what the whole machine makes of it.
"""

import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.demo.site import Site
from kiosk.fault import Fault
from kiosk.loop import system_clock
from kiosk.model import EventId, ItemId, PatronId
from sync import pki
from sync.central import seed
from sync.rest import wire
from sync.rest.client import RestStore
from tests.e2e.rig import port_of
from tests.sync.rest.scripted import Act, Asked, Installation, Scripted, Sock, answer, says, store


@dataclass(frozen=True, slots=True)
class Bad:
    """fault: what its machine calls it. context: of which CA, under which name; a folder for its keys."""

    name: str
    fault: Fault
    act: Act
    context: Callable[[Site, Path], ssl.SSLContext]

    def __str__(self) -> str:
        return self.name


def _ours(site: Site, _: Path) -> ssl.SSLContext:
    return pki.server_context(site.home.ca.cert, site.home.server)


def _of_another_name(site: Site, folder: Path) -> ssl.SSLContext:
    validity = pki.Validity(system_clock().wall, days=10)
    identity = pki.make_server(site.home.ca, pki.make_directory(folder), ["elsewhere.example"], validity)
    return pki.server_context(site.home.ca.cert, identity)


def _of_another_ca(_: Site, folder: Path) -> ssl.SSLContext:
    return Installation(folder).context()


def _silent(_: Sock, __: Asked) -> bool:
    return True  # listens on, and says nothing


def _dripping(sock: Sock, _: Asked) -> bool:
    """Never silent for long, never done before the deadline; ends when the machine has hung up."""
    wait = threading.Event()
    for byte in answer({"time": "2026-03-02T10:00:00+00:00", "version": "1"}):
        sock.sendall(bytes([byte]))
        wait.wait(0.1)
    return False


_HTML = b"<!doctype html><title>Log ind</title><h1>Velkommen til det frie net</h1>"
ANSWERING = (
    Bad("HTML", Fault.STORE_NONSENSE, says(_HTML), _ours),
    Bad("status 500", Fault.STORE_NONSENSE, says({"errorCode": "internal"}, 500), _ours),
    Bad("silent", Fault.STORE_SILENT, _silent, _ours),
    Bad("a byte at a time", Fault.STORE_SILENT, _dripping, _ours),
)
STRANGERS = (
    Bad("another name", Fault.STORE_NOT_TRUSTED, says({}), _of_another_name),
    Bad("another CA", Fault.STORE_NOT_TRUSTED, says({}), _of_another_ca),
)


@contextmanager
def bad_store(site: Site, bad: Bad, folder: Path) -> Iterator[Scripted]:
    """In everything it is asked. folder: for keys of its own."""
    with store(bad.context(site, folder), bad.act, port=port_of(site)) as running:
        yield running


# --- good for some questions only -----------------------------------------------------------------

_VALID = {"authenticateStatus": "VALID", "patronId": seed.ADULT.patron}
_GOOD = {
    wire.STATUS: says({"time": "2026-03-02T10:00:00+00:00", "version": "1"}),
    wire.AUTHENTICATE: says(_VALID | {"firstName": seed.ADULT.first_name}),
    wire.ADMISSIONS.format(branchId=seed.ULFBORG): says(_VALID | {"age": seed.ADULT.age}),
}


def _replica(sock: Sock, asked: Asked) -> bool:
    rules = {"branchId": seed.ULFBORG, "name": "Ulfborg", "staffed": "off", "unstaffed": "24/7"}
    numbers = {"minimumAge": 15, "loanDays": 30, "asOf": system_clock().wall.isoformat()}
    nobody = {"key": b64encode(bytes(32)).decode(), "whole": True}
    return says(rules | numbers | {"cursor": "00000000000000aa-1", "blockList": nobody})(sock, asked)


@contextmanager
def store_that_keeps_nothing(site: Site, at_loans: Act) -> Iterator[Scripted]:
    """Knows the adult, and says it is well; answers loans and returns by `at_loans`, and takes no event."""

    def act(sock: Sock, asked: Asked) -> bool:
        return _acts(at_loans).get(asked.path.partition("?")[0], says({"errorCode": "internal"}, 500))(sock, asked)

    with store(_ours(site, site.folder), act, port=port_of(site)) as running:
        site.address = f"https://127.0.0.1:{running.port}"
        yield running


def _acts(at_loans: Act) -> dict[str, Act]:
    replica = wire.REPLICA.format(branchId=seed.ULFBORG)
    return _GOOD | {replica: _replica, wire.LOANS: at_loans, wire.RETURNS: at_loans}


def lends_and_says_nothing(real: RestStore) -> Act:
    """The loan is made; the answer is lost on its way."""

    def act(_: Sock, asked: Asked) -> bool:
        question = wire.LoanQuestion.model_validate_json(asked.body)
        key = EventId(asked.headers[wire.IDEMPOTENCY_KEY.lower()])
        real.checkout(PatronId(question.patron_id), ItemId(question.material_item_number), key)
        return True

    return act


def keys_asked(running: Scripted, path: str) -> list[str]:
    """Under which ids loans or returns were asked for, each once, in order."""
    asked = (question.headers[wire.IDEMPOTENCY_KEY.lower()] for question in running.asked if question.path == path)
    return list(dict.fromkeys(asked))
