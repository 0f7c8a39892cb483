"""Is the event loop on time? Everything else depends on it."""

from __future__ import annotations

import asyncio

from da_node.node.bounds import LAG_INTERVAL_S
from da_node.node.metrics import NodeMetrics


async def watch_lag(metrics: NodeMetrics) -> None:
    """Measure for ever how late a timer fires; the shortest stall seen is the interval's error."""
    loop = asyncio.get_running_loop()
    longest_s = 0.0
    while True:
        due_s = loop.time() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        lag_s = max(0.0, loop.time() - due_s)
        metrics.loop_lag_seconds.observe(lag_s)
        if lag_s > longest_s:
            longest_s = lag_s
            metrics.loop_lag_longest_seconds.set(longest_s)
