"""A node of each test's own, on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from node_under_test import Clock, ManualTimers, RawConnection, RememberedKzg
from running_node import Running, StartNode

from da_node.api.application import make_application
from da_node.api.serving import running_node
from da_node.node.node import KzgService, Node
from da_node.service import NodeSettings


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        yield session


@pytest.fixture
async def start_node(tmp_path: Path, session: aiohttp.ClientSession) -> AsyncIterator[StartNode]:
    """Starts a node in this test's directory; the one before is stopped first."""
    stack = AsyncExitStack()
    clock, timers = Clock(), ManualTimers()
    connections: list[RawConnection] = []

    async def start(kzg: KzgService | None = None, **settings: Any) -> Running:
        await stack.aclose()
        made: list[web.Application] = []

        def make(node: Node) -> web.Application:
            made.append(make_application(node))
            return made[0]

        node, url = await stack.enter_async_context(
            running_node(
                NodeSettings(
                    directory=tmp_path / "node",
                    **{"port": 0, "kernel_threads": 1, "shutdown_grace_s": 5.0, **settings},
                ),
                kzg=kzg or RememberedKzg(),
                clock=clock,
                timers=timers,
                application=make,
            )
        )
        return Running(node, url, clock, timers, session, connections, made[0])

    async with stack:
        yield start
        for connection in connections:
            await connection.close()


@pytest.fixture
async def running(start_node: StartNode) -> Running:
    """A node with the usual settings."""
    return await start_node()
