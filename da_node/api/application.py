"""The aiohttp application of a node."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from da_node.api.table import node_routes
from da_node.node.node import Node
from da_node.service.http.application import Front, application_of
from da_node.service.http.routes import Route


def make_application(node: Node, more: Sequence[Route] = ()) -> web.Application:
    """The node's application, with `more` routes beside its own, or in the place of one of them.

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
    replaced = {(route.method, route.path) for route in more}
    own = [one for one in node_routes(node) if (one.method, one.path) not in replaced]
    return application_of([*own, *more], front)
