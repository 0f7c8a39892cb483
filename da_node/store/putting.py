"""Putting blobs in, adding to them, moving them to a later expiry. Runs in the writer's thread.

The order in the log is the whole of it: intent, pieces, and last, in one atomic write, the record
with all that speaks of it. The group's sync follows. Wherever a crash comes, the log that is left
ends in one of three states:

- before the intent: nothing was stored;
- before the record: pieces that no record names, never visible, undone at the next start;
- after it: the blob is whole. If nobody was told, it was kept all the same, and a retry finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from da_node.coding import BlobId, Header, VerifiedColumn
from da_node.errors import Pruned, StoreFault, UnknownBlob
from da_node.retention import Bucket, bucket_of, expiry_of, is_served, period_of
from da_node.store import layout
from da_node.store.budget import Budget
from da_node.store.door import Delete, DeleteRange, Put, Step
from da_node.store.ledger import Ledger
from da_node.store.pieces import pieces_of, stored_bytes
from da_node.store.reading import Reader
from da_node.store.records import (
    FeedEntry,
    Record,
    bits_of,
    feed_value,
    indices_of,
    number_value,
    record_value,
    stored_event,
    summary_value,
)
from da_node.store.writer import Log

RECORD_BYTES: Final = 1024
"""Record, feed entry, expiry and a few pledges of one blob with their keys, rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a put. It is on disk when this is returned."""

    created: bool
    """False if the blob was being served already."""

    expires_at: int
    """When it expires now: what was asked for, or later."""

    cursor: int
    """Its place in the feed."""


class Putting:
    """The jobs that store columns."""

    def __init__(
        self, ledger: Ledger, reader: Reader, budget: Budget, clock: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._budget = budget
        self._clock = clock

    def put(
        self,
        log: Log,
        header: Header,
        columns: Sequence[VerifiedColumn],
        expires_at: int,
        label: str,
        pledge: bytes | None,
    ) -> Stored:
        """Store a blob; see `Store.put_blob`."""
        bucket = bucket_of(expires_at)
        if bucket < self._ledger.low_water:
            raise StoreFault(
                reason=f"expiry {expires_at} is before {expiry_of(self._ledger.low_water)}, up to "
                "which everything is deleted; is the clock right?"
            )
        existing = self.existing(header.blob_id)
        pledging: list[Step] = []
        if pledge is not None:
            pledging.append(Put(layout.pledge_key(bucket, header.blob_id, pledge), b""))
        if existing is None or existing.bucket < bucket:
            record = self._put_under(log, header, columns, bucket, label, existing, pledging)
        else:
            lacking = [column for column in columns if not existing.holds(column.index)]
            if pledge is not None and pledge not in self._reader.pledges(bucket, header.blob_id):
                # What was stored before may be damaged since; a new promise is about these bytes.
                lacking = list(columns)
            record = self._add(log, existing, lacking, pledging)
        return Stored(
            created=existing is None or not is_served(existing.expires_at, self._clock()),
            expires_at=record.expires_at,
            cursor=record.cursor,
        )

    def restore(self, log: Log, blob_id: BlobId, columns: Sequence[VerifiedColumn]) -> None:
        """Write columns of a stored blob again, whether held or not."""
        self._add(log, self._reader.stored(blob_id), columns, [])

    def bring(
        self,
        log: Log,
        header: Header,
        columns: Sequence[VerifiedColumn],
        bucket: Bucket,
        label: str,
    ) -> Record:
        """Add columns to what there is of a blob, if anything, until a bucket's expiry at least."""
        existing = self.existing(header.blob_id)
        if existing is None or existing.bucket < bucket:
            # Another node's word for it counts only where nobody told us.
            known = label if existing is None else existing.label or label
            return self._put_under(log, header, columns, bucket, known, existing, [])
        return self._add(log, existing, columns, [])

    def mark_void(self, log: Log, record: Record, void: int) -> Record:
        """Note columns that were never committed to; none of them is held any more."""
        gone = record.held & void
        marked = replace(record, held=record.held & ~void, void=record.void | void)
        log.commit(
            [
                Put(layout.record_key(record.bucket, record.blob_id), record_value(marked)),
                *(
                    DeleteRange(layout.pieces_of_column(record.bucket, record.blob_id, index))
                    for index in indices_of(gone)
                ),
            ]
        )
        return marked

    def existing(self, blob_id: BlobId) -> Record | None:
        """The blob's record, if there is one."""
        try:
            return self._reader.stored(blob_id)
        except (UnknownBlob, Pruned):
            return None

    def _put_under(
        self,
        log: Log,
        header: Header,
        columns: Sequence[VerifiedColumn],
        bucket: Bucket,
        label: str,
        existing: Record | None,
        pledging: Sequence[Step],
    ) -> Record:
        """Store in a bucket where the blob is not yet, and take along what it has elsewhere."""
        given = bits_of(column.index for column in columns)
        along = 0 if existing is None else existing.held & ~given
        column_bytes = stored_bytes(header.row_count)
        self._budget.require(RECORD_BYTES + column_bytes * (given | along).bit_count())
        log.put(layout.intent_key(bucket, header.blob_id), b"")
        _write_pieces(log, bucket, columns)
        if existing is not None:
            _write_pieces(log, bucket, self._readable(existing, along))
        # One that was damaged is still to be held: so it is missed, and mended.
        held = given | along
        record = Record(
            header=header,
            expires_at=expiry_of(bucket),
            stored_at=self._clock(),
            cursor=self._ledger.cursor + 1,
            label=label or (existing.label if existing is not None else ""),
            held=held,
            reserved_bytes=RECORD_BYTES + column_bytes * held.bit_count(),
            void=0 if existing is None else existing.void & ~held,
        )
        self._commit(log, record, existing, pledging)
        return record

    def _readable(self, record: Record, wanted: int) -> Iterator[VerifiedColumn]:
        """Those of the wanted columns that still verify; a damaged one is not taken along."""
        for index in record.columns:
            column = self._reader.column(record, index) if wanted >> index & 1 else None
            if column is not None:
                yield column

    def _add(
        self,
        log: Log,
        record: Record,
        columns: Sequence[VerifiedColumn],
        pledging: Sequence[Step],
    ) -> Record:
        """Write columns beside those that the blob has, or over them with the same bytes."""
        held = record.held | bits_of(column.index for column in columns)
        if held == record.held:
            # Only repairs: a crash within leaves a column as damaged as it was, or mended.
            _write_pieces(log, record.bucket, columns)
            log.commit(pledging)
            return record
        added = (held & ~record.held).bit_count() * stored_bytes(record.header.row_count)
        self._budget.require(added)
        log.put(layout.intent_key(record.bucket, record.blob_id), b"")
        _write_pieces(log, record.bucket, columns)
        grown = replace(
            record,
            held=held,
            reserved_bytes=record.reserved_bytes + added,
            void=record.void & ~held,
        )
        summary = self._ledger.summary(record.bucket).plus(0, added)
        log.commit(
            [
                Put(layout.record_key(record.bucket, record.blob_id), record_value(grown)),
                Put(layout.summary_key(record.bucket), summary_value(summary)),
                Delete(layout.intent_key(record.bucket, record.blob_id)),
                *pledging,
            ]
        )
        self._ledger.set_summary(record.bucket, summary)
        return grown

    def _commit(
        self, log: Log, record: Record, existing: Record | None, pledging: Sequence[Step]
    ) -> None:
        """The last, atomic write of a blob that is new in its bucket."""
        bucket, blob_id = record.bucket, record.blob_id
        period = period_of(record.expires_at)
        summary = self._ledger.summary(bucket).plus(1, record.reserved_bytes)
        steps: list[Step] = [
            Put(layout.record_key(bucket, blob_id), record_value(record)),
            Put(layout.expiry_key(period, blob_id), number_value(bucket)),
            *announced(stored_event(record)),
            Put(layout.summary_key(bucket), summary_value(summary)),
            Delete(layout.intent_key(bucket, blob_id)),
            *pledging,
        ]
        if existing is not None:
            left = self._ledger.summary(existing.bucket).plus(-1, -existing.reserved_bytes)
            steps += [
                Delete(layout.record_key(existing.bucket, blob_id)),
                Delete(layout.feed_key(existing.cursor)),
                DeleteRange(layout.pieces_of_blob(existing.bucket, blob_id)),
                Put(layout.summary_key(existing.bucket), summary_value(left)),
            ]
        # A reader may find the record from here on, before anybody was told.
        log.commit(steps)
        self._ledger.see_period(period)
        self._ledger.cursor = record.cursor
        self._ledger.set_summary(bucket, summary)
        if existing is not None:
            self._ledger.set_summary(existing.bucket, left)


def announced(entry: FeedEntry) -> list[Step]:
    """An event takes its place in the feed."""
    return [
        Put(layout.feed_key(entry.cursor), feed_value(entry)),
        Put(layout.CURSOR_KEY, number_value(entry.cursor)),
    ]


def _write_pieces(log: Log, bucket: Bucket, columns: Iterable[VerifiedColumn]) -> None:
    """Write columns piece by piece."""
    for column in columns:
        blob_id = column.header.blob_id
        for part, value in pieces_of(column):
            log.put(layout.piece_key(bucket, blob_id, column.index, part), value)
