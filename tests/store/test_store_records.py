"""The small values: each reads back, and anything else is damage."""

from dataclasses import replace

import msgspec
import pytest
from store_specimens import EXPIRY, NOW

from da_node.coding import EncodedBlob
from da_node.retention import bucket_of
from da_node.store.door import Damaged
from da_node.store.records import (
    NOTHING,
    FeedEntry,
    Record,
    Summary,
    Wanted,
    bits_of,
    certified_event,
    feed_value,
    indices_of,
    number_value,
    parse_feed_entry,
    parse_number,
    parse_record,
    parse_summary,
    parse_wanted,
    record_value,
    stored_event,
    summary_value,
    wanted_value,
)


@pytest.fixture
def record(blobs: list[EncodedBlob]) -> Record:
    return Record(
        header=blobs[0].header,
        expires_at=EXPIRY,
        stored_at=NOW,
        cursor=7,
        label="ünïcode",
        held=1 | 1 << 5 | 1 << 127,
        reserved_bytes=12345,
    )


def test_a_record_reads_back(record: Record) -> None:
    assert parse_record(record.bucket, record.blob_id, record_value(record)) == record
    assert record.bucket == bucket_of(EXPIRY)
    assert record.columns == (0, 5, 127)
    assert record.holds(127)
    assert not record.holds(126)


def test_a_feed_entry_reads_back(record: Record) -> None:
    stored = FeedEntry(
        cursor=7,
        blob_id=record.blob_id,
        header=record.header,
        expires_at=EXPIRY,
        label="ünïcode",
        certificate=None,
    )
    assert stored_event(record) == stored
    assert parse_feed_entry(7, feed_value(stored)) == stored
    certified = certified_event(record, bucket_of(EXPIRY + 3600), b"certificate", 8)
    assert certified == replace(
        stored, cursor=8, expires_at=EXPIRY + 3600, certificate=b"certificate"
    )
    assert parse_feed_entry(8, feed_value(certified)) == certified


def test_an_entry_of_version_1_has_no_certificate(record: Record) -> None:
    row = [record.bucket, bytes(record.blob_id), record.header.serialize(), record.label]
    value = b"\x01" + msgspec.msgpack.encode(row)
    assert parse_feed_entry(7, value) == stored_event(record)


def test_a_record_says_what_is_void(record: Record) -> None:
    marked = replace(record, void=1 << 3 | 1 << 64)
    assert parse_record(record.bucket, record.blob_id, record_value(marked)) == marked
    assert marked.void_columns == (3, 64)
    assert record.void_columns == ()


def test_a_wanted_entry_reads_back(record: Record) -> None:
    wanted = Wanted(
        header=record.header,
        expires_at=EXPIRY,
        label="ünïcode",
        columns=0b111 << 4,
        announced=True,
    )
    value = wanted_value(wanted)
    assert parse_wanted(wanted.bucket, wanted.blob_id, value) == wanted
    for cut in range(len(value)):
        with pytest.raises(Damaged):
            parse_wanted(wanted.bucket, wanted.blob_id, value[:cut])
    assert indices_of(wanted.lacking(None)) == (4, 5, 6)
    assert indices_of(wanted.lacking(record)) == (4, 6)
    assert indices_of(wanted.lacking(replace(record, void=1 << 4))) == (6,)
    assert bits_of((4, 5, 6)) == wanted.columns


def test_numbers_and_summaries_read_back() -> None:
    assert parse_number(number_value(2**64 - 1)) == 2**64 - 1
    assert parse_summary(summary_value(Summary(3, 2**40))) == Summary(3, 2**40)
    assert NOTHING.plus(1, 10).plus(1, 10) == (2, 20)


def test_values_cut_anywhere_or_with_a_tail_are_damage(record: Record) -> None:
    whole = record_value(record)
    for cut in range(len(whole)):
        with pytest.raises(Damaged):
            parse_record(record.bucket, record.blob_id, whole[:cut])
    feed = feed_value(stored_event(record))
    for cut in range(len(feed)):
        with pytest.raises(Damaged):
            parse_feed_entry(7, feed[:cut])
    for wrong in (b"", bytes(7), bytes(9), bytes(15), bytes(17)):
        with pytest.raises(Damaged):
            parse_number(wrong)
        with pytest.raises(Damaged):
            parse_summary(wrong)
    with pytest.raises(Damaged):
        parse_record(record.bucket, record.blob_id, whole + b"\x00")


def test_values_of_another_version_are_not_guessed_at(record: Record) -> None:
    with pytest.raises(Damaged, match="version 02"):
        parse_record(record.bucket, record.blob_id, b"\x02" + record_value(record)[1:])


def test_a_record_under_another_blobs_key_is_damage(
    record: Record, blobs: list[EncodedBlob]
) -> None:
    with pytest.raises(Damaged, match="header"):
        parse_record(record.bucket, blobs[1].blob_id, record_value(record))
    foreign = replace(record, header=blobs[1].header)
    assert parse_record(record.bucket, blobs[1].blob_id, record_value(foreign)) == foreign
