"""Reading one blob from several nodes: fetch, verify, correct what is believed of each node, again.

`Survey` decides whom to ask for what; this asks. What a node delivers counts only once it has been
verified against the blob's header, which hashes to the id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from da_node.client.fetching import Fetcher
from da_node.client.survey import Survey, batches, enough_points, is_enough, next_columns
from da_node.client.together import together
from da_node.client.transport import Failed, Pace
from da_node.client.wire import MAX_POINTS, Progress
from da_node.coding import (
    COLUMNS,
    POINTS_PER_COLUMN,
    Header,
    VerifiedColumn,
    VerifiedPoint,
    column_bytes,
)
from da_node.errors import FalseAnswer
from da_node.service import logger

BATCH_BYTES: Final = 4 << 20
"""Most bytes of columns in one request."""
REQUESTS: Final = 8
"""Requests under way at once, so at most 8 · 4 MiB of columns wait to be verified."""

_log = logger(__name__)

T = TypeVar("T")

Custody = Mapping[str, Collection[int]]
"""Columns that each node keeps of one blob, by its URL."""


class Reader:
    """One read of one blob: `exactly`, or `columns` and then, where these are too few, `points`."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        pace: Pace,
        survey: Survey,
        header: Header,
        custody: Custody | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`fetcher` makes single attempts: when to try again is the survey's to say. `custody` is
        believed instead of what nodes say they keep.
        """
        self._fetcher = fetcher
        self._pace = pace
        self._survey = survey
        self.header: Final = header
        self._custody = custody
        self._progress = progress
        self._columns: dict[int, VerifiedColumn] = {}
        self._knows_statuses = False
        self._gate = asyncio.Semaphore(REQUESTS)

    @property
    def failures(self) -> dict[str, str]:
        """What last went wrong, by node."""
        return self._survey.failures

    async def columns(self, wanted: Sequence[int]) -> list[VerifiedColumn]:
        """The wanted data columns, or any 64, or as many as can be had: the caller looks."""
        await self._learn_arcs()
        while not is_enough(self._columns, wanted):
            now = self._pace.clock()
            askable = self._survey.askable(now)
            columns = next_columns(self._columns, askable, wanted)
            if not columns and await self._learn_more(now):
                continue
            # Too few to do by themselves still count, beside points.
            columns = columns or sorted(askable.difference(self._columns))
            if not columns:
                break
            await self._round(columns, needed=len(wanted))
        return list(self._columns.values())

    async def exactly(self, wanted: Sequence[int]) -> list[VerifiedColumn]:
        """Those of the wanted columns that can be had, in their order."""
        await self._learn_arcs()
        while lacking := [index for index in wanted if index not in self._columns]:
            now = self._pace.clock()
            columns = sorted(self._survey.askable(now).intersection(lacking))
            if columns:
                await self._round(columns, needed=len(wanted))
            elif not await self._learn_more(now):
                break
        return [self._columns[index] for index in wanted if index in self._columns]

    async def points(self, *, certified: bool) -> list[VerifiedPoint]:
        """Those of the columns at hand and of the others as many as recovery takes, or as there
        are.
        """
        held = await asyncio.to_thread(_points_of, list(self._columns.values()))
        lacking = [index for index in range(COLUMNS) if index not in self._columns]
        for columns in batches(lacking, each=POINTS_PER_COLUMN, most=MAX_POINTS):
            for node in self._survey.nodes:
                if enough_points(held, certified=certified):
                    return list(held.values())
                asked = [
                    point
                    for column in columns
                    for point in range(column * POINTS_PER_COLUMN, (column + 1) * POINTS_PER_COLUMN)
                    if point not in held
                ]
                found = await self._fetch_points(node, asked) if asked else []
                held |= {point.index: point for point in found}
        return list(held.values())

    async def _learn_arcs(self) -> None:
        """Ask every node what it keeps of every blob, where that is not known of this one."""
        if self._custody is not None:
            for node in self._survey.nodes:
                self._survey.learn(node, self._custody.get(node, ()))
            return
        await together(self._learn_arc(node) for node in self._survey.nodes)

    async def _learn_more(self, now: float) -> bool:
        """Wait for a node that rests, or else ask once what nodes hold beyond their arcs. False
        if neither is left to do.
        """
        wakes_at = self._survey.wakes_at(now)
        if wakes_at is not None:
            await self._pace.sleep(wakes_at - now)
        elif not self._knows_statuses:
            self._knows_statuses = True
            await together(self._learn_status(node) for node in self._survey.nodes)
        else:
            return False
        return True

    async def _learn_arc(self, node: str) -> None:
        # One that does not say what it keeps may keep everything: asking will tell.
        self._survey.learn(node, range(COLUMNS))
        info = await self._hear(node, self._fetcher.info(node))
        if info is not None:
            self._survey.learn(node, info.columns)

    async def _learn_status(self, node: str) -> None:
        status = await self._hear(node, self._fetcher.status(node, self.header.blob_id))
        if status is not None:
            self._survey.learn(node, status.columns)

    async def _round(self, columns: Sequence[int], *, needed: int) -> None:
        """Ask the nodes that hold them for these columns, each of one node."""
        assigned = self._survey.assign(columns, self._pace.clock())
        size = column_bytes(self.header.row_count)
        await together(
            self._fetch(node, batch, needed)
            for node, indices in assigned.items()
            for batch in batches(indices, each=size, most=BATCH_BYTES)
        )

    async def _fetch(self, node: str, indices: Sequence[int], needed: int) -> None:
        async with self._gate:
            if node not in self._survey.nodes:
                return  # given up while this waited
            found = await self._try(node, self._fetcher.columns(node, self.header, indices))
        if found is None:
            return
        self._columns |= {column.index: column for column in found}
        self._survey.delivered(node, missing=set(indices).difference(self._columns))
        if self._progress is not None:
            size, count = column_bytes(self.header.row_count), len(self._columns)
            self._progress(count * size, max(count, needed) * size)

    async def _fetch_points(self, node: str, indices: Sequence[int]) -> list[VerifiedPoint]:
        """Those of the points that the node holds; asked again until it answers or is given up."""
        while node in self._survey.nodes:
            now = self._pace.clock()
            rest_s = self._survey.rests_until(node) - now
            if rest_s > 0:
                await self._pace.sleep(rest_s)
            found = await self._try(node, self._fetcher.points(node, self.header, indices))
            if found is not None:
                self._survey.delivered(node, missing=())
                return found
        return []

    async def _hear(self, node: str, word: Awaitable[T]) -> T | None:
        """What the node says. One that refuses to say may deliver all the same."""
        return await self._try(node, word, refusal_ends=False)

    async def _try(
        self, node: str, attempt: Awaitable[T], *, refusal_ends: bool = True
    ) -> T | None:
        """What the attempt gives; None where the node failed, which the survey is told."""
        began = self._pace.clock()
        try:
            return await attempt
        except Failed as failed:
            failure = failed.failure
            _log.info("node failed", node=node, reason=str(failure.error))
            if failure.may_retry or refusal_ends:
                self._survey.failed(
                    node, failure, began=began, now=self._pace.clock(), draw=self._pace.draw()
                )
        except FalseAnswer as error:
            _log.warning("node served something false", node=node, reason=str(error))
            self._survey.give_up(node, str(error))
        return None


def _points_of(columns: Iterable[VerifiedColumn]) -> dict[int, VerifiedPoint]:
    return {
        point.index: point
        for column in columns
        for point in map(column.point, range(POINTS_PER_COLUMN))
    }
