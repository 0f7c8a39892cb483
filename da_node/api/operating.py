"""What operators and peers ask of the node itself, and keysets, of which a lone node has none."""

from __future__ import annotations

from aiohttp import web

from da_node.errors import NotFound, StoreFault
from da_node.node.node import Node
from da_node.service.http.answers import json_answer


async def get_node(node: Node, request: web.Request) -> web.Response:
    """Who this node is and what it keeps; answers before anything else is ready."""
    return json_answer(node.document())


async def get_keysets(node: Node, request: web.Request) -> web.Response:
    """A node without a committee follows no keyset."""
    return json_answer({"keysets": []})


async def get_keyset(node: Node, request: web.Request) -> web.Response:
    """A node without a committee follows no keyset."""
    raise NotFound(what="keyset", value=request.match_info["hash"][:80])


async def refresh_metrics(node: Node) -> None:
    """Set what is read rather than counted. The rest is wanted most when the store fails."""
    try:
        await node.refresh_metrics()
    except StoreFault:
        node.metrics.failures.labels("metrics").inc()
