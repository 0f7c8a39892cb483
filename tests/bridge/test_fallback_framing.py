"""A payload and its parts on L1: both ways, at every bound, whole and damaged."""

from __future__ import annotations

import random

import pytest
from flat_kzg import FlatKzg
from hypothesis import given
from hypothesis import strategies as st

from bridge_client.fallback.framing import (
    FLOOR_BYTE_GAS,
    PART_BYTES,
    POOL_BYTES,
    TRANSACTION_GAS,
    Form,
    parts_of,
    payload_of_rows,
    rows_of,
    units_of,
)
from bridge_client.sidecar import MOST_BLOBS
from bridge_client.transactions import MOST_GAS
from da_node.coding import MAX_PAYLOAD_BYTES, ROW_BYTES, encode
from da_node.coding.parameters import MODULUS
from da_node.service import Bug

ROW_PAYLOAD = 4096 * 31
KZG = FlatKzg()
BOUNDS = (1, 31, 32, ROW_PAYLOAD - 1, ROW_PAYLOAD, ROW_PAYLOAD + 1, 6 * ROW_PAYLOAD + 1)


def payload_of(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def posted(payload: bytes) -> list[bytes]:
    """All rows, part after part."""
    blob = encode(payload, KZG)
    parts = parts_of(len(payload), Form.BLOBS)
    return [row for part in parts for row in rows_of(blob, part)]


@pytest.mark.parametrize("length", BOUNDS)
def test_rows_are_the_payload_again_and_encode_to_its_id(length: int) -> None:
    payload = payload_of(length)
    found = payload_of_rows(posted(payload), length)
    assert found == payload
    assert encode(found, KZG).blob_id == encode(payload, KZG).blob_id


@pytest.mark.parametrize("length", [1, 2 * ROW_PAYLOAD + 5])
def test_element_p_of_row_i_is_element_i_of_leaf_p(length: int) -> None:
    """The naive way, an element at a time; every one below the modulus."""
    blob = encode(payload_of(length), KZG)
    rows = posted(payload_of(length))
    assert len(rows) == blob.row_count
    for row, data in enumerate(rows):
        for point in range(4096):
            at = 32 * (point * blob.row_count + row)
            element = data[32 * point : 32 * point + 32]
            assert element == blob.leaves[at : at + 32]
            assert int.from_bytes(element, "big") < MODULUS


def test_the_only_row_is_what_the_header_commits_to() -> None:
    """So the contract can compare them."""
    blob = encode(payload_of(77), KZG)
    (row,) = posted(payload_of(77))
    assert KZG.commit(row) == blob.header.commitment


def test_a_byte_that_is_changed_gives_another_id_except_where_readers_look_past_it() -> None:
    length = ROW_PAYLOAD + 40  # element 0 of row 0 is pieces 0, element 1 of it is piece 2
    blob_id = encode(payload_of(length), KZG).blob_id
    rows = posted(payload_of(length))
    for row, at, is_payload in ((0, 1, True), (1, 32 * 700 + 31, True), (1, 0, False)):
        damaged = bytearray(rows[row])
        damaged[at] ^= 1
        changed = [bytes(damaged) if i == row else one for i, one in enumerate(rows)]
        found = payload_of_rows(changed, length)
        assert (encode(found, KZG).blob_id != blob_id) is is_payload


def test_rows_that_are_too_few_too_many_or_cut_are_no_payload() -> None:
    rows = posted(payload_of(ROW_PAYLOAD + 1))
    for wrong in (rows[:1], [*rows, rows[0]], [rows[0], rows[1][:-1]], []):
        with pytest.raises(Bug, match="are not those of"):
            payload_of_rows(wrong, ROW_PAYLOAD + 1)


@given(st.integers(1, MAX_PAYLOAD_BYTES), st.sampled_from(Form))
def test_parts_are_the_whole_in_order_without_a_gap(length: int, form: Form) -> None:
    parts = parts_of(length, form)
    at = 0
    for part in parts:
        assert (part.form, part.first) == (form, at)
        at += part.count
    assert at == units_of(length, form)
    most = MOST_BLOBS if form is Form.BLOBS else PART_BYTES
    assert all(1 <= part.count <= most for part in parts)
    assert len(parts) == -(-at // most), "no more than needed"


@pytest.mark.parametrize(
    ("length", "form", "count"),
    [
        (6 * ROW_PAYLOAD, Form.BLOBS, 1),
        (6 * ROW_PAYLOAD + 1, Form.BLOBS, 2),
        (MAX_PAYLOAD_BYTES, Form.BLOBS, 171),
        (PART_BYTES, Form.CALL_DATA, 1),
        (PART_BYTES + 1, Form.CALL_DATA, 2),
        (MAX_PAYLOAD_BYTES, Form.CALL_DATA, 1000),
    ],
)
def test_a_part_is_as_long_as_a_transaction_takes(length: int, form: Form, count: int) -> None:
    assert len(parts_of(length, form)) == count


def test_the_gas_of_a_transaction_leaves_room_for_a_part() -> None:
    assert TRANSACTION_GAS + FLOOR_BYTE_GAS * POOL_BYTES < MOST_GAS
    assert ROW_BYTES * MOST_BLOBS == 786_432
