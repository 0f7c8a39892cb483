"""Which stretches of a feed have been read."""

from __future__ import annotations

import random

import pytest

from sampler.intervals import Interval, Intervals


def test_an_interval_runs_forwards() -> None:
    for after, upto in ((-1, 0), (2, 1)):
        with pytest.raises(ValueError, match="an interval"):
            Interval(after, upto)


@pytest.mark.parametrize("seed", range(20))
def test_the_union_covers_what_any_part_covers_and_the_gaps_the_rest(seed: int) -> None:
    chance = random.Random(seed)
    whole = Intervals()
    covered: set[int] = set()
    for _ in range(chance.randrange(12)):
        after = chance.randrange(60)
        upto = after + chance.randrange(10)
        whole = whole.adding(Interval(after, upto))
        covered |= set(range(after + 1, upto + 1))
    found = {cursor for part in whole.parts for cursor in range(part.after + 1, part.upto + 1)}
    assert found == covered
    assert all(a.upto < b.after for a, b in zip(whole.parts, whole.parts[1:], strict=False))
    missing = {cursor for part in whole.gaps() for cursor in range(part.after + 1, part.upto + 1)}
    assert missing == set(range(1, whole.upto + 1)) - covered
    assert whole.upto == max(covered, default=0)


@pytest.mark.parametrize("seed", range(20))
def test_of_too_many_the_last_and_the_longest_stay(seed: int) -> None:
    chance = random.Random(seed)
    whole = Intervals.of(
        Interval(after, after + chance.randrange(1, 9)) for after in range(0, 200, 10)
    )
    assert whole.at_most(20) == whole.at_most(99) == whole
    for count in (1, 2, 7, 19):
        kept = whole.at_most(count)
        assert len(kept.parts) == count
        assert kept.upto == whole.upto
        assert list(kept.parts) == sorted(kept.parts)
        lengths = [part.upto - part.after for part in whole.parts[:-1]]
        assert (
            sorted(part.upto - part.after for part in kept.parts[:-1])
            == (sorted(lengths)[len(lengths) - count + 1 :])
        )


def test_gaps_come_the_latest_first() -> None:
    whole = Intervals.of([Interval(5, 7), Interval(10, 12), Interval(1, 2)])
    assert list(whole.gaps()) == [Interval(7, 10), Interval(2, 5), Interval(0, 1)]
