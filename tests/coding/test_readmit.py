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
    VerifiedLeaves,
    readmit_column,
    readmit_frame,
    readmit_leaves,
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


some_points = st.builds(
    lambda start, count: range(start, min(start + count, 64)),
    st.integers(0, 63),
    st.integers(1, 64),
)


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


def stored_leaves(
    points: range = range(64), leaves: bytes | None = None, **changed: Any
) -> VerifiedLeaves:
    width = len(COLUMN.leaves) // 64
    kept = bytes(COLUMN.leaves)[points.start * width : points.stop * width]
    return readmit_leaves(stored_frame(**changed), points, kept if leaves is None else leaves)


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


@many
@given(points=some_points)
def test_points_are_admitted_from_their_leaves_alone(points: range) -> None:
    group = stored_leaves(points)
    assert [group.point(offset) for offset in points] == [COLUMN.point(one) for one in points]
    for outside in (points.start - 1, points.stop):
        with pytest.raises(IndexOutOfRange):
            group.point(outside)


@many
@given(field=st.sampled_from(["leaves", "path", "leaf_hashes", "cell"]), at=st.integers(0, 9999))
def test_a_column_with_a_changed_byte_is_refused(field: str, at: int) -> None:
    with pytest.raises(BadData):
        stored(**{field: flipped(bytes(getattr(COLUMN, field)), at)})


@many
@given(field=st.sampled_from(["path", "leaf_hashes"]), at=st.integers(0, 9999))
def test_a_frame_with_a_changed_byte_is_refused(field: str, at: int) -> None:
    with pytest.raises(BadPath):
        stored_frame(**{field: flipped(getattr(COLUMN, field), at)})


@many
@given(field=st.sampled_from(["leaves", "cell"]), at=st.integers(0, 9999), points=some_points)
def test_a_changed_byte_of_a_leaf_or_the_cell_is_its_point_s_fault_alone(
    field: str, at: int, points: range
) -> None:
    whole = bytes(getattr(COLUMN, field))
    each = len(whole) // 64
    at %= len(whole)
    changed = flipped(whole, at)
    if field == "leaves":
        group = stored_leaves(points, changed[points.start * each : points.stop * each])
    else:
        group = stored_leaves(points, cell=changed)
    assert list(group.faults) == [at // each] * (at // each in points)
    for offset in points:
        if offset in group.faults:
            with pytest.raises(BadData):
                group.point(offset)
        else:
            leaf = group.point(offset).leaf
            assert bytes(leaf) == bytes(COLUMN.point(offset).leaf)


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
    with pytest.raises(BadPath):
        stored_frame(index=41)
    with pytest.raises(IndexOutOfRange):
        stored_frame(index=128)
    for short in ("path", "cell"):
        with pytest.raises(WrongLength):
            stored_frame(**{short: getattr(COLUMN, short)[:-1]})
    for length in (0, 95, 97, 192):
        with pytest.raises(WrongLength):
            stored_leaves(range(9, 10), bytes(length))
    for points in (range(-1, 1), range(63, 65), range(5, 5)):
        with pytest.raises(IndexOutOfRange):
            stored_leaves(points)
    group = stored_leaves(range(8, 12), b"".join((leaf(11), leaf(9), b"\xff" * 96, leaf(11))))
    found = [type(group.faults[offset]) for offset in (8, 9, 10, 11) if offset in group.faults]
    assert found == [BadPath, NonCanonicalElement]
    assert isinstance(stored_leaves(cell=flipped(COLUMN.cell, 9 * 32 + 31)).faults[9], BadCell)


def leaf(offset: int) -> bytes:
    return bytes(COLUMN.point(offset).leaf)


@pytest.mark.parametrize("count", [0, 1, 32, 63, 65, 128])
def test_a_column_has_64_leaf_hashes(count: int) -> None:
    hashes = (COLUMN.leaf_hashes * 2)[: 32 * count]
    with pytest.raises(BadPath):
        stored(leaf_hashes=hashes)
    with pytest.raises(WrongLength):
        stored_frame(leaf_hashes=hashes)


def test_the_proof_is_its_keeper_s() -> None:
    assert stored(proof=Proof(bytes(48))).proof == bytes(48)
