"""How the wanted error is divided among the sets of members that may be silent. Pure.

The list of those sets: members expected to be silent (nobody, unless earlier sessions saw some);
every set of at most `faults` members; and the same together with all members that did not sign. It
is never written out. Sets that leave the same columns count once, so all that is needed is how many
different ones there are, level by level (`Custody.causes`): level k has the sets of k members, and
those of k − 1 signers with all that did not sign. The sets of one level have the same error.

The expected set comes first and gets most. Items are whole, so what it needs leaves a remainder of
the wanted error: with 20 points it needs 0.93 of a millionth. The remainder goes to the levels,
as 1/1 : 1/2 : 1/3 …, and inside a level equally. The first set takes an item more than it needs
where that makes sessions cheaper on average, `SILENT_SESSIONS` of them going on to the next level.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sampler.confidence import Rule, Unit, chance, samples_for
from sampler.custody import Custody

SILENT_SESSIONS: Final = Fraction(1, 8)
"""Share of sessions in which others are silent than expected. A wrong guess costs bytes only."""
_ITEMS_MORE: Final = 8
"""So many items more are tried for the first set: it would leave over 99 % of the error."""


@dataclass(frozen=True, kw_only=True)
class Division:
    """What error each listed set is given. Made by `divide`."""

    custody: Custody
    expected: frozenset[int]
    """The first set, as its cause: those by whose silence a column is lost."""
    first_error: Fraction
    level_errors: tuple[Fraction | None, ...]
    """Of each set of level 0 … faults + 1; None for a level without sets. Never rises."""
    error: Fraction
    """The sum over all listed sets: at most the wanted error."""

    def error_of(self, silent: frozenset[int]) -> Fraction | None:
        """What the set `silent`, a cause, is given; None where it is not listed."""
        if silent == self.expected:
            return self.first_error
        levels = []
        if len(silent) <= self.custody.faults:
            levels.append(len(silent))
        unsigned = self.custody.unsigned
        signers = len(silent - unsigned)
        if signers <= self.custody.faults and self.custody.cause(silent | unsigned) == silent:
            levels.append(signers + 1)
        errors = [error for level in levels if (error := self.level_errors[level]) is not None]
        return max(errors, default=None)


@functools.lru_cache(maxsize=1024)
def divide(
    custody: Custody, unit: Unit, rule: Rule, wanted: Fraction, expected: frozenset[int]
) -> Division | None:
    """The division of `wanted` (above 0, below 1); None where the first set leaves too few
    columns. Cached: a network has few certificates' sets of signers, thousands of blobs.
    """
    first = custody.cause(expected)
    items, failing = _sizes(custody, unit, rule, len(custody.left(first)))
    least = samples_for(items, failing, wanted)
    if least is None:
        return None
    counts = _level_counts(custody, first)
    if not any(counts):
        none: tuple[None, ...] = (None,) * len(counts)
        error = chance(items, failing, least)
        return Division(
            custody=custody, expected=first, first_error=error, level_errors=none, error=error
        )
    next_columns = _next_columns(custody, counts)
    best: tuple[Fraction, Fraction, tuple[Fraction | None, ...]] | None = None
    for asked in range(least, min(least + _ITEMS_MORE, items) + 1):
        first_error = chance(items, failing, asked)
        if first_error >= wanted:
            continue
        levels = _level_errors(counts, wanted - first_error)
        next_error = next(error for error in levels if error is not None)
        then = samples_for(*_sizes(custody, unit, rule, next_columns), next_error) or asked
        cost = (1 - SILENT_SESSIONS) * asked + SILENT_SESSIONS * then
        if best is None or cost < best[0]:
            best = cost, first_error, levels
    if best is None:
        raise AssertionError("one item more always leaves a remainder")
    _, first_error, levels = best
    spent = sum((n * e for n, e in zip(counts, levels, strict=True) if e is not None), Fraction())
    return Division(
        custody=custody,
        expected=first,
        first_error=first_error,
        level_errors=levels,
        error=first_error + spent,
    )


def _sizes(custody: Custody, unit: Unit, rule: Rule, columns: int) -> tuple[int, int]:
    """Items of so many columns, and how many of them fail at least where the blob is lost."""
    return custody.code.items(unit, columns), custody.code.failing(unit, rule, columns)


def _level_counts(custody: Custody, first: frozenset[int]) -> tuple[int, ...]:
    """At least as many as each level has sets; those that leave all columns count as one."""
    nobody: frozenset[int] = frozenset()
    counts = [0] * (custody.faults + 2)
    counts[0] = 1 if first else 0
    for more in range(1, custody.faults + 1):
        counts[more] += custody.causes(nobody, more)
    if custody.unsigned:
        counts[1] += 1 if custody.cause(custody.unsigned) else 0
        for more in range(1, custody.faults + 1):
            counts[more + 1] += custody.causes(custody.unsigned, more)
    return tuple(counts)


def _level_errors(counts: tuple[int, ...], remainder: Fraction) -> tuple[Fraction | None, ...]:
    """Harmonic shares; a level never has more per set than the one before, so that a larger set of
    silent members never needs fewer items.
    """
    ranks = [sum(map(bool, counts[: level + 1])) for level in range(len(counts))]
    shares = sum(Fraction(1, rank) for rank, count in zip(ranks, counts, strict=True) if count)
    errors: list[Fraction | None] = []
    least = remainder
    for rank, count in zip(ranks, counts, strict=True):
        if count:
            least = min(least, remainder / (rank * shares * count))
        errors.append(least if count else None)
    return tuple(errors)


def _next_columns(custody: Custody, counts: tuple[int, ...]) -> int:
    """Columns left at worst by a set of the first level that there is."""
    level = next(level for level, count in enumerate(counts) if count)
    left = [custody.fewest_left(frozenset(), level)]
    if custody.unsigned and level:
        left.append(custody.fewest_left(custody.unsigned, level - 1))
    return min(left)
