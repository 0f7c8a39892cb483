"""A column and a point as they travel, and as they are once they have been verified.

How far an item has been checked is its type: only this package's checks make a Verified one, and
only verified ones are stored, recovered from or served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Final

from da_node.coding.header import Header
from da_node.coding.merkle import levels_above, path_in
from da_node.coding.parameters import (
    CELL_BYTES,
    COLUMN_PATH_HASHES,
    COLUMNS,
    HASH_BYTES,
    POINT_PATH_HASHES,
    POINTS,
    POINTS_PER_COLUMN,
    PROOF_BYTES,
    column_bytes,
    column_leaves_bytes,
    leaf_bytes,
    point_bytes,
)
from da_node.coding.values import Proof
from da_node.errors import BadData, Bug, IndexOutOfRange, WrongLength


class _Check:
    """Stands for a check that was made; its one instance stays inside this package."""


CHECKED: Final = _Check()

Bytes = bytes | bytearray | memoryview


def _require_length(what: str, data: Bytes, expected: int) -> None:
    if len(data) != expected:
        raise WrongLength(what=what, value=len(data), expected=expected)


def require_checked(check: object) -> None:
    """What a verified type calls when it is made. Raises Bug."""
    if check is not CHECKED:
        raise Bug(reason="a verified item is made by verification only")


@dataclass(frozen=True, kw_only=True)
class Column:
    """64 points of every row, as received: nothing about it is known."""

    index: int
    """0 … 127; 0 … 63 are data."""
    leaves: Bytes
    """Its 64 leaves, 64·32·m bytes."""
    path: bytes
    """Siblings from the column's subtree to the root, 7·32 bytes."""
    proof: Proof
    """KZG proof of cell `index` of the aggregate row."""

    def __post_init__(self) -> None:
        if not 0 <= self.index < COLUMNS:
            raise IndexOutOfRange(unit="column", value=self.index, bound=COLUMNS - 1)
        _require_length("column path", self.path, COLUMN_PATH_HASHES * HASH_BYTES)

    @classmethod
    def parse(cls, data: Bytes, header: Header) -> Column:
        """From exactly 2048·m + 273 bytes; the leaves are a view of them, not a copy.

        Raises WrongLength, IndexOutOfRange.
        """
        _require_length("column", data, column_bytes(header.row_count))
        view = memoryview(data)
        leaves_end = 1 + column_leaves_bytes(header.row_count)
        return cls(
            index=view[0],
            leaves=view[1:leaves_end],
            path=bytes(view[leaves_end:-PROOF_BYTES]),
            proof=Proof(view[-PROOF_BYTES:]),
        )

    def serialize(self) -> bytes:
        """Index, leaves, path, proof."""
        return b"".join((self.index.to_bytes(1, "big"), self.leaves, self.path, self.proof))

    @property
    def byte_length(self) -> int:
        """Bytes of `serialize()`."""
        return 1 + len(self.leaves) + len(self.path) + len(self.proof)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One element of every row, as received, with its column's aggregate cell to prove it by."""

    index: int
    """0 … 8191; below 4096 are data."""
    leaf: Bytes
    """Its elements, 32·m bytes."""
    path: bytes
    """Siblings from the leaf to the root, 13·32 bytes."""
    cell: bytes
    """Cell `index // 64` of the aggregate row, 2048 bytes."""
    proof: Proof
    """KZG proof of that cell."""

    def __post_init__(self) -> None:
        if not 0 <= self.index < POINTS:
            raise IndexOutOfRange(unit="point", value=self.index, bound=POINTS - 1)
        _require_length("point path", self.path, POINT_PATH_HASHES * HASH_BYTES)
        _require_length("aggregate cell", self.cell, CELL_BYTES)

    @classmethod
    def parse(cls, data: Bytes, header: Header) -> Point:
        """From exactly 32·m + 2514 bytes. Raises WrongLength, IndexOutOfRange."""
        _require_length("point", data, point_bytes(header.row_count))
        view = memoryview(data)
        leaf_end = 2 + leaf_bytes(header.row_count)
        path_end = leaf_end + POINT_PATH_HASHES * HASH_BYTES
        return cls(
            index=int.from_bytes(view[:2], "big"),
            leaf=view[2:leaf_end],
            path=bytes(view[leaf_end:path_end]),
            cell=bytes(view[path_end:-PROOF_BYTES]),
            proof=Proof(view[-PROOF_BYTES:]),
        )

    def serialize(self) -> bytes:
        """Index, leaf, path, aggregate cell, proof."""
        index = self.index.to_bytes(2, "big")
        return b"".join((index, self.leaf, self.path, self.cell, self.proof))

    @property
    def byte_length(self) -> int:
        """Bytes of `serialize()`."""
        return 2 + len(self.leaf) + len(self.path) + len(self.cell) + len(self.proof)

    @property
    def column(self) -> int:
        """The column it is part of."""
        return self.index // POINTS_PER_COLUMN


@dataclass(frozen=True, kw_only=True)
class VerifiedPoint(Point):
    """A point that holds for `header`."""

    header: Header
    check: InitVar[object]

    def __post_init__(self, check: object) -> None:
        super().__post_init__()
        require_checked(check)


@dataclass(frozen=True, kw_only=True)
class VerifiedColumn(Column):
    """A column that holds for `header`, with what its check computed."""

    header: Header
    leaf_hashes: bytes
    """Hashes of its leaves, 64·32 bytes."""
    cell: bytes
    """Its cell of the aggregate row, 2048 bytes."""
    check: InitVar[object]

    def __post_init__(self, check: object) -> None:
        super().__post_init__()
        require_checked(check)

    def point(self, offset: int) -> VerifiedPoint:
        """Its point `offset` (0 … 63): point 64·index + offset of the blob."""
        if not 0 <= offset < POINTS_PER_COLUMN:
            raise IndexOutOfRange(unit="point", value=offset, bound=POINTS_PER_COLUMN - 1)
        width = leaf_bytes(self.header.row_count)
        return VerifiedPoint(
            index=self.index * POINTS_PER_COLUMN + offset,
            leaf=self.leaves[offset * width : (offset + 1) * width],
            path=path_in(levels_above(self.leaf_hashes), offset) + self.path,
            cell=self.cell,
            proof=self.proof,
            header=self.header,
            check=CHECKED,
        )


@dataclass(frozen=True, kw_only=True)
class ColumnFrame:
    """All of a verified column but its leaves: what its points are admitted and proven by."""

    header: Header
    index: int
    """0 … 127."""
    path: bytes
    """Siblings from the column's subtree to the root, 7·32 bytes."""
    levels: tuple[bytes, ...]
    """The subtree: its 64 leaf hashes first, its root last. It climbs to the header's root."""
    cell: bytes
    """The column's cell of the aggregate row, 2048 bytes."""
    proof: Proof
    check: InitVar[object]

    def __post_init__(self, check: object) -> None:
        require_checked(check)


@dataclass(frozen=True, kw_only=True)
class VerifiedLeaves:
    """Consecutive leaves of one column, each of them checked; gives out their points."""

    frame: ColumnFrame
    points: range
    """Of which of the column's points (0 … 63) they are."""
    leaves: bytes
    """32·m bytes each."""
    faults: Mapping[int, BadData]
    """Those of the points whose leaf does not hold, and what is wrong with it."""
    check: InitVar[object]

    def __post_init__(self, check: object) -> None:
        require_checked(check)

    def point(self, offset: int) -> VerifiedPoint:
        """The column's point `offset`, without any hashing.

        Raises IndexOutOfRange for one that is not among these, and what is wrong with its leaf.
        """
        if offset not in self.points:
            raise IndexOutOfRange(unit="point", value=offset, bound=self.points.stop - 1)
        frame, width = self.frame, leaf_bytes(self.frame.header.row_count)
        start = (offset - self.points.start) * width
        if offset in self.faults:
            raise self.faults[offset]
        return VerifiedPoint(
            index=frame.index * POINTS_PER_COLUMN + offset,
            leaf=self.leaves[start : start + width],
            path=path_in(frame.levels, offset) + frame.path,
            cell=frame.cell,
            proof=frame.proof,
            header=frame.header,
            check=CHECKED,
        )
