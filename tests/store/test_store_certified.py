"""The feed tells of each certificate once, in the same write that keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lossy_disk import LossyDatabase, LossyDisk, NeverSyncing
from store_specimens import EXPIRY, Clock, columns_of

from da_node.coding import EncodedBlob
from da_node.errors import StoreFault
from da_node.retention import HOUR_S, bucket_of
from da_node.store import FeedEntry, Kept, Offer, Store, layout
from da_node.store.records import (
    number_value,
)

Open = Callable[..., Store]
LATER = EXPIRY + 2 * HOUR_S


def put(store: Store, blob: EncodedBlob, expires_at: int = EXPIRY, label: str = "") -> int:
    return store.put_blob(
        blob.header, columns_of(blob, 1), expires_at=expires_at, label=label
    ).cursor


def certify(
    store: Store, blob: EncodedBlob, data: bytes, expires_at: int = EXPIRY, *, stays: bool = True
) -> Kept:
    offer = Offer(
        header=blob.header, expires_at=expires_at, certificate=data, stays=lambda _: stays
    )
    return store.put_certificates([offer])[0]


def told(store: Store, after: int = 0, label: str | None = None) -> list[tuple[int, object]]:
    return [(entry.cursor, entry.certificate) for entry in store.feed(after, 100, label)]


def test_a_blob_is_listed_when_it_is_stored_and_when_it_is_certified(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    put(store, blobs[0], label="a")
    put(store, blobs[1], label="b")
    assert certify(store, blobs[0], b"first") == Kept(taken=True, cursor=3, wanted=False)
    for opened in (lambda: store, open_store):
        assert told(opened()) == [(1, None), (2, None), (3, b"first")]
    store = open_store()
    assert store.feed(2, 1) == [
        FeedEntry(
            cursor=3,
            blob_id=blobs[0].blob_id,
            header=blobs[0].header,
            expires_at=EXPIRY,
            label="a",
            certificate=b"first",
        )
    ]
    assert told(store, label="a") == [(1, None), (3, b"first")]
    assert told(store, label="b") == [(2, None)]
    assert put(store, blobs[2]) == 4
    assert store.last_cursor() == 4


def test_one_that_takes_anothers_place_has_no_event_of_its_own(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    put(store, blobs[0])
    certify(store, blobs[0], b"first")
    assert certify(store, blobs[0], b"second") == Kept(taken=False, cursor=None, wanted=False)
    assert certify(store, blobs[0], b"third", stays=False) == Kept(
        taken=True, cursor=None, wanted=False
    )
    assert told(store) == [(1, None), (2, b"first")]


def test_each_expiry_has_its_own_event_and_goes_with_it(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store = open_store()
    put(store, blobs[0])
    certify(store, blobs[0], b"first")
    assert put(store, blobs[0], LATER) == 3, "stored anew, in its new place"
    assert certify(store, blobs[0], b"later", LATER).cursor == 4
    assert told(store) == [(2, b"first"), (3, None), (4, b"later")]
    clock.now = EXPIRY + HOUR_S + 1
    store.prune(clock.now)
    for opened in (lambda: store, open_store):
        assert told(opened()) == [(3, None), (4, b"later")]
    store = open_store()
    assert store.last_cursor() == 4
    clock.now = LATER + HOUR_S + 1
    store.prune(clock.now)
    assert told(store) == []
    assert put(open_store(), blobs[1], LATER + 24 * HOUR_S) == 5, "cursors are never used twice"


# ---------------------------------------------------------------- faults


def tell(store: Store, blobs: list[EncodedBlob]) -> None:
    put(store, blobs[0])
    certify(store, blobs[0], b"first")
    put(store, blobs[1])
    certify(store, blobs[1], b"other")
    certify(store, blobs[0], b"better", stays=False)


def check(disk: LossyDisk, blobs: list[EncodedBlob], cursors: list[int]) -> None:
    """A certificate is there exactly if its event is, and a cursor seen is not given out again."""
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    listed = store.feed(0, 100)
    assert {entry.cursor for entry in listed} >= set(cursors)
    assert [entry.cursor for entry in listed] == list(range(1, len(listed) + 1))
    certified = {entry.blob_id for entry in listed if entry.certificate}
    for blob in blobs[:2]:
        assert (store.certificate(blob.blob_id) is not None) == (blob.blob_id in certified)
    tell(store, blobs)
    assert len(store.feed(0, 100)) == 4
    assert store.certificate(blobs[0].blob_id) == b"better"
    store.close()


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_wherever_the_power_goes_a_certificate_has_its_event(
    blobs: list[EncodedBlob], keep_failed: bool
) -> None:
    counting = LossyDisk()
    tell(Store(LossyDatabase(counting), clock=Clock(), headroom_bytes=0), blobs)
    assert counting.steps >= 12
    for step in range(3, counting.steps + 1):
        for torn in (0, 1, 2):
            disk = LossyDisk()
            store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
            disk.fail_at, disk.keep_failed, disk.torn_after = step, keep_failed, torn
            with pytest.raises(StoreFault):
                tell(store, blobs)
            seen = [entry.cursor for entry in store.feed(0, 100)]
            store.close()
            check(disk, blobs, seen)


def test_the_check_fails_on_a_database_that_does_not_sync(blobs: list[EncodedBlob]) -> None:
    disk = LossyDisk()
    store = Store(NeverSyncing(disk), clock=Clock(), headroom_bytes=0)
    tell(store, blobs)
    seen = [entry.cursor for entry in store.feed(0, 100)]
    store.close()
    with pytest.raises(AssertionError):
        check(disk, blobs, seen)


# ---------------------------------------------------------------- stores of version 1


def as_version_1(disk: LossyDisk, blobs: list[EncodedBlob]) -> None:
    """What a store that did not tell of certificates has left: one blob of two is certified."""
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    put(store, blobs[0], label="a")
    put(store, blobs[1])
    store.close()
    disk.synced[layout.certificate_key(bucket_of(EXPIRY), blobs[0].blob_id)] = b"old"
    disk.synced[layout.certificate_key(bucket_of(LATER), blobs[0].blob_id)] = b"older"
    disk.synced[layout.certificate_key(bucket_of(LATER), blobs[3].blob_id)] = b"of no blob"
    disk.synced[layout.FORMAT_KEY] = number_value(1)


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_certificates_of_a_store_of_version_1_are_told_of_once(
    blobs: list[EncodedBlob], keep_failed: bool
) -> None:
    for fail_at in range(1, 6):
        disk = LossyDisk()
        as_version_1(disk, blobs)
        disk.fail_at, disk.keep_failed = disk.steps + fail_at, keep_failed
        try:
            Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
        except StoreFault:
            disk.lose_power()
        else:
            assert fail_at == 5, "two events, the version, a sync"
        disk.fail_at = None
        store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
        assert told(store) == [(1, None), (2, None), (3, b"old"), (4, b"older")]
        assert [entry.label for entry in store.feed(2, 2)] == ["a", "a"]
        assert store.last_cursor() == 4
        store.close()
