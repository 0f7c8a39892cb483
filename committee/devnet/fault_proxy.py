"""A proxy in front of each member, which does to its askers what a faulty member would.

It is part of the test kit: members know nothing of it, and it listens on loopback only. Without
faults it passes everything through as it is.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from committee.devnet.faults import Armed, Asked, Fault
from committee.devnet.spoiling import Spoiling
from committee.devnet.wire import HEAD_BYTES, Body, Head, NotHttp
from da_node.service import NotFound, logger
from da_node.service.http.answers import raw_problem

LOOPBACK: Final = "127.0.0.1"
MOST_CONNECTIONS: Final = 1024
"""Of one front; each holds two sockets and at most four buffers of 64 KiB."""
LAST_PIECE_S: Final = 1.0
"""Time in which a body that the member has answered must have been passed on."""
DRIPS_PER_S: Final = 20
"""How often a slow body goes on."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, for no time at all: closing sends RST."""

_log = logger(__name__)


@dataclass(eq=False)
class _Link:
    """One asker's connection, and the one to the member that stands for it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def address(self) -> str:
        peer = self.writer.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def reset(self) -> None:
        """End it at once, with RST."""
        raw = self.writer.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()

    def close(self) -> None:
        """End it, what was written last going out first."""
        self.writer.close()
        if self.upstream is not None:
            self.upstream[1].transport.abort()


@dataclass
class Front:
    """One member's front: where it is reached, and what is wrong with it."""

    name: str
    port: int
    target_port: int
    chance: Random = field(default_factory=Random)
    armed: Armed = field(init=False)
    requests: int = 0
    """Requests that have come in."""
    _server: asyncio.Server | None = None
    _links: dict[_Link, asyncio.Task[None]] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.armed = Armed((), self.chance)

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._links)

    async def arm(self, faults: Sequence[Fault]) -> None:
        """From now on these faults, and no others. Whoever was being kept silent is let go."""
        self.armed = Armed(faults, self.chance)
        self._changed.set()
        self._changed = asyncio.Event()
        if self.armed.listens:
            await self.listen()
        else:
            await self.close()

    async def listen(self) -> None:
        """Take connections. Idempotent. Raises OSError."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._take, LOOPBACK, self.port, limit=HEAD_BYTES
            )

    async def close(self) -> None:
        """Take none, and end those there are. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = list(self._links.values())
        for link in list(self._links):
            link.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ one connection

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(reader, writer)
        if len(self._links) >= MOST_CONNECTIONS or self.armed.refuses(link.address):
            link.reset()
            return
        self._links[link] = task = asyncio.create_task(self._serve(link))
        task.add_done_callback(lambda _: self._forget(link))

    def _forget(self, link: _Link) -> None:
        link.close()
        self._links.pop(link, None)

    async def _serve(self, link: _Link) -> None:
        try:
            while (head := await Head.read(link.reader)) is not None:
                self.requests += 1
                if not await self._exchange(link, head):
                    return
        except (NotHttp, OSError) as error:
            _log.debug("connection ended", front=self.name, reason=str(error))
            link.reset()  # as the member's own machine does where nobody listens

    async def _exchange(self, link: _Link, head: Head) -> bool:
        """One request and its answer; whether the connection goes on. Raises NotHttp, OSError."""
        method, target, _ = head.line
        asked = Asked(
            method=method,
            target=target,
            address=link.address,
            agent=head.field("User-Agent"),
        )
        spoiling = Spoiling(self.armed.befalling(asked), head, self.chance)
        if spoiling.is_silent:
            await self._say_nothing(link)
            return False
        if spoiling.delay_s:
            await asyncio.sleep(spoiling.delay_s)
        if (refusal := spoiling.refusal()) is not None:
            link.writer.write(raw_problem(refusal))
            await link.writer.drain()
            return False
        reader, writer = await self._upstream(link)
        writer.write(bytes(spoiling.request()))
        body = asyncio.create_task(_pump(Body.of_request(head), link.reader, writer))
        try:
            if not await self._answer(link, reader, method, spoiling):
                return False
            # An answer that comes before the body's end is a refusal, and the last one.
            await asyncio.wait([body], timeout=LAST_PIECE_S)
            return body.done()
        finally:
            body.cancel()
            await asyncio.gather(body, return_exceptions=True)

    async def _upstream(self, link: _Link) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if link.upstream is None:
            link.upstream = await asyncio.open_connection(
                LOOPBACK, self.target_port, limit=HEAD_BYTES
            )
        return link.upstream

    async def _answer(
        self, link: _Link, reader: asyncio.StreamReader, method: str, spoiling: Spoiling
    ) -> bool:
        """Pass an answer on, spoiled; whether the connection goes on. Raises NotHttp, OSError."""
        while True:
            head = await Head.read(reader)
            if head is None:
                return False
            if head.status >= 200:
                break
            link.writer.write(bytes(head))  # such as 100 Continue: the answer proper follows
        body = Body.of_answer(head, method)
        link.writer.write(bytes(spoiling.answer(head, body.length)))
        ends_after, flips, sent = spoiling.ends_after, spoiling.flips(body.length), 0
        if ends_after == 0:
            return False
        async for piece in body.pieces(reader):
            spoiled = spoiling.piece(piece, sent, flips)
            sent += len(piece)
            over = ends_after is not None and sent >= ends_after
            if ends_after is not None and over:
                spoiled = spoiled[: len(spoiled) - (sent - ends_after)]
            await _send(link.writer, spoiled, spoiling.bytes_per_s)
            if over:
                return False
        closing = head.field("Connection").lower() == "close"
        return not (body.ends_with_connection or closing)

    async def _say_nothing(self, link: _Link) -> None:
        """Take whatever comes, until the asker gives up or the faults are others."""
        changed = asyncio.create_task(self._changed.wait())
        swallowed = asyncio.create_task(_swallow(link.reader))
        try:
            await asyncio.wait([changed, swallowed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (changed, swallowed):
                task.cancel()
            await asyncio.gather(changed, swallowed, return_exceptions=True)


async def _pump(body: Body, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async for piece in body.pieces(reader):
            writer.write(piece)
            await writer.drain()
    except (NotHttp, OSError):
        writer.transport.abort()  # nobody waits for an answer any more


async def _send(writer: asyncio.StreamWriter, data: bytes, bytes_per_s: int | None) -> None:
    if bytes_per_s is None:
        writer.write(data)
        await writer.drain()
        return
    step = max(1, bytes_per_s // DRIPS_PER_S)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / bytes_per_s)


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(HEAD_BYTES):
        pass


class FaultProxy:
    """The fronts of all members, by their names."""

    def __init__(self, fronts: Mapping[str, Front]) -> None:
        self.fronts = fronts

    async def __aenter__(self) -> FaultProxy:
        async with AsyncExitStack() as stack:
            for front in self.fronts.values():
                stack.push_async_callback(front.close)
                await front.listen()
            stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(front.close() for front in self.fronts.values()))

    def front(self, name: str) -> Front:
        """Raises NotFound."""
        try:
            return self.fronts[name]
        except KeyError:
            raise NotFound(what="front", value=name) from None
