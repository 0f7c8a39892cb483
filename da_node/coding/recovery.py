"""A blob from any sufficient part of it (CODING.md §7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from mmap import mmap
from typing import Final

from da_node.coding import _kernel
from da_node.coding.blob import (
    EncodedBlob,
    aggregate_of,
    prove,
    room_for_leaves,
    start_by_rows,
    threads_for,
)
from da_node.coding.column import CHECKED, Column, Point, VerifiedColumn, VerifiedPoint
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg
from da_node.coding.merkle import CommittedTree, column_roots, leaf_hashes
from da_node.coding.parameters import (
    CELL_BYTES,
    DATA_COLUMNS,
    DATA_POINTS,
    ELEMENT_BYTES,
    POINTS,
    POINTS_PER_COLUMN,
    column_leaves_bytes,
    leaf_bytes,
)
from da_node.coding.verify import (
    Item,
    Numbered,
    VerifiedItem,
    column_path_of,
    column_root_of,
    require_own,
    verify_numbered,
)
from da_node.errors import Bug, NotEnough

_HALF_COLUMN: Final = POINTS_PER_COLUMN // 2
_BEYOND_HALVES: Final = DATA_POINTS // 2
"""32·|J| + 2048 points within columns J determine the blob: 2048 beyond half of each."""


def recover(
    header: Header, columns: Iterable[Column], kzg: Kzg | None = None, *, threads: int = 1
) -> EncodedBlob:
    """The whole blob from any 64 columns; those not verified yet are verified first.

    Raises NotEnough, and what verify_columns raises.
    """
    verified = admit_columns(header, columns, kzg, threads=threads)
    leaves = recovered_leaves(header, verified, threads=threads)
    tree = CommittedTree(header.merkle_root)
    for column in verified:
        tree.learn(column.index, column_roots(column.leaf_hashes), column.path)
    return _complete(header, leaves, tree, kzg)


def recover_from_points(
    header: Header, points: Iterable[Point], certified: bool = False, kzg: Kzg | None = None
) -> EncodedBlob:
    """The whole blob from enough points; those not verified yet are verified first.

    Enough: 2048 beyond half of each column they lie in, counted where that is more than none.
    `certified`: a valid certificate says that honest members verified 64 columns, so any 4096 do.
    Raises NotEnough, and what verify_points raises.
    """
    verified = _admit_points(header, points, kzg)
    _require_enough(verified, certified)
    leaves = room_for_leaves(header.row_count)
    known = bytearray(POINTS)
    tree = CommittedTree(header.merkle_root)
    width = leaf_bytes(header.row_count)
    for point in verified:
        leaves[point.index * width : (point.index + 1) * width] = point.leaf
        known[point.index] = 1
    for point in {point.column: point for point in verified}.values():
        tree.learn(point.column, column_root_of(header, point), column_path_of(point))
    cells = {point.column: point.cell for point in verified}
    _solve(header, leaves, known, cells, threads=1)
    return _complete(header, leaves, tree, kzg)


def recovered_leaves(
    header: Header, columns: Sequence[VerifiedColumn], *, threads: int = 1
) -> mmap:
    """All 8192 leaves from 64 or more distinct verified columns. Raises NotEnough."""
    if len(columns) < DATA_COLUMNS:
        raise NotEnough(unit="columns", held=len(columns), needed=DATA_COLUMNS)
    leaves = room_for_leaves(header.row_count)
    known = bytearray(POINTS)
    width = column_leaves_bytes(header.row_count)
    for column in columns:
        leaves[column.index * width : (column.index + 1) * width] = column.leaves
        start = column.index * POINTS_PER_COLUMN
        known[start : start + POINTS_PER_COLUMN] = b"\x01" * POINTS_PER_COLUMN
    cells = {column.index: column.cell for column in columns}
    _solve(header, leaves, known, cells, threads=threads)
    return leaves


def admit_columns(
    header: Header, columns: Iterable[Column], kzg: Kzg | None = None, *, threads: int = 1
) -> list[VerifiedColumn]:
    """The columns, each index once; those not verified yet are verified.

    Raises ForeignItem, and what verify_columns raises (`.item` is the position in `columns`).
    """
    admitted = _admit(header, columns, "column", kzg, threads=threads)
    return [item for item in admitted if isinstance(item, VerifiedColumn)]


def _admit_points(header: Header, points: Iterable[Point], kzg: Kzg | None) -> list[VerifiedPoint]:
    admitted = _admit(header, points, "point", kzg)
    return [item for item in admitted if isinstance(item, VerifiedPoint)]


def _admit(
    header: Header, items: Iterable[Item], unit: str, kzg: Kzg | None, *, threads: int = 1
) -> list[VerifiedItem]:
    """The items, each index once: one that is verified already, or else the last one, verified."""
    verified: dict[int, VerifiedItem] = {}
    plain: dict[int, Numbered] = {}
    for number, item in enumerate(items):
        if isinstance(item, VerifiedColumn | VerifiedPoint):
            require_own(number, header, item, unit)
            verified[item.index] = item
        else:
            plain[item.index] = (number, header, item)
    unknown = [item for index, item in plain.items() if index not in verified]
    if not unknown:
        return list(verified.values())
    return [*verified.values(), *verify_numbered(unknown, kzg, threads=threads)]


def _require_enough(points: Sequence[VerifiedPoint], certified: bool) -> None:
    if certified:
        if len(points) < DATA_POINTS:
            raise NotEnough(unit="points", held=len(points), needed=DATA_POINTS)
        return
    held = Counter(point.column for point in points)
    beyond = sum(max(0, count - _HALF_COLUMN) for count in held.values())
    if beyond < _BEYOND_HALVES:
        raise NotEnough(
            unit="points beyond half of each column", held=beyond, needed=_BEYOND_HALVES
        )


def _solve(
    header: Header, leaves: mmap, known: bytearray, cells: dict[int, bytes], *, threads: int
) -> None:
    """Fill in the leaves that are not known, rows side by side."""
    rows = header.row_count
    fill = _filler(leaves, rows, known)
    with threads_for(threads) as pool:
        for task in start_by_rows(pool, rows, fill):
            task.result()
    _require_same_aggregate(header, leaves, cells)


def _filler(leaves: mmap, rows: int, known: bytearray) -> Callable[[int, int], None]:
    """What fills the unknown points of a run of rows; a whole half known needs no division."""
    if all(known[:DATA_POINTS]):
        return lambda first, last: _kernel.extend(leaves, rows, first, last)
    if all(known[DATA_POINTS:]):
        return lambda first, last: _kernel.extend_back(leaves, rows, first, last)
    table = bytearray(POINTS * ELEMENT_BYTES)
    _kernel.locator(known, table)
    return lambda first, last: _kernel.recover(leaves, rows, first, last, known, table)


def _require_same_aggregate(header: Header, leaves: mmap, cells: dict[int, bytes]) -> None:
    """A guard against faults of ours: 64 cells that open C determine what C commits to, so what
    was recovered must combine to them."""
    aggregate = aggregate_of(leaves, header.row_count, header.challenge)
    for column, cell in cells.items():
        if aggregate[column * CELL_BYTES : (column + 1) * CELL_BYTES] != cell:
            raise Bug(reason=f"recovery of {header.blob_id.hex0x} does not fit column {column}")


def _complete(header: Header, leaves: mmap, tree: CommittedTree, kzg: Kzg | None) -> EncodedBlob:
    """The blob around recovered leaves: what climbs to the root, and proofs for all of it."""
    hashes = leaf_hashes(memoryview(leaves).toreadonly(), leaf_bytes(header.row_count))
    proven, aggregate, proofs = prove(header.payload_length, header.merkle_root, leaves, kzg)
    if proven != header:
        raise Bug(reason=f"recovery of {header.blob_id.hex0x} does not open its commitment")
    roots = column_roots(hashes)
    return EncodedBlob(
        header=header,
        leaves=memoryview(leaves).toreadonly(),
        leaf_hashes=hashes,
        tree=tree,
        aggregate=aggregate,
        proofs=proofs,
        refuted_columns=tree.refuted(roots),
        void_columns=tree.fill(roots),
        check=CHECKED,
    )
