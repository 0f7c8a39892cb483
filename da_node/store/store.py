"""The store: columns and records of one node, durable before they are acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from da_node.coding import DATA_COLUMNS, BlobId, Header, VerifiedColumn, VerifiedPoint
from da_node.errors import (
    Bug,
    ForeignItem,
    NotEnough,
    Pruned,
    RepeatedIndex,
    StoreFault,
    UnknownBlob,
)
from da_node.retention import Bucket, bucket_of, expiry_of, is_served
from da_node.store import layout
from da_node.store.budget import HEADROOM_BYTES, Budget, Usage
from da_node.store.certifying import WANTED_BYTES, Certifying, Kept, Offer, Settled
from da_node.store.database import RocksDatabase
from da_node.store.door import Database, DiskFull, Put
from da_node.store.layout import KeyRange
from da_node.store.ledger import PAGE, Ledger, records_in, undo_unfinished
from da_node.store.migration import bring_up_to_date
from da_node.store.observer import Observer
from da_node.store.pieces import stored_bytes
from da_node.store.pruning import PruneReport, Pruning
from da_node.store.putting import RECORD_BYTES, Putting, Stored
from da_node.store.reading import Location, Reader
from da_node.store.records import (
    FeedEntry,
    Record,
    Wanted,
    bits_of,
    number_value,
    parse_feed_entry,
    parse_number,
)
from da_node.store.writer import Writer

MAX_LABEL_BYTES: Final = 64
"""The protocol's bound on a label."""

PLEDGE_BYTES: Final = 32
"""A hash: under what the promise is given."""


class Store:
    """One node's blobs. Synchronous; every method may be called from any thread.

    What a method that writes has returned for survives a loss of power. Absent means absent:
    UnknownBlob is never the answer to a fault, which is StoreFault.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], int],
        budget_bytes: int | None = None,
        headroom_bytes: int = HEADROOM_BYTES,
        observer: Observer | None = None,
    ) -> None:
        """On a database that is open already; `open` is the usual way."""
        self._database = database
        self._clock = clock
        self._observer = observer or Observer()
        bring_up_to_date(database)
        undo_unfinished(database)
        self._ledger = Ledger(database)
        self._reader = Reader(database, self._ledger, self._observer)
        self._budget = Budget(database, self._ledger, budget_bytes, headroom_bytes)
        self._putting = Putting(self._ledger, self._reader, self._budget, clock)
        self._certifying = Certifying(
            database, self._ledger, self._reader, self._budget, self._putting
        )
        self._pruning = Pruning(database, self._ledger)
        self._writer = Writer(database, self)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        clock: Callable[[], int],
        budget_bytes: int | None = None,
        headroom_bytes: int = HEADROOM_BYTES,
        observer: Observer | None = None,
    ) -> Store:
        """Open the store in a directory, or create it; finishes what a crash has left.

        `clock` gives unix seconds; `budget_bytes` bounds what is stored (None: the disk does),
        `headroom_bytes` is kept free on the disk beside it. StoreInUse if another process has
        it open, UnsupportedVersion if it is newer than this program, StoreFault.
        """
        database = RocksDatabase(directory)
        try:
            return cls(
                database,
                clock=clock,
                budget_bytes=budget_bytes,
                headroom_bytes=headroom_bytes,
                observer=observer,
            )
        except BaseException:
            database.close()
            raise

    # -------------------------------------------------------------- writing

    def put_blob(
        self,
        header: Header,
        columns: Sequence[VerifiedColumn],
        *,
        expires_at: int,
        label: str = "",
        pledge: bytes | None = None,
    ) -> Stored:
        """Store a blob's columns; returns when they and their record are synced.

        Idempotent: a repeat with the same or an earlier expiry only adds columns that were
        missing; one with a later expiry moves all of the blob to the later bucket.
        `pledge` (32 bytes) is whatever the caller is about to promise for these columns until
        `expires_at`. It is written together with the record, after the columns: a pledge on disk
        implies them, and no promise may be given before this returns.
        StoreFull with nothing half stored; StoreFault, after which it may be stored or not.
        """
        self._check(header, columns, expires_at, label)
        if pledge is not None and len(pledge) != PLEDGE_BYTES:
            raise Bug(reason=f"a pledge of {len(pledge)} bytes")
        cost = RECORD_BYTES + stored_bytes(header.row_count) * len(columns)
        with self._disk_full_as_store_full(cost):
            return self._writer.submit(
                lambda log: self._putting.put(log, header, columns, expires_at, label, pledge)
            )

    def put_certificates(
        self, offers: Sequence[Offer], *, position: tuple[bytes, bytes] | None = None
    ) -> list[Kept]:
        """Keep certificates, synced, each until its expiry; what became of each.

        There is one for each blob and expiry, and the first has an event in the feed. Of a blob
        whose columns are not all here, or not until then, they are wanted from now on.
        `position` is a name (32 bytes) and what to remember under it: on disk it implies all that
        was offered. UnknownBlob and Pruned for a blob that is not here and of which nothing is to
        be; NotReady where too much is wanted already; StoreFull; StoreFault.
        """
        with self._disk_full_as_store_full(WANTED_BYTES * len(offers)):
            return self._writer.submit(lambda log: self._certifying.keep(log, offers, position))

    def settle(
        self, wanted: Wanted, columns: Sequence[VerifiedColumn], void: Collection[int] = ()
    ) -> Settled:
        """Store columns of a wanted blob, and note those that are void; synced.

        It is wanted until all that are to be kept are here or void, whoever brought them; columns
        that lie here until an earlier expiry move along. StoreFull; StoreFault.
        """
        if columns:
            self._check(wanted.header, columns, wanted.expires_at, wanted.label)
        cost = RECORD_BYTES + stored_bytes(wanted.header.row_count) * len(columns)
        with self._disk_full_as_store_full(cost):
            return self._writer.submit(
                lambda log: self._certifying.settle(log, wanted, columns, void)
            )

    def mark_void(self, record: Record, void: Collection[int]) -> None:
        """Note columns of a stored blob that were never committed to; synced. StoreFault."""
        self._writer.submit(
            lambda log: self._putting.mark_void(
                log, self._reader.stored(record.blob_id), bits_of(void)
            )
        )

    def restore_columns(self, record: Record, columns: Sequence[VerifiedColumn]) -> None:
        """Write columns of a stored blob again, over damaged ones or beside the others; synced.

        UnknownBlob or Pruned if it is gone meanwhile; StoreFull; StoreFault.
        """
        self._check(record.header, columns, record.expires_at, record.label)
        cost = stored_bytes(record.header.row_count) * len(columns)
        with self._disk_full_as_store_full(cost):
            self._writer.submit(lambda log: self._putting.restore(log, record.blob_id, columns))

    def prune(self, now: int) -> PruneReport:
        """Delete all buckets whose grace is over at `now`, and give their disk back.

        StoreFault; StoreFull while a disk that failed a write is still full.
        """
        plan = self._pruning.plan(now)
        self._writer.submit(lambda log: self._pruning.mark(log, plan.low_water))
        for keys in self._writer.submit(lambda log: self._pruning.delete(log, now)):
            self._database.compact(keys)
        self._reader.warm.clear()  # what is deleted is in memory no longer than on disk
        return plan

    def probe(self) -> None:
        """Write, sync and read a value, as a readiness check does. StoreFault."""
        value = number_value(self._clock())
        with self._disk_full_as_store_full(len(value)):
            self._writer.submit(lambda log: log.commit([Put(layout.PROBE_KEY, value)]))
        found = self._database.get_many([layout.PROBE_KEY])[0]
        if found is None or parse_number(found) < parse_number(value):
            raise StoreFault(reason="what was written for the probe is not what is read")

    # -------------------------------------------------------------- reading

    def record(self, blob_id: BlobId) -> Record:
        """What is stored of a blob.

        UnknownBlob; NotEnough if it is wanted and nothing of it is here; Pruned from its expiry on;
        StoreFault.
        """
        try:
            record = self._reader.stored(blob_id)
        except (UnknownBlob, Pruned) as error:
            wanted = self._certifying.wanted_latest(blob_id)
            if wanted is None:
                raise
            if is_served(expiry_of(wanted), self._clock()):
                raise NotEnough(unit="columns", held=0, needed=DATA_COLUMNS) from error
            raise Pruned(blob_id=blob_id.hex0x, expired_at=expiry_of(wanted)) from error
        if not is_served(record.expires_at, self._clock()):
            raise Pruned(blob_id=blob_id.hex0x, expired_at=record.expires_at)
        return record

    def read_column(self, record: Record, index: int) -> VerifiedColumn | None:
        """A column, verified; None if it is not held or damaged (the observer is told).

        A record found before its expiry, or by `blobs_in`, is read until the blob is deleted.
        Pruned then; StoreFault.
        """
        return self._reader.column(record, index)

    def read_point(self, record: Record, point: int) -> VerifiedPoint | None:
        """A point, verified, without reading the rest of its column; None as for a column."""
        return self._reader.point(record, point)

    def warm_points(
        self, blob_id: BlobId, points: Sequence[int]
    ) -> tuple[Record, list[VerifiedPoint]] | None:
        """Points of groups that were read a moment ago, from memory alone: waits for no disk.

        With the record under which they were read, which may have moved to a later expiry since.
        None if one of them is not there, or the blob is not served any more as far as is known.
        """
        warm = self._reader.warm
        record = warm.record(blob_id)
        if record is None or not is_served(record.expires_at, self._clock()):
            return None
        found = [warm.point(record, point) for point in points]
        held = [point for point in found if point is not None]
        return (record, held) if len(held) == len(found) else None

    def pledges(self, blob_id: BlobId, expires_at: int) -> list[bytes]:
        """What was pledged for a blob until `expires_at`, in order. StoreFault."""
        return self._reader.pledges(bucket_of(expires_at), blob_id)

    def certificate(self, blob_id: BlobId) -> bytes | None:
        """The certificate with the latest expiry that has not passed. StoreFault."""
        return self._reader.latest_certificate(blob_id, self._clock())

    def position(self, name: bytes) -> bytes | None:
        """What is remembered under a name. StoreFault."""
        return self._database.get_many([layout.position_key(name)])[0]

    def certificate_until(self, blob_id: BlobId, expires_at: int) -> bytes | None:
        """The certificate of one expiry. StoreFault."""
        return self._reader.certificate(bucket_of(expires_at), blob_id)

    def wanted_expiries(self) -> list[int]:
        """The expiries until which blobs are wanted, the latest first."""
        kept = (one for one in self._ledger.wanted if one >= self._ledger.low_water)
        return [expiry_of(bucket) for bucket in sorted(kept, reverse=True)]

    def wanted_until(self, expires_at: int, after: BlobId | None, limit: int) -> list[Wanted]:
        """At most `limit` blobs wanted until an expiry, by blob id, behind `after`. StoreFault."""
        return self._certifying.wanted_in(bucket_of(expires_at), after, limit)

    def wanted_count(self) -> int:
        """How many blobs are wanted, each expiry counted."""
        return sum(self._ledger.wanted.values())

    def feed(self, after: int, limit: int, label: str | None = None) -> list[FeedEntry]:
        """At most `limit` events after the cursor `after`, in the order in which they came.

        With a label, only those of blobs that bear it. What is deleted is left out, and only what
        is durable is in. A blob that moves to a later expiry is listed as stored once, in its new
        place; that it was certified until the earlier one stays until then. StoreFault.
        """
        found: list[FeedEntry] = []
        keys = layout.feed_between(max(after, 0) + 1, self._ledger.durable_cursor + 1)
        while len(found) < limit and keys.start < keys.stop:
            page = self._database.scan(keys, PAGE if label is not None else limit - len(found))
            for key, value in page:
                entry = parse_feed_entry(layout.cursor_of_key(key), value)
                if self._is_listed(entry, label) and len(found) < limit:
                    found.append(entry)
            if not page:
                break
            keys = KeyRange(page[-1][0] + b"\x00", keys.stop)
        return found

    def last_cursor(self) -> int:
        """The cursor of the entry stored last; 0 before the first."""
        return self._ledger.durable_cursor

    def buckets(self) -> list[Bucket]:
        """The buckets that hold blobs, in the order of expiry."""
        held = self._ledger.buckets
        return sorted(bucket for bucket, summary in held.items() if summary.blobs)

    def blobs_in(self, bucket: Bucket) -> list[Record]:
        """The records of a bucket, by blob id, served or not. StoreFault."""
        return records_in(self._database, bucket)

    def plan_prune(self, now: int) -> PruneReport:
        """What `prune` would delete."""
        return self._pruning.plan(now)

    def usage(self) -> Usage:
        """How full the store is. StoreFault."""
        return self._budget.usage()

    def locate(self, record: Record, index: int) -> Location | None:
        """Where on disk a column's leaves begin; searches the files. None if it is not held."""
        return self._reader.locate(record, index)

    def checkpoint(self, directory: Path) -> None:
        """Make a copy that can be opened as a store, in a directory that must not exist yet.

        On the same file system it shares its files with the store. StoreFault.
        """
        self._database.checkpoint(directory)

    def close(self) -> None:
        """Finish what was handed in, and close the database. NotReady for whoever comes later."""
        self._writer.close()
        self._database.close()

    # -------------------------------------------------------------- the writer's owner

    def durable(self, jobs: int, written_bytes: int) -> None:
        """Called by the writer: what it wrote is synced."""
        self._ledger.durable_cursor = self._ledger.cursor
        if written_bytes:
            self._observer.committed(jobs, written_bytes)

    def recover(self) -> None:
        """Called by the writer, after a write has failed, before the next one.

        On a disk that is still full the database would not open again, and reads would end.
        """
        self._budget.require_room_to_reopen()
        self._database.reopen()
        undo_unfinished(self._database)
        self._ledger.read()
        self._observer.reopened()

    # -------------------------------------------------------------- private

    def _check(
        self, header: Header, columns: Sequence[VerifiedColumn], expires_at: int, label: str
    ) -> None:
        """Refuse what no caller may hand in, before anything is written."""
        try:
            bucket_of(expires_at)
        except ValueError as error:
            raise Bug(reason=str(error)) from error
        if not columns or len(label.encode()) > MAX_LABEL_BYTES:
            raise Bug(reason=f"{len(columns)} columns under the label {label!r}")
        seen: set[int] = set()
        for item, column in enumerate(columns):
            if column.header.blob_id != header.blob_id:
                raise ForeignItem(
                    item=item,
                    unit="column",
                    index=column.index,
                    value=column.header.blob_id.hex0x,
                    expected=header.blob_id.hex0x,
                )
            if column.index in seen:
                raise RepeatedIndex(unit="column", value=column.index)
            seen.add(column.index)

    def _is_listed(self, entry: FeedEntry, label: str | None) -> bool:
        return entry.bucket >= self._ledger.low_water and label in (
            None,
            entry.label,
        )

    @contextmanager
    def _disk_full_as_store_full(self, needed_bytes: int) -> Iterator[None]:
        try:
            yield
        except DiskFull as error:
            raise self._budget.full(needed_bytes) from error
