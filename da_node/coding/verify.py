"""Whether columns and points hold (CODING.md §6), and nothing verified that does not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, overload

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
    widest = max(leaf_bytes(header.row_count) for _, header, _ in items)
    if threads > 1 and widest >= THREADED_LEAF_BYTES:
        with ThreadPoolExecutor(threads) as pool:
            candidates = list(pool.map(_check_item, items))
    else:
        candidates = list(map(_check_item, items))
    _require_openings([item for item, _, _ in items], candidates, kzg or local_verifier())
    return candidates


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
    candidate = _checked_column(0, header, column)
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


def _check_item(numbered: Numbered) -> VerifiedItem:
    """All but the opening; what this returns must not leave the module before that is checked."""
    item, header, thing = numbered
    if isinstance(thing, Column):
        return _checked_column(item, header, thing)
    return _checked_point(item, header, thing)


def _checked_column(item: int, header: Header, column: Column) -> VerifiedColumn:
    rows = header.row_count
    leaves = _unwritable(column.leaves)
    require_own(item, header, column, "column")
    _require_length(item, "column", column.index, leaves, column_leaves_bytes(rows))
    _require_canonical(item, "column", column.index, leaves)
    hashes = leaf_hashes(leaves, leaf_bytes(rows))
    if climb(column_roots(hashes), column.index, column.path) != header.merkle_root:
        raise BadPath(item=item, unit="column", index=column.index, root=header.merkle_root.hex0x)
    return VerifiedColumn(
        index=column.index,
        leaves=leaves,
        path=column.path,
        proof=column.proof,
        header=header,
        leaf_hashes=hashes,
        cell=combine(header, leaves, POINTS_PER_COLUMN),
        check=CHECKED,
    )


def _checked_point(item: int, header: Header, point: Point) -> VerifiedPoint:
    width = leaf_bytes(header.row_count)
    leaf = _unwritable(point.leaf)
    require_own(item, header, point, "point")
    _require_length(item, "point", point.index, leaf, width)
    _require_canonical(item, "point", point.index, leaf)
    if climb(leaf_hashes(leaf, width), point.index, point.path) != header.merkle_root:
        raise BadPath(item=item, unit="point", index=point.index, root=header.merkle_root.hex0x)
    _require_entry(item, header, point.index, leaf, point.cell)
    return VerifiedPoint(
        index=point.index,
        leaf=leaf,
        path=point.path,
        cell=point.cell,
        proof=point.proof,
        header=header,
        check=CHECKED,
    )


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


def _require_openings(numbers: Sequence[int], candidates: Sequence[VerifiedItem], kzg: Kzg) -> None:
    """One call over all cells; where it fails, halves of the batch are asked until one is named."""
    openings: dict[_Opening, tuple[int, VerifiedItem]] = {}
    for numbered in zip(numbers, candidates, strict=True):
        openings.setdefault(_opening_of(numbered[1]), numbered)
    claims = list(openings)
    if _open(claims, kzg):
        return
    while len(claims) > 1:
        first = claims[: len(claims) // 2]
        claims = claims[len(first) :] if _open(first, kzg) else first
    item, bad = openings[claims[0]]
    unit = "column" if isinstance(bad, Column) else "point"
    raise BadProof(item=item, unit=unit, index=bad.index)


def _opening_of(candidate: VerifiedItem) -> _Opening:
    column = candidate.index if isinstance(candidate, VerifiedColumn) else candidate.column
    return candidate.header.commitment, column, candidate.cell, candidate.proof


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
