"""Any 64 verified columns are the blob; fewer are not, and nothing unverified goes in."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from coding_specimens import (
    DOUBLE,
    LENGTHS,
    ONE_ROW,
    THREE_ROWS,
    blob,
    dishonest_blob,
    few,
    payload_of_length,
    real_blob,
    received_columns,
)
from hypothesis import given
from hypothesis import strategies as st
from kzg_doubles import CountingKzg, RememberingKzg

from da_node.coding import (
    COLUMNS,
    Column,
    Commitment,
    EncodedBlob,
    Proof,
    encode,
    payload_of,
    recover,
)
from da_node.coding.recovery import recovered_leaves
from da_node.errors import BadPath, BadProof, Bug, ForeignItem, NotEnough

SETS = {
    "the data columns": range(64),
    "the parity columns": range(64, 128),
    "every second column": range(0, 128, 2),
    "all but the first": range(1, 128),
    "all": range(128),
}


def subsets_of_64() -> st.SearchStrategy[list[int]]:
    return st.permutations(range(COLUMNS)).map(lambda order: order[:64])


def require_same(found: EncodedBlob, source: EncodedBlob) -> None:
    """Everything that the recovered blob gives out is what its encoder gave out."""
    assert found.header == source.header
    assert found.leaves == source.leaves
    assert found.leaf_hashes == source.leaf_hashes
    assert found.aggregate == source.aggregate
    assert found.proofs == source.proofs
    assert found.void_columns == frozenset()
    for index in range(COLUMNS):
        assert found.column(index).serialize() == source.column(index).serialize()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("which", SETS)
def test_a_blob_is_recovered_from_any_64_columns(which: str, length: int) -> None:
    source = blob(length)
    columns = [source.column(j) for j in SETS[which]]
    require_same(recover(source.header, columns, DOUBLE), source)


@few
@given(subsets_of_64())
def test_a_blob_is_recovered_from_random_64_columns(indices: list[int]) -> None:
    source = blob(THREE_ROWS)
    require_same(recover(source.header, [source.column(j) for j in indices], DOUBLE), source)


@pytest.mark.parametrize("length", [1, 31, 32, ONE_ROW, ONE_ROW + 1, THREE_ROWS])
def test_a_payload_is_read_from_data_columns_and_from_any_64(length: int) -> None:
    source = blob(length)
    for indices in (range(64), range(128), range(64, 128), Random(length).sample(range(128), 64)):
        columns = [source.column(j) for j in indices]
        assert payload_of(source.header, columns) == payload_of_length(length)
    assert recover(source.header, columns, DOUBLE).payload() == payload_of_length(length)


def test_recovery_on_the_curve_gives_the_encoder_s_proofs() -> None:
    source = real_blob(THREE_ROWS)
    require_same(recover(source.header, received_columns(source, range(40, 104))), source)


def test_threads_change_nothing() -> None:
    source = encode(payload_of_length(1_200_000), DOUBLE)  # more rows than one thread takes
    columns = [source.column(j) for j in range(1, 128, 2)]
    require_same(recover(source.header, columns, DOUBLE, threads=2), source)
    assert payload_of(source.header, columns, threads=2) == source.payload()


@pytest.mark.parametrize("count", [0, 1, 63])
def test_63_columns_are_not_enough_however_often_they_are_named(count: int) -> None:
    source = blob(ONE_ROW)
    columns = [source.column(j) for j in range(20, 20 + count)]
    for given_in in (
        columns,
        columns * 3,
        columns + received_columns(source, range(20, 20 + count)),
    ):
        with pytest.raises(NotEnough) as refusal:
            recover(source.header, given_in, DOUBLE)
        assert (refusal.value.held, refusal.value.needed) == (count, 64)
        with pytest.raises(NotEnough):
            payload_of(source.header, given_in, DOUBLE)


def test_columns_named_twice_count_once() -> None:
    source = blob(ONE_ROW)
    columns = [source.column(j) for j in range(30, 94)]
    require_same(recover(source.header, columns * 2, DOUBLE), source)


# ---------------------------------------------------------------- what is not verified yet


def test_columns_not_verified_yet_are_verified_with_one_call() -> None:
    source, kzg = blob(THREE_ROWS), CountingKzg(DOUBLE)
    mixed = [source.column(j) for j in range(20)] + received_columns(source, range(20, 64))
    assert payload_of(source.header, mixed, kzg) == source.payload()
    assert kzg.cells_a_call == [44]
    require_same(recover(source.header, mixed, kzg), source)
    assert kzg.cells_a_call == [44, 44]


def test_verified_columns_are_taken_on_trust() -> None:
    source, kzg = blob(THREE_ROWS), CountingKzg(DOUBLE)
    payload_of(source.header, [source.column(j) for j in range(64)], kzg)
    assert kzg.cells_a_call == []


@pytest.mark.parametrize("position", [0, 30, 63])
def test_a_bad_column_is_refused_by_its_position_in_the_list(position: int) -> None:
    source = blob(ONE_ROW)
    columns: list[Column] = [source.column(j) for j in range(64)]
    good = received_columns(source, [position])[0]
    bad_leaves = bytes([0]) * 31 + bytes([bytes(good.leaves)[31] ^ 1]) + bytes(good.leaves)[32:]
    faults: list[tuple[Any, Proof, Any]] = [
        (bad_leaves, good.proof, BadPath),
        (good.leaves, Proof(bytes(48)), BadProof),
    ]
    for leaves, proof, error in faults:
        columns[position] = Column(index=position, leaves=leaves, path=good.path, proof=proof)
        for function in (recover, payload_of):
            with pytest.raises(error) as refusal:
                function(source.header, columns, DOUBLE)
            assert (refusal.value.item, refusal.value.index) == (position, position)


@pytest.mark.parametrize("order", [1, -1])
def test_a_verified_column_wins_over_an_unverified_one(order: int) -> None:
    source = blob(ONE_ROW)
    good = [source.column(j) for j in range(64)]
    bad = Column(index=7, leaves=bytes(64 * 32), path=bytes(7 * 32), proof=Proof(bytes(48)))
    assert payload_of(source.header, [bad, *good][::order], DOUBLE) == source.payload()


def test_a_verified_column_of_another_blob_is_refused_by_its_position() -> None:
    ours, theirs = blob(ONE_ROW), blob(THREE_ROWS)
    columns = [ours.column(j) for j in range(64)] + [theirs.column(64)]
    for function in (recover, payload_of):
        with pytest.raises(ForeignItem) as refusal:
            function(ours.header, columns, DOUBLE)
        assert refusal.value.item == 64


# ---------------------------------------------------------------- faults of our own


def test_a_wrong_recovery_is_a_bug_and_not_a_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    source = blob(THREE_ROWS)
    columns = [source.column(j) for j in range(1, 65)]

    def forgetful(leaves: bytearray, *_: object) -> None:
        leaves[31] ^= 1

    monkeypatch.setattr("da_node.coding._kernel.recover", forgetful)
    with pytest.raises(Bug, match="does not fit column"):
        recover(source.header, columns, DOUBLE)
    with pytest.raises(Bug, match="does not fit column"):
        payload_of(source.header, columns)
    with pytest.raises(Bug, match="does not fit column"):
        recovered_leaves(source.header, columns)


def test_a_prover_that_commits_to_something_else_is_a_bug() -> None:
    class OtherKzg(RememberingKzg):
        def commit_and_prove(self, row: bytes) -> tuple[Commitment, tuple[Proof, ...]]:
            return Commitment(bytes(48)), super().commit_and_prove(row)[1]

    source = blob(ONE_ROW)
    with pytest.raises(Bug, match="does not open its commitment"):
        recover(source.header, [source.column(j) for j in range(64)], OtherKzg())


# ---------------------------------------------------------------- void columns

VOID_SETS = [{127}, {0}, {5, 6}, {63, 64}, set(range(16, 24)), set(range(64)), {1, 64, 90, 127}]


def shown_void(void: set[int], held: set[int]) -> set[int]:
    """Columns that cannot be shown to climb: those not held, in whose largest subtree without a
    held column one is void (only that subtree's root is known)."""
    found = set()
    for column in set(range(COLUMNS)) - held:
        block = {column}
        for size in (2, 4, 8, 16, 32, 64):
            larger = set(range(column - column % size, column - column % size + size))
            if larger & held:
                break
            block = larger
        if block & void:
            found.add(column)
    return found


@few
@given(void=st.sampled_from(VOID_SETS), seed=st.integers(0, 2**32))
def test_columns_that_do_not_climb_are_void_and_the_others_the_encoder_s(
    void: set[int], seed: int
) -> None:
    source = dishonest_blob(200_000, frozenset(void))
    held = set(Random(seed).sample(sorted(set(range(COLUMNS)) - void), 64))
    found = recover(source.header, [source.column(j) for j in held], DOUBLE)
    assert found.void_columns == shown_void(void, held)
    assert found.proofs == source.proofs
    for index in set(range(COLUMNS)) - found.void_columns:
        assert found.column(index).serialize() == source.column(index).serialize()
