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
        self.refused = registry.counter(
            "refused_dispersals", "Dispersals that were not signed, by the error's code.", ["code"]
        )
        self.last_attested = registry.gauge(
            "last_attested_time_seconds", "When it signed last, unix seconds; NaN before."
        )
        self.last_attested.set(float("nan"))
        self.signer_reachable = registry.gauge(
            "signer_reachable", "1 if the key could sign just now, 0 if its signer is gone."
        )
        self.disperser_offset = registry.gauge(
            "disperser_clock_offset_seconds",
            "A disperser's clock minus this one, at its last request, its way here included.",
            ["disperser"],
        )
        self.verify_seconds = registry.histogram(
            "member_verify_seconds", "Verifying all columns of one arc."
        )
        self.store_seconds = registry.histogram(
            "member_store_seconds", "Columns and pledge, synced."
        )
        self.certificates = registry.counter(
            "certificates", "Valid certificates handed in: kept, or not needed.", ["outcome"]
        )
        for outcome in ("kept", "not needed"):
            self.certificates.labels(outcome)
        self.wanted_blobs = registry.gauge(
            "wanted_blobs", "Certified blobs whose columns are not all here yet."
        )
        self.wanted_oldest_seconds = registry.gauge(
            "wanted_oldest_seconds", "How long ago the oldest of them was dispersed; 0 without any."
        )
        self.catch_up_behind = registry.gauge(
            "catch_up_behind", "Places in a member's feed that are still to be read.", ["member"]
        )
        self.caught_up_blobs = registry.counter(
            "caught_up_blobs", "Wanted blobs that are all here now."
        )
        self.caught_up_columns = registry.counter(
            "caught_up_columns", "Columns that were brought for them: served, or rebuilt.", ["how"]
        )
        self.peer_failures = registry.counter(
            "peer_failures",
            "Questions that a member failed: unavailable, refused, or answered with something "
            "false.",
            ["member", "kind"],
        )
        for how in ("served", "rebuilt"):
            self.caught_up_columns.labels(how)
