"""Damage repaired: a blob recovered from the columns that are left, and its store healed.

One recovery of a blob serves everyone who waits for it, and few run at once. Healing happens
behind the answer: readers do not wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from da_node.coding import (
    DATA_COLUMNS,
    BlobId,
    EncodedBlob,
    Header,
    VerifiedColumn,
)
from da_node.errors import HoldfastError, NotEnough, NotReady
from da_node.node.bounds import RECOVERIES_AT_ONCE, RECOVERIES_WAITING
from da_node.node.metrics import NodeMetrics
from da_node.node.workers import Workers
from da_node.service import logger
from da_node.store import Record, Store

Recover = Callable[[Header, Sequence[VerifiedColumn]], EncodedBlob]
"""Any 64 verified columns to the blob; heavy, runs in a thread."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What is left of a blob's columns."""

    sound: list[VerifiedColumn]
    damaged: list[int]
    """Columns that were stored and do not verify any more."""


class Recovering:
    """Recovers blobs and heals the store. Used from one event loop."""

    def __init__(
        self, *, recover: Recover, store: Store, workers: Workers, metrics: NodeMetrics
    ) -> None:
        self._recover = recover
        self._store = store
        self._workers = workers
        self._metrics = metrics
        self._flights: dict[BlobId, asyncio.Task[EncodedBlob]] = {}
        self._healing: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(RECOVERIES_AT_ONCE)

    async def blob(self, record: Record) -> EncodedBlob:
        """The whole blob, recovered; the store is healed in the background.

        Raises NotEnough where fewer than 64 columns are left, NotReady where too many recoveries
        wait, StoreFault.
        """
        blob_id = record.blob_id
        flight = self._flights.get(blob_id)
        if flight is None:
            if len(self._flights) >= RECOVERIES_WAITING:
                raise NotReady(reason=f"{RECOVERIES_WAITING} blobs are being recovered already")
            flight = asyncio.create_task(self._work(record))
            self._flights[blob_id] = flight
            flight.add_done_callback(lambda done: self._landed(blob_id, done))
        return await asyncio.shield(flight)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._flights or self._healing:
            await asyncio.wait([*self._flights.values(), *self._healing])

    def inspect(self, record: Record) -> Inspection:
        """Read and verify every column that was stored; blocks."""
        sound, damaged = [], []
        for index in record.columns:
            column = self._store.read_column(record, index)
            if column is None:
                damaged.append(index)
            else:
                sound.append(column)
        self._metrics.damaged_columns.inc(len(damaged))
        return Inspection(sound=sound, damaged=damaged)

    def damaged(self, record: Record) -> list[int]:
        """The columns that were stored and do not verify any more; blocks, holds one at a time."""
        return [index for index in record.columns if self._store.read_column(record, index) is None]

    async def _work(self, record: Record) -> EncodedBlob:
        async with self._slots:
            found = await self._workers.store.run(self.inspect, record)
            if found.damaged:
                _log.warning("columns damaged", blob_id=record.blob_id.hex0x, columns=found.damaged)
            if len(found.sound) < DATA_COLUMNS:
                raise NotEnough(unit="columns", held=len(found.sound), needed=DATA_COLUMNS)
            # All of them: each adds its path to the tree, which shows where others climb.
            blob = await self._workers.compute.run(self._recover, record.header, found.sound)
        self._metrics.recoveries.inc()
        if found.damaged:
            healing = asyncio.create_task(self._heal(record, blob, found.damaged))
            self._healing.add(healing)
            healing.add_done_callback(self._healing.discard)
        return blob

    async def _heal(self, record: Record, blob: EncodedBlob, damaged: Sequence[int]) -> None:
        try:
            healed = await self._workers.store.run(self._restore, record, blob, damaged)
        except HoldfastError as error:
            self._metrics.failures.labels("heal").inc()
            _log.warning("columns not healed", blob_id=record.blob_id.hex0x, reason=str(error))
            return
        _log.info("columns healed", blob_id=record.blob_id.hex0x, columns=healed)

    def _restore(self, record: Record, blob: EncodedBlob, damaged: Sequence[int]) -> list[int]:
        sound = [index for index in damaged if index not in blob.void_columns]
        self._metrics.void_columns.inc(len(damaged) - len(sound))
        if sound:
            self._store.restore_columns(record, [blob.column(index) for index in sound])
        # Durable from here on; a crash before leaves the damage, found again by the next read.
        self._metrics.healed_columns.inc(len(sound))
        return sound

    def _landed(self, blob_id: BlobId, flight: asyncio.Task[EncodedBlob]) -> None:
        del self._flights[blob_id]
        if not flight.cancelled() and (error := flight.exception()) is not None:
            _log.warning("blob not recovered", blob_id=blob_id.hex0x, reason=str(error))
