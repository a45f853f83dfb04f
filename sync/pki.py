"""Certificates of one installation: a private CA, the store's certificate, one per device, and TLS contexts of them.

    CA (10 years, key 0600 at the store) --signs--> store  CN = natugle store, SAN = its names   server only
                                         --signs--> device CN = device id                        client only

All keys are P-256: a TPM or a secure element can hold them. Certificates begin 24 hours before they are made, for a
machine without a clock battery wakes up in the past. Validity is judged by OpenSSL, which reads the computer's clock.

Not responsible for: which devices are let in (central/devices.py), when to renew.
"""

import hashlib
import ipaddress
import os
import re
import secrets
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BUNDLE = frozenset({"ca.pem", "device.pem", "device.key", "seal-public"})
_EARLY = timedelta(hours=24)
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")


class PkiError(Exception):
    """A file or a request that is no certificate, key or CSR as this module makes them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key, as PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Validity:
    """From 24 hours before `now` until `days` after it."""

    now: datetime
    days: int

    @property
    def until(self) -> datetime:
        """To the second, as a certificate holds it."""
        return (self.now + timedelta(days=self.days)).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class File:
    """One of a bundle."""

    name: str
    content: bytes = field(repr=False)
    mode: int


# --- files --------------------------------------------------------------------------------------


def make_directory(path: Path) -> Path:
    """The directory, only for its owner (0700) where it is made here; one that is there keeps its mode.

    Raises PkiError when anybody may write into it: they could put other keys there.
    """
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise
        if stat.S_IMODE(path.stat().st_mode) & 0o002:
            raise PkiError(f"anybody may write into {path}: name a directory of its own, or chmod o-w it") from None
    return path


def make_bundle_directory(path: Path) -> Path:
    """The same for a machine's bundle; it may hold nothing else when others may look into it. Raises PkiError."""
    make_directory(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077 and {found.name for found in path.iterdir()} - BUNDLE:
        raise PkiError(f"{path} holds other things and others may look into it: name a directory of its own")
    return path


def write_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """All or nothing, and on the disk when it returns: a new file beside it, synced, then renamed."""
    write_files(path.parent, [File(path.name, content, mode)])


def write_files(directory: Path, files: Sequence[File]) -> None:
    """The same for a set: all are on the disk before the first takes its name."""
    fresh = [directory / f".{file.name}.{secrets.token_hex(4)}" for file in files]
    try:
        for path, file in zip(fresh, files, strict=True):
            _write(path, file)
        for path, file in zip(fresh, files, strict=True):
            path.replace(directory / file.name)
    finally:
        for path in fresh:
            path.unlink(missing_ok=True)
    _sync_directory(directory)


def _write(path: Path, file: File) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
    with os.fdopen(descriptor, "wb") as written:
        os.fchmod(descriptor, file.mode)
        written.write(file.content)
        written.flush()
        os.fsync(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- certificates -------------------------------------------------------------------------------


def make_ca(directory: Path, name: str, validity: Validity) -> Identity:
    """ca.pem and ca.key in `directory`: a CA that may sign leaves only."""
    key, subject = _new_key(), _name(name)
    builder = (
        _builder(subject, subject, key.public_key(), validity)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    identity = Identity(directory / "ca.pem", directory / "ca.key")
    write_file(identity.key, _key_pem(key))
    write_file(identity.cert, _cert_pem(builder.sign(key, hashes.SHA256())), 0o644)
    return identity


def make_server(ca: Identity, directory: Path, names: Sequence[str], validity: Validity) -> Identity:
    """server.pem and server.key. names: DNS names and IP addresses, as `localhost`, `127.0.0.1`. Raises PkiError."""
    key = _new_key()
    builder = _leaf(ca, _name("natugle store"), key.public_key(), validity)
    builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    identity = Identity(directory / "server.pem", directory / "server.key")
    write_file(identity.key, _key_pem(key))
    write_file(identity.cert, _cert_pem(builder.sign(_load_key(ca.key), hashes.SHA256())), 0o644)
    return identity


def make_request(key_path: Path, device_id: str) -> bytes:
    """A new device key at `key_path` (0600), and the request (CSR, PEM) to have it certified. The key never travels."""
    key, request = new_request(device_id)
    write_file(key_path, key)
    return request


def new_request(device_id: str) -> tuple[bytes, bytes]:
    """A new key (PEM), for the caller to keep, and its request (CSR, PEM)."""
    key = _new_key()
    request = x509.CertificateSigningRequestBuilder().subject_name(_name(device_id)).sign(key, hashes.SHA256())
    return _key_pem(key), request.public_bytes(serialization.Encoding.PEM)


def sign_device(ca: Identity, request: bytes, device_id: str, validity: Validity) -> bytes:
    """The client certificate (PEM). Of the request only the key is taken; the CA says the name. Raises PkiError."""
    builder = _leaf(ca, _name(device_id), _requested_key(request), validity)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    return _cert_pem(builder.sign(_load_key(ca.key), hashes.SHA256()))


def check_request(request: bytes) -> None:
    """Raises PkiError when the request is none, or not signed by a P-256 key of its own."""
    _requested_key(request)


def same_key(request: bytes, certificate_der: bytes) -> bool:
    """Whether the request (PEM) is for the very key of the certificate. Raises PkiError."""
    return _requested_key(request) == _load_der(certificate_der).public_key()


def first_certificate(pem: bytes) -> bytes:
    """The first of what may be many, alone: a fingerprint speaks for one. Raises PkiError."""
    try:
        return _cert_pem(x509.load_pem_x509_certificate(pem))
    except ValueError:
        raise PkiError("not a certificate") from None


def is_server_name(name: str) -> bool:
    """Whether make_server takes it and a machine could reach it by it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _HOST.fullmatch(name) is not None
    return True


def names_of(cert: Path) -> tuple[str, ...]:
    """The DNS names and addresses that a server's certificate is good for. Raises PkiError."""
    try:
        found = _load_cert(cert).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def fingerprint(pem: bytes) -> str:
    """SHA-256 over the certificate's DER, in hex. Raises PkiError."""
    try:
        return fingerprint_of_der(x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER))
    except ValueError:
        raise PkiError("not a certificate") from None


def fingerprint_of_der(der: bytes) -> str:
    """The same, for a peer's certificate as TLS hands it over."""
    return hashlib.sha256(der).hexdigest()


def begins_at(path: Path) -> datetime:
    """The first moment of a certificate. Raises PkiError."""
    return _load_cert(path).not_valid_before_utc


def is_signed_by(ca: Path, cert: Path) -> bool:
    """Whether this CA itself signed the certificate. Raises PkiError."""
    try:
        _load_cert(cert).verify_directly_issued_by(_load_cert(ca))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def ends_at(path: Path) -> datetime:
    """The last moment of a certificate. Raises PkiError."""
    return _load_cert(path).not_valid_after_utc


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    try:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    except ValueError:
        raise PkiError("a name has 1 to 64 characters") from None


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return _dns(name)


def _dns(name: str) -> x509.GeneralName:
    try:
        return x509.DNSName(name)
    except ValueError:
        raise PkiError("a DNS name is ASCII") from None


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.now - _EARLY)
        .not_valid_after(validity.until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _leaf(
    ca: Identity, subject: x509.Name, public: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    issuer = _load_cert(ca.cert)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return (
        _builder(subject, issuer.subject, public, validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(authority, critical=False)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _requested_key(request: bytes) -> ec.EllipticCurvePublicKey:
    try:
        csr = x509.load_pem_x509_csr(request)
        public, proved = csr.public_key(), csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise PkiError("not a certificate request") from None
    if not proved or not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != ec.SECP256R1.name:
        raise PkiError("a request signed by its own P-256 key is needed")
    return public


def _load_der(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        raise PkiError("not a certificate") from None


def _load_cert(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise PkiError("a certificate cannot be read") from None


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise PkiError("the CA's key cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError("the CA's key is not P-256")
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _cert_pem(cert: x509.Certificate) -> bytes:
    return cert.public_bytes(serialization.Encoding.PEM)


# --- TLS ----------------------------------------------------------------------------------------


def server_context(ca_cert: Path, identity: Identity) -> ssl.SSLContext:
    """TLS 1.3, a client certificate of our CA demanded. No resumption: each handshake proves the key again.

    Raises PkiError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    return _mutual(context, ca_cert, identity)


def open_context(identity: Identity) -> ssl.SSLContext:
    """TLS 1.3, nobody's certificate demanded: for a machine that has none yet. Raises PkiError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(identity.cert, identity.key)
    except (OSError, ssl.SSLError):
        raise PkiError("certificate or key cannot be loaded") from None
    return context


def checking_context(ca_pem: bytes | None) -> ssl.SSLContext:
    """TLS 1.3 of a machine that has no certificate yet. ca_pem None: whoever answers is believed nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if ca_pem is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=ca_pem.decode())
    return context


def client_context(ca_cert: Path, identity: Identity) -> ssl.SSLContext:
    """TLS 1.3, the store's certificate checked against our CA alone, and its name. Raises PkiError."""
    return _mutual(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_cert, identity)


def _mutual(context: ssl.SSLContext, ca_cert: Path, identity: Identity) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_verify_locations(cafile=ca_cert)
        context.load_cert_chain(identity.cert, identity.key)
    except (OSError, ssl.SSLError):
        raise PkiError("certificate, key or CA cannot be loaded") from None
    return context
