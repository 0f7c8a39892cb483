"""Bounded broadcast: one publisher, many subscribers, nobody waits for a slow one.

Each subscriber has a queue of its own with a bound. One that falls behind by more is cut off with
`Lagged` and reads what it missed from the feed by cursor; the publisher never blocks and memory
stays below subscribers × backlog events. Used from one event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Generic, TypeVar

from da_node.errors import TooManyRequests

T = TypeVar("T")


class Lagged(Exception):
    """The subscriber fell behind by more than its queue holds; it resumes from the feed."""


class Closed(StopAsyncIteration):
    """The publisher has ended, and everything it published has been read; ends an `async for`."""


class Broadcast(Generic[T]):
    """Hands every published event to every subscriber."""

    def __init__(self, *, max_subscribers: int, backlog: int) -> None:
        """`backlog` is how many events a subscriber may be behind."""
        self._max_subscribers = max_subscribers
        self._backlog = backlog
        self._subscriptions: set[Subscription[T]] = set()
        self._closed = False

    def publish(self, event: T) -> None:
        """Queue the event for every subscriber; never waits."""
        for subscription in self._subscriptions:
            subscription._push(event)

    def subscribe(self) -> Subscription[T]:
        """A subscription to what is published from now on; use it as a context manager.

        Raises TooManyRequests.
        """
        if len(self._subscriptions) >= self._max_subscribers:
            raise TooManyRequests(what="event subscribers", bound=self._max_subscribers)
        subscription = Subscription(self, self._backlog, closed=self._closed)
        self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription once it has read what is queued; new ones end at once."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription._end()

    @property
    def subscribers(self) -> int:
        """How many there are."""
        return len(self._subscriptions)


class Subscription(Generic[T]):
    """One subscriber's queue: `async for`, or `get` where a wait needs a bound."""

    def __init__(self, broadcast: Broadcast[T], backlog: int, *, closed: bool) -> None:
        self._broadcast = broadcast
        self._backlog = backlog
        self._events: deque[T] = deque()
        self._lagged = False
        self._ended = closed
        self._wake = asyncio.Event()

    async def get(self) -> T:
        """The next event. Safe to cancel, so a timeout around it loses nothing.

        Raises Lagged or Closed.
        """
        while not self._events:
            if self._lagged:
                raise Lagged
            if self._ended:
                raise Closed
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        return await self.get()

    def __enter__(self) -> Subscription[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._broadcast._subscriptions.discard(self)

    def _push(self, event: T) -> None:
        if self._lagged:
            return
        if len(self._events) >= self._backlog:
            # What is queued is still in order and is delivered; the gap comes after it.
            self._lagged = True
        else:
            self._events.append(event)
        self._wake.set()

    def _end(self) -> None:
        self._ended = True
        self._wake.set()
