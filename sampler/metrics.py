"""What a sampler counts. One object names every metric."""

from __future__ import annotations

from da_node.service import Metrics, RequestMetrics
from sampler.conclusion import Finding
from sampler.state import Lane


class SamplerMetrics:
    """The metrics of one sampler, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = Metrics()
        self.front = RequestMetrics(registry)
        self.verdicts = registry.counter("verdicts", "Verdicts, by what was found.", ["finding"])
        for finding in Finding:
            # There from the start, so that the first of its kind is seen to be one more.
            self.verdicts.labels(finding.name.lower())
        self.verdict_seconds = registry.histogram(
            "verdict_seconds", "From the first question about a blob to its verdict."
        )
        self.announced_to_verdict_seconds = registry.histogram(
            "announced_to_verdict_seconds",
            "From a blob's announcement to its first verdict; blobs caught up on left out.",
        )
        self.questions = registry.counter(
            "questions",
            "Questions to a member that ended, by what became of them.",
            ["member", "outcome"],
        )
        self.controls = registry.counter(
            "control_questions",
            "Control questions to a member that ended, by what became of them.",
            ["member", "outcome"],
        )
        self.sessions = registry.gauge("sessions", "Blobs being sampled.")
        self.waiting = registry.gauge("waiting_blobs", "Blobs that wait, by lane.", ["lane"])
        for lane in Lane:
            self.waiting.labels(lane.name.lower())
        self.feed_cursor = registry.gauge("feed_cursor", "Last cursor read of a feed.", ["feed"])
        self.feed_gaps = registry.gauge(
            "feed_gaps", "Stretches of a feed that are still to be read.", ["feed"]
        )
        self.feed_failures = registry.counter(
            "feed_failures", "Times that a feed could not be read.", ["feed"]
        )
        self.clock_offset_seconds = registry.gauge(
            "clock_offset_seconds", "A node's clock less ours.", ["feed"]
        )
        self.sample_bytes = registry.gauge("sample_bytes", "Bytes of verified samples kept.")
        self.undelivered = registry.gauge(
            "webhook_undelivered", "Verdicts that the webhook has not taken."
        )
        self.webhook_calls = registry.counter(
            "webhook_calls",
            "Calls of the webhook, by outcome: taken, failed or dropped.",
            ["outcome"],
        )
        for outcome in ("taken", "failed", "dropped"):
            self.webhook_calls.labels(outcome)
        self.lag_seconds = registry.gauge(
            "lag_seconds",
            "For how long a certified blob, announced just now, has been due without a verdict.",
        )
        self.silent_sessions = registry.gauge(
            "silent_sessions", "Sessions in a row in which a member gave nothing.", ["member"]
        )
        self.live_readers = registry.gauge(
            "live_readers", "Pages and terminals that follow what goes on."
        )
        self.connections = registry.gauge("connections", "Connections open.")
        self.missed = registry.counter(
            "missed_blobs", "Blobs whose time was over before they could be sampled."
        )

    def render(self) -> bytes:
        """The text of /metrics."""
        return self.registry.render()
