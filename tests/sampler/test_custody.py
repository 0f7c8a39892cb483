"""Who keeps what, and how many different things silent members can take along."""

from __future__ import annotations

from itertools import combinations

import pytest
from committee_shapes import custody
from hypothesis import given, settings
from hypothesis import strategies as st

from committee.bls import SecretKey
from committee.keyset import Keyset
from committee.values import NetworkId
from sampler.custody import Custody


def left_by_trying(who, base, more):
    """The slow twin: what remains for each set of `more` others, none of them silent in vain."""
    others = sorted(set(range(who.size)) - base)
    return {
        who.left(base | set(some))
        for some in map(frozenset, combinations(others, more))
        if some <= who.cause(base | some)
    }


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 10), st.integers(1, 128), st.data())
def test_the_count_is_never_below_that_of_trying_every_set(members, length, data):
    length = max(length, -(-128 // members) + 1)
    who = custody(members, 0, columns_per_member=min(128, length))
    base = data.draw(st.frozensets(st.integers(0, members - 1), max_size=members - 1))
    more = data.draw(st.integers(0, members - len(base)))
    assert who.causes(base, more) >= len(left_by_trying(who, base, more))


@pytest.mark.parametrize(("members", "length"), [(4, 32), (8, 32), (8, 48), (16, 24)])
def test_the_count_is_exact_where_every_column_has_as_many_keepers(members, length):
    who = custody(members, 0, columns_per_member=length)
    for more in range(members if members < 16 else 7):
        assert who.causes(frozenset(), more) == len(left_by_trying(who, frozenset(), more))


def test_the_module_says_what_is_so():
    who = custody(16, 5)
    sets = [frozenset(some) for size in range(6) for some in combinations(range(16), size)]
    assert len(sets) == 6885
    assert len({who.left(some) for some in sets}) == 49
    assert 1 + sum(who.causes(frozenset(), more) for more in range(1, 6)) == 49
    most = custody(128, 63)
    assert len(most.columns_of[0]) == 63
    assert 1 + sum(most.causes(frozenset(), more) for more in range(1, 64)) == 129


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 128), st.data())
def test_a_cause_is_the_least_set_that_leaves_the_same(members, length, data):
    who = custody(members, 0, columns_per_member=min(128, max(length, -(-128 // members) + 1)))
    silent = data.draw(st.frozensets(st.integers(0, members - 1)))
    cause = who.cause(silent)
    assert cause <= silent
    assert who.left(cause) == who.left(silent)
    assert who.cause(cause) == cause
    for member in cause:
        assert who.left(cause - {member}) != who.left(silent)


def test_who_did_not_sign_is_known_from_the_certificate():
    fields = {
        "network_id": NetworkId(bytes(32)),
        "not_before": 0,
        "retention_s": 1_572_864,
        "challenge_period_s": 604_800,
        "threshold": 3,
        "faults": 1,
        "columns_per_member": 32,
        "public_keys": tuple(SecretKey.generate(bytes([i]) * 32).public_key for i in range(4)),
    }
    four = Keyset(**fields)
    assert Custody.of_keyset(four).unsigned == frozenset()
    assert Custody.of_keyset(four, (0, 1, 3)).unsigned == {2}
    assert Custody.of_keyset(four, (0, 1, 3)).signers == {0, 1, 3}
    assert Custody.of_keyset(four).columns_of[3] == frozenset(range(96, 128))
    assert Custody.of_keyset(four, (0, 1, 3)) is Custody.of_keyset(four, [3, 1, 0])


@pytest.mark.parametrize(
    ("columns_of", "more"),
    [
        ([range(127)], {}),  # a column is nobody's
        ([range(64), range(64, 128), range(64), range(64, 128)], {}),  # no neighbours
        ([range(128)], {"faults": 2}),
        ([range(128)], {"faults": -1}),
        ([range(128)], {"unsigned": frozenset({1})}),
    ],
)
def test_custody_that_cannot_be_is_a_mistake(columns_of, more):
    with pytest.raises(ValueError, match=r"column|faults|member"):
        Custody(columns_of=tuple(map(frozenset, columns_of)), **{"faults": 0} | more)
