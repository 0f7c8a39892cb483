"""Who keeps which columns, beside brute force, and the formula beside the exact count."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from committee.arcs import (
    Arc,
    arcs,
    fewest_columns,
    fewest_columns_of,
    shortest_arc,
    start_of,
)


def fewest_by_trying(members: int, columns_per_member: int) -> list[int]:
    """The slow twin: every set of members."""
    held = [set(arc) for arc in arcs(members, columns_per_member)]
    return [
        min(len(set().union(*some)) for some in combinations(held, count))
        for count in range(members + 1)
    ]


@pytest.mark.parametrize("members", range(1, 10))
def test_the_exact_count_is_that_of_trying_every_set(members):
    for columns_per_member in [*range(1, 129, 9), 128]:
        exact = fewest_columns(members, columns_per_member, members)
        assert list(exact) == fewest_by_trying(members, columns_per_member)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 9), st.integers(1, 128), st.data())
def test_the_exact_count_among_some_members_is_that_of_trying_every_set(
    members, columns_per_member, data
):
    some = data.draw(st.sets(st.integers(0, members - 1)))
    all_arcs = arcs(members, columns_per_member)
    held = [set(all_arcs[i]) for i in some]
    assert fewest_columns_of(some, members, columns_per_member) == tuple(
        min(len(set().union(*few)) for few in combinations(held, count))
        for count in range(len(some) + 1)
    )


@pytest.mark.parametrize("members", [1, 7, 16, 127, 128])
def test_the_exact_count_among_all_members_is_that_of_the_committee(members):
    of_all = fewest_columns(members, 20, members)
    assert fewest_columns_of(range(members), members, 20) == of_all


@pytest.mark.parametrize("places", [[4], [-1], [0, 0]])
def test_a_place_that_no_member_has_is_a_mistake(places):
    with pytest.raises(ValueError, match="of 4 members"):
        fewest_columns_of(places, 4, 32)


@settings(deadline=None)
@given(st.integers(1, 128), st.integers(1, 128), st.data())
def test_no_set_of_members_holds_less_than_the_exact_count(members, columns_per_member, data):
    some = data.draw(st.sets(st.integers(0, members - 1), max_size=min(members, 8)))
    all_arcs = arcs(members, columns_per_member)
    held = set().union(*(all_arcs[i] for i in some))
    assert fewest_columns(members, columns_per_member, len(some))[len(some)] <= len(held)


def require_formula_to_suffice(members: int) -> None:
    """For every count of honest signers, the arc that the formula says gives 64 columns."""
    checked = 0
    by_length: dict[int, int] = {}
    for honest in range(1, members + 1):
        by_length[shortest_arc(members, honest)] = honest  # the most that this length must do for
    for columns_per_member, most in by_length.items():
        exact = fewest_columns(members, columns_per_member, most)
        for honest in range(1, most + 1):
            if shortest_arc(members, honest) == columns_per_member:
                assert exact[honest] >= 64
                checked += 1
    assert checked == members


@pytest.mark.parametrize("members", [*range(1, 33), 48, 64, 96, 128])
def test_the_shortest_arc_by_formula_gives_64_columns_for_every_count_of_honest_signers(members):
    require_formula_to_suffice(members)


@pytest.mark.soak
@pytest.mark.parametrize("members", [n for n in range(33, 128) if n not in (48, 64, 96)])
def test_the_same_for_all_larger_committees(members):
    require_formula_to_suffice(members)


@pytest.mark.parametrize(
    ("members", "faults", "threshold", "columns"), [(4, 1, 3, 32), (7, 2, 5, 28), (16, 5, 11, 24)]
)
def test_the_protocols_own_examples(members, faults, threshold, columns):
    assert shortest_arc(members, threshold - faults) == columns
    assert fewest_columns(members, columns, threshold - faults)[-1] >= 64


@pytest.mark.parametrize("members", range(1, 129))
def test_all_members_together_hold_every_column_at_the_shortest_arc(members):
    for honest in {1, (members + 1) // 2, members}:
        held = arcs(members, shortest_arc(members, honest))
        assert set().union(*held) == set(range(128))


@settings(deadline=None)
@given(st.integers(1, 32) | st.just(128), st.integers(1, 128))
def test_an_arc_is_what_the_protocol_says(members, columns_per_member):
    for member, arc in enumerate(arcs(members, columns_per_member)):
        start = int(128 * member / members)  # exact: both are far below 2^53
        assert start_of(member, members) == start
        columns = list(arc)
        assert columns == [(start + step) % 128 for step in range(columns_per_member)]
        assert len(arc) == columns_per_member == len(set(columns))
        assert {column for column in range(128) if column in arc} == set(columns)
        assert 128 + start not in arc


@pytest.mark.parametrize(
    ("arc", "text"),
    [
        (Arc(0, 32), "0–31"),
        (Arc(96, 32), "96–127"),
        (Arc(109, 28), "109–127, 0–8"),
        (Arc(127, 2), "127, 0"),
        (Arc(5, 1), "5"),
    ],
)
def test_an_arc_reads_in_the_order_in_which_it_travels(arc, text):
    assert str(arc) == text


@pytest.mark.parametrize("sizes", [(0, 1), (129, 1), (1, 0), (1, 129)])
def test_sizes_outside_the_circle_are_mistakes(sizes):
    with pytest.raises(ValueError, match="members"):
        arcs(*sizes)
    with pytest.raises(ValueError, match="members"):
        fewest_columns(*sizes, up_to=0)


@pytest.mark.parametrize(("members", "honest"), [(4, 0), (4, 5), (129, 1), (0, 0)])
def test_honest_members_are_some_of_the_members(members, honest):
    with pytest.raises(ValueError, match="members"):
        shortest_arc(members, honest)
    with pytest.raises(ValueError, match="members"):
        fewest_columns(4, 32, 5)
