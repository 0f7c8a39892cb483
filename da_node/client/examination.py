"""Doubting one blob: every column a node says it holds, and a few random points, fetched and
verified one by one, so that what does not hold can be named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Final

from da_node.client.client import Client
from da_node.client.wire import batches
from da_node.coding import (
    COLUMNS,
    DATA_COLUMNS,
    POINTS,
    Header,
    VerifiedColumn,
    VerifiedPoint,
    column_bytes,
)
from da_node.errors import FalseAnswer, HoldfastError

BATCH_BYTES: Final = 4 << 20
"""Most bytes of columns in one request."""

Fetch = Callable[[Sequence[int]], Awaitable[Sequence[VerifiedColumn | VerifiedPoint]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one node was found to hold."""

    node: str
    """Its URL."""
    columns: frozenset[int]
    """Columns that it served and that hold."""
    points: frozenset[int]
    """Points, of those asked for, that it served and that hold."""
    asked_points: frozenset[int]
    """Points that were asked for."""
    false: tuple[str, ...]
    """What it served that does not hold, each with the reason."""
    failure: str | None
    """What kept it from answering; None if it answered everything."""

    @property
    def sound(self) -> bool:
        """Whether it answered, and whatever it served holds."""
        return not self.false and self.failure is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What all nodes were found to hold."""

    header: Header
    findings: tuple[Finding, ...]

    @property
    def columns(self) -> frozenset[int]:
        """Columns that some node serves and that hold."""
        return frozenset().union(*(finding.columns for finding in self.findings))

    @property
    def recoverable(self) -> bool:
        """Whether the columns that hold give the payload."""
        return len(self.columns) >= DATA_COLUMNS

    @property
    def sound(self) -> bool:
        """Whether the payload can be had, and no node failed or served anything false."""
        return self.recoverable and all(finding.sound for finding in self.findings)


async def examine(
    client: Client,
    header: Header,
    *,
    point_count: int,
    progress: Callable[[int], None] = lambda count: None,
) -> Examination:
    """Ask every node of the client for every column, and for as many points drawn at random.

    Points are drawn anew for each node, after the header is fixed. `progress` is called with the
    bytes of columns answered for.
    """
    findings = [
        await _examine(client, node, header, point_count, progress) for node in client.nodes
    ]
    return Examination(header=header, findings=tuple(findings))


async def _examine(
    client: Client,
    node: str,
    header: Header,
    point_count: int,
    progress: Callable[[int], None],
) -> Finding:
    columns: set[int] = set()
    points: set[int] = set()
    false: list[str] = []
    failure = None
    drawn = sorted(SystemRandom().sample(range(POINTS), point_count))
    try:
        size = column_bytes(header.row_count)
        for batch in batches(range(COLUMNS), each=size, most=BATCH_BYTES):
            columns |= await _held(
                batch, lambda asked: client.columns(header, asked, node=node), false
            )
            progress(len(batch) * size)
        if drawn:
            points |= await _held(
                drawn, lambda asked: client.points(header, asked, node=node), false
            )
    except HoldfastError as error:
        failure = str(error)
    return Finding(
        node=node,
        columns=frozenset(columns),
        points=frozenset(points),
        asked_points=frozenset(drawn),
        false=tuple(false),
        failure=failure,
    )


async def _held(indices: Sequence[int], fetch: Fetch, false: list[str]) -> set[int]:
    """Those of the items that the node serves and that hold; each that does not is added to
    `false`. Where a batch is false its halves are asked for, down to single items.
    """
    try:
        return {item.index for item in await fetch(indices)}
    except FalseAnswer as error:
        if len(indices) == 1:
            false.append(f"{error.what} {indices[0]}: {error.reason}")
            return set()
    middle = len(indices) // 2
    first = await _held(indices[:middle], fetch, false)
    return first | await _held(indices[middle:], fetch, false)
