"""Sealed payloads: what a machine keeps of a patron can be opened by the central store alone.

    data key   random AES-256 key, made when the unit starts and anew every hour (outbox.py), in its memory alone
    wrapped    HPKE(store's public key, data key): ML-KEM-768 + X25519, so that a disk copied today stays shut later
    sealed     nonce (12) || AES-256-GCM(data key, payload, associated) with tag (16)
    associated version label and every clear part of the event, each with its length before it

A row cannot be moved to another place, time, device or kind: its clear parts are bound by `associated`.
Not responsible for: files and their modes (pki.write_file), order, delivery.
"""

import base64
import secrets
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_WRAP_LABEL = b"natugle data key 1 "
_EVENT_LABEL = b"natugle event 1"
_PUBLIC_HEAD, _PRIVATE_HEAD = b"natugle-seal-public-1 ", b"natugle-seal-private-1 "

_KEM_SEED, _KEM_PUBLIC, _X25519 = 64, 1184, 32  # bytes; FIPS 203, RFC 7748
_NONCE = 12
_DATA_KEY = 32
_KEPT_KEYS = 64  # unwrapped data keys the store remembers: one per machine and hour

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SealError(Exception):
    """Not opened: another key, changed bytes, or not a key at all. Never says more, never shows bytes."""


# --- keys ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicKey:
    """raw: ML-KEM-768 public key (1184) || X25519 public key (32)."""

    raw: bytes

    def encode(self) -> bytes:
        return _PUBLIC_HEAD + base64.b64encode(self.raw) + b"\n"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """raw: ML-KEM-768 seed (64) || X25519 private key (32). The store's alone."""

    raw: bytes = field(repr=False)

    def public(self) -> PublicKey:
        kem, curve = _private_halves(self.raw)
        return PublicKey(kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())

    def encode(self) -> bytes:
        return _PRIVATE_HEAD + base64.b64encode(self.raw) + b"\n"


def generate() -> PrivateKey:
    """A fresh key pair, for the store's first start."""
    return PrivateKey(
        MLKEM768PrivateKey.generate().private_bytes_raw() + X25519PrivateKey.generate().private_bytes_raw()
    )


def decode_public(text: bytes) -> PublicKey:
    """The key of `PublicKey.encode`. Raises SealError."""
    return PublicKey(_decoded(text, _PUBLIC_HEAD, _KEM_PUBLIC + _X25519))


def decode_private(text: bytes) -> PrivateKey:
    """The key of `PrivateKey.encode`. Raises SealError."""
    return PrivateKey(_decoded(text, _PRIVATE_HEAD, _KEM_SEED + _X25519))


def load_public(path: Path) -> PublicKey:
    """The file `seal-public` of a device's bundle. Raises SealError."""
    return decode_public(_read(path))


def load_private(path: Path) -> PrivateKey:
    """The store's `seal.key`. Raises SealError."""
    return decode_private(_read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise SealError("the key file cannot be read") from None


def _decoded(text: bytes, head: bytes, length: int) -> bytes:
    try:
        raw = base64.b64decode(text.removeprefix(head).strip(), validate=True)
    except ValueError:
        raise SealError("not a seal key") from None
    if not text.startswith(head) or len(raw) != length:
        raise SealError("not a seal key")
    return raw


def _private_halves(raw: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    return (
        MLKEM768PrivateKey.from_seed_bytes(raw[:_KEM_SEED]),
        X25519PrivateKey.from_private_bytes(raw[_KEM_SEED:]),
    )


# --- sealing and opening ------------------------------------------------------------------------


class Sealer:
    """The machine's side: one fresh data key that lives in this object alone.

    key_id, wrapped: to be kept beside what is sealed, and sent with it (rest/wire.py WrappedKey).
    """

    def __init__(self, recipient_public_key: PublicKey) -> None:
        """Raises SealError when the public key is none."""
        self._recipient = recipient_public_key
        data_key = secrets.token_bytes(_DATA_KEY)
        self.key_id = secrets.token_hex(16)
        self.wrapped = _wrap(data_key, recipient_public_key, self.key_id)
        self._cipher = AESGCM(data_key)

    def fresh(self) -> "Sealer":
        """Another data key for the same recipient."""
        return Sealer(self._recipient)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """nonce || AES-256-GCM. A random nonce is safe for 2^32 payloads; a unit seals some hundreds in an hour."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, aad)


class Opener:
    """The store's side. Remembers the last data keys it unwrapped, for a batch has one key and many events."""

    def __init__(self, private_key: PrivateKey) -> None:
        self._private = hpke.MLKEM768X25519PrivateKey(*_private_halves(private_key.raw))
        self._ciphers: OrderedDict[tuple[str, bytes], AESGCM] = OrderedDict()

    def open(self, key_id: str, wrapped: bytes, sealed: bytes, aad: bytes) -> bytes:
        """The payload. Raises SealError: another store's key, or a changed byte in any of the four."""
        cipher = self._cipher(key_id, wrapped)
        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
        except (InvalidTag, ValueError):
            raise SealError("the payload does not open") from None

    def _cipher(self, key_id: str, wrapped: bytes) -> AESGCM:
        known = self._ciphers.pop((key_id, wrapped), None)
        cipher = known or AESGCM(self._unwrap(key_id, wrapped))
        self._ciphers[key_id, wrapped] = cipher
        if len(self._ciphers) > _KEPT_KEYS:
            self._ciphers.popitem(last=False)
        return cipher

    def _unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        try:
            data_key = _SUITE.decrypt(wrapped, self._private, _WRAP_LABEL + key_id.encode())
        except (InvalidTag, ValueError):
            raise SealError("the data key does not open") from None
        if len(data_key) != _DATA_KEY:
            raise SealError("the data key does not open")
        return data_key


def _wrap(data_key: bytes, recipient: PublicKey, key_id: str) -> bytes:
    try:
        public = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(recipient.raw[:_KEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(recipient.raw[_KEM_PUBLIC:]),
        )
        return _SUITE.encrypt(data_key, public, _WRAP_LABEL + key_id.encode())
    except ValueError:
        raise SealError("not a public key to seal to") from None


def associated(device_id: str, epoch: str, sequence: int, event_id: str, kind: str, occurred_at: datetime) -> bytes:
    """The clear parts of an event, in one form for both ends. sequence: 0 .. 2^64-1. occurred_at: aware, any zone."""
    microseconds = (occurred_at - _EPOCH) // timedelta(microseconds=1)
    texts = (device_id.encode(), epoch.encode(), event_id.encode(), kind.encode())
    numbers = struct.pack(">Qq", sequence, microseconds)
    return b"".join(struct.pack(">I", len(part)) + part for part in (_EVENT_LABEL, *texts, numbers))
