"""Points: enough of them, and not one fewer."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from coding_specimens import (
    CURVE,
    DOUBLE,
    THREE_ROWS,
    blob,
    dishonest_blob,
    points,
    real_blob,
    received_point,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from kzg_doubles import CountingKzg

from da_node.coding import (
    COLUMNS,
    POINTS,
    POINTS_PER_COLUMN,
    Point,
    VerifiedPoint,
    recover_from_points,
)
from da_node.errors import BadCell, BadPath, ForeignItem, NotEnough

SOURCE = blob(THREE_ROWS)


def chosen(counts: dict[int, int], seed: int = 1) -> list[VerifiedPoint]:
    """That many random points of each column, in random order."""
    source = Random(seed)
    found = [
        points(THREE_ROWS)[64 * column + offset]
        for column, count in counts.items()
        for offset in source.sample(range(POINTS_PER_COLUMN), count)
    ]
    source.shuffle(found)
    return found


def spread(total: int, columns: Iterable[int]) -> dict[int, int]:
    """As many points in all, over the columns as evenly as it goes."""
    names = list(columns)
    each, rest = divmod(total, len(names))
    return {column: each + (place < rest) for place, column in enumerate(names)}


def columns_beyond_half(seed: int) -> dict[int, int]:
    """Uneven: random counts whose excess over 32 comes to exactly 2048, and columns of 32 and
    fewer, which add nothing."""
    source, left = Random(seed), 2048
    counts: dict[int, int] = {}
    for place, column in enumerate(source.sample(range(COLUMNS), COLUMNS)):
        room = 32 * (COLUMNS - place - 1)
        excess = source.randint(max(0, left - room), min(32, left))
        counts[column] = 32 + excess if excess else source.randint(0, 32)
        left -= excess
    assert left == 0
    return counts


EXACT = {
    "64 columns, all their points": spread(4096, Random(2).sample(range(128), 64)),
    "the data columns": spread(4096, range(64)),
    "the parity columns": spread(4096, range(64, 128)),
    "80 columns": spread(32 * 80 + 2048, range(20, 100)),
    "96 columns": spread(32 * 96 + 2048, Random(3).sample(range(128), 96)),
    "128 columns": spread(6144, range(128)),
    "uneven": columns_beyond_half(4),
    "uneven too": columns_beyond_half(5),
}


def one_fewer(counts: dict[int, int]) -> dict[int, int]:
    column = next(column for column, count in counts.items() if count > 32)
    return counts | {column: counts[column] - 1}


@pytest.mark.parametrize("shape", EXACT)
def test_points_at_the_exact_bound_are_the_blob(shape: str) -> None:
    found = recover_from_points(SOURCE.header, chosen(EXACT[shape]), kzg=DOUBLE)
    assert found.leaves == SOURCE.leaves
    assert found.void_columns == frozenset()
    for index in range(COLUMNS):
        assert found.column(index).serialize() == SOURCE.column(index).serialize()


@pytest.mark.parametrize("shape", EXACT)
def test_one_point_below_the_bound_is_not_enough(shape: str) -> None:
    short = chosen(one_fewer(EXACT[shape]))
    for given_in in (short, short + short):
        with pytest.raises(NotEnough) as refusal:
            recover_from_points(SOURCE.header, given_in, kzg=DOUBLE)
        assert (refusal.value.held, refusal.value.needed) == (2047, 2048)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32))
def test_the_bound_does_not_depend_on_how_points_are_spread(seed: int) -> None:
    counts = columns_beyond_half(seed)
    found = recover_from_points(SOURCE.header, chosen(counts, seed), kzg=DOUBLE)
    assert found.payload() == SOURCE.payload()
    with pytest.raises(NotEnough):
        recover_from_points(SOURCE.header, chosen(one_fewer(counts), seed), kzg=DOUBLE)


@pytest.mark.parametrize("columns", [64, 70, 128])
def test_under_a_certificate_any_4096_points_are_enough(columns: int) -> None:
    held = chosen(spread(4096, range(columns)))
    found = recover_from_points(SOURCE.header, held, certified=True, kzg=DOUBLE)
    assert found.leaves == SOURCE.leaves
    with pytest.raises(NotEnough) as refusal:
        recover_from_points(SOURCE.header, held[1:] * 2, certified=True, kzg=DOUBLE)
    assert (refusal.value.held, refusal.value.needed) == (4095, 4096)


def test_without_a_certificate_4096_scattered_points_are_not_enough() -> None:
    with pytest.raises(NotEnough) as refusal:
        recover_from_points(SOURCE.header, chosen(spread(4096, range(128))), kzg=DOUBLE)
    assert refusal.value.held == 0


@pytest.mark.parametrize("certified", [False, True])
def test_no_points_are_not_enough(certified: bool) -> None:
    with pytest.raises(NotEnough):
        recover_from_points(SOURCE.header, [], certified, DOUBLE)


def test_recovery_on_the_curve_gives_the_encoder_s_proofs() -> None:
    source = real_blob(THREE_ROWS)
    held = [source.column(j).point(offset) for j in range(128) for offset in range(16, 64)]
    found = recover_from_points(source.header, held)
    assert found.leaves == source.leaves
    assert found.proofs == source.proofs


def test_points_of_columns_beside_a_void_one_are_the_blob() -> None:
    source = dishonest_blob(200_000, frozenset({10, 11}))
    held = [source.column(j).point(offset) for j in range(30, 94) for offset in range(64)]
    found = recover_from_points(source.header, held, kzg=DOUBLE)
    assert found.payload() == dishonest_blob(200_000, frozenset()).payload()
    assert {10, 11} <= found.void_columns


# ---------------------------------------------------------------- what is not verified yet


def test_points_not_verified_yet_are_verified_with_one_call() -> None:
    kzg = CountingKzg(CURVE)
    source = real_blob(THREE_ROWS)
    held: list[Point] = [source.column(j).point(o) for j in range(64) for o in range(64)]
    for place in (0, 70, 4095):
        held[place] = received_point(source, place)
    assert recover_from_points(source.header, held, kzg=kzg).payload() == source.payload()
    assert kzg.cells_a_call == [3]


@pytest.mark.parametrize("position", [0, 2000, 4095])
def test_a_bad_point_is_refused_by_its_position_in_the_list(position: int) -> None:
    held: list[Point] = list(points(THREE_ROWS)[:4096])
    good = held[position]
    entry = 32 * (position % 64)
    cell = good.cell[:entry] + bytes(32) + good.cell[entry + 32 :]
    faults: list[tuple[Any, bytes, Any]] = [
        (bytes(96), good.cell, BadPath),
        (good.leaf, cell, BadCell),
    ]
    for leaf, other_cell, error in faults:
        held[position] = Point(
            index=position, leaf=leaf, path=good.path, cell=other_cell, proof=good.proof
        )
        with pytest.raises(error) as refusal:
            recover_from_points(SOURCE.header, held, kzg=DOUBLE)
        assert (refusal.value.item, refusal.value.index) == (position, position)


def test_a_verified_point_of_another_blob_is_refused_by_its_position() -> None:
    held = [*points(THREE_ROWS)[:4096], blob(1).point(POINTS - 1)]
    with pytest.raises(ForeignItem) as refusal:
        recover_from_points(SOURCE.header, held, kzg=DOUBLE)
    assert refusal.value.item == 4096
