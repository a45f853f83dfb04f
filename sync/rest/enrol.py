"""`kiosk enrol`: the machine makes its own key, and has it certified at the store by a code that is good once.

    GET  /v1/ca          believed by nobody yet: its fingerprint must be the one that was read out
    POST /v1/enrolments  over TLS that this CA vouches for: {code, csr} -> certificate, seal-public
    -> ca.pem device.pem device.key seal-public

The key never leaves the machine; the code stands in no command line, for every process may read those.
Not responsible for: later certificates, the store's side (central/web/enrolment.py).
"""

import argparse
import getpass
import http.client
import os
import re
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from sync import pki
from sync.options import folder
from sync.pki import File, PkiError
from sync.rest import wire

_DEADLINE_S = 15.0
_MAX_ANSWER = 100_000  # bytes
_FAILED = 1
_OWN, _PUBLIC = 0o600, 0o644
_CODE = re.compile(r"([0-9A-Za-z][ \t-]*){16}")  # which letters, the store knows


class EnrolError(Exception):
    """Ends the command with one sentence on stderr. Says nothing of the code."""


@dataclass(frozen=True, slots=True)
class _Store:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = field(repr=False)


def main(argv: Sequence[str]) -> int:
    """Runs the command; its exit status."""
    asked = parser().parse_args(argv)
    try:
        print(_enrol(_store(asked.store), _fingerprint(asked.ca), asked.code_file, asked.out))
    except (EnrolError, PkiError) as failure:
        print(f"kiosk enrol: {failure}", file=sys.stderr)
        return _FAILED
    except (OSError, http.client.HTTPException) as failure:
        print(f"kiosk enrol: {_sentence(failure)}", file=sys.stderr)
        return _FAILED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line: the one that `kiosk central enrol-code` prints."""
    made = argparse.ArgumentParser(
        prog="kiosk enrol",
        description="Let this machine in at a central store, by a code from `kiosk central enrol-code` there.",
        epilog="example: kiosk enrol --store https://store.library.example:8444 --code-file - --ca sha256:0a1b...",
    )
    made.add_argument("--store", required=True, metavar="URL", help="the store's enrolment listener")
    made.add_argument("--code-file", required=True, metavar="FILE", help="holds the code; - asks for it")
    made.add_argument("--ca", required=True, metavar="sha256:HEX", help="the fingerprint of the store's CA")
    made.add_argument(
        "--out",
        type=folder,
        default=Path("/etc/kiosk/credentials"),
        metavar="DIR",
        help="where the bundle is written (default: %(default)s)",
    )
    return made


def _enrol(store: _Store, fingerprint: str, code_file: str, out: Path) -> str:
    """Nothing is written before the store has said yes; the code is not spent on a folder that cannot be written."""
    pki.make_bundle_directory(out)
    if not os.access(out, os.W_OK | os.X_OK):
        raise EnrolError(f"{out} cannot be written")
    ca = _checked_ca(store, fingerprint)
    key, csr = pki.new_request("natugle")  # the store says the name
    question = wire.EnrolmentQuestion(code=_code(code_file), csr=csr.decode())
    body = question.model_dump_json(by_alias=True).encode()
    answer = _answer(_ask(store, pki.checking_context(ca), "POST", wire.ENROLMENTS, body))
    bundle = (
        File("device.key", key, _OWN),
        File("device.pem", answer.certificate.encode(), _PUBLIC),
        File("ca.pem", ca, _PUBLIC),
        File("seal-public", answer.seal_public.encode(), _PUBLIC),
    )
    pki.write_files(out, bundle)
    return f"this machine is {answer.device} at {answer.branch}: {out}"


def _checked_ca(store: _Store, fingerprint: str) -> bytes:
    reply = _ask(store, pki.checking_context(None), "GET", wire.CA, None)
    if reply.status != http.client.OK:
        raise EnrolError("there is no enrolment listener at this address: see `kiosk central serve --enrol-port`")
    ca = pki.first_certificate(reply.body)
    if pki.fingerprint(ca) != fingerprint:
        raise EnrolError("this is another store: its CA has another fingerprint; nothing was sent to it")
    return ca


def _answer(reply: _Reply) -> wire.EnrolmentAnswer:
    try:
        if reply.status == http.client.OK:
            return wire.EnrolmentAnswer.model_validate_json(reply.body, by_name=False)
        refused = wire.ErrorAnswer.model_validate_json(reply.body, by_name=False)
    except ValidationError:
        raise EnrolError("what answers there is no store of ours") from None
    raise EnrolError(f"the store refused: {_printable(refused.message)}")


def _ask(store: _Store, context: ssl.SSLContext, method: str, path: str, body: bytes | None) -> _Reply:
    line = http.client.HTTPSConnection(store.host, store.port, timeout=_DEADLINE_S, context=context)
    try:
        line.request(method, path, body, {"Content-Type": "application/json", "Connection": "close"})
        response = line.getresponse()
        content = response.read(_MAX_ANSWER + 1)
    finally:
        line.close()
    if len(content) > _MAX_ANSWER:
        raise EnrolError("what answers there is no store of ours")
    return _Reply(response.status, content)


# --- what was typed -----------------------------------------------------------------------------


def _store(said: str) -> _Store:
    try:
        url = urlsplit(said)
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if host is None or not port or not said.startswith("https://") or not pki.is_server_name(host):
        raise EnrolError("--store is an address as https://store.library.example:8444")
    return _Store(host, port)


def _fingerprint(said: str) -> str:
    found = re.fullmatch(r"sha256:([0-9a-fA-F:]{64,95})", said)
    digits = found[1].replace(":", "").lower() if found else ""
    if len(digits) != 64:
        raise EnrolError("--ca is sha256: and 64 hex digits, as `kiosk central enrol-code` prints it")
    return digits


def _code(code_file: str) -> str:
    try:
        code = _typed(code_file).strip()
    except UnicodeError:
        code = "?"  # no text
    except EOFError:
        code = ""
    if not code:
        raise EnrolError("no code was given")
    if not _CODE.fullmatch(code):
        raise EnrolError("a code is 16 letters and digits, as `kiosk central enrol-code` prints it")
    return code


def _typed(code_file: str) -> str:
    """Raises UnicodeError, and EOFError where nobody answers."""
    if code_file != "-":
        return Path(code_file).read_text(encoding="utf-8")
    if sys.stdin.isatty():
        return getpass.getpass("code: ")
    return sys.stdin.readline()


def _sentence(failure: Exception) -> str:
    match failure:
        case ssl.SSLCertVerificationError():
            return "the store's certificate is not good for this address or this moment; is this machine's clock right?"
        case TimeoutError():
            return "the store did not answer in time"
        case OSError(strerror=str(words), filename=str(path)) if words:
            return f"{path}: {words}"
        case OSError(strerror=str(words)) if words:
            return words
        case _:
            return "what answers there is no store of ours"


def _printable(said: str) -> str:
    return "".join(letter for letter in said if letter.isprintable())[:200]
