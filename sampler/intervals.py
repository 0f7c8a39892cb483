"""Which stretches of a feed have been read: intervals, not a watermark, so that what was missed
stays known however much has been read since. Pure.

An interval (after, upto] stands for the cursors after + 1 … upto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Cursors after + 1 … upto. ValueError unless 0 ≤ after ≤ upto."""

    after: int
    upto: int

    def __post_init__(self) -> None:
        if not 0 <= self.after <= self.upto:
            raise ValueError(f"an interval from {self.after} to {self.upto}")


@dataclass(frozen=True, slots=True)
class Intervals:
    """Disjoint intervals in ascending order, none of which touches the next."""

    parts: tuple[Interval, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[Interval]) -> Intervals:
        """The union of any intervals."""
        joined: list[Interval] = []
        for part in sorted(part for part in parts if part.after < part.upto):
            if joined and part.after <= joined[-1].upto:
                last = joined.pop()
                part = Interval(last.after, max(last.upto, part.upto))
            joined.append(part)
        return cls(tuple(joined))

    def adding(self, part: Interval) -> Intervals:
        """These and one more."""
        return Intervals.of((*self.parts, part))

    def at_most(self, count: int) -> Intervals:
        """The last and the longest, so many together, 1 or more: others count as missed again."""
        if len(self.parts) <= count:
            return self
        by_length = sorted(self.parts[:-1], key=lambda part: (part.upto - part.after, part.upto))
        return Intervals(tuple(sorted((*by_length[len(by_length) + 1 - count :], self.parts[-1]))))

    def gaps(self) -> Iterator[Interval]:
        """What is missing before the last cursor read, the latest stretch first."""
        before = 0
        missing = []
        for part in self.parts:
            if before < part.after:
                missing.append(Interval(before, part.after))
            before = part.upto
        return reversed(missing)

    @property
    def upto(self) -> int:
        """The last cursor read; 0 where nothing was."""
        return self.parts[-1].upto if self.parts else 0
