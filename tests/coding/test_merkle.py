"""The tree is the twin's, and what is known of it grows only by what climbs."""

from __future__ import annotations

from random import Random

import pytest
import slow
from coding_specimens import few, many
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import COLUMNS, MerkleRoot
from da_node.coding.merkle import (
    CommittedTree,
    climb,
    column_roots,
    leaf_hashes,
    levels_above,
    path_in,
)

LEAVES = [Random(p).randbytes(40) for p in range(128)]
HASHES = leaf_hashes(memoryview(b"".join(LEAVES)), 40)
ROOTS = [Random(j).randbytes(32) for j in range(COLUMNS)]


@pytest.mark.parametrize("count", [1, 2, 4, 64, 128])
def test_root_and_paths_are_the_twins(count: int) -> None:
    levels = levels_above(HASHES[: 32 * count])
    assert levels[-1] == slow.merkle_root(LEAVES[:count])
    for index in range(count):
        path = path_in(levels, index)
        assert path == slow.merkle_path(LEAVES[:count], index)
        assert climb(HASHES[32 * index : 32 * index + 32], index, path) == levels[-1]
    if count == 64:
        assert column_roots(HASHES[: 32 * 64]) == levels[-1]


@many
@given(index=st.integers(0, 127), place=st.integers(0, 7 * 32 - 1), bit=st.integers(0, 7))
def test_a_changed_path_or_index_climbs_elsewhere(index: int, place: int, bit: int) -> None:
    levels = levels_above(HASHES)
    path = bytearray(path_in(levels, index))
    path[place] ^= 1 << bit
    node = HASHES[32 * index : 32 * index + 32]
    assert climb(node, index, bytes(path)) != levels[-1]
    assert climb(node, index ^ 1 << bit % 7, path_in(levels, index)) != levels[-1]


def test_a_node_is_never_a_leaf() -> None:
    left, right = HASHES[:32], HASHES[32:64]
    assert leaf_hashes(memoryview(left + right), 64) != levels_above(left + right)[-1]


def test_the_whole_tree_knows_every_path() -> None:
    tree = CommittedTree.of_columns(b"".join(ROOTS))
    for column in range(COLUMNS):
        path = tree.path(column)
        assert path is not None
        assert climb(ROOTS[column], column, path) == tree.root


@few
@given(held=st.sets(st.integers(0, 127), min_size=1))
def test_a_tree_learned_from_some_columns_is_completed_by_the_others(held: set[int]) -> None:
    whole = CommittedTree.of_columns(b"".join(ROOTS))
    tree = CommittedTree(MerkleRoot(whole.root))
    assert all(tree.path(column) is None for column in range(COLUMNS))
    for column in held:
        tree.learn(column, ROOTS[column], whole.path(column) or b"")
    assert tree.fill(b"".join(ROOTS)) == frozenset()
    assert [tree.path(j) for j in range(COLUMNS)] == [whole.path(j) for j in range(COLUMNS)]


@few
@given(wrong=st.sets(st.integers(0, 127), min_size=1))
def test_without_any_path_one_wrong_candidate_leaves_nothing_shown(wrong: set[int]) -> None:
    whole = CommittedTree.of_columns(b"".join(ROOTS))
    tree = CommittedTree(MerkleRoot(whole.root))
    candidates = [bytes(32) if j in wrong else root for j, root in enumerate(ROOTS)]
    assert tree.fill(b"".join(candidates)) == frozenset(range(COLUMNS))
    assert tree.path(0) is None
