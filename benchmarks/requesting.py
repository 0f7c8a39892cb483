"""Many GETs over a few connections, by a client so plain that the server is what is measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import urlsplit


class Refused(Exception):
    """An answer that is no success, or a connection that ended."""


class _Connection(asyncio.Protocol):
    """One request after the other, each once the answer to the last one is whole."""

    def __init__(self, requests: Iterator[bytes], ended: asyncio.Future[None]) -> None:
        self._requests = requests
        self._ended = ended
        self._head = b""
        self._left = 0
        self.body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(Refused("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        if self._left == 0:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            self._head = b""
            if not head.startswith(b"HTTP/1.1 200 "):
                self._end(Refused(head.partition(b"\r\n")[0].decode()))
                return
            length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
            self._left = int(length)
            self.body_bytes += self._left
        self._left -= len(data)
        if self._left == 0:
            self._ask()

    def _ask(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._end(None)
        else:
            self._transport.write(request)

    def _end(self, error: Refused | None) -> None:
        if not self._ended.done():
            if error is None:
                self._ended.set_result(None)
            else:
                self._ended.set_exception(error)
        self._transport.close()


async def get_all(url: str, targets: Iterable[str], *, connections: int) -> tuple[float, int]:
    """Seconds that it took to get all of these targets from one server, and the bodies' bytes.

    Raises Refused, OSError.
    """
    address = urlsplit(url)
    head = f"HTTP/1.1\r\nHost: {address.netloc}\r\nAccept-Encoding: identity\r\n\r\n"
    requests = [f"GET {target} {head}".encode() for target in targets]
    shared = iter(requests)
    loop = asyncio.get_running_loop()
    ended = [loop.create_future() for _ in range(connections)]
    began_s = time.perf_counter()
    opened = [
        await loop.create_connection(
            partial(_Connection, shared, one), address.hostname or "", address.port or 80
        )
        for one in ended
    ]
    await asyncio.gather(*ended)
    took_s = time.perf_counter() - began_s
    return took_s, sum(protocol.body_bytes for _, protocol in opened)
