"""The simulation: as exact as single sessions, and its figures are drawn."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from committee_shapes import custody

from da_node.cli.main import holdfast
from sampler.confidence import Rule, Unit, chance, samples_for
from sampler.custody import Custody
from sampler.network import (
    fooled_bound_log10,
    mean_given_out,
    most_fooled,
    satisfied_log10,
)
from sampler.plan import plan
from sampler.simulation.adversaries import ADVERSARIES
from sampler.simulation.askers import fooled, samplers_to_restore
from sampler.simulation.measured import Measured, simulate
from sampler.simulation.sessions import Contest

HUNDREDTH = Fraction(1, 100)


def asking(*shape, unit=Unit.POINTS, rule=Rule.CERTIFIED, wanted=HUNDREDTH, **more):
    return plan(custody(*shape, **more), 64, bytes(32), rule=rule, wanted=wanted, unit=unit)


@pytest.mark.parametrize("adversary", ADVERSARIES)
@pytest.mark.parametrize(
    ("shape", "unit", "unsigned"),
    [
        ((4, 1), Unit.POINTS, ()),
        ((4, 1, 40), Unit.COLUMNS, (2,)),
        ((7, 2, 34), Unit.POINTS, (0, 3)),
    ],
)
def test_simulated_sessions_end_as_often_available_as_planned_ones(
    adversary, shape, unit, unsigned
):
    """300 real sessions beside 40,000 simulated; the shares differ by less than 6.2 standard
    deviations, which honest ones exceed once in 10^9.
    """
    asked = asking(*shape, unit=unit, unsigned=unsigned)
    rng = np.random.default_rng(7)
    withheld = ADVERSARIES[adversary](asked, rng)
    held = frozenset(np.flatnonzero(~withheld).tolist())
    seen = 0
    for _ in range(300):
        one = plan(
            asked.custody,
            64,
            rng.bytes(32),
            rule=asked.rule,
            wanted=HUNDREDTH,
            unit=unit,
        )
        seen += one.reached(held) is not None
    simulated = 4_000 if adversary == "one point per column" else 40_000
    tally = Contest(asked, withheld).run(simulated, rng)
    share = (tally.available + seen) / (tally.sessions + 300)
    spread = math.sqrt(share * (1 - share) * (1 / 300 + 1 / simulated))
    assert abs(seen / 300 - tally.available / simulated) <= 6.2 * spread


def test_simulated_sessions_draw_without_replacement():
    """Of 128 columns 5 are asked and 65 withheld: with repetitions counted the share would be off
    by 10 standard deviations. 6.2 are exceeded once in 10^9.
    """
    asked = asking(1, 0, unit=Unit.COLUMNS, wanted=Fraction(1, 20))
    rng = np.random.default_rng(9)
    contest = Contest(asked, ADVERSARIES["uniform"](asked, rng))
    exact = float(chance(128, 65, len(asked.first.items)))
    assert contest.promised == exact
    tally = contest.run(600_000, rng)
    spread = math.sqrt(exact * (1 - exact) / tally.sessions)
    assert abs(tally.wrong / tally.sessions - exact) <= 6.2 * spread


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("shape", [(1, 0), (4, 1), (7, 2), (16, 5)])
def test_no_adversary_makes_more_sessions_wrong_than_promised(shape, unit, rule):
    """A false alarm in 10^9 each (`Measured.is_kept`); wanted is one in a hundred."""
    asked = asking(*shape, unit=unit, rule=rule)
    for measured in simulate(asked, 120_000, 500, np.random.default_rng(3)):
        assert measured.is_kept, measured
        if measured.adversary == "uniform":
            assert measured.wrong  # it is no empty promise
        if measured.adversary != "selective by asker":
            assert measured.promised <= float(asked.error)


def test_a_promise_that_is_broken_is_noticed():
    one = Measured(adversary="x", sessions=10**6, available=60, wrong=60, promised=1e-5)
    assert not one.is_kept
    assert one.surprise < 1e-9
    none = Measured(adversary="x", sessions=10**6, available=1, wrong=1, promised=0.0)
    assert not none.is_kept
    usual = Measured(adversary="x", sessions=10**6, available=20, wrong=20, promised=1e-5)
    assert usual.is_kept
    assert usual.surprise == pytest.approx(0.003454, rel=1e-3)  # 1 − Poisson(10) up to 19


def test_a_point_in_every_column_is_no_loss():
    asked = asking(4, 1)
    rng = np.random.default_rng(1)
    contest = Contest(asked, ADVERSARIES["one point per column"](asked, rng))
    tally = contest.run(2000, rng)
    assert contest.promised == tally.wrong == 0 < tally.available < tally.sessions


@pytest.mark.parametrize("shape", [(16, 5, 9), (40, 10, 12)])
def test_a_committee_with_too_many_sets_is_not_simulated(shape):
    """Too many different ones, and too many to find out."""
    asked = asking(*shape, wanted=Fraction(1, 10**6))
    with pytest.raises(ValueError, match="sets of silent members"):
        Contest(asked, np.zeros(8192, np.bool_))


@pytest.mark.parametrize(
    ("nodes", "log10"),
    [(100, 38.36), (200, -20.04), (300, -101.55), (400, -198.24), (500, -306.34)],
)
def test_the_bound_on_many_samplers_is_that_of_eip_7594(nodes, log10):
    """Its own table: 10,000 nodes, 8 of 128 columns each, one satisfied with a chance of 2^-8."""
    bound = fooled_bound_log10(10_000, nodes, 128, 64, 8 * math.log10(0.5))
    assert bound == pytest.approx(log10, abs=0.006)


def test_a_colluding_committee_satisfies_a_few_hundred_samplers_and_no_more():
    """The scheme's own figure. First come, and whatever choice it makes among a thousand."""
    for rule, enough, points, figure in (
        (Rule.CERTIFIED, 4096, 20, 284),
        (Rule.STRICT, 6144, 48, 236),
    ):
        asked = len(asking(1, 0, rule=rule, wanted=Fraction(1, 10**6)).first.items)
        assert asked == points
        first_come = fooled(50, 1000, 8192, enough, asked, np.random.default_rng(2))
        bound = most_fooled(1000, 8192, enough, asked, -9.0)
        # One blob has a standard deviation of 2, the mean of 50 one of 0.3.
        assert abs(first_come.mean() - figure) < 2
        assert 200 < first_come.min() <= first_come.max() < bound < 500
        assert mean_given_out(figure, 8192, asked) == pytest.approx(enough, rel=0.01)


@pytest.mark.parametrize(("askers", "asked"), [(1, 4), (3, 2), (5, 3)])
def test_the_bound_on_small_networks_holds_for_the_best_choice(askers, asked):
    """The slow twin: 8 items of which 4 are enough; every choice of 3 to give out, 300 networks."""
    rng = np.random.default_rng(11)
    best = []
    for _ in range(300):
        questions = [set(rng.permutation(8)[:asked].tolist()) for _ in range(askers)]
        best.append(
            max(sum(q <= set(given) for q in questions) for given in combinations(range(8), 3))
        )
    satisfied = satisfied_log10(8, 4, asked)
    for count in range(1, askers + 1):
        measured = sum(one >= count for one in best) / 300
        bound = 10 ** fooled_bound_log10(askers, count, 8, 4, satisfied)
        spread = math.sqrt(min(bound, 1) / 300)
        assert measured <= bound + 6.2 * spread


def test_enough_samplers_hold_the_blob_together():
    asked = samples_for(8192, 4097, Fraction(1, 10**6))
    taken = samplers_to_restore(100, 400, 8192, 4096, asked, np.random.default_rng(4))
    middle = math.log(2) * 8192 / asked  # where half of all points are known
    assert 0.95 * middle < taken.min() <= taken.max() < 1.05 * middle
    never = samplers_to_restore(10, 100, 8192, 4096, asked, np.random.default_rng(4))
    assert (never == 101).all()


def test_more_questions_than_are_given_out_satisfy_nobody():
    assert satisfied_log10(8, 4, 4) == -math.inf
    assert most_fooled(10, 8, 4, 4, -9.0) == 0


def run(*arguments):
    return CliRunner().invoke(holdfast, ["sampler", "simulate", *map(str, arguments)])


def test_the_command_counts_and_draws(tmp_path):
    shown = run("--sessions", 100_000, "--error", "1e-2", "--plots", tmp_path, "--format", "svg")
    assert shown.exit_code == 0, shown.output
    assert "selective by asker" in shown.output
    files = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(files) == {"detection.svg", "bytes.svg", "verdicts.svg", "restoring.svg"}
    assert all(10_000 < size < 150_000 for size in files.values()), files


def test_the_command_tells_a_program():
    shown = run("--sessions", 10_000, "--error", "0.05", "--unit", "columns", "--json")
    assert shown.exit_code == 0, shown.output
    document = json.loads(shown.stdout)
    assert [row["adversary"] for row in document["adversaries"]] == [
        *ADVERSARIES,
        "selective by asker",
    ]
    assert all(row["kept"] for row in document["adversaries"])


def test_a_broken_promise_is_an_exit_code(monkeypatch):
    broken = Measured(adversary="x", sessions=10, available=10, wrong=10, promised=1e-9)
    monkeypatch.setattr("sampler.cli.simulate.simulate", lambda *_: iter([broken]))
    shown = run("--sessions", 1000)
    assert shown.exit_code == 1
    assert "NO (by chance" in shown.output


def test_what_is_too_large_is_refused_in_one_line():
    refused = run("--members", 100, "--faults", 30, "--sessions", 1000)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: too large to simulate")


def test_one_node_is_simulated_as_well():
    asked = plan(Custody.of_one_node(), 64, bytes(32), rule=Rule.STRICT, wanted=HUNDREDTH)
    rows = list(simulate(asked, 2000, 100, np.random.default_rng(1)))
    assert [row.adversary for row in rows][-1] == "selective by asker"
