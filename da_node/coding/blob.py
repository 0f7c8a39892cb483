"""A payload becomes a blob: coded, committed to, proven (CODING.md §2–§5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from mmap import mmap

from da_node.coding import _kernel
from da_node.coding.challenge import challenge_of
from da_node.coding.column import (
    CHECKED,
    Bytes,
    VerifiedColumn,
    VerifiedPoint,
    require_checked,
)
from da_node.coding.header import Header
from da_node.coding.kzg import Kzg, local_prover
from da_node.coding.merkle import CommittedTree, column_roots, leaf_hashes
from da_node.coding.parameters import (
    CELL_BYTES,
    COLUMNS,
    DATA_POINTS,
    ELEMENT_BYTES,
    HASH_BYTES,
    MAX_PAYLOAD_BYTES,
    POINTS,
    POINTS_PER_COLUMN,
    ROW_BYTES,
    column_leaves_bytes,
    leaf_bytes,
    row_count_of,
)
from da_node.coding.values import BlobId, MerkleRoot, Proof
from da_node.errors import EmptyPayload, IndexOutOfRange, PayloadTooLarge, VoidColumn

ROWS_A_TASK = 8
"""Rows that one thread transforms at a time: the kernel's lanes."""


@dataclass(frozen=True, kw_only=True)
class EncodedBlob:
    """All 8192 points of a blob, with what proves them. Every item it gives out is verified."""

    header: Header
    leaves: memoryview = field(repr=False)
    """The points' leaves in order, 8192·32·m bytes, read-only."""
    leaf_hashes: bytes = field(repr=False)
    """8192·32 bytes."""
    tree: CommittedTree = field(repr=False)
    aggregate: bytes = field(repr=False)
    """The aggregate row, extended: 128 cells of 2048 bytes."""
    proofs: tuple[Proof, ...] = field(repr=False)
    """One for each of the 128 cells."""
    void_columns: frozenset[int] = frozenset()
    """Columns whose codeword cannot be shown to climb to the root; empty for an honest encoder."""
    refuted_columns: frozenset[int] = frozenset()
    """Those of them that are known never to have been committed to. Of the others more columns may
    show that they climb."""
    check: InitVar[object]

    def __post_init__(self, check: object) -> None:
        require_checked(check)

    @property
    def blob_id(self) -> BlobId:
        return self.header.blob_id

    @property
    def row_count(self) -> int:
        return self.header.row_count

    def column(self, index: int) -> VerifiedColumn:
        """Column 0 … 127, a view of the leaves. Raises IndexOutOfRange, VoidColumn."""
        if not 0 <= index < COLUMNS:
            raise IndexOutOfRange(unit="column", value=index, bound=COLUMNS - 1)
        path = self.tree.path(index)
        if index in self.void_columns or path is None:
            raise VoidColumn(index=index)
        width = column_leaves_bytes(self.row_count)
        hashes = POINTS_PER_COLUMN * HASH_BYTES
        return VerifiedColumn(
            index=index,
            leaves=self.leaves[index * width : (index + 1) * width],
            path=path,
            proof=self.proofs[index],
            header=self.header,
            leaf_hashes=self.leaf_hashes[index * hashes : (index + 1) * hashes],
            cell=self.aggregate[index * CELL_BYTES : (index + 1) * CELL_BYTES],
            check=CHECKED,
        )

    def point(self, index: int) -> VerifiedPoint:
        """Point 0 … 8191. Raises IndexOutOfRange, VoidColumn."""
        if not 0 <= index < POINTS:
            raise IndexOutOfRange(unit="point", value=index, bound=POINTS - 1)
        return self.column(index // POINTS_PER_COLUMN).point(index % POINTS_PER_COLUMN)

    def payload(self) -> bytearray:
        """The payload, read from the data points."""
        payload = bytearray(self.header.payload_length)
        _kernel.unpack(self.leaves[: len(self.leaves) // 2], payload)
        return payload


def encode(payload: Bytes, kzg: Kzg | None = None, *, threads: int = 1) -> EncodedBlob:
    """Code and commit to a payload of 1 … 130,023,424 bytes (any contiguous buffer).

    `kzg` makes the one commitment and the 128 proofs (by default in this process); `threads` is
    how many the arithmetic uses. Takes 2.07 times the payload in memory.
    Raises EmptyPayload, PayloadTooLarge.
    """
    # one view for all of it: as long as it lives, a bytearray keeps its length
    view = memoryview(payload).cast("B")
    with threads_for(threads) as pool:
        leaves, hashes = _code(view, pool)
    tree = tree_of(hashes)
    header, aggregate, proofs = prove(len(view), tree.root, leaves, kzg)
    return EncodedBlob(
        header=header,
        leaves=memoryview(leaves).toreadonly(),
        leaf_hashes=hashes,
        tree=tree,
        aggregate=aggregate,
        proofs=proofs,
        check=CHECKED,
    )


def merkle_root_of(payload: Bytes, *, threads: int = 1) -> MerkleRoot:
    """The root that an honest encoder's header has for this payload; no curve work.

    Raises EmptyPayload, PayloadTooLarge.
    """
    with threads_for(threads) as pool:
        _, hashes = _code(memoryview(payload).cast("B"), pool)
    return tree_of(hashes).root


def prove(
    payload_length: int, root: MerkleRoot, data: Bytes | mmap, kzg: Kzg | None
) -> tuple[Header, bytes, tuple[Proof, ...]]:
    """Header, extended aggregate row and proofs of the codeword over these data leaves, which may
    be followed by others. The challenge is drawn from a root that is final.
    """
    gamma = challenge_of(payload_length, root)
    aggregate = aggregate_of(data, row_count_of(payload_length), gamma)
    commitment, proofs = (kzg or local_prover()).commit_and_prove(aggregate[:ROW_BYTES])
    header = Header(payload_length=payload_length, merkle_root=root, commitment=commitment)
    return header, aggregate, proofs


def _code(view: memoryview, pool: Executor | None) -> tuple[mmap, bytes]:
    """All leaves of a payload, and their hashes."""
    if not view:
        raise EmptyPayload(bound=MAX_PAYLOAD_BYTES)
    if len(view) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(value=len(view), bound=MAX_PAYLOAD_BYTES)
    rows = row_count_of(len(view))
    leaves = room_for_leaves(rows)
    half = len(leaves) // 2
    data, parity = memoryview(leaves)[:half], memoryview(leaves)[half:]
    _kernel.pack(view, data)
    extending = start_by_rows(
        pool, rows, lambda first, last: _kernel.extend(leaves, rows, first, last)
    )
    # the data leaves are final already, so they are hashed while the others are computed
    data_hashes = leaf_hashes(data.toreadonly(), leaf_bytes(rows), pool)
    for task in extending:
        task.result()
    return leaves, data_hashes + leaf_hashes(parity.toreadonly(), leaf_bytes(rows), pool)


def room_for_leaves(rows: int) -> mmap:
    """Zeroed memory for a blob's 8192 leaves: anonymous pages, which cost nothing until they are
    touched. A bytearray of that size is zeroed while the interpreter lock is held."""
    return mmap(-1, POINTS * leaf_bytes(rows))


def tree_of(hashes: bytes) -> CommittedTree:
    """The committed tree over all 8192 leaf hashes."""
    return CommittedTree.of_columns(column_roots(hashes))


def aggregate_of(leaves: Bytes | mmap, rows: int, gamma: int) -> bytes:
    """The aggregate row of the data leaves, extended: 8192 elements."""
    aggregate = bytearray(POINTS * ELEMENT_BYTES)
    data = memoryview(leaves)[: DATA_POINTS * leaf_bytes(rows)]
    _kernel.combine(
        data, rows, gamma.to_bytes(ELEMENT_BYTES, "big"), memoryview(aggregate)[:ROW_BYTES]
    )
    _kernel.extend(aggregate, 1, 0, 1)
    return bytes(aggregate)


@contextmanager
def threads_for(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """A pool of that many threads for the kernel, or None where one is enough."""
    if threads <= 1:
        yield None
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool


def start_by_rows(
    pool: Executor | None, rows: int, work: Callable[[int, int], None]
) -> list[Future[None]]:
    """Run `work(first, last)` over all rows: here and now, or in the pool a few rows at a time."""
    if pool is None:
        work(0, rows)
        return []
    return [
        pool.submit(work, first, min(first + ROWS_A_TASK, rows))
        for first in range(0, rows, ROWS_A_TASK)
    ]
