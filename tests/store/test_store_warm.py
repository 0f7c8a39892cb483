"""What was read a moment ago comes from memory: the same bytes, within a bound, and never amiss."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from lossy_disk import LossyDatabase, LossyDisk
from store_specimens import EXPIRY, Clock, Notes, columns_of

from da_node.coding import EncodedBlob, VerifiedColumn, VerifiedLeaves
from da_node.retention import GRACE_S, HOUR_S
from da_node.store import Store
from da_node.store.layout import piece_key
from da_node.store.pieces import assemble_group, held_bytes, pieces_of, place_of_point
from da_node.store.warm import Warm

Start = Callable[[], Store]


def test_a_group_is_read_once_for_all_of_its_points(
    lossy_store: Start, disk: LossyDisk, tall_blob: EncodedBlob
) -> None:
    store = lossy_store()
    store.put_blob(tall_blob.header, columns_of(tall_blob, 2), expires_at=EXPIRY)
    record = store.record(tall_blob.blob_id)
    assert store.warm_points(tall_blob.blob_id, [128]) is None
    for offset in (0, 32):  # one of each group
        assert store.read_point(record, 2 * 64 + offset) is not None
    disk.read_bytes = 0
    for offset in range(64):
        point = store.read_point(record, 2 * 64 + offset)
        assert point == tall_blob.point(2 * 64 + offset)
    found = store.warm_points(tall_blob.blob_id, [129, 191, 128])
    assert found == (record, [tall_blob.point(index) for index in (129, 191, 128)])
    assert store.warm_points(tall_blob.blob_id, [128, 64]) is None  # all of them or none
    assert disk.read_bytes == 0


def test_what_is_warm_is_served_until_it_expires_and_gone_when_it_is_deleted(
    lossy_store: Start, disk: LossyDisk, clock: Clock, blobs: list[EncodedBlob]
) -> None:
    store, blob = lossy_store(), blobs[0]
    store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
    record = store.record(blob.blob_id)
    assert store.read_point(record, 64) is not None
    clock.now = EXPIRY - 1
    assert store.warm_points(blob.blob_id, [64]) is not None
    clock.now = EXPIRY
    assert store.warm_points(blob.blob_id, [64]) is None
    clock.now = EXPIRY + GRACE_S + 1
    store.prune(clock.now)
    clock.now = EXPIRY - 1  # whatever the clock says
    assert store.warm_points(blob.blob_id, [64]) is None


def test_a_blob_that_moves_to_a_later_expiry_is_answered_all_the_time(
    lossy_store: Start, clock: Clock, blobs: list[EncodedBlob]
) -> None:
    store, blob = lossy_store(), blobs[0]
    store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
    assert store.read_point(store.record(blob.blob_id), 64) is not None
    store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY + HOUR_S)
    assert store.warm_points(blob.blob_id, [65]) is not None
    clock.now = EXPIRY
    assert store.warm_points(blob.blob_id, [65]) is None  # as far as it knows
    record = store.record(blob.blob_id)
    assert store.read_point(record, 65) == blob.point(65)
    store.put_blob(blob.header, columns_of(blob, 2), expires_at=EXPIRY + HOUR_S)
    assert store.read_point(store.record(blob.blob_id), 128) is not None
    found = store.warm_points(blob.blob_id, [65, 128])
    assert found is not None
    assert found[0].expires_at == EXPIRY + HOUR_S


def test_a_group_with_damage_is_read_from_the_disk_each_time_until_it_is_healed(
    lossy_store: Start, disk: LossyDisk, notes: Notes, tall_blob: EncodedBlob
) -> None:
    database = LossyDatabase(disk)
    store = Store(database, clock=lambda: EXPIRY - 9, observer=notes, headroom_bytes=0)
    store.put_blob(tall_blob.header, columns_of(tall_blob, 2), expires_at=EXPIRY)
    record = store.record(tall_blob.blob_id)
    key = piece_key(record.bucket, record.blob_id, 2, 1)
    place = place_of_point(tall_blob.row_count, 5)
    flipped = bytearray(database.seen[key])
    flipped[place.offset + 31] ^= 1
    database.seen[key] = bytes(flipped)
    assert store.read_point(record, 128) == tall_blob.point(128)
    assert store.read_point(record, 133) is None
    assert store.warm_points(tall_blob.blob_id, [128]) is None  # not kept with its damage
    assert notes.damaged == [(tall_blob.blob_id, 2)]
    store.restore_columns(record, columns_of(tall_blob, 2))
    assert store.read_point(record, 133) == tall_blob.point(133)
    assert store.warm_points(tall_blob.blob_id, [128]) is not None
    store.close()


@pytest.mark.parametrize("groups", [1, 2, 5])
def test_within_its_bound_it_keeps_what_was_asked_for_last(
    groups: int, blobs: list[EncodedBlob], lossy_store: Start
) -> None:
    """Against a list of keys in the order in which they were asked for."""
    store, blob = lossy_store(), blobs[0]
    store.put_blob(blob.header, columns_of(blob), expires_at=EXPIRY)
    record = store.record(blob.blob_id)
    made = [group_of(blob.column(index)) for index in range(8)]
    each = held_bytes(made[0])
    most = groups * each + 1
    warm, asked, draw = Warm(most_bytes=most), list[int](), random.Random(groups)
    for _ in range(300):
        column = draw.randrange(8)
        found = warm.point(record, column * 64 + draw.randrange(64))
        assert (found is not None) == (column in asked[-groups:])
        if found is None:
            warm.keep(record, 1, made[column])
        asked = [one for one in asked if one != column] + [column]
        assert warm.held_bytes == min(groups, len(asked)) * each <= most
    warm.clear()
    assert (warm.held_bytes, warm.record(blob.blob_id)) == (0, None)


def test_of_no_more_blobs_than_its_bound_is_the_record_known(
    blobs: list[EncodedBlob], lossy_store: Start
) -> None:
    store, warm = lossy_store(), Warm(most_records=2)
    for blob in blobs:
        store.put_blob(blob.header, columns_of(blob, 0), expires_at=EXPIRY)
        warm.keep(store.record(blob.blob_id), 1, group_of(blob.column(0)))
    known = [warm.record(blob.blob_id) is not None for blob in blobs]
    assert known == [False, False, True, True]


def group_of(column: VerifiedColumn) -> VerifiedLeaves:
    side, leaves = (value for part, value in pieces_of(column) if part < 2)
    return assemble_group(column.header, column.index, 1, side, leaves)
