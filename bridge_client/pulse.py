"""Whether a watcher does its work, told over HTTP on loopback: for whoever starts and restarts it.

GET /healthz   the process answers
GET /readyz    200 where it has read the chain to its end of late, else 503 with the reason
GET /metrics   what it counts, in Prometheus's text format
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import hdrs, web

from bridge_client.metrics import WatcherMetrics
from da_node.service import METRICS_CONTENT_TYPE
from da_node.service.http.answers import NOT_CACHED, json_answer

LOOPBACK: Final = "127.0.0.1"
STILL_S: Final = 60.0
"""Without a look at the newest block for so long it is not ready; an L1 block takes 12 s."""


class Pulse:
    """What the last looks at the chain came to."""

    def __init__(self, clock: Callable[[], float], *, still_s: float = STILL_S) -> None:
        """`clock` gives seconds that only grow."""
        self._clock = clock
        self._still_s = still_s
        self._block: int | None = None
        self._at_end: float | None = None
        """When the newest block was read last."""
        self._reason = "the chain has not been read yet"

    def beat(self, block: int, *, is_complete: bool) -> None:
        """All is read up to that block, and done; whether that is the newest."""
        self._block = block
        self._reason = "it reads on"
        if is_complete:
            self._at_end = self._clock()

    def fail(self, reason: str) -> None:
        """A look failed."""
        self._reason = reason

    @property
    def is_ready(self) -> bool:
        """Whether the newest block was read of late."""
        return self._at_end is not None and self._clock() - self._at_end <= self._still_s

    def document(self) -> dict[str, Any]:
        """What /readyz answers."""
        found: dict[str, Any] = {"ready": self.is_ready, "block": self._block}
        return found if self.is_ready else found | {"reason": self._reason}


@asynccontextmanager
async def telling(pulse: Pulse, metrics: WatcherMetrics, port: int) -> AsyncIterator[str]:
    """Tell as long as the body takes; the URL. Raises OSError where the port is taken."""

    async def get_healthz(request: web.Request) -> web.Response:
        return json_answer({"status": "ok"})

    async def get_readyz(request: web.Request) -> web.Response:
        return json_answer(pulse.document(), status=200 if pulse.is_ready else 503)

    async def get_metrics(request: web.Request) -> web.Response:
        metrics.ready.set(pulse.is_ready)
        return web.Response(
            body=metrics.render(),
            headers={hdrs.CONTENT_TYPE: METRICS_CONTENT_TYPE, hdrs.CACHE_CONTROL: NOT_CACHED},
        )

    application = web.Application()
    application.router.add_get("/healthz", get_healthz)
    application.router.add_get("/readyz", get_readyz)
    application.router.add_get("/metrics", get_metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
        yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
