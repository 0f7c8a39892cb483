"""Reading one blob from several nodes at once.

`Gathering` decides whom to ask for which columns; this asks, verifies what comes in threads while
more is on its way, and looks for points where the columns are too few. What a node delivers counts
only once it has been verified against the blob's header, which hashes to the id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from da_node.client.acquaintance import Acquaintances
from da_node.client.choosing import Race, first_answer
from da_node.client.enough import enough_points
from da_node.client.fetching import Fetcher
from da_node.client.gathering import BATCH_BYTES, Custody, Gathering, Question, What
from da_node.client.roll import Roll
from da_node.client.together import ended, some_ended
from da_node.client.transport import Failed, Pace
from da_node.client.wire import MAX_POINTS, Progress, batches
from da_node.coding import (
    COLUMNS,
    POINTS_PER_COLUMN,
    Header,
    VerifiedColumn,
    VerifiedPoint,
    column_bytes,
    point_bytes,
)
from da_node.errors import FalseAnswer
from da_node.service import logger

POINT_REQUESTS: Final = 4
"""Requests for points at once, hedges not counted: at most 4 · 6 MiB wait to be verified."""

_log = logger(__name__)


class Reader:
    """One read of one blob."""

    def __init__(
        self,
        header: Header,
        *,
        fetcher: Fetcher,
        roll: Roll,
        known: Acquaintances,
        pace: Pace,
        hedge_s: float | None,
        custody: Custody | None = None,
        progress: Progress | None = None,
    ) -> None:
        """`fetcher` makes single attempts: when to try again is decided here."""
        self.header: Final = header
        self.columns: Final[dict[int, VerifiedColumn]] = {}
        """Columns that are here, by index."""
        self.points: Final[dict[int, VerifiedPoint]] = {}
        """Points by index, those of the columns included, if any were asked for."""
        self._fetcher = fetcher
        self._roll = roll
        self._known = known
        self._pace = pace
        self._hedge_s = hedge_s
        self._custody = custody
        self._progress = progress
        self._looked_at: Final[set[str]] = set()

    @property
    def failures(self) -> dict[str, str]:
        """What last went wrong, by node."""
        return self._roll.failures

    async def exactly(self, wanted: Sequence[int]) -> None:
        """Those of the wanted columns that can be had."""
        await self._gather(self._gathering(wanted, any_64=False), certified=None)

    async def enough(self, wanted: Sequence[int], *, certified: bool) -> None:
        """The wanted data columns, or any 64, or points enough, or as much as can be had: the
        caller looks.
        """
        await self._gather(self._gathering(wanted, any_64=True), certified=certified)

    async def exactly_points(self, wanted: Sequence[int]) -> None:
        """Those of the wanted points that can be had, asked for first of those who keep them."""
        order = self._roll.nodes
        kept = {node: self._kept(node) for node in order}
        by_first: dict[str, list[int]] = {}
        for index in wanted:
            column = index // POINTS_PER_COLUMN
            first = next((node for node in order if column in kept[node]), order[0])
            by_first.setdefault(first, []).append(index)
        parts = []
        for indices in by_first.values():
            for part in batches(indices, each=1, most=self._points_at_once):
                columns = {index // POINTS_PER_COLUMN for index in part}
                most_first = sorted(order, key=lambda node: -len(columns.intersection(kept[node])))
                parts.append((part, most_first))
        await self._fetch_points(parts, lambda: self.points.keys() >= set(wanted))

    # ------------------------------------------------------------ columns

    def _gathering(self, wanted: Sequence[int], *, any_64: bool) -> Gathering:
        return Gathering(
            roll=self._roll,
            known=self._known,
            wanted=wanted,
            any_64=any_64,
            column_bytes=column_bytes(self.header.row_count),
            hedge_s=self._hedge_s,
            custody=self._custody,
        )

    async def _gather(self, gathering: Gathering, *, certified: bool | None) -> None:
        """Until the gathering is complete, or points are enough, or nothing more is to be had.
        Without `certified` no points are asked for.
        """
        tasks: dict[asyncio.Task[frozenset[int]], Question] = {}
        points: asyncio.Task[bool] | None = None
        try:
            while not gathering.is_complete:
                now = self._pace.clock()
                for question in gathering.due(now):
                    tasks[asyncio.ensure_future(self._put(gathering, question))] = question
                points = points or self._look_for_points(gathering, certified, now)
                under_way = [*tasks] if points is None else [*tasks, points]
                wakes_at = gathering.wakes_at(now)
                if not under_way and wakes_at is None:
                    return
                await some_ended(under_way, wakes_at, self._pace)
                for task in [task for task in tasks if task.done()]:
                    self._take_in(gathering, tasks.pop(task), task)
                if points is not None and points.done():
                    if points.result():
                        return
                    points = None
                self._drop_pointless(gathering, tasks)
        finally:
            gathering.close(self._pace.clock())
            await ended([*tasks] if points is None else [*tasks, points])

    def _look_for_points(
        self, gathering: Gathering, certified: bool | None, now: float
    ) -> asyncio.Task[bool] | None:
        """Begin with it once columns are too few, at nodes not asked for points yet; not at one
        that is overdue, which would only be later yet.
        """
        if certified is None or not gathering.is_stuck(now):
            return None
        nodes = [node for node in gathering.usable(now) if node not in self._looked_at]
        self._looked_at.update(nodes)
        return asyncio.ensure_future(self._enough_points(nodes, certified)) if nodes else None

    async def _put(self, gathering: Gathering, question: Question) -> frozenset[int]:
        """Columns that the node says it keeps or holds, or those that it delivered."""
        node, began = question.node, self._pace.clock()
        if question.what is What.ARC:
            info = await self._fetcher.info(node)
            now = self._pace.clock()
            self._known.heard(info, now)
            self._known.measured(node, 0, now - began)
            return info.columns
        if question.what is What.STATUS:
            return (await self._fetcher.status(node, self.header.blob_id)).columns

        def progress(done: int, total: int) -> None:
            gathering.progressed(question, self._pace.clock())

        indices = question.columns
        body = await self._fetcher.column_bytes(node, self.header, indices, progress)
        gathering.arrived(question)
        self._known.measured(node, len(body), self._pace.clock() - began)
        columns = await self._fetcher.verified_columns(node, self.header, indices, body)
        self.columns.update((column.index, column) for column in columns)
        return frozenset(column.index for column in columns)

    def _take_in(
        self, gathering: Gathering, question: Question, task: asyncio.Task[frozenset[int]]
    ) -> None:
        """Tell what became of a question."""
        try:
            columns = task.result()
        except Failed as failed:
            _log.info("node failed", node=question.node, reason=str(failed.failure.error))
            gathering.failed(
                question, failed.failure, now=self._pace.clock(), draw=self._pace.draw()
            )
        except FalseAnswer as error:
            _log.warning("node served something false", node=question.node, reason=str(error))
            gathering.lied(question, error, self._pace.clock())
        else:
            if question.what is not What.COLUMNS:
                gathering.learned(question, columns)
                return
            gathering.delivered(question, columns)
            if self._progress is not None:
                size, count = column_bytes(self.header.row_count), len(self.columns)
                self._progress(count * size, max(count, gathering.needed) * size)

    def _drop_pointless(
        self, gathering: Gathering, tasks: dict[asyncio.Task[frozenset[int]], Question]
    ) -> None:
        dropped = gathering.drop_pointless(self._pace.clock())
        for task in [task for task, question in tasks.items() if question in dropped]:
            del tasks[task]
            task.cancel()

    # ------------------------------------------------------------ points

    async def _enough_points(self, nodes: list[str], certified: bool) -> bool:
        """Points of the columns at hand and, of these nodes, of the others, as many as recovery
        takes; whether they are enough.
        """
        held = list(self.columns.values())
        self.points.update(await asyncio.to_thread(_points_of, held))
        lacking = [index for index in range(COLUMNS) if index not in self.columns]
        columns_at_once = max(1, self._points_at_once // POINTS_PER_COLUMN)
        parts = [
            (
                [index for column in part for index in _indices_of(column)],
                _rotated(nodes, place),
            )
            for place, part in enumerate(batches(lacking, each=1, most=columns_at_once))
        ]

        def is_enough() -> bool:
            return enough_points(self.points, certified=certified)

        await self._fetch_points(parts, is_enough)
        return is_enough()

    async def _fetch_points(
        self, parts: Sequence[tuple[Sequence[int], Sequence[str]]], is_enough: Callable[[], bool]
    ) -> None:
        """The parts, each from the nodes beside it in their order, until there are enough."""
        waiting = list(reversed(parts))
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not is_enough() and (waiting or tasks):
                while waiting and len(tasks) < POINT_REQUESTS:
                    tasks.add(asyncio.ensure_future(self._race(*waiting.pop())))
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            await ended(tasks)

    async def _race(self, indices: Sequence[int], order: Sequence[str]) -> None:
        """Those of the points that the nodes have, asked one after the other for what lacks."""

        async def attempt(node: str) -> bool | None:
            lacking = [index for index in indices if index not in self.points]
            if lacking:
                found = await self._fetcher.points(node, self.header, lacking)
                self.points.update((point.index, point) for point in found)
            return True if all(index in self.points for index in indices) else None

        trusted_first = self._known.by_trust(order, self._pace.clock())
        race = Race(self._roll, trusted_first, self._hedge_s)
        await first_answer(race, attempt, roll=self._roll, known=self._known, pace=self._pace)

    @property
    def _points_at_once(self) -> int:
        return max(1, min(MAX_POINTS, BATCH_BYTES // point_bytes(self.header.row_count)))

    def _kept(self, node: str) -> Collection[int]:
        if self._custody is not None:
            return self._custody.get(node, ())
        return self._known.columns(node) or ()


def _rotated(nodes: list[str], place: int) -> list[str]:
    """So that each begins with another one."""
    first = place % len(nodes)
    return nodes[first:] + nodes[:first]


def _indices_of(column: int) -> range:
    return range(column * POINTS_PER_COLUMN, (column + 1) * POINTS_PER_COLUMN)


def _points_of(columns: Iterable[VerifiedColumn]) -> dict[int, VerifiedPoint]:
    return {
        point.index: point
        for column in columns
        for point in map(column.point, range(POINTS_PER_COLUMN))
    }
