"""What was verified before it was stored is admitted again by hashing alone, and only unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from coding_specimens import LENGTHS, THREE_ROWS, blob, many
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import (
    ColumnFrame,
    Proof,
    VerifiedColumn,
    VerifiedPoint,
    readmit_column,
    readmit_frame,
    readmit_point,
)
from da_node.errors import (
    BadCell,
    BadData,
    BadPath,
    IndexOutOfRange,
    NonCanonicalElement,
    WrongLength,
)

SOURCE = blob(THREE_ROWS)
COLUMN = SOURCE.column(40)


def stored(**changed: Any) -> VerifiedColumn:
    kept: dict[str, Any] = {
        "index": COLUMN.index,
        "leaves": bytes(COLUMN.leaves),
        "path": COLUMN.path,
        "proof": COLUMN.proof,
        "leaf_hashes": COLUMN.leaf_hashes,
        "cell": COLUMN.cell,
    }
    return readmit_column(SOURCE.header, **kept | changed)


def stored_frame(**changed: Any) -> ColumnFrame:
    kept: dict[str, Any] = {
        "index": COLUMN.index,
        "path": COLUMN.path,
        "proof": COLUMN.proof,
        "leaf_hashes": COLUMN.leaf_hashes,
        "cell": COLUMN.cell,
    }
    return readmit_frame(SOURCE.header, **kept | changed)


def stored_point(offset: int = 9, leaf: bytes | None = None, **changed: Any) -> VerifiedPoint:
    kept = bytes(COLUMN.point(9).leaf) if leaf is None else leaf
    return readmit_point(stored_frame(**changed), offset, kept)


def flipped(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position % len(data)] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_column_is_admitted_as_it_was(length: int) -> None:
    source = blob(length)
    for index in (0, 63, 64, 127):
        column = source.column(index)
        again = readmit_column(
            source.header,
            index,
            bytes(column.leaves),
            column.path,
            column.proof,
            column.leaf_hashes,
            column.cell,
        )
        assert again == column


def test_a_point_is_admitted_from_its_leaf_alone() -> None:
    for offset in range(64):
        point = COLUMN.point(offset)
        assert stored_point(offset, bytes(point.leaf)) == point


@many
@given(field=st.sampled_from(["leaves", "path", "leaf_hashes", "cell"]), at=st.integers(0, 9999))
def test_a_column_with_a_changed_byte_is_refused(field: str, at: int) -> None:
    with pytest.raises(BadData):
        stored(**{field: flipped(bytes(getattr(COLUMN, field)), at)})


@many
@given(field=st.sampled_from(["leaf", "path", "leaf_hashes"]), at=st.integers(0, 9999))
def test_a_point_with_a_changed_byte_is_refused(field: str, at: int) -> None:
    source = COLUMN.point(9) if field == "leaf" else COLUMN
    with pytest.raises(BadData):
        stored_point(9, **{field: flipped(bytes(getattr(source, field)), at)})


def test_each_fault_has_its_error() -> None:
    with pytest.raises(BadPath):
        stored(leaf_hashes=flipped(COLUMN.leaf_hashes, 5))
    with pytest.raises(BadCell):
        stored(cell=flipped(COLUMN.cell, 5))
    with pytest.raises(BadPath):
        stored(index=41)
    with pytest.raises(WrongLength):
        stored(leaves=bytes(COLUMN.leaves)[:-1])
    with pytest.raises(WrongLength):
        stored(path=COLUMN.path[:-1])
    with pytest.raises(IndexOutOfRange):
        stored(index=128)
    with pytest.raises(BadCell):
        stored_point(cell=flipped(COLUMN.cell, 9 * 32 + 31))
    with pytest.raises(BadPath):
        stored_point(leaf_hashes=flipped(COLUMN.leaf_hashes, 5))
    with pytest.raises(BadPath):
        stored_point(10)
    with pytest.raises(BadPath):
        stored_point(index=41)
    for outside in (-1, 64):
        with pytest.raises(IndexOutOfRange):
            stored_point(outside)
    with pytest.raises(IndexOutOfRange):
        stored_point(index=128)
    for short in ("path", "cell"):
        with pytest.raises(WrongLength):
            stored_point(**{short: getattr(COLUMN, short)[:-1]})
    for length in (0, 95, 97):
        with pytest.raises(WrongLength):
            stored_point(leaf=bytes(length))
    with pytest.raises(NonCanonicalElement):
        stored_point(leaf=b"\xff" * 96)


@pytest.mark.parametrize("count", [0, 1, 32, 63, 65, 128])
def test_a_column_has_64_leaf_hashes(count: int) -> None:
    hashes = (COLUMN.leaf_hashes * 2)[: 32 * count]
    with pytest.raises(BadPath):
        stored(leaf_hashes=hashes)
    with pytest.raises(WrongLength):
        stored_point(leaf_hashes=hashes)


def test_the_proof_is_its_keeper_s() -> None:
    assert stored(proof=Proof(bytes(48))).proof == bytes(48)
