"""Encrypted columns: a value opens in its own row and column, under its own key, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.central.patrons.column import ColumnError, ColumnKey

KEY = ColumnKey(bytes(range(32)))


@given(st.text(), st.text(), st.text())
def test_what_is_sealed_opens(column: str, row: str, value: str) -> None:
    assert KEY.open(column, row, KEY.seal(column, row, value)) == value


def test_the_same_value_is_never_sealed_alike_so_that_equal_numbers_do_not_show() -> None:
    assert len({KEY.seal("cpr", "900000001", "6101900012") for _ in range(50)}) == 50


def test_the_value_does_not_show_in_what_is_sealed() -> None:
    assert b"6101900012" not in KEY.seal("cpr", "900000001", "6101900012")


@pytest.mark.parametrize(
    ("column", "row", "key"),
    [
        ("card", "900000001", KEY),
        ("cpr", "900000002", KEY),
        ("cpr", "900000001", ColumnKey(bytes(32))),
    ],
    ids=["column", "row", "key"],
)
def test_of_another_it_does_not_open(column: str, row: str, key: ColumnKey) -> None:
    with pytest.raises(ColumnError):
        key.open(column, row, KEY.seal("cpr", "900000001", "6101900012"))


@given(st.data())
def test_one_changed_bit_and_it_does_not_open(given_: st.DataObject) -> None:
    sealed = bytearray(KEY.seal("cpr", "900000001", "6101900012"))
    place = given_.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(ColumnError):
        KEY.open("cpr", "900000001", bytes(sealed))


@given(st.binary(max_size=80))
def test_garbage_raises_the_columns_own_error_without_its_cause(garbage: bytes) -> None:
    with pytest.raises(ColumnError) as caught:
        KEY.open("cpr", "900000001", garbage)
    assert caught.value.__cause__ is None
