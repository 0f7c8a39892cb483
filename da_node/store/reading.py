"""Reading records and columns. What is on disk is verified here before anybody else sees it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from da_node.coding import POINTS_PER_COLUMN, BlobId, VerifiedColumn, VerifiedPoint
from da_node.coding.fairness import give_way
from da_node.errors import BadData, Pruned, StoreFault, UnknownBlob
from da_node.retention import Bucket, expiry_of, is_served
from da_node.store import layout
from da_node.store.door import Damaged, Database
from da_node.store.layout import SIDE_PART, KeyRange, piece_key
from da_node.store.ledger import PAGE, Ledger, expiries, record_in
from da_node.store.observer import Observer
from da_node.store.pieces import assemble_column, assemble_group, part_count, place_of_point
from da_node.store.records import Record
from da_node.store.warm import Warm

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where the first group of a column's leaves lies on disk."""

    path: Path
    """A file of the database."""

    offset: int
    """The first byte of the first leaf in it."""

    length: int
    """Bytes of the group."""


class Reader:
    """Reads what is stored, from any thread."""

    def __init__(self, database: Database, ledger: Ledger, observer: Observer) -> None:
        self._database = database
        self._ledger = ledger
        self._observer = observer
        self.warm = Warm()
        """What is in memory of what was read."""

    def stored(self, blob_id: BlobId) -> Record:
        """The blob's record, whether it is still served or not.

        UnknownBlob if there never was one (certain, within the year of a tombstone), Pruned if it
        is deleted, StoreFault if that cannot be told.
        """
        seen = None
        while True:
            buckets = expiries(self._database, self._ledger.periods, blob_id)
            if not buckets:
                raise UnknownBlob(blob_id=blob_id.hex0x)
            bucket = max(buckets)
            record = record_in(self._database, bucket, blob_id)
            # Asked after the read: a prune may have come between.
            if bucket < self._ledger.low_water:
                raise Pruned(blob_id=blob_id.hex0x, expired_at=expiry_of(bucket))
            if record is not None:
                return record
            # It may have moved to a later bucket between the two reads; if not, it is lost.
            if bucket == seen:
                raise StoreFault(reason=f"blob {blob_id.hex0x} has an expiry and no record")
            seen = bucket

    def column(self, record: Record, index: int) -> VerifiedColumn | None:
        """A column, verified; None if it is not held, or is damaged, of which we tell."""

        def read(place: Record) -> VerifiedColumn:
            parts = range(part_count(place.header.row_count))
            side, *groups = self._pieces(place, index, *parts)
            column = assemble_column(place.header, index, side, groups)
            give_way()
            return column

        return self._read(record, index, read)

    def point(self, record: Record, point: int) -> VerifiedPoint | None:
        """A point, verified, from one group of leaves and what lies beside them; None as above."""
        index, offset = divmod(point, POINTS_PER_COLUMN)

        def read(place: Record) -> VerifiedPoint:
            part = place_of_point(place.header.row_count, offset).part
            side, leaves = self._pieces(place, index, SIDE_PART, part)
            group = assemble_group(place.header, index, part, side, leaves)
            if not group.faults:
                self.warm.keep(place, part, group)
            try:
                return group.point(offset)
            except BadData as error:
                raise Damaged(reason=str(error)) from error

        return self.warm.point(record, point) or self._read(record, index, read)

    def pledges(self, bucket: Bucket, blob_id: BlobId) -> list[bytes]:
        """What was pledged for a blob until the expiry of a bucket."""
        found: list[bytes] = []
        keys = layout.pledges_of_blob(bucket, blob_id)
        while page := self._database.scan(keys, PAGE):
            found += [layout.pledge_of_key(key) for key, _ in page]
            keys = KeyRange(page[-1][0] + b"\x00", keys.stop)
        return found

    def certificate(self, bucket: Bucket, blob_id: BlobId) -> bytes | None:
        """The certificate of a blob until the expiry of a bucket."""
        return self._database.get_many([layout.certificate_key(bucket, blob_id)])[0]

    def latest_certificate(self, blob_id: BlobId, now: int) -> bytes | None:
        """The blob's certificate with the latest expiry, of those that have not expired.

        One look-up of at most as many keys as there are live buckets: 440, one for each hour.
        """
        buckets = [one for one in self._ledger.buckets if is_served(expiry_of(one), now)]
        keys = [layout.certificate_key(one, blob_id) for one in sorted(buckets, reverse=True)]
        found = self._database.get_many(keys) if keys else []
        return next((value for value in found if value is not None), None)

    def locate(self, record: Record, index: int) -> Location | None:
        """Where a column's leaves begin on disk; None if it is not held, or not found."""
        if not record.holds(index):
            return None
        group = self._pieces(record, index, SIDE_PART + 1)[0]
        self._database.settle()
        for path in self._database.bulk_files():
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
                offset = data.find(group)
            if offset >= 0:
                return Location(path=path, offset=offset, length=len(group))
        return None

    def _read(self, record: Record, index: int, read: Callable[[Record], _T]) -> _T | None:
        while record.holds(index):
            try:
                return read(record)
            except Damaged as error:
                # A blob that moved or was pruned meanwhile is not damaged: Pruned from here.
                place = self.stored(record.blob_id)
                if place.bucket == record.bucket:
                    self._observer.column_damaged(record.blob_id, index, error.reason)
                    return None
                record = place
        return None

    def _pieces(self, record: Record, index: int, *parts: int) -> list[bytes]:
        keys = [piece_key(record.bucket, record.blob_id, index, part) for part in parts]
        values = [value for value in self._database.get_many(keys) if value is not None]
        if len(values) < len(keys):
            raise Damaged(reason=f"{len(keys) - len(values)} of {len(keys)} pieces are missing")
        return values
