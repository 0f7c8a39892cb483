"""Who is believed to hold which columns, and whom to ask for what next. Pure: it decides, the
reader does.

Beliefs come from what nodes say and are corrected by what they deliver. A node that could not be
reached rests until the policy lets it be asked again; one that served something false is not
asked again at all. Every node's last failure is kept, so that an error can name it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from da_node.client.retry import Failure, RetryPolicy
from da_node.coding import DATA_COLUMNS, DATA_POINTS, POINTS_PER_COLUMN


@dataclass(slots=True, kw_only=True)
class _Source:
    """What is known about one node."""

    columns: set[int] = field(default_factory=set)
    """Columns it is believed to hold."""
    refuted: set[int] = field(default_factory=set)
    """Columns it has said it does not hold when asked for them."""
    failed: int = 0
    """Failures in a row."""
    since: float = 0.0
    """When the first of them began."""
    rests_until: float = 0.0
    """Not to be asked before then."""
    lost: bool = False
    """Not to be asked any more."""


class Survey:
    """The state of reading one blob from several nodes."""

    def __init__(self, nodes: Sequence[str], policy: RetryPolicy) -> None:
        """`nodes` are URLs, in order of preference."""
        self._sources: Final = {node: _Source() for node in nodes}
        self._policy = policy
        self.failures: dict[str, str] = {}
        """What last went wrong, by node."""

    @property
    def nodes(self) -> list[str]:
        """Nodes that have not been given up."""
        return [node for node, source in self._sources.items() if not source.lost]

    def next_node(self, now: float) -> str | None:
        """The most preferred node that may be asked now."""
        return next(iter(self._now(now)), None)

    def learn(self, node: str, columns: Iterable[int]) -> None:
        """The node says that it holds these; what it failed to deliver before stays refuted."""
        source = self._sources[node]
        source.columns = set(columns) - source.refuted

    def delivered(self, node: str, *, missing: Iterable[int]) -> None:
        """The node answered, without the columns that are missing."""
        source = self._sources[node]
        source.failed = 0
        source.refuted.update(missing)
        source.columns -= source.refuted

    def failed(self, node: str, failure: Failure, *, began: float, now: float, draw: float) -> None:
        """The node could not answer a request that began then."""
        source = self._sources[node]
        if source.failed == 0:
            source.since = began
        source.failed += 1
        self.failures[node] = str(failure.error)
        delay = self._policy.delay_s(
            failure, made=source.failed, elapsed_s=now - source.since, draw=draw
        )
        if delay is None:
            source.lost = True
        else:
            source.rests_until = max(source.rests_until, now + delay)

    def give_up(self, node: str, reason: str) -> None:
        """The node is not asked again: what it served was false, or it failed for good."""
        self._sources[node].lost = True
        self.failures[node] = reason

    def askable(self, now: float) -> set[int]:
        """Columns that some node is believed to hold that may be asked now."""
        return {column for source in self._now(now).values() for column in source.columns}

    def wakes_at(self, now: float) -> float | None:
        """When the first node that rests now may be asked again; None if none rests."""
        resting = [
            source.rests_until
            for source in self._sources.values()
            if not source.lost and source.rests_until > now
        ]
        return min(resting, default=None)

    def rests_until(self, node: str) -> float:
        """When the node may be asked again; past if it may be now."""
        return self._sources[node].rests_until

    def assign(self, columns: Sequence[int], now: float) -> dict[str, list[int]]:
        """Whom to ask for what: every askable column once, spread evenly over its holders."""
        sources = self._now(now)
        asked: dict[str, list[int]] = {node: [] for node in sources}
        # Columns with few holders first, so that the others can go where there is room.
        holders = {
            column: [node for node, source in sources.items() if column in source.columns]
            for column in columns
        }
        for column in sorted(columns, key=lambda column: len(holders[column])):
            if holders[column]:
                node = min(holders[column], key=lambda node: len(asked[node]))
                asked[node].append(column)
        return {node: sorted(batch) for node, batch in asked.items() if batch}

    def _now(self, now: float) -> dict[str, _Source]:
        return {
            node: source
            for node, source in self._sources.items()
            if not source.lost and source.rests_until <= now
        }


def next_columns(held: Collection[int], askable: set[int], wanted: Sequence[int]) -> list[int]:
    """The columns to ask for next; empty if what is askable cannot do by itself.

    `wanted` are the data columns that hold what is read. They are enough; where one of them
    cannot be had, any 64 columns are, data columns before parity.
    """
    lacking = [column for column in wanted if column not in held]
    if askable.issuperset(lacking):
        return lacking
    candidates = sorted(askable.difference(held))
    needed = DATA_COLUMNS - len(held)
    return candidates[:needed] if len(candidates) >= needed else []


def is_enough(held: Collection[int], wanted: Sequence[int]) -> bool:
    """Whether the columns give what is read: all that hold it, or any 64."""
    return len(held) >= DATA_COLUMNS or all(column in held for column in wanted)


def enough_points(held: Iterable[int], *, certified: bool) -> bool:
    """Whether points with these indices determine the blob (CODING.md §7).

    Under a valid certificate any 4096 do; without one only what each column has beyond half
    counts, and 2048 of that are needed.
    """
    per_column = Counter(index // POINTS_PER_COLUMN for index in held)
    if certified:
        return per_column.total() >= DATA_POINTS
    half = POINTS_PER_COLUMN // 2
    return sum(max(0, count - half) for count in per_column.values()) >= DATA_POINTS // 2


def batches(columns: Sequence[int], *, each: int, most: int) -> list[list[int]]:
    """Columns cut into requests: `each` is what one column counts, `most` what a request may."""
    size = max(1, most // each)
    return [list(columns[start : start + size]) for start in range(0, len(columns), size)]
