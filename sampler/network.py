"""What one sampler cannot promise and many can, against servers that choose by asker. Pure.

Servers that can link questions may answer some askers and nobody else. Then one sampler's figure
says nothing, but the number of samplers does: all that were satisfied hold the points that did it,
and what many hold together rebuilds the blob.
"""

from __future__ import annotations

import math
from typing import Final

_LOG10_ERROR: Final = 1e-9
"""Added to each logarithm below, which float arithmetic gives to twelve digits or better."""


def satisfied_log10(items: int, enough: int, asked: int) -> float:
    """log10 of the chance that one asker's questions all lie in the most that can be given out
    without giving the blob back, `enough` − 1 of the items; −∞ if they are more than that.
    """
    inside, all_of_them = math.comb(enough - 1, asked), math.comb(items, asked)
    if not inside:
        return -math.inf
    return math.log10(inside) - math.log10(all_of_them) + _LOG10_ERROR


def fooled_bound_log10(
    samplers: int, fooled: int, items: int, enough: int, satisfied: float
) -> float:
    """log10 of a bound on the chance that any `fooled` of the samplers are satisfied by an
    adversary that sees all questions before it chooses whom to answer, though it gives out fewer
    than `enough` of the items. Above 0 it says nothing. `satisfied` is log10 of one's chance.

    The union bound of EIP-7594's security considerations: ways to choose the askers, times ways to
    choose what to give out, times the chance that all these questions lie in it.
    https://eips.ethereum.org/EIPS/eip-7594#security-considerations
    """
    ways = math.log10(math.comb(samplers, fooled)) + math.log10(math.comb(items, enough - 1))
    return ways + (fooled * satisfied if fooled else 0.0) + _LOG10_ERROR


def most_fooled(samplers: int, items: int, enough: int, asked: int, log10: float) -> int:
    """How many of the samplers can be fooled, except with a chance of 10^`log10` (below 0).

    The bound is above 0 for none, and concave in their number: it falls below the chance once.
    """
    satisfied = satisfied_log10(items, enough, asked)
    most, more = 0, samplers + 1
    while most + 1 < more:
        middle = (most + more) // 2
        if fooled_bound_log10(samplers, middle, items, enough, satisfied) > log10:
            most = middle
        else:
            more = middle
    return most


def mean_given_out(samplers: int, items: int, asked: int) -> float:
    """Different items that so many samplers ask for together, on average."""
    return items * -math.expm1(samplers * math.log1p(-asked / items))
