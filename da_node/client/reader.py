"""Reading one blob from several nodes: fetch, verify, correct what is believed of each node, again.

`Survey` decides whom to ask for what; this fetches and verifies. Whatever a node sends is checked
against the blob's header, which hashes to the id, before it counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from da_node.client.documents import node_info_of, status_of
from da_node.client.survey import Survey, batches, enough_points, is_enough, next_columns
from da_node.client.transport import Transport
from da_node.client.wire import (
    DOCUMENT_BYTES,
    MAX_POINTS,
    Answer,
    Request,
    columns_request,
    path_of,
    points_request,
    split_columns,
    split_points,
)
from da_node.coding import (
    COLUMNS,
    POINTS_PER_COLUMN,
    Column,
    Header,
    Kzg,
    Point,
    VerifiedColumn,
    VerifiedPoint,
    column_bytes,
    verify_columns,
    verify_points,
)
from da_node.errors import FalseAnswer, HoldfastError, Rejected
from da_node.service import logger

BATCH_BYTES: Final = 4 << 20
"""Most bytes of columns in one request."""
REQUESTS: Final = 8
"""Requests under way at once, so at most 8 · 4 MiB of columns wait to be verified."""

_log = logger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes verified so far and the bytes needed, as far as that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Verifies in threads, never on the event loop."""

    kzg: Kzg
    """Where curve work is done."""
    threads: int
    """Threads for one batch."""

    async def columns(self, header: Header, columns: Sequence[Column]) -> list[VerifiedColumn]:
        """Raises what verify_columns raises; none are none."""
        if not columns:
            return []
        return await asyncio.to_thread(
            verify_columns, header, columns, self.kzg, threads=self.threads
        )

    async def points(self, header: Header, points: Sequence[Point]) -> list[VerifiedPoint]:
        """Raises what verify_points raises; none are none."""
        if not points:
            return []
        return await asyncio.to_thread(verify_points, header, points, self.kzg)


class Reader:
    """One read of one blob."""

    def __init__(
        self,
        *,
        transport: Transport,
        verifier: Verifier,
        nodes: Sequence[str],
        header: Header,
        progress: Progress | None = None,
    ) -> None:
        self._transport = transport
        self._verifier = verifier
        self._header = header
        self._survey = Survey(nodes, transport.policy)
        self._progress = progress
        self._columns: dict[int, VerifiedColumn] = {}
        self._gate = asyncio.Semaphore(REQUESTS)

    @property
    def failures(self) -> dict[str, str]:
        """What went wrong, by node."""
        return self._survey.failures

    async def columns(self, wanted: Sequence[int]) -> list[VerifiedColumn]:
        """The wanted data columns, or any 64, or as many as can be had: the caller looks."""
        await _together(self._learn_arc(node) for node in self._survey.nodes)
        pace, refreshed = self._transport.pace, False
        while not is_enough(self._columns, wanted):
            now = pace.clock()
            askable = self._survey.askable(now)
            columns = next_columns(self._columns, askable, wanted)
            wakes_at = self._survey.wakes_at(now)
            if not columns and wakes_at is not None:
                await pace.sleep(wakes_at - now)
            elif not columns and not refreshed:
                # A node may hold columns beyond its arc that it rebuilt.
                refreshed = True
                await _together(self._learn_status(node) for node in self._survey.nodes)
            else:
                # Too few to do by themselves still count, beside points.
                columns = columns or sorted(askable.difference(self._columns))
                if not columns:
                    break
                await self._round(columns, wanted)
        return list(self._columns.values())

    async def points(self, *, certified: bool) -> list[VerifiedPoint]:
        """Those of the columns at hand and, of the others, as many as it takes to recover from
        points, or as there are.
        """
        points = {
            point.index: point
            for column in self._columns.values()
            for point in map(column.point, range(POINTS_PER_COLUMN))
        }
        lacking = [index for index in range(COLUMNS) if index not in self._columns]
        at_once = MAX_POINTS // POINTS_PER_COLUMN
        for start in range(0, len(lacking), at_once):
            for node in self._survey.nodes:
                if enough_points(points, certified=certified):
                    return list(points.values())
                asked = [
                    index
                    for column in lacking[start : start + at_once]
                    for index in _points_of(column)
                    if index not in points
                ]
                found = await self._fetch_points(node, asked) if asked else []
                points |= {point.index: point for point in found}
        return list(points.values())

    async def _learn_arc(self, node: str) -> None:
        # One that does not say what it keeps may keep everything: asking will tell.
        self._survey.learn(node, range(COLUMNS))
        answer = await self._once(node, Request(path="/v1/node", answer_bytes=DOCUMENT_BYTES))
        if answer is not None:
            with_columns = self._believe(node, lambda: node_info_of(node, answer.body).columns)
            self._survey.learn(node, with_columns)

    async def _learn_status(self, node: str) -> None:
        path = path_of(self._header.blob_id, "status")
        answer = await self._once(node, Request(path=path, answer_bytes=DOCUMENT_BYTES))
        if answer is not None:
            with_columns = self._believe(node, lambda: status_of(node, answer.body).columns)
            self._survey.learn(node, with_columns)

    def _believe(self, node: str, read: Callable[[], frozenset[int]]) -> frozenset[int]:
        try:
            return read()
        except FalseAnswer as error:
            self._lied(node, error)
            return frozenset()

    async def _round(self, columns: Sequence[int], wanted: Sequence[int]) -> None:
        assigned = self._survey.assign(columns, self._transport.pace.clock())
        size = column_bytes(self._header.row_count)
        await _together(
            self._fetch_columns(node, batch, wanted)
            for node, indices in assigned.items()
            for batch in batches(indices, column_bytes=size, max_bytes=BATCH_BYTES)
        )

    async def _fetch_columns(
        self, node: str, indices: Sequence[int], wanted: Sequence[int]
    ) -> None:
        async with self._gate:
            if node not in self._survey.nodes:
                return  # it lied, or failed for good, while this waited
            answer = await self._once(node, columns_request(self._header, indices))
            if answer is None:
                return
            try:
                columns = split_columns(self._header, indices, answer.body)
                verified = await self._verifier.columns(self._header, columns)
            except Rejected as error:
                self._lied(node, error)
                return
        self._columns |= {column.index: column for column in verified}
        self._survey.delivered(node, missing=set(indices).difference(self._columns))
        if self._progress is not None:
            size, count = column_bytes(self._header.row_count), len(self._columns)
            self._progress(count * size, max(count, len(wanted)) * size)

    async def _fetch_points(self, node: str, indices: Sequence[int]) -> list[VerifiedPoint]:
        try:
            answer = await self._transport.ask(node, points_request(self._header, indices))
        except HoldfastError as error:
            _log.info("node failed", node=node, reason=str(error))
            self._survey.give_up(node, str(error))
            return []
        try:
            points = split_points(self._header, indices, answer.body)
            return await self._verifier.points(self._header, points)
        except Rejected as error:
            self._lied(node, error)
            return []

    async def _once(self, node: str, request: Request) -> Answer | None:
        """One attempt; a failure is noted, and the survey says when the node may be asked again."""
        pace = self._transport.pace
        began = pace.clock()
        outcome = await self._transport.once(node, request)
        if isinstance(outcome, Answer):
            return outcome
        _log.info("node failed", node=node, reason=str(outcome.error))
        self._survey.failed(node, outcome, began=began, now=pace.clock(), draw=pace.draw())
        return None

    def _lied(self, node: str, error: HoldfastError) -> None:
        _log.warning("node served something false", node=node, reason=str(error))
        self._survey.give_up(node, f"served something false: {error}")


def _points_of(column: int) -> range:
    return range(column * POINTS_PER_COLUMN, (column + 1) * POINTS_PER_COLUMN)


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of it at once; the first error ends the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for part in work:
                tasks.create_task(part)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
