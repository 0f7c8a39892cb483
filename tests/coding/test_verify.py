"""What holds is accepted with one KZG call; what was touched anywhere is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

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
    payload_of_length,
    real_blob,
    received_columns,
    received_point,
)
from hypothesis import given
from hypothesis import strategies as st
from kzg_doubles import CountingKzg

from da_node.coding import (
    Column,
    EncodedBlob,
    Header,
    Kzg,
    Point,
    Proof,
    encode,
    verify_columns,
    verify_many,
    verify_points,
)
from da_node.coding.parameters import MODULUS
from da_node.coding.verify import THREADED_LEAF_BYTES
from da_node.errors import (
    BadCell,
    BadData,
    BadPath,
    BadProof,
    BadRequest,
    EmptyBatch,
    ForeignItem,
    HoldfastError,
    NonCanonicalElement,
    WrongLength,
)

REFUSED = (BadData, BadRequest)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def positions(data: st.DataObject, size: int, edges: Sequence[int]) -> tuple[int, int]:
    """A byte and a bit: anywhere, or within one of the fields between the edges, drawn evenly."""
    field = data.draw(st.integers(0, len(edges)))
    low, high = [0, *edges, size][field : field + 2]
    return data.draw(st.integers(low, high - 1)), data.draw(st.integers(0, 7))


# ---------------------------------------------------------------- what holds


@pytest.mark.parametrize("length", LENGTHS)
def test_a_good_batch_takes_one_call(length: int) -> None:
    kzg = CountingKzg(CURVE)
    source = real_blob(length)
    columns = received_columns(source, [0, 64, 3, 127])
    verified = verify_columns(source.header, columns, kzg)
    assert verified == [source.column(j) for j in (0, 64, 3, 127)]
    assert kzg.cells_a_call == [4]


def test_points_of_one_column_share_their_cell() -> None:
    kzg = CountingKzg(CURVE)
    source = real_blob(THREE_ROWS)
    asked = [64, 65, 127, 5000, 8191, 64]
    points = [received_point(source, p) for p in asked]
    assert verify_points(source.header, points, kzg) == [source.point(p) for p in asked]
    assert kzg.cells_a_call == [3]


def test_items_of_several_blobs_take_one_call_and_keep_their_order() -> None:
    kzg = CountingKzg(CURVE)
    one, three = real_blob(ONE_ROW), real_blob(THREE_ROWS)
    items: list[tuple[Header, Column | Point]] = [
        (one.header, received_columns(one, [1])[0]),
        (three.header, received_point(three, 100)),
        (three.header, received_columns(three, [1])[0]),
        (one.header, received_point(one, 8000)),
    ]
    found = verify_many(items, kzg)
    assert found == [one.column(1), three.point(100), three.column(1), one.point(8000)]
    assert kzg.cells_a_call == [3]


@pytest.mark.parametrize("leaf_bytes", [1, THREADED_LEAF_BYTES])
def test_threads_change_neither_verdict_nor_order(
    leaf_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("da_node.coding.verify.THREADED_LEAF_BYTES", leaf_bytes)
    source = blob(THREE_ROWS)
    columns = received_columns(source, [5, 3, 100])
    found = verify_columns(source.header, columns, DOUBLE, threads=2)
    assert found == [source.column(j) for j in (5, 3, 100)]
    bad = Column.parse(flipped(columns[1].serialize(), 1000, 0), source.header)
    with pytest.raises(BadPath) as refusal:
        verify_columns(source.header, [columns[0], bad, bad], DOUBLE, threads=2)
    assert refusal.value.item == 1


SPOILT = {
    "nothing": lambda column: column,
    "element": lambda column: replace(column, leaves=b"\xff" * 32 + bytes(column.leaves)[32:]),
    "leaf": lambda column: replace(column, leaves=flipped(bytes(column.leaves), 1000, 0)),
    "path": lambda column: replace(column, path=flipped(column.path, 40, 3)),
    "proof": lambda column: replace(column, proof=Proof(flipped(column.proof, 20, 1))),
}


@many
@given(st.lists(st.sampled_from(sorted(SPOILT)), min_size=1, max_size=4))
def test_with_threads_as_without_the_first_of_the_worst_faults_is_named(faults: list[str]) -> None:
    """Elements are looked at first, then paths, then proofs."""
    source = blob(THREE_ROWS)
    received = received_columns(source, [5, 3, 100, 64][: len(faults)])
    columns = [SPOILT[fault](column) for fault, column in zip(faults, received, strict=True)]
    classes: dict[str, type[BadData]] = {"element": NonCanonicalElement, "leaf": BadPath}
    classes |= {"path": BadPath, "proof": BadProof}
    found: list[tuple[type[BadData], int] | None] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("da_node.coding.verify.THREADED_LEAF_BYTES", 1)
        for threads, overlapped_bytes in ((1, 1 << 30), (1, 1), (2, 1)):
            patched.setattr("da_node.coding.verify.OVERLAPPED_BYTES", overlapped_bytes)
            try:
                verify_columns(source.header, columns, DOUBLE, threads=threads)
                found.append(None)
            except (NonCanonicalElement, BadPath, BadProof) as error:
                found.append((type(error), error.item))
    expected = None
    for worst in (BadProof, BadPath, NonCanonicalElement):
        named = [item for item, fault in enumerate(faults) if classes.get(fault) is worst]
        expected = (worst, named[0]) if named else expected
    assert found == [expected, expected, expected]


def test_what_is_verified_already_may_be_verified_again() -> None:
    source = real_blob(ONE_ROW)
    assert verify_columns(source.header, [source.column(9)], CURVE) == [source.column(9)]
    assert verify_points(source.header, [source.point(9)], CURVE) == [source.point(9)]


def test_an_empty_batch_proves_nothing() -> None:
    header = real_blob(ONE_ROW).header
    with pytest.raises(EmptyBatch):
        verify_columns(header, [], CURVE)
    with pytest.raises(EmptyBatch):
        verify_points(header, [], CURVE)
    with pytest.raises(EmptyBatch):
        verify_many([], CURVE)


# ---------------------------------------------------------------- what was touched


@many
@given(data=st.data(), length=st.sampled_from(LENGTHS), index=st.integers(0, 127))
def test_a_column_with_any_bit_flipped_is_refused(
    data: st.DataObject, length: int, index: int
) -> None:
    source = real_blob(length)
    wire = source.column(index).serialize()
    leaves_end = len(wire) - 7 * 32 - 48
    place = positions(data, len(wire), [1, leaves_end, len(wire) - 48])
    with pytest.raises(REFUSED):
        verify_columns(source.header, [Column.parse(flipped(wire, *place), source.header)], CURVE)


@many
@given(data=st.data(), length=st.sampled_from(LENGTHS), index=st.integers(0, 8191))
def test_a_point_with_any_bit_flipped_is_refused(
    data: st.DataObject, length: int, index: int
) -> None:
    source = real_blob(length)
    wire = source.point(index).serialize()
    cell = len(wire) - 48 - 2048
    place = positions(data, len(wire), [2, cell - 13 * 32, cell, len(wire) - 48])
    with pytest.raises(REFUSED):
        verify_points(source.header, [Point.parse(flipped(wire, *place), source.header)], CURVE)


@many
@given(data=st.data())
def test_nothing_holds_under_a_header_with_any_bit_flipped(data: st.DataObject) -> None:
    source = real_blob(THREE_ROWS)
    wire = source.header.serialize()
    place = positions(data, len(wire), [2, 10, 42])

    def verify(kind: type[Column] | type[Point], item: bytes) -> None:
        header = Header.parse(flipped(wire, *place), CURVE)
        verify_many([(header, kind.parse(item, header))], CURVE)

    with pytest.raises(REFUSED):
        verify(Column, source.column(70).serialize())
    with pytest.raises(REFUSED):
        verify(Point, source.point(70).serialize())


@many
@given(data=st.data(), index=st.integers(0, 127))
def test_a_column_of_a_double_with_any_bit_flipped_is_refused(
    data: st.DataObject, index: int
) -> None:
    source = blob(THREE_ROWS)
    wire = source.column(index).serialize()
    place = data.draw(st.integers(0, len(wire) - 1)), data.draw(st.integers(0, 7))
    with pytest.raises(REFUSED):
        verify_columns(source.header, [Column.parse(flipped(wire, *place), source.header)], DOUBLE)


def test_each_kind_of_fault_has_its_error() -> None:
    source = real_blob(ONE_ROW)
    header, column, point = source.header, source.column(3), source.point(3)
    wire, size = column.serialize(), column.byte_length
    faults: list[tuple[int, Any]] = [
        (1 + 31, BadPath),
        (size - 49, BadPath),
        (size - 1, BadProof),
    ]
    for position, error in faults:
        with pytest.raises(error) as refusal:
            verify_columns(header, [Column.parse(flipped(wire, position, 0), header)], CURVE)
        assert (refusal.value.item, refusal.value.unit, refusal.value.index) == (0, "column", 3)
    wire, size = point.serialize(), point.byte_length
    entry = size - 48 - 2048 + 3 * 32
    faults = [
        (2 + 31, BadPath),
        (40, BadPath),
        (entry + 31, BadCell),
        (entry + 32 + 31, BadProof),
        (size - 1, BadProof),
    ]
    for position, error in faults:
        with pytest.raises(error) as refusal:
            verify_points(header, [Point.parse(flipped(wire, position, 0), header)], CURVE)
        assert (refusal.value.item, refusal.value.index) == (0, 3)


@pytest.mark.parametrize("value", [MODULUS, MODULUS + 1, 2**256 - 1])
@pytest.mark.parametrize("element", [0, 100, 191])
def test_an_element_beyond_the_modulus_is_named(value: int, element: int) -> None:
    source = real_blob(THREE_ROWS)
    wire = bytearray(source.column(3).serialize())
    wire[1 + 32 * element : 33 + 32 * element] = value.to_bytes(32, "big")
    with pytest.raises(NonCanonicalElement) as refusal:
        verify_columns(source.header, [Column.parse(wire, source.header)], CURVE)
    assert (refusal.value.index, refusal.value.element) == (3, element)
    wire = bytearray(source.point(3).serialize())
    wire[2 + 32 * (element % 3) : 34 + 32 * (element % 3)] = value.to_bytes(32, "big")
    with pytest.raises(NonCanonicalElement) as refusal:
        verify_points(source.header, [Point.parse(wire, source.header)], CURVE)
    assert refusal.value.element == element % 3


def test_the_sum_an_element_stands_for_is_not_enough() -> None:
    """y and y + r are the same number; only y is canonical, so a leaf has one encoding."""
    source = encode(bytes(40_000), DOUBLE)
    wire = bytearray(source.column(3).serialize())
    wire[1:33] = MODULUS.to_bytes(32, "big")
    with pytest.raises(NonCanonicalElement):
        verify_columns(source.header, [Column.parse(wire, source.header)], DOUBLE)


@pytest.mark.parametrize("proof", [bytes(48), b"\xff" * 48, b"\xc0" + bytes(47)])
def test_a_proof_that_is_no_point_or_another_does_not_hold(proof: bytes) -> None:
    source = real_blob(ONE_ROW)
    wire = source.column(3).serialize()[:-48] + proof
    with pytest.raises(BadProof):
        verify_columns(source.header, [Column.parse(wire, source.header)], CURVE)


# ---------------------------------------------------------------- what was swapped


@few
@given(a=st.integers(0, 127), b=st.integers(0, 127))
def test_an_item_at_another_index_is_refused(a: int, b: int) -> None:
    source = blob(THREE_ROWS)
    wire = bytes([b]) + source.column(a).serialize()[1:]
    column = Column.parse(wire, source.header)
    if a == b:
        verify_columns(source.header, [column], DOUBLE)
        return
    with pytest.raises(BadPath):
        verify_columns(source.header, [column], DOUBLE)


def test_an_item_of_another_blob_is_refused_even_where_lengths_agree() -> None:
    ours, theirs = real_blob(ONE_ROW), encode(Random(3).randbytes(900), CURVE)
    items: tuple[Column | Point, ...] = (theirs.column(5), theirs.point(5))
    for item in items:
        kind = Column if isinstance(item, Column) else Point
        with pytest.raises(BadPath):
            verify_many([(ours.header, kind.parse(item.serialize(), ours.header))], CURVE)


def test_a_verified_item_keeps_its_header() -> None:
    ours, theirs = real_blob(ONE_ROW), real_blob(THREE_ROWS)
    items: tuple[Column | Point, ...] = (theirs.column(5), theirs.point(5))
    for item in items:
        with pytest.raises(ForeignItem) as refusal:
            verify_many([(theirs.header, item), (ours.header, item)], CURVE)
        assert refusal.value.item == 1
        assert refusal.value.value == theirs.blob_id.hex0x


def test_leaves_of_another_length_are_refused_by_name() -> None:
    ours, theirs = real_blob(ONE_ROW), real_blob(THREE_ROWS)
    column, point = received_columns(theirs, [5])[0], received_point(theirs, 5)
    good = received_columns(ours, [5])[0]
    for item, what in ((column, "column 5"), (point, "point 5")):
        with pytest.raises(WrongLength, match=rf"{what} \(item 1\) has"):
            verify_many([(ours.header, good), (ours.header, item)], CURVE)


def test_two_blobs_of_one_root_are_kept_apart() -> None:
    """A payload and the same with a zero behind it share their leaves, not their challenge."""
    payload = payload_of_length(200_000)
    short, long = encode(payload, CURVE), encode(payload + b"\x00", CURVE)
    assert short.header.merkle_root == long.header.merkle_root
    assert short.blob_id != long.blob_id
    column = Column.parse(short.column(1).serialize(), long.header)
    with pytest.raises(BadProof):
        verify_columns(long.header, [column], CURVE)


def test_one_row_is_its_own_aggregate_so_only_the_id_tells_lengths_apart() -> None:
    """What is received under one id is therefore never used under another."""
    short, long = encode(b"abc", CURVE), encode(b"abc\x00", CURVE)
    assert short.header.commitment == long.header.commitment
    assert short.blob_id != long.blob_id
    column = Column.parse(short.column(1).serialize(), long.header)
    assert verify_columns(long.header, [column], CURVE) == [long.column(1)]
    with pytest.raises(ForeignItem):
        verify_columns(long.header, [short.column(1)], CURVE)


# ---------------------------------------------------------------- which one is at fault


def batch(sources: Sequence[EncodedBlob], size: int) -> list[tuple[Header, Column | Point]]:
    """Columns and points of the blobs in turn, no two of one column."""
    items: list[tuple[Header, Column | Point]] = []
    for number in range(size):
        source = sources[number % len(sources)]
        item = source.column(number) if number % 3 else source.point(64 * number + 5)
        kind = Column if isinstance(item, Column) else Point
        items.append((source.header, kind.parse(item.serialize(), source.header)))
    return items


def with_bad_proof(item: tuple[Header, Column | Point]) -> tuple[Header, Column | Point]:
    header, thing = item
    wire = flipped(thing.serialize(), thing.byte_length - 1, 3)
    return header, type(thing).parse(wire, header)


@pytest.mark.parametrize("bad", [{0}, {4}, {6}, {12}, {0, 12}, {5, 6}, set(range(13))])
def test_a_bad_proof_is_named_in_a_batch_of_several_blobs(bad: set[int]) -> None:
    items = batch([real_blob(ONE_ROW), real_blob(THREE_ROWS)], 13)
    for number in bad:
        items[number] = with_bad_proof(items[number])
    with pytest.raises(BadProof) as refusal:
        verify_many(items, CURVE)
    assert refusal.value.item in bad
    assert refusal.value.index == items[refusal.value.item][1].index


@many
@given(size=st.integers(1, 40), data=st.data())
def test_a_bad_item_is_named_wherever_it_stands(size: int, data: st.DataObject) -> None:
    items = batch([blob(ONE_ROW), blob(THREE_ROWS)], size)
    bad = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=3))
    for number in bad:
        header, thing = items[number]
        at = data.draw(st.integers(0, thing.byte_length - 1 - 2)) + 2
        items[number] = header, type(thing).parse(flipped(thing.serialize(), at, 0), header)
    kzg = CountingKzg(DOUBLE)
    with pytest.raises(HoldfastError) as refusal:
        verify_many(items, kzg)
    assert getattr(refusal.value, "item", None) in bad
    assert len(kzg.cells_a_call) <= 1 + size.bit_length()


class RefusingKzg(CountingKzg):
    """Says no to everything, as one whose library failed does."""

    def verify_cells(self, *arguments: Any) -> bool:
        super().verify_cells(*arguments)
        return False


@pytest.mark.parametrize("size", [1, 2, 5])
def test_what_the_kzg_does_not_confirm_is_refused(size: int) -> None:
    kzg: Kzg = RefusingKzg(DOUBLE)
    source = blob(ONE_ROW)
    with pytest.raises(BadProof):
        verify_columns(source.header, received_columns(source, range(size)), kzg)


def test_a_proof_belongs_to_its_column() -> None:
    source = real_blob(ONE_ROW)
    first, second = received_columns(source, [64, 65])
    swapped = Column(
        index=first.index, leaves=first.leaves, path=first.path, proof=Proof(second.proof)
    )
    with pytest.raises(BadProof) as refusal:
        verify_columns(source.header, [second, swapped], CURVE)
    assert refusal.value.item == 1
