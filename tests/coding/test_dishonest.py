"""Whatever an encoder put where nobody looked, every way of reading gives one payload."""

from __future__ import annotations

from random import Random

import pytest
from coding_specimens import CURVE, DOUBLE, dishonest_blob, received_columns
from hypothesis import given, settings
from hypothesis import strategies as st

from da_node.coding import (
    COLUMNS,
    EncodedBlob,
    decode_range,
    encode,
    payload_of,
    recover,
    recover_from_points,
    verify_columns,
    verify_points,
)
from da_node.coding.parameters import MODULUS
from da_node.coding.vectors import blob_from
from da_node.errors import BadProof, NonCanonicalElement, VoidColumn

LENGTH = 200_000

VOID = {
    "one parity column": {127},
    "one data column": {5},
    "several": {3, 4, 63, 64, 100},
    "a subtree of data": set(range(8, 16)),
    "all data columns": set(range(64)),
    "all parity columns": set(range(64, 128)),
    "every second column": set(range(0, 128, 2)),
}


def payload() -> bytearray:
    return dishonest_blob(LENGTH, frozenset()).payload()


def require_one_payload(source: EncodedBlob, void: set[int], expected: bytes | bytearray) -> None:
    """Data columns, other sets of 64, ranges and recovery agree."""
    header = source.header
    good = [source.column(j) for j in range(COLUMNS) if j not in void]
    few = Random(1).sample(good, 64)
    start, stop = len(expected) // 3, len(expected) // 2
    for columns in (good, few):
        assert payload_of(header, columns) == expected
        assert decode_range(header, columns, start, stop) == expected[start:stop]
    assert recover(header, few, DOUBLE).payload() == expected


def require_points_agree(source: EncodedBlob, void: set[int], expected: bytes | bytearray) -> None:
    """Points give that payload too: of 64 columns, and scattered ones under a certificate."""
    good = [source.column(j) for j in range(COLUMNS) if j not in void]
    whole = [column.point(offset) for column in good[-64:] for offset in range(64)]
    assert recover_from_points(source.header, whole, kzg=DOUBLE).payload() == expected
    part = range(4096 // len(good) + 1)
    scattered = [column.point(offset) for column in good for offset in part]
    found = recover_from_points(source.header, scattered, certified=True, kzg=DOUBLE)
    assert found.payload() == expected


@pytest.mark.parametrize("kind", VOID)
def test_void_columns_change_no_payload(kind: str) -> None:
    source = dishonest_blob(LENGTH, frozenset(VOID[kind]))
    require_one_payload(source, VOID[kind], payload())


@pytest.mark.parametrize("kind", ["several", "a subtree of data"])
def test_void_columns_change_no_payload_read_from_points(kind: str) -> None:
    source = dishonest_blob(LENGTH, frozenset(VOID[kind]))
    require_points_agree(source, VOID[kind], payload())


@pytest.mark.parametrize("kind", VOID)
def test_a_void_column_is_recognised_and_never_served(kind: str) -> None:
    void = VOID[kind]
    source = dishonest_blob(LENGTH, frozenset(void))
    held = verify_columns(
        source.header, received_columns(source, sorted(set(range(COLUMNS)) - void)), DOUBLE
    )
    found = recover(source.header, held, DOUBLE)
    assert found.void_columns == void
    for index in range(COLUMNS):
        if index in void:
            with pytest.raises(VoidColumn, match=f"column {index} "):
                found.column(index)
            with pytest.raises(VoidColumn):
                found.point(64 * index + 63)
        else:
            assert found.column(index).serialize() == source.column(index).serialize()
            assert found.point(64 * index).serialize() == source.point(64 * index).serialize()


@settings(deadline=None, max_examples=10)
@given(void=st.sets(st.integers(0, 127), min_size=1, max_size=64), seed=st.integers(0, 2**32))
def test_any_void_columns_leave_every_64_others_with_one_payload(void: set[int], seed: int) -> None:
    source = blob_from(
        {
            "payload": {"length": 70_000, "seed": "void"},
            "void_columns": void,
            "void_leaf": "02" * 32,
        },
        DOUBLE,
    )
    honest = encode(bytes(70_000), DOUBLE)
    assert honest.blob_id != source.blob_id
    good = sorted(set(range(COLUMNS)) - void)
    columns = [source.column(j) for j in Random(seed).sample(good, 64)]
    found = recover(source.header, columns, DOUBLE)
    assert void <= found.void_columns
    assert found.payload() == payload_of(source.header, [source.column(j) for j in good])


def test_what_was_committed_to_in_a_void_column_does_not_verify() -> None:
    source = blob_from(
        {
            "payload": {"length": LENGTH, "seed": "dishonest"},
            "void_columns": [],
            "void_leaf": "01" * 32,
        },
        CURVE,
    )
    void = blob_from(
        {
            "payload": {"length": LENGTH, "seed": "dishonest"},
            "void_columns": [70],
            "void_leaf": "01" * 32,
        },
        CURVE,
    )
    path = void.tree.path(70)
    assert path is not None
    kind = type(received_columns(source, [70])[0])
    column = kind(index=70, leaves=b"\x01" * (64 * 64), path=path, proof=void.proofs[70])
    with pytest.raises(BadProof):
        verify_columns(void.header, [column], CURVE)


# ---------------------------------------------------------------- elements off the packing

OFF_PACKING = {
    "a top byte": {"element_0": hex(5 << 248)},
    "every top byte of a column": {f"element_{e}": hex(e + 7 << 248) for e in range(64)},
    "beyond the length": {"element_4095": hex(MODULUS - 1)},
    "right behind the length": {"element_33": hex(2**248 - 1)},
    "in the last piece, behind the length": {"element_32": hex((2**248 - 1) // 255**2)},
}


@pytest.mark.parametrize("kind", OFF_PACKING)
def test_elements_that_no_payload_packs_to_are_read_alike(kind: str) -> None:
    vector = {"payload": {"length": 1000, "seed": "x"}} | OFF_PACKING[kind]
    source = blob_from(vector, DOUBLE)
    expected = source.payload()
    assert len(expected) == 1000
    require_one_payload(source, set(), expected)
    if kind == "every top byte of a column":
        require_points_agree(source, set(), expected)
    honest = encode(expected, DOUBLE)
    assert honest.payload() == expected
    assert honest.blob_id != source.blob_id


def test_a_committed_element_beyond_the_modulus_never_verifies() -> None:
    vector = {"payload": {"length": 1000, "seed": "x"}, "element_70": hex(MODULUS + 1)}
    source = blob_from(vector, DOUBLE)
    with pytest.raises(NonCanonicalElement):
        verify_columns(source.header, received_columns(source, [1]), DOUBLE)
    with pytest.raises(NonCanonicalElement):
        verify_points(source.header, [source.point(70)], DOUBLE)
