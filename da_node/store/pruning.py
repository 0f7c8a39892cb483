"""Deleting what has expired: mark, delete, compact.

    1  low-water mark, synced    from now on everything below it is answered with 410
    2  range deletes, synced     the buckets, their feed entries, expiries older than a year;
                                 before them, when what was wanted and never came has expired
    3  compaction                the disk comes back

Killed between any two steps, nothing is lost that was to be kept, and the next prune, which is
the same code, finishes: step 2 asks for what is left below the mark, step 3 covers all below it.
"""

from __future__ import annotations

from dataclasses import dataclass

from da_node.retention import (
    Bucket,
    Period,
    expiry_of,
    first_remembered_period,
    low_water,
    period_of,
)
from da_node.store import layout
from da_node.store.door import Database, DeleteRange, Put, Step
from da_node.store.layout import KeyRange
from da_node.store.ledger import PAGE, Ledger, entries
from da_node.store.records import MAX_CURSOR, number_value, parse_feed_entry, parse_number
from da_node.store.writer import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedBucket:
    """One bucket that goes."""

    bucket: Bucket
    expired_at: int
    """Unix seconds: when all in it expired."""

    blobs: int
    reserved_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What a prune deletes, or would delete."""

    low_water: Bucket
    """Everything in buckets below it is deleted."""

    buckets: tuple[PrunedBucket, ...]

    @property
    def blobs(self) -> int:
        return sum(bucket.blobs for bucket in self.buckets)

    @property
    def reserved_bytes(self) -> int:
        return sum(bucket.reserved_bytes for bucket in self.buckets)


class Pruning:
    """The plan, and the jobs that carry it out."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    def plan(self, now: int) -> PruneReport:
        """What a prune at `now` deletes. With nothing to delete the mark stays where it is."""
        buckets = self._ledger.prunable(now)
        mark = max(self._ledger.low_water, low_water(now)) if buckets else self._ledger.low_water
        return PruneReport(
            low_water=mark,
            buckets=tuple(
                PrunedBucket(
                    bucket=bucket,
                    expired_at=expiry_of(bucket),
                    blobs=self._ledger.summary(bucket).blobs,
                    reserved_bytes=self._ledger.summary(bucket).reserved_bytes,
                )
                for bucket in buckets
            ),
        )

    def mark(self, log: Log, mark: Bucket) -> None:
        """Step 1. A crash after it leaves buckets that are answered with 410 and not deleted."""
        if mark > self._ledger.low_water:
            log.commit([Put(layout.LOW_WATER_KEY, number_value(mark))])
            self._ledger.low_water = mark

    def delete(self, log: Log, now: int) -> list[KeyRange]:
        """Step 2: one range delete whatever the number of blobs; returns the ranges.

        A crash after it leaves keys deleted whose disk the next compaction gives back; one within
        it expiries of blobs that are pruned by the mark, in buckets that are still there.
        """
        mark = self._ledger.low_water
        remembered = first_remembered_period(now)
        entombed = self._entomb_wanted(log, mark)
        doomed = []
        if any(bucket < mark for bucket in self._ledger.buckets):
            doomed.append(layout.buckets_between(Bucket(0), mark))
        if (kept := self._first_kept_cursor(mark)) > 0:
            doomed.append(layout.feed_between(0, kept))
        if self._ledger.periods and self._ledger.periods.start < remembered:
            doomed.append(layout.expiries_between(Period(0), remembered))
        steps: list[Step] = [DeleteRange(keys) for keys in doomed]
        log.commit(steps)
        for period in entombed:
            self._ledger.see_period(period)
        self._ledger.drop_buckets(mark)
        self._ledger.forget_periods(remembered)
        return doomed

    def _entomb_wanted(self, log: Log, mark: Bucket) -> set[Period]:
        """Remember of what is wanted below the mark when it expired, as a record's write does of
        what is stored. Returns the periods. At most 65,536 entries of 43 bytes.
        """
        periods = set()
        for bucket in sorted(one for one in self._ledger.wanted if one < mark):
            period = period_of(expiry_of(bucket))
            periods.add(period)
            for key, _ in entries(self._database, layout.wanted_after(bucket, None)):
                tombstone = layout.expiry_key(period, layout.blob_id_of_key(key))
                value = self._database.get_many([tombstone])[0]
                if value is None or parse_number(value) < bucket:
                    log.put(tombstone, number_value(bucket))
        return periods

    def _first_kept_cursor(self, mark: Bucket) -> int:
        """The first feed entry of what is kept; 0 if none before it is deleted.

        Entries are nearly in the order of expiry: one that is overtaken goes a little later.
        """
        kept = 0
        keys = layout.feed_between(0, MAX_CURSOR)
        while page := self._database.scan(keys, PAGE):
            for key, value in page:
                entry = parse_feed_entry(layout.cursor_of_key(key), value)
                if entry.bucket >= mark:
                    return kept
                kept = entry.cursor + 1
            keys = KeyRange(layout.feed_key(kept), keys.stop)
        return kept
