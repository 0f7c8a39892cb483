"""What operators and peers ask of the node itself, and keysets, of which a lone node has none."""

from __future__ import annotations

from aiohttp import hdrs, web

from da_node.errors import NotFound, StoreFault
from da_node.node.node import Node
from da_node.service import METRICS_CONTENT_TYPE
from da_node.service.http.answers import NOT_CACHED, json_answer


async def get_node(node: Node, request: web.Request) -> web.Response:
    """Who this node is and what it keeps; answers before anything else is ready."""
    return json_answer(node.document())


async def get_keysets(node: Node, request: web.Request) -> web.Response:
    """A node without a committee follows no keyset."""
    return json_answer({"keysets": []})


async def get_keyset(node: Node, request: web.Request) -> web.Response:
    """A node without a committee follows no keyset."""
    raise NotFound(what="keyset", value=request.match_info["hash"][:80])


async def get_healthz(node: Node, request: web.Request) -> web.Response:
    """The process answers."""
    return json_answer({"status": "ok"})


async def get_readyz(node: Node, request: web.Request) -> web.Response:
    """Whether the node can do its work: its probes, run for real."""
    report = await node.health.report()
    return json_answer(report.document(), status=report.status)


async def get_metrics(node: Node, request: web.Request) -> web.Response:
    """Prometheus's text format."""
    try:
        await node.refresh_metrics()
    except StoreFault:
        # The other metrics are wanted most when the store fails.
        node.metrics.failures.labels("metrics").inc()
    return web.Response(
        body=node.metrics.render(),
        headers={hdrs.CONTENT_TYPE: METRICS_CONTENT_TYPE, hdrs.CACHE_CONTROL: NOT_CACHED},
    )
