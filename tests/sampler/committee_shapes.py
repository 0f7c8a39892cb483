"""Custody of committees to test with."""

from __future__ import annotations

from collections.abc import Iterable

from committee.arcs import arcs, shortest_arc
from sampler.custody import Custody


def custody(
    members: int = 4,
    faults: int = 1,
    columns_per_member: int | None = None,
    unsigned: Iterable[int] = (),
) -> Custody:
    """With arcs that are the shortest for a threshold of members − faults unless given."""
    length = columns_per_member or shortest_arc(members, members - 2 * faults)
    return Custody(
        columns_of=tuple(map(frozenset, arcs(members, length))),
        faults=faults,
        unsigned=frozenset(unsigned),
    )
