"""How far a feed was read: what is said to be read was read, whatever was forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from committee.member.feed_position import MOST_RUNS, Gap, Position, Run

reads = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)), max_size=20)


def read(spans: list[tuple[int, int]]) -> tuple[Position, set[int]]:
    """A position, and its slow twin: every cursor that was read."""
    position, cursors = Position(), set[int]()
    for first, size in spans:
        position = position.with_read(first, first + size)
        cursors |= set(range(first, first + size))
    return position, cursors


@given(reads)
def test_runs_are_exactly_what_was_read(spans: list[tuple[int, int]]) -> None:
    position, cursors = read(spans)
    assert {c for run in position.runs for c in range(run.first, run.stop)} == cursors
    assert position.top == max(cursors, default=0)
    missing = set(range(1, position.top)) - cursors
    assert {c for gap in position.gaps for c in range(gap.after + 1, gap.before)} == missing
    assert position.behind == len(missing)
    assert [gap.before for gap in position.gaps] == sorted(
        (gap.before for gap in position.gaps), reverse=True
    )
    assert Position.parse(position.serialize()) == position


def test_reading_begins_at_the_top_and_fills_what_is_below() -> None:
    position = Position().with_read(101, 201)
    assert position.gaps == (Gap(after=0, before=101),)
    position = position.with_read(301, 305)
    assert position.gaps == (Gap(after=200, before=301), Gap(after=0, before=101))
    position = position.with_read(201, 301).with_read(1, 101)
    assert position.runs == (Run(1, 305),)
    assert position.gaps == ()


def test_of_too_many_runs_the_lowest_are_read_again() -> None:
    position = Position()
    for first in range(1, 4 * MOST_RUNS, 2):
        position = position.with_read(first, first + 1)
    assert len(position.runs) == MOST_RUNS
    assert position.top == 4 * MOST_RUNS - 1


@pytest.mark.parametrize(
    "numbers", [(1,), (2, 1), (1, 1), (0, 3), (1, 3, 3, 5), (1, 5, 4, 6)], ids=str
)
def test_what_makes_no_sense_is_read_from_the_start(numbers: tuple[int, ...]) -> None:
    data = b"".join(number.to_bytes(8, "big") for number in numbers)
    for wrong in (data, data[:-1], data + b"\x00"):
        assert Position.parse(wrong) == Position()
    assert Position.parse(None) == Position()
