"""Column and point as they travel, and that nobody but verification makes them verified."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import pytest
from coding_specimens import DOUBLE, LENGTHS, ONE_ROW, THREE_ROWS, blob, many, received_columns
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import (
    COLUMN_PATH_HASHES,
    COLUMNS,
    POINT_PATH_HASHES,
    POINTS,
    Column,
    Point,
    Proof,
    VerifiedColumn,
    VerifiedPoint,
    column_bytes,
    point_bytes,
    row_count_of,
    verify_columns,
    verify_points,
)
from da_node.errors import Bug, IndexOutOfRange, WrongLength

HEADER = blob(ONE_ROW).header


@many
@given(index=st.integers(0, COLUMNS - 1), length=st.sampled_from(LENGTHS))
def test_a_column_survives_the_wire(index: int, length: int) -> None:
    column = blob(length).column(index)
    data = column.serialize()
    assert len(data) == column.byte_length == column_bytes(row_count_of(length))
    for buffer in (data, bytearray(data), memoryview(data)):
        parsed = Column.parse(buffer, blob(length).header)
        assert parsed.index == index
        assert parsed.serialize() == data


@many
@given(index=st.integers(0, POINTS - 1), length=st.sampled_from(LENGTHS))
def test_a_point_survives_the_wire(index: int, length: int) -> None:
    point = blob(length).point(index)
    data = point.serialize()
    assert len(data) == point.byte_length == point_bytes(row_count_of(length))
    for buffer in (data, bytearray(data), memoryview(data)):
        parsed = Point.parse(buffer, blob(length).header)
        assert (parsed.index, parsed.column) == (index, index // 64)
        assert parsed.serialize() == data


def test_a_column_has_exactly_its_length() -> None:
    data = blob(ONE_ROW).column(5).serialize()
    for wrong in [data[:cut] for cut in range(len(data))] + [data + b"\x00", data * 2]:
        with pytest.raises(WrongLength, match=f"column has {len(wrong)} bytes"):
            Column.parse(wrong, HEADER)


def test_a_point_has_exactly_its_length() -> None:
    data = blob(ONE_ROW).point(5).serialize()
    for wrong in [data[:cut] for cut in range(len(data))] + [data + b"\x00", data * 2]:
        with pytest.raises(WrongLength, match=f"point has {len(wrong)} bytes"):
            Point.parse(wrong, HEADER)


@pytest.mark.parametrize("index", [128, 129, 255])
def test_a_column_beyond_the_last_does_not_parse(index: int) -> None:
    data = bytes([index]) + blob(ONE_ROW).column(5).serialize()[1:]
    with pytest.raises(IndexOutOfRange, match=f"column {index} does not exist"):
        Column.parse(data, HEADER)


@pytest.mark.parametrize("index", [8192, 8193, 65535])
def test_a_point_beyond_the_last_does_not_parse(index: int) -> None:
    data = index.to_bytes(2, "big") + blob(ONE_ROW).point(5).serialize()[2:]
    with pytest.raises(IndexOutOfRange, match=f"point {index} does not exist"):
        Point.parse(data, HEADER)


@many
@given(st.binary(max_size=3000))
def test_any_other_bytes_are_refused_by_a_named_error(data: bytes) -> None:
    for kind in (Column, Point):
        with pytest.raises((WrongLength, IndexOutOfRange)):
            kind.parse(data, HEADER)


@many
@given(st.integers(0, 2**32))
def test_bytes_of_the_right_length_parse_as_themselves_or_name_the_index(seed: int) -> None:
    column = Random(seed).randbytes(column_bytes(1))
    point = Random(seed).randbytes(point_bytes(1))
    for kind, data, exists in (
        (Column, column, column[0] < COLUMNS),
        (Point, point, int.from_bytes(point[:2], "big") < POINTS),
    ):
        if exists:
            assert kind.parse(data, HEADER).serialize() == data
        else:
            with pytest.raises(IndexOutOfRange):
                kind.parse(data, HEADER)


@pytest.mark.parametrize("index", [-1, 128, 2**70, -(2**70)])
def test_a_column_made_by_hand_has_a_possible_index_and_path(index: int) -> None:
    with pytest.raises(IndexOutOfRange):
        Column(index=index, leaves=b"", path=bytes(7 * 32), proof=Proof(bytes(48)))
    for hashes in (0, COLUMN_PATH_HASHES - 1, COLUMN_PATH_HASHES + 1, POINT_PATH_HASHES):
        with pytest.raises(WrongLength, match="column path"):
            Column(index=0, leaves=b"", path=bytes(32 * hashes), proof=Proof(bytes(48)))


@pytest.mark.parametrize("index", [-1, 8192, 2**70, -(2**70)])
def test_a_point_made_by_hand_has_a_possible_index_path_and_cell(index: int) -> None:
    good: dict[str, Any] = {
        "index": 0,
        "leaf": b"",
        "path": bytes(13 * 32),
        "cell": bytes(2048),
        "proof": Proof(bytes(48)),
    }
    with pytest.raises(IndexOutOfRange):
        Point(**good | {"index": index})
    for hashes in (0, COLUMN_PATH_HASHES, POINT_PATH_HASHES - 1, POINT_PATH_HASHES + 1):
        with pytest.raises(WrongLength, match="point path"):
            Point(**good | {"path": bytes(32 * hashes)})
    for length in (0, 2047, 2049):
        with pytest.raises(WrongLength, match="aggregate cell"):
            Point(**good | {"cell": bytes(length)})


@pytest.mark.parametrize("offset", [-1, 64, 2**70])
def test_a_column_has_64_points(offset: int) -> None:
    column = blob(ONE_ROW).column(3)
    assert column.point(0).index == 192
    assert column.point(63).index == 255
    with pytest.raises(IndexOutOfRange):
        column.point(offset)


@pytest.mark.parametrize("index", [-1, 128, 8192, 2**70])
def test_a_blob_has_128_columns_and_8192_points(index: int) -> None:
    with pytest.raises(IndexOutOfRange):
        blob(ONE_ROW).column(index)
    with pytest.raises(IndexOutOfRange):
        blob(ONE_ROW).point(index if index != 128 else -1)


# ---------------------------------------------------------------- verified items


def fields_of(item: Any) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}


@pytest.mark.parametrize("check", [None, True, object(), "checked"])
def test_a_verified_item_is_not_made_outside_verification(check: object) -> None:
    source = blob(ONE_ROW)
    for item in (source.column(1), source.point(1), source):
        with pytest.raises(Bug, match="verification only"):
            type(item)(**fields_of(item), check=check)


def test_a_verified_item_is_not_made_from_another() -> None:
    source = blob(ONE_ROW)
    for item in (source.column(1), source.point(1), source):
        assert "check" not in vars(item)
        with pytest.raises((TypeError, ValueError)):
            type(item)(**fields_of(item))
        with pytest.raises((TypeError, ValueError)):
            dataclasses.replace(item, header=source.header)  # type: ignore[call-arg]


def test_a_verified_item_cannot_be_assigned_to() -> None:
    source = blob(ONE_ROW)
    for item in (source.column(1), source.point(1), source, source.header):
        for name in fields_of(item):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(item, name, None)
    with pytest.raises(TypeError):
        memoryview(source.column(1).leaves)[0] = 1
    with pytest.raises(TypeError):
        source.leaves[0] = 1


def test_what_was_verified_does_not_change_with_the_buffer_it_came_in() -> None:
    source = blob(THREE_ROWS)
    (column,) = received_columns(source, [7])
    column_buffer = bytearray(column.serialize())
    point_buffer = bytearray(source.point(700).serialize())
    (verified,) = verify_columns(
        source.header, [Column.parse(column_buffer, source.header)], DOUBLE
    )
    (point,) = verify_points(source.header, [Point.parse(point_buffer, source.header)], DOUBLE)
    for buffer in (column_buffer, point_buffer):
        buffer[:] = bytes(len(buffer))
    assert verified.serialize() == column.serialize()
    assert point.serialize() == source.point(700).serialize()
    assert isinstance(verified, VerifiedColumn)
    assert isinstance(point, VerifiedPoint)
