"""Whether columns and points hold (CODING.md §6), and nothing verified that does not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, overload

from da_node.coding import _kernel
from da_node.coding.column import (
    CHECKED,
    Bytes,
    Column,
    ColumnFrame,
    Point,
    VerifiedColumn,
    VerifiedLeaves,
    VerifiedPoint,
)
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg, local_verifier
from da_node.coding.merkle import (
    climb,
    column_roots,
    leaf_hashes,
    levels_above,
)
from da_node.coding.parameters import (
    CELL_BYTES,
    COLUMN_PATH_HASHES,
    COLUMNS,
    ELEMENT_BYTES,
    HASH_BYTES,
    POINTS_PER_COLUMN,
    column_leaves_bytes,
    leaf_bytes,
)
from da_node.coding.values import Proof
from da_node.errors import (
    BadCell,
    BadData,
    BadPath,
    BadProof,
    EmptyBatch,
    ForeignItem,
    IndexOutOfRange,
    NonCanonicalElement,
    WrongLength,
)

THREADED_LEAF_BYTES: Final = 1024
"""Items with leaves from this size on are worth checking in threads (measured)."""
OVERLAPPED_BYTES: Final = 1 << 20
"""Leaves from so many bytes on are worth a thread that hashes them, for half a millisecond, while
the curve work is done elsewhere."""

Item = Column | Point
VerifiedItem = VerifiedColumn | VerifiedPoint
Numbered = tuple[int, Header, Item]
"""An item's position in what the caller handed in, the header it must hold for, and the item."""


def verify_columns(
    header: Header, columns: Sequence[Column], kzg: Kzg | None = None, *, threads: int = 1
) -> list[VerifiedColumn]:
    """The columns, verified with one KZG call; all of them hold, or an error names one.

    Raises WrongLength, NonCanonicalElement, BadPath, BadProof (`.item` is the position in
    `columns`), EmptyBatch.
    """
    return verify_many([(header, column) for column in columns], kzg, threads=threads)


def verify_points(
    header: Header, points: Sequence[Point], kzg: Kzg | None = None
) -> list[VerifiedPoint]:
    """The points, verified with one KZG call. Raises as verify_columns does, and BadCell."""
    return verify_many([(header, point) for point in points], kzg)


@overload
def verify_many(
    items: Sequence[tuple[Header, Column]], kzg: Kzg | None = None, *, threads: int = 1
) -> list[VerifiedColumn]: ...
@overload
def verify_many(
    items: Sequence[tuple[Header, Point]], kzg: Kzg | None = None, *, threads: int = 1
) -> list[VerifiedPoint]: ...
@overload
def verify_many(
    items: Sequence[tuple[Header, Item]], kzg: Kzg | None = None, *, threads: int = 1
) -> list[VerifiedItem]: ...
def verify_many(
    items: Sequence[tuple[Header, Item]], kzg: Kzg | None = None, *, threads: int = 1
) -> Sequence[VerifiedItem]:
    """Items of one or several blobs, verified with one KZG call, in the order given."""
    numbered = [(item, header, thing) for item, (header, thing) in enumerate(items)]
    return verify_numbered(numbered, kzg, threads=threads)


def verify_numbered(
    items: Sequence[Numbered], kzg: Kzg | None = None, *, threads: int = 1
) -> Sequence[VerifiedItem]:
    """`verify_many` for items that keep the numbers they have in a longer list."""
    if not items:
        raise EmptyBatch()
    kzg = kzg or local_verifier()
    if _is_worth_threads(items, threads):
        with ThreadPoolExecutor(threads) as pool:
            combined = list(pool.map(_combined, items))
            # This thread only waits for the curve work, which is done elsewhere.
            climbing = [pool.submit(_climbed, one) for one in combined]
            false = _false_opening(combined, kzg)
            candidates = [task.result() for task in climbing]
    else:
        combined = list(map(_combined, items))
        candidates = list(map(_climbed, combined))
        false = _false_opening(combined, kzg)
    if false is not None:
        unit = "column" if isinstance(false.thing, Column) else "point"
        raise BadProof(item=false.item, unit=unit, index=false.thing.index)
    return candidates


def _is_worth_threads(items: Sequence[Numbered], threads: int) -> bool:
    widest = max(leaf_bytes(header.row_count) for _, header, _ in items)
    if widest < THREADED_LEAF_BYTES:
        return False
    return threads > 1 or sum(thing.byte_length for _, _, thing in items) >= OVERLAPPED_BYTES


def readmit_column(
    header: Header,
    index: int,
    leaves: Bytes,
    path: bytes,
    proof: Proof,
    leaf_hashes: bytes,
    cell: bytes,
) -> VerifiedColumn:
    """A column that was verified before it was stored, checked again without curve work.

    Hashes bind its leaves to the header's root, so they are the ones that were verified; its
    cell must combine from them. The proof is taken as it is: its keeper guards it by a checksum.
    Raises WrongLength, BadPath, BadCell.
    """
    column = Column(index=index, leaves=leaves, path=path, proof=proof)
    candidate = _climbed_column(_combined_column(0, header, column), column)
    if candidate.leaf_hashes != leaf_hashes:
        raise BadPath(item=0, unit="column", index=index, root=header.merkle_root.hex0x)
    if candidate.cell != cell:
        raise BadCell(item=0, index=index * POINTS_PER_COLUMN)
    return candidate


def readmit_frame(
    header: Header, index: int, path: bytes, proof: Proof, leaf_hashes: bytes, cell: bytes
) -> ColumnFrame:
    """What lies beside the leaves of a stored column, checked again without curve work.

    Its leaf hashes climb to the header's root, so they are those of the leaves that were verified.
    Cell and proof are taken as they are: their keeper guards them by a checksum.
    Raises WrongLength, IndexOutOfRange, BadPath.
    """
    if not 0 <= index < COLUMNS:
        raise IndexOutOfRange(unit="column", value=index, bound=COLUMNS - 1)
    for what, data, expected in (
        ("leaf hashes", leaf_hashes, POINTS_PER_COLUMN * HASH_BYTES),
        ("column path", path, COLUMN_PATH_HASHES * HASH_BYTES),
        ("aggregate cell", cell, CELL_BYTES),
    ):
        if len(data) != expected:
            raise WrongLength(what=what, value=len(data), expected=expected)
    levels = levels_above(leaf_hashes)
    if climb(levels[-1], index, path) != header.merkle_root:
        raise BadPath(item=0, unit="column", index=index, root=header.merkle_root.hex0x)
    return ColumnFrame(
        header=header,
        index=index,
        path=path,
        levels=tuple(levels),
        cell=cell,
        proof=proof,
        check=CHECKED,
    )


def readmit_leaves(frame: ColumnFrame, points: range, leaves: bytes) -> VerifiedLeaves:
    """Consecutive leaves of a stored column: those of some of its points (0 … 63).

    Each is checked; the faults of those that do not hold stand beside the others.
    Raises WrongLength, IndexOutOfRange.
    """
    width = leaf_bytes(frame.header.row_count)
    if not 0 <= points.start < points.stop <= POINTS_PER_COLUMN:
        raise IndexOutOfRange(unit="point", value=points.stop - 1, bound=POINTS_PER_COLUMN - 1)
    if len(leaves) != len(points) * width:
        raise WrongLength(what="leaves", value=len(leaves), expected=len(points) * width)
    hashes = slice(points.start * HASH_BYTES, points.stop * HASH_BYTES)
    entries = slice(points.start * ELEMENT_BYTES, points.stop * ELEMENT_BYTES)
    faults: dict[int, BadData] = {}
    if not (
        _kernel.first_non_canonical(leaves) < 0
        and leaf_hashes(memoryview(leaves), width) == frame.levels[0][hashes]
        and combine(frame.header, leaves, len(points)) == frame.cell[entries]
    ):
        for place, offset in enumerate(points):
            try:
                _require_leaf(frame, offset, leaves[place * width : (place + 1) * width])
            except BadData as error:
                faults[offset] = error
    return VerifiedLeaves(frame=frame, points=points, leaves=leaves, faults=faults, check=CHECKED)


def _require_leaf(frame: ColumnFrame, offset: int, leaf: bytes) -> None:
    """One leaf of a stored column holds. Raises NonCanonicalElement, BadPath, BadCell."""
    header, index = frame.header, frame.index * POINTS_PER_COLUMN + offset
    _require_canonical(0, "point", index, memoryview(leaf))
    at = offset * HASH_BYTES
    if leaf_hashes(memoryview(leaf), len(leaf)) != frame.levels[0][at : at + HASH_BYTES]:
        raise BadPath(item=0, unit="point", index=index, root=header.merkle_root.hex0x)
    _require_entry(0, header, index, leaf, frame.cell)


class _Combined(NamedTuple):
    """An item of which the elements are canonical, and its cell."""

    item: int
    header: Header
    thing: Item
    leaves: memoryview
    """A column's 64, or a point's one; nobody can write to them."""
    cell: bytes
    """What a column's leaves combine to; of a point what came with it, until it has climbed."""

    @property
    def opening(self) -> _Opening:
        """What its cell claims."""
        column = self.thing.index if isinstance(self.thing, Column) else self.thing.column
        return self.header.commitment, column, self.cell, self.thing.proof


def _combined(numbered: Numbered) -> _Combined:
    """All but the climb and the opening."""
    item, header, thing = numbered
    if isinstance(thing, Column):
        return _combined_column(item, header, thing)
    return _combined_point(item, header, thing)


def _climbed(combined: _Combined) -> VerifiedItem:
    """All but the opening; what this returns must not leave the module before that is checked."""
    if isinstance(combined.thing, Column):
        return _climbed_column(combined, combined.thing)
    return _climbed_point(combined, combined.thing)


def _combined_column(item: int, header: Header, column: Column) -> _Combined:
    leaves = _unwritable(column.leaves)
    require_own(item, header, column, "column")
    _require_length(item, "column", column.index, leaves, column_leaves_bytes(header.row_count))
    _require_canonical(item, "column", column.index, leaves)
    return _Combined(item, header, column, leaves, combine(header, leaves, POINTS_PER_COLUMN))


def _climbed_column(combined: _Combined, column: Column) -> VerifiedColumn:
    header, leaves = combined.header, combined.leaves
    hashes = leaf_hashes(leaves, leaf_bytes(header.row_count))
    if climb(column_roots(hashes), column.index, column.path) != header.merkle_root:
        raise _bad_path(combined, "column")
    return VerifiedColumn(
        index=column.index,
        leaves=leaves,
        path=column.path,
        proof=column.proof,
        header=header,
        leaf_hashes=hashes,
        cell=combined.cell,
        check=CHECKED,
    )


def _combined_point(item: int, header: Header, point: Point) -> _Combined:
    leaf = _unwritable(point.leaf)
    require_own(item, header, point, "point")
    _require_length(item, "point", point.index, leaf, leaf_bytes(header.row_count))
    _require_canonical(item, "point", point.index, leaf)
    return _Combined(item, header, point, leaf, point.cell)


def _climbed_point(combined: _Combined, point: Point) -> VerifiedPoint:
    header, leaf = combined.header, combined.leaves
    hashed = leaf_hashes(leaf, leaf_bytes(header.row_count))
    if climb(hashed, point.index, point.path) != header.merkle_root:
        raise _bad_path(combined, "point")
    _require_entry(combined.item, header, point.index, leaf, combined.cell)
    return VerifiedPoint(
        index=point.index,
        leaf=leaf,
        path=point.path,
        cell=point.cell,
        proof=point.proof,
        header=header,
        check=CHECKED,
    )


def _bad_path(combined: _Combined, unit: str) -> BadPath:
    root = combined.header.merkle_root.hex0x
    return BadPath(item=combined.item, unit=unit, index=combined.thing.index, root=root)


def _require_entry(item: int, header: Header, index: int, leaf: Bytes, cell: bytes) -> None:
    """A point's entry of its column's cell is what its leaf combines to. Raises BadCell."""
    entry = index % POINTS_PER_COLUMN * ELEMENT_BYTES
    if combine(header, leaf, 1) != cell[entry : entry + ELEMENT_BYTES]:
        raise BadCell(item=item, index=index)


def combine(header: Header, leaves: Bytes, points: int) -> bytes:
    """Σ γ^i y_i of each of `points` leaves, 32 bytes each."""
    combined = bytearray(points * ELEMENT_BYTES)
    gamma = header.challenge.to_bytes(ELEMENT_BYTES, "big")
    _kernel.combine(leaves, header.row_count, gamma, combined)
    return bytes(combined)


def _unwritable(data: Bytes) -> memoryview:
    """The data, copied first where it could be written to: what was verified stays as it is."""
    view = memoryview(data)
    return view if view.readonly else memoryview(bytes(view))


def _require_length(item: int, unit: str, index: int, data: memoryview, expected: int) -> None:
    if data.nbytes != expected:
        what = f"{unit} {index} (item {item})"
        raise WrongLength(what=what, value=data.nbytes, expected=expected)


def require_own(item: int, header: Header, thing: Item, unit: str) -> None:
    """A verified item keeps its header. Raises ForeignItem."""
    if isinstance(thing, VerifiedColumn | VerifiedPoint) and thing.header != header:
        raise ForeignItem(
            item=item,
            unit=unit,
            index=thing.index,
            value=thing.header.blob_id.hex0x,
            expected=header.blob_id.hex0x,
        )


def _require_canonical(item: int, unit: str, index: int, elements: memoryview) -> None:
    element = _kernel.first_non_canonical(elements)
    if element >= 0:
        raise NonCanonicalElement(item=item, unit=unit, index=index, element=element)


# What one cell claims: commitment, column, cell, proof. Points of one column share theirs.
_Opening = tuple[bytes, int, bytes, bytes]


def _false_opening(items: Sequence[_Combined], kzg: Kzg) -> _Combined | None:
    """One call over all cells; where it fails, halves of the batch are asked until one is named."""
    openings: dict[_Opening, _Combined] = {}
    for one in items:
        openings.setdefault(one.opening, one)
    claims = list(openings)
    if _open(claims, kzg):
        return None
    while len(claims) > 1:
        first = claims[: len(claims) // 2]
        claims = claims[len(first) :] if _open(first, kzg) else first
    return openings[claims[0]]


def _open(claims: Sequence[_Opening], kzg: Kzg) -> bool:
    commitments, indices, cells, proofs = zip(*claims, strict=True)
    return kzg.verify_cells(commitments, indices, cells, proofs)


def column_path_of(point: Point) -> bytes:
    """The part of a point's path that is its column's."""
    return point.path[-COLUMN_PATH_HASHES * HASH_BYTES :]


def column_root_of(header: Header, point: Point) -> bytes:
    """Root of a point's column, from the lower part of its path."""
    hashed = leaf_hashes(memoryview(point.leaf), leaf_bytes(header.row_count))
    lower = point.path[: -COLUMN_PATH_HASHES * HASH_BYTES]
    return climb(hashed, point.index % POINTS_PER_COLUMN, lower)
