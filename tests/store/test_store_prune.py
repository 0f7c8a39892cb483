"""Twenty days of blobs, hour by hour, and prunes that are killed between their steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lossy_disk import LossyDatabase, LossyDisk
from store_specimens import EXPIRY, NOW, Clock, columns_of

from da_node.coding import BlobId, EncodedBlob
from da_node.errors import Pruned, StoreFault, UnknownBlob
from da_node.retention import (
    DAY_S,
    GRACE_S,
    HOUR_S,
    RETENTION_S,
    TOMBSTONE_S,
    bucket_of,
    expires_at_for,
)
from da_node.store import Offer, Store, layout

Open = Callable[..., Store]


def never_coming(blob: EncodedBlob) -> Offer:
    """A certificate of a blob that is not here."""
    return Offer(
        header=blob.header,
        expires_at=EXPIRY,
        certificate=b"proof",
        stays=lambda _: True,
        columns=(4,),
    )


def put(store: Store, blob: EncodedBlob, expires_at: int, *indices: int) -> None:
    store.put_blob(blob.header, columns_of(blob, *(indices or (1,))), expires_at=expires_at)


def test_over_twenty_days_each_hour_goes_when_its_grace_is_over_and_no_earlier(
    lossy_store: Callable[[], Store], clock: Clock, blobs: list[EncodedBlob]
) -> None:
    """Four blobs take turns: each comes again as soon as it has been deleted."""
    store = lossy_store()
    expiries: dict[BlobId, int] = {}
    deleted = 0
    for hour in range(2 * 20 * 24):
        clock.now = NOW + hour * HOUR_S + 1
        due = {i: e for i, e in expiries.items() if e + GRACE_S < clock.now}
        plan = store.plan_prune(clock.now)
        assert {bucket.expired_at for bucket in plan.buckets} == set(due.values())
        report = store.prune(clock.now)
        assert report == plan
        assert report.blobs == len(due)
        deleted += report.blobs
        for blob_id, expired_at in due.items():
            with pytest.raises(Pruned) as caught:
                store.record(BlobId(blob_id))
            assert caught.value.expired_at == expired_at
            del expiries[blob_id]
        for blob in blobs:
            held = expiries.get(blob.blob_id)
            if held is None and hour % 97 == blobs.index(blob):
                put(store, blob, expires_at_for(clock.now))
                expiries[blob.blob_id] = expires_at_for(clock.now)
            elif held is not None and clock.now < held:
                record = store.record(blob.blob_id)
                assert record.expires_at == held
        assert store.usage().blobs == len(expiries)
    assert deleted >= 8


def test_the_disk_comes_back(
    open_store: Open, tmp_path: Path, tall_blob: EncodedBlob, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    store.put_blob(tall_blob.header, columns_of(tall_blob), expires_at=EXPIRY)
    open_store().put_blob(blobs[0].header, columns_of(blobs[0]), expires_at=EXPIRY + DAY_S)
    store = open_store()
    full = directory_bytes(tmp_path / "store")
    assert full > 2 * tall_blob.header.payload_length
    report = store.prune(EXPIRY + 2 * HOUR_S)
    assert (report.blobs, len(report.buckets)) == (1, 1)
    assert directory_bytes(tmp_path / "store") < full - 2 * tall_blob.header.payload_length
    record = store.record(blobs[0].blob_id)
    assert all(store.read_column(record, index) is not None for index in range(128))


def test_a_plan_deletes_nothing(open_store: Open, blobs: list[EncodedBlob]) -> None:
    store = open_store()
    put(store, blobs[0], EXPIRY)
    plan = store.plan_prune(EXPIRY + 2 * HOUR_S)
    assert plan.reserved_bytes == store.usage().bytes_reserved
    assert store.record(blobs[0].blob_id).expires_at == EXPIRY


def test_with_nothing_to_delete_the_mark_stays(open_store: Open, blobs: list[EncodedBlob]) -> None:
    store = open_store()
    put(store, blobs[0], EXPIRY)
    assert store.prune(EXPIRY).buckets == ()
    put(store, blobs[1], EXPIRY)
    assert store.prune(EXPIRY).low_water == 0


def test_a_moved_blob_outlives_its_first_bucket(open_store: Open, blobs: list[EncodedBlob]) -> None:
    store = open_store()
    put(store, blobs[0], EXPIRY, 1, 2)
    put(store, blobs[0], EXPIRY + DAY_S, 1)
    store.prune(EXPIRY + 2 * HOUR_S)
    record = store.record(blobs[0].blob_id)
    assert [store.read_column(record, index) is not None for index in (1, 2)] == [True, True]
    assert [entry.cursor for entry in store.feed(0, 10)] == [2]


def test_a_tombstone_is_kept_for_a_year(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store, blob_id = open_store(), blobs[0].blob_id
    put(store, blobs[0], EXPIRY)
    for clock.now in (EXPIRY + 2 * HOUR_S, EXPIRY + TOMBSTONE_S):
        store.prune(clock.now)
        store = open_store()
        with pytest.raises(Pruned) as caught:
            store.record(blob_id)
        assert caught.value.expired_at == EXPIRY
    clock.now = EXPIRY + TOMBSTONE_S + 31 * DAY_S
    store.prune(clock.now)
    with pytest.raises(UnknownBlob):
        store.record(blob_id)
    with pytest.raises(UnknownBlob):
        open_store().record(blob_id)


def test_a_blob_that_comes_again_after_its_deletion_is_found_under_its_new_expiry(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store = open_store()
    put(store, blobs[0], EXPIRY)
    clock.now = EXPIRY + 40 * DAY_S
    store.prune(clock.now)
    again = expires_at_for(clock.now)
    put(store, blobs[0], again)
    assert open_store().record(blobs[0].blob_id).expires_at == again


@pytest.mark.parametrize("killed_after", range(5))
def test_a_prune_killed_between_its_steps_is_finished_by_the_next(
    disk: LossyDisk, blobs: list[EncodedBlob], killed_after: int
) -> None:
    """The steps: the mark, its sync; expiries of what never came, the deletes, their sync."""
    clock = Clock()
    store = Store(LossyDatabase(disk), clock=clock, headroom_bytes=0)
    put(store, blobs[0], EXPIRY)
    put(store, blobs[1], EXPIRY + DAY_S)
    store.put_certificates([never_coming(blobs[2])])
    clock.now = EXPIRY + 2 * HOUR_S
    disk.fail_at = disk.steps + killed_after + 1
    with pytest.raises(StoreFault):
        store.prune(clock.now)
    store.close()

    store = Store(LossyDatabase(disk), clock=clock, headroom_bytes=0)
    for _ in range(2):
        for gone in (blobs[0], blobs[2]):
            with pytest.raises(Pruned) as caught:
                store.record(gone.blob_id)
            assert caught.value.expired_at == EXPIRY
        assert store.record(blobs[1].blob_id).expires_at == EXPIRY + DAY_S
        assert [entry.blob_id for entry in store.feed(0, 10)][-1] == blobs[1].blob_id
        store.prune(clock.now)
    assert store.buckets() == [bucket_of(EXPIRY + DAY_S)]
    doomed = layout.buckets_between(bucket_of(0), bucket_of(EXPIRY + HOUR_S))
    assert LossyDatabase(disk).scan(doomed, 1) == []
    store.close()


def test_a_deletion_that_comes_while_a_blob_is_read_says_so(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    put(store, blobs[0], EXPIRY)
    record = store.record(blobs[0].blob_id)
    store.prune(EXPIRY + 2 * HOUR_S)
    with pytest.raises(Pruned):
        store.read_column(record, 1)


def test_retention_in_the_store_is_the_protocols(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store = open_store()
    accepted_at = NOW + 1
    put(store, blobs[0], expires_at_for(accepted_at))
    clock.now = accepted_at + RETENTION_S
    store.prune(clock.now)
    assert store.record(blobs[0].blob_id).expires_at > clock.now


def directory_bytes(directory: Path) -> int:
    """What the files of a directory take on the disk."""
    return sum(512 * path.stat().st_blocks for path in directory.iterdir())
