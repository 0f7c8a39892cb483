"""What bad input gets: its status, its code, nothing stored, and the node goes on."""

from __future__ import annotations

import json
import socket
import struct

import pytest
from node_under_test import eventually
from running_node import Running, StartNode

FOREIGN = "0x" + "ab" * 32
HOST = b"Host: node\r\n"


async def is_untouched(running: Running) -> bool:
    """Whether nothing is stored, nothing is held for a request, and the node answers."""
    await running.node.intake.drain()
    await running.get("/healthz")
    node = running.node
    return (
        node.store.usage().blobs == 0
        and node.store.last_cursor() == 0
        and node.uploads.count == node.uploads.held_bytes == 0
    )


def problem_in(body: bytes) -> dict[str, object]:
    assert b"Traceback" not in body
    assert b'File "' not in body
    document: dict[str, object] = json.loads(body)
    return document


POSTS = {
    "nothing at all": (b"", 400, "empty_payload"),
    "length nought": (b"Content-Length: 0\r\n", 400, "empty_payload"),
    "no chunk but the last": (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "empty_payload"),
    "announced too long": (b"Content-Length: 1001\r\n", 413, "payload_too_large"),
    "announced absurdly long": (b"Content-Length: 99999999999999\r\n", 413, "payload_too_large"),
    "a chunk too long": (
        b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001) + b"\r\n0\r\n\r\n",
        413,
        "payload_too_large",
    ),
    "not a length": (b"Content-Length: many\r\n", 400, "malformed_request"),
    "a negative length": (b"Content-Length: -5\r\n", 400, "malformed_request"),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 6\r\n", 400, "malformed_request"),
    "length and chunks": (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        400,
        "malformed_request",
    ),
    "a chunk size that is none": (
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400,
        "malformed_request",
    ),
    "compressed on its way": (
        b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        400,
        "malformed_request",
    ),
    "compressed": (
        b"Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\nabcde",
        400,
        "malformed_request",
    ),
    "an unknown expectation": (
        b"Content-Length: 5\r\nExpect: miracles\r\n\r\nabcde",
        400,
        "malformed_request",
    ),
    "a long label": (
        b"Content-Length: 1\r\nHoldfast-Label: " + b"x" * 65 + b"\r\n\r\nx",
        400,
        "malformed_request",
    ),
    "a label that is not UTF-8": (
        b"Content-Length: 1\r\nHoldfast-Label: \xff\xfe\r\n\r\nx",
        400,
        "malformed_request",
    ),
    "two labels": (
        b"Content-Length: 1\r\nHoldfast-Label: a\r\nHoldfast-Label: b\r\n\r\nx",
        400,
        "malformed_request",
    ),
}


@pytest.mark.parametrize("name", POSTS)
async def test_a_bad_post_is_refused_and_leaves_nothing(start_node: StartNode, name: str) -> None:
    running = await start_node(body_limit_bytes=1000)
    fields, status, code = POSTS[name]
    end = b"" if b"\r\n\r\n" in fields else b"\r\n"
    answer = await running.raw(b"POST /v1/blobs HTTP/1.1\r\n" + HOST + fields + end)
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert problem_in(answer.body)
    assert await is_untouched(running)


GETS = {
    "/v1/blobs/xyz": (400, "malformed_id"),
    "/v1/blobs/0x": (400, "malformed_id"),
    "/v1/blobs/" + "a" * 63: (400, "malformed_id"),
    "/v1/blobs/0x" + "a" * 65: (400, "malformed_id"),
    "/v1/blobs/%20" + "a" * 63: (400, "malformed_id"),
    f"/v1/blobs/{FOREIGN}": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/header": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/status": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/certificate": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/columns?index=1": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/points?point=1": (404, "unknown_blob"),
    f"/v1/blobs/{FOREIGN}/columns": (400, "malformed_request"),
    f"/v1/blobs/{FOREIGN}/columns?index=": (400, "malformed_request"),
    f"/v1/blobs/{FOREIGN}/columns?index=1,": (400, "malformed_request"),
    f"/v1/blobs/{FOREIGN}/columns?index=-1": (400, "malformed_request"),
    f"/v1/blobs/{FOREIGN}/columns?index=1&index=2": (400, "malformed_request"),
    f"/v1/blobs/{FOREIGN}/columns?index=128": (400, "index_out_of_range"),
    f"/v1/blobs/{FOREIGN}/columns?index=3,3": (400, "repeated_index"),
    f"/v1/blobs/{FOREIGN}/points?point=8192": (400, "index_out_of_range"),
    f"/v1/blobs/{FOREIGN}/points?point={'1,' * 256}1": (400, "malformed_request"),
    "/v1/blobs?after=-1": (400, "malformed_request"),
    "/v1/blobs?after=99999999999999999999": (400, "malformed_request"),
    "/v1/blobs?limit=0": (400, "malformed_request"),
    "/v1/blobs?limit=1001": (400, "malformed_request"),
    f"/v1/blobs?label={'x' * 65}": (400, "malformed_request"),
    "/v1/events?label=a&label=b": (400, "malformed_request"),
    "/v1/keysets/0x00": (404, "not_found"),
    "/v2": (404, "not_found"),
    "/": (404, "not_found"),
    "/v1/blobs/": (404, "not_found"),
    "/../etc/passwd": (404, "not_found"),
}


@pytest.mark.parametrize("path", GETS)
async def test_a_bad_get_is_refused(running: Running, path: str) -> None:
    answer = await running.raw(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (answer.status, answer.problem["code"]) == GETS[path]
    assert problem_in(answer.body)


@pytest.mark.parametrize("field", [b"Last-Event-ID", b"Holdfast-Label", b"Content-Encoding"])
async def test_a_field_that_is_no_text_is_refused(running: Running, field: bytes) -> None:
    line = b"GET /v1/events" if field == b"Last-Event-ID" else b"POST /v1/blobs"
    answer = await running.raw(
        line + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n" + field + b": \xff\r\n\r\na"
    )
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")
    assert problem_in(answer.body)


PARSER = {
    "no HTTP": b"hello there, node\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n",
    "a version that is none": b"GET /healthz HTTP/9.9\r\n\r\n",
    "a line too long": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n",
    "a field too long": b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    "too many fields": b"GET /healthz HTTP/1.1\r\n"
    + b"".join(b"X%d: a\r\n" % number for number in range(100))
    + b"\r\n",
    "a field without a colon": b"GET /healthz HTTP/1.1\r\nnonsense\r\n\r\n",
    "a space in a field's name": b"GET /healthz HTTP/1.1\r\nA B: c\r\n\r\n",
    "a nought byte": b"GET /healthz HTTP/1.1\r\nX: a\0b\r\n\r\n",
}


@pytest.mark.parametrize("name", PARSER)
async def test_what_the_parser_refuses_is_a_problem_too(running: Running, name: str) -> None:
    connection = await running.connect()
    await connection.send(PARSER[name])
    answer = await connection.answer()
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")
    assert problem_in(answer.body)
    assert await connection.is_closed()
    await running.get("/healthz")


async def test_a_method_that_a_route_has_not_is_405_with_those_it_has(running: Running) -> None:
    fields, body = await running.get("/v1/blobs", 405, method="DELETE")
    assert fields["allow"] == "GET, OPTIONS, POST"
    assert problem_in(body)["code"] == "method_not_allowed"


async def test_options_names_the_methods(running: Running) -> None:
    fields, body = await running.get(f"/v1/blobs/{FOREIGN}", 204, method="OPTIONS")
    assert fields["allow"] == "GET, HEAD, OPTIONS"
    assert body == b""


@pytest.mark.parametrize("value", ["bytes=-0", "bytes=3-", "bytes=3-9", "bytes=999999999999-"])
async def test_a_range_past_the_end_is_416(running: Running, value: str) -> None:
    posted = await running.post(b"abc")
    _, body = await running.get(f"/v1/blobs/{posted['blob_id']}", 416, Range=value)
    assert problem_in(body)["bound"] == 3


async def test_a_client_that_stops_halfway_is_told_and_leaves_nothing(running: Running) -> None:
    connection = await running.connect()
    await connection.send(
        b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\n\r\n" + bytes(499)
    )
    connection.end()
    answer = await connection.answer()
    assert answer.problem["code"] == "incomplete_body"
    assert (answer.problem["received_bytes"], answer.problem["expected_bytes"]) == (499, 500)
    assert await connection.is_closed()
    assert await is_untouched(running)


async def test_a_chunked_body_without_an_end_leaves_nothing(running: Running) -> None:
    connection = await running.connect()
    await connection.send(
        b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
    )
    connection.end()
    assert (await connection.answer()).problem["code"] == "incomplete_body"
    assert await is_untouched(running)


async def test_a_client_that_vanishes_leaves_nothing(running: Running) -> None:
    parts = running.url.removeprefix("http://").split(":")
    with socket.create_connection((parts[0], int(parts[1]))) as client:
        client.sendall(
            b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Content-Length: 500\r\n\r\n" + bytes(100)
        )
        await eventually(lambda: running.node.uploads.count > 0)
        # A reset instead of an orderly end.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await eventually(lambda: running.node.uploads.count == 0)
    assert await is_untouched(running)


async def test_a_body_longer_than_it_said_is_refused(running: Running) -> None:
    connection = await running.connect()
    await connection.send(
        b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabcGARBAGE\r\n\r\n"
    )
    assert (await connection.answer()).problem["code"] == "malformed_request"
    assert await connection.is_closed()
    assert await is_untouched(running)


async def test_uploads_beyond_the_limit_are_told_to_come_back(start_node: StartNode) -> None:
    running = await start_node(max_uploads=1)
    first = await running.connect()
    await first.send(b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\na")
    await eventually(lambda: running.node.uploads.count > 0)
    answer = await running.raw(
        b"POST /v1/blobs HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nab"
    )
    assert (answer.status, answer.problem["code"]) == (429, "too_many_requests")
    assert answer.fields["retry-after"] == "1"
    await first.send(b"b")
    assert (await first.answer()).status == 201


async def test_a_client_that_reads_too_often_is_slowed_down(start_node: StartNode) -> None:
    running = await start_node(reads_per_second_per_client=2)
    for _ in range(4):
        await running.get("/v1/blobs")
    fields, body = await running.get("/v1/blobs", 429)
    assert problem_in(body)["code"] == "too_many_requests"
    assert fields["retry-after"] == "1"
    await running.get("/healthz")
    running.timers.advance(0.5)
    await running.get("/v1/blobs")


async def test_behind_a_proxy_each_of_its_clients_counts_alone(start_node: StartNode) -> None:
    running = await start_node(reads_per_second_per_client=1, trust_forwarded=True)
    for _ in range(2):
        await running.get("/v1/blobs", X_Forwarded_For="9.9.9.9, 10.0.0.1")
    await running.get("/v1/blobs", 429, X_Forwarded_For="8.8.8.8, 10.0.0.1")
    await running.get("/v1/blobs", X_Forwarded_For="9.9.9.9, 10.0.0.2")


async def test_a_bug_is_answered_without_its_words(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    running.node.store.feed = fail
    _, body = await running.get("/v1/blobs", 500)
    assert problem_in(body)["code"] == "bug"
    assert b"secret" not in body
    await running.get("/healthz")
