"""What a session asks and what that costs, by size of the blob, rule, error and silent members.
Pure; docs/SAMPLING.md has its tables from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Final

from da_node.coding import row_count_of
from sampler.confidence import STRICT_ERROR, WANTED_ERROR, Rule, Unit, item_bytes
from sampler.custody import Custody
from sampler.order import SECRET_BYTES
from sampler.plan import Rung, plan

SIZES: Final = {"100 KB": 100_000, "1 MiB": 2**20, "16 MiB": 2**24, "124 MiB": 124 * 2**20}
"""Payloads of the tables: the last is close to the largest that there can be."""
_ANY_SECRET: Final = bytes(SECRET_BYTES)
"""How many items are asked does not depend on which."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What reaches *available* with some members silent."""

    silent: int
    columns: int
    """|J|: columns that the others keep."""
    samples: int
    sample_bytes: int
    """Answers' bodies."""
    share: float
    """Of the payload."""
    unit: Unit


@dataclass(frozen=True, kw_only=True)
class Costs:
    """One size, rule and error."""

    payload_bytes: int
    rule: Rule
    wanted: Fraction
    by_silent: tuple[Cost | None, ...]
    """For 0, 1 … faults silent members; None where the others keep too little."""


def costs(
    custody: Custody,
    sizes: Iterable[int] = tuple(SIZES.values()),
    errors: Iterable[Fraction] = (WANTED_ERROR, STRICT_ERROR),
) -> Iterator[Costs]:
    """For each size in bytes, rule and error; silent are the neighbours that hurt most."""
    worst = [_worst(custody, silent) for silent in range(custody.faults + 1)]
    for size, rule, wanted in product(sizes, (Rule.CERTIFIED, Rule.STRICT), errors):
        rows = row_count_of(size)
        asked = plan(custody, rows, _ANY_SECRET, rule=rule, wanted=wanted)
        yield Costs(
            payload_bytes=size,
            rule=rule,
            wanted=wanted,
            by_silent=tuple(
                None if rung is None else _cost(rung, silent, asked.unit, rows, size)
                for silent, rung in enumerate(map(asked.without, worst))
            ),
        )


def _worst(custody: Custody, silent: int) -> frozenset[int]:
    around = [member for _ in range(2) for member in range(custody.size)]
    runs = (frozenset(around[first : first + silent]) for first in range(custody.size))
    return min(runs, key=lambda run: len(custody.left(run)))


def _cost(rung: Rung, silent: int, unit: Unit, rows: int, payload_bytes: int) -> Cost:
    sample_bytes = len(rung.items) * item_bytes(unit, rows)
    return Cost(
        silent=silent,
        columns=len(rung.columns),
        samples=len(rung.items),
        sample_bytes=sample_bytes,
        share=sample_bytes / payload_bytes,
        unit=unit,
    )
