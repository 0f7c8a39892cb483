"""The feed: pages from a cursor, and the stream of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from node_under_test import eventually
from running_node import Running, StartNode

from da_node.api import feed
from da_node.node import bounds
from da_node.service import EventDecoder

NextEvent = Callable[[], Any]


async def page(running: Running, query: str = "") -> list[dict[str, Any]]:
    _, body = await running.get(f"/v1/blobs{query}")
    blobs: list[dict[str, Any]] = json.loads(body)["blobs"]
    return blobs


@asynccontextmanager
async def events(running: Running, query: str = "", **headers: str) -> AsyncIterator[NextEvent]:
    """A stream, as a function that gives its next event; None at its end."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    decoder, ready = EventDecoder(max_event_bytes=4096), []
    async with running.session.get(running.url + "/v1/events" + query, headers=fields) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        assert await response.content.readuntil(b"\n\n") == b": holdfast\n\n"

        async def following() -> dict[str, Any] | None:
            while not ready:
                chunk = await response.content.readany()
                if not chunk:
                    return None
                ready.extend(decoder.feed(chunk))
            event = ready.pop(0)
            document: dict[str, Any] = json.loads(event.data)
            assert event.id == str(document["cursor"])
            return document

        yield following


async def test_the_feed_lists_blobs_in_the_order_stored(running: Running) -> None:
    posted = [await running.post(bytes([number])) for number in range(1, 4)]
    found = await page(running)
    assert [entry["blob_id"] for entry in found] == [answer["blob_id"] for answer in posted]
    assert [entry["cursor"] for entry in found] == [1, 2, 3]
    assert found[0] == {
        "cursor": 1,
        "blob_id": posted[0]["blob_id"],
        "header": posted[0]["header"],
        "expires_at": posted[0]["expires_at"],
        "label": "",
        "certificate": None,
    }


async def test_a_page_begins_after_its_cursor_and_ends_at_its_limit(running: Running) -> None:
    for number in range(1, 5):
        await running.post(bytes([number]))
    assert [entry["cursor"] for entry in await page(running, "?after=1&limit=2")] == [2, 3]
    assert await page(running, "?after=4") == []


async def test_a_label_chooses(running: Running) -> None:
    await running.post(b"a", label="été")
    await running.post(b"b", label="winter")
    found = await page(running, "?label=%C3%A9t%C3%A9")
    assert [entry["label"] for entry in found] == ["été"]


async def test_a_repeat_is_not_listed_twice(running: Running) -> None:
    await running.post(b"a")
    await running.post(b"a")
    assert len(await page(running)) == 1


async def test_cursors_survive_a_restart(start_node: StartNode) -> None:
    running = await start_node()
    await running.post(b"a")
    running = await start_node()
    await running.post(b"b")
    assert [entry["cursor"] for entry in await page(running, "?after=1")] == [2]


async def test_a_stream_brings_what_is_stored_from_now_on(running: Running) -> None:
    await running.post(b"before")
    async with events(running) as following:
        posted = await running.post(b"after", label="new")
        event = await following()
    assert (event["blob_id"], event["label"]) == (posted["blob_id"], "new")


async def test_a_stream_brings_a_blob_that_moves_to_a_later_expiry(running: Running) -> None:
    posted = await running.post(b"again")
    async with events(running) as following, asyncio.timeout(300):
        running.clock.now += 7200
        moved = await running.post(b"again")
        event = await following()
    assert (event["blob_id"], event["cursor"]) == (posted["blob_id"], 2)
    assert event["expires_at"] == moved["expires_at"] == posted["expires_at"] + 7200


async def test_a_stream_resumes_after_the_last_event_seen(running: Running) -> None:
    posted = [await running.post(bytes([number])) for number in range(1, 4)]
    async with events(running, Last_Event_ID="1") as following:
        seen = [await following(), await following()]
        posted.append(await running.post(b"live"))
        seen.append(await following())
    assert [event["blob_id"] for event in seen] == [answer["blob_id"] for answer in posted[1:]]


async def test_a_stream_names_its_cursor_before_the_first_event(running: Running) -> None:
    """Whoever is cut off then resumes there, and misses nothing."""
    for number in range(3):
        await running.post(bytes([number]))
    for headers, expected in (({}, b"3"), ({"Last-Event-ID": "1"}, b"1")):
        url = running.url + "/v1/events"
        async with running.session.get(url, headers=headers) as response:
            await response.content.readuntil(b"\n\n")
            assert await response.content.readuntil(b"\n\n") == b"id: " + expected + b"\n\n"


async def test_a_stream_of_a_label_brings_only_that(running: Running) -> None:
    async with events(running, "?label=b") as following:
        await running.post(b"1", label="a")
        await running.post(b"2", label="b")
        assert (await following())["label"] == "b"


async def test_a_quiet_stream_has_a_heartbeat(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.001)
    async with running.session.get(running.url + "/v1/events") as response:
        assert await response.content.readuntil(b"\n\n") == b": holdfast\n\n"
        assert await response.content.readuntil(b"\n\n") == b"id: 0\n\n"
        assert await response.content.readuntil(b"\n\n") == b": \n\n"


async def test_a_stream_that_falls_behind_ends_and_resumes(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "SUBSCRIBER_BACKLOG", 2)
    running = await start_node()
    async with events(running) as following:
        await eventually(lambda: running.node.events.subscribers == 1)
        # Three at once, before the stream gets to run.
        for cursor in (1, 2, 3):
            running.node.events.publish(cursor)
        assert await following() is None
    await eventually(lambda: running.node.events.subscribers == 0)


async def test_streams_end_when_the_node_stops(start_node: StartNode) -> None:
    running = await start_node()
    async with events(running) as following:
        running.node.stopping()
        assert await following() is None


async def test_there_are_only_so_many_streams(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "SUBSCRIBERS", 1)
    running = await start_node()
    async with events(running):
        await running.get("/v1/events", 429)


async def test_a_subscriber_that_does_not_read_is_cut_off(running: Running) -> None:
    connection = await running.connect()
    connection.stop_reading()
    await connection.send(b"GET /v1/events HTTP/1.1\r\nHost: node\r\n\r\n")
    await eventually(lambda: running.node.events.subscribers == 1)
    store, first = running.node.store, await running.post(b"a")
    (entry,) = store.feed(0, 1)
    assert entry.blob_id.hex0x == first["blob_id"]
    # An endless feed: the stream writes until the network's buffers are full.
    store.feed = lambda after, limit, label: [entry] * limit  # type: ignore[method-assign]
    running.node.events.publish(2)
    await stuck(running)
    running.timers.advance(3600)
    await eventually(lambda: running.node.events.subscribers == 0)
    del store.feed  # type: ignore[method-assign]


async def stuck(running: Running) -> None:
    """Return once a stream has waited for its reader for many turns of the loop."""
    turns = 0
    while turns < 1000:
        turns = turns + 1 if running.timers.pending() else 0
        await asyncio.sleep(0)
