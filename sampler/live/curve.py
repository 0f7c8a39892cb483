"""How far a session has come: the error bound that the answers so far would justify. Pure.

A listed set X is given the chance that all of S_X is held though the blob cannot be given back
(`sampler.plan`). Had the plan stopped after the first k items of S_X, that chance would be the one
of k items, everything else as it is. So while the first k of them are held, in the order drawn, the
bound is the plan's whole error with X's part replaced. What is held further on counts only once the
gap before it is closed: which items are missing was not fixed beforehand. At the end of S_X the
bound is the plan's error, which is the figure of the verdict.

Figures to look at, so floats; the verdict's own is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sampler.plan import Plan, Rung
from sampler.session import Session
from sampler.suspicion import Outcome

MOST_STEPS: Final = 48
"""Steps of a curve that are shown; of more, every so many."""

Step = tuple[int, float]
"""Milliseconds since the first question, and the bound from then on."""


def held_at(session: Session) -> dict[int, float]:
    """When each item held came first, in seconds since the session began.

    What came after the record was full counts as having come with the last of it.
    """
    first: dict[int, float] = {}
    latest = 0.0
    for one in session.log:
        latest = max(latest, one.ended_s - session.began_s)
        if one.outcome is Outcome.HELD and one.item is not None:
            first.setdefault(one.item, one.ended_s - session.began_s)
    return {item: first.get(item, latest) for item in session.held}


def curve(plan: Plan, rungs: Iterable[Rung], held: Mapping[int, float]) -> list[Step]:
    """The lowest bound of any rung that is tried for, over time: from 1 at 0, always falling."""
    found: list[tuple[float, float]] = []
    for rung in rungs:
        found += _of_rung(plan, rung, held)
    steps: list[tuple[float, float]] = [(0.0, 1.0)]
    for at_s, bound in sorted(found):
        if bound < steps[-1][1]:
            if steps[-1][0] == at_s:
                steps.pop()
            steps.append((at_s, bound))
    return [(round(at_s * 1000), bound) for at_s, bound in _thinned(steps)]


def _of_rung(plan: Plan, rung: Rung, held: Mapping[int, float]) -> list[tuple[float, float]]:
    code = plan.custody.code
    items = code.items(plan.unit, len(rung.columns))
    failing = code.failing(plan.unit, plan.rule, len(rung.columns))
    others = float(plan.error - rung.error)
    missed, at_s = 1.0, 0.0
    found = []
    for drawn, item in enumerate(rung.items):
        if item not in held:
            break
        at_s = max(at_s, held[item])
        missed *= (items - failing - drawn) / (items - drawn)
        found.append((at_s, min(1.0, others + missed)))
    if found and len(found) == len(rung.items):
        found[-1] = (at_s, float(plan.error))
    return found


def _thinned(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(steps) <= MOST_STEPS:
        return steps
    stride = -(-(len(steps) - 1) // (MOST_STEPS - 1))
    return [*steps[:-1:stride], steps[-1]]
