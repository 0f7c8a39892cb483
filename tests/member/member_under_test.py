"""A member that runs, and ways to ask it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from member_specimens import Clock, body_of, ticket

from committee.dispersal import Dispersal, Ticket
from committee.member.member import Member


@dataclass
class Running:
    """A running member, and ways to ask it."""

    member: Member
    url: str
    clock: Clock
    session: aiohttp.ClientSession

    async def put(
        self,
        request: Dispersal,
        status: int = 200,
        *,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
        one: Ticket | None = None,
    ) -> bytes:
        """The answer to a dispersal, which has that status."""
        headers = (one or ticket(request, time=self.clock.now)).fields() | (fields or {})
        path = f"/v1/blobs/{request.header.blob_id.hex0x}/columns"
        return await self.ask(
            "PUT", path, status, data=io.BytesIO(body or body_of(request)), headers=headers
        )

    async def head(
        self, request: Dispersal, fields: dict[str, str], one: Ticket | None = None
    ) -> bytes:
        """The first line of the answer to a dispersal of which only the header is sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.split(":")[2]))
        fields = (one or ticket(request, time=self.clock.now)).fields() | {"Host": "m"} | fields
        lines = [f"PUT /v1/blobs/{request.header.blob_id.hex0x}/columns HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        first_line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return first_line

    async def ask(self, method: str, path: str, status: int = 200, **more: Any) -> bytes:
        """The body of an answer with that status."""
        async with self.session.request(method, self.url + path, **more) as response:
            body = await response.read()
            assert response.status == status, (response.status, body)
            return body


StartMember = Callable[..., Awaitable[Running]]
