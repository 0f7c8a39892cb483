"""A node of each test's own, on a real socket."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from node_under_test import Clock, ManualTimers, RawAnswer, RawConnection, RememberedKzg

from da_node.api.application import make_application
from da_node.api.serving import running_node
from da_node.node.node import KzgService, Node
from da_node.service import NodeSettings


@dataclass
class Running:
    """A running node, and ways to ask it."""

    node: Node
    url: str
    clock: Clock
    timers: ManualTimers
    session: aiohttp.ClientSession
    connections: list[RawConnection]
    application: web.Application

    async def connect(self) -> RawConnection:
        """A raw connection, closed when the test ends."""
        connection = await RawConnection.open(self.url)
        self.connections.append(connection)
        return connection

    async def post(self, payload: bytes | AsyncIterator[bytes], **headers: str) -> dict[str, Any]:
        """Store a payload, whose label may be given."""
        fields = {"Holdfast-" + name.capitalize(): value for name, value in headers.items()}
        body = io.BytesIO(payload) if isinstance(payload, bytes) else payload
        async with self.session.post(self.url + "/v1/blobs", data=body, headers=fields) as response:
            assert response.status in (200, 201), await response.text()
            document: dict[str, Any] = await response.json()
            return document

    async def get(
        self, path: str, status: int = 200, method: str = "GET", **headers: str
    ) -> tuple[dict[str, str], bytes]:
        """Fields (names in lower case) and body of an answer with that status."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=fields) as response:
            body = await response.read()
            assert response.status == status, (response.status, body)
            return {name.lower(): value for name, value in response.headers.items()}, body

    async def raw(self, data: bytes) -> RawAnswer:
        """The answer to some bytes on a connection of their own."""
        connection = await self.connect()
        await connection.send(data)
        return await connection.answer()


StartNode = Callable[..., Awaitable[Running]]


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
