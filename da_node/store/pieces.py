"""A column as the pieces in which it is stored, and back. Pure.

    part 0       version u8 ‖ SHA-256(blob id ‖ index u8 ‖ the rest) ‖ the rest:
                 path 7·32 ‖ proof 48 ‖ leaf hashes 64·32 ‖ aggregate cell 2048
    part 1, 2, … groups of leaves, each a power of two of them and at most 64 KiB

so that a point is read from part 0 and one group, and from nothing else. The leaves need no
checksum of their own: their hashes are in part 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from da_node.coding import (
    CELL_BYTES,
    COLUMN_PATH_HASHES,
    ELEMENT_BYTES,
    POINTS_PER_COLUMN,
    PROOF_BYTES,
    Header,
    Proof,
    VerifiedColumn,
    VerifiedLeaves,
    readmit_column,
    readmit_frame,
    readmit_leaves,
)
from da_node.errors import BadData
from da_node.store.door import Damaged
from da_node.store.layout import SIDE_PART

GROUP_BYTES: Final = 64 * 1024
"""The longest group. Two leaves of the tallest blob (1024 rows of 32 bytes) fill it exactly."""

KEY_AND_ENTRY_BYTES: Final = 128
"""Each piece's key (40 bytes), and the database's own bookkeeping for it, rounded up."""

FRAME_BYTES: Final = 8 * 1024
"""A column's frame in memory: a tree of 127 hashes, the cell, path and proof, and the objects."""

_VERSION: Final = b"\x01"
_HASH_BYTES: Final = 32
_PATH_BYTES: Final = COLUMN_PATH_HASHES * _HASH_BYTES
_LEAF_HASHES_BYTES: Final = POINTS_PER_COLUMN * _HASH_BYTES
SIDE_BYTES: Final = 1 + _HASH_BYTES + _PATH_BYTES + PROOF_BYTES + _LEAF_HASHES_BYTES + CELL_BYTES


class PointPlace(NamedTuple):
    """Where a point of a column lies."""

    part: int
    """The group that holds it."""

    offset: int
    """The first byte of its leaf in that group."""

    length: int
    """The bytes of its leaf."""


def leaves_per_group(row_count: int) -> int:
    """The greatest power of two of leaves that fits a group, at most the whole column."""
    fitting = GROUP_BYTES // (ELEMENT_BYTES * row_count)
    return min(POINTS_PER_COLUMN, 1 << (fitting.bit_length() - 1))


def part_count(row_count: int) -> int:
    """How many pieces a column has, the one beside the leaves included."""
    return 1 + POINTS_PER_COLUMN // leaves_per_group(row_count)


def place_of_point(row_count: int, offset: int) -> PointPlace:
    """Where the point at `offset` (0..63) of a column lies."""
    part, position = divmod(offset, leaves_per_group(row_count))
    leaf_bytes = ELEMENT_BYTES * row_count
    return PointPlace(SIDE_PART + 1 + part, position * leaf_bytes, leaf_bytes)


def stored_bytes(row_count: int) -> int:
    """What one column of a blob takes on disk, rounded up."""
    leaves = POINTS_PER_COLUMN * ELEMENT_BYTES * row_count
    return leaves + SIDE_BYTES + part_count(row_count) * KEY_AND_ENTRY_BYTES


def pieces_of(column: VerifiedColumn) -> Iterator[tuple[int, bytes]]:
    """A verified column's parts and their values."""
    beside = b"".join((column.path, column.proof, column.leaf_hashes, column.cell))
    checksum = _checksum(column.header, column.index, beside)
    yield SIDE_PART, _VERSION + checksum + beside
    row_count = column.header.row_count
    group_bytes = leaves_per_group(row_count) * ELEMENT_BYTES * row_count
    leaves = memoryview(column.leaves)
    for part in range(1, part_count(row_count)):
        yield part, bytes(leaves[(part - 1) * group_bytes : part * group_bytes])


def assemble_column(
    header: Header, index: int, side: bytes, groups: Sequence[bytes]
) -> VerifiedColumn:
    """A column from its pieces, verified. Damaged if they are not what was stored."""
    beside = _parse_side(header, index, side)
    try:
        return readmit_column(
            header,
            index,
            groups[0] if len(groups) == 1 else b"".join(groups),
            beside.path,
            beside.proof,
            beside.leaf_hashes,
            beside.cell,
        )
    except BadData as error:
        raise Damaged(reason=str(error)) from error


def assemble_group(
    header: Header, index: int, part: int, side: bytes, leaves: bytes
) -> VerifiedLeaves:
    """A column's group `part` from its pieces, each leaf verified; some may not hold.

    Damaged if none of them can be told.
    """
    beside = _parse_side(header, index, side)
    count = leaves_per_group(header.row_count)
    first = (part - SIDE_PART - 1) * count
    try:
        frame = readmit_frame(
            header, index, beside.path, beside.proof, beside.leaf_hashes, beside.cell
        )
        return readmit_leaves(frame, range(first, first + count), leaves)
    except BadData as error:
        raise Damaged(reason=str(error)) from error


def held_bytes(group: VerifiedLeaves) -> int:
    """What a group takes in memory with its frame, rounded up."""
    return len(group.leaves) + FRAME_BYTES


class _Side(NamedTuple):
    path: bytes
    proof: Proof
    leaf_hashes: bytes
    cell: bytes


def _checksum(header: Header, index: int, beside: bytes | memoryview) -> bytes:
    """Binds the proof, which nothing else here checks, to the column that it proves."""
    digest = hashlib.sha256(header.blob_id + bytes((index,)))
    digest.update(beside)
    return digest.digest()


def _parse_side(header: Header, index: int, value: bytes) -> _Side:
    if len(value) != SIDE_BYTES or value[:1] != _VERSION:
        raise Damaged(reason=f"the part beside the leaves has {len(value)} bytes")
    beside = memoryview(value)[1 + _HASH_BYTES :]
    if _checksum(header, index, beside) != value[1 : 1 + _HASH_BYTES]:
        raise Damaged(reason="the part beside the leaves fails its checksum")
    proof_at = _PATH_BYTES
    hashes_at = proof_at + PROOF_BYTES
    cell_at = hashes_at + _LEAF_HASHES_BYTES
    return _Side(
        path=bytes(beside[:proof_at]),
        proof=Proof(beside[proof_at:hashes_at]),
        leaf_hashes=bytes(beside[hashes_at:cell_at]),
        cell=bytes(beside[cell_at:]),
    )
