"""The Merkle tree over the leaves (CODING.md §3): RFC 6962 hashing, full, 13 levels.

Column j is the subtree whose root is node j, six levels above the leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from hashlib import sha256
from typing import Final

from da_node.coding.hashing import hash_runs
from da_node.coding.parameters import COLUMNS, HASH_BYTES, POINTS_PER_COLUMN
from da_node.coding.values import MerkleRoot

_LEAF: Final = 0
_NODE: Final = 1

LEAVES_A_TASK: Final = 256
"""Leaves that one thread hashes at a time."""


def leaf_hashes(leaves: memoryview, leaf_bytes: int, pool: Executor | None = None) -> bytes:
    """Hashes of consecutive leaves, 32 bytes each, without copying them."""
    if pool is None:
        return hash_runs(_LEAF, leaves, leaf_bytes)
    step = LEAVES_A_TASK * leaf_bytes
    runs = [leaves[start : start + step] for start in range(0, len(leaves), step)]
    return b"".join(pool.map(lambda run: hash_runs(_LEAF, run, leaf_bytes), runs))


def hash_node(left: bytes, right: bytes) -> bytes:
    """A node from its two children."""
    return sha256(b"\x01" + left + right).digest()


def climb(node: bytes, index: int, path: bytes) -> bytes:
    """Where `node`, at `index` of its level, ends after its path of siblings, bottom up."""
    for start in range(0, len(path), HASH_BYTES):
        sibling = path[start : start + HASH_BYTES]
        node = hash_node(sibling, node) if index & 1 else hash_node(node, sibling)
        index >>= 1
    return node


def levels_above(hashes: bytes) -> list[bytes]:
    """All levels of the full tree over `hashes` (a power of two of them), bottom up, root last."""
    levels = [hashes]
    while len(hashes) > HASH_BYTES:
        hashes = hash_runs(_NODE, hashes, 2 * HASH_BYTES)
        levels.append(hashes)
    return levels


def path_in(levels: Sequence[bytes], index: int) -> bytes:
    """Siblings of node `index` of the lowest level, bottom up, to just below the root."""
    siblings = []
    for level in levels[:-1]:
        sibling = (index ^ 1) * HASH_BYTES
        siblings.append(level[sibling : sibling + HASH_BYTES])
        index >>= 1
    return b"".join(siblings)


def column_roots(hashes: bytes) -> bytes:
    """Roots, 32 bytes each, of the subtrees over one or more columns' leaf hashes, 64 each."""
    for _ in range(POINTS_PER_COLUMN.bit_length() - 1):
        hashes = hash_runs(_NODE, hashes, 2 * HASH_BYTES)
    return hashes


class CommittedTree:
    """The nodes from the column roots up to the Merkle root, as far as they are known.

    An encoder knows them all. Who recovers a blob knows what its verified paths named; a column
    that was rebuilt belongs to the tree only if it climbs to one of those (CODING.md §7).
    """

    def __init__(self, root: MerkleRoot) -> None:
        self.root = root
        height = COLUMNS.bit_length() - 1
        self._levels: list[list[bytes | None]] = [
            [None] * (COLUMNS >> level) for level in range(height)
        ]
        self._levels.append([bytes(root)])

    @classmethod
    def of_columns(cls, roots: bytes) -> CommittedTree:
        """The whole tree over 128 column roots (4096 bytes)."""
        levels = levels_above(roots)
        tree = cls(MerkleRoot(levels[-1]))
        tree._levels = [
            [level[start : start + HASH_BYTES] for start in range(0, len(level), HASH_BYTES)]
            for level in levels
        ]
        return tree

    def learn(self, column: int, node: bytes, path: bytes) -> None:
        """Note a column root and its path; the caller has seen it climb to the root."""
        for level, start in enumerate(range(0, len(path), HASH_BYTES)):
            sibling = path[start : start + HASH_BYTES]
            self._levels[level][column], self._levels[level][column ^ 1] = node, sibling
            node = hash_node(sibling, node) if column & 1 else hash_node(node, sibling)
            column >>= 1

    def fill(self, candidates: bytes) -> frozenset[int]:
        """Complete the tree with 128 candidate column roots (4096 bytes); those that do not belong.

        Below a known node whose children are not known, either all candidates belong or none can
        be shown to: without the others' hashes there is no path for any of them.
        """
        void: set[int] = set()
        for level in range(len(self._levels)):
            for index in range(COLUMNS >> level):
                below = range(index << level, (index + 1) << level)
                if self._is_lowest_known(level, index):
                    void.update(self._adopt(level, index, below, candidates))
        return frozenset(void)

    def refuted(self, candidates: bytes) -> frozenset[int]:
        """The columns whose root is known and is not the candidate: something else was committed
        to there, whatever may become known of the rest.
        """
        each = range(0, len(candidates), HASH_BYTES)
        roots = (candidates[start : start + HASH_BYTES] for start in each)
        both = enumerate(zip(self._levels[0], roots, strict=True))
        return frozenset(j for j, (known, root) in both if known is not None and known != root)

    def _is_lowest_known(self, level: int, index: int) -> bool:
        known = self._levels[level][index] is not None
        return known and (level == 0 or self._levels[level - 1][2 * index] is None)

    def _adopt(self, level: int, index: int, below: range, candidates: bytes) -> Iterable[int]:
        subtree = levels_above(candidates[below.start * HASH_BYTES : below.stop * HASH_BYTES])
        if subtree[-1] != self._levels[level][index]:
            return below
        for depth, hashes in enumerate(subtree):
            first = below.start >> depth
            for offset in range(len(hashes) // HASH_BYTES):
                node = hashes[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
                self._levels[depth][first + offset] = node
        return ()

    def path(self, column: int) -> bytes | None:
        """A column's seven siblings, or None where one of them is not known."""
        siblings = []
        for level in self._levels[:-1]:
            sibling = level[column ^ 1]
            if sibling is None:
                return None
            siblings.append(sibling)
            column >>= 1
        return b"".join(siblings)
