"""Payloads over HTTP: in, out, in ranges, conditionally, and what goes wrong."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from node_under_test import EXPIRY, NOW, damage, eventually, is_sound, lose
from running_node import Running, StartNode

from da_node.coding import Header
from da_node.errors import StoreFault
from da_node.retention import HOUR_S

PAYLOAD = hashlib.shake_128(b"three rows").digest(3 * 4096 * 31 - 100)


async def test_a_payload_posted_is_read_back_whole(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    fields, body = await running.get(f"/v1/blobs/{posted['blob_id']}")
    assert body == PAYLOAD
    assert fields["content-type"] == "application/octet-stream"


async def test_the_answer_to_a_post_names_id_header_and_expiry(running: Running) -> None:
    running.clock.now = NOW + HOUR_S
    posted = await running.post(PAYLOAD)
    header = Header.parse(bytes.fromhex(posted["header"].removeprefix("0x")))
    assert header.payload_length == len(PAYLOAD)
    assert posted == {
        "blob_id": header.blob_id.hex0x,
        "header": "0x" + header.serialize().hex(),
        "expires_at": EXPIRY + HOUR_S,
        "certificate": None,
        "signers": None,
    }


async def test_the_first_post_creates_and_a_repeat_does_not(start_node: StartNode) -> None:
    running = await start_node()
    for status in (201, 200):
        async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD) as response:
            assert response.status == status
            document = await response.json()
            assert response.headers["Location"] == f"/v1/blobs/{document['blob_id']}"
    running = await start_node()
    async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD) as response:
        assert response.status == 200


async def test_a_repeat_after_an_hour_lives_longer(running: Running) -> None:
    first = await running.post(PAYLOAD)
    running.clock.now += HOUR_S
    second = await running.post(PAYLOAD)
    assert second["blob_id"] == first["blob_id"]
    assert second["expires_at"] == first["expires_at"] + HOUR_S


async def test_fifty_posts_of_one_payload_at_once_store_it_once(start_node: StartNode) -> None:
    running = await start_node(max_uploads=64)
    encoded = []
    encode = running.node.intake._encode
    running.node.intake._encode = lambda payload: encoded.append(1) or encode(payload)

    async def post() -> tuple[int, str]:
        async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD) as response:
            return response.status, await response.text()

    answers = await asyncio.gather(*(post() for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] * 49 + [201]
    assert len({document for _, document in answers}) == 1
    assert len(encoded) == 1
    assert running.node.store.usage().blobs == 1


async def test_a_client_that_leaves_does_not_stop_what_others_wait_for(running: Running) -> None:
    leaving = asyncio.create_task(running.post(PAYLOAD))
    await eventually(lambda: running.node.intake._flights)
    leaving.cancel()
    posted = await running.post(PAYLOAD)
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD


@pytest.mark.parametrize("prefix", ["", "0x"])
async def test_ids_are_taken_with_and_without_0x(running: Running, prefix: str) -> None:
    posted = await running.post(PAYLOAD)
    digits = posted["blob_id"].removeprefix("0x")
    _, body = await running.get(f"/v1/blobs/{prefix}{digits}/header")
    assert "0x" + body.hex() == posted["header"]


async def test_a_chunked_body_is_taken(running: Running) -> None:
    async def pieces():
        for start in range(0, len(PAYLOAD), 10_000):
            yield PAYLOAD[start : start + 10_000]

    posted = await running.post(pieces())
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD


async def test_a_client_that_waits_to_be_asked_is_asked(running: Running) -> None:
    connection = await running.connect()
    await connection.send(
        b"POST /v1/blobs HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await connection.answer()).status == 100
    await connection.send(b"abc")
    assert (await connection.answer()).status == 201


async def test_a_client_that_waits_to_be_asked_is_refused_first(running: Running) -> None:
    answer = await running.raw(
        b"POST /v1/blobs HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    assert answer.problem["code"] == "payload_too_large"


# ---------------------------------------------------------------- ranges and conditions


@pytest.mark.parametrize(
    ("value", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-70000", 5, 70001),
        ("bytes=380000-", 380000, len(PAYLOAD)),
        ("bytes=-7", len(PAYLOAD) - 7, len(PAYLOAD)),
        ("bytes=100-99999999", 100, len(PAYLOAD)),
    ],
)
async def test_a_range_is_that_part(running: Running, value: str, start: int, stop: int) -> None:
    posted = await running.post(PAYLOAD)
    fields, body = await running.get(f"/v1/blobs/{posted['blob_id']}", 206, Range=value)
    assert body == PAYLOAD[start:stop]
    assert fields["content-range"] == f"bytes {start}-{stop - 1}/{len(PAYLOAD)}"


async def test_a_range_touches_only_the_columns_that_hold_it(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    read = []
    read_column = running.node.store.read_column
    running.node.store.read_column = lambda record, index: (
        read.append(index) or read_column(record, index)
    )
    width = 64 * 3 * 31
    value = f"bytes={7 * width + 5}-{8 * width}"
    await running.get(f"/v1/blobs/{posted['blob_id']}", 206, Range=value)
    assert read == [7, 8]


async def test_a_range_past_the_end_is_416_and_names_the_length(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    fields, body = await running.get(
        f"/v1/blobs/{posted['blob_id']}", 416, Range=f"bytes={len(PAYLOAD)}-"
    )
    assert fields["content-range"] == f"bytes */{len(PAYLOAD)}"
    assert b'"code":"range_not_satisfiable"' in body


async def test_a_known_payload_is_not_sent_again(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    path = f"/v1/blobs/{posted['blob_id']}"
    tag = (await running.get(path))[0]["etag"]
    assert tag == f'"{posted["blob_id"]}"'
    fields, body = await running.get(path, 304, If_None_Match=tag)
    assert body == b""
    assert fields["etag"] == tag
    assert (await running.get(path, 206, Range="bytes=1-2", If_Range=tag))[1] == PAYLOAD[1:3]
    assert (await running.get(path, 200, Range="bytes=1-2", If_Range='"other"'))[1] == PAYLOAD


async def test_payloads_may_be_cached_until_they_expire(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    running.clock.now += 100
    fields, _ = await running.get(f"/v1/blobs/{posted['blob_id']}")
    left_s = posted["expires_at"] - NOW - 100
    assert fields["cache-control"] == f"public, max-age={left_s}, immutable"


async def test_head_says_what_get_would(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    path = f"/v1/blobs/{posted['blob_id']}"
    fields, body = await running.get(path, method="HEAD")
    assert body == b""
    assert fields["content-length"] == str(len(PAYLOAD))
    whole, _ = await running.get(path)
    assert {**fields, "date": ""} == {**whole, "date": ""}


async def test_status_names_the_columns_held(running: Running) -> None:
    posted = await running.post(PAYLOAD, label="rollup")
    async with running.session.get(
        f"{running.url}/v1/blobs/{posted['blob_id']}/status"
    ) as response:
        status = await response.json()
    assert status["columns"] == list(range(128))
    assert (status["state"], status["label"]) == ("available", "rollup")
    assert (status["stored_at"], status["expires_at"]) == (NOW, EXPIRY)


# ---------------------------------------------------------------- damage and faults


async def test_damaged_columns_are_recovered_and_healed(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    node = running.node
    record = await node.reading.record(bytes.fromhex(posted["blob_id"][2:]))
    damage(node, record, 0, 63)
    lose(node, record, 7, 100)
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD
    await node.recovering.drain()
    assert all(is_sound(node, record, index) for index in range(128))
    metrics = (await running.get("/metrics"))[1]
    assert b"holdfast_damaged_columns_total 4.0" in metrics
    assert b"holdfast_healed_columns_total 4.0" in metrics
    assert b"holdfast_recoveries_total 1.0" in metrics


async def test_one_recovery_serves_all_who_wait(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    node = running.node
    record = await node.reading.record(bytes.fromhex(posted["blob_id"][2:]))
    damage(node, record, 5)
    slots = node.recovering._slots
    await slots.acquire()
    await slots.acquire()
    path = f"/v1/blobs/{posted['blob_id']}"
    readers = [asyncio.create_task(running.get(path)) for _ in range(5)]
    await eventually(lambda: node.reads.count == 5 and bool(node.recovering._flights))
    slots.release()
    slots.release()
    assert all(body == PAYLOAD for _, body in await asyncio.gather(*readers))
    assert node.metrics.recoveries._value.get() == 1


async def test_with_fewer_than_64_columns_the_answer_is_503(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    node = running.node
    record = await node.reading.record(bytes.fromhex(posted["blob_id"][2:]))
    lose(node, record, *range(65))
    fields, body = await running.get(f"/v1/blobs/{posted['blob_id']}", 503)
    assert b'"code":"not_enough"' in body
    assert b'"held":63' in body
    assert fields["retry-after"] == "5"


async def test_a_store_fault_is_never_does_not_exist(running: Running) -> None:
    posted = await running.post(PAYLOAD)

    def fail(*_: object) -> None:
        raise StoreFault(reason="the disk is gone")

    running.node.store.record = fail
    _, body = await running.get(f"/v1/blobs/{posted['blob_id']}", 503)
    assert b'"code":"store_fault"' in body


async def test_an_expired_blob_is_gone_and_says_when(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    path = f"/v1/blobs/{posted['blob_id']}"
    running.clock.now = posted["expires_at"]
    _, body = await running.get(path, 410)
    assert f'"expired_at":{posted["expires_at"]}'.encode() in body
    running.clock.now = posted["expires_at"] + 2 * HOUR_S
    assert (await running.node.pruning.once()).blobs == 1
    _, body = await running.get(path, 410)
    assert b'"code":"pruned"' in body


async def test_a_lone_node_has_no_certificates(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    path = f"/v1/blobs/{posted['blob_id']}/certificate"
    assert b'"code":"not_found"' in (await running.get(path, 404))[1]
    assert b'"code":"no_keyset"' in (await running.get(path, 422, method="PUT"))[1]
