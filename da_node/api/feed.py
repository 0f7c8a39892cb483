"""What was stored and certified, in order: as pages from a cursor, and as server-sent events."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from da_node.node.bounds import HEARTBEAT_S
from da_node.node.node import Node
from da_node.service import Lagged, Subscription, encode_event
from da_node.service.http import parameters
from da_node.service.http.answers import json_answer
from da_node.service.http.event_stream import EventStream
from da_node.store import FeedEntry

LAST_EVENT_ID: Final = "Last-Event-ID"


async def get_page(node: Node, request: web.Request) -> web.Response:
    """What was stored and certified after a cursor."""
    after = _cursor("after", request.query.getall("after", [])) or 0
    limit = parameters.FEED_DEFAULT
    text = parameters.single(request.query.getall("limit", []), "limit")
    if text is not None:
        limit = parameters.number(text, "limit", least=1, most=parameters.FEED_LIMIT)
    entries = await node.workers.store.run(node.store.feed, after, limit, _label(request))
    return json_answer({"blobs": [event_document(entry) for entry in entries]})


async def get_events(node: Node, request: web.Request) -> web.StreamResponse:
    """The feed as it grows, from where Last-Event-ID left off, or from now on.

    Every event comes from the feed in its order; what is broadcast only says that there is more.
    A stream that falls behind is ended, or cut off, and resumes by its cursor.
    """
    after = _cursor(LAST_EVENT_ID, request.headers.getall(LAST_EVENT_ID, []))
    label = _label(request)
    with node.events.subscribe() as news:
        stream = _Stream(node, request, label, node.store.last_cursor() if after is None else after)
        # The reader resumes by its cursor, here or elsewhere.
        with suppress(Lagged, StopAsyncIteration):
            await stream.follow(news)
        return stream.response


def event_document(entry: FeedEntry) -> dict[str, Any]:
    """One event, in pages and streams alike."""
    certificate = entry.certificate
    return {
        "cursor": entry.cursor,
        "blob_id": entry.blob_id.hex0x,
        "header": "0x" + entry.header.serialize().hex(),
        "expires_at": entry.expires_at,
        "label": entry.label,
        "certificate": None if certificate is None else "0x" + certificate.hex(),
    }


class _Stream(EventStream):
    """One subscriber's stream."""

    def __init__(self, node: Node, request: web.Request, label: str | None, cursor: int) -> None:
        super().__init__(request, pace=node.pace, timers=node.timers, heartbeat_s=HEARTBEAT_S)
        self._node = node
        self._label = label
        self._cursor = cursor
        """All up to here has been sent, or was not asked for."""

    async def follow(self, news: Subscription[int]) -> None:
        """Send what there is and what comes. Raises Lagged, StopAsyncIteration."""
        await self.open(str(self._cursor))
        await self._catch_up()
        while True:
            newest = await self.next(news)
            if newest is not None and newest > self._cursor:  # or the last reading had it
                await self._catch_up()
                self._cursor = max(self._cursor, newest)

    async def _catch_up(self) -> None:
        page = parameters.FEED_DEFAULT
        while True:
            entries = await self._node.workers.store.run(
                self._node.store.feed, self._cursor, page, self._label
            )
            if entries:
                await self.send(b"".join(map(_event, entries)))
                self._cursor = entries[-1].cursor
            if len(entries) < page:
                return


def _event(entry: FeedEntry) -> bytes:
    data = msgspec.json.encode(event_document(entry)).decode()
    return encode_event(data, id=str(entry.cursor))


def _cursor(field: str, values: list[str]) -> int | None:
    text = parameters.single(values, field)
    if text is None:
        return None
    return parameters.number(text, field, least=0, most=parameters.CURSOR_BOUND)


def _label(request: web.Request) -> str | None:
    """The label asked for; None for all."""
    text = parameters.single(request.query.getall("label", []), "label")
    return None if text is None else parameters.label(text, "label")
