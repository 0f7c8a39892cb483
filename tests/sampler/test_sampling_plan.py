"""Plans: what is listed, what it costs, and that all errors together are never above the wanted."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations

import pytest
from committee_shapes import custody
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.confidence import Code, Rule, Unit, chance
from sampler.custody import Custody
from sampler.errors import NothingToSample
from sampler.plan import plan

MILLIONTH = Fraction(1, 10**6)
SECRET = bytes(range(32))


def sets_of(members, up_to):
    return map(
        frozenset, chain.from_iterable(combinations(members, size) for size in range(up_to + 1))
    )


def listed(who):
    """The slow twin: every set of the list, written out; those that leave the same columns once."""
    sets = list(sets_of(range(who.size), who.faults))
    sets += [who.unsigned | some for some in sets_of(who.signers, who.faults)]
    return {who.left(silent): silent for silent in sets}.values()


shapes = st.builds(
    custody,
    st.just(7),
    st.integers(0, 3),
    st.sampled_from([None, 30, 45, 64, 100]),
    st.frozensets(st.integers(0, 6), max_size=3),
)


@settings(deadline=None, max_examples=60)
@given(shapes, st.sampled_from(list(Unit)), st.sampled_from(list(Rule)), st.data())
def test_the_errors_of_all_listed_sets_add_up_to_no_more_than_wanted(who, unit, rule, data):
    expected = data.draw(st.frozensets(st.integers(0, 6), max_size=min(2, who.faults)))
    wanted = Fraction(1, 10 ** data.draw(st.integers(2, 12)))
    if len(who.left(expected)) < 64:
        return
    asked = plan(who, 1, SECRET, rule=rule, wanted=wanted, unit=unit, expected=expected)
    total = Fraction()
    for silent in listed(who):
        rung = asked.without(silent)
        assert (rung is None) == (len(who.left(silent)) < 64)
        if rung is not None:
            assert rung.columns == who.left(silent)
            assert rung.items == inside(asked, rung.columns)[: len(rung.items)]
            total += rung.error
    assert total <= asked.error <= wanted


def inside(asked, columns):
    code = asked.custody.code
    return tuple(i for i in asked.order if code.column_of(asked.unit, i) in columns)


@settings(deadline=None, max_examples=60)
@given(shapes, st.sampled_from(list(Rule)), st.data())
def test_no_listed_set_is_overlooked(who, rule, data):
    """*Available* exactly if trying every set of the list finds one all of whose items are held."""
    expected = data.draw(st.frozensets(st.integers(0, 6), max_size=min(1, who.faults)))
    if len(who.left(expected)) < 64:
        return
    asked = plan(who, 1, SECRET, rule=rule, unit=Unit.COLUMNS, expected=expected)
    silent = data.draw(st.frozensets(st.integers(0, 6), max_size=4))
    lost = data.draw(st.frozensets(st.integers(0, 127), max_size=3))
    held = who.left(silent) - lost
    rungs = [rung for one in listed(who) if (rung := asked.without(one)) is not None]
    passing = [rung for rung in [*rungs, asked.first] if held.issuperset(rung.items)]
    reached = asked.reached(held)
    assert (reached is not None) == bool(passing)
    if reached is not None:
        assert held.issuperset(reached.items)
    failed = frozenset(range(128)) - held
    aim = asked.aim(failed)
    assert (aim is not None) == bool(passing)
    if aim is not None:
        assert not failed.intersection(aim.items)


@pytest.mark.parametrize(
    ("shape", "silent", "points"),
    [
        ((4, 1), {2}, 44),
        ((16, 5), {1, 3, 5, 7, 9}, 20),  # each column has another keeper
        ((16, 5), {0, 1, 2, 3, 4}, 43),
    ],
)
def test_points_with_members_silent(shape, silent, points):
    asked = plan(custody(*shape), 133, SECRET, rule=Rule.CERTIFIED)
    assert asked.unit is Unit.POINTS
    assert len(asked.first.items) == 20
    assert len(asked.without(frozenset(silent)).items) == points


@pytest.mark.parametrize(
    ("rows", "unit"), [(1, Unit.COLUMNS), (2, Unit.POINTS), (1024, Unit.POINTS)]
)
def test_the_unit_is_what_takes_fewer_bytes(rows, unit):
    chosen = plan(custody(), rows, SECRET, rule=Rule.CERTIFIED)
    other = plan(custody(), rows, SECRET, rule=Rule.CERTIFIED, unit=Unit(1 - unit))
    assert chosen.unit is unit
    assert chosen.bytes_of(chosen.first) <= other.bytes_of(other.first)


def test_members_seen_silent_before_are_left_out_from_the_start():
    asked = plan(custody(), 133, SECRET, rule=Rule.CERTIFIED, expected=frozenset({1}))
    assert not asked.first.columns & asked.custody.columns_of[1]
    plain = plan(custody(), 133, SECRET, rule=Rule.CERTIFIED)
    assert len(asked.first.items) < len(plain.without(frozenset({1})).items)
    assert asked.aim(()) is asked.first


def test_nothing_is_planned_where_too_little_is_left():
    with pytest.raises(NothingToSample) as refused:
        plan(custody(), 1, SECRET, rule=Rule.STRICT, expected=frozenset({0, 1, 2}))
    assert (refused.value.columns, refused.value.needed) == (32, 64)


@pytest.mark.parametrize("wanted", [Fraction(0), Fraction(1), Fraction(-1), Fraction(2)])
def test_an_error_that_is_no_chance_is_a_mistake(wanted):
    with pytest.raises(ValueError, match="chance"):
        plan(custody(), 1, SECRET, rule=Rule.STRICT, wanted=wanted)


def test_one_node_alone_has_no_list():
    asked = plan(Custody.of_one_node(), 133, SECRET, rule=Rule.STRICT)
    assert asked.error == asked.first.error == chance(8192, 2049, 48)
    assert asked.aim({asked.first.items[0]}) is None
    assert asked.without(frozenset({0})) is None


def test_small_codes_are_planned_as_well():
    code = Code(columns=6, points_per_column=2, columns_needed=3)
    who = Custody(
        columns_of=tuple(frozenset({i, (i + 1) % 6}) for i in range(6)), faults=2, code=code
    )
    asked = plan(who, 1, SECRET, rule=Rule.CERTIFIED, wanted=Fraction(1, 4), unit=Unit.POINTS)
    assert asked.without(frozenset({0, 1})).columns == frozenset({0, 2, 3, 4, 5})
