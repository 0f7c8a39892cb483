"""A session as it is shown, beside what the session itself knows."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from committee_shapes import custody
from link_simulation import plan_of
from live_specimens import BEGAN_AT, honest, one_silent, subject, watched, withholding

from sampler.confidence import WANTED_ERROR, Rule, chance
from sampler.live.curve import MOST_STEPS, curve
from sampler.live.picture import Health, SessionPicture, picture
from sampler.session import Stage


def test_the_last_picture_of_an_available_blob_shows_the_verdicts_own_figure() -> None:
    session, seen = watched(honest())
    last = seen[-1]
    assert session.conclusion is not None
    assert (last.stage, last.is_over) == ("available", True)
    assert last.error == float(session.conclusion.error) <= last.wanted
    assert last.held == last.asked == last.needed == last.needed_held == len(session.held)
    assert sum(asked for _, asked, _, _ in last.columns) == last.asked
    assert all(member.health is Health.ANSWERS for member in last.members)
    assert sum(member.held for member in last.members) == last.held


@pytest.mark.parametrize("world", [honest, one_silent, withholding])
def test_the_bound_only_falls_and_never_reaches_what_is_wanted_without_the_verdict(
    world: object,
) -> None:
    _, seen = watched(world())  # type: ignore[operator]
    bounds = [one.error for one in seen]
    assert all(late <= early for early, late in pairwise(bounds))
    for one in seen:
        assert (one.error <= one.wanted) == (one.stage == "available")
        assert one.curve[0] == (0, 1.0)
        assert [bound for _, bound in one.curve] == sorted(
            (bound for _, bound in one.curve), reverse=True
        )
        assert one.curve[-1][1] == one.error
        assert len(one.curve) <= MOST_STEPS


def test_the_bound_of_a_whole_prefix_is_that_of_a_plan_that_stops_there() -> None:
    plan = plan_of(custody(), 3)
    rung = plan.first
    for count in range(1, len(rung.items)):
        held = dict.fromkeys(rung.items[:count], 0.1)
        held[rung.items[-1]] = 0.1  # beyond the gap: it counts for nothing
        code = plan.custody.code
        failing = code.failing(plan.unit, plan.rule, len(rung.columns))
        items = code.items(plan.unit, len(rung.columns))
        expected = plan.error - rung.error + chance(items, failing, count)
        stops = count + 1 == len(rung.items)
        wanted = plan.error if stops else expected
        assert curve(plan, [rung], held)[-1][1] == pytest.approx(min(1.0, float(wanted)), rel=1e-9)
    assert plan.error <= WANTED_ERROR < Fraction(1, 2)


def test_a_silent_member_is_shown_so_and_left_out() -> None:
    _, seen = watched(one_silent())
    last = seen[-1]
    assert last.stage == "available"
    assert last.left_out == [2]
    assert last.members[2].health is Health.SILENT
    assert last.members[2].held == 0
    assert any(lost for one in seen for _, _, _, lost in one.columns)


def test_a_withheld_blob_never_looks_available() -> None:
    session, seen = watched(withholding())
    assert session.stage is Stage.WITHHELD
    last = seen[-1]
    assert last.stage == "withheld"
    assert last.error > last.wanted
    assert {one.member for one in last.members if one.health is Health.DENIES} == {1, 2}
    assert any(lost for _, _, _, lost in last.columns)
    assert last.rounds == session.doubts.rounds > 0


def test_what_is_under_way_is_counted_by_member() -> None:
    session, seen = watched(honest())
    first = seen[0]
    out = sum(member.under_way for member in first.members)
    assert out + first.held == first.asked
    assert {one.health for one in first.members} <= {Health.WAITED_FOR, Health.ANSWERS}
    assert sum(member.under_way for member in seen[-1].members) == 0
    assert session.is_over


def test_a_clock_that_goes_back_gives_no_session_that_ends_before_its_answers() -> None:
    session, seen = watched(honest())
    last_ms = seen[-1].curve[-1][0]
    assert last_ms > 0
    shown = picture(1, subject(3), session, BEGAN_AT - 3600)
    assert shown.ended_at == pytest.approx(BEGAN_AT + last_ms / 1000)


def test_a_picture_survives_its_journey() -> None:
    for world in (honest(), one_silent(), withholding()):
        _, seen = watched(world, rule=Rule.CERTIFIED)
        for one in seen[:: max(1, len(seen) // 20)]:
            assert msgspec.json.decode(msgspec.json.encode(one), type=SessionPicture) == one
