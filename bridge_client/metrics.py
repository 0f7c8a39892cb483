"""What a watcher counts. One object names every metric."""

from __future__ import annotations

from typing import Final

from bridge_client.watching import News
from da_node.service import Metrics

DUTIES: Final = ("batches", "challenges")
"""What a watcher may have to do something about."""


class WatcherMetrics:
    """The metrics of one watcher, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = Metrics()
        self.ready = registry.gauge("watcher_ready", "1 where /readyz says so, else 0.")
        self.block = registry.gauge("watcher_block", "Block up to which all has been read.")
        self.events = registry.counter(
            "watcher_events",
            "Events that were seen, or lost by a reorganisation.",
            ["contract", "event", "news"],
        )
        self.looks = registry.counter(
            "watcher_looks", "Looks at the chain that ended, by outcome.", ["outcome"]
        )
        for outcome in ("read", "failed"):
            # There from the start, so that the first of its kind is seen to be one more.
            self.looks.labels(outcome)
        self.waiting = registry.gauge(
            "watcher_waiting", "What is still to be done something about.", ["what"]
        )
        for what in DUTIES:
            self.waiting.labels(what)

    def took(self, news: News) -> None:
        """What a look found. Labels come from the contracts' own interfaces, so they are few."""
        self.block.set(news.upto)
        for word, events in (("lost", news.lost), ("seen", news.seen)):
            for one in events:
                self.events.labels(one.contract, one.event, word).inc()

    def render(self) -> bytes:
        """The text of /metrics."""
        return self._registry.render()
