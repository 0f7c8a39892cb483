"""Pledges and certificates: written with what they speak of, gone with their own expiry."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lossy_disk import LossyDisk, NeverSyncing
from store_specimens import EXPIRY, Clock, columns_of

from da_node.coding import EncodedBlob
from da_node.errors import Bug, StoreFault, UnknownBlob
from da_node.retention import HOUR_S, bucket_of
from da_node.store import Kept, Offer, Store
from da_node.store.layout import piece_key

Open = Callable[..., Store]
PLEDGE, OTHER = b"\x01" * 32, b"\x02" * 32
EARLIER, LATER = EXPIRY - HOUR_S, EXPIRY + 2 * HOUR_S


def put(store: Store, blob: EncodedBlob, expires_at: int, pledge: bytes = PLEDGE) -> None:
    store.put_blob(blob.header, columns_of(blob, 1, 2), expires_at=expires_at, pledge=pledge)


def certify(
    store: Store, blob: EncodedBlob, data: bytes, expires_at: int, *, stays: bool = True
) -> Kept:
    offer = Offer(
        header=blob.header, expires_at=expires_at, certificate=data, stays=lambda _: stays
    )
    return store.put_certificates([offer])[0]


def test_a_pledge_lies_beside_its_columns_after_a_restart(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    put(open_store(), blobs[0], EXPIRY)
    put(open_store(), blobs[0], EXPIRY, OTHER)
    store = open_store()
    assert store.pledges(blobs[0].blob_id, EXPIRY) == [PLEDGE, OTHER]
    assert store.pledges(blobs[0].blob_id, LATER) == []
    assert store.pledges(blobs[1].blob_id, EXPIRY) == []


def test_an_earlier_pledge_moves_nothing_and_a_later_one_moves_the_columns(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store, blob = open_store(), blobs[0]
    put(store, blob, EXPIRY)
    put(store, blob, EARLIER)
    assert store.record(blob.blob_id).expires_at == EXPIRY
    put(store, blob, LATER)
    record = store.record(blob.blob_id)
    assert (record.expires_at, record.columns) == (LATER, (1, 2))
    for expires_at in (EARLIER, EXPIRY, LATER):
        assert store.pledges(blob.blob_id, expires_at) == [PLEDGE]


def test_a_new_pledge_does_not_rest_on_columns_that_are_damaged(
    lossy_store: Callable[..., Store], disk: LossyDisk, blobs: list[EncodedBlob]
) -> None:
    put(lossy_store(), blobs[0], EXPIRY)
    piece = piece_key(bucket_of(EXPIRY), blobs[0].blob_id, 2, 1)
    disk.synced[piece] = bytes(len(disk.synced[piece]))
    store = lossy_store()
    assert store.read_column(store.record(blobs[0].blob_id), 2) is None
    put(store, blobs[0], EARLIER)
    assert store.read_column(store.record(blobs[0].blob_id), 2) is not None
    assert store.record(blobs[0].blob_id).expires_at == EXPIRY


def test_a_damaged_column_that_is_not_brought_again_is_missed_after_a_move(
    lossy_store: Callable[..., Store], disk: LossyDisk, blobs: list[EncodedBlob]
) -> None:
    """As where the next keyset has another arc: nobody would mend what nobody knows of."""
    put(lossy_store(), blobs[0], EXPIRY)
    piece = piece_key(bucket_of(EXPIRY), blobs[0].blob_id, 2, 1)
    disk.synced[piece] = bytes(len(disk.synced[piece]))
    store = lossy_store()
    store.put_blob(blobs[0].header, columns_of(blobs[0], 1, 9), expires_at=LATER, pledge=OTHER)
    record = store.record(blobs[0].blob_id)
    assert (record.expires_at, record.columns) == (LATER, (1, 2, 9))
    assert [store.read_column(record, index) is None for index in record.columns] == [
        False,
        True,
        False,
    ]
    store.restore_columns(record, columns_of(blobs[0], 2))
    assert store.read_column(record, 2) is not None
    assert store.usage().bytes_reserved == record.reserved_bytes


def test_pledges_and_certificates_go_with_their_own_expiry(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store, blob = open_store(), blobs[0]
    put(store, blob, EXPIRY)
    certify(store, blob, b"first", EXPIRY)
    put(store, blob, LATER)
    assert store.certificate(blob.blob_id) == b"first", "still good until it expires"
    clock.now = EXPIRY
    assert store.certificate(blob.blob_id) is None
    store.prune(EXPIRY + HOUR_S + 1)
    assert store.pledges(blob.blob_id, EXPIRY) == []
    assert store.pledges(blob.blob_id, LATER) == [PLEDGE]


def test_of_two_certificates_the_caller_chooses_and_the_latest_is_given(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store, blob = open_store(), blobs[0]
    put(store, blob, EXPIRY)

    def offer(store: Store, data: bytes, expires_at: int, *, stays: bool) -> bool:
        return certify(store, blob, data, expires_at, stays=stays).taken

    assert offer(store, b"one", EXPIRY, stays=True)
    assert not offer(store, b"two", EXPIRY, stays=True)
    assert store.certificate(blob.blob_id) == b"one"
    assert offer(store, b"three", EXPIRY, stays=False)
    assert offer(store, b"earlier", EARLIER, stays=True)
    assert store.certificate(blob.blob_id) == b"three"
    assert offer(store, b"later", LATER, stays=True)
    for opened in (lambda: store, open_store):
        assert opened().certificate(blob.blob_id) == b"later"


def test_nothing_is_kept_for_a_blob_that_is_not_stored(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    with pytest.raises(UnknownBlob):
        certify(store, blobs[0], b"x", EXPIRY)
    with pytest.raises(Bug):
        put(store, blobs[0], EXPIRY, b"short")
    assert store.certificate(blobs[0].blob_id) is None


def steps_of_a_put(disk: LossyDisk, start: Callable[..., Store], blob: EncodedBlob) -> int:
    store = start()
    before = disk.steps
    put(store, blob, EXPIRY)
    return disk.steps - before


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
@pytest.mark.parametrize("move", [False, True], ids=["new", "moved"])
def test_wherever_the_power_goes_a_pledge_implies_its_columns(
    lossy_store: Callable[..., Store],
    disk: LossyDisk,
    blobs: list[EncodedBlob],
    keep_failed: bool,
    move: bool,
) -> None:
    total = steps_of_a_put(disk, lossy_store, blobs[0])
    assert total >= 3
    for step, torn in ((step, torn) for step in range(1, total + 1) for torn in range(4)):
        vars(disk).update(vars(LossyDisk()))
        store = lossy_store()
        if move:
            put(store, blobs[0], EARLIER)
        disk.fail_at, disk.keep_failed, disk.torn_after = disk.steps + step, keep_failed, torn
        told = True
        try:
            put(store, blobs[0], EXPIRY)
        except StoreFault:
            told = False
        disk.fail_at = None
        check_pledge(lossy_store(), blobs[0], told)


def test_the_check_fails_on_a_database_that_does_not_sync(
    lossy_store: Callable[..., Store], blobs: list[EncodedBlob]
) -> None:
    put(lossy_store(NeverSyncing), blobs[0], EXPIRY)
    with pytest.raises(AssertionError):
        check_pledge(lossy_store(), blobs[0], told=True)


def check_pledge(store: Store, blob: EncodedBlob, told: bool) -> None:
    """A pledge that was told of is there, and no pledge is there without its columns."""
    pledged = store.pledges(blob.blob_id, EXPIRY)
    assert pledged == [PLEDGE] or not told
    if pledged:
        record = store.record(blob.blob_id)
        assert record.bucket >= bucket_of(EXPIRY)
        assert all(store.read_column(record, index) is not None for index in (1, 2))
