"""What a sample proves: the scheme's own table, and every number beside counting all samples."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from committee.plan import points_to_ask
from sampler.confidence import CODE, Code, Rule, Unit, chance, item_bytes, samples_for

MILLIONTH = Fraction(1, 10**6)
SMALL = Code(columns=6, points_per_column=2, columns_needed=3)


def samples(unit, rule, columns, error=MILLIONTH):
    items = CODE.items(unit, columns)
    return samples_for(items, CODE.failing(unit, rule, columns), error)


@pytest.mark.parametrize(
    ("unit", "rule", "expected"),
    [
        (Unit.COLUMNS, Rule.STRICT, (18, 21, 27, 40, 64)),
        (Unit.COLUMNS, Rule.CERTIFIED, (18, 21, 27, 40, 64)),
        (Unit.POINTS, Rule.CERTIFIED, (20, 25, 34, 62, 4096)),
        (Unit.POINTS, Rule.STRICT, (48, 57, 76, 130, 4096)),
    ],
)
def test_samples_are_those_of_the_coding_schemes_table(unit, rule, expected):
    assert tuple(samples(unit, rule, columns) for columns in (128, 112, 96, 80, 64)) == expected


def test_failing_items_are_those_of_the_coding_scheme():
    for columns in range(64, 129):
        assert CODE.failing(Unit.COLUMNS, Rule.STRICT, columns) == columns - 63
        assert CODE.failing(Unit.COLUMNS, Rule.CERTIFIED, columns) == columns - 63
        assert CODE.failing(Unit.POINTS, Rule.CERTIFIED, columns) == 64 * columns - 4095
        assert CODE.failing(Unit.POINTS, Rule.STRICT, columns) == 32 * columns - 2047


def test_below_the_columns_needed_no_sample_says_anything():
    for unit in Unit:
        for rule in Rule:
            assert samples(unit, rule, 63) is None


@pytest.mark.parametrize("columns", range(63, 129, 5))
def test_a_committees_plan_reckons_with_the_same_numbers(columns):
    assert samples(Unit.POINTS, Rule.CERTIFIED, columns) == points_to_ask(columns)


@given(st.integers(0, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_a_chance_is_the_share_of_all_samples_that_miss(sizes):
    items, failing = sizes
    for asked in range(items + 1):
        drawn = list(combinations(range(items), asked))
        missing = [some for some in drawn if not set(some) & set(range(failing))]
        assert chance(items, failing, asked) == Fraction(len(missing), len(drawn))


@given(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))),
    st.fractions(Fraction(1, 10**40), 1).filter(bool),
)
def test_one_sample_less_is_not_enough(sizes, error):
    items, failing = sizes
    asked = samples_for(items, failing, error)
    assert chance(items, failing, asked) <= error
    assert asked == 0 or chance(items, failing, asked - 1) > error


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("error", [Fraction(1, 10**exponent) for exponent in (1, 6, 9, 20, 40)])
def test_fewer_columns_never_need_fewer_samples(unit, rule, error):
    """The plan's climb leans on it."""
    needed = [samples(unit, rule, columns, error) for columns in range(64, 129)]
    assert needed == sorted(needed, reverse=True)


@pytest.mark.parametrize("rule", Rule)
def test_the_fewest_failing_points_are_found_by_trying_all_patterns(rule):
    """Of a small code: the fewest points whose loss leaves less than each rule asks for."""
    for columns in range(SMALL.columns_needed, SMALL.columns + 1):
        points = 2 * columns
        enough = 6 if rule is Rule.CERTIFIED else (points + 6) / 2
        lost = min(lost for lost in range(points + 1) if points - lost < enough)
        assert SMALL.failing(Unit.POINTS, rule, columns) == lost


@pytest.mark.parametrize("sizes", [(5, 6, 0), (5, 0, 6), (5, -1, 0), (5, 0, -1)])
def test_sizes_that_cannot_be_are_mistakes(sizes):
    with pytest.raises(ValueError, match="items"):
        chance(*sizes)


@pytest.mark.parametrize("error", [Fraction(0), Fraction(-1)])
def test_no_sample_reaches_certainty(error):
    with pytest.raises(ValueError, match="error"):
        samples_for(8, 4, error)


@pytest.mark.parametrize(
    ("unit", "rows", "size"), [(Unit.COLUMNS, 1, 2321), (Unit.POINTS, 1, 2546)]
)
def test_items_have_their_lengths_on_the_wire(unit, rows, size):
    assert item_bytes(unit, rows) == size
