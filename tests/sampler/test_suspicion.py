"""When failures prove a promise broken: the weights beside all choices, and honest committees."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sampler.suspicion import (
    FALSE_ALARM,
    Attempt,
    Link,
    Outcome,
    controls_for,
    suspicion,
    weight_of_round,
)

FOUR = frozenset(range(4))
LOST = (Outcome.TIMEOUT, Outcome.UNREACHABLE)


def attempts(member, *, rounds, questions, controls, outcome, control_outcome=Outcome.HELD):
    """As many rounds, each of them the same."""
    return [
        Attempt(member=member, round=r, outcome=result, is_control=is_control)
        for r in range(rounds)
        for count, result, is_control in (
            (questions, outcome, False),
            (controls, control_outcome, True),
        )
        for _ in range(count)
    ]


def withholding(member, rounds=4, questions=5, controls=16):
    return attempts(
        member, rounds=rounds, questions=questions, controls=controls, outcome=Outcome.TIMEOUT
    )


def denying(member, outcome=Outcome.UNKNOWN, rounds=2, controls=0):
    return attempts(member, rounds=rounds, questions=1, controls=controls, outcome=outcome)


@pytest.mark.parametrize("questions", range(5))
@pytest.mark.parametrize("controls", range(6))
def test_the_mean_weight_over_all_choices_of_what_is_lost_is_one(questions, controls):
    everything = range(questions + controls)
    for lost in range(questions + controls + 1):
        choices = list(combinations(everything, lost))
        weights = [
            weight_of_round(questions, controls, sum(i < questions for i in choice), lost)
            for choice in choices
        ]
        assert sum(weights) == len(weights)


def test_without_controls_or_with_all_of_them_lost_nothing_follows():
    for questions in range(1, 30):
        assert weight_of_round(questions, 0, questions, questions) == 1
        assert weight_of_round(questions, 16, questions, questions + 16) == 1
        assert weight_of_round(questions, 16, 0, 0) == 1


@pytest.mark.parametrize(("questions", "rounds"), [(1, 8), (5, 3), (16, 1)])
def test_rounds_that_withholding_takes_to_be_proven(questions, rounds):
    controls = controls_for(questions)
    weight = weight_of_round(questions, controls, questions, questions)
    assert weight ** (rounds - 1) < 1 / FALSE_ALARM <= weight**rounds


def test_removing_the_control_changes_the_outcome():
    with_controls = [a for member in (0, 1) for a in withholding(member)]
    assert suspicion(FOUR, 1, with_controls).is_proof
    without = [a for a in with_controls if not a.is_control]
    assert suspicion(FOUR, 1, without).false_alarm == 1


def test_our_own_connection_cut_proves_nothing():
    cut = [
        attempt
        for member in FOUR
        for attempt in attempts(
            member,
            rounds=9,
            questions=20,
            controls=60,
            outcome=Outcome.UNREACHABLE,
            control_outcome=Outcome.TIMEOUT,
        )
    ]
    found = suspicion(FOUR, 1, cut)
    assert found.false_alarm == 1
    assert not found.silent  # nobody answered meanwhile


@pytest.mark.parametrize("faults", [0, 1, 2])
def test_as_many_as_may_fail_prove_nothing_and_one_more_does(faults):
    for evidence in (withholding, denying):
        failing = [a for member in range(faults) for a in evidence(member)]
        assert suspicion(FOUR, faults, failing).false_alarm == 1
        more = suspicion(FOUR, faults, [*failing, *evidence(3)])
        assert more.is_proof
    assert suspicion(FOUR, faults, [a for m in range(faults + 1) for a in denying(m)]).denying == (
        frozenset(range(faults + 1))
    )


def test_an_excused_member_weighs_what_speaks_for_it_and_nothing_against_it():
    against = [a for member in (0, 1) for a in withholding(member, rounds=3)]
    for_it = attempts(
        2,
        rounds=1,
        questions=5,
        controls=16,
        outcome=Outcome.HELD,
        control_outcome=Outcome.TIMEOUT,
    )
    whole = suspicion(FOUR, 1, [*against, *for_it])
    assert 0 < whole.weights[2] < 1
    # Left out, it would raise the product, which then has no mean of 1 any more.
    assert suspicion(FOUR, 1, against).false_alarm < whole.false_alarm
    assert suspicion(FOUR, 1, [*against, *for_it], excused=frozenset({2})) == whole
    excused = suspicion(FOUR, 1, against, excused=frozenset({1}))
    assert (excused.weights[1], excused.false_alarm) == (1, 1)
    lies = [a for member in (0, 1) for a in denying(member)]
    assert suspicion(FOUR, 1, lies).is_proof
    assert not suspicion(FOUR, 1, lies, excused=frozenset({0})).is_proof


def test_who_did_not_sign_promised_nothing():
    failing = [a for member in range(4) for a in denying(member)]
    assert suspicion(frozenset(), 0, failing).false_alarm == 1
    assert suspicion(frozenset({2}), 1, failing).false_alarm == 1
    assert suspicion(frozenset({2, 3}), 1, failing).is_proof


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PRUNED, Outcome.BAD_PROOF])
def test_a_denial_counts_once_it_is_repeated(outcome):
    assert suspicion(FOUR, 0, denying(0, outcome)).denying == {0}
    assert not suspicion(FOUR, 0, denying(0, outcome, rounds=1)).denying
    twice_at_once = denying(0, outcome, rounds=1) * 2
    assert not suspicion(FOUR, 0, twice_at_once).denying


def test_a_refusal_counts_only_of_a_member_that_answers_a_control():
    assert not suspicion(FOUR, 0, denying(0, Outcome.REFUSED)).denying
    assert suspicion(FOUR, 0, denying(0, Outcome.REFUSED, controls=1)).denying == {0}
    refusing_us = attempts(
        0,
        rounds=5,
        questions=5,
        controls=16,
        outcome=Outcome.REFUSED,
        control_outcome=Outcome.REFUSED,
    )
    assert suspicion(FOUR, 0, refusing_us).false_alarm == 1


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_an_answer_or_a_loss(outcome):
    assert outcome.is_lost == (outcome in LOST)
    assert outcome.is_denial == (outcome not in (*LOST, Outcome.HELD))


def test_lost_controls_speak_for_a_member():
    fair = attempts(0, rounds=3, questions=10, controls=16, outcome=Outcome.HELD)
    lossy = [*fair, Attempt(member=0, round=0, outcome=Outcome.TIMEOUT, is_control=True)]
    assert suspicion(FOUR, 0, fair).weights == {0: 1}
    assert suspicion(FOUR, 0, lossy).weights[0] < 1
    assert suspicion(FOUR, 0, lossy).false_alarm == 1


@pytest.mark.parametrize("denied", [o for o in Outcome if o.is_denial])
def test_a_control_that_is_denied_shows_no_open_way(denied):
    """A link that passes nothing but short answers, say, passes a refusal and no points."""
    against = [a for member in (0, 1) for a in withholding(member)]
    assert suspicion(FOUR, 1, against).is_proof
    short = [
        Attempt(member=a.member, round=a.round, outcome=denied, is_control=True)
        if a.is_control
        else a
        for a in against
    ]
    found = suspicion(FOUR, 1, short)
    assert (found.weights, found.false_alarm) == ({0: 1, 1: 1}, 1)
    # One denied among those served weighs as one lost.
    one, lost = (
        [*withholding(0), Attempt(member=0, round=0, outcome=outcome, is_control=True)]
        for outcome in (denied, Outcome.TIMEOUT)
    )
    assert suspicion(FOUR, 0, one).weights == suspicion(FOUR, 0, lost).weights


def test_a_question_that_is_denied_is_not_lost_but_answered():
    found = suspicion(
        FOUR, 0, attempts(0, rounds=1, questions=5, controls=16, outcome=Outcome.UNKNOWN)
    )
    assert found.weights == {0: 1}


def honest_rounds(rng, losing):
    """One member that serves all; `losing` says, place by place, what our connection loses. What
    was lost is asked again, with controls, in a random order, up to 8 times.
    """
    seen, opened, controls = [], 6, 0
    for round_ in range(8):
        labels = [False] * opened + [True] * controls
        rng.shuffle(labels)
        lost = [label for label in labels if losing()]
        for is_control in (False, True):
            gone, all_of_them = lost.count(is_control), labels.count(is_control)
            for place in range(all_of_them):
                outcome = Outcome.TIMEOUT if place < gone else Outcome.HELD
                seen.append(Attempt(member=0, round=round_, outcome=outcome, is_control=is_control))
        opened = lost.count(False)
        if not opened:
            break
        controls = controls_for(opened)
    return seen


@pytest.mark.parametrize("burst", [1, 5, 40])
@pytest.mark.parametrize("loss", [0.1, 0.5, 0.9])
def test_honest_members_over_lossy_links_are_not_suspected(loss, burst):
    """Losses come in bursts of any length; the weight exceeds 1/a in at most a of sessions.

    2000 sessions, seeds fixed. With a = 1/50 the expected count is at most 40; over 90 come
    with a chance below 2·10^-12 (binomial tail), were the bound met exactly.
    """
    rng = random.Random(f"{loss} {burst}")
    state = [0, False]

    def losing():
        if state[0] == 0:
            state[:] = rng.randint(1, 2 * burst - 1), rng.random() < loss
        state[0] -= 1
        return state[1]

    alarms = 0
    for _ in range(2000):
        found = suspicion(frozenset({0}), 0, honest_rounds(rng, losing))
        assert not found.is_proof
        alarms += found.false_alarm <= Fraction(1, 50)
    assert alarms <= 90


def false_alarm_by_trying(deniers, weights, silent, faults, outage):
    """The slow twin: every set of at most `faults` signers that the promise lets fail."""
    everybody = [*(("denies", i) for i in range(deniers)), *(("weighs", w) for w in weights)]
    everybody += [("silent", i) for i in range(silent)]
    worst = Fraction(0)
    for size in range(min(faults, len(everybody)) + 1):
        for excused in combinations(range(len(everybody)), size):
            left = [one for place, one in enumerate(everybody) if place not in excused]
            by_weight = min(
                Fraction(1), 1 / math.prod((w for kind, w in left if kind == "weighs"), start=1)
            )
            if any(kind == "denies" for kind, _ in left):
                by_weight = Fraction(0)
            if outage is None:
                worst = max(worst, by_weight)
                continue
            count = sum(kind == "silent" for kind, _ in left)
            by_outage = min(Fraction(1), math.comb(len(everybody), count) * outage**count)
            worst = max(worst, min(Fraction(1), 2 * min(by_weight, by_outage)))
    return worst


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2),
    st.lists(st.integers(0, 6), max_size=4),
    st.integers(0, 4),
    st.integers(0, 3),
    st.sampled_from([None, Fraction(1, 1000), Fraction(1, 10)]),
)
def test_whoever_the_promise_lets_fail_the_false_alarm_is_the_worst(
    deniers, lost, silent, faults, outage
):
    seen = [a for member in range(deniers) for a in denying(member, rounds=5)]
    members = iter(range(deniers, 100))
    weights = []
    for count in lost:
        who = next(members)
        seen += withholding(who, rounds=1, questions=count, controls=6)
        seen += [Attempt(member=who, round=0, outcome=Outcome.TIMEOUT, is_control=True)]
        weights.append(weight_of_round(count, 7, count, count + 1))
    for _ in range(silent):
        seen += attempts(
            next(members),
            rounds=5,
            questions=3,
            controls=3,
            outcome=Outcome.TIMEOUT,
            control_outcome=Outcome.UNREACHABLE,
        )
    seen += attempts(99, rounds=5, questions=3, controls=3, outcome=Outcome.HELD)
    signers = frozenset(range(deniers + len(lost) + silent))
    found = suspicion(signers, faults, seen, Link(path_outage=outage))
    assert len(found.silent) == silent
    assert found.false_alarm == false_alarm_by_trying(deniers, weights, silent, faults, outage)


def test_silence_alone_proves_something_only_if_paths_are_assumed_to_break_one_by_one():
    signers = frozenset(range(16))
    silent = [
        attempt
        for member in range(12)
        for attempt in attempts(
            member,
            rounds=4,
            questions=2,
            controls=16,
            outcome=Outcome.TIMEOUT,
            control_outcome=Outcome.TIMEOUT,
        )
    ]
    others = attempts(15, rounds=4, questions=2, controls=16, outcome=Outcome.HELD)
    assert suspicion(signers, 5, [*silent, *others]).false_alarm == 1
    assumed = Link(path_outage=Fraction(1, 100))
    assert suspicion(signers, 5, [*silent, *others], assumed).is_proof
    assert suspicion(signers, 5, silent, assumed).false_alarm == 1  # nobody else answers
    refusing = attempts(15, rounds=4, questions=2, controls=16, outcome=Outcome.REFUSED)
    refusing = [a for a in refusing if not a.is_control]
    # That little comes back from another shows no open way either.
    assert not suspicion(signers, 5, [*silent, *refusing], assumed).silent
    briefly = [a for a in [*silent, *others] if a.round < 2]
    assert suspicion(signers, 5, briefly, assumed).false_alarm == 1


@pytest.mark.parametrize(("questions", "controls"), [(1, 16), (6, 18), (21, 63), (100, 64)])
def test_controls_are_bounded(questions, controls):
    assert controls_for(questions) == controls
