"""The session of one blob, in simulated time."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from committee_shapes import custody
from link_simulation import World, plan_of, run, start

from da_node.service import Bug
from sampler.conclusion import Finding
from sampler.confidence import Rule
from sampler.doubting import FEWEST_QUESTIONS
from sampler.patience import Patience
from sampler.question import TRANSITIONS, Ask, Move, Question, State
from sampler.session import STEPS, Session, Stage, Step
from sampler.suspicion import FALSE_ALARM, Outcome, controls_for


def finding(session: Session, world: World) -> Finding:
    run(session, world)
    assert session.conclusion is not None
    return session.conclusion.finding


def honest(seed: int = 1, **rules: object) -> World:
    return World(chance=random.Random(seed), **rules)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_an_illegal_step_of_a_question_is_a_bug_and_changes_nothing(
    state: State, move: Move
) -> None:
    question = Question(item=0, sources=[0], next_at=0.0, doubted_at=1.0, state=state)
    following = TRANSITIONS.get((state, move))
    if following is not None:
        question.step(move)
        assert question.state is following
        return
    with pytest.raises(Bug, match=state.name):
        question.step(move)
    assert question.state is state


def test_a_session_that_is_over_takes_no_step() -> None:
    over = {Stage.AVAILABLE, Stage.WITHHELD, Stage.INCONCLUSIVE}
    assert set(STEPS.values()) == over | {Stage.DOUBTING}
    assert not {stage for stage, _ in STEPS} & over
    assert {step for _, step in STEPS} == set(Step)


def test_an_answer_to_what_was_never_asked_is_a_bug() -> None:
    session = start(custody(), 1)
    asks = session.begin_due(0.0)
    with pytest.raises(Bug, match="not under way"):
        session.ended(Ask(999, 0, 1, 1.0), Outcome.HELD, now_s=0.1)
    session.ended(asks[0], Outcome.HELD, now_s=0.1)
    with pytest.raises(Bug, match="not under way"):
        session.ended(asks[0], Outcome.HELD, now_s=0.1)
    assert set(session.held) == {asks[0].item}


def test_all_questions_go_out_at_once_each_to_a_custodian() -> None:
    session = start(custody(16, 5), 3)
    asks = session.begin_due(0.0)
    assert sorted(ask.item or 0 for ask in asks) == sorted(session.plan.first.items)
    for ask in asks:
        assert ask.item is not None
        assert ask.source in session.plan.custody.keepers[ask.item // 64]
    assert session.begin_due(0.0) == []


def test_available_comes_with_the_last_answer() -> None:
    session = start(custody(), 1)
    assert run(session, honest()) < 0.1
    assert session.stage is Stage.AVAILABLE
    conclusion = session.conclusion
    assert conclusion is not None
    assert conclusion.rung == session.plan.first
    assert conclusion.error == session.plan.error
    assert session.wakes_at() is None
    assert session.begin_due(99.0) == []
    assert session.failed == 0


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_ever_drawn_in_place_of_what_failed(seed: int) -> None:
    """Whatever is asked stands in the order's beginning inside what some listed set leaves, and
    what failed is asked again and again."""
    lost = {item for item in range(8192) if item % 7 == 0}
    session = start(custody(7, 2), seed)
    world = honest(seed, serves=lambda member, item, now: item not in lost)
    run(session, world)
    order = list(session.plan.order)
    asked = {ask.item for ask in world.asked if ask.item is not None}
    for silent in session._tried:
        rung = session.plan.without(silent)
        assert rung is not None
        inside = [item for item in order if item // 64 in rung.columns]
        assert rung.items == tuple(inside[: len(rung.items)])
        asked -= set(rung.items)
    assert not asked


def test_a_failed_point_is_asked_of_its_other_custodians_and_again() -> None:
    session = start(custody(16, 5), 5)
    item = session.plan.first.items[0]
    keepers = session.plan.custody.keepers[item // 64]
    world = honest(serves=lambda member, asked, now: asked != item or now > 3.0)
    assert finding(session, world) is Finding.AVAILABLE
    of_item = [ask for ask in world.asked if ask.item == item]
    assert {ask.source for ask in of_item} == keepers
    assert len(of_item) > len(keepers)


@pytest.mark.parametrize(("members", "faults"), [(1, 0), (4, 1), (7, 2), (16, 5), (128, 42)])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_with_faults_members_silent_an_available_blob_is_found_so(
    members: int, faults: int, loss: float
) -> None:
    sessions = 100 if members < 128 else 30
    found = 0
    for seed in range(sessions):
        chance = random.Random(seed)
        silent = frozenset(chance.sample(range(members), faults))
        world = World(chance=chance, loss=loss, silent=silent)
        found += finding(start(custody(members, faults), seed), world) is Finding.AVAILABLE
    assert found >= 0.99 * sessions


@pytest.mark.parametrize("refusal", [Outcome.UNKNOWN, Outcome.BAD_PROOF, Outcome.TIMEOUT])
def test_withheld_where_more_signers_than_faults_do_not_serve(refusal: Outcome) -> None:
    for seed in range(5):
        session = start(custody(), seed)
        world = honest(seed, serves=lambda member, item, now: member > 1, refusal=refusal, loss=0.1)
        assert finding(session, world) is Finding.WITHHELD
        conclusion = session.conclusion
        assert conclusion is not None
        assert conclusion.error <= FALSE_ALARM


def nothing_drawn_of(member: int, *, failing: frozenset[int]) -> tuple[Session, World]:
    """Of four one may fail, and the last did not sign: a larger sample without another one would
    be half of all points. In the member's own columns nothing was drawn.
    """
    shape = custody(unsigned={3})
    own = shape.columns_of[member]
    seed = next(
        seed
        for seed in itertools.count()
        if not any(item // 64 in own for item in plan_of(shape, seed).first.items)
    )
    session = Session(
        plan_of(shape, seed),
        Patience(),
        promised=shape.signers,
        now_s=0.0,
        draw=random.Random(seed).random,
        controls=frozenset(range(4)),
        most_items=1024,
    )
    return session, honest(seed, serves=lambda source, item, now: source not in failing)


@pytest.mark.parametrize("refusal", [Outcome.UNKNOWN, Outcome.TIMEOUT])
def test_a_signer_is_accused_though_nothing_was_drawn_in_its_columns(refusal: Outcome) -> None:
    session, world = nothing_drawn_of(0, failing=frozenset({0, 1, 3}))
    world.refusal = refusal
    assert finding(session, world) is Finding.WITHHELD
    of_it = [ask for ask in world.asked if ask.source == 0]
    inside = (
        item for item in session.plan.order if item // 64 in session.plan.custody.columns_of[0]
    )
    fixed = list(itertools.islice(inside, FEWEST_QUESTIONS))
    # In rounds alone, whole ones among their controls, of which each has the same questions.
    for number in range(1, session.doubts.rounds + 1):
        asked = [ask.item for ask in of_it if ask.round == number]
        assert sorted(item for item in asked if item is not None) == sorted(fixed)
        assert asked.count(None) == controls_for(FEWEST_QUESTIONS)
    assert len(of_it) == session.doubts.rounds * (FEWEST_QUESTIONS + controls_for(FEWEST_QUESTIONS))


def test_what_is_asked_in_rounds_alone_counts_for_no_rung_and_accuses_nobody_who_serves() -> None:
    session, world = nothing_drawn_of(0, failing=frozenset({1, 3}))
    assert finding(session, world) is Finding.INCONCLUSIVE
    of_it = {ask.item for ask in world.asked if ask.source == 0 and ask.item is not None}
    assert of_it
    assert not of_it & session.held.keys()
    assert not of_it & {question.item for question in session.questions}
    assert session.doubts.found is not None
    assert session.doubts.found.weights[0] <= 1


def test_a_refusal_is_held_against_a_member_only_beside_a_control() -> None:
    rules = {"serves": lambda member, item, now: member > 1, "refusal": Outcome.REFUSED}
    assert finding(start(custody(), 1), honest(**rules)) is Finding.WITHHELD
    assert finding(start(custody(), 1, controls=()), honest(**rules)) is Finding.INCONCLUSIVE


@pytest.mark.parametrize("control", [Outcome.REFUSED, Outcome.UNKNOWN])
def test_a_way_on_which_only_refusals_come_back_accuses_nobody(control: Outcome) -> None:
    """Whatever is long gets lost, and the controls are not served any more."""
    nothing = {"serves": lambda member, item, now: False, "refusal": Outcome.TIMEOUT}
    assert finding(start(custody(), 1), honest(**nothing)) is Finding.WITHHELD
    narrow = honest(control=control, **nothing)
    assert finding(start(custody(), 1), narrow) is Finding.INCONCLUSIVE


def test_members_that_are_asked_too_much_are_not_accused_of_what_they_put_off() -> None:
    """They refuse questions and controls alike, now these and now those: no denial, but losses."""
    for seed in range(10):
        found = finding(start(custody(), seed), honest(seed, busy=0.85))
        assert found is not Finding.WITHHELD
    # Without taking it for what it is, it would be a denial in two rounds beside served controls.
    deaf = honest(1, busy=0.85)
    deaf.too_many = Forgetting()
    assert finding(start(custody(), 1), deaf) is Finding.WITHHELD


class Forgetting(set[int]):
    """Of a refusal nobody is told that it was one of too many."""

    def add(self, number: int) -> None:
        pass


def test_our_own_network_cut_is_inconclusive_and_without_controls_would_be_withheld() -> None:
    cut = {"cut": lambda now: now < 60.0}
    assert finding(start(custody(), 1), honest(**cut)) is Finding.INCONCLUSIVE

    class Uncontrolled(World):
        """Takes every control for served, as a sampler does that asks none."""

        def answer(self, ask: Ask, now_s: float) -> tuple[Outcome, float]:
            return (Outcome.HELD, 0.05) if ask.item is None else super().answer(ask, now_s)

    naive = Uncontrolled(chance=random.Random(1), cut=lambda now: now < 60.0)
    assert finding(start(custody(), 1), naive) is Finding.WITHHELD


def test_a_cut_that_ends_in_the_middle_accuses_nobody() -> None:
    for seed in range(20):
        end_s = 1.0 + seed * 0.7
        found = finding(start(custody(), seed), honest(seed, cut=lambda now, end=end_s: now < end))
        assert found is not Finding.WITHHELD
        assert found is Finding.AVAILABLE or end_s > 12.0


def test_removing_the_hedge_changes_the_outcome() -> None:
    """Five of sixteen are silent, and there is no time to wait for them one after the other."""
    shape = custody(16, 5, columns_per_member=48)
    quick = {"doubt_s": 4.5, "question_s": 6.0, "suspect_s": 4.6, "deadline_s": 5.0}
    hedged = Patience(**quick)
    unhedged = Patience(hedge_s=None, **quick)
    found = {
        patience: [
            finding(start(shape, seed, patience=patience), honest(seed, silent=frozenset(range(5))))
            for seed in range(20)
        ]
        for patience in (hedged, unhedged)
    }
    assert set(found[hedged]) == {Finding.AVAILABLE}
    assert Finding.INCONCLUSIVE in found[unhedged]


def test_silent_members_beyond_the_faults_are_not_accused() -> None:
    """They cannot be told from a path that is broken."""
    for silent in (frozenset({0, 1}), frozenset({0, 1, 2, 3})):
        assert finding(start(custody(), 2), honest(silent=silent)) is Finding.INCONCLUSIVE


def test_without_a_certificate_nobody_promised_anything() -> None:
    session = start(custody(), 1, rule=Rule.STRICT)
    world = honest(serves=lambda member, item, now: False)
    assert finding(session, world) is Finding.INCONCLUSIVE
    assert not [ask for ask in world.asked if ask.item is None]


def test_members_that_did_not_sign_may_hold_nothing() -> None:
    shape = custody(7, 1, columns_per_member=40, unsigned={2, 3})
    world = honest(serves=lambda member, item, now: member not in (2, 3))
    assert finding(start(shape, 4), world) is Finding.AVAILABLE


@pytest.mark.parametrize("trusts_clock", [True, False])
def test_pruned_is_held_against_members_only_where_our_clock_agrees_with_theirs(
    trusts_clock: bool,
) -> None:
    session = start(custody(), 1, trusts_clock=trusts_clock)
    world = honest(serves=lambda member, item, now: False, refusal=Outcome.PRUNED)
    expected = Finding.WITHHELD if trusts_clock else Finding.INCONCLUSIVE
    assert finding(session, world) is expected


def test_a_member_that_flips_between_serving_and_not_is_asked_until_it_serves() -> None:
    for seed in range(20):
        session = start(custody(), seed)
        world = honest(seed, serves=lambda member, item, now: int(now / 0.7) % 2 == 1)
        assert finding(session, world) is Finding.AVAILABLE


def test_a_node_that_rebuilt_the_column_stands_in_for_its_custodians() -> None:
    session = start(custody(), 1)
    world = honest(serves=lambda member, item, now: member not in (0, 1))
    asks = session.begin_due(0.0)
    for ask in asks:
        outcome, _ = world.answer(ask, 0.0)
        session.ended(ask, outcome, now_s=0.1)
    session.learn(4, range(128), now_s=0.2)
    assert finding(session, world) is Finding.AVAILABLE
    assert 4 in session.held.values()


def test_one_point_withheld_in_every_column_is_never_called_available_where_it_was_drawn() -> None:
    """64 of 65 points serve to give the blob back, so both findings are true: it is available, and
    the committee does not keep its promise. What is not found is not made up."""
    lost = {64 * column + column % 64 for column in range(128)}
    counts = dict.fromkeys(Finding, 0)
    for seed in range(60):
        session = start(custody(), seed)
        found = finding(session, honest(seed, serves=lambda member, item, now: item not in lost))
        counts[found] += 1
        drawn = lost & set(session.plan.first.items)
        assert (found is Finding.AVAILABLE) or drawn
        assert not lost & session.held.keys()
    assert counts[Finding.AVAILABLE] > 30


def test_too_few_points_are_never_called_available_beyond_the_figure() -> None:
    """4097 points fail for everyone; of 300 sessions at 10^-6 none may say available. The chance
    that one does so by bad luck is 0.03 %."""
    chance = random.Random(11)
    for seed in range(300):
        lost = set(chance.sample(range(8192), 4097))
        plan = plan_of(custody(), seed)
        assert plan.reached(set(range(8192)) - lost) is None


def test_a_larger_rung_than_allowed_is_not_tried_for() -> None:
    plan = plan_of(custody(), 1)
    session = Session(
        plan,
        Patience(),
        promised=frozenset(range(4)),
        now_s=0.0,
        draw=random.Random(1).random,
        most_items=len(plan.first.items),
    )
    world = honest(silent=frozenset({0}))
    assert finding(session, world) is Finding.INCONCLUSIVE
    assert {ask.item for ask in world.asked if ask.round is None} <= set(plan.first.items)


def test_whoever_serves_only_who_asked_is_caught_once_many_ask() -> None:
    """Servers that withhold and yet satisfy whoever asks, point by point, run out: with 4096 points
    handed out the blob is there. So they can fool the samplers that ask for the first 4095
    different points, 283 of 20 points each on average, and no more.

    Of any k samplers all are fooled as seldom as k drawn out of those are: 100,000 draws for each k
    differ from that by less than 6.2 standard deviations, but for once in 10^9."""
    handed: set[int] = set()

    def serves(member: int, item: int, now: float) -> bool:
        if item not in handed and len(handed) >= 4095:
            return False
        handed.add(item)
        return True

    found = []
    for seed in range(330):
        chance = random.Random(seed)
        session = start(custody(), seed)
        found.append(finding(session, World(chance=chance, serves=serves)) is Finding.AVAILABLE)
    fooled = sum(found)
    assert 270 <= fooled <= 296
    chance = random.Random(1)
    for k in (1, 3, 10):
        computed = math.comb(fooled, k) / math.comb(330, k)
        seen = sum(all(chance.sample(found, k)) for _ in range(100_000)) / 100_000
        assert abs(seen - computed) <= 6.2 * math.sqrt(computed * (1 - computed) / 100_000)
