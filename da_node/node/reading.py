"""What is asked for, read and verified; what is damaged, through recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from da_node.coding import (
    POINTS_PER_COLUMN,
    BlobId,
    EncodedBlob,
    VerifiedColumn,
    VerifiedPoint,
    columns_of_range,
    decode_range,
    payload_of,
)
from da_node.errors import NotEnough, VoidColumn
from da_node.node.recovering import Recovering
from da_node.node.workers import Workers
from da_node.store import Record, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Columns or points as they go over the wire."""

    items: list[bytes]
    """Serialised, in the order asked."""
    missing: list[int]
    """Indices that are not held here."""


class Reading:
    """Reads for clients. Used from one event loop."""

    def __init__(self, *, store: Store, workers: Workers, recovering: Recovering) -> None:
        self._store = store
        self._workers = workers
        self._recovering = recovering

    async def record(self, blob_id: BlobId) -> Record:
        """What is stored of a blob. Raises UnknownBlob, Pruned, StoreFault."""
        return await self._workers.store.run(self._store.record, blob_id)

    async def payload(self, record: Record, start: int, stop: int) -> bytearray:
        """Bytes start … stop of the payload, every one verified.

        Touches only the data columns that hold them, unless one of those is not to be had.
        Raises NotEnough, NotReady, StoreFault.
        """
        part = await self._workers.store.run(self._straight, record, start, stop)
        if part is not None:
            return part
        blob = await self._recovering.blob(record)
        whole = await self._workers.compute.run(blob.payload)
        return whole if len(whole) == stop - start else whole[start:stop]

    def whole_payload(self, record: Record) -> bytearray:
        """The payload, for upkeep; blocks and heals nothing. Raises NotEnough, StoreFault."""
        part = self._straight(record, 0, record.header.payload_length)
        if part is not None:
            return part
        return payload_of(record.header, self._recovering.inspect(record).sound)

    async def columns(self, record: Record, indices: Sequence[int]) -> Found:
        """Columns, those that were damaged rebuilt. Raises NotReady, StoreFault."""
        return await self._items(
            record,
            indices,
            column_of=lambda index: index,
            read=self._store.read_column,
            rebuilt=EncodedBlob.column,
        )

    async def points(self, record: Record, indices: Sequence[int]) -> Found:
        """Points, those of damaged columns rebuilt. Raises NotReady, StoreFault."""
        return await self._items(
            record,
            indices,
            column_of=lambda index: index // POINTS_PER_COLUMN,
            read=self._store.read_point,
            rebuilt=EncodedBlob.point,
        )

    async def points_at_once(self, blob_id: BlobId, indices: Sequence[int]) -> tuple[Record, Found]:
        """A few points with the record of their blob: at once if they are in memory, else with one
        visit to the store's threads where nothing is damaged. Raises as `record` and `points` do.
        """
        warm = self._store.warm_points(blob_id, indices)
        if warm is not None:
            record, points = warm
            return record, Found(items=[point.serialize() for point in points], missing=[])
        record, found = await self._workers.store.run(self._stored_points, blob_id, indices)
        if found.missing and any(record.holds(i // POINTS_PER_COLUMN) for i in found.missing):
            found = await self.points(record, indices)
        return record, found

    def _stored_points(self, blob_id: BlobId, indices: Sequence[int]) -> tuple[Record, Found]:
        record = self._store.record(blob_id)
        held = [index for index in indices if record.holds(index // POINTS_PER_COLUMN)]
        return record, _in_order(indices, _read_all(self._store.read_point, record, held))

    def _straight(self, record: Record, start: int, stop: int) -> bytearray | None:
        """The range from its data columns; None if one of them is not at hand."""
        columns = []
        for index in columns_of_range(record.header, start, stop):
            column = self._store.read_column(record, index) if record.holds(index) else None
            if column is None:
                return None
            columns.append(column)
        return decode_range(record.header, columns, start, stop)

    async def _items(
        self,
        record: Record,
        indices: Sequence[int],
        *,
        column_of: Callable[[int], int],
        read: Callable[[Record, int], VerifiedColumn | VerifiedPoint | None],
        rebuilt: Callable[[EncodedBlob, int], VerifiedColumn | VerifiedPoint],
    ) -> Found:
        held = [index for index in indices if record.holds(column_of(index))]
        found = await self._workers.store.run(_read_all, read, record, held)
        damaged = [index for index in held if index not in found]
        if damaged:
            try:
                blob = await self._recovering.blob(record)
            except NotEnough:
                # Its neighbours are answered all the same, and other nodes are asked behind that.
                self._recovering.suspect(record)
            else:
                found |= await self._workers.compute.run(_rebuild_all, rebuilt, blob, damaged)
        return _in_order(indices, found)


def _in_order(indices: Sequence[int], found: Mapping[int, bytes]) -> Found:
    return Found(
        items=[found[index] for index in indices if index in found],
        missing=[index for index in indices if index not in found],
    )


def _read_all(
    read: Callable[[Record, int], VerifiedColumn | VerifiedPoint | None],
    record: Record,
    indices: Sequence[int],
) -> dict[int, bytes]:
    found = {}
    for index in indices:
        item = read(record, index)
        if item is not None:
            found[index] = item.serialize()
    return found


def _rebuild_all(
    rebuilt: Callable[[EncodedBlob, int], VerifiedColumn | VerifiedPoint],
    blob: EncodedBlob,
    indices: Sequence[int],
) -> dict[int, bytes]:
    items = {}
    for index in indices:
        try:
            items[index] = rebuilt(blob, index).serialize()
        except VoidColumn:
            continue
    return items
