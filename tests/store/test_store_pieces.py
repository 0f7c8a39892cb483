"""Columns cut into pieces and put together again."""

import pytest

from da_node.coding import (
    COLUMNS,
    ELEMENT_BYTES,
    MAX_ROWS,
    POINTS_PER_COLUMN,
    EncodedBlob,
    VerifiedColumn,
    encode,
)
from da_node.coding.kzg import local_prover
from da_node.errors import BadData
from da_node.store.door import Damaged
from da_node.store.pieces import (
    GROUP_BYTES,
    SIDE_BYTES,
    assemble_column,
    assemble_group,
    leaves_per_group,
    part_count,
    pieces_of,
    place_of_point,
    stored_bytes,
)

Pieces = dict[int, bytes]


def test_groups_are_the_largest_powers_of_two_of_leaves_that_fit() -> None:
    for row_count in range(1, MAX_ROWS + 1):
        _check_groups(row_count)


def test_a_column_is_its_pieces(blobs: list[EncodedBlob], tall_blob: EncodedBlob) -> None:
    for blob in (blobs[0], tall_blob):
        for index in (0, COLUMNS - 1):
            column = blob.column(index)
            pieces = dict(pieces_of(column))
            assert list(pieces) == list(range(part_count(blob.row_count)))
            taken = sum(map(len, pieces.values()))
            assert taken < stored_bytes(blob.row_count) < taken + 1024
            assert _column(blob, index, pieces).serialize() == column.serialize()


def test_a_point_is_one_group_and_what_lies_beside(tall_blob: EncodedBlob) -> None:
    pieces = dict(pieces_of(tall_blob.column(3)))
    for offset in (0, 31, 32, 63):
        part = place_of_point(tall_blob.row_count, offset).part
        group = assemble_group(tall_blob.header, 3, part, pieces[0], pieces[part])
        assert group.point(offset).serialize() == tall_blob.point(3 * 64 + offset).serialize()


def test_a_flipped_byte_anywhere_is_noticed(blobs: list[EncodedBlob]) -> None:
    blob = blobs[0]
    whole = dict(pieces_of(blob.column(9)))
    for part, value in whole.items():
        for position in range(0, len(value), 7):
            flipped = bytearray(value)
            flipped[position] ^= 1
            with pytest.raises(Damaged):
                _column(blob, 9, {**whole, part: bytes(flipped)})


def test_a_flipped_byte_of_a_leaf_is_noticed_in_its_point(tall_blob: EncodedBlob) -> None:
    pieces = dict(pieces_of(tall_blob.column(3)))
    place = place_of_point(tall_blob.row_count, 5)
    flipped = bytearray(pieces[place.part])
    flipped[place.offset] ^= 1
    group = assemble_group(tall_blob.header, 3, place.part, pieces[0], bytes(flipped))
    with pytest.raises(BadData, match="point 197"):
        group.point(5)
    assert group.point(6) == tall_blob.point(3 * 64 + 6)


def test_pieces_that_are_cut_or_too_long_are_noticed(blobs: list[EncodedBlob]) -> None:
    blob = blobs[0]
    whole = dict(pieces_of(blob.column(9)))
    for part, value in whole.items():
        for wrong in (b"", value[:-1], value + b"\x00"):
            with pytest.raises(Damaged):
                _column(blob, 9, {**whole, part: wrong})
            with pytest.raises(Damaged):
                assemble_group(blob.header, 9, 1, *({**whole, part: wrong}[one] for one in (0, 1)))


def test_the_pieces_of_another_column_or_blob_are_noticed(blobs: list[EncodedBlob]) -> None:
    blob = blobs[0]
    for other in (dict(pieces_of(blob.column(8))), dict(pieces_of(blobs[1].column(9)))):
        with pytest.raises(Damaged):
            _column(blob, 9, other)
        with pytest.raises(Damaged):
            assemble_group(blob.header, 9, 1, other[0], other[1])


def test_equal_columns_do_not_pass_for_each_other() -> None:
    # All but the first column of a short payload's data are zeros, with equal leaves and paths.
    blob = encode(b"short", local_prover())
    other = dict(pieces_of(blob.column(8)))
    with pytest.raises(Damaged, match="checksum"):
        _column(blob, 9, other)


def test_what_lies_beside_has_exactly_its_length(blobs: list[EncodedBlob]) -> None:
    assert len(dict(pieces_of(blobs[0].column(0)))[0]) == SIDE_BYTES == 4401


def _column(blob: EncodedBlob, index: int, pieces: Pieces) -> VerifiedColumn:
    side, *groups = (pieces[part] for part in sorted(pieces))
    return assemble_column(blob.header, index, side, groups)


def _check_groups(row_count: int) -> None:
    leaves = leaves_per_group(row_count)
    leaf_bytes = ELEMENT_BYTES * row_count
    assert leaves & (leaves - 1) == 0
    assert leaves * leaf_bytes <= GROUP_BYTES
    assert leaves == POINTS_PER_COLUMN or 2 * leaves * leaf_bytes > GROUP_BYTES
    assert (part_count(row_count) - 1) * leaves == POINTS_PER_COLUMN
    places = [place_of_point(row_count, offset) for offset in range(POINTS_PER_COLUMN)]
    assert places == [
        (1 + offset // leaves, offset % leaves * leaf_bytes, leaf_bytes)
        for offset in range(POINTS_PER_COLUMN)
    ]
