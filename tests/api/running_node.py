"""A node that a test has started, and ways to ask it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from node_under_test import Clock, ManualTimers, RawAnswer, RawConnection

from da_node.node.node import Node


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
