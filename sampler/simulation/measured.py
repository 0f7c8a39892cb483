"""What a simulation measured, beside what is promised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sampler.network import most_fooled
from sampler.plan import Plan
from sampler.simulation.adversaries import ADVERSARIES
from sampler.simulation.askers import fooled
from sampler.simulation.sessions import Contest

FALSE_ALARM: Final = 1e-9
"""A promise that is kept is called broken once in so many simulations of one adversary."""
_SELECTIVE_SHARE: Final = 32
"""One of so many sessions is against servers that choose by asker: each takes as long as twenty."""
_WHOLE_SHARE: Final = 512
"""The same for adversaries that are not found out at once, whose sessions are drawn whole."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Sessions against one adversary."""

    adversary: str
    sessions: int
    available: int
    """Sessions that ended *available*."""
    wrong: int
    """Of these, on blobs that cannot be given back from the columns that it is about."""
    promised: float
    """Chance of a wrong one at most; for servers that choose by asker a share of askers."""

    @property
    def surprise(self) -> float:
        """Chance of at least so many wrong ones if each had the promised chance (Poisson)."""
        return _tail(self.wrong, self.promised * self.sessions)

    @property
    def is_kept(self) -> bool:
        """Whether what was measured can be reconciled with the promise."""
        return self.surprise > FALSE_ALARM


def simulate(
    plan: Plan, sessions: int, samplers: int, rng: np.random.Generator
) -> Iterator[Measured]:
    """About so many sessions in all: a share against each adversary, then `samplers` samplers of
    each of many blobs against servers that choose by asker.
    """
    selective = max(samplers, sessions // _SELECTIVE_SHARE)
    whole = max(1, sessions // _WHOLE_SHARE)
    rest = max(1, (sessions - selective - whole) // (len(ADVERSARIES) - 1))
    for name, adversary in ADVERSARIES.items():
        contest = Contest(plan, adversary(plan, rng))
        tally = contest.run(whole if name == "one point per column" else rest, rng)
        yield Measured(
            adversary=name,
            sessions=tally.sessions,
            available=tally.available,
            wrong=tally.wrong,
            promised=contest.promised,
        )
    yield _selective(plan, selective // samplers, samplers, rng)


def _selective(plan: Plan, blobs: int, samplers: int, rng: np.random.Generator) -> Measured:
    code = plan.custody.code
    items = code.items(plan.unit, code.columns)
    enough = items - code.failing(plan.unit, plan.rule, code.columns) + 1
    asked = len(plan.first.items)
    satisfied = int(fooled(blobs, samplers, items, enough, asked, rng).sum())
    return Measured(
        adversary="selective by asker",
        sessions=blobs * samplers,
        available=satisfied,
        wrong=satisfied,
        promised=min(1.0, most_fooled(samplers, items, enough, asked, -9.0) / samplers),
    )


def _tail(count: int, mean: float) -> float:
    """P(at least `count`) of a Poisson distribution: from the last term on, which falls by a
    factor at each step once past the mean.
    """
    if count <= mean:
        return 1.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean else 0.0
    total = 0.0
    while term > total * 1e-15:
        total += term
        count += 1
        term *= mean / count
    return total
