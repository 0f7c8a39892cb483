"""Every durable step fails, in both ways, and the power goes: what was acknowledged is there.

One story of puts, a repeat, an addition, a move, a repair and a prune is told to a store on a disk
that loses what was not synced. It is told once for each durable step and each way in which that
step can fail; then the power goes, and a check that knows nothing but what was acknowledged looks
at what is left. The same check must fail on a store whose database does not sync.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from lossy_disk import LossyDatabase, LossyDisk, NeverSyncing
from store_specimens import EXPIRY, NOW, Clock, columns_of

from da_node.coding import COLUMNS, BlobId, EncodedBlob
from da_node.errors import Pruned, StoreFault, StoreFull, UnknownBlob
from da_node.retention import HOUR_S, bucket_of
from da_node.store import Store, layout
from da_node.store.door import DiskFull
from da_node.store.layout import KeyRange

LATER = EXPIRY + 30 * HOUR_S
PRUNED_AT = EXPIRY + 2 * HOUR_S
HELD = (0, 1, 64)


@dataclass
class Told:
    """What the store has acknowledged."""

    expiries: dict[BlobId, int] = field(default_factory=dict)
    columns: dict[BlobId, set[int]] = field(default_factory=dict)
    cursors: dict[int, BlobId] = field(default_factory=dict)
    low_water: int = 0

    def put(self, store: Store, blob: EncodedBlob, indices: tuple[int, ...], expiry: int) -> None:
        stored = store.put_blob(blob.header, columns_of(blob, *indices), expires_at=expiry)
        self.expiries[blob.blob_id] = stored.expires_at
        self.columns.setdefault(blob.blob_id, set()).update(indices)
        self.cursors[stored.cursor] = blob.blob_id


Act = Callable[[Store, Told], None]


def story(blobs: list[EncodedBlob]) -> list[Act]:
    """What is done, act by act. An act that was not acknowledged may be done again."""
    pruned, moved, grown, last = blobs

    def restore(store: Store, told: Told) -> None:
        store.restore_columns(store.record(grown.blob_id), columns_of(grown, 0, 5))
        told.columns[grown.blob_id].add(5)

    def prune(store: Store, told: Told) -> None:
        told.low_water = store.prune(PRUNED_AT).low_water

    return [
        lambda store, told: told.put(store, pruned, HELD, EXPIRY),
        lambda store, told: told.put(store, moved, HELD, EXPIRY),
        lambda store, told: told.put(store, pruned, HELD, EXPIRY),
        lambda store, told: told.put(store, grown, HELD, LATER),
        lambda store, told: told.put(store, grown, (1, 2), LATER),
        lambda store, told: told.put(store, moved, (3,), LATER),
        restore,
        prune,
        lambda store, told: told.put(store, last, HELD, LATER),
    ]


def check(store: Store, disk: LossyDisk, told: Told, blobs: list[EncodedBlob]) -> None:
    """From scratch: all that was acknowledged holds, and nothing is half there."""
    for blob in blobs:
        expiry = told.expiries.get(blob.blob_id)
        try:
            record = store.record(blob.blob_id)
        except UnknownBlob:
            assert expiry is None
            continue
        except Pruned:
            # A deletion may have happened without being told, but not to what is to be kept.
            assert expiry in (None, EXPIRY)
            continue
        assert expiry is None or record.expires_at >= expiry
        assert record.bucket >= told.low_water
        assert set(record.columns) >= told.columns.get(blob.blob_id, set())
        for index in range(COLUMNS):
            column = store.read_column(record, index)
            assert (column is not None) == record.holds(index)
            if column is not None:
                assert column.serialize() == blob.column(index).serialize()
    check_feed(store, told)
    check_leftovers(store, disk)


def check_feed(store: Store, told: Told) -> None:
    """A cursor that was told of stands for its blob for ever, and none is above the last."""
    listed = {entry.cursor: entry.blob_id for entry in store.feed(0, 100)}
    for cursor, blob_id in told.cursors.items():
        assert listed.get(cursor, blob_id) == blob_id
    assert store.last_cursor() >= max(told.cursors, default=0)
    assert max(listed, default=0) <= store.last_cursor()
    kept = {record.cursor for bucket in store.buckets() for record in store.blobs_in(bucket)}
    assert {c for c, _ in listed.items()} == kept - _below_the_mark(store, kept)


def _below_the_mark(store: Store, cursors: set[int]) -> set[int]:
    """Of a prune that was killed after its mark: buckets that are there and not listed."""
    doomed = {entry.bucket for entry in store.plan_prune(0).buckets}
    return {r.cursor for bucket in doomed for r in store.blobs_in(bucket)} & cursors


def check_leftovers(store: Store, disk: LossyDisk) -> None:
    """Every key belongs to a record, and the sums are right."""
    records = {
        (record.bucket, record.blob_id): record
        for bucket in store.buckets()
        for record in store.blobs_in(bucket)
    }
    usage = store.usage()
    assert usage.blobs == len(records)
    assert usage.bytes_reserved == sum(r.reserved_bytes for r in records.values())
    contents = LossyDatabase(disk)
    for key, _ in contents.scan(KeyRange(*layout.ALL_BUCKETS), 10**6):
        if key == layout.summary_key(layout.bucket_of_key(key)):
            continue
        assert not _is_intent(key)
        record = records[layout.bucket_of_key(key), layout.blob_id_of_key(key)]
        if len(key) == len(layout.piece_key(record.bucket, record.blob_id, 0, 0)):
            assert record.holds(key[-2])


def _is_intent(key: bytes) -> bool:
    start, stop = layout.intents_of(layout.bucket_of_key(key))
    return start <= key < stop


def tell(store: Store, acts: list[Act], told: Told) -> list[Act]:
    """Act until a step fails; returns the acts that were not acknowledged."""
    for done, act in enumerate(acts):
        try:
            act(store, told)
        except StoreFault:
            return acts[done:]
    return []


def durable_steps(blobs: list[EncodedBlob]) -> int:
    disk = LossyDisk()
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    assert tell(store, story(blobs), Told()) == []
    store.close()
    return disk.steps


@pytest.mark.parametrize("torn_after", [0, 1, 2], ids=lambda kept: f"torn-after-{kept}")
@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_whichever_step_fails_what_was_acknowledged_is_there(
    blobs: list[EncodedBlob], keep_failed: bool, torn_after: int
) -> None:
    steps = durable_steps(blobs)
    assert steps > 20
    for fail_at in range(1, steps + 1):
        disk, told = LossyDisk(), Told()
        disk.fail_at, disk.keep_failed, disk.torn_after = fail_at, keep_failed, torn_after
        try:
            store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
            rest = tell(store, story(blobs), told)
            store.close()
        except StoreFault:
            rest = story(blobs)
        store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
        check(store, disk, told, blobs)
        # The story goes on from there to its end, and everything is as if nothing had been.
        assert tell(store, rest, told) == []
        check(store, disk, told, blobs)
        assert store.buckets() == [bucket_of(LATER)]
        assert store.usage().blobs == 3
        store.close()


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_the_same_process_goes_on_after_a_failed_step(
    blobs: list[EncodedBlob], keep_failed: bool
) -> None:
    for fail_at in range(3, durable_steps(blobs) + 1):
        disk, told = LossyDisk(), Told()
        store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
        disk.fail_at, disk.keep_failed = fail_at, keep_failed
        rest = tell(store, story(blobs), told)
        for blob_id in told.expiries:
            # Reads go on while writes are refused.
            store_reads(store, blob_id)
        assert tell(store, rest, told) == []
        check(store, disk, told, blobs)
        store.close()


def store_reads(store: Store, blob_id: BlobId) -> None:
    try:
        record = store.record(blob_id)
    except Pruned:
        return
    assert store.read_column(record, 0) is not None


def test_a_store_that_does_not_sync_is_caught(blobs: list[EncodedBlob]) -> None:
    disk, told = LossyDisk(), Told()
    store = Store(NeverSyncing(disk), clock=Clock(), headroom_bytes=0)
    tell(store, story(blobs), told)
    store.close()
    survivor = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    with pytest.raises(AssertionError):
        check(survivor, disk, told, blobs)
    survivor.close()


def test_followers_see_nothing_that_is_not_durable(blobs: list[EncodedBlob]) -> None:
    disk = LossyDisk()
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    Told().put(store, blobs[0], HELD, EXPIRY)
    disk.fail_at = disk.steps + 3
    with pytest.raises(StoreFault):
        Told().put(store, blobs[1], HELD, EXPIRY)
    assert disk.unsynced, "the record is written, and its sync has failed"
    assert [entry.blob_id for entry in store.feed(0, 10)] == [blobs[0].blob_id]
    assert store.last_cursor() == 1
    store.close()


def test_a_record_that_is_lost_is_a_fault_and_not_an_unknown_blob(
    blobs: list[EncodedBlob],
) -> None:
    disk = LossyDisk()
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    Told().put(store, blobs[0], HELD, EXPIRY)
    store.close()
    del disk.synced[layout.record_key(bucket_of(EXPIRY), blobs[0].blob_id)]
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    with pytest.raises(StoreFault, match="has an expiry and no record"):
        store.record(blobs[0].blob_id)
    store.close()


def test_a_write_that_the_disk_has_no_room_for_is_a_full_store(blobs: list[EncodedBlob]) -> None:
    disk = LossyDisk()
    disk.free_bytes = 100_000
    store = Store(Overfull(disk), clock=Clock(), headroom_bytes=0)
    with pytest.raises(StoreFull) as caught:
        Told().put(store, blobs[0], HELD, EXPIRY)
    assert caught.value.budget_bytes == 100_000
    store.close()


class Overfull(LossyDatabase):
    """Says that it has room, and has not when it comes to bulk."""

    def make_room(self) -> None:
        raise DiskFull(reason="No space left on device")


def test_a_full_disk_keeps_reads_and_waits_with_writes(blobs: list[EncodedBlob]) -> None:
    disk = LossyDisk()
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    Told().put(store, blobs[0], HELD, EXPIRY)
    disk.fail_at = disk.steps + 1
    with pytest.raises(StoreFault):
        store.probe()
    disk.free_bytes, disk.log_bytes = 10, 500
    with pytest.raises(StoreFull):
        store.prune(NOW)
    store_reads(store, blobs[0].blob_id)
    disk.free_bytes = 1 << 40
    Told().put(store, blobs[1], HELD, EXPIRY)
    store.close()
