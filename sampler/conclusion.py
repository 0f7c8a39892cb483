"""What a session found: available, withheld, or neither. Pure."""

from __future__ import annotations

import enum
from collections.abc import Container
from dataclasses import dataclass
from fractions import Fraction

from sampler.plan import Plan, Rung
from sampler.suspicion import FALSE_ALARM, Suspicion


class Finding(enum.IntEnum):
    """What a session found."""

    INCONCLUSIVE = 0
    """Neither, by the deadline."""
    AVAILABLE = 1
    """The blob can be given back from the columns of members that answer."""
    WITHHELD = 2
    """More signers than may fail do not serve what they signed for."""


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A finding and its figure."""

    finding: Finding
    error: Fraction
    """Chance at most that it says what is not so; 1 for *inconclusive*, which says nothing."""
    rung: Rung | None
    """The rung that was reached, for *available* alone."""


def conclude(plan: Plan, held: Container[int], suspicion: Suspicion | None) -> Conclusion:
    """What follows from the items held, whoever served them, and from what speaks against signers
    (None where no certificate promises anything).

    A blob that can be given back is available, whatever some members do. May be asked at any time;
    *inconclusive* is final only at the deadline.
    """
    rung = plan.reached(held)
    if rung is not None:
        return Conclusion(finding=Finding.AVAILABLE, error=plan.error, rung=rung)
    if suspicion is not None and suspicion.is_proof:
        return Conclusion(finding=Finding.WITHHELD, error=FALSE_ALARM, rung=None)
    return Conclusion(finding=Finding.INCONCLUSIVE, error=Fraction(1), rung=None)
