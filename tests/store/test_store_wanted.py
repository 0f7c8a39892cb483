"""What is certified and not here is wanted, until it is all here; nothing forgets it before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lossy_disk import LossyDatabase, LossyDisk, NeverSyncing
from store_specimens import EXPIRY, Clock, columns_of

from da_node.coding import EncodedBlob
from da_node.errors import NotEnough, NotReady, Pruned, StoreFault, StoreFull, UnknownBlob
from da_node.retention import DAY_S, HOUR_S, PERIOD_S, TOMBSTONE_S
from da_node.store import Kept, Offer, Settled, Store, Wanted, certifying

Open = Callable[..., Store]
LATER = EXPIRY + 2 * HOUR_S
ARC = (4, 5, 6)
NAME = b"n" * 32


def offer(blob: EncodedBlob, expires_at: int = EXPIRY, *, data: bytes = b"proof") -> Offer:
    return Offer(
        header=blob.header,
        expires_at=expires_at,
        certificate=data,
        stays=lambda _: True,
        columns=ARC,
        label="theirs",
    )


def keep(store: Store, *offers: Offer) -> list[Kept]:
    return store.put_certificates(offers)


def wanted(store: Store) -> list[Wanted]:
    return [
        one for expiry in store.wanted_expiries() for one in store.wanted_until(expiry, None, 1000)
    ]


def events(store: Store) -> list[tuple[int, bool]]:
    return [(entry.expires_at, entry.certificate is not None) for entry in store.feed(0, 100)]


def test_what_never_came_is_wanted_until_its_columns_are_here(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store, blob = open_store(), blobs[0]
    assert keep(store, offer(blob)) == [Kept(taken=True, cursor=None, wanted=True)]
    store = open_store()
    (item,) = wanted(store)
    assert (item.header, item.expires_at, item.label) == (blob.header, EXPIRY, "theirs")
    assert store.certificate(blob.blob_id) == b"proof"
    with pytest.raises(NotEnough):
        store.record(blob.blob_id)
    assert events(store) == []

    assert store.settle(item, columns_of(blob, 4, 6)) == Settled(wanted=True, cursor=1)
    assert store.record(blob.blob_id).columns == (4, 6)
    assert store.settle(item, columns_of(blob, 5)) == Settled(wanted=False, cursor=2)
    assert wanted(store) == []
    assert store.wanted_count() == 0
    assert store.record(blob.blob_id).label == "theirs"
    assert events(store) == [(EXPIRY, False), (EXPIRY, True)], "stored, and then certified"
    assert store.settle(item, columns_of(blob, 5)) == Settled(wanted=False, cursor=None)
    assert keep(store, offer(blob)) == [Kept(taken=False, cursor=None, wanted=False)]


def test_what_never_came_is_over_with_its_expiry(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store, blob = open_store(), blobs[0]
    keep(store, offer(blob), offer(blob, LATER))
    for clock.now in (EXPIRY, LATER - 1):
        with pytest.raises(NotEnough):
            store.record(blob.blob_id)
    clock.now = LATER
    with pytest.raises(Pruned) as caught:
        store.record(blob.blob_id)
    assert caught.value.expired_at == LATER


def test_what_is_here_only_until_an_earlier_expiry_moves_along(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store, blob = open_store(), blobs[0]
    store.put_blob(blob.header, columns_of(blob, *ARC, 9), expires_at=EXPIRY, label="mine")
    kept = keep(store, offer(blob, LATER))
    assert kept == [Kept(taken=True, cursor=2, wanted=True)]
    assert store.record(blob.blob_id).expires_at == EXPIRY, "served as before meanwhile"
    (item,) = wanted(store)
    assert store.settle(item, []) == Settled(wanted=False, cursor=3)
    record = store.record(blob.blob_id)
    assert (record.expires_at, record.columns, record.label) == (LATER, (*ARC, 9), "mine")
    assert events(store) == [(LATER, True), (LATER, False)]


def test_what_is_void_is_not_waited_for(open_store: Open, blobs: list[EncodedBlob]) -> None:
    store, blob = open_store(), blobs[0]
    keep(store, offer(blob))
    (item,) = wanted(store)
    assert store.settle(item, columns_of(blob, 4, 5), void=[6]) == Settled(wanted=False, cursor=2)
    store = open_store()
    record = store.record(blob.blob_id)
    assert (record.columns, record.void_columns) == ((4, 5), (6,))
    store.put_blob(blob.header, columns_of(blob, 9), expires_at=LATER)
    assert store.record(blob.blob_id).void_columns == (6,)
    assert not keep(store, offer(blob, LATER))[0].wanted
    store.mark_void(record, [5])
    record = store.record(blob.blob_id)
    assert (record.columns, record.void_columns) == ((4, 9), (5, 6))
    assert store.read_column(record, 5) is None


def test_a_blob_all_of_which_is_void_is_known_all_the_same(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    keep(store, offer(blobs[0]))
    assert not store.settle(wanted(store)[0], [], void=ARC).wanted
    assert store.record(blobs[0].blob_id).columns == ()


def test_the_latest_expiry_comes_first_and_pages_go_on_where_they_ended(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store = open_store()
    keep(store, *(offer(blob, EXPIRY + hour * HOUR_S) for hour, blob in enumerate(blobs[:3])))
    keep(store, offer(blobs[3], EXPIRY))
    assert store.wanted_expiries() == [EXPIRY + hour * HOUR_S for hour in (2, 1, 0)]
    oldest = EXPIRY
    first, second = store.wanted_until(oldest, None, 10)
    assert first.blob_id < second.blob_id
    assert store.wanted_until(oldest, None, 1) == [first]
    assert store.wanted_until(oldest, first.blob_id, 10) == [second]


def test_what_expires_unfulfilled_goes_with_its_bucket(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store = open_store()
    keep(store, offer(blobs[0]), offer(blobs[1], LATER))
    clock.now = EXPIRY + HOUR_S + 1
    (gone, _) = (item for bucket in (EXPIRY, LATER) for item in at(store, bucket))
    store.prune(clock.now)
    for opened in (lambda: store, open_store):
        assert [item.blob_id for item in wanted(opened())] == [blobs[1].blob_id]
    store = open_store()
    assert store.wanted_count() == 1
    assert store.settle(gone, columns_of(blobs[0], *ARC)) == Settled(wanted=False, cursor=None)
    with pytest.raises(Pruned):
        keep(store, offer(blobs[0]))


def test_what_never_came_is_remembered_as_pruned_as_long_as_what_did(
    open_store: Open, blobs: list[EncodedBlob], clock: Clock
) -> None:
    store = open_store()
    keep(store, offer(blobs[0]), offer(blobs[1]), offer(blobs[2]))
    store.put_blob(blobs[1].header, columns_of(blobs[1], 4), expires_at=LATER)
    clock.now = EXPIRY + HOUR_S + 1
    store.prune(clock.now)
    for opened in (lambda: store, open_store):
        with pytest.raises(Pruned) as caught:
            opened().record(blobs[0].blob_id)
        assert caught.value.expired_at == EXPIRY
        assert opened().record(blobs[1].blob_id).expires_at == LATER
    store = open_store()
    # It may come again, and is then remembered until its later expiry.
    keep(store, offer(blobs[2], LATER))
    with pytest.raises(NotEnough):
        store.record(blobs[2].blob_id)
    store.put_blob(blobs[2].header, columns_of(blobs[2], 4), expires_at=LATER)
    assert store.record(blobs[2].blob_id).expires_at == LATER
    clock.now = LATER + HOUR_S + 1
    store.prune(clock.now)
    with pytest.raises(Pruned) as caught:
        store.record(blobs[2].blob_id)
    assert caught.value.expired_at == LATER
    clock.now = EXPIRY + TOMBSTONE_S + PERIOD_S
    store.put_blob(blobs[3].header, columns_of(blobs[3], 4), expires_at=EXPIRY + 50 * DAY_S)
    store.prune(clock.now)
    with pytest.raises(UnknownBlob):
        store.record(blobs[0].blob_id)


def at(store: Store, expires_at: int) -> list[Wanted]:
    return store.wanted_until(expires_at, None, 10)


def test_only_so_much_is_wanted_and_only_what_fits(
    open_store: Open, blobs: list[EncodedBlob], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(budget_bytes=1000)
    with pytest.raises(StoreFull):
        keep(store, offer(blobs[0]))
    monkeypatch.setattr(certifying, "MOST_WANTED", 1)
    store = open_store()
    keep(store, offer(blobs[0]))
    keep(store, offer(blobs[0]))
    with pytest.raises(NotReady, match="1 blobs are wanted already"):
        keep(store, offer(blobs[1]))


# ---------------------------------------------------------------- faults


def tell(store: Store, blobs: list[EncodedBlob]) -> None:
    """One blob arrived, one is moved, one never came; a feed was read up to there."""
    lost, moved = blobs[:2]
    store.put_blob(moved.header, columns_of(moved, *ARC), expires_at=EXPIRY)
    store.put_certificates([offer(lost), offer(moved, LATER)], position=(NAME, b"here"))
    for item in wanted(store):
        store.settle(item, columns_of(lost, *ARC) if item.blob_id == lost.blob_id else [])


def check(disk: LossyDisk, blobs: list[EncodedBlob]) -> None:
    """Whoever has read the feed up to there has the blob, or wants it."""
    store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    if store.position(NAME) is not None:
        for blob, expires_at in ((blobs[0], EXPIRY), (blobs[1], LATER)):
            assert is_complete(store, blob, expires_at) or at(store, expires_at)
    assert store.wanted_count() == len(wanted(store))
    tell(store, blobs)
    assert store.position(NAME) == b"here"
    assert wanted(store) == []
    assert is_complete(store, blobs[0], EXPIRY)
    assert is_complete(store, blobs[1], LATER)
    certified = [entry.blob_id for entry in store.feed(0, 100) if entry.certificate]
    assert sorted(certified) == sorted(blob.blob_id for blob in blobs[:2])
    assert store.usage().blobs == 2
    store.close()


def is_complete(store: Store, blob: EncodedBlob, expires_at: int) -> bool:
    try:
        record = store.record(blob.blob_id)
    except (UnknownBlob, NotEnough):
        return False
    return record.expires_at >= expires_at and all(
        store.read_column(record, index) is not None for index in ARC
    )


@pytest.mark.parametrize("keep_failed", [False, True], ids=["lost", "kept"])
def test_wherever_the_power_goes_nothing_is_forgotten(
    blobs: list[EncodedBlob], keep_failed: bool
) -> None:
    counting = LossyDisk()
    store = Store(LossyDatabase(counting), clock=Clock(), headroom_bytes=0)
    started = counting.steps
    tell(store, blobs)
    store.close()
    assert counting.steps - started >= 15
    for step in range(started + 1, counting.steps + 1):
        for torn in (0, 1, 2):
            disk = LossyDisk()
            store = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
            disk.fail_at, disk.keep_failed, disk.torn_after = step, keep_failed, torn
            with pytest.raises(StoreFault):
                tell(store, blobs)
            store.close()
            check(disk, blobs)


def test_the_check_fails_on_a_database_that_does_not_sync(blobs: list[EncodedBlob]) -> None:
    disk = LossyDisk()
    store = Store(NeverSyncing(disk), clock=Clock(), headroom_bytes=0)
    tell(store, blobs)
    store.close()
    told = Store(LossyDatabase(disk), clock=Clock(), headroom_bytes=0)
    assert told.position(NAME) is None
    assert not is_complete(told, blobs[0], EXPIRY), "which was told to be here"
    told.close()
