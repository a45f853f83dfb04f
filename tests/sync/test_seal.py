"""What is sealed opens for the store alone, in its own place alone."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import seal
from sync.seal import Opener, Sealer, SealError, associated

STORE = seal.generate()
OPENER = Opener(STORE)
SEALER = Sealer(STORE.public())
AT = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)

texts = st.text(st.characters(codec="utf-8"), max_size=40)
moments = st.integers(0, 253_000_000_000_000_000).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
clear_parts = st.tuples(texts, texts, st.integers(1, 2**63 - 1), texts, texts, moments)


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_the_store_opens_what_a_machine_sealed(plain: bytes, aad: bytes) -> None:
    assert OPENER.open(SEALER.key_id, SEALER.wrapped, SEALER.seal(plain, aad), aad) == plain


@given(st.data())
def test_a_changed_byte_anywhere_is_not_opened(data: st.DataObject) -> None:
    parts = [SEALER.key_id.encode(), SEALER.wrapped, SEALER.seal(b"an event", b"its place"), b"its place"]
    part = data.draw(st.integers(0, 3))
    place = data.draw(st.integers(0, len(parts[part]) - 1))
    changed = bytearray(parts[part])
    changed[place] ^= data.draw(st.integers(1, 127)) if part == 0 else data.draw(st.integers(1, 255))
    parts[part] = bytes(changed)
    key_id, wrapped, sealed, aad = parts
    with pytest.raises(SealError):
        OPENER.open(key_id.decode("latin-1"), wrapped, sealed, aad)


@given(st.binary(max_size=1300), st.binary(max_size=100))
def test_garbage_raises_seal_error_only(wrapped: bytes, sealed: bytes) -> None:
    with pytest.raises(SealError):
        OPENER.open("k", wrapped, sealed, b"")
    with pytest.raises(SealError):
        OPENER.open(SEALER.key_id, SEALER.wrapped, sealed, b"")


def test_another_store_does_not_open_it() -> None:
    with pytest.raises(SealError):
        Opener(seal.generate()).open(SEALER.key_id, SEALER.wrapped, SEALER.seal(b"x", b""), b"")


def test_two_machines_share_no_data_key() -> None:
    other = Sealer(STORE.public())
    assert other.key_id != SEALER.key_id
    with pytest.raises(SealError):
        OPENER.open(other.key_id, other.wrapped, SEALER.seal(b"x", b""), b"")


def test_the_same_payload_is_sealed_differently_each_time() -> None:
    assert SEALER.seal(b"x", b"") != SEALER.seal(b"x", b"")


def test_more_machines_than_remembered_keys_are_all_opened() -> None:
    machines = [Sealer(STORE.public()) for _ in range(70)]
    for machine in machines + machines:
        assert OPENER.open(machine.key_id, machine.wrapped, machine.seal(b"x", b"a"), b"a") == b"x"


@given(clear_parts, clear_parts)
def test_two_places_never_look_alike(one: tuple[str, str, int, str, str, datetime], two: object) -> None:
    assert isinstance(two, tuple)
    assert (associated(*one) == associated(*two)) == (one == two)


def test_letters_moved_from_one_part_to_the_next_are_seen() -> None:
    assert associated("ab", "c", 1, "d", "e", AT) != associated("a", "bc", 1, "d", "e", AT)


def test_the_zone_of_a_moment_changes_nothing_but_a_microsecond_does() -> None:
    there = AT.astimezone(timezone(timedelta(hours=1)))
    assert associated("a", "b", 1, "c", "d", there) == associated("a", "b", 1, "c", "d", AT)
    later = AT + timedelta(microseconds=1)
    assert associated("a", "b", 1, "c", "d", later) != associated("a", "b", 1, "c", "d", AT)


def test_keys_are_the_same_after_a_file(tmp_path: Path) -> None:
    (tmp_path / "seal.key").write_bytes(STORE.encode())
    (tmp_path / "seal-public").write_bytes(STORE.public().encode())
    assert seal.load_private(tmp_path / "seal.key") == STORE
    assert seal.load_public(tmp_path / "seal-public") == STORE.public()


@pytest.mark.parametrize(
    "content", [b"", b"natugle-seal-public-1 ", b"natugle-seal-public-1 AAAA", b"\xff\xfe", b"x" * 9999]
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    for load in (seal.load_public, seal.load_private):
        with pytest.raises(SealError):
            load(tmp_path / "key")
    with pytest.raises(SealError):
        seal.load_public(tmp_path / "nothing")


def test_a_private_key_is_not_taken_for_a_public_one() -> None:
    with pytest.raises(SealError):
        seal.decode_public(STORE.encode())


def test_a_public_key_of_the_wrong_length_seals_nothing() -> None:
    with pytest.raises(SealError):
        Sealer(seal.PublicKey(b"\0" * 7))


def test_a_private_key_prints_nothing_of_itself() -> None:
    assert "raw" not in repr(STORE)
