"""What goes over the wire between a client and a server, counted between the two.

Bodies of answers are told from what HTTP/1.1 wraps them in: request lines, status lines, fields.
What TCP and IP add, 52 bytes or so a packet, is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from committee.devnet.wire import Body, Head, NotHttp


@dataclass(slots=True)
class Relay:
    """Stands before one server; where it is silent, it takes questions and answers none."""

    target: str
    """The server's URL."""
    url: str = ""
    """Its own."""
    is_silent: bool = False
    body_bytes: int = 0
    """Of answers."""
    framing_bytes: int = 0
    """Everything else, both ways."""

    def reset(self) -> None:
        """Count from nothing."""
        self.body_bytes = self.framing_bytes = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        """Listening on a free port; ends what it carries at the end."""
        under_way: set[asyncio.Task[None]] = set()

        def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._carry(reader, writer))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with one of its own to the server."""
        address = urlsplit(self.target)
        up_reader, up_writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            with suppress(NotHttp, ConnectionError):
                while (question := await Head.read(reader)) is not None:
                    self.framing_bytes += len(bytes(question))
                    if self.is_silent:
                        await reader.read()
                        return
                    up_writer.write(bytes(question))
                    answer = await Head.read(up_reader)
                    if answer is None:
                        return
                    self.framing_bytes += len(bytes(answer))
                    writer.write(bytes(answer))
                    async for piece in Body.of_answer(answer, "GET").pieces(up_reader):
                        self.body_bytes += len(piece)
                        writer.write(piece)
                        await writer.drain()
        finally:
            writer.close()
            up_writer.close()
