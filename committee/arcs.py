"""Who keeps which columns, and how many different ones any few members hold together.

The 128 columns lie on a circle. Member i of n keeps the arc of `columns_per_member` columns that
starts at column floor(128·i/n). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from committee.parameters import COLUMNS_NEEDED, MAX_MEMBERS
from da_node.coding import COLUMNS

_UNREACHABLE: Final = np.int16(2 * COLUMNS)
"""More columns than there are: no set of members holds them, and sums of two fit 16 bits."""


@dataclass(frozen=True, slots=True)
class Arc:
    """Neighbouring columns on the circle of 128."""

    start: int
    """The first column, 0 … 127."""
    length: int
    """How many columns, 1 … 128."""

    def __iter__(self) -> Iterator[int]:
        """The columns in the order in which they travel: from the first on, cyclically."""
        return (column % COLUMNS for column in range(self.start, self.start + self.length))

    def __contains__(self, column: int) -> bool:
        return 0 <= column < COLUMNS and (column - self.start) % COLUMNS < self.length

    def __len__(self) -> int:
        return self.length

    def __str__(self) -> str:
        """Such as "96–127, 0–3", in the order of `iter`."""
        end = self.start + self.length
        runs = [(self.start, min(end, COLUMNS) - 1)]
        if end > COLUMNS:
            runs.append((0, end - COLUMNS - 1))
        return ", ".join(f"{first}–{last}" if first < last else f"{first}" for first, last in runs)


def start_of(member: int, members: int) -> int:
    """The first column of a member's arc."""
    return COLUMNS * member // members


def arcs(members: int, columns_per_member: int) -> tuple[Arc, ...]:
    """The arc of every member. ValueError outside 1 … 128 members and columns."""
    _require_sizes(members, columns_per_member)
    return tuple(Arc(start_of(i, members), columns_per_member) for i in range(members))


def shortest_arc(members: int, honest: int) -> int:
    """Columns per member that suffice, by PROTOCOL.md's formula, for any `honest` members to hold
    64 different columns, and for all together to hold every column.

    1 ≤ honest ≤ members ≤ 128, else ValueError.
    """
    if not 1 <= honest <= members <= MAX_MEMBERS:
        raise ValueError(f"{honest} of {members} members")
    reaching_the_next = -(-COLUMNS // members) + (1 if COLUMNS % members else 0)
    reaching_enough = COLUMNS_NEEDED - COLUMNS * (honest - 1) // members
    return max(reaching_the_next, reaching_enough)


def fewest_columns(members: int, columns_per_member: int, up_to: int) -> tuple[int, ...]:
    """For h = 0 … `up_to`: the fewest different columns that any h members hold. Exact.

    An arc adds to the union what lies before the next chosen arc's start: min(its length, the
    distance to that start), as all arcs are of one length. So the least union of h arcs is the
    cheapest way once around the circle in h steps from a chosen member to the next, found by
    dynamic programming for each member that the way can begin with. Shifting by
    members/gcd(members, 128) members shifts the arcs by whole columns: ways that begin beyond that
    repeat those before. At worst (127 members) it takes a tenth of a second.
    """
    _require_sizes(members, columns_per_member)
    if not 0 <= up_to <= members:
        raise ValueError(f"{up_to} of {members} members")
    starts = [start_of(i, members) for i in range(members)]
    firsts = members // math.gcd(members, COLUMNS)
    return _fewest(starts, columns_per_member, up_to, firsts)


def fewest_columns_of(
    places: Collection[int], members: int, columns_per_member: int
) -> tuple[int, ...]:
    """For h = 0 … len(places): the fewest different columns that any h of these members hold.

    Exact, as `fewest_columns`. ValueError for a place outside 0 … members − 1, or named twice.
    """
    _require_sizes(members, columns_per_member)
    chosen = sorted(set(places))
    if len(chosen) < len(places) or not all(0 <= place < members for place in chosen):
        raise ValueError(f"{list(places)} of {members} members")
    starts = [start_of(place, members) for place in chosen]
    return _fewest(starts, columns_per_member, len(starts), len(starts))


def _fewest(starts: Sequence[int], length: int, up_to: int, firsts: int) -> tuple[int, ...]:
    """The way around the circle may begin with any of the first `firsts` arcs, which start at
    `starts`, in order.
    """
    count_of_all = len(starts)
    unrolled = np.array([*starts, *(start + COLUMNS for start in starts)], np.int16)
    step = np.minimum(unrolled[None, :] - unrolled[:, None], length).astype(np.int16)
    step[np.tril_indices(2 * count_of_all)] = _UNREACHABLE
    fewest = [_UNREACHABLE] * (up_to + 1)
    fewest[0] = np.int16(0)
    for first in range(firsts):
        steps = step[first : first + count_of_all + 1, first : first + count_of_all + 1]
        reached = steps[0]  # columns held, by the member that the next step starts from
        for count in range(1, up_to + 1):
            if count > 1:
                reached = np.minimum((reached[:, None] + steps).min(axis=0), _UNREACHABLE)
            fewest[count] = min(fewest[count], reached[count_of_all])
    return tuple(int(columns) for columns in fewest)


def _require_sizes(members: int, columns_per_member: int) -> None:
    if not (1 <= members <= MAX_MEMBERS and 1 <= columns_per_member <= COLUMNS):
        raise ValueError(f"{members} members with {columns_per_member} columns each")
