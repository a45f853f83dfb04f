"""Where the store lives, and its first start.

    DIR/store.sqlite         the database, unless
    DIR/database-url         0600; one line that names a PostgreSQL database: postgresql://USER:PASSWORD@HOST/NAME
    DIR/keys/                0700; outside the database, and in no backup of it
        ca.pem ca.key        signs the store and the devices
        server.pem server.key
        seal-public seal.key what machines seal their events to
        pepper lookup.key    PIN hashes; digests of card numbers
        column.key           encrypted columns: CPR and card numbers

Each step leaves alone what is there, so an interrupted first start is simply begun again.
Not responsible for: listening (server.py).
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, func, select

from kiosk.model import Credential
from sync import pki, seal
from sync.central import postgres, standard
from sync.central.database import Database, DatabaseError
from sync.central.patrons.cards import LookupKey
from sync.central.patrons.column import ColumnError, ColumnKey
from sync.central.patrons.locks import Locks
from sync.central.patrons.pin_hash import PinHash
from sync.central.postgres import PostgresDatabase
from sync.central.schema import branches, cards, library

CA_DAYS = 3650
SERVER_DAYS = 825
DEVICE_DAYS = 825  # until machines renew theirs by themselves
_RENEWED_BEFORE = timedelta(days=90)
_SECRET = 32  # bytes


class KeysLost(Exception):
    """A database is there, and a key without which it is worth nothing is not, or is another one."""


Plant = Callable[[Connection, Locks, datetime], None]


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one store. Says nothing about whether they are there."""

    directory: Path

    @property
    def database(self) -> Path:
        return self.directory / "store.sqlite"

    @property
    def database_url(self) -> Path:
        return self.directory / "database-url"

    @property
    def keys(self) -> Path:
        return self.directory / "keys"

    @property
    def ca(self) -> pki.Identity:
        return pki.Identity(self.keys / "ca.pem", self.keys / "ca.key")

    @property
    def server(self) -> pki.Identity:
        return pki.Identity(self.keys / "server.pem", self.keys / "server.key")

    @property
    def seal_public(self) -> Path:
        return self.keys / "seal-public"

    @property
    def seal_private(self) -> Path:
        return self.keys / "seal.key"

    @property
    def pepper(self) -> Path:
        return self.keys / "pepper"

    @property
    def lookup(self) -> Path:
        return self.keys / "lookup.key"

    @property
    def column(self) -> Path:
        return self.keys / "column.key"

    @property
    def mail(self) -> Path:
        """0600; the mail server, where there is one (messages/mail.py)."""
        return self.directory / "mail.toml"

    @property
    def outgoing(self) -> Path:
        """Messages that no mail server is set for."""
        return self.directory / "outgoing"

    @property
    def is_begun(self) -> bool:
        return (self.database.exists() or self.database_url.exists()) and self.ca.cert.exists()


def open_database(home: Home) -> Database | PostgresDatabase:
    """The store's own. Raises DatabaseError."""
    url = _url(home)
    return Database(home.database) if url is None else PostgresDatabase(url)


def _url(home: Home) -> str | None:
    """It holds a password: in a file of its own, never on a command line. Raises DatabaseError."""
    if not home.database_url.exists():
        return None
    if home.database_url.stat().st_mode & 0o077:
        raise DatabaseError("others may read database-url: chmod 600")
    try:
        import_module("psycopg")  # an extra: the store in a file does without
    except ImportError:
        raise DatabaseError(
            "database-url needs psycopg, which is not there: pip install 'natugle[postgresql]'"
        ) from None
    return home.database_url.read_text(encoding="utf-8", errors="replace")


def _has_database(home: Home) -> bool:
    url = _url(home)
    return home.database.exists() if url is None else postgres.has_tables(url)


def locks(home: Home) -> Locks:
    """Raises KeysLost."""
    pepper, lookup, column = map(_secret, _secrets(home))
    return Locks(PinHash(pepper), LookupKey(lookup), ColumnKey(column))


def _secret(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != _SECRET:
        raise KeysLost(f"{path} is damaged: bring it back from a copy")
    return secret


def begin(home: Home, names: Sequence[str], now: datetime) -> None:
    """Makes what is missing of directories and keys, and renews the server certificate in time.

    names: of the server certificate. now: the computer's own, for OpenSSL judges by it. Raises KeysLost, PkiError.
    """
    if not all(map(pki.is_server_name, names)):
        raise pki.PkiError("a name of the store is an IP address or a DNS name in ASCII (for other letters: xn--...)")
    pki.make_directory(home.directory)
    pki.make_directory(home.keys)
    needed = (home.ca.cert, home.ca.key, home.seal_public, home.seal_private, *_secrets(home))
    lost = [path.name for path in needed if not path.exists()]
    if lost and _has_database(home):
        raise KeysLost(f"{', '.join(lost)} in {home.keys} is gone; no other will do: bring it back from a copy")
    if not home.ca.cert.exists():
        pki.make_ca(home.keys, "Natugle CA", pki.Validity(now, CA_DAYS))
    if not home.server.cert.exists() or pki.ends_at(home.server.cert) < now + _RENEWED_BEFORE:
        before = pki.names_of(home.server.cert) if home.server.cert.exists() else ()
        pki.make_server(home.ca, home.keys, list(dict.fromkeys((*before, *names))), pki.Validity(now, SERVER_DAYS))
    if not home.seal_public.exists():
        _make_seal_keys(home)
    for path in _secrets(home):
        if not path.exists():
            pki.write_file(path, secrets.token_bytes(_SECRET))


def _secrets(home: Home) -> tuple[Path, ...]:
    return home.pepper, home.lookup, home.column


def _make_seal_keys(home: Home) -> None:
    key = seal.generate()
    pki.write_file(home.seal_private, key.encode())
    pki.write_file(home.seal_public, key.public().encode(), 0o644)


def nothing(_connection: Connection, _locks: Locks, _now: datetime) -> None:
    """A library of its own brings its branches, patrons and items itself."""


def populate(home: Home, plant: Plant, now: datetime) -> None:
    """Plants rules and `plant` into an empty database, in one transaction; leaves a planted one alone.

    now: the store's clock. Raises KeysLost when the keys are not the ones that the database was sealed with.
    """
    kept = locks(home)

    def planted(connection: Connection) -> None:
        if connection.execute(select(func.count()).select_from(library)).scalar_one() == 0:
            standard.plant(connection)
        if connection.execute(select(func.count()).select_from(branches)).scalar_one() == 0:
            plant(connection, kept, now)

    with closing(open_database(home)) as database:
        database.write(planted).result()
        database.read(lambda connection: _check_keys(connection, home, kept)).result()


def _check_keys(connection: Connection, home: Home, kept: Locks) -> None:
    """Keys of another store open nothing: better said here than by every job. Raises KeysLost."""
    row = connection.execute(select(cards.c.digest, cards.c.number_sealed).limit(1)).one_or_none()
    if row is None:
        return
    try:
        number = kept.columns.open("card", row.digest, row.number_sealed)
    except ColumnError:
        raise KeysLost(f"{home.column} is not the key of this database: bring back the one it had") from None
    if kept.lookup.of_card(Credential(number)) != row.digest:
        raise KeysLost(f"{home.lookup} is not the key of this database: bring back the one it had")
