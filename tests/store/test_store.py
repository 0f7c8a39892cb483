"""What the store promises to whoever puts blobs in and reads them back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lossy_disk import LossyDisk
from store_specimens import EXPIRY, NOW, Clock, Notes, columns_of

from da_node.coding import BlobId, EncodedBlob, payload_of
from da_node.errors import (
    Bug,
    ForeignItem,
    NotReady,
    Pruned,
    RepeatedIndex,
    StoreFault,
    StoreFull,
    StoreInUse,
    UnknownBlob,
)
from da_node.retention import HOUR_S, bucket_of
from da_node.store import Store, Stored
from da_node.store.pieces import stored_bytes
from da_node.store.putting import RECORD_BYTES

Open = Callable[..., Store]


class TestPut:
    def test_a_blob_reads_back_verified_before_and_after_a_restart(
        self, open_store: Open, tall_blob: EncodedBlob
    ) -> None:
        store = open_store()
        stored = store.put_blob(
            tall_blob.header, columns_of(tall_blob), expires_at=EXPIRY, label="batch"
        )
        assert stored == Stored(created=True, expires_at=EXPIRY, cursor=1)
        for opened in (lambda: store, open_store):
            reading = opened()
            record = reading.record(tall_blob.blob_id)
            assert (record.expires_at, record.stored_at, record.label) == (EXPIRY, NOW, "batch")
            read = [reading.read_column(record, index) for index in record.columns]
            columns = [column for column in read if column is not None]
            assert [column.serialize() for column in columns] == [
                tall_blob.column(index).serialize() for index in range(128)
            ]
            assert payload_of(record.header, columns) == tall_blob.payload()

    def test_a_repeat_is_the_same_blob(self, open_store: Open, blobs: list[EncodedBlob]) -> None:
        store, blob = open_store(), blobs[0]
        columns = columns_of(blob)
        store.put_blob(blob.header, columns, expires_at=EXPIRY)
        usage = store.usage()
        for expires_at in (EXPIRY, EXPIRY - HOUR_S):
            again = store.put_blob(blob.header, columns, expires_at=expires_at)
            assert again == Stored(created=False, expires_at=EXPIRY, cursor=1)
        assert store.usage().bytes_reserved == usage.bytes_reserved
        assert len(store.feed(0, 10)) == 1

    def test_the_same_blob_fifty_times_at_once_is_stored_once(
        self, open_store: Open, blobs: list[EncodedBlob], notes: Notes
    ) -> None:
        store, blob = open_store(), blobs[0]
        columns = columns_of(blob)
        together = threading.Barrier(50)

        def put(_: int) -> Stored:
            together.wait()
            return store.put_blob(blob.header, columns, expires_at=EXPIRY)

        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(put, range(50)))
        assert sorted(answer.created for answer in answers) == [False] * 49 + [True]
        assert len(notes.commits) == 1
        assert store.usage().blobs == 1

    def test_a_later_expiry_moves_all_of_it(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1, 2, 3), expires_at=EXPIRY, label="kept")
        before = store.record(blob.blob_id)
        later = EXPIRY + 800 * HOUR_S
        moved = store.put_blob(blob.header, columns_of(blob, 3, 4), expires_at=later)
        assert moved == Stored(created=False, expires_at=later, cursor=2)
        for opened in (lambda: store, open_store):
            reading = opened()
            record = reading.record(blob.blob_id)
            assert (record.expires_at, record.label) == (later, "kept")
            assert record.columns == (1, 2, 3, 4)
            assert reading.buckets() == [bucket_of(later)]
            assert [entry.cursor for entry in reading.feed(0, 10)] == [2]
            assert reading.usage().blobs == 1
            for index in (1, 2, 3, 4):
                column = reading.read_column(record, index)
                assert column is not None
                assert column.serialize() == blob.column(index).serialize()
            # Whoever found the record before the move reads on.
            assert reading.read_column(before, 1) is not None

    def test_a_repeat_adds_the_columns_that_were_missing(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
        store.put_blob(blob.header, columns_of(blob, 1, 2), expires_at=EXPIRY)
        record = store.record(blob.blob_id)
        assert record.columns == (1, 2)
        assert store.read_column(record, 2) is not None
        expected = RECORD_BYTES + 2 * stored_bytes(1)
        assert record.reserved_bytes == store.usage().bytes_reserved == expected

    def test_a_blob_that_expired_is_new_when_it_comes_again(
        self, open_store: Open, blobs: list[EncodedBlob], clock: Clock
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
        clock.now = EXPIRY
        later = EXPIRY + HOUR_S
        assert store.put_blob(blob.header, columns_of(blob, 1), expires_at=later).created

    def test_what_no_caller_may_hand_in_is_refused_and_nothing_is_written(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store, (blob, other) = open_store(), blobs[:2]
        columns = columns_of(blob, 1, 2)
        with pytest.raises(ForeignItem):
            store.put_blob(other.header, columns, expires_at=EXPIRY)
        with pytest.raises(RepeatedIndex):
            store.put_blob(blob.header, columns + columns[:1], expires_at=EXPIRY)
        with pytest.raises(Bug, match="whole hour"):
            store.put_blob(blob.header, columns, expires_at=EXPIRY + 1)
        with pytest.raises(Bug):
            store.put_blob(blob.header, [], expires_at=EXPIRY)
        with pytest.raises(Bug):
            store.put_blob(blob.header, columns, expires_at=EXPIRY, label="x" * 65)
        assert store.usage().blobs == 0
        with pytest.raises(UnknownBlob):
            store.record(blob.blob_id)

    def test_an_expiry_before_the_low_water_mark_is_refused(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store = open_store()
        store.put_blob(blobs[0].header, columns_of(blobs[0], 1), expires_at=EXPIRY)
        store.prune(EXPIRY + 10 * HOUR_S)
        with pytest.raises(StoreFault, match="is the clock right"):
            store.put_blob(blobs[1].header, columns_of(blobs[1], 1), expires_at=EXPIRY)


class TestRead:
    def test_a_blob_never_seen_is_unknown(self, open_store: Open) -> None:
        with pytest.raises(UnknownBlob):
            open_store().record(BlobId(bytes(32)))

    def test_a_blob_is_served_up_to_its_expiry(
        self, open_store: Open, blobs: list[EncodedBlob], clock: Clock
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
        clock.now = EXPIRY - 1
        record = store.record(blob.blob_id)
        clock.now = EXPIRY
        with pytest.raises(Pruned) as caught:
            store.record(blob.blob_id)
        assert caught.value.expired_at == EXPIRY
        # An answer under way, and an archive before the deletion, read on.
        assert store.read_column(record, 1) is not None
        assert [held.blob_id for held in store.blobs_in(record.bucket)] == [blob.blob_id]

    def test_columns_that_are_not_held_are_none_and_no_damage(
        self, open_store: Open, blobs: list[EncodedBlob], notes: Notes
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
        record = store.record(blob.blob_id)
        assert store.read_column(record, 2) is None
        assert store.read_point(record, 2 * 64) is None
        assert store.locate(record, 2) is None
        assert notes.damaged == []

    def test_a_point_is_read_from_one_group_and_what_lies_beside(
        self, lossy_store: Callable[[], Store], disk: LossyDisk, tall_blob: EncodedBlob
    ) -> None:
        store = lossy_store()
        store.put_blob(tall_blob.header, columns_of(tall_blob, 2), expires_at=EXPIRY)
        record = store.record(tall_blob.blob_id)
        disk.read_bytes = 0
        point = store.read_point(record, 2 * 64 + 40)
        assert point is not None
        assert point.serialize() == tall_blob.point(2 * 64 + 40).serialize()
        # 32 leaves of 40 rows, and 4401 bytes beside the column's 64 leaves.
        assert disk.read_bytes == 32 * 40 * 32 + 4401

    def test_where_a_column_lies_is_where_its_bytes_are(
        self, open_store: Open, tall_blob: EncodedBlob
    ) -> None:
        store = open_store()
        store.put_blob(tall_blob.header, columns_of(tall_blob, 5), expires_at=EXPIRY)
        place = store.locate(store.record(tall_blob.blob_id), 5)
        assert place is not None
        data = place.path.read_bytes()[place.offset : place.offset + place.length]
        assert data == bytes(tall_blob.column(5).leaves)[: place.length]

    def test_a_column_that_is_in_no_file_has_no_place(
        self, lossy_store: Callable[[], Store], blobs: list[EncodedBlob]
    ) -> None:
        store = lossy_store()
        store.put_blob(blobs[0].header, columns_of(blobs[0], 5), expires_at=EXPIRY)
        assert store.locate(store.record(blobs[0].blob_id), 5) is None


class TestFeed:
    @pytest.fixture
    def store(self, open_store: Open, blobs: list[EncodedBlob]) -> Store:
        store = open_store()
        for blob, label in zip(blobs, ("a", "b", "a", ""), strict=True):
            store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY, label=label)
        return store

    def test_it_lists_blobs_in_the_order_in_which_they_came(
        self, store: Store, blobs: list[EncodedBlob]
    ) -> None:
        entries = store.feed(0, 10)
        assert [entry.cursor for entry in entries] == [1, 2, 3, 4]
        assert [entry.blob_id for entry in entries] == [blob.blob_id for blob in blobs]
        assert [entry.header for entry in entries] == [blob.header for blob in blobs]
        assert {entry.expires_at for entry in entries} == {EXPIRY}

    @pytest.mark.parametrize(
        ("after", "limit", "label", "cursors"),
        [
            (0, 2, None, [1, 2]),
            (2, 2, None, [3, 4]),
            (4, 2, None, []),
            (99, 2, None, []),
            (0, 10, "a", [1, 3]),
            (1, 10, "a", [3]),
            (0, 1, "a", [1]),
            (0, 10, "", [4]),
            (0, 10, "c", []),
            (0, 0, None, []),
        ],
    )
    def test_it_goes_on_from_a_cursor_and_keeps_to_a_label(
        self, store: Store, after: int, limit: int, label: str | None, cursors: list[int]
    ) -> None:
        assert [entry.cursor for entry in store.feed(after, limit, label)] == cursors

    def test_cursors_go_on_after_a_restart_and_after_everything_was_pruned(
        self, store: Store, open_store: Open, blobs: list[EncodedBlob], clock: Clock
    ) -> None:
        assert store.last_cursor() == 4
        clock.now = EXPIRY + 2 * HOUR_S
        store.prune(clock.now)
        store = open_store()
        assert store.feed(0, 10) == []
        assert store.last_cursor() == 4
        again = store.put_blob(
            blobs[0].header, columns_of(blobs[0], 1), expires_at=EXPIRY + 500 * HOUR_S
        )
        assert again.cursor == 5


class TestBudget:
    def test_over_the_budget_nothing_is_stored_and_reads_go_on(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        one = RECORD_BYTES + 128 * stored_bytes(1)
        store = open_store(budget_bytes=2 * one - 1)
        store.put_blob(blobs[0].header, columns_of(blobs[0]), expires_at=EXPIRY)
        with pytest.raises(StoreFull) as caught:
            store.put_blob(blobs[1].header, columns_of(blobs[1]), expires_at=EXPIRY)
        full = caught.value
        assert (full.needed_bytes, full.free_bytes, full.budget_bytes) == (
            one,
            one - 1,
            2 * one - 1,
        )
        with pytest.raises(UnknownBlob):
            store.record(blobs[1].blob_id)
        assert store.usage().bytes_reserved == one
        assert store.read_column(store.record(blobs[0].blob_id), 3) is not None

    def test_pruning_makes_room(self, open_store: Open, blobs: list[EncodedBlob]) -> None:
        one = RECORD_BYTES + 128 * stored_bytes(1)
        store = open_store(budget_bytes=one)
        store.put_blob(blobs[0].header, columns_of(blobs[0]), expires_at=EXPIRY)
        store.prune(EXPIRY + 2 * HOUR_S)
        later = EXPIRY + 3 * HOUR_S
        assert store.put_blob(blobs[1].header, columns_of(blobs[1]), expires_at=later).created

    def test_a_disk_with_less_than_the_headroom_is_full(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store = open_store(headroom_bytes=1 << 62)
        with pytest.raises(StoreFull) as caught:
            store.put_blob(blobs[0].header, columns_of(blobs[0], 1), expires_at=EXPIRY)
        assert caught.value.free_bytes == 0

    def test_what_is_reserved_covers_what_is_taken(
        self, open_store: Open, tmp_path: Path, tall_blob: EncodedBlob
    ) -> None:
        store = open_store()
        store.put_blob(tall_blob.header, columns_of(tall_blob), expires_at=EXPIRY)
        store.locate(store.record(tall_blob.blob_id), 0)
        bulk = sum(path.stat().st_size for path in (tmp_path / "store").glob("*.blob"))
        assert bulk <= store.usage().bytes_reserved <= 1.05 * bulk


class TestLife:
    def test_two_nodes_on_one_directory_are_one_too_many(
        self, open_store: Open, tmp_path: Path, clock: Clock
    ) -> None:
        open_store()
        with pytest.raises(StoreInUse):
            Store.open(tmp_path / "store", clock=clock)

    def test_the_probe_writes_syncs_and_reads(self, open_store: Open, notes: Notes) -> None:
        store = open_store()
        store.probe()
        assert notes.commits == [1]

    def test_a_checkpoint_is_a_store(
        self, open_store: Open, tmp_path: Path, clock: Clock, blobs: list[EncodedBlob]
    ) -> None:
        store, blob = open_store(), blobs[0]
        store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
        store.checkpoint(tmp_path / "copy")
        copy = Store.open(tmp_path / "copy", clock=clock)
        assert copy.read_column(copy.record(blob.blob_id), 1) is not None
        copy.close()

    def test_a_closed_store_takes_nothing_more(
        self, open_store: Open, blobs: list[EncodedBlob]
    ) -> None:
        store, columns = open_store(), columns_of(blobs[0], 1)
        store.put_blob(blobs[0].header, columns, expires_at=EXPIRY)
        store.close()
        with pytest.raises(NotReady):
            store.put_blob(blobs[0].header, columns, expires_at=EXPIRY)
        with pytest.raises(StoreFault, match="closed"):
            store.record(blobs[0].blob_id)
