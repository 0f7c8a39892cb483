"""Which nodes may be asked during one operation, and when. Pure.

A node that could not be reached rests until the policy lets it be asked again; one that refused,
or served something false, is lost. Every node's last failure is kept, so that an error can name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from da_node.client.retry import Failure, RetryPolicy
from da_node.errors import HoldfastError


@dataclass(slots=True)
class _Entry:
    """How one node has done so far."""

    failed: int = 0
    """Failures in a row."""
    since: float = 0.0
    """When the first of them began."""
    failed_at: float = float("-inf")
    """When the last of them ended."""
    rests_until: float = float("-inf")
    """Not to be asked before then."""
    lost: bool = False
    """Not to be asked any more."""


class Roll:
    """The nodes of one operation."""

    def __init__(self, nodes: Sequence[str], policy: RetryPolicy) -> None:
        """`nodes` are URLs, in order of preference."""
        self._entries: Final = {node: _Entry() for node in nodes}
        self._policy = policy
        self.errors: Final[dict[str, HoldfastError]] = {}
        """What last went wrong, by node."""

    @property
    def failures(self) -> dict[str, str]:
        """What last went wrong, in words, by node."""
        return {node: str(error) for node, error in self.errors.items()}

    @property
    def nodes(self) -> list[str]:
        """Nodes that are not lost."""
        return [node for node, entry in self._entries.items() if not entry.lost]

    def may_ask(self, now: float) -> list[str]:
        """Nodes that are neither lost nor resting."""
        return [
            node
            for node, entry in self._entries.items()
            if not entry.lost and entry.rests_until <= now
        ]

    def wakes_at(self, now: float, nodes: Iterable[str] | None = None) -> float | None:
        """When the first of the nodes that rest now may be asked again; None if none rests."""
        entries = map(self._entries.__getitem__, self._entries if nodes is None else nodes)
        resting = [
            entry.rests_until for entry in entries if not entry.lost and entry.rests_until > now
        ]
        return min(resting, default=None)

    def answered(self, node: str) -> None:
        """The node gave what it was asked for."""
        self._entries[node].failed = 0

    def failed(self, node: str, failure: Failure, *, began: float, now: float, draw: float) -> None:
        """The node could not answer a request that began then; `draw` is random in [0, 1)."""
        entry = self._entries[node]
        self.errors[node] = failure.error
        if entry.failed == 0:
            entry.since = began
        # Requests under way together are lost together: that is one failure, not several.
        if entry.failed == 0 or began >= entry.failed_at or not failure.may_retry:
            entry.failed += 1
        entry.failed_at = now
        delay_s = self._policy.delay_s(
            failure, made=entry.failed, elapsed_s=now - entry.since, draw=draw
        )
        if delay_s is None:
            entry.lost = True
        else:
            entry.rests_until = max(entry.rests_until, now + delay_s)

    def give_up(self, node: str, error: HoldfastError) -> None:
        """The node is not asked again: what it served was false."""
        self._entries[node].lost = True
        self.errors[node] = error
