"""A service behind its socket: started, listening, and stopped again, in the right order."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiohttp import web

from da_node.service.http.connection import Connections, Site
from da_node.service.http.deadlines import Timers
from da_node.service.service_settings import ServiceSettings

CONNECTIONS: Final = 1024
"""Connections open at once; each holds at most a header (512 KiB) and 128 KiB of body."""


class Service(Protocol):
    """What answers requests, and works beside them."""

    async def start(self) -> None:
        """Begin what runs by itself."""

    def stopping(self) -> None:
        """Tell balancers, and end the streams, which would not end by themselves."""

    async def stop(self) -> None:
        """Finish and close everything; no request is under way any more."""


@asynccontextmanager
async def listening(
    service: Service,
    application: web.Application,
    settings: ServiceSettings,
    *,
    tls: ssl.SSLContext | None,
    timers: Timers,
    show_connections: Callable[[Callable[[], float]], None],
) -> AsyncIterator[str]:
    """The URL of a service that listens; it is stopped at the end, also where it cannot start.

    `show_connections` gets what tells how many connections are open. Raises BadConfiguration,
    OSError, and what starting the service does.
    """
    runner = web.AppRunner(application, shutdown_timeout=settings.shutdown_grace_s)
    connections = Connections(
        max_count=CONNECTIONS, header_timeout_s=settings.header_timeout_s, timers=timers
    )
    show_connections(lambda: connections.count)
    try:
        await service.start()
        await runner.setup()
        site = Site(
            runner,
            host=settings.host,
            port=settings.port,
            connections=connections,
            ssl_context=tls,
        )
        await site.start()
        yield site.url
    finally:
        # In this order: no new requests, then those under way, then what they left behind.
        service.stopping()
        await runner.cleanup()
        await service.stop()
