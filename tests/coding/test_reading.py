"""A range of the payload is read from the columns that hold it, or from any 64."""

from __future__ import annotations

from random import Random

import pytest
from coding_specimens import (
    CURVE,
    DOUBLE,
    LENGTHS,
    ONE_ROW,
    THREE_ROWS,
    blob,
    few,
    many,
    real_blob,
    received_columns,
)
from hypothesis import given
from hypothesis import strategies as st
from kzg_doubles import CountingKzg

from da_node.coding import (
    Header,
    columns_of_range,
    data_leaves,
    decode_range,
    payload_bytes_per_column,
)
from da_node.errors import BadPath, ForeignItem, NotEnough, RangeNotSatisfiable

ranges = st.tuples(st.integers(0, THREE_ROWS), st.integers(0, THREE_ROWS)).map(sorted)
short_ranges = st.integers(0, THREE_ROWS).flatmap(
    lambda start: st.tuples(st.just(start), st.integers(start, min(start + 100, THREE_ROWS)))
)


@many
@given(st.one_of(ranges, short_ranges))
def test_a_range_is_read_from_just_the_columns_that_hold_it(bounds: tuple[int, int]) -> None:
    source, (start, stop) = blob(THREE_ROWS), bounds
    wanted = columns_of_range(source.header, start, stop)
    columns = [source.column(j) for j in wanted]
    assert decode_range(source.header, columns, start, stop) == source.payload()[start:stop]


@few
@given(st.one_of(ranges, short_ranges), st.integers(0, 2**32))
def test_a_range_is_read_from_any_64_columns(bounds: tuple[int, int], seed: int) -> None:
    source, (start, stop) = blob(THREE_ROWS), bounds
    columns = [source.column(j) for j in Random(seed).sample(range(128), 64)]
    assert decode_range(source.header, columns, start, stop) == source.payload()[start:stop]


@pytest.mark.parametrize("length", [1, 31, 32, *LENGTHS])
def test_the_columns_of_a_range_hold_its_first_and_last_byte(length: int) -> None:
    header = blob(length).header
    width = payload_bytes_per_column(header)
    assert width == 64 * 31 * header.row_count
    for start, stop in ((0, 1), (0, length), (length - 1, length), (length // 2, length)):
        assert columns_of_range(header, start, stop) == range(
            start // width, (stop - 1) // width + 1
        )


def test_column_edges_belong_to_the_column_they_begin() -> None:
    header = blob(THREE_ROWS).header
    width = payload_bytes_per_column(header)
    assert columns_of_range(header, 0, width) == range(0, 1)
    assert columns_of_range(header, width, width + 1) == range(1, 2)
    assert columns_of_range(header, width - 1, width + 1) == range(0, 2)
    assert columns_of_range(header, 0, header.payload_length) == range(0, 64)


@pytest.mark.parametrize("at", [0, 1, THREE_ROWS])
def test_an_empty_range_needs_no_column(at: int) -> None:
    source = blob(THREE_ROWS)
    assert columns_of_range(source.header, at, at) == range(0)
    assert decode_range(source.header, [], at, at) == b""


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (-1, 1),
        (0, THREE_ROWS + 1),
        (THREE_ROWS + 1, THREE_ROWS + 1),
        (2, 1),
        (2**70, 2**71),
        (-(2**70), 0),
    ],
)
def test_a_range_past_the_payload_is_refused(start: int, stop: int) -> None:
    source = blob(THREE_ROWS)
    with pytest.raises(RangeNotSatisfiable):
        columns_of_range(source.header, start, stop)
    with pytest.raises(RangeNotSatisfiable):
        decode_range(source.header, [source.column(0)], start, stop)


def test_a_range_without_one_of_its_columns_is_not_read() -> None:
    source = blob(THREE_ROWS)
    width = payload_bytes_per_column(source.header)
    held = [source.column(j) for j in (3, 5)]
    with pytest.raises(NotEnough):
        decode_range(source.header, held, 3 * width, 6 * width)
    assert len(decode_range(source.header, held, 3 * width, 4 * width)) == width


def test_columns_of_a_range_not_verified_yet_are_verified() -> None:
    source, kzg = real_blob(THREE_ROWS), CountingKzg(CURVE)
    width = payload_bytes_per_column(source.header)
    columns = received_columns(source, [3, 4])
    read = decode_range(source.header, columns, 3 * width + 5, 5 * width - 5, kzg)
    assert read == source.payload()[3 * width + 5 : 5 * width - 5]
    assert kzg.cells_a_call == [2]
    moved = [type(columns[0]).parse(b"\x03" + columns[1].serialize()[1:], source.header)]
    with pytest.raises(BadPath):
        decode_range(source.header, moved, 3 * width, 4 * width, kzg)


def test_a_range_is_not_read_from_another_blob() -> None:
    ours, theirs = blob(THREE_ROWS), blob(ONE_ROW)
    with pytest.raises(ForeignItem):
        decode_range(ours.header, [theirs.column(0)], 0, 1)


def test_data_leaves_are_those_held_or_decoded() -> None:
    source = blob(THREE_ROWS)
    width = len(source.column(0).leaves)
    held = [source.column(j) for j in range(2, 66)]
    assert list(data_leaves(source.header, held[:3], range(2, 5))) == [2, 3, 4]
    decoded = data_leaves(source.header, held, range(0, 3))
    assert b"".join(decoded.values()) == source.leaves[: 3 * width]
    with pytest.raises(NotEnough):
        data_leaves(source.header, held[:63], range(0, 3))


@pytest.mark.parametrize("length", [1, 31, 32])
def test_a_short_payload_lies_in_the_first_column(length: int) -> None:
    source = blob(length)
    header: Header = source.header
    assert decode_range(header, [source.column(0)], 0, length, DOUBLE) == source.payload()
