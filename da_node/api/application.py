"""The aiohttp application of a node."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from da_node.api.table import node_routes
from da_node.node.node import Node
from da_node.service.http.application import Front, application_of
from da_node.service.http.routes import Route


def make_application(node: Node, more: Sequence[Route] = ()) -> web.Application:
    """The node's application, with `more` routes beside its own.

    It must be served by `Site`: its handlers rely on that site's connections.
    """
    front = Front(
        title="Holdfast node",
        description="One node of the data-availability layer: payloads in, kept, read back.",
        metrics=node.metrics.front,
        rates=node.rates,
        timers=node.timers,
        request_timeout_s=node.settings.request_timeout_s,
        trust_forwarded=node.settings.trust_forwarded,
    )
    return application_of([*node_routes(node), *more], front)
