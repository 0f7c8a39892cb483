"""Bytes flipped on the disk, not through the store: noticed, told, healed, and nobody else hurt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from store_specimens import EXPIRY, Notes, columns_of, flip

from da_node.coding import COLUMNS, EncodedBlob, recover
from da_node.store import Record, Store

Open = Callable[..., Store]


@pytest.fixture
def stored(open_store: Open, tall_blob: EncodedBlob, blobs: list[EncodedBlob]) -> Store:
    """Two blobs, moved from the log into the database's files."""
    store = open_store()
    store.put_blob(tall_blob.header, columns_of(tall_blob), expires_at=EXPIRY)
    store.put_blob(blobs[0].header, columns_of(blobs[0]), expires_at=EXPIRY)
    return open_store()


def damage(store: Store, record: Record, index: int) -> None:
    place = store.locate(record, index)
    assert place is not None
    flip(place.path, place.offset + place.length // 2)


def held(store: Store, record: Record) -> set[int]:
    return {index for index in range(COLUMNS) if store.read_column(record, index) is not None}


def test_damaged_columns_are_missing_and_their_neighbours_are_not(
    stored: Store, tall_blob: EncodedBlob, blobs: list[EncodedBlob], notes: Notes
) -> None:
    record = stored.record(tall_blob.blob_id)
    for index in (0, 7, 127):
        damage(stored, record, index)
    assert held(stored, record) == set(range(COLUMNS)) - {0, 7, 127}
    assert notes.damaged == [(tall_blob.blob_id, index) for index in (0, 7, 127)]
    assert held(stored, stored.record(blobs[0].blob_id)) == set(range(COLUMNS))


def test_a_damaged_column_is_rebuilt_from_the_others_and_stays_healed(
    stored: Store, tall_blob: EncodedBlob, open_store: Open
) -> None:
    record = stored.record(tall_blob.blob_id)
    damage(stored, record, 7)
    assert stored.read_column(record, 7) is None
    others = [stored.read_column(record, index) for index in range(8, 72)]
    rebuilt = recover(record.header, [column for column in others if column is not None])
    stored.restore_columns(record, [rebuilt.column(7)])
    for opened in (lambda: stored, open_store):
        reading = opened()
        healed = reading.read_column(reading.record(tall_blob.blob_id), 7)
        assert healed is not None
        assert healed.serialize() == tall_blob.column(7).serialize()


def test_a_point_whose_group_is_whole_is_answered_beside_a_damaged_one(
    stored: Store, tall_blob: EncodedBlob, notes: Notes
) -> None:
    record = stored.record(tall_blob.blob_id)
    damage(stored, record, 7)
    assert stored.read_point(record, 7 * 64) is None
    assert stored.read_point(record, 7 * 64 + 63) is not None
    assert notes.damaged == [(tall_blob.blob_id, 7)]


def test_a_lost_file_is_healed_too(stored: Store, tall_blob: EncodedBlob, tmp_path: Path) -> None:
    record = stored.record(tall_blob.blob_id)
    for path in (tmp_path / "store").glob("*.blob"):
        path.write_bytes(b"")
    assert held(stored, record) == set()
    stored.restore_columns(record, columns_of(tall_blob))
    assert held(stored, record) == set(range(COLUMNS))


def test_damage_in_a_table_of_keys_is_healed_by_writing_afresh(
    stored: Store, tall_blob: EncodedBlob, blobs: list[EncodedBlob], tmp_path: Path
) -> None:
    """The middle of the one table is a block of keys of columns of one blob or of both."""
    (table,) = (tmp_path / "store").glob("*.sst")
    flip(table, table.stat().st_size // 2)
    lost = {}
    for blob in (tall_blob, blobs[0]):
        record = stored.record(blob.blob_id)
        lost[blob.blob_id] = set(range(COLUMNS)) - held(stored, record)
        if lost[blob.blob_id]:
            stored.restore_columns(record, columns_of(blob, *sorted(lost[blob.blob_id])))
        assert held(stored, record) == set(range(COLUMNS))
    assert any(lost.values())


def test_a_repair_adds_columns_that_were_not_held(
    open_store: Open, blobs: list[EncodedBlob]
) -> None:
    store, blob = open_store(), blobs[0]
    store.put_blob(blob.header, columns_of(blob, 1), expires_at=EXPIRY)
    store.restore_columns(store.record(blob.blob_id), columns_of(blob, 1, 2))
    assert store.record(blob.blob_id).columns == (1, 2)
    assert held(store, store.record(blob.blob_id)) == {1, 2}
