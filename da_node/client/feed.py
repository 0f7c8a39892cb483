"""A node's feed: pages of it, and the stream that goes on where it broke off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from da_node.client.documents import EventDocument, FeedEvent, PageDocument, decode, event_of
from da_node.client.retry import Failure
from da_node.client.transport import Failed, Transport
from da_node.client.wire import Answer, Request
from da_node.errors import FalseAnswer, PeerUnreachable
from da_node.service import EventDecoder, StreamTooLong

EVENT_BYTES: Final = 4096
"""Longest event: 90 bytes of header and 244 of certificate in hex, a label, names, with room."""
CURSOR_DIGITS: Final = 19
"""Enough for every cursor."""


def page_request(after: int, limit: int, label: str | None) -> Request:
    """For at most `limit` blobs after a cursor."""
    params = {"after": str(after), "limit": str(limit)} | _label(label)
    return Request(path="/v1/blobs", params=params, answer_bytes=EVENT_BYTES * (limit + 1))


def page_of(node: str, answer: Answer) -> list[FeedEvent]:
    """The blobs of a page. Raises FalseAnswer."""
    page = decode(node, "page", answer.body, PageDocument)
    return [event_of(node, document) for document in page.blobs]


async def newest_cursor(transport: Transport, node: str) -> int:
    """The cursor of the newest event, which a stream that begins now begins after.

    Asks once. Raises what comes instead of an answer, FalseAnswer.
    """
    request = Request(path="/v1/events", answer_bytes=EVENT_BYTES)
    decoder = EventDecoder(max_event_bytes=EVENT_BYTES)
    try:
        async with aclosing(transport.stream(node, request)) as chunks:
            async for chunk in chunks:
                _events(node, decoder, chunk)
                if decoder.last_id.isascii() and decoder.last_id.isdecimal():
                    return int(decoder.last_id[:CURSOR_DIGITS])
    except Failed as failed:
        raise failed.failure.error from None
    raise FalseAnswer(url=node, what="stream", reason="it does not say where it begins")


async def follow(
    transport: Transport, node: str, after: int | None, label: str | None
) -> AsyncGenerator[FeedEvent, None]:
    """Events after a cursor, or from now on, without end.

    A stream that breaks off is taken up after the last event. Raises the last failure's error
    once the policy gives up, and FalseAnswer.
    """
    cursor = None if after is None else str(after)
    failures, since = 0, 0.0
    while True:
        request = Request(
            path="/v1/events",
            params=_label(label),
            headers={} if cursor is None else {"Last-Event-ID": cursor},
            answer_bytes=EVENT_BYTES,
        )
        decoder = EventDecoder(max_event_bytes=EVENT_BYTES)
        try:
            async with aclosing(transport.stream(node, request)) as chunks:
                async for chunk in chunks:
                    failures = 0
                    for event in _events(node, decoder, chunk):
                        cursor = str(event.cursor)
                        yield event
                    # The node names its cursor before the first event as well.
                    cursor = decoder.last_id or cursor
            failure = Failure(error=PeerUnreachable(url=node, reason="the node ended the stream"))
        except Failed as failed:
            failure = failed.failure
        now = transport.pace.clock()
        since = now if failures == 0 else since
        failures += 1
        delay_s = transport.policy.delay_s(
            failure, made=failures, elapsed_s=now - since, draw=transport.pace.draw()
        )
        if delay_s is None:
            raise failure.error
        await transport.pace.sleep(delay_s)


def _events(node: str, decoder: EventDecoder, chunk: bytes) -> list[FeedEvent]:
    try:
        events = decoder.feed(chunk)
    except StreamTooLong as error:
        raise FalseAnswer(url=node, what="event", reason=str(error)) from None
    return [
        event_of(node, decode(node, "event", event.data.encode(), EventDocument))
        for event in events
    ]


def _label(label: str | None) -> dict[str, str]:
    return {} if label is None else {"label": label}
