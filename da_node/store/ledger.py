"""What the store keeps in memory about what is on disk: marks, feed cursor, buckets, periods.

It is read from the database when that is opened, and kept by the writer's thread alone; others
read it. Every value on disk is written in the same atomic write as the record it speaks of, so
reading it again after a crash gives the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from da_node.coding import COLUMNS, BlobId
from da_node.retention import Bucket, Period, low_water
from da_node.store import layout
from da_node.store.door import Database, Delete, DeleteRange, Step
from da_node.store.layout import KeyRange
from da_node.store.records import (
    NOTHING,
    Record,
    Summary,
    parse_number,
    parse_record,
    parse_summary,
)

PAGE: Final = 1024
"""Keys that one scan brings into memory."""


class Ledger:
    """The store's memory. Assigned by the writer's thread, read by all."""

    low_water: Bucket
    """Everything in buckets below it is deleted or about to be."""

    cursor: int
    """The last feed cursor given out; the next entry gets the one after it."""

    durable_cursor: int
    """The last feed cursor that is synced; followers see none above it, since after a crash one
    that is not might be given to another blob."""

    buckets: Mapping[Bucket, Summary]
    """What each bucket holds. A new mapping with each change."""

    wanted: Mapping[Bucket, int]
    """How many blobs are wanted in each bucket where any is. A new mapping with each change."""

    periods: range
    """The tombstone periods in which expiries lie."""

    def __init__(self, database: Database) -> None:
        """StoreFault if it cannot be read."""
        self._database = database
        self.read()

    def read(self) -> None:
        """Take everything from the database, forgetting what was known."""
        self.low_water = Bucket(_number(self._database, layout.LOW_WATER_KEY))
        self.cursor = _number(self._database, layout.CURSOR_KEY)
        self.durable_cursor = self.cursor
        self.buckets = _buckets(self._database)
        counts = {bucket: _wanted_in(self._database, bucket) for bucket in self.buckets}
        self.wanted = {bucket: count for bucket, count in counts.items() if count}
        self.periods = periods_in(self._database)

    @property
    def total(self) -> Summary:
        """What all buckets hold together."""
        whole = NOTHING
        for summary in self.buckets.values():
            whole = whole.plus(*summary)
        return whole

    def summary(self, bucket: Bucket) -> Summary:
        return self.buckets.get(bucket, NOTHING)

    def set_summary(self, bucket: Bucket, summary: Summary) -> None:
        self.buckets = {**self.buckets, bucket: summary}

    def add_wanted(self, bucket: Bucket, count: int) -> None:
        """So many more blobs are wanted in a bucket, or fewer."""
        counts = {**self.wanted, bucket: self.wanted.get(bucket, 0) + count}
        self.wanted = {one: wanted for one, wanted in counts.items() if wanted}

    def drop_buckets(self, stop: Bucket) -> None:
        """Forget the buckets below `stop`."""
        self.wanted = {bucket: count for bucket, count in self.wanted.items() if bucket >= stop}
        self.buckets = {bucket: held for bucket, held in self.buckets.items() if bucket >= stop}

    def prunable(self, now: int) -> list[Bucket]:
        """The buckets that are there and whose grace is over, or that a mark already dooms."""
        stop = max(self.low_water, low_water(now))
        return sorted(bucket for bucket in self.buckets if bucket < stop)

    def see_period(self, period: Period) -> None:
        """An expiry of this period has been written."""
        if not self.periods:
            self.periods = range(period, period + 1)
        self.periods = range(min(self.periods.start, period), max(self.periods.stop, period + 1))

    def forget_periods(self, first: Period) -> None:
        """The expiries below this period have been deleted."""
        self.periods = range(max(self.periods.start, first), max(self.periods.stop, first))


def expiries(database: Database, periods: range, blob_id: BlobId) -> list[Bucket]:
    """The buckets under which a blob is or was kept, by period; none: it was never seen."""
    keys = [layout.expiry_key(Period(period), blob_id) for period in periods]
    if not keys:
        return []
    return [Bucket(parse_number(value)) for value in database.get_many(keys) if value is not None]


def record_in(database: Database, bucket: Bucket, blob_id: BlobId) -> Record | None:
    """The blob's record in one bucket. Damaged if it cannot be read."""
    value = database.get_many([layout.record_key(bucket, blob_id)])[0]
    return None if value is None else parse_record(bucket, blob_id, value)


def records_in(database: Database, bucket: Bucket) -> list[Record]:
    """All records of a bucket, by blob id. Damaged if one of them cannot be read."""
    return [
        parse_record(bucket, layout.blob_id_of_key(key), value)
        for key, value in entries(database, layout.records_of(bucket))
    ]


def entries(database: Database, keys: KeyRange) -> Iterator[tuple[bytes, bytes]]:
    """All keys of a range and their values, a page at a time."""
    while page := database.scan(keys, PAGE):
        yield from page
        keys = KeyRange(page[-1][0] + b"\x00", keys.stop)


def bucket_numbers(database: Database) -> list[Bucket]:
    """Every bucket with a key in it, found by skipping from one to the next."""
    found: list[Bucket] = []
    keys = layout.ALL_BUCKETS
    while page := database.scan(keys, 1):
        bucket = layout.bucket_of_key(page[0][0])
        found.append(bucket)
        keys = KeyRange(layout.summary_key(Bucket(bucket + 1)), keys.stop)
    return found


def undo_unfinished(database: Database) -> int:
    """Remove what writes that never finished have left; returns how many there were.

    Such a write left its intent and some pieces; no record names them, so they were never
    visible, and without this they would only go with their bucket. A crash in here leaves some
    of the intents, and the next start goes on with them.
    """
    undone = 0
    for bucket in bucket_numbers(database):
        while page := database.scan(layout.intents_of(bucket), PAGE):
            for key, _ in page:
                database.write(_undo(database, bucket, layout.blob_id_of_key(key)))
            undone += len(page)
    if undone:
        database.sync()
    return undone


def _undo(database: Database, bucket: Bucket, blob_id: BlobId) -> list[Step]:
    record = record_in(database, bucket, blob_id)
    steps: list[Step] = [Delete(layout.intent_key(bucket, blob_id))]
    if record is None:
        steps.append(DeleteRange(layout.pieces_of_blob(bucket, blob_id)))
    else:
        # It was adding columns to a blob that is stored; those it has stay.
        steps += [
            DeleteRange(layout.pieces_of_column(bucket, blob_id, index))
            for index in range(COLUMNS)
            if not record.holds(index)
        ]
    return steps


def _buckets(database: Database) -> dict[Bucket, Summary]:
    numbers = bucket_numbers(database)
    values = database.get_many([layout.summary_key(number) for number in numbers])
    return {
        number: NOTHING if value is None else parse_summary(value)
        for number, value in zip(numbers, values, strict=True)
    }


def periods_in(database: Database) -> range:
    """The tombstone periods in which expiries lie."""
    first = database.scan(layout.ALL_EXPIRIES, 1)
    last = database.last_key(layout.ALL_EXPIRIES)
    if not first or last is None:
        return range(0)
    return range(layout.period_of_key(first[0][0]), layout.period_of_key(last) + 1)


def _wanted_in(database: Database, bucket: Bucket) -> int:
    return sum(1 for _ in entries(database, layout.wanted_after(bucket, None)))


def _number(database: Database, key: bytes) -> int:
    value = database.get_many([key])[0]
    return 0 if value is None else parse_number(value)
