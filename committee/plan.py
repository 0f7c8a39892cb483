"""What a committee of a given shape tolerates and costs, threshold by threshold. Pure.

Everything is counted for the worst choice of members, by the exact count of columns.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

from committee.arcs import Arc, arcs, fewest_columns, shortest_arc
from committee.errors import NoSuchCommittee, OutOfRange
from committee.parameters import COLUMNS_NEEDED, MAX_MEMBERS
from da_node.coding import COLUMNS, DATA_POINTS, POINTS_PER_COLUMN

SAMPLING_ERROR: Final = 1e-6
"""Chance of a wrong *available* that a sampler accepts here, not divided among its list."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What a sampler meets while some members are silent (CODING.md §8, under a certificate)."""

    silent: int
    """Members that answer nothing, 0 … faults."""
    columns: int
    """|J|: columns that the others keep, all members holding what they should."""
    points: int | None
    """Questions that reach `SAMPLING_ERROR`; None where the others cannot give the blob back."""
    columns_of_signers: int
    """|J| where just the threshold signed and nobody else holds anything."""
    points_of_signers: int | None
    """Questions in that case."""


@dataclass(frozen=True, kw_only=True)
class ThresholdPlan:
    """One threshold for a committee."""

    members: int
    faults: int
    threshold: int
    columns_per_member: int
    fewest: tuple[int, ...]
    """For h = 0 … n: the fewest different columns that any h members hold; exact."""

    @property
    def shortest(self) -> int:
        """The shortest arc that PROTOCOL.md's formula allows."""
        return shortest_arc(self.members, self.threshold - self.faults)

    @property
    def is_sound(self) -> bool:
        """Whether a keyset of this shape loads: by the formula, and by the exact count."""
        honest = self.fewest[self.threshold - self.faults]
        return self.columns_per_member >= self.shortest and honest >= COLUMNS_NEEDED

    @property
    def arcs(self) -> tuple[Arc, ...]:
        """Which columns each member keeps."""
        return arcs(self.members, self.columns_per_member)

    @property
    def storage(self) -> float:
        """Bytes that all members store, as a multiple of the payload."""
        return self.members * self.columns_per_member / COLUMNS_NEEDED

    @property
    def enough(self) -> int | None:
        """How many members always hold 64 columns together; None if not even all do."""
        return next((h for h, held in enumerate(self.fewest) if held >= COLUMNS_NEEDED), None)

    @property
    def safety(self) -> int:
        """Signers that may lie, in collusion, and a certificate still means that the others can
        give the blob back; −1 if not even honest ones can.
        """
        return self._spared(self.threshold)

    @property
    def liveness(self) -> int:
        """Members that may be silent while blobs still get certificates."""
        return self.members - self.threshold

    @property
    def recovery(self) -> int:
        """Members that may be lost once all have stored the blob; −1 if none is enough."""
        return self._spared(self.members)

    def sampling(self) -> tuple[Sampling, ...]:
        """What a sampler meets with 0 … faults silent members; it lists no larger sets."""
        return tuple(self._sampling(silent) for silent in range(self.faults + 1))

    @property
    def verdict(self) -> int:
        """Silent members up to which a sampler reaches a verdict without reading every point, all
        others holding what they should; −1 if it never does.
        """
        return max((s.silent for s in self.sampling() if s.columns > COLUMNS_NEEDED), default=-1)

    @property
    def verdict_of_signers(self) -> int:
        """The same where just the threshold signed and nobody else holds anything."""
        held = (s.silent for s in self.sampling() if s.columns_of_signers > COLUMNS_NEEDED)
        return max(held, default=-1)

    def _spared(self, holders: int) -> int:
        return -1 if self.enough is None else max(-1, holders - self.enough)

    def _sampling(self, silent: int) -> Sampling:
        columns = self.fewest[self.members - silent]
        of_signers = self.fewest[self.threshold - silent]
        return Sampling(
            silent=silent,
            columns=columns,
            points=points_to_ask(columns),
            columns_of_signers=of_signers,
            points_of_signers=points_to_ask(of_signers),
        )


def plan(
    members: int, faults: int, columns_per_member: int | None = None
) -> tuple[ThresholdPlan, ...]:
    """Every threshold there is for so many members and faults, the lowest first.

    Arcs are `columns_per_member` long, or the shortest that each threshold allows. Raises
    OutOfRange, NoSuchCommittee.
    """
    _require("members", members, 1, MAX_MEMBERS)
    if not 0 <= 2 * faults < members:
        raise NoSuchCommittee(members=members, faults=faults, bound=(members - 1) // 2)
    if columns_per_member is not None:
        _require("columns_per_member", columns_per_member, 1, COLUMNS)
    plans = []
    for threshold in range(faults + 1, members - faults + 1):
        length = columns_per_member or shortest_arc(members, threshold - faults)
        plans.append(
            ThresholdPlan(
                members=members,
                faults=faults,
                threshold=threshold,
                columns_per_member=length,
                fewest=_fewest(members, length),
            )
        )
    return tuple(plans)


@functools.lru_cache(maxsize=COLUMNS)
def points_to_ask(columns: int) -> int | None:
    """Points, drawn without replacement from so many columns and all held, after which the blob
    can be given back except with probability `SAMPLING_ERROR`; None below 64 columns.

    CODING.md §8: it cannot only if 64·|J| − 4095 of the 64·|J| points fail.
    """
    if columns < COLUMNS_NEEDED:
        return None
    total = POINTS_PER_COLUMN * columns
    failing = total - DATA_POINTS + 1
    chance, asked = 1.0, 0
    while chance > SAMPLING_ERROR:
        chance *= (total - failing - asked) / (total - asked)
        asked += 1
    return asked


@functools.lru_cache(maxsize=COLUMNS)
def _fewest(members: int, columns_per_member: int) -> tuple[int, ...]:
    """Cached: neighbouring thresholds often have arcs of one length."""
    return fewest_columns(members, columns_per_member, members)


def _require(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise OutOfRange(name=name, value=value, lowest=lowest, highest=highest)
