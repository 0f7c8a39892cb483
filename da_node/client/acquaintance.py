"""What is known of nodes from one operation to the next. Pure.

It saves asking: what a node keeps of every blob, how fast it answers, whether it failed lately. It
decides nothing about what is true: whatever a node serves is verified all the same. There is one
entry a node, so it does not grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from da_node.client.documents import NodeInfo

BELIEVED_S: Final = 300.0
"""What a node says it keeps is asked anew after so long; until it answers the old holds."""
AVOIDED_S: Final = 10.0
"""A node that failed or was silent is not asked for so long where others do."""
LIAR_AVOIDED_S: Final = 600.0
"""The same for one that served something false."""
SMALL_BYTES: Final = 64 << 10
"""Answers up to this size tell how soon a node answers, longer ones how fast it sends."""
LIKELY_BYTE_S: Final = 1e-9
"""Seconds a byte as long as nothing has been measured; all that counts is that more takes longer.
"""
WEIGHT: Final = 0.3
"""Of the newest measurement in an estimate."""

NEVER: Final = float("-inf")

T = TypeVar("T")


@dataclass(slots=True)
class _Known:
    """One node."""

    columns: frozenset[int] | None = None
    """What it said it keeps."""
    keyset_hash: str | None = None
    """Committee it said it belongs to."""
    believed_until: float = NEVER
    """When it is to be asked again."""
    avoided_until: float = NEVER
    """Until when others are asked first."""
    silent_until: float = NEVER
    """Until when asking it may cost the hedge delay."""
    latency_s: float | None = None
    """Time that a small answer takes."""
    byte_s: float | None = None
    """Time that a byte of a long answer takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How long a node's answer may take."""

    latency_s: float
    item_s: float

    def seconds(self, items: int) -> float:
        """For so many items."""
        return self.latency_s + items * self.item_s


class Acquaintances:
    """The nodes of one client."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes: Final = {node: _Known() for node in nodes}

    def columns(self, node: str) -> frozenset[int] | None:
        """What the node is believed to keep of every blob; None if it has not said."""
        return self._nodes[node].columns

    def is_current(self, node: str, now: float) -> bool:
        """Whether the node need not be asked what it keeps."""
        return now < self._nodes[node].believed_until

    def is_avoided(self, node: str, now: float) -> bool:
        """Whether others are to be asked first."""
        return now < self._nodes[node].avoided_until

    def was_silent(self, node: str, now: float) -> bool:
        """Whether asking it lately took as long as the hedge delay, rather than failing."""
        return now < self._nodes[node].silent_until

    def by_trust(self, nodes: Iterable[str], now: float) -> list[str]:
        """The nodes in their order, those to be avoided last."""
        return sorted(nodes, key=lambda node: self.is_avoided(node, now))

    def expected(self, nodes: Iterable[str], item_bytes: int) -> dict[str, Expectation]:
        """How long answers of items of so many bytes may take. A node that is not known yet is
        taken to be as good as the best.
        """
        latency_s = _least((known.latency_s for known in self._nodes.values()), 0.0)
        byte_s = self.best_byte_s or LIKELY_BYTE_S
        return {
            node: Expectation(
                latency_s=_or(self._nodes[node].latency_s, latency_s),
                item_s=_or(self._nodes[node].byte_s, byte_s) * item_bytes,
            )
            for node in nodes
        }

    @property
    def best_byte_s(self) -> float | None:
        """Seconds a byte at the fastest node; None if none has been measured."""
        return _least((known.byte_s for known in self._nodes.values()), None)

    # ------------------------------------------------------------ what happened

    def heard(self, info: NodeInfo, now: float) -> None:
        """A node said what it keeps. If its committee changed, so may what the others keep."""
        known = self._nodes[info.node]
        if known.columns is not None and known.keyset_hash != info.keyset_hash:
            for other in self._nodes.values():
                other.believed_until = NEVER
        known.columns, known.keyset_hash = info.columns, info.keyset_hash
        known.believed_until = now + BELIEVED_S

    def doubt(self, node: str) -> None:
        """The node did not hold what it said it keeps."""
        self._nodes[node].believed_until = NEVER

    def measured(self, node: str, byte_count: int, seconds: float) -> None:
        """An answer of so many bytes took so long."""
        known = self._nodes[node]
        if byte_count <= SMALL_BYTES:
            known.latency_s = _weighed(known.latency_s, seconds)
        else:
            known.byte_s = _weighed(known.byte_s, seconds / byte_count)

    def failed(self, node: str, now: float) -> None:
        """The node could not be reached, or not now."""
        self._avoid(node, now + AVOIDED_S)

    def silent(self, node: str, now: float) -> None:
        """The node kept us waiting."""
        self._nodes[node].silent_until = now + AVOIDED_S
        self._avoid(node, now + AVOIDED_S)

    def lied(self, node: str, now: float) -> None:
        """The node served something false."""
        self._avoid(node, now + LIAR_AVOIDED_S)

    def _avoid(self, node: str, until: float) -> None:
        known = self._nodes[node]
        known.avoided_until = max(known.avoided_until, until)


def _weighed(estimate: float | None, measured: float) -> float:
    return measured if estimate is None else estimate + WEIGHT * (measured - estimate)


def _or(estimate: float | None, otherwise: float) -> float:
    return otherwise if estimate is None else estimate


def _least(estimates: Iterable[float | None], otherwise: T) -> float | T:
    return min((one for one in estimates if one is not None), default=otherwise)
