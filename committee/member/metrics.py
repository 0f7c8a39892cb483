"""What a member counts beside what its node counts, in the node's registry."""

from __future__ import annotations

from da_node.service import Metrics


class MemberMetrics:
    """The metrics of one member."""

    def __init__(self, registry: Metrics) -> None:
        self.attested = registry.counter(
            "attested", "Signatures given: for a new blob, or again.", ["outcome"]
        )
        for outcome in ("new", "again"):
            self.attested.labels(outcome)  # there from the start, so that a rate can be told
        self.verify_seconds = registry.histogram(
            "member_verify_seconds", "Verifying all columns of one arc."
        )
        self.store_seconds = registry.histogram(
            "member_store_seconds", "Columns and pledge, synced."
        )
        self.certificates = registry.counter(
            "certificates", "Valid certificates handed in: kept, or not needed.", ["outcome"]
        )
