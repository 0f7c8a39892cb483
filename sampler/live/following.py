"""A sampler of another process followed: a mirror of its board that stays up to date."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

import msgspec

from da_node.client import Limits, Pace, RetryPolicy
from da_node.client.transport import Failed, Transport
from da_node.client.wire import Request
from da_node.service import (
    EventDecoder,
    FalseAnswer,
    HoldfastError,
    PeerUnreachable,
    StreamTooLong,
)
from sampler.live.updates import Mirror, Update

UPDATE_BYTES: Final = 4 << 20
"""Longest update: 80 sessions of 20 KB, 100 verdicts, 512 members; 2 MB, with room."""
LIMITS: Final = Limits(connections=1, idle_s=45.0)
"""A quiet stream is broken by a comment every 15 s."""
AGAIN_S: Final = 1.0
"""Pause before a stream that broke off is taken up."""


class Following:
    """One sampler, followed. Used from one event loop."""

    def __init__(self, url: str, *, pace: Pace) -> None:
        self.url: Final = url
        self.mirror: Final = Mirror()
        self.trouble: HoldfastError | None = None
        """Why there is no stream at the moment."""
        self.news: Final = asyncio.Event()
        """Set with every update; whoever waits for it clears it."""
        self._pace = pace
        self._transport = Transport(limits=LIMITS, policy=RetryPolicy(attempts=1), pace=pace)
        self._place = ""
        self._ahead_s = 0.0

    @property
    def now_s(self) -> float:
        """The sampler's clock, as far as its updates tell, unix seconds."""
        return self._pace.clock() + self._ahead_s

    async def run(self) -> None:
        """Follow for ever; what goes wrong is `trouble` until it goes well again."""
        await self._transport.open()
        try:
            while True:
                try:
                    await self._follow()
                    self.trouble = PeerUnreachable(url=self.url, reason="it ended the stream")
                except Failed as failed:
                    self.trouble = failed.failure.error
                except HoldfastError as error:
                    # What it said makes no sense: begin anew.
                    self.trouble, self._place = error, ""
                self.news.set()
                await self._pace.sleep(AGAIN_S)
        finally:
            await self._transport.close()

    async def _follow(self) -> None:
        decoder = EventDecoder(max_event_bytes=UPDATE_BYTES)
        request = Request(
            path="/v1/live/events",
            headers={"Last-Event-ID": self._place} if self._place else {},
            answer_bytes=UPDATE_BYTES,
        )
        async with aclosing(self._transport.stream(self.url, request)) as chunks:
            async for chunk in chunks:
                try:
                    events = decoder.feed(chunk)
                    updates = [msgspec.json.decode(one.data, type=Update) for one in events]
                except (StreamTooLong, msgspec.MsgspecError) as error:
                    reason = str(error)[:200]
                    raise FalseAnswer(url=self.url, what="update", reason=reason) from None
                for update in updates:
                    self.mirror.apply(update)
                    self._ahead_s = update.time - self._pace.clock()
                self._place = decoder.last_id
                if updates:
                    self.trouble = None
                    self.news.set()
