"""The feed is read page by page or as a stream, which goes on where it broke off."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest
from fake_node import document, hang, refuse, reply, stream

from da_node.client import Limits, RetryPolicy
from da_node.errors import FalseAnswer, NotReady, PeerUnreachable
from da_node.service import encode_comment, encode_event
from da_node.service.sse import encode_id


def events_of(node, *blobs):
    return [
        encode_event(msgspec.json.encode(node.event(blob)).decode(), id=str(event["cursor"]))
        for blob, event in ((blob, node.event(blob)) for blob in blobs)
    ]


async def take(events, count):
    found = []
    async with aclosing(events):
        while len(found) < count:
            found.append(await anext(events))
    return found


async def _later(value):
    return value


async def test_a_page_of_the_feed(start, connect, sample, other):
    node = await start()
    client = await connect(node)
    first, second = await client.list(after=3, limit=7, label="x y")
    assert (first.blob_id, first.header) == (sample.blob.blob_id, sample.blob.header)
    assert (first.cursor, second.cursor) == (1, 2)
    assert (first.label, first.certificate) == ("a label", None)
    assert dict(node.requests[0].query) == {"after": "3", "limit": "7", "label": "x y"}
    await client.list()
    assert dict(node.requests[1].query) == {"after": "0", "limit": "100"}


@pytest.mark.parametrize(
    "change",
    [
        {"header": "0x00"},
        {"header": "zz"},
        {"blob_id": "0x" + "00" * 32},
        {"cursor": "x"},
        {"certificate": "0xz"},
        {"cursor": 0},
        {"cursor": 2**63},
        {"expires_at": 2**63},
        {"expires_at": -1},
        {"label": "x" * 65},
    ],
)
async def test_an_entry_that_cannot_be_true_is_false(start, connect, sample, change):
    node = await start()
    entry = node.event(sample.blob) | change
    node.script["blobs"].append(lambda request: _later(document(blobs=[entry])))
    with pytest.raises(FalseAnswer):
        await (await connect(node)).list()


async def test_a_page_longer_than_its_limit_can_be_is_not_read(start, connect):
    node = await start()
    node.script["blobs"].append(reply(b"x" * 10_000))
    with pytest.raises(FalseAnswer, match="longer than"):
        await (await connect(node)).list(limit=1)


async def test_a_stream_that_breaks_off_goes_on_after_the_last_event(start, connect, sample, other):
    node = await start()
    first, second = events_of(node, sample.blob, other.blob)
    node.script["events"] += [
        stream(encode_comment("hello"), first, second[:20]),
        refuse(NotReady(reason="stopping")),
        stream(second),
    ]
    client = await connect(node)
    found = await take(client.events(label="x"), 2)
    assert [event.blob_id for event in found] == [sample.blob.blob_id, other.blob.blob_id]
    resumed = [request.headers.get("Last-Event-ID") for request in node.requests]
    assert resumed == [None, "1", "1"]
    assert {request.query["label"] for request in node.requests} == {"x"}


async def test_a_stream_begins_after_a_given_cursor(start, connect, sample):
    node = await start()
    node.script["events"].append(stream(*events_of(node, sample.blob)))
    await take((await connect(node)).events(after=41), 1)
    assert node.requests[0].headers["Last-Event-ID"] == "41"


async def test_a_silent_stream_is_left_and_taken_up_again(start, connect, sample):
    node = await start()
    node.script["events"] += [hang, stream(*events_of(node, sample.blob))]
    client = await connect(node, limits=Limits(idle_s=0.1))
    assert len(await take(client.events(), 1)) == 1


async def test_streams_that_go_on_breaking_off_end_with_an_error(start, connect, time):
    node = await start()
    node.script["events"] += [stream()] * 10
    client = await connect(node, policy=RetryPolicy(attempts=3))
    with pytest.raises(PeerUnreachable, match="ended the stream"):
        await anext(client.events())
    assert (len(node.requests), len(time.slept)) == (3, 2)


async def test_a_stream_that_delivers_between_breaks_never_ends(start, connect, sample):
    node = await start()
    node.script["events"] += [stream(*events_of(node, sample.blob))] * 10
    client = await connect(node, policy=RetryPolicy(attempts=2))
    assert len(await take(client.events(), 10)) == 10


@pytest.mark.parametrize(
    "data", [b"id: 1\ndata: {}\n\n", b"data: " + b"x" * 10_000, b"id: 1\ndata: \xff\n\n"]
)
async def test_a_stream_of_nonsense_is_false(start, connect, data):
    node = await start()
    node.script["events"].append(stream(data))
    with pytest.raises(FalseAnswer):
        await anext((await connect(node)).events())


async def test_a_stream_can_be_abandoned_while_it_waits(start, connect):
    arrived = asyncio.Event()

    async def never(request):
        arrived.set()
        return await hang(request)

    node = await start()
    node.script["events"].append(never)
    client = await connect(node)
    waiting = asyncio.create_task(take(client.events(), 1))
    await arrived.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_stream_that_breaks_off_before_its_first_event_goes_on_where_it_began(
    start, connect, sample
):
    node = await start()
    node.script["events"] += [stream(encode_id("7")), stream(*events_of(node, sample.blob))]
    await take((await connect(node)).events(), 1)
    assert [request.headers.get("Last-Event-ID") for request in node.requests] == [None, "7"]


async def test_the_newest_cursor_is_where_a_stream_begins(start, connect):
    node = await start()
    node.script["events"].append(stream(encode_comment("hello"), encode_id("7")))
    assert await (await connect(node)).newest_cursor() == 7


@pytest.mark.parametrize("chunks", [(), (encode_comment("hello"),), (encode_id("x"),)])
async def test_a_stream_that_does_not_say_where_it_begins_is_false(start, connect, chunks):
    node = await start()
    node.script["events"].append(stream(*chunks))
    with pytest.raises(FalseAnswer):
        await (await connect(node)).newest_cursor()
