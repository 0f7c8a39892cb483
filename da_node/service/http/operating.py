"""What operators ask of every service: does it answer, can it do its work, what does it count."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from da_node.service.health import Health
from da_node.service.http.answers import NOT_CACHED, json_answer
from da_node.service.http.routes import JSON, Route
from da_node.service.metrics import METRICS_CONTENT_TYPE


async def _nothing() -> None:
    pass


def operating_routes(
    health: Health,
    render: Callable[[], bytes],
    *,
    refresh: Callable[[], Awaitable[None]] = _nothing,
) -> list[Route]:
    """/healthz, /readyz and /metrics, whose text `render` gives once `refresh` has returned."""

    async def get_healthz(request: web.Request) -> web.Response:
        return json_answer({"status": "ok"})

    async def get_readyz(request: web.Request) -> web.Response:
        report = await health.report()
        return json_answer(report.document(), status=report.status)

    async def get_metrics(request: web.Request) -> web.Response:
        await refresh()
        return web.Response(
            body=render(),
            headers={hdrs.CONTENT_TYPE: METRICS_CONTENT_TYPE, hdrs.CACHE_CONTROL: NOT_CACHED},
        )

    return [
        Route(
            method="GET",
            path="/healthz",
            handler=get_healthz,
            summary="The process answers.",
            answers={200: JSON},
        ),
        Route(
            method="GET",
            path="/readyz",
            handler=get_readyz,
            summary="Whether the service can do its work, by probes that are run for real.",
            answers={200: JSON, 503: JSON},
        ),
        Route(
            method="GET",
            path="/metrics",
            handler=get_metrics,
            summary="Metrics in Prometheus's text format.",
            answers={200: METRICS_CONTENT_TYPE},
        ),
    ]
