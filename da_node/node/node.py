"""One node: everything it consists of, made from settings, a store and a KZG service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import da_node
from da_node.coding import COLUMNS, Kzg, encode, recover
from da_node.errors import NotReady
from da_node.node import bounds
from da_node.node.clock_watch import ClockWatch
from da_node.node.intake import Intake
from da_node.node.lag import watch_lag
from da_node.node.metrics import NodeMetrics
from da_node.node.pruning import Pruning
from da_node.node.reading import Reading
from da_node.node.rebuilding import Rebuilding
from da_node.node.recovering import Recovering
from da_node.node.scrubbing import Scrubbing
from da_node.node.workers import Workers
from da_node.retention import HOUR_S, RETENTION_S
from da_node.service import Broadcast, Health, NodeSettings, logger
from da_node.service.background import in_background
from da_node.service.http.admission import Admission
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace
from da_node.service.http.rate_limit import TokenBuckets
from da_node.store import Store

_log = logger(__name__)


class KzgService(Kzg, Protocol):
    """A `Kzg` that takes a while to start; `da_node.service.kzg_pool.KzgPool` is one."""

    @property
    def ready(self) -> bool:
        """Whether the trusted setup is loaded."""

    def warm(self) -> None:
        """Load it; blocks."""

    def close(self) -> None:
        """End whatever runs; blocks."""


class Node:
    """One node's state and its parts. Made, used and stopped on one event loop."""

    def __init__(
        self,
        *,
        settings: NodeSettings,
        store: Store,
        kzg: KzgService,
        metrics: NodeMetrics,
        node_id: str,
        clock: Callable[[], int],
        timers: Timers,
    ) -> None:
        """`clock` gives unix seconds, `timers` keeps deadlines (the event loop, usually).

        The node owns `store` and `kzg` from here on: `stop` closes them.
        """
        self.settings = settings
        self.node_id = node_id
        self.clock = clock
        self.timers = timers
        self.metrics = metrics
        self.store = store
        self._kzg = kzg
        threads = settings.threads
        # While the curve work of some payloads is done elsewhere, one more keeps the cores busy.
        self.workers = workers = Workers(encodes_at_once=settings.kzg_workers + 1)
        self.events = Broadcast[int](
            max_subscribers=bounds.SUBSCRIBERS, backlog=bounds.SUBSCRIBER_BACKLOG
        )
        self.intake = Intake(
            encode=partial(encode, kzg=kzg, threads=threads),
            store=store,
            workers=workers,
            metrics=metrics,
            announce=self.events.publish,
        )
        recovery = partial(recover, kzg=kzg, threads=threads)
        self.rebuilding = Rebuilding(recover=recovery, workers=workers)
        self.recovering = Recovering(
            recover=recovery,
            rebuilding=self.rebuilding,
            store=store,
            workers=workers,
            metrics=metrics,
            clock=timers.time,
        )
        self.reading = Reading(store=store, workers=workers, recovering=self.recovering)
        self.pruning = Pruning(
            store=store,
            reading=self.reading,
            workers=workers,
            metrics=metrics,
            clock=clock,
            monotonic=timers.time,
            archive_directory=settings.archive_directory,
        )
        self.scrubbing = Scrubbing(
            store=store,
            recovering=self.recovering,
            workers=workers,
            metrics=metrics,
            bytes_per_s=settings.scrub_bytes_per_s,
        )
        self.uploads = Admission(
            "uploads",
            max_count=settings.max_uploads,
            max_bytes=settings.body_limit_bytes * bounds.UPLOADS_IN_MEMORY,
        )
        self.reads = Admission(
            "reads", max_count=settings.max_reads, max_bytes=bounds.READ_MEMORY_BYTES
        )
        self.rates = TokenBuckets(
            per_second=settings.reads_per_second_per_client,
            burst=settings.reads_per_second_per_client * bounds.RATE_BURST_S,
            max_clients=bounds.RATE_CLIENTS,
        )
        self.health = Health(clock=time.monotonic)
        self._clock_watch = ClockWatch(wall_s=clock(), monotonic_s=timers.time())
        self.health.add("store", self._probe_store)
        self.health.add("clock", self._probe_clock)
        self.health.add("kzg", self._probe_kzg)
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin what runs by itself; requests are answered without it."""
        self._background = [
            in_background(watch_lag(self.metrics)),
            in_background(self.workers.probe.run(self._kzg.warm)),
            in_background(self.pruning.run(self.settings.prune_interval_s)),
            in_background(self.scrubbing.run()),
        ]

    def stopping(self) -> None:
        """Tell balancers, and end the event streams, which would not end by themselves."""
        self.health.stop("stopping")
        self.events.close()

    async def stop(self) -> None:
        """Finish what was taken in and what is being healed, and close everything.

        Call when no request is under way any more.
        """
        await self.intake.drain()
        await self.recovering.drain()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.to_thread(self._close)

    def pace(self) -> Pace:
        """The slowest transfer that is put up with, from now on."""
        return Pace(
            started_s=self.timers.time(),
            allowance_s=self.settings.header_timeout_s,
            min_bytes_per_s=self.settings.body_min_bytes_per_s,
            longest_s=self.settings.request_timeout_s,
        )

    def document(self) -> dict[str, Any]:
        """What /v1/node answers; needs neither store nor setup."""
        settings = self.settings
        return {
            "node_id": self.node_id,
            "version": da_node.__version__,
            "keyset_hash": None,
            "arc": {"start": 0, "count": COLUMNS},
            "limits": {
                "body_bytes": settings.body_limit_bytes,
                "uploads": settings.max_uploads,
                "reads": settings.max_reads,
                "reads_per_second_per_client": settings.reads_per_second_per_client,
                "request_timeout_s": settings.request_timeout_s,
                "body_min_bytes_per_s": settings.body_min_bytes_per_s,
            },
            "retention_s": RETENTION_S,
            "time": self.clock(),
        }

    async def refresh_metrics(self) -> None:
        """Set the gauges that are read rather than counted. Raises StoreFault."""
        metrics = self.metrics
        for pool in self.workers.pools:
            metrics.pending_calls.labels(pool.name).set(pool.pending)
        metrics.under_way.labels("uploads").set(self.uploads.count)
        metrics.under_way.labels("reads").set(self.reads.count)
        metrics.subscribers.set(self.events.subscribers)
        usage = await self.workers.probe.run(self.store.usage)
        budget = usage.budget_bytes
        metrics.store_reserved_bytes.set(usage.bytes_reserved)
        metrics.store_budget_bytes.set(float("nan") if budget is None else budget)
        metrics.store_blobs.set(usage.blobs)
        metrics.store_disk_free_bytes.set(usage.disk_free_bytes)
        metrics.store_free_bytes.set(usage.free_bytes)

    async def _probe_store(self) -> None:
        await self.workers.probe.run(self.store.probe)

    async def _probe_clock(self) -> None:
        newest = await self.workers.probe.run(self._newest_stored_at)
        self._clock_watch.check(
            wall_s=self.clock(), monotonic_s=self.timers.time(), newest_stored_at=newest
        )

    def _newest_stored_at(self) -> int:
        """When the newest blob was stored, at the earliest; 0 without blobs."""
        newest = self.store.feed(self.store.last_cursor() - 1, 1)
        return newest[0].expires_at - RETENTION_S - HOUR_S if newest else 0

    async def _probe_kzg(self) -> None:
        if not self._kzg.ready:
            raise NotReady(reason="the trusted setup is being loaded")

    def _close(self) -> None:
        self._kzg.close()
        self.workers.close()
        # Nothing calls it any more; what it has acknowledged is synced already.
        self.store.close()
