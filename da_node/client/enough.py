"""Which columns and points give what is read (CODING.md §7). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from da_node.coding import DATA_COLUMNS, DATA_POINTS, POINTS_PER_COLUMN


def is_enough(held: Collection[int], wanted: Collection[int]) -> bool:
    """Whether the columns give what is read: all that hold it, or any 64."""
    return len(held) >= DATA_COLUMNS or all(column in held for column in wanted)


def enough_points(held: Iterable[int], *, certified: bool) -> bool:
    """Whether points with these indices determine the blob.

    Under a valid certificate any 4096 do; without one only what each column has beyond half
    counts, and 2048 of that are needed.
    """
    per_column = Counter(index // POINTS_PER_COLUMN for index in held)
    if certified:
        return per_column.total() >= DATA_POINTS
    half = POINTS_PER_COLUMN // 2
    return sum(max(0, count - half) for count in per_column.values()) >= DATA_POINTS // 2
