"""What a disperser counts. One object names every metric."""

from __future__ import annotations

from da_node.service import Metrics, RequestMetrics


class DisperserMetrics:
    """The metrics of one disperser, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = Metrics()
        self.front = RequestMetrics(registry)
        self.payloads = registry.counter(
            "payloads", "Payloads taken in, by outcome: certified, repeat or failed.", ["outcome"]
        )
        for outcome in ("certified", "repeat", "failed"):
            # There from the start, so that the first of its kind is seen to be one more.
            self.payloads.labels(outcome)
        self.refused = registry.counter(
            "refused_payloads",
            "Payloads not taken in, or not certified, by the error's code.",
            ["code"],
        )
        self.last_certified = registry.gauge(
            "last_certified_time_seconds",
            "When a blob was certified last, unix seconds; NaN before.",
        )
        self.last_certified.set(float("nan"))
        self.received_bytes = registry.counter(
            "received_bytes", "Bytes of payloads received.", ["tenant"]
        )
        self.encode_seconds = registry.histogram(
            "encode_seconds", "Payload to header, columns and proofs."
        )
        self.certify_seconds = registry.histogram(
            "certify_seconds", "From an encoded blob to its certificate."
        )
        self.attempts = registry.counter(
            "dispersal_attempts", "Requests made to a member, repeats and hedges too.", ["member"]
        )
        self.signatures = registry.counter(
            "member_signatures", "Signatures of a member that hold.", ["member"]
        )
        self.failures = registry.counter(
            "member_failures",
            "Attempts that a member or its connection failed, by the error's code.",
            ["member", "code"],
        )
        self.last_signed = registry.gauge(
            "member_last_signed_time_seconds",
            "When a member signed last, unix seconds.",
            ["member"],
        )
        self.faults = registry.counter(
            "member_faults",
            "What a member did that no honest one does, a wrong signature above all.",
            ["member"],
        )
        self.certificates_stored = registry.counter(
            "certificates_stored", "Certificates handed to a member.", ["member", "outcome"]
        )
        self.lagging = registry.gauge(
            "lagging_dispersals", "Certified blobs whose last members have not signed yet."
        )
        self.connections = registry.gauge("connections", "Connections open.")

    def render(self) -> bytes:
        """The text of /metrics."""
        return self.registry.render()
