"""How things are measured: a figure beside its peer, in turn, the ratio taken pair by pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    figure: str
    """What was measured, with its unit."""
    beside: str
    """The peer or limit of the same run, with its unit."""
    ratio: float
    """Peer over figure where more is better, figure over peer or limit where less is."""
    target: str
    """What the issue asks for, or "report"."""
    reached: bool | None
    """None where nothing was asked."""


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(
    work: Callable[[], object], peer: Callable[[], object], rounds: int
) -> tuple[float, float, float]:
    """Median seconds of both, run in turn after one uncounted round, and the median of the pairwise
    ratios work / peer, which holds when the machine's speed drifts."""
    work()
    peer()
    pairs = [(seconds(work), seconds(peer)) for _ in range(rounds)]
    ours, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(ours), statistics.median(theirs), ratio


def at_most(
    what: str, ours: float, beside: str, theirs: float, ratio: float, bound: float | None
) -> Row:
    """A row for times in seconds, where a small ratio is good."""
    return Row(
        what=what,
        figure=f"{ours * 1e3:.1f} ms",
        beside=f"{beside}: {theirs * 1e3:.1f} ms",
        ratio=ratio,
        target=f"≤ {bound}×" if bound else "report",
        reached=ratio <= bound if bound else None,
    )


def faster(what: str, ours: float, beside: str, theirs: float, bound: float | None) -> Row:
    """A row for times in seconds, where the peer is expected to be slower."""
    ratio = theirs / ours
    return Row(
        what=what,
        figure=f"{ours * 1e3:.1f} ms",
        beside=f"{beside}: {theirs * 1e3:.1f} ms",
        ratio=ratio,
        target=f"≥ {bound}×" if bound else "report",
        reached=ratio >= bound if bound else None,
    )
