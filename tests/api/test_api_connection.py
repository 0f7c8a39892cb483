"""Slow clients, crowds, half-closed connections: by a clock that the test moves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest
from node_under_test import RawConnection, eventually
from running_node import Running, StartNode

from da_node.service.http import connection as connection_module
from da_node.service.http import serving, uploads
from da_node.service.http.deadlines import Watch

Received = Callable[[int], Awaitable[None]]

POST = b"POST /v1/blobs HTTP/1.1\r\nHost: node\r\n"


async def until_timers(running: Running, count: int) -> None:
    """Wait until the node has set so many timers."""
    await eventually(lambda: running.timers.pending() == count)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Received:
    """Waits until the node has received so many bytes of a body."""
    watches: list[Watch] = []

    class SeenWatch(Watch):
        def __enter__(self) -> Watch:
            watches.append(self)
            return super().__enter__()

    async def until(count: int) -> None:
        await eventually(lambda: any(watch._progress() == count for watch in watches))

    monkeypatch.setattr(uploads, "Watch", SeenWatch)
    return until


async def test_a_header_that_does_not_come_is_408_and_the_end(start_node: StartNode) -> None:
    running = await start_node(header_timeout_s=10.0)
    connection = await running.connect()
    await connection.send(b"GET /heal")
    await until_timers(running, 1)
    running.timers.advance(9.9)
    await connection.send(b"thz HTT")
    running.timers.advance(0.2)
    answer = await connection.answer()
    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert answer.fields["connection"] == "close"
    assert await connection.is_closed()
    assert running.timers.pending() == 0


async def test_a_connection_that_asks_nothing_has_no_header_to_wait_for(running: Running) -> None:
    connection = await running.connect()
    await connection.send(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
    assert (await connection.answer()).status == 200
    assert running.timers.pending() == 0
    running.timers.advance(3600)
    await connection.send(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
    assert (await connection.answer()).status == 200


async def test_a_byte_a_minute_is_408_and_the_end(
    start_node: StartNode, received: Received
) -> None:
    running = await start_node(header_timeout_s=10.0, body_min_bytes_per_s=100)
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 100\r\n\r\na")
    await received(1)
    running.timers.advance(60)
    answer = await connection.answer()
    assert (answer.status, answer.problem["code"]) == (408, "request_timeout")
    assert await connection.is_closed()
    assert running.node.uploads.count == 0
    assert running.node.store.usage().blobs == 0


async def test_a_body_that_keeps_the_pace_is_taken(
    start_node: StartNode, received: Received
) -> None:
    running = await start_node(header_timeout_s=10.0, body_min_bytes_per_s=1)
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 60\r\n\r\n")
    for second in range(0, 60, 10):
        await connection.send(bytes(10))
        await received(second + 10)
        running.timers.advance(9.9)
    assert (await connection.answer()).status == 201


async def test_however_fast_a_body_has_an_end(start_node: StartNode, received: Received) -> None:
    running = await start_node(
        header_timeout_s=10.0, body_min_bytes_per_s=1, request_timeout_s=120.0
    )
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 10000\r\n\r\n" + bytes(5000))
    await received(5000)
    running.timers.advance(121)
    assert (await connection.answer()).problem["code"] == "request_timeout"


async def test_a_reader_that_does_not_read_is_cut_off(start_node: StartNode) -> None:
    running = await start_node(header_timeout_s=10.0)
    payload = hashlib.shake_128(b"large").digest(8 << 20)
    posted = await running.post(payload)
    connection = await running.connect()
    connection.stop_reading()
    await connection.send(
        b"GET /v1/blobs/" + posted["blob_id"].encode() + b" HTTP/1.1\r\nHost: node\r\n\r\n"
    )
    await eventually(lambda: running.node.reads.count > 0)
    await until_timers(running, 1)
    running.timers.advance(3600)
    await eventually(lambda: running.node.reads.count == 0)
    connection.abort()
    await running.get("/healthz")


async def test_an_answer_that_takes_too_long_is_given_up(start_node: StartNode) -> None:
    running = await start_node(request_timeout_s=0.01)

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    running.node.reading.record = never
    _, body = await running.get(f"/v1/blobs/{'ab' * 32}", 503)
    assert b'"code":"deadline_exceeded"' in body


async def test_a_client_that_sends_no_more_is_still_answered(running: Running) -> None:
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 3\r\n\r\nabc")
    connection.end()
    assert (await connection.answer()).status == 201
    assert await connection.is_closed()


async def test_half_a_header_and_no_more_is_408(running: Running) -> None:
    connection = await running.connect()
    await connection.send(b"GET /heal")
    connection.end()
    await until_timers(running, 1)
    running.timers.advance(60)
    assert (await connection.answer()).status == 408
    assert await connection.is_closed()


async def test_a_crowd_is_told_to_come_back(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "CONNECTIONS", 1)
    running = await start_node()
    first = await running.connect()
    await first.send(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
    assert (await first.answer()).status == 200
    second = await running.connect()
    answer = await second.answer()
    assert (answer.status, answer.problem["code"]) == (429, "too_many_requests")
    assert await second.is_closed()
    await first.send(b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n")
    assert (await first.answer()).status == 200


async def test_requests_in_one_packet_are_answered_in_order(running: Running) -> None:
    connection = await running.connect()
    await connection.send(
        b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\nGET /v1/node HTTP/1.1\r\nHost: node\r\n\r\n"
    )
    assert (await connection.answer()).body == b'{"status":"ok"}'
    assert b"node_id" in (await connection.answer()).body


def test_a_header_of_256_points_fits_into_a_line() -> None:
    query = ",".join(str(8191 - index) for index in range(256))
    line = f"GET /v1/blobs/0x{'a' * 64}/points?point={query} HTTP/1.1"
    assert len(line) < connection_module.LINE_BYTES


async def is_refused(url: str) -> bool:
    try:
        connection = await RawConnection.open(url)
    except ConnectionError:
        return True
    await connection.close()
    return False


async def test_an_upload_that_has_begun_when_the_node_stops_is_still_taken(
    start_node: StartNode, received: Received
) -> None:
    running = await start_node(shutdown_grace_s=20.0)
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 10\r\n\r\nabcd")
    await received(4)
    restarting = asyncio.create_task(start_node())
    while not await is_refused(running.url):
        pass
    await connection.send(b"efghij")
    assert (await connection.answer()).status == 201
    again = await restarting
    assert again.node.store.usage().blobs == 1


async def test_an_upload_that_does_not_end_does_not_keep_a_node_from_stopping(
    start_node: StartNode, received: Received
) -> None:
    running = await start_node(shutdown_grace_s=0.0)
    connection = await running.connect()
    await connection.send(POST + b"Content-Length: 10\r\n\r\nabcd")
    await received(4)
    async with asyncio.timeout(60):  # half of what a request may take
        again = await start_node()
    assert again.node.store.usage().blobs == 0


@pytest.mark.parametrize("when", ["before it stops", "while it stops"])
async def test_the_rest_of_a_refused_body_does_not_keep_a_node_from_stopping(
    start_node: StartNode, received: Received, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(connection_module, "LINGER_S", 600.0)
    running = await start_node(shutdown_grace_s=600.0, body_limit_bytes=10)
    connection = await running.connect()
    async with asyncio.timeout(300):
        if when == "before it stops":
            await connection.send(POST + b"Content-Length: 11\r\n\r\nabcd")
            assert (await connection.answer()).status == 413
            restarting = asyncio.create_task(start_node())
        else:
            await connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n")
            await received(4)
            restarting = asyncio.create_task(start_node())
            while not await is_refused(running.url):
                pass
            await connection.send(b"7\r\nefghijk\r\n")
            assert (await connection.answer()).status == 413
        await restarting
    assert await connection.is_closed()
