"""The members' feed: as pages from a cursor, and as server-sent events."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from committee.disperser.bounds import HEARTBEAT_S
from committee.disperser.cursors import Cursor
from committee.disperser.disperser import Disperser
from committee.disperser.feeds import Way
from da_node.client import FeedEvent
from da_node.service import HoldfastError, Lagged, Subscription, encode_event, logger
from da_node.service.http import parameters
from da_node.service.http.answers import json_answer
from da_node.service.http.event_stream import EventStream

LAST_EVENT_ID: Final = "Last-Event-ID"

_log = logger(__name__)


async def get_page(disperser: Disperser, request: web.Request) -> web.Response:
    """What members stored and certified after a cursor."""
    cursor = _cursor("after", request.query.getall("after", []))
    limit = parameters.FEED_DEFAULT
    text = parameters.single(request.query.getall("limit", []), "limit")
    if text is not None:
        limit = parameters.number(text, "limit", least=1, most=parameters.FEED_LIMIT)
    found = await disperser.feeds.page(cursor, limit, _label(request))
    return json_answer({"blobs": [_document(place, event) for place, event in found]})


async def get_events(disperser: Disperser, request: web.Request) -> web.StreamResponse:
    """The feed as it grows, from where Last-Event-ID left off, or from now on.

    A stream that falls behind, or whose member does, is ended or cut off, and resumes by its
    cursor.
    """
    values = request.headers.getall(LAST_EVENT_ID, [])
    cursor, label = _cursor(LAST_EVENT_ID, values), _label(request)
    with disperser.streams.hold(0):
        way = await disperser.feeds.way(cursor, from_now=not values)
        with way.feed.broadcast.subscribe() as news:
            stream = _Stream(disperser, request, label, way)
            await stream.open(str(stream.cursor.value))
            try:
                # The reader resumes by its cursor, here or elsewhere.
                with suppress(Lagged, StopAsyncIteration):
                    await stream.follow(news)
            except HoldfastError as error:
                _log.info("event stream ended", reason=str(error))
            return stream.response


class _Stream(EventStream):
    """One subscriber's stream."""

    def __init__(
        self, disperser: Disperser, request: web.Request, label: str | None, way: Way
    ) -> None:
        super().__init__(
            request, pace=disperser.pace, timers=disperser.timers, heartbeat_s=HEARTBEAT_S
        )
        self._feeds = disperser.feeds
        self._label = label
        self._way = way
        self.cursor = way.start if way.rest is None else way.rest[1]
        """All up to here has been sent, or was not asked for."""

    async def follow(self, news: Subscription[FeedEvent]) -> None:
        """Send what there is and what comes. Raises Lagged, StopAsyncIteration, and what reading
        from the member does.
        """
        way, feed = self._way, self._way.feed
        if way.rest is not None:
            await self._catch_up(way.rest[0])
            self.cursor = way.start
        if self.cursor.own < feed.position:
            await self._catch_up(feed.url)
        while self._feeds.is_source(feed.url):
            event = await self.next(news)
            if event is None or event.cursor <= self.cursor.own:
                continue  # the page had it when it was read
            self.cursor = Cursor(tag=feed.tag, own=event.cursor)
            if self._label in (None, event.label):
                await self.send(_event(self.cursor, event))

    async def _catch_up(self, url: str) -> None:
        page = parameters.FEED_DEFAULT
        while True:
            found = await self._feeds.read(url, self.cursor, page, self._label)
            if found:
                await self.send(b"".join(_event(place, event) for place, event in found))
                self.cursor = found[-1][0]
            if len(found) < page:
                return


def _event(cursor: Cursor, event: FeedEvent) -> bytes:
    data = msgspec.json.encode(_document(cursor, event)).decode()
    return encode_event(data, id=str(cursor.value))


def _document(cursor: Cursor, event: FeedEvent) -> dict[str, Any]:
    return {
        "cursor": cursor.value,
        "blob_id": event.blob_id.hex0x,
        "header": "0x" + event.header.serialize().hex(),
        "expires_at": event.expires_at,
        "label": event.label,
        "certificate": None if event.certificate is None else "0x" + event.certificate.hex(),
    }


def _cursor(field: str, values: list[str]) -> Cursor | None:
    """None for the beginning."""
    text = parameters.single(values, field)
    if text is None:
        return None
    most = parameters.CURSOR_BOUND
    return Cursor.parse(parameters.number(text, field, least=0, most=most), field)


def _label(request: web.Request) -> str | None:
    """The label asked for; None for all."""
    text = parameters.single(request.query.getall("label", []), "label")
    return None if text is None else parameters.label(text, "label")
