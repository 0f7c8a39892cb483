"""Blobs go when their window is over, and into the archive first where one is wanted.

Late is harmless, early is not: a clock that is far ahead is believed as far as `Reach` lets it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Final

from da_node.archive import ArchiveEntry, write_archive
from da_node.errors import HoldfastError, NotEnough
from da_node.node.metrics import NodeMetrics
from da_node.node.reading import Reading
from da_node.node.workers import Workers
from da_node.retention import DAY_S, GRACE_S, Bucket, expiry_of, is_prunable
from da_node.service import logger
from da_node.store import PruneReport, Record, Store

REACH_S: Final = DAY_S
"""Expiries that may go at once, such as at the start of a node that was off."""
HASTE: Final = 24
"""Seconds of expiries for each second of uptime after that: what 18 days off have left is gone
within 18 hours, and a clock that is wrong has deleted two days when it has been wrong for an hour.
"""

_log = logger(__name__)


class Reach:
    """How far a prune may go, by the time that has passed here and not by the clock alone."""

    def __init__(self, monotonic_s: float) -> None:
        self._spare_s = float(REACH_S)
        self._seen_s = monotonic_s

    def until(self, now: int, oldest_expiry: int, monotonic_s: float) -> int:
        """The time, `now` at the latest, up to which may be pruned where the oldest blobs expired
        at `oldest_expiry`. What lies between the two is used up.
        """
        passed_s, self._seen_s = monotonic_s - self._seen_s, monotonic_s
        self._spare_s = min(REACH_S, self._spare_s + HASTE * passed_s)
        begin = oldest_expiry + GRACE_S
        until = min(now, begin + int(self._spare_s))
        self._spare_s -= max(0, until - begin)
        return until


def archive_name(bucket: Bucket) -> str:
    """File name of a bucket's archive: the hour in which its blobs expired, UTC."""
    return f"{datetime.fromtimestamp(expiry_of(bucket), UTC):%Y-%m-%dT%HZ}.archive"


class Pruning:
    """Prunes and archives. Used from one event loop."""

    def __init__(
        self,
        *,
        store: Store,
        reading: Reading,
        workers: Workers,
        metrics: NodeMetrics,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        archive_directory: Path | None,
    ) -> None:
        self._store = store
        self._reading = reading
        self._workers = workers
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._reach = Reach(monotonic())
        self._archive_directory = archive_directory

    async def run(self, interval_s: float) -> None:
        """Prune for ever, at once and then every so often."""
        while True:
            try:
                await self.once()
            except HoldfastError as error:
                self._failed("prune", error)
            await asyncio.sleep(interval_s)

    async def once(self) -> PruneReport:
        """Archive what is due, then delete it.

        What is beyond reach stays, and so does a bucket that cannot be archived with those after
        it, until the next time. Raises StoreFault.
        """
        now = await self._archived_until(await self._reached())
        report = await self._workers.upkeep.run(self._store.prune, now)
        self._metrics.pruned_blobs.inc(report.blobs)
        if report.blobs:
            _log.info("pruned", blobs=report.blobs, buckets=len(report.buckets))
        return report

    async def _reached(self) -> int:
        """The time up to which may be pruned: now, or as far as this process may go."""
        now = self._clock()
        due = (await self._workers.upkeep.run(self._store.plan_prune, now)).buckets
        if not due:
            return now
        until = self._reach.until(now, due[0].expired_at, self._monotonic())
        if not is_prunable(due[-1].bucket, until):
            _log.warning("pruning goes slowly", due=len(due), until=until, clock=now)
        return until

    async def _archived_until(self, now: int) -> int:
        """The time up to which may be pruned: `now`, or where archiving has stopped."""
        if self._archive_directory is None:
            return now
        buckets = await self._workers.upkeep.run(self._store.buckets)
        for bucket in sorted(bucket for bucket in buckets if is_prunable(bucket, now)):
            try:
                await self._workers.upkeep.run(self.archive, bucket, self._archive_directory)
            except (HoldfastError, OSError) as error:
                self._failed("archive", error)
                # The last moment at which this bucket may not be pruned yet; those before it may.
                return expiry_of(bucket) + GRACE_S
        return now

    def archive(self, bucket: Bucket, directory: Path) -> int:
        """Write one bucket's archive file, durably; the number of blobs in it. Blocks.

        A blob of which too little is left is named in the log and left out: keeping the bucket
        would not bring it back. Raises ArchiveFault, StoreFault, OSError.
        """
        directory.mkdir(parents=True, exist_ok=True)
        entries = self._entries(self._store.blobs_in(bucket))
        first = next(entries, None)
        if first is None:
            return 0
        path = directory / archive_name(bucket)
        summary = write_archive(path, chain([first], entries))
        # Durable from here on. A crash before the bucket is pruned writes the same file again.
        self._metrics.archived_blobs.inc(len(summary.entries))
        _log.info("archived", path=str(path), blobs=len(summary.entries))
        return len(summary.entries)

    def _entries(self, records: Sequence[Record]) -> Iterator[ArchiveEntry]:
        for record in records:
            try:
                payload = self._reading.whole_payload(record)
            except NotEnough as error:
                self._metrics.failures.labels("archive").inc()
                _log.error("blob lost", blob_id=record.blob_id.hex0x, reason=str(error))
                continue
            yield ArchiveEntry(
                header=record.header,
                payload=payload,
                expires_at=record.expires_at,
                stored_at=record.stored_at,
                label=record.label,
            )

    def _failed(self, work: str, error: Exception) -> None:
        self._metrics.failures.labels(work).inc()
        _log.error("upkeep failed and will be tried again", work=work, reason=str(error))
