"""One subscriber's stream of server-sent events, cut off where it is not read in its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from aiohttp import hdrs, web

from da_node.service.events import Subscription
from da_node.service.http.answers import NOT_CACHED
from da_node.service.http.deadlines import Timers, Watch
from da_node.service.http.pacing import Pace
from da_node.service.http.routes import EVENTS
from da_node.service.sse import encode_comment, encode_id

T = TypeVar("T")


class EventStream:
    """The answer to one GET of a feed that grows."""

    def __init__(
        self, request: web.Request, *, pace: Callable[[], Pace], timers: Timers, heartbeat_s: float
    ) -> None:
        """`pace` is asked anew for every write; after a silence of `heartbeat_s` a comment keeps
        proxies from closing the stream.
        """
        self._request = request
        self._pace = pace
        self._timers = timers
        self._heartbeat_s = heartbeat_s
        self.response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: EVENTS,
                hdrs.CACHE_CONTROL: NOT_CACHED,
                "X-Accel-Buffering": "no",
            }
        )

    async def open(self, id: str) -> None:
        """Send the header, and a first byte, so that proxies let it through; then the id from
        which one resumes who is cut off before the first event.
        """
        await self.response.prepare(self._request)
        await self.send(encode_comment("holdfast") + encode_id(id))

    async def next(self, news: Subscription[T]) -> T | None:
        """The next piece of news; None after a silence, which a comment has broken. Raises Lagged,
        Closed.
        """
        try:
            async with asyncio.timeout(self._heartbeat_s):
                return await news.get()
        except TimeoutError:
            await self.send(encode_comment())
            return None

    async def send(self, data: bytes) -> None:
        """Send; a reader that does not take it in its time is cut off."""

        def cut_off() -> None:
            if self._request.transport is not None:
                self._request.transport.abort()

        with Watch(self._timers, self._pace(), progress=lambda: 0, expire=cut_off):
            await self.response.write(data)
