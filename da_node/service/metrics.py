"""Metrics: the one door to prometheus-client. Each service has a registry of its own, so that
several services in one process, as in tests and local networks, do not share counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

import da_node

METRICS_CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

SECONDS_BUCKETS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Default histogram bounds: half decades from a point read to the slowest allowed request."""


class Metrics:
    """One service's metrics, all named `holdfast_…`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.gauge("build_info", "1, labelled with the version.", ["version"]).labels(
            da_node.__version__
        ).set(1)

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """A count that only grows; rendered with `_total` at the end of its name."""
        return Counter(f"holdfast_{name}", meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        """A value that goes up and down."""
        return Gauge(f"holdfast_{name}", meaning, labels, registry=self._registry)

    def histogram(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = SECONDS_BUCKETS,
    ) -> Histogram:
        """A distribution; seconds unless other buckets are given."""
        return Histogram(
            f"holdfast_{name}", meaning, labels, registry=self._registry, buckets=buckets
        )

    def render(self) -> bytes:
        """The text that /metrics answers, of type METRICS_CONTENT_TYPE."""
        return generate_latest(self._registry)


class RequestMetrics:
    """What every service counts of the requests it answers."""

    def __init__(self, registry: Metrics) -> None:
        self.requests = registry.counter(
            "requests", "Requests answered.", ["method", "route", "status"]
        )
        self.request_seconds = registry.histogram(
            "request_seconds", "From a request's header to the end of its handler.", ["route"]
        )
        # Finding a child by its labels takes longer than counting, and these few are found for
        # every request: as many as there are routes and statuses.
        self._counts: dict[tuple[str, str, int], Counter] = {}
        self._durations: dict[str, Histogram] = {}

    def answered(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count one request. Only routes of ours are labels, or clients could make up ever more."""
        key = method, route, status
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = self.requests.labels(*key)
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = self.request_seconds.labels(route)
        count.inc()
        durations.observe(duration_s)
