"""Encoding is the twin's, bounded, and the same however many threads do it."""

from __future__ import annotations

import mmap
from random import Random

import pytest
import slow
from coding_specimens import (
    CURVE,
    DOUBLE,
    ONE_ROW,
    THREE_ROWS,
    blob,
    few,
    payload_of_length,
    real_blob,
)
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import (
    COLUMNS,
    MAX_PAYLOAD_BYTES,
    POINTS,
    encode,
    local_verifier,
    merkle_root_of,
    row_count_of,
    verify_columns,
)
from da_node.errors import EmptyPayload, PayloadTooLarge


@pytest.mark.parametrize("length", [1, 31, 32, 126_976, 126_977, 300_000])
def test_a_blob_is_the_twins(length: int) -> None:
    payload = payload_of_length(length)
    rows = [slow.extend(row) for row in slow.pack(payload)]
    leaves = slow.leaves_of(rows)
    root = slow.merkle_root(leaves)
    ours = blob(length)
    assert ours.row_count == len(rows)
    assert ours.leaves == b"".join(leaves)
    assert ours.header.merkle_root == root == merkle_root_of(payload)
    aggregate = slow.combine(rows, slow.challenge(length, root))
    assert ours.aggregate == b"".join(y.to_bytes(32, "big") for y in aggregate)
    commitment, proofs = DOUBLE.commit_and_prove(ours.aggregate[: 32 * 4096])
    assert ours.header.serialize() == slow.header(length, root, commitment)
    assert ours.blob_id == slow.blob_id(ours.header.serialize())
    assert ours.proofs == proofs
    assert ours.void_columns == frozenset()
    assert ours.payload() == payload == slow.unpack(rows, length)
    for index in (0, 1, 63, 64, 127):
        wire = bytes([index]) + b"".join(leaves[64 * index : 64 * index + 64])
        wire += slow.merkle_path(leaves, index, 64) + proofs[index]
        assert ours.column(index).serialize() == wire
    for index in (0, 4095, 4096, 8191):
        cell = ours.aggregate[index // 64 * 2048 : index // 64 * 2048 + 2048]
        wire = index.to_bytes(2, "big") + leaves[index] + slow.merkle_path(leaves, index)
        assert ours.point(index).serialize() == wire + cell + proofs[index // 64]


@pytest.mark.parametrize("length", [ONE_ROW, THREE_ROWS])
def test_all_columns_of_an_encoded_blob_hold_on_the_curve(length: int) -> None:
    source = real_blob(length)
    columns = [source.column(index) for index in range(COLUMNS)]
    assert verify_columns(source.header, columns) == columns
    assert local_verifier().is_commitment(source.header.commitment)


@pytest.mark.parametrize("length", [ONE_ROW, THREE_ROWS, 1_200_000])
def test_threads_change_nothing(length: int) -> None:
    payload = payload_of_length(length)
    assert merkle_root_of(payload, threads=2) == merkle_root_of(payload)
    once, twice = encode(payload, DOUBLE), encode(payload, DOUBLE, threads=2)
    assert once.header == twice.header
    assert once.leaves == twice.leaves
    assert once.leaf_hashes == twice.leaf_hashes


@few
@given(st.binary(min_size=1, max_size=5000))
def test_what_was_encoded_is_read_back(payload: bytes) -> None:
    encoded = encode(payload, DOUBLE)
    assert encoded.payload() == payload
    assert encoded.header.payload_length == len(payload)


def test_the_same_payload_has_the_same_id_from_any_buffer() -> None:
    payload = payload_of_length(ONE_ROW)
    words = memoryview(bytearray(payload)).cast("I")
    for buffer in (payload, bytearray(payload), memoryview(payload), words):
        assert encode(buffer, DOUBLE).blob_id == blob(ONE_ROW).blob_id
    assert encode(payload).header == real_blob(ONE_ROW).header


def test_payloads_that_differ_have_ids_that_differ() -> None:
    payload = payload_of_length(ONE_ROW)
    others = [payload + b"\x00", payload[:-1], payload[:-1] + bytes([payload[-1] ^ 1])]
    ids = {encode(other, DOUBLE).blob_id for other in [payload, *others]}
    assert len(ids) == 4


def test_the_encoder_s_buffer_may_change_afterwards() -> None:
    payload = bytearray(payload_of_length(ONE_ROW))
    encoded = encode(payload, DOUBLE)
    payload[:] = bytes(10)
    assert encoded.payload() == payload_of_length(ONE_ROW)


@pytest.mark.parametrize("buffer", [b"", bytearray(), memoryview(b"")])
def test_an_empty_payload_is_refused(buffer: bytes) -> None:
    with pytest.raises(EmptyPayload):
        encode(buffer, DOUBLE)
    with pytest.raises(EmptyPayload):
        merkle_root_of(buffer)


def test_a_payload_beyond_the_limit_is_refused() -> None:
    pages = mmap.mmap(-1, MAX_PAYLOAD_BYTES + 1)  # no page of it is ever touched
    with pytest.raises(PayloadTooLarge) as refusal:
        encode(memoryview(pages), DOUBLE)
    with pytest.raises(PayloadTooLarge):
        merkle_root_of(memoryview(pages))
    assert (refusal.value.value, refusal.value.bound) == (MAX_PAYLOAD_BYTES + 1, MAX_PAYLOAD_BYTES)


@pytest.mark.parametrize("payload", ["text", None, 7, [1, 2], memoryview(b"abcd")[::2]])
def test_what_is_no_contiguous_buffer_is_a_type_error(payload: bytes) -> None:
    with pytest.raises(TypeError):
        encode(payload, DOUBLE)


def test_the_longest_payload_has_1024_rows() -> None:
    assert row_count_of(MAX_PAYLOAD_BYTES) == 1024
    assert row_count_of(MAX_PAYLOAD_BYTES + 1) == 1025


def test_the_kzg_handed_in_is_asked_once() -> None:
    before = CURVE.commitments
    encode(Random(77).randbytes(77), CURVE)
    assert CURVE.commitments == before + 1
    assert POINTS == 2 * 4096
