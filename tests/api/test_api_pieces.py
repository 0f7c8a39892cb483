"""Columns and points over HTTP: exact bytes, order, what is missing, what is rebuilt."""

from __future__ import annotations

import hashlib

import pytest
from node_under_test import RememberedKzg, damage, eventually, is_sound, lose
from running_node import Running

from da_node.coding import (
    BlobId,
    Column,
    EncodedBlob,
    Point,
    encode,
    verify_columns,
    verify_points,
)

PAYLOAD = hashlib.shake_128(b"two rows").digest(2 * 4096 * 31)


@pytest.fixture(scope="session")
def blob() -> EncodedBlob:
    return encode(PAYLOAD, RememberedKzg())


async def test_columns_come_in_the_order_asked_and_verify(
    running: Running, blob: EncodedBlob
) -> None:
    await running.post(PAYLOAD)
    fields, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/columns?index=90,3,127")
    assert body == b"".join(blob.column(index).serialize() for index in (90, 3, 127))
    width = len(body) // 3
    columns = [Column.parse(body[i * width : (i + 1) * width], blob.header) for i in range(3)]
    assert [column.index for column in verify_columns(blob.header, columns)] == [90, 3, 127]
    assert "holdfast-missing" not in fields
    assert "immutable" in fields["cache-control"]


async def test_points_come_in_the_order_asked_and_verify(
    running: Running, blob: EncodedBlob
) -> None:
    await running.post(PAYLOAD)
    _, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/points?point=8191,0,65")
    assert body == b"".join(blob.point(index).serialize() for index in (8191, 0, 65))
    width = len(body) // 3
    points = [Point.parse(body[i * width : (i + 1) * width], blob.header) for i in range(3)]
    assert [point.index for point in verify_points(blob.header, points)] == [8191, 0, 65]


async def test_all_columns_may_be_asked_for_at_once(running: Running, blob: EncodedBlob) -> None:
    await running.post(PAYLOAD)
    query = ",".join(map(str, range(128)))
    _, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/columns?index={query}")
    assert hashlib.sha256(body).digest() == (
        hashlib.sha256(b"".join(blob.column(index).serialize() for index in range(128))).digest()
    )


@pytest.mark.parametrize("unit", ["columns?index=5,6", "points?point=320,384"])
async def test_what_is_damaged_is_rebuilt_and_healed(
    running: Running, blob: EncodedBlob, unit: str
) -> None:
    await running.post(PAYLOAD)
    node = running.node
    record = await node.reading.record(blob.blob_id)
    damage(node, record, 6)
    fields, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/{unit}")
    whole = blob.column if "columns" in unit else blob.point
    asked = [int(index) for index in unit.partition("=")[2].split(",")]
    assert body == b"".join(whole(index).serialize() for index in asked)
    assert "holdfast-missing" not in fields
    await eventually(lambda: is_sound(node, record, 6))


async def test_points_read_a_moment_ago_are_answered_alike_until_their_blob_expires(
    running: Running, blob: EncodedBlob
) -> None:
    expires_at = (await running.post(PAYLOAD))["expires_at"]
    path = f"/v1/blobs/{blob.blob_id.hex0x}/points?point=65,70"
    first = await running.get(path)
    lose(running.node, await running.node.reading.record(blob.blob_id), 1)
    assert await running.get(path) == first  # no disk is asked
    running.clock.now = expires_at
    assert b'"code":"pruned"' in (await running.get(path, 410))[1]


async def test_what_cannot_be_rebuilt_is_named_and_its_neighbours_are_not_failed(
    running: Running, blob: EncodedBlob
) -> None:
    await running.post(PAYLOAD)
    record = await running.node.reading.record(blob.blob_id)
    lose(running.node, record, *range(65))
    fields, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/columns?index=1,100,2")
    assert body == blob.column(100).serialize()
    assert fields["holdfast-missing"] == "1,2"
    assert fields["cache-control"] == "no-store"


async def test_never_200_with_nothing_in_it(running: Running, blob: EncodedBlob) -> None:
    await running.post(PAYLOAD)
    record = await running.node.reading.record(blob.blob_id)
    lose(running.node, record, *range(65))
    _, body = await running.get(f"/v1/blobs/{blob.blob_id.hex0x}/columns?index=1,2", 503)
    assert b'"code":"not_enough"' in body


async def test_columns_that_were_never_stored_are_left_out(
    running: Running, blob: EncodedBlob
) -> None:
    arc = [blob.column(index) for index in range(32, 64)]
    expires_at = (await running.post(b"another"))["expires_at"]
    running.node.store.put_blob(blob.header, arc, expires_at=expires_at)
    path = f"/v1/blobs/{BlobId(blob.blob_id).hex0x}"
    fields, body = await running.get(f"{path}/columns?index=31,32,64")
    assert body == blob.column(32).serialize()
    assert fields["holdfast-missing"] == "31,64"
    assert b'"state":"partial"' in (await running.get(f"{path}/status"))[1]
    _, problem = await running.get(path, 503)
    assert b'"held":32' in problem
    # What it has, it serves: this range lies in columns of the arc.
    start = 32 * 64 * 2 * 31
    _, part = await running.get(path, 206, Range=f"bytes={start}-{start + 99}")
    assert part == PAYLOAD[start : start + 100]
