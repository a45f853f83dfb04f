"""Certificates as an installation makes them: what they allow, how long, and how their keys lie on the disk."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync import pki
from sync.pki import PkiError, Validity

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> pki.Identity:
    return pki.make_ca(pki.make_directory(tmp_path_factory.mktemp("ca") / "keys"), "test CA", Validity(NOW, 100))


def device(ca: pki.Identity, folder: Path, name: str = "door-1") -> x509.Certificate:
    request = pki.make_request(folder / "device.key", name)
    return x509.load_pem_x509_certificate(pki.sign_device(ca, request, name, Validity(NOW, 30)))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_for_their_owner_alone(ca: pki.Identity, tmp_path: Path) -> None:
    pki.make_request(tmp_path / "device.key", "door-1")
    assert mode(ca.key) == mode(tmp_path / "device.key") == 0o600
    assert mode(ca.key.parent) == 0o700


def test_a_certificate_begins_a_day_early_for_machines_without_a_clock_battery(
    ca: pki.Identity, tmp_path: Path
) -> None:
    certificate = device(ca, tmp_path)
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=24)
    assert certificate.not_valid_after_utc == NOW + timedelta(days=30)


def test_a_device_may_only_be_a_client_and_the_store_only_a_server(ca: pki.Identity, tmp_path: Path) -> None:
    server = pki.make_server(ca, tmp_path, ["localhost", "127.0.0.1"], Validity(NOW, 30))
    for certificate, usage in (
        (device(ca, tmp_path), ExtendedKeyUsageOID.CLIENT_AUTH),
        (x509.load_pem_x509_certificate(server.cert.read_bytes()), ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        assert list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_store_answers_to_names_and_addresses(ca: pki.Identity, tmp_path: Path) -> None:
    server = pki.make_server(ca, tmp_path, ["store.example", "127.0.0.1"], Validity(NOW, 30))
    names = x509.load_pem_x509_certificate(server.cert.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["store.example"]
    assert [str(address) for address in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_the_ca_says_the_name_whatever_was_asked_for(ca: pki.Identity, tmp_path: Path) -> None:
    request = pki.make_request(tmp_path / "device.key", "somebody-else")
    certificate = x509.load_pem_x509_certificate(pki.sign_device(ca, request, "door-1", Validity(NOW, 30)))
    assert [a.value for a in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["door-1"]


def test_the_fingerprint_is_the_same_from_file_and_from_the_wire(ca: pki.Identity, tmp_path: Path) -> None:
    certificate = device(ca, tmp_path)
    pem, der = (certificate.public_bytes(e) for e in (serialization.Encoding.PEM, serialization.Encoding.DER))
    assert pki.fingerprint(pem) == pki.fingerprint_of_der(der) == certificate.fingerprint(hashes.SHA256()).hex()


def request_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "door-1")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM)


def damaged() -> bytes:
    """A request whose signature is of another request."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = bytearray(x509.load_pem_x509_csr(request_of(key)).public_bytes(serialization.Encoding.DER))
    place = der.index(b"door-1")
    der[place] ^= 1
    return ssl.DER_cert_to_PEM_cert(bytes(der)).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        request_of(ec.generate_private_key(ec.SECP384R1())),
        request_of(rsa.generate_private_key(65537, 2048)),
        damaged(),
    ],
    ids=["empty", "garbage", "another curve", "RSA", "not signed by its own key"],
)
def test_a_request_that_is_not_ours_is_refused(ca: pki.Identity, request_: bytes) -> None:
    with pytest.raises(PkiError):
        pki.sign_device(ca, request_, "door-1", Validity(NOW, 30))


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_device_name_has_1_to_64_characters(ca: pki.Identity, tmp_path: Path, name: str) -> None:
    with pytest.raises(PkiError):
        pki.make_request(tmp_path / "device.key", name)


def test_what_is_no_certificate_has_no_fingerprint() -> None:
    with pytest.raises(PkiError):
        pki.fingerprint(b"nothing")


def test_contexts_speak_tls_1_3_and_trust_one_ca(ca: pki.Identity, tmp_path: Path) -> None:
    server = pki.make_server(ca, tmp_path, ["localhost"], Validity(NOW, 30))
    for context in (pki.server_context(ca.cert, server), pki.client_context(ca.cert, server)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1
    assert pki.client_context(ca.cert, server).check_hostname
    assert pki.server_context(ca.cert, server).num_tickets == 0


def test_a_missing_file_is_a_pki_error(ca: pki.Identity, tmp_path: Path) -> None:
    nothing = pki.Identity(tmp_path / "no.pem", tmp_path / "no.key")
    with pytest.raises(PkiError):
        pki.server_context(ca.cert, nothing)
    with pytest.raises(PkiError):
        pki.sign_device(nothing, pki.make_request(tmp_path / "k", "door-1"), "door-1", Validity(NOW, 1))


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    pki.write_file(path, b"one")
    pki.write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]
