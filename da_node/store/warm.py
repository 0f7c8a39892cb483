"""Groups of leaves that were read a moment ago, kept in memory for whoever asks next.

Samplers come to a blob when it is new, many at once, each for a few points of each column: a group
is read from the disk for the first of them and from here for the others.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from da_node.coding import POINTS_PER_COLUMN, BlobId, VerifiedLeaves, VerifiedPoint
from da_node.store.pieces import held_bytes, place_of_point
from da_node.store.records import Record

WARM_BYTES: Final = 64 << 20
"""All groups of the arcs of a member's last six blobs of 16 MiB: 32 columns of 267 KiB each, and
8 KiB beside each of their 256 groups, are 10.5 MiB a blob."""

WARM_RECORDS: Final = 4096
"""Blobs of which the record is kept: about 1 KiB each, 4 MiB."""

_Key = tuple[BlobId, int, int]
"""Blob, column, part."""


class Warm:
    """The groups that were read last, and the records under which they were. From any thread.

    Nothing of it can be wrong: every leaf was verified when it was read, and a record stays true,
    for a blob is served until its expiry, which only ever becomes later. Damage that comes to the
    disk afterwards is not seen here, but by whoever reads the column.
    """

    def __init__(self, most_bytes: int = WARM_BYTES, most_records: int = WARM_RECORDS) -> None:
        self._most_bytes = most_bytes
        self._most_records = most_records
        self._records: OrderedDict[BlobId, Record] = OrderedDict()
        self._groups: OrderedDict[_Key, VerifiedLeaves] = OrderedDict()
        self._lock = threading.Lock()
        self.held_bytes = 0
        """What the groups take."""

    def record(self, blob_id: BlobId) -> Record | None:
        """The record of a blob of which something is here, or was."""
        return self._records.get(blob_id)

    def point(self, record: Record, point: int) -> VerifiedPoint | None:
        """A point, if its group is here."""
        column, offset = divmod(point, POINTS_PER_COLUMN)
        key = record.blob_id, column, place_of_point(record.header.row_count, offset).part
        with self._lock:
            group = self._groups.get(key)
            if group is None:
                return None
            self._groups.move_to_end(key)
        return group.point(offset)

    def keep(self, record: Record, part: int, group: VerifiedLeaves) -> None:
        """Have a group without faults here, and let go of what nobody has asked for the longest."""
        blob_id = record.blob_id
        key = blob_id, group.frame.index, part
        with self._lock:
            self._let_go(key)
            self._groups[key] = group
            self.held_bytes += held_bytes(group)
            while self.held_bytes > self._most_bytes:
                self._let_go(next(iter(self._groups)))
            self._records[blob_id] = record
            self._records.move_to_end(blob_id)
            if len(self._records) > self._most_records:
                self._records.popitem(last=False)

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._records.clear()
            self._groups.clear()
            self.held_bytes = 0

    def _let_go(self, key: _Key) -> None:
        group = self._groups.pop(key, None)
        if group is not None:
            self.held_bytes -= held_bytes(group)
