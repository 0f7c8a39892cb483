"""What a node does by itself: pruning, archiving, scrubbing, healing, measuring its own lag."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from node_under_test import EXPIRY, NOW, damage, eventually, is_sound, lose
from running_node import Running, StartNode

from da_node.archive import read_archive
from da_node.coding import BlobId
from da_node.errors import NotEnough, NotReady, StoreFault, StoreFull
from da_node.node import recovering
from da_node.node.identity import FILE_NAME, node_id
from da_node.node.pruning import Reach, archive_name
from da_node.retention import DAY_S, HOUR_S, bucket_of
from da_node.store import Record

PAYLOAD = hashlib.shake_128(b"upkeep").digest(5000)


async def record_of(running: Running, posted: dict[str, Any]) -> Record:
    return await running.node.reading.record(BlobId.from_hex(posted["blob_id"]))


def archived(path: Path) -> dict[str, bytes]:
    """Payload by label."""
    return {entry.label: bytes(entry.payload) for entry in read_archive(path)}


# ---------------------------------------------------------------- pruning


async def test_nothing_goes_before_its_time(running: Running) -> None:
    await running.post(PAYLOAD)
    running.clock.now = EXPIRY + HOUR_S
    assert (await running.node.pruning.once()).blobs == 0
    running.clock.now += 1
    assert (await running.node.pruning.once()).blobs == 1
    assert running.node.store.usage().blobs == 0


async def test_a_clock_that_is_far_ahead_deletes_a_day_at_once_and_then_a_day_each_hour(
    running: Running,
) -> None:
    """What a store refuses afterwards goes no further either: it is what was deleted."""
    expiries = []
    for day in range(4):
        posted = await running.post(PAYLOAD + bytes([day]))
        expiries.append(posted["expires_at"])
        running.clock.now += DAY_S
    right = running.clock.now
    running.clock.now += 60 * DAY_S
    held = []
    for _ in range(4):
        await running.node.pruning.once()
        await running.node.pruning.once()  # in no time nothing more is deleted
        held.append(running.node.store.usage().blobs)
        running.timers.advance(3600)
    assert held == [3, 2, 1, 0]
    running.clock.now = right
    assert (await running.post(PAYLOAD))["expires_at"] > expiries[-1]


def test_a_prune_reaches_as_far_as_time_has_passed() -> None:
    reach = Reach(monotonic_s=5.0)
    begin = EXPIRY + HOUR_S
    assert reach.until(begin + 60, EXPIRY, 5.0) == begin + 60  # all that is due
    assert reach.until(begin + 9 * DAY_S, EXPIRY, 5.0) == begin + DAY_S - 60
    assert reach.until(begin + 9 * DAY_S, EXPIRY, 15.0) == begin + 240
    # However long it was up, no more than a day goes at once.
    assert reach.until(begin + 9 * DAY_S, EXPIRY, 1e6) == begin + DAY_S


async def test_the_node_prunes_by_itself(start_node: StartNode) -> None:
    running = await start_node(prune_interval_s=0.001)
    await running.post(PAYLOAD)
    running.clock.now = EXPIRY + 2 * HOUR_S
    await eventually(lambda: running.node.store.usage().blobs == 0)


async def test_a_prune_that_fails_is_tried_again(start_node: StartNode) -> None:
    running = await start_node(prune_interval_s=0.001)
    await running.post(PAYLOAD)
    prune = running.node.store.prune

    def fail(now: int) -> None:
        running.node.store.prune = prune
        raise StoreFault(reason="the disk is gone")

    running.node.store.prune = fail
    running.clock.now = EXPIRY + 2 * HOUR_S
    await eventually(lambda: running.node.store.usage().blobs == 0)
    text = (await running.get("/metrics"))[1].decode()
    assert 'holdfast_background_failures_total{work="prune"} 1.0' in text


async def test_a_bucket_is_archived_before_it_is_pruned(
    start_node: StartNode, tmp_path: Path
) -> None:
    running = await start_node(archive_directory=tmp_path / "archive")
    posted = await running.post(PAYLOAD, label="a")
    await running.post(PAYLOAD + b"!", label="b")
    damage(running.node, await record_of(running, posted), 0, 1, 2)
    running.clock.now = EXPIRY + 2 * HOUR_S
    assert (await running.node.pruning.once()).blobs == 2
    path = tmp_path / "archive" / "2026-01-19T05Z.archive"
    assert path.name == archive_name(bucket_of(EXPIRY))
    assert archived(path) == {"a": PAYLOAD, "b": PAYLOAD + b"!"}


async def test_a_bucket_that_cannot_be_archived_stays_and_so_do_later_ones(
    start_node: StartNode, tmp_path: Path
) -> None:
    directory = tmp_path / "archive"
    running = await start_node(archive_directory=directory)
    for hour, label in enumerate("abc"):
        running.clock.now = NOW + hour * HOUR_S
        await running.post(PAYLOAD + bytes([hour]), label=label)
    # A directory where the second bucket's file should be.
    (directory / archive_name(bucket_of(EXPIRY + HOUR_S)) / "in the way").mkdir(parents=True)
    running.clock.now = EXPIRY + 9 * HOUR_S
    assert (await running.node.pruning.once()).blobs == 1
    assert running.node.store.usage().blobs == 2
    text = (await running.get("/metrics"))[1].decode()
    assert 'holdfast_background_failures_total{work="archive"} 1.0' in text
    (directory / archive_name(bucket_of(EXPIRY + HOUR_S)) / "in the way").rmdir()
    (directory / archive_name(bucket_of(EXPIRY + HOUR_S))).rmdir()
    assert (await running.node.pruning.once()).blobs == 2
    assert len(list(directory.iterdir())) == 3


async def test_a_lost_blob_does_not_keep_its_bucket(start_node: StartNode, tmp_path: Path) -> None:
    running = await start_node(archive_directory=tmp_path / "archive")
    lost = await running.post(PAYLOAD, label="lost")
    lose(running.node, await record_of(running, lost), *range(65))
    await running.post(PAYLOAD + b"!", label="kept")
    running.clock.now = EXPIRY + 2 * HOUR_S
    assert (await running.node.pruning.once()).blobs == 2
    (path,) = (tmp_path / "archive").iterdir()
    assert archived(path) == {"kept": PAYLOAD + b"!"}


async def test_a_bucket_of_lost_blobs_has_no_archive(start_node: StartNode, tmp_path: Path) -> None:
    running = await start_node(archive_directory=tmp_path / "archive")
    lost = await running.post(PAYLOAD)
    lose(running.node, await record_of(running, lost), *range(65))
    running.clock.now = EXPIRY + 2 * HOUR_S
    assert (await running.node.pruning.once()).blobs == 1
    assert list((tmp_path / "archive").iterdir()) == []


# ---------------------------------------------------------------- scrubbing and healing


async def test_the_scrub_finds_damage_before_anyone_asks(
    start_node: StartNode,
) -> None:
    running = await start_node(scrub_bytes_per_s=1 << 40)
    record = await record_of(running, await running.post(PAYLOAD))
    await running.post(PAYLOAD + b"!")
    damage(running.node, record, 3, 99)
    await running.node.scrubbing.once()
    await running.node.recovering.drain()
    assert is_sound(running.node, record, 3)
    assert is_sound(running.node, record, 99)
    text = (await running.get("/metrics"))[1].decode()
    assert "holdfast_scrubbed_columns_total 256.0" in text
    assert "holdfast_healed_columns_total 2.0" in text
    assert await running.node.scrubbing.blob(record) == []


async def test_the_scrub_goes_on_behind_what_it_cannot_heal(
    start_node: StartNode,
) -> None:
    running = await start_node(scrub_bytes_per_s=1 << 40)
    first = await record_of(running, await running.post(PAYLOAD))
    second = await record_of(running, await running.post(PAYLOAD + b"!"))
    for record in (first, second):
        lose(running.node, record, *range(64))
    lose(running.node, min(first, second, key=lambda record: record.blob_id), 64)
    await running.node.scrubbing.once()
    await running.node.recovering.drain()
    healed = max(first, second, key=lambda record: record.blob_id)
    assert all(is_sound(running.node, healed, index) for index in range(128))


async def test_a_heal_that_fails_leaves_the_answer_and_the_damage(running: Running) -> None:
    posted = await running.post(PAYLOAD)
    record = await record_of(running, posted)
    damage(running.node, record, 0)

    def fail(*_: object) -> None:
        raise StoreFull(needed_bytes=1, free_bytes=0, budget_bytes=0)

    running.node.store.restore_columns = fail
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD
    await running.node.recovering.drain()
    assert not is_sound(running.node, record, 0)
    text = (await running.get("/metrics"))[1].decode()
    assert 'holdfast_background_failures_total{work="heal"} 1.0' in text


async def test_only_so_many_recoveries_wait(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovering, "RECOVERIES_WAITING", 1)
    node = running.node
    records = [await record_of(running, await running.post(PAYLOAD + bytes([i]))) for i in (1, 2)]
    first = asyncio.create_task(node.recovering.blob(records[0]))
    await asyncio.sleep(0)
    with pytest.raises(NotReady):
        await node.recovering.blob(records[1])
    assert (await first).payload() == PAYLOAD + b"\x01"


async def test_what_cannot_be_recovered_says_what_is_left(running: Running) -> None:
    record = await record_of(running, await running.post(PAYLOAD))
    lose(running.node, record, *range(65))
    with pytest.raises(NotEnough) as missing:
        await running.node.recovering.blob(record)
    assert (missing.value.held, missing.value.needed) == (63, 64)


# ---------------------------------------------------------------- intake


async def test_a_repeat_mends_a_blob_that_could_not_be_recovered(start_node: StartNode) -> None:
    running = await start_node()
    posted = await running.post(PAYLOAD)
    lose(running.node, await record_of(running, posted), *range(65))
    await running.get(f"/v1/blobs/{posted['blob_id']}", status=503)
    running = await start_node()  # what it has just stored, a node answers from memory
    assert await running.post(PAYLOAD) == posted
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD
    assert running.node.recovering.damaged(await record_of(running, posted)) == []


async def test_a_payload_that_is_not_stored_is_not_remembered(running: Running) -> None:
    put_blob = running.node.store.put_blob

    def full(*_: object, **__: object) -> None:
        raise StoreFull(needed_bytes=2, free_bytes=1, budget_bytes=9)

    running.node.store.put_blob = full
    async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD) as response:
        assert response.status == 507
        assert response.headers["Retry-After"] == "3600"
        assert (await response.json())["code"] == "store_full"
    running.node.store.put_blob = put_blob
    async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD) as response:
        assert response.status == 201


async def test_a_budget_that_is_used_up_is_507_and_nothing_is_half_stored(
    start_node: StartNode,
) -> None:
    running = await start_node(budget_bytes=1 << 20)
    stored = await running.post(PAYLOAD)
    async with running.session.post(running.url + "/v1/blobs", data=PAYLOAD + b"!") as response:
        assert response.status == 507
    assert running.node.store.usage().blobs == 1
    assert (await running.get(f"/v1/blobs/{stored['blob_id']}"))[1] == PAYLOAD


async def test_a_stop_finishes_what_was_taken_in(start_node: StartNode) -> None:
    running = await start_node()
    posting = asyncio.create_task(running.post(PAYLOAD))
    await eventually(lambda: bool(running.node.intake._flights))
    running = await start_node()
    posted = await posting
    assert (await running.get(f"/v1/blobs/{posted['blob_id']}"))[1] == PAYLOAD


# ---------------------------------------------------------------- lag, identity


async def test_a_stall_of_the_event_loop_is_measured(running: Running) -> None:
    longest = running.node.metrics.loop_lag_longest_seconds._value
    await eventually(lambda: longest.get() > 0)
    began_s = time.perf_counter()
    while time.perf_counter() < began_s + 0.05:
        pass
    await eventually(lambda: longest.get() > 0.03)


def test_a_node_keeps_its_id(tmp_path: Path) -> None:
    assert node_id(tmp_path) == node_id(tmp_path)
    (tmp_path / "other").mkdir()
    assert node_id(tmp_path) != node_id(tmp_path / "other")


@pytest.mark.parametrize("text", ["", "0x", "0xzz", "0x" + "ab" * 15, "ab" * 16, "é"])
def test_an_id_that_is_none_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(StoreFault, match=FILE_NAME):
        node_id(tmp_path)
