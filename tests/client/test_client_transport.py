"""One request costs no more than its bounds, whatever answers it."""

import asyncio
import gzip

import aiohttp
import pytest
from aiohttp import web
from fake_node import FakePace, cut_short, endless, hang_up, reply

from da_node.client.retry import RetryPolicy
from da_node.client.transport import (
    GATHERED_BYTES,
    SLICE_BYTES,
    Failed,
    Limits,
    Transport,
    _slices,
    reason_of,
)
from da_node.client.wire import Body, Request
from da_node.errors import FalseAnswer, PeerUnreachable, RemoteRejected, RemoteUnavailable

REQUEST = Request(path="/x", answer_bytes=100)
# No test waits for a clock: a bound of time is met by what never ends.


@pytest.fixture
async def transport():
    transport = Transport(limits=Limits(idle_s=5), policy=RetryPolicy(), pace=FakePace().pace)
    await transport.open()
    yield transport
    await transport.close()


async def _failure(transport, node):
    with pytest.raises(Failed) as caught:
        await transport.once(node.url, REQUEST)
    return caught.value.failure.error


@pytest.mark.parametrize("answer", [reply(b"x" * 101), endless], ids=["announced", "endless"])
async def test_an_answer_longer_than_it_can_be_is_not_read(start, transport, answer):
    node = await start()
    node.script["x"].append(answer)
    with pytest.raises(FalseAnswer, match="longer than the 100 bytes"):
        await transport.once(node.url, REQUEST)


async def test_an_answer_just_as_long_as_it_can_be_is(start, transport):
    node = await start()
    node.script["x"].append(reply(b"x" * 100, X_Some="field"))
    answer = await transport.ask(node.url, REQUEST)
    assert answer.body == b"x" * 100
    assert answer.headers["x_some"] == "field"


async def test_nothing_is_unfolded(start, transport):
    node = await start()
    folded = gzip.compress(bytes(50_000))
    node.script["x"].append(reply(folded, **{"Content-Encoding": "gzip"}))
    answer = await transport.once(node.url, Request(path="/x", answer_bytes=1000))
    assert answer.body == folded
    assert node.requests[0].headers["Accept-Encoding"] == "identity"


async def test_a_redirect_is_not_followed(start, transport):
    node, other = await start(), await start()
    node.script["x"].append(reply(b"", status=302, Location=other.url))
    assert isinstance(await _failure(transport, node), RemoteUnavailable)
    assert other.requests == []


async def test_an_endless_refusal_is_not_read(start, transport):
    async def refuse_endlessly(request):
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    node = await start()
    node.script["x"].append(refuse_endlessly)
    assert isinstance(await _failure(transport, node), RemoteRejected)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hang_up, "the connection was closed before the answer"),
        (cut_short, "the answer was cut short"),
    ],
)
async def test_a_lost_connection_is_said_in_a_few_words(start, transport, answer, reason):
    node = await start()
    # aiohttp itself asks once more where a connection is closed before an answer.
    node.script["x"] += [answer] * 2
    error = await _failure(transport, node)
    assert isinstance(error, PeerUnreachable)
    assert (error.url, error.reason) == (node.url, reason)


async def test_a_slow_transfer_is_given_time_by_its_size():
    limits = Limits(connect_s=1, idle_s=2, answer_s=30, floor_bytes_per_s=1000)
    assert limits.total_s(Request(path="/", answer_bytes=4000)) == 1 + 2 + 4
    posted = Request(path="/", answer_bytes=0, body=Body.of([bytes(5000)]))
    assert limits.total_s(posted) == 1 + 30 + 5


async def test_an_answer_that_trickles_is_cut_off_by_the_whole_time(start):
    limits = Limits(connect_s=0.1, idle_s=0.1, floor_bytes_per_s=1 << 20)

    async def trickle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.01)

    node = await start()
    node.script["x"].append(trickle)
    transport = Transport(limits=limits, policy=RetryPolicy(), pace=FakePace().pace)
    await transport.open()
    try:
        assert (await _failure(transport, node)).reason == "no answer in time"
    finally:
        await transport.close()


async def test_a_node_that_speaks_no_tls_is_not_a_matter_of_permission(transport, start):
    node = await start()
    node.url = node.url.replace("http:", "https:")
    assert (await _failure(transport, node)).reason.startswith("no TLS connection: [SSL")


def test_other_errors_are_named_by_their_type_and_cut():
    assert reason_of(aiohttp.ClientError("x" * 1000)).startswith("ClientError: xxx")
    assert len(reason_of(aiohttp.ClientError("x" * 1000))) == 200


async def test_a_busy_node_is_asked_again_and_an_end_is_made_of_it(start):
    time = FakePace()
    transport = Transport(
        limits=Limits(), policy=RetryPolicy(attempts=3, first_s=1), pace=time.pace
    )
    await transport.open()
    node = await start()
    busy = reply(b"", status=503, **{"Retry-After": "2"})
    try:
        node.script["x"] += [busy, busy, reply(b"at last")]
        assert (await transport.ask(node.url, REQUEST)).body == b"at last"
        assert time.slept == [2 + 0.5, 2 + 1.0]
        node.script["x"] += [busy] * 3
        with pytest.raises(RemoteUnavailable):
            await transport.ask(node.url, REQUEST)
        assert len(node.requests) == 6
    finally:
        await transport.close()


async def test_closing_twice_is_nothing():
    transport = Transport(limits=Limits(), policy=RetryPolicy(), pace=FakePace().pace)
    await transport.close()
    await transport.open()
    await transport.close()
    await transport.close()


@pytest.mark.parametrize(
    "sizes", [[0], [1], [3, 100_000, 2, 5], [70_000] * 5, [9000] * 7, [10] * 99]
)
async def test_a_body_in_pieces_arrives_whole_and_large_pieces_are_not_copied(
    sizes: list[int],
) -> None:
    pieces = [bytes([index % 256]) * size for index, size in enumerate(sizes)]
    body = Body.of(pieces)
    parts = [part async for part in _slices(body, None)]
    assert b"".join(parts) == b"".join(pieces)
    assert all(0 < len(part) <= SLICE_BYTES for part in parts)
    for part in parts:
        assert isinstance(part, memoryview) or len(part) <= GATHERED_BYTES
