"""A node started and stopped: store, listening socket, signals, in the right order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from da_node.api.application import make_application
from da_node.errors import StoreFault
from da_node.node.identity import node_id
from da_node.node.metrics import NodeMetrics
from da_node.node.node import KzgService, Node
from da_node.service import NodeSettings, logger
from da_node.service.collector import spare_collector
from da_node.service.http.deadlines import Timers
from da_node.service.http.serving import listening
from da_node.service.http.tls import tls_context
from da_node.store import Store

STORE_DIRECTORY: Final = "store"
"""Where in a node's directory its store lies."""

MakeApplication = Callable[[Node], web.Application]

_log = logger(__name__)


def unix_clock() -> int:
    """Whole seconds since 1970 by this machine's clock."""
    return int(time.time())


def open_store(
    settings: NodeSettings, *, clock: Callable[[], int], metrics: NodeMetrics | None = None
) -> Store:
    """The store of a node's directory, made if it is not there.

    Raises StoreInUse, StoreFault, UnsupportedVersion; blocks.
    """
    directory = settings.directory / STORE_DIRECTORY
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFault(reason=f"{directory}: {error.strerror or error}") from error
    return Store.open(directory, clock=clock, budget_bytes=settings.budget_bytes, observer=metrics)


@asynccontextmanager
async def running_node(
    settings: NodeSettings,
    *,
    kzg: KzgService,
    clock: Callable[[], int] = unix_clock,
    timers: Timers | None = None,
    application: MakeApplication = make_application,
) -> AsyncIterator[tuple[Node, str]]:
    """A node that listens, and its URL; stopped in order at the end.

    Owns `kzg`. `application` may add routes to the node's own; `timers` keeps the deadlines
    (by default the event loop). Raises BadConfiguration, OSError, and what opening a store does.
    """
    tls = tls_context(settings.tls_cert, settings.tls_key)
    metrics = NodeMetrics()
    store = await asyncio.to_thread(open_store, settings, clock=clock, metrics=metrics)
    timers = timers or asyncio.get_running_loop()
    node = Node(
        settings=settings,
        store=store,
        kzg=kzg,
        metrics=metrics,
        node_id=node_id(settings.directory),
        clock=clock,
        timers=timers,
    )
    async with listening(
        node,
        application(node),
        settings,
        tls=tls,
        timers=timers,
        show_connections=metrics.connections.set_function,
    ) as url:
        yield node, url


async def run_node(settings: NodeSettings, *, kzg: KzgService, stop: asyncio.Event) -> None:
    """Run until `stop` is set. Raises as `running_node` does."""
    spare_collector()
    async with running_node(settings, kzg=kzg) as (node, url):
        _log.info("listening", url=url, node_id=node.node_id, directory=str(settings.directory))
        await stop.wait()
        _log.info("stopping", grace_s=settings.shutdown_grace_s)
    _log.info("stopped")
