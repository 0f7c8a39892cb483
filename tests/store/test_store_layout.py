"""The key layout, byte by byte: changing it means a new format version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.coding import BlobId
from da_node.retention import Bucket, Period
from da_node.store import layout

ID = BlobId(bytes(range(32)))
BUCKET = Bucket(0x01020304)

buckets = st.integers(0, 0xFFFF * 720).map(Bucket)
ids = st.binary(min_size=32, max_size=32).map(BlobId)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (layout.summary_key(BUCKET), "62 01020304 00"),
        (layout.intent_key(BUCKET, ID), f"62 01020304 01 {ID.hex()}"),
        (layout.record_key(BUCKET, ID), f"62 01020304 02 {ID.hex()}"),
        (layout.piece_key(BUCKET, ID, 127, 32), f"62 01020304 03 {ID.hex()} 7f 20"),
        (layout.pledge_key(BUCKET, ID, ID), f"62 01020304 04 {ID.hex()} {ID.hex()}"),
        (layout.certificate_key(BUCKET, ID), f"62 01020304 05 {ID.hex()}"),
        (layout.wanted_key(BUCKET, ID), f"62 01020304 06 {ID.hex()}"),
        (layout.position_key(ID), f"70 {ID.hex()}"),
        (layout.feed_key(258), "66 0000000000000102"),
        (layout.expiry_key(Period(513), ID), f"69 0201 {ID.hex()}"),
        (layout.FORMAT_KEY, b"mformat".hex()),
        (layout.LOW_WATER_KEY, b"mlow-water".hex()),
        (layout.CURSOR_KEY, b"mcursor".hex()),
        (layout.PROBE_KEY, b"mprobe".hex()),
    ],
)
def test_keys_are_these_bytes(key: bytes, expected: str) -> None:
    assert key == bytes.fromhex(expected)


def test_this_is_format_2() -> None:
    assert layout.FORMAT_VERSION == 2


@given(buckets, ids, st.integers(0, 127), st.integers(0, 32))
def test_one_range_holds_all_of_a_bucket_and_nothing_of_its_neighbours(
    bucket: Bucket, blob_id: BlobId, column: int, part: int
) -> None:
    start, stop = layout.buckets_between(bucket, Bucket(bucket + 1))

    def keys_of(number: int) -> list[bytes]:
        return [
            layout.summary_key(Bucket(number)),
            layout.intent_key(Bucket(number), blob_id),
            layout.record_key(Bucket(number), blob_id),
            layout.piece_key(Bucket(number), blob_id, column, part),
            layout.pledge_key(Bucket(number), blob_id, blob_id),
            layout.certificate_key(Bucket(number), blob_id),
            layout.wanted_key(Bucket(number), blob_id),
        ]

    assert all(start <= key < stop for key in keys_of(bucket))
    assert keys_of(bucket) == sorted(keys_of(bucket)), "what is listed comes before bulk"
    assert not any(start <= key < stop for key in keys_of(bucket + 1))
    assert all(layout.bucket_of_key(key) == bucket for key in keys_of(bucket))


@given(buckets, ids, ids)
def test_the_ranges_inside_a_bucket_hold_one_kind_and_one_blob(
    bucket: Bucket, blob_id: BlobId, other: BlobId
) -> None:
    intent = layout.intent_key(bucket, blob_id)
    record = layout.record_key(bucket, blob_id)
    piece = layout.piece_key(bucket, blob_id, 7, 1)
    assert _within(intent, layout.intents_of(bucket))
    assert _within(record, layout.records_of(bucket))
    assert not _within(record, layout.intents_of(bucket))
    assert not _within(intent, layout.records_of(bucket))
    assert _within(piece, layout.pieces_of_blob(bucket, blob_id))
    assert _within(piece, layout.pieces_of_column(bucket, blob_id, 7))
    assert not _within(piece, layout.pieces_of_column(bucket, blob_id, 6))
    assert _within(piece, layout.pieces_of_blob(bucket, other)) == (blob_id == other)
    wanted = layout.wanted_key(bucket, blob_id)
    assert _within(wanted, layout.wanted_after(bucket, None))
    assert _within(wanted, layout.wanted_after(bucket, other)) == (blob_id > other)
    assert not _within(layout.certificate_key(bucket, blob_id), layout.wanted_after(bucket, None))
    assert not _within(wanted, layout.certificates_of(bucket))
    assert layout.blob_id_of_key(record) == layout.blob_id_of_key(intent) == blob_id


@given(st.integers(0, 2**64 - 2), st.integers(0, 0xFFFE), ids)
def test_feed_and_expiries_are_found_by_number(cursor: int, number: int, blob_id: BlobId) -> None:
    period = Period(number)
    feed, expiry = layout.feed_key(cursor), layout.expiry_key(period, blob_id)
    assert layout.cursor_of_key(feed) == cursor
    assert _within(feed, layout.feed_between(cursor, cursor + 1))
    assert layout.period_of_key(expiry) == period
    assert _within(expiry, layout.expiries_between(period, Period(period + 1)))
    assert _within(expiry, layout.ALL_EXPIRIES)
    assert not _within(feed, layout.ALL_EXPIRIES)


def _within(key: bytes, keys: layout.KeyRange) -> bool:
    return keys.start <= key < keys.stop
