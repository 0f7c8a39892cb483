"""Plans: the numbers are the protocol's, and what they promise holds for every set of members."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from committee_specimens import committees, keyset_fields
from hypothesis import given, settings

from committee.arcs import arcs
from committee.errors import NoSuchCommittee, OutOfRange, ThinCoverage
from committee.keyset import Keyset
from committee.plan import plan, points_to_ask


def held_by(members, all_arcs):
    return len(set().union(*(all_arcs[i] for i in members)))


@pytest.mark.parametrize(
    ("columns", "points"), [(128, 20), (112, 25), (96, 34), (80, 62), (64, 4096), (63, None)]
)
def test_samples_are_those_of_the_coding_schemes_table(columns, points):
    assert points_to_ask(columns) == points


@pytest.mark.parametrize("columns", [65, 70, 101, 128])
def test_one_sample_less_is_not_enough(columns):
    total, failing = 64 * columns, 64 * columns - 4095

    def chance(asked):
        return math.comb(total - failing, asked) / math.comb(total, asked)

    asked = points_to_ask(columns)
    assert chance(asked) <= 1e-6 < chance(asked - 1)


@pytest.mark.parametrize(
    ("members", "faults", "threshold", "columns", "stored"),
    [(4, 1, 3, 32, 2.0), (7, 2, 5, 28, 3.1), (16, 5, 11, 24, 6.0)],
)
def test_the_protocols_own_examples(members, faults, threshold, columns, stored):
    one = plan(members, faults)[-1]
    assert (one.threshold, one.columns_per_member) == (threshold, columns)
    assert round(one.storage, 1) == stored
    assert one.is_sound
    # with exactly the threshold's signers and `faults` of them silent, 64 columns are left
    assert one.sampling()[-1].columns_of_signers >= 64


@settings(deadline=None, max_examples=30)
@given(committees)
def test_there_is_a_plan_for_each_threshold_that_a_keyset_may_have(shape):
    n, faults, threshold = shape
    plans = plan(n, faults)
    assert [one.threshold for one in plans] == list(range(faults + 1, n - faults + 1))
    one = plans[threshold - faults - 1]
    assert one.is_sound
    assert one.safety >= faults
    assert one.liveness >= faults
    fields = keyset_fields(n, faults, threshold)
    assert Keyset(**fields).arcs == one.arcs
    shorter = plan(n, faults, max(1, one.columns_per_member - 1))[threshold - faults - 1]
    if one.columns_per_member > 1:
        assert not shorter.is_sound
        with pytest.raises(ThinCoverage):
            Keyset(**fields | {"columns_per_member": one.columns_per_member - 1})


@pytest.mark.parametrize("columns_per_member", [None, 30, 50])
@pytest.mark.parametrize(("members", "faults"), [(1, 0), (4, 1), (5, 2), (7, 2), (9, 3)])
def test_every_number_is_the_worst_case_over_all_sets_of_members(
    members, faults, columns_per_member
):
    for one in plan(members, faults, columns_per_member):
        all_arcs = arcs(members, one.columns_per_member)
        worst = [
            min(held_by(some, all_arcs) for some in combinations(range(members), size))
            for size in range(members + 1)
        ]
        enough = [size for size in range(members + 1) if worst[size] >= 64]
        assert one.enough == (enough[0] if enough else None)
        liars = [b for b in range(one.threshold + 1) if worst[one.threshold - b] >= 64]
        assert one.safety == (liars[-1] if liars else -1)
        losses = [x for x in range(members + 1) if worst[members - x] >= 64]
        assert one.recovery == (losses[-1] if losses else -1)
        assert one.liveness == members - one.threshold
        assert [s.columns for s in one.sampling()] == [
            worst[members - x] for x in range(faults + 1)
        ]
        decided = [x for x in range(faults + 1) if worst[members - x] > 64]
        assert one.verdict == (decided[-1] if decided else -1)
        decided = [x for x in range(faults + 1) if worst[one.threshold - x] > 64]
        assert one.verdict_of_signers == (decided[-1] if decided else -1)


@pytest.mark.parametrize(("members", "faults"), [(4, 2), (2, 1), (1, 1), (3, -1)])
def test_a_committee_cannot_tolerate_half_of_itself(members, faults):
    with pytest.raises(NoSuchCommittee) as refused:
        plan(members, faults)
    assert refused.value.bound == (members - 1) // 2


@pytest.mark.parametrize("sizes", [(0, 0, None), (129, 0, None), (4, 1, 0), (4, 1, 129)])
def test_sizes_out_of_range_are_refused(sizes):
    with pytest.raises(OutOfRange):
        plan(*sizes)
