"""Damage repaired: a blob recovered from the columns that are left, and its store healed.

One recovery of a blob serves everyone who waits for it, and few run at once. Healing happens
behind the answer: readers do not wait for it. Where too little is left here, and other nodes are
known, what is damaged is mended from theirs, in the background only.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from da_node.coding import (
    DATA_COLUMNS,
    BlobId,
    EncodedBlob,
    VerifiedColumn,
)
from da_node.errors import HoldfastError, NotEnough, NotReady
from da_node.node.bounds import (
    MEND_REST_S,
    MENDS_REMEMBERED,
    MENDS_WAITING,
    RECOVERIES_AT_ONCE,
    RECOVERIES_WAITING,
)
from da_node.node.metrics import NodeMetrics
from da_node.node.rebuilding import Rebuilding, Rebuilt, Recover, Source, sort_out
from da_node.node.workers import Workers
from da_node.service import logger
from da_node.store import Record, Store

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
        self,
        *,
        recover: Recover,
        rebuilding: Rebuilding,
        store: Store,
        workers: Workers,
        metrics: NodeMetrics,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self.source: Source | None = None
        """Other nodes of which columns may be had; None while there are none."""
        self._recover = recover
        self._rebuilding = rebuilding
        self._clock = clock
        self._store = store
        self._workers = workers
        self._metrics = metrics
        self._flights: dict[BlobId, asyncio.Task[EncodedBlob]] = {}
        self._healing: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(RECOVERIES_AT_ONCE)
        self._mending: dict[BlobId, asyncio.Task[None]] = {}
        self._tried: OrderedDict[BlobId, float] = OrderedDict()
        """When blobs were last mended because of reads."""

    async def blob(self, record: Record) -> EncodedBlob:
        """The whole blob, recovered; the store is healed in the background.

        Raises NotEnough where fewer than 64 columns are left, NotReady where too many recoveries
        wait, StoreFault.
        """
        if len(record.columns) < DATA_COLUMNS:
            raise NotEnough(unit="columns", held=len(record.columns), needed=DATA_COLUMNS)
        blob_id = record.blob_id
        flight = self._flights.get(blob_id)
        if flight is None:
            if len(self._flights) >= RECOVERIES_WAITING:
                raise NotReady(reason=f"{RECOVERIES_WAITING} blobs are being recovered already")
            flight = asyncio.create_task(self._work(record))
            self._flights[blob_id] = flight
            flight.add_done_callback(lambda done: self._landed(blob_id, done))
        return await asyncio.shield(flight)

    def suspect(self, record: Record) -> None:
        """A read has found damage that is not repaired here: mend it in the background, unless
        that is under way, was tried a moment ago, or too much waits already.
        """
        blob_id, now = record.blob_id, self._clock()
        rested = now - self._tried.get(blob_id, -math.inf) >= MEND_REST_S
        if self.source is None or blob_id in self._mending or not rested:
            return
        if len(self._mending) >= MENDS_WAITING:
            return
        self._tried[blob_id] = now
        self._tried.move_to_end(blob_id)
        if len(self._tried) > MENDS_REMEMBERED:
            self._tried.popitem(last=False)
        task = asyncio.create_task(self._mend_quietly(record))
        self._mending[blob_id] = task
        task.add_done_callback(lambda _: self._mending.pop(blob_id))

    async def mend(self, record: Record) -> None:
        """Repair what is damaged, from what is left here or from other nodes.

        Raises NotEnough where neither is enough, NotReady, StoreFull, StoreFault.
        """
        source = self.source
        if source is None or len(record.columns) >= DATA_COLUMNS:
            try:
                await self.blob(record)
                return
            except NotEnough:
                if source is None:
                    raise
        found = await self._workers.store.run(self.inspect, record)
        if not found.damaged:
            return
        _log.warning("columns damaged", blob_id=record.blob_id.hex0x, columns=found.damaged)
        rebuilt = await self._rebuilding.columns(record.header, found.sound, found.damaged, source)
        await self._workers.store.run(self._keep, record, rebuilt)
        if rebuilt.columns:
            healed = sorted(column.index for column in rebuilt.columns)
            _log.info(
                "columns healed",
                blob_id=record.blob_id.hex0x,
                columns=healed,
                served=rebuilt.served,
            )
        if rebuilt.unproven:
            raise NotEnough(unit="columns", held=rebuilt.at_hand, needed=DATA_COLUMNS)

    async def settle(self) -> None:
        """Wait until nothing is being mended."""
        while self._mending:
            await asyncio.wait(list(self._mending.values()))

    async def drain(self) -> None:
        """Wait until nothing is under way; what is being mended is left, to be found again."""
        mending = list(self._mending.values())
        for task in mending:
            task.cancel()
        await asyncio.gather(*mending, return_exceptions=True)
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
                self.suspect(record)
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
        proven, void, _ = sort_out(blob, damaged)
        if proven:
            self._store.restore_columns(record, list(proven.values()))
        # Durable from here on; a crash before leaves the damage, found again by the next read.
        self._metrics.healed_columns.inc(len(proven))
        self._mark_void(record, void)
        return sorted(proven)

    def _keep(self, record: Record, rebuilt: Rebuilt) -> None:
        if rebuilt.columns:
            self._store.restore_columns(record, rebuilt.columns)
        # Durable from here on; a crash before leaves the damage, found again by the next read.
        self._metrics.healed_columns.inc(len(rebuilt.columns))
        self._mark_void(record, rebuilt.void)

    def _mark_void(self, record: Record, void: Collection[int]) -> None:
        if not void:
            return
        self._store.mark_void(record, void)
        # Durable from here on: nobody looks for them any more.
        self._metrics.void_columns.inc(len(void))
        _log.warning("columns void", blob_id=record.blob_id.hex0x, columns=sorted(void))

    async def _mend_quietly(self, record: Record) -> None:
        try:
            await self.mend(record)
        except HoldfastError as error:
            self._metrics.failures.labels("mend").inc()
            _log.warning("columns not mended", blob_id=record.blob_id.hex0x, reason=str(error))

    def _landed(self, blob_id: BlobId, flight: asyncio.Task[EncodedBlob]) -> None:
        del self._flights[blob_id]
        if not flight.cancelled() and (error := flight.exception()) is not None:
            _log.warning("blob not recovered", blob_id=blob_id.hex0x, reason=str(error))
