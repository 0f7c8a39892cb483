"""Columns that are lacking here, from other nodes: as they are where somebody serves them, else
rebuilt from any 64.

    lacking ─▶ served by others? ──yes─▶ done
                  └──no─▶ 64 at hand? ─▶ recover ─▶ climbs ─▶ done
                                            │         └─ refuted ─▶ void, for ever
                                            └─ cannot be shown to climb ─▶ once more, with all
                                                                           that can be had

Who the others are is not known here: a `Source` asks them. Nothing here is part of answering a
request, so that no node's answer waits for another node's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from da_node.coding import (
    COLUMNS,
    DATA_COLUMNS,
    EncodedBlob,
    Header,
    VerifiedColumn,
    column_bytes,
)
from da_node.errors import VoidColumn
from da_node.node.bounds import REBUILDS_AT_ONCE
from da_node.node.workers import Workers

Recover = Callable[[Header, Sequence[VerifiedColumn]], EncodedBlob]
"""Any 64 verified columns to the blob; heavy, runs in a thread."""


class Source(Protocol):
    """Other nodes."""

    async def fetch(
        self, header: Header, indices: Collection[int], *, enough: int
    ) -> list[VerifiedColumn]:
        """`enough` of these columns, or as many as can be had; each once, and verified.

        Bounded in time. A node's failure is the source's to tell of, and raises nothing.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What became of columns that were lacking."""

    columns: list[VerifiedColumn]
    """Those that were had."""
    void: frozenset[int]
    """Those that were never committed to: nobody can ever have them."""
    unproven: frozenset[int]
    """Those of which neither could be shown, with all columns that could be had."""
    at_hand: int
    """Columns that were at hand in the end; below 64 nothing was rebuilt."""
    served: int
    """How many of `columns` came as they are."""
    received_bytes: int
    """What was fetched for it."""

    @property
    def is_short(self) -> bool:
        """Whether what was not had could not be rebuilt either, for want of columns."""
        return self.at_hand < DATA_COLUMNS


class Rebuilding:
    """Brings columns. Used from one event loop."""

    def __init__(self, *, recover: Recover, workers: Workers) -> None:
        self._recover = recover
        self._workers = workers
        self._slots = asyncio.Semaphore(REBUILDS_AT_ONCE)

    async def columns(
        self,
        header: Header,
        sound: Sequence[VerifiedColumn],
        lacking: Collection[int],
        source: Source,
    ) -> Rebuilt:
        """The lacking columns, as far as they can be had; `sound` are those that are here."""
        async with self._slots:
            known = {column.index: column for column in sound}
            here = len(known)
            await _fetch(source, header, known, lacking, enough=len(lacking))
            served = {index: known[index] for index in lacking if index in known}
            left = frozenset(lacking) - served.keys()
            others = set(range(COLUMNS)) - left
            if left:
                await _fetch(source, header, known, others, enough=DATA_COLUMNS - len(known))
            found = _Found({}, frozenset(), left)
            if left and len(known) >= DATA_COLUMNS:
                found = await self._rebuild(header, known, left)
            if found.unproven and await _fetch(source, header, known, others, enough=COLUMNS):
                found = await self._rebuild(header, known, left)
            return Rebuilt(
                columns=[*served.values(), *found.proven.values()],
                void=found.void,
                unproven=found.unproven,
                at_hand=len(known),
                served=len(served),
                received_bytes=(len(known) - here) * column_bytes(header.row_count),
            )

    async def _rebuild(
        self, header: Header, known: dict[int, VerifiedColumn], left: frozenset[int]
    ) -> _Found:
        # All of them: each adds its path to the tree, which shows where others climb.
        blob = await self._workers.upkeep.run(self._recover, header, list(known.values()))
        return sort_out(blob, left)


class _Found(NamedTuple):
    """Rebuilt columns, by what could be shown of them."""

    proven: dict[int, VerifiedColumn]
    void: frozenset[int]
    unproven: frozenset[int]


def sort_out(blob: EncodedBlob, indices: Collection[int]) -> _Found:
    """Those of a recovered blob's columns that climb to the root, those of which it is known that
    they were never committed to, and those of which neither can be shown.

    Without the path of any neighbour one void column hides all beside it (CODING.md §7).
    """
    proven = {}
    for index in indices:
        try:
            proven[index] = blob.column(index)
        except VoidColumn:
            continue
    void = blob.refuted_columns.intersection(indices)
    return _Found(proven, void, frozenset(indices) - proven.keys() - void)


async def _fetch(
    source: Source,
    header: Header,
    known: dict[int, VerifiedColumn],
    indices: Collection[int],
    *,
    enough: int,
) -> int:
    """Make some of these known that are not yet; how many."""
    wanted = [index for index in sorted(indices) if index not in known]
    enough = min(enough, len(wanted))
    if enough <= 0:
        return 0
    before = len(known)
    known |= {column.index: column for column in await source.fetch(header, wanted, enough=enough)}
    return len(known) - before
