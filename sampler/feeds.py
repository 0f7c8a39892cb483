"""One node's feed, followed without gaps: the stream as it grows, pages for what was missed.

The stream is begun from now on, so that the newest blobs come first; what lies between it and the
stretches read before is read in pages beside it. Where there is no stream, pages alone serve.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from itertools import pairwise
from typing import Final, Protocol

from da_node.client import Client, FeedEvent
from da_node.service import FalseAnswer, HoldfastError, logger
from sampler.bounds import FEED_PAUSE_S, LIVE_BATCH_S, PAGE, POLL_S, STREAM_AGAIN_S
from sampler.intervals import Interval, Intervals
from sampler.metrics import SamplerMetrics

_log = logger(__name__)


class Announced(Protocol):
    """Where a feed's events go to."""

    async def covered(self, node_id: str) -> Intervals:
        """What has been read of a node's feed."""

    async def announce(
        self, node_id: str, read: Interval, events: Sequence[FeedEvent], *, is_new: bool
    ) -> bool:
        """A stretch was read, with these events in it; False if it is to be read again later."""

    def heard(self, url: str, node_time: int) -> None:
        """What a node's clock says."""


class Feed:
    """Follows one node. Runs until it is cancelled; no failure of the node's ends it."""

    def __init__(
        self,
        client: Client,
        url: str,
        *,
        into: Announced,
        metrics: SamplerMetrics,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.url: Final = url
        self.is_followed = False
        """Whether it could be read when it was last tried."""
        self._client = client
        self._into = into
        self._metrics = metrics
        self._sleep = sleep
        self._gap = asyncio.Event()
        """Set where something was missed."""
        self._caught_up = asyncio.Event()
        """Set once the feed's end has been seen."""

    async def run(self) -> None:
        """Follow it, whatever happens."""
        failures = 0
        while True:
            try:
                info = await self._client.node(self.url)
                self._into.heard(self.url, info.time)
                await self._follow(info.node_id)
                failures = 0
            except HoldfastError as error:
                failures = 1 if self.is_followed else failures + 1
                self.is_followed = False
                self._metrics.feed_failures.labels(self.url).inc()
                _log.warning("feed failed", feed=self.url, reason=str(error))
            await self._sleep(min(FEED_PAUSE_S, 0.5 * 2.0 ** min(failures, 10)))

    async def _follow(self, node_id: str) -> None:
        """Until something fails. Raises HoldfastError."""
        self._gap.set()
        async with asyncio.TaskGroup() as tasks:
            catching_up = tasks.create_task(_quietly(self._catch_up(node_id)))
            live = tasks.create_task(_quietly(self._live(node_id)))
            done, _ = await asyncio.wait((catching_up, live), return_when=asyncio.FIRST_COMPLETED)
            for task in (catching_up, live):
                task.cancel()
        for task in done:
            if not task.cancelled() and (error := task.result()) is not None:
                raise error

    async def _live(self, node_id: str) -> None:
        while True:
            try:
                await self._stream(node_id)
            except HoldfastError as error:
                _log.info("no stream, reading pages", feed=self.url, reason=str(error))
            loop = asyncio.get_running_loop()
            until = loop.time() + STREAM_AGAIN_S
            await self._caught_up.wait()
            while loop.time() < until:
                await self._read_on(node_id)
                await self._sleep(POLL_S)

    async def _stream(self, node_id: str) -> None:
        """Read the stream from now on. Raises HoldfastError once it cannot be had any more."""
        last: int | None = None
        async with aclosing(self._client.events(node=self.url)) as events:
            batch: list[FeedEvent] = []
            coming = asyncio.ensure_future(anext(events))
            try:
                while True:
                    timeout = LIVE_BATCH_S if batch else None
                    await asyncio.wait((coming,), timeout=timeout)
                    if coming.done():
                        batch.append(coming.result())
                        coming = asyncio.ensure_future(anext(events))
                        if len(batch) == 1:
                            # The first goes at once: it is waited for. Others may follow it.
                            last = await self._taken(node_id, batch, last)
                            batch = []
                            continue
                    if batch and (not coming.done() or len(batch) >= PAGE):
                        last = await self._taken(node_id, batch, last)
                        batch = []
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)

    async def _taken(self, node_id: str, batch: list[FeedEvent], last: int | None) -> int:
        after = batch[0].cursor - 1 if last is None else last
        upto = batch[-1].cursor
        if upto > after:
            await self._into.announce(node_id, Interval(after, upto), batch, is_new=True)
            await self._note(node_id)
        return max(upto, last or 0)

    async def _catch_up(self, node_id: str) -> None:
        """What was missed before and during the stream, whenever something was."""
        while True:
            await self._read_on(node_id, is_new=False)
            self.is_followed = True
            self._caught_up.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(STREAM_AGAIN_S):
                    await self._gap.wait()
            self._gap.clear()
            for gap in list((await self._into.covered(node_id)).gaps()):
                await self._read(node_id, gap.after, gap.upto, is_new=False)
            await self._note(node_id)
            await self._sleep(POLL_S)  # what could not be taken is a gap still

    async def _read_on(self, node_id: str, *, is_new: bool = True) -> None:
        """From the last cursor read to the end of the feed."""
        await self._read(node_id, (await self._into.covered(node_id)).upto, None, is_new=is_new)

    async def _read(self, node_id: str, after: int, upto: int | None, *, is_new: bool) -> None:
        while upto is None or after < upto:
            events = await self._client.list(after, PAGE, node=self.url)
            cursors = [after, *(one.cursor for one in events)]
            if any(later <= before for before, later in pairwise(cursors)):
                # Taken for progress, such pages would be read for ever.
                raise FalseAnswer(url=self.url, what="page", reason="its cursors do not grow")
            inside = [one for one in events if upto is None or one.cursor <= upto]
            is_last = len(inside) < len(events) or len(events) < PAGE
            end = inside[-1].cursor if inside else after
            if upto is not None and is_last:
                end = upto
            if end > after and not await self._into.announce(
                node_id, Interval(after, end), inside, is_new=is_new
            ):
                return  # too much waits already; the stretch stays a gap
            after = end
            if is_last:
                break
        await self._note(node_id)

    async def _note(self, node_id: str) -> None:
        covered = await self._into.covered(node_id)
        gaps = len(list(covered.gaps()))
        self._metrics.feed_cursor.labels(self.url).set(covered.upto)
        self._metrics.feed_gaps.labels(self.url).set(gaps)
        if gaps:
            self._gap.set()


async def _quietly(work: Awaitable[None]) -> HoldfastError | None:
    """The error as a value: a group would wrap it."""
    try:
        await work
    except HoldfastError as error:
        return error
    return None
