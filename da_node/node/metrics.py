"""What a node counts. One object names every metric; docs and dashboards go by it."""

from __future__ import annotations

from da_node.coding import BlobId
from da_node.service import Metrics, RequestMetrics, logger
from da_node.store import Observer

_log = logger(__name__)

LAG_BUCKETS = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1.0, 3.0)
"""Bounds around the 30 ms that an event loop may stall at most."""


class NodeMetrics(Observer):
    """The metrics of one node, in a registry of its own. Observes the store."""

    def __init__(self) -> None:
        self.registry = registry = Metrics()
        self.front = RequestMetrics(registry)
        self.payloads = registry.counter(
            "payloads", "Payloads taken in, by outcome: stored or repeat.", ["outcome"]
        )
        self.received_bytes = registry.counter("received_bytes", "Bytes of payloads received.")
        self.sent_bytes = registry.counter(
            "sent_bytes", "Bytes of payloads, columns and points sent.", ["kind"]
        )
        self.encode_seconds = registry.histogram(
            "encode_seconds", "Payload to header, columns and proofs."
        )
        self.damaged_reads = registry.counter(
            "damaged_reads", "Reads of stored columns that did not verify."
        )
        self.damaged_columns = registry.counter(
            "damaged_columns", "Stored columns found damaged when their blob was recovered."
        )
        self.recoveries = registry.counter("recoveries", "Blobs recovered from other columns.")
        self.healed_columns = registry.counter("healed_columns", "Columns rebuilt and stored.")
        self.void_columns = registry.counter(
            "void_columns", "Columns found never to have been committed to, and left alone."
        )
        self.pruned_blobs = registry.counter("pruned_blobs", "Blobs deleted after their window.")
        self.archived_blobs = registry.counter("archived_blobs", "Blobs written to the archive.")
        self.failures = registry.counter(
            "background_failures", "Background work that failed and is tried again.", ["work"]
        )
        self.loop_lag_seconds = registry.histogram(
            "event_loop_lag_seconds", "How late the event loop was.", buckets=LAG_BUCKETS
        )
        self.loop_lag_longest_seconds = registry.gauge(
            "event_loop_lag_longest_seconds", "Longest stall of the event loop since the start."
        )
        self.pending_calls = registry.gauge(
            "pending_calls", "Calls running in or waiting for a thread pool.", ["pool"]
        )
        self.under_way = registry.gauge("under_way", "Requests under way.", ["what"])
        self.connections = registry.gauge("connections", "Connections open.")
        self.subscribers = registry.gauge("event_subscribers", "Event streams open.")
        self.store_reserved_bytes = registry.gauge(
            "store_reserved_bytes", "Disk that stored blobs count against the budget."
        )
        self.store_budget_bytes = registry.gauge(
            "store_budget_bytes", "Disk budget; NaN where there is none."
        )
        self.store_blobs = registry.gauge("store_blobs", "Blobs stored.")
        self.store_disk_free_bytes = registry.gauge(
            "store_disk_free_bytes", "What the disk has left."
        )
        self.store_free_bytes = registry.gauge(
            "store_free_bytes", "What may still be stored before new blobs are refused."
        )
        self.store_flushes = registry.counter("store_flushes", "Synced flushes of the store's log.")
        self.store_flushed_jobs = registry.counter(
            "store_flushed_jobs", "Writes that those flushes acknowledged."
        )
        self.store_written_bytes = registry.counter(
            "store_written_bytes", "Bytes that those writes had."
        )
        self.scrubbed_columns = registry.counter("scrubbed_columns", "Columns the scrub has read.")

    def column_damaged(self, blob_id: BlobId, index: int, reason: str) -> None:
        """A stored column did not verify; called from the store's threads."""
        self.damaged_reads.inc()
        # At every such read, so quietly: what becomes of it is told once per recovery.
        _log.debug("column damaged", blob_id=blob_id.hex0x, column=index, reason=reason)

    def committed(self, jobs: int, written_bytes: int) -> None:
        """One synced flush; called from the store's writer."""
        self.store_flushes.inc()
        self.store_flushed_jobs.inc(jobs)
        self.store_written_bytes.inc(written_bytes)

    def reopened(self) -> None:
        """The database was opened again after a failed write."""
        self.failures.labels("store write").inc()
        _log.error("the store was opened again after a failed write")

    def render(self) -> bytes:
        """The text of /metrics."""
        return self.registry.render()
