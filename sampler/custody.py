"""Who keeps which columns of one blob, which are left when members are silent, and how many
different things that can be. Pure.

A column is lost when all its keepers are silent. Keepers of a column are neighbours on the circle
of members, since arcs are, so the sets of columns that silent members can take along are few: they
are counted here without naming them. With 16 members of 24 columns each column has 3 keepers, and
all 6885 sets of at most 5 members leave 49 different sets of columns.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from committee.arcs import Arc
from committee.keyset import Keyset
from da_node.coding import COLUMNS
from sampler.confidence import CODE, Code


@dataclass(frozen=True, kw_only=True)
class Custody:
    """Who keeps what. ValueError where a column has no keeper, or its keepers are not neighbours
    on the circle of members.
    """

    columns_of: tuple[frozenset[int], ...]
    """The columns that each member keeps."""
    faults: int
    """Members that may be silent, and signers that may lie, 0 … members."""
    unsigned: frozenset[int] = frozenset()
    """Members that did not sign, and may hold nothing. Empty where there is no certificate."""
    code: Code = CODE

    def __post_init__(self) -> None:
        if not 0 <= self.faults <= self.size:
            raise ValueError(f"{self.faults} faults among {self.size} members")
        if not self.unsigned <= frozenset(range(self.size)):
            raise ValueError("somebody who is no member did not sign")
        for column, keepers in enumerate(self.keepers):
            gaps = sum((member + 1) % self.size not in keepers for member in keepers)
            if not keepers or gaps > 1:
                raise ValueError(f"column {column} is kept by {sorted(keepers)}")

    @classmethod
    def of_keyset(cls, keyset: Keyset, signers: Iterable[int] | None = None) -> Custody:
        """Of a blob of that keyset; `signers` are those of a valid certificate, None without one,
        when nobody is known to have signed and everybody is asked.
        """
        everyone = frozenset(range(keyset.size))
        unsigned = frozenset() if signers is None else everyone - frozenset(signers)
        return _custody(keyset.arcs, keyset.faults, unsigned)

    @classmethod
    def of_one_node(cls) -> Custody:
        """Of a blob on a node without a committee."""
        return cls(columns_of=(frozenset(range(COLUMNS)),), faults=0)

    @property
    def size(self) -> int:
        """How many members."""
        return len(self.columns_of)

    @property
    def signers(self) -> frozenset[int]:
        """Members that signed; everyone where there is no certificate."""
        return frozenset(range(self.size)) - self.unsigned

    @functools.cached_property
    def keepers(self) -> tuple[frozenset[int], ...]:
        """The members that keep each column."""
        return tuple(
            frozenset(i for i, columns in enumerate(self.columns_of) if column in columns)
            for column in range(self.code.columns)
        )

    def left(self, silent: frozenset[int]) -> frozenset[int]:
        """J: the columns kept by at least one member outside `silent`."""
        kept = (columns for i, columns in enumerate(self.columns_of) if i not in silent)
        return frozenset().union(*kept)

    def cause(self, silent: frozenset[int]) -> frozenset[int]:
        """Those of `silent` to whom it is due that a column is lost: the least set of members
        whose silence leaves the same columns.
        """
        return frozenset().union(*(keepers for keepers in self.keepers if keepers <= silent))

    def causes(self, base: frozenset[int], more: int) -> int:
        """At least as many as there are different sets of columns that remain when `base` and
        `more` others are silent, none of these others in vain (each keeps a column that is lost).

        Exact where all columns have as many keepers outside `base` (or none). With base = ∅ such a
        set of silent members is a union of columns' keepers, so its every run on the circle is at
        least as long as the shortest of those; the circular strings with such runs are counted.
        With another base the same holds on the circle of the others.
        """
        if more == 0:
            return 1
        others = self.size - len(base)
        outside = [len(keepers - base) for keepers in self.keepers]
        shortest = min((count for count in outside if count), default=0)
        if not shortest or more < shortest or more > others:
            return 0
        if more == others:
            return 1
        quiet = others - more
        return (
            sum(
                others
                * math.comb(quiet, runs)
                * math.comb(more - runs * (shortest - 1) - 1, runs - 1)
                for runs in range(1, more // shortest + 1)
            )
            // quiet
        )  # exact for each sum over runs: every string is counted once per quiet member

    def fewest_left(self, base: frozenset[int], more: int) -> int:
        """The fewest columns that remain when `base` and `more` neighbours among the others are
        silent: the worst case of a single run.
        """
        others = [i for i in range(self.size) if i not in base]
        around = others + others
        return min(
            len(self.left(base | frozenset(around[first : first + more])))
            for first in range(len(others))
        )


@functools.lru_cache(maxsize=1024)
def _custody(arcs: tuple[Arc, ...], faults: int, unsigned: frozenset[int]) -> Custody:
    """Cached: what is worked out once serves all blobs that the same members signed."""
    return Custody(
        columns_of=tuple(frozenset(arc) for arc in arcs), faults=faults, unsigned=unsigned
    )
