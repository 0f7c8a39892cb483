"""What an adversary keeps back, for everyone alike. Pure.

By the symmetry of the sampler's order only the pattern matters that the columns' keepers draw, not
which points it is: each adversary withholds as few items as its attack takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from sampler.plan import Plan

Withheld: TypeAlias = npt.NDArray[np.bool_]
"""One entry for each item of the plan's unit: whether it fails for everyone."""


def uniformly(plan: Plan, rng: np.random.Generator) -> Withheld:
    """Items of all columns, just so many that the blob cannot be given back from them."""
    every_column = frozenset(range(plan.custody.code.columns))
    return _some_of(plan, rng, every_column, _failing(plan, len(every_column)))


def one_in_every_column(plan: Plan, rng: np.random.Generator) -> Withheld:
    """One point of every column; all columns, where columns are asked for. From points the blob
    can be given back, so whoever says *available* is right.
    """
    code = plan.custody.code
    per_column = code.items(plan.unit, 1)
    items = np.arange(code.columns) * per_column + rng.integers(per_column, size=code.columns)
    return _marked(plan, items)


def whole_arcs(plan: Plan, rng: np.random.Generator) -> Withheld:
    """All that the `faults` members keep whose silence hurts most, and of the rest just so many
    that the blob cannot be given back from it.
    """
    left = plan.custody.left(_hurting_most(plan))
    rest = _some_of(plan, rng, left, _failing(plan, len(left)))
    gone = np.array([column not in left for column in _columns(plan)])
    withheld: Withheld = rest | gone
    return withheld


def adaptively(plan: Plan, rng: np.random.Generator) -> Withheld:
    """So little of every column that all members together could give the blob back, but without
    any `faults` of them nobody can. Which these are the adversary chooses once it saw all
    questions: those whose silence fits them best.
    """
    code = plan.custody.code
    fewest = len(plan.custody.left(_hurting_most(plan)))
    per_column = -(-_failing(plan, fewest) // fewest)
    items = [
        column * code.items(plan.unit, 1) + place
        for column in range(code.columns)
        for place in rng.permutation(code.items(plan.unit, 1))[:per_column]
    ]
    return _marked(plan, np.array(items))


ADVERSARIES: Final[dict[str, Callable[[Plan, np.random.Generator], Withheld]]] = {
    "uniform": uniformly,
    "one point per column": one_in_every_column,
    "whole arcs": whole_arcs,
    "adaptive": adaptively,
}


def _failing(plan: Plan, columns: int) -> int:
    return plan.custody.code.failing(plan.unit, plan.rule, columns)


def _columns(plan: Plan) -> list[int]:
    code = plan.custody.code
    return [code.column_of(plan.unit, item) for item in range(code.items(plan.unit, code.columns))]


def _hurting_most(plan: Plan) -> frozenset[int]:
    custody = plan.custody
    around = [*range(custody.size)] * 2
    runs = (frozenset(around[start : start + custody.faults]) for start in range(custody.size))
    return min(runs, key=lambda run: len(custody.left(run)))


def _some_of(plan: Plan, rng: np.random.Generator, columns: frozenset[int], count: int) -> Withheld:
    inside = [item for item, column in enumerate(_columns(plan)) if column in columns]
    return _marked(plan, rng.permutation(inside)[:count])


def _marked(plan: Plan, items: npt.NDArray[np.int64]) -> Withheld:
    code = plan.custody.code
    withheld = np.zeros(code.items(plan.unit, code.columns), np.bool_)
    withheld[items] = True
    return withheld
