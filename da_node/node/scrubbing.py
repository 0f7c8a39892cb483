"""Damage is looked for before somebody asks: every stored column is read and verified in turn."""

from __future__ import annotations

import asyncio

from da_node.coding import column_bytes
from da_node.errors import HoldfastError
from da_node.node.bounds import SCRUB_PAUSE_S
from da_node.node.metrics import NodeMetrics
from da_node.node.recovering import Recovering
from da_node.node.workers import Workers
from da_node.service import logger
from da_node.store import Record, Store

_log = logger(__name__)


class Scrubbing:
    """Walks over the store at a set pace. Used from one event loop."""

    def __init__(
        self,
        *,
        store: Store,
        recovering: Recovering,
        workers: Workers,
        metrics: NodeMetrics,
        bytes_per_s: int,
    ) -> None:
        """`bytes_per_s` is its pace: at 8 MiB a terabyte takes a day and a half, and a few per cent
        of one core.
        """
        self._store = store
        self._recovering = recovering
        self._workers = workers
        self._metrics = metrics
        self._bytes_per_s = bytes_per_s

    async def run(self) -> None:
        """Scrub for ever, with a rest before each pass."""
        while True:
            await asyncio.sleep(SCRUB_PAUSE_S)
            try:
                await self.once()
            except HoldfastError as error:
                self._failed(error)

    async def once(self) -> None:
        """One pass over everything stored. Raises StoreFault if the store cannot be listed."""
        for bucket in await self._workers.upkeep.run(self._store.buckets):
            for record in await self._workers.upkeep.run(self._store.blobs_in, bucket):
                try:
                    await self.blob(record)
                except HoldfastError as error:
                    self._failed(error)
                read_bytes = len(record.columns) * column_bytes(record.header.row_count)
                await asyncio.sleep(read_bytes / self._bytes_per_s)

    async def blob(self, record: Record) -> list[int]:
        """Check one blob's columns, heal those that are damaged, and name them.

        Raises NotEnough, NotReady, StoreFault.
        """
        damaged = await self._workers.upkeep.run(self._recovering.damaged, record)
        self._metrics.scrubbed_columns.inc(len(record.columns))
        if damaged:
            await self._recovering.mend(record)
        return damaged

    def _failed(self, error: HoldfastError) -> None:
        self._metrics.failures.labels("scrub").inc()
        _log.warning("scrub could not heal", reason=str(error))
