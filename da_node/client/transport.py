"""One HTTP request to one node: bounded in time and in bytes.

The client's one door to aiohttp. A node is not trusted: it may answer without end, slowly, with
compressed zeros or with a redirect to somewhere else; none of that costs more than the bounds.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import aiohttp

from da_node import __version__
from da_node.client.retry import Failure, RetryPolicy, parse_retry_after
from da_node.client.wire import Answer, Body, Progress, Request
from da_node.errors import FalseAnswer, PeerUnreachable
from da_node.service import error_from

PROBLEM_BYTES: Final = 64 << 10
"""Longest problem document that is read."""
SLICE_BYTES: Final = 256 << 10
"""A payload is handed to the connection in slices of this size."""
GATHERED_BYTES: Final = 16 << 10
"""Pieces of a body that fit into so much are handed over together: each write costs a system call.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one request may take."""

    connect_s: float = 10.0
    """Time to connect."""
    idle_s: float = 30.0
    """Longest silence within an answer."""
    answer_s: float = 150.0
    """Longest silence after a payload: the node encodes and stores, for 120 s at most."""
    floor_bytes_per_s: int = 32 << 10
    """Slowest transfer, on average, that is waited for."""
    connections: int = 16
    """Connections open at once, over all nodes."""

    def silence_s(self, request: Request) -> float:
        """Longest wait for the next byte of the answer."""
        return self.idle_s if request.body is None else self.answer_s

    def total_s(self, request: Request) -> float:
        """Time for the whole of a request."""
        moved_bytes = request.answer_bytes + (
            0 if request.body is None else request.body.byte_length
        )
        transfer_s = moved_bytes / self.floor_bytes_per_s
        return self.connect_s + self.silence_s(request) + transfer_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Time and chance, handed in."""

    clock: Callable[[], float]
    """Seconds, never going back."""
    sleep: Callable[[float], Awaitable[None]]
    """Wait so many seconds."""
    draw: Callable[[], float]
    """Random in [0, 1)."""


class Failed(Exception):
    """There is no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


class Transport:
    """Requests to nodes over one pool of connections."""

    def __init__(self, *, limits: Limits, policy: RetryPolicy, pace: Pace) -> None:
        self.policy: Final = policy
        self.pace: Final = pace
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; it belongs to the running event loop."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limits.connections),
            # A compressed answer could unfold to any size: none is asked for, none unfolded.
            auto_decompress=False,
            # A cookie would tell a node which requests are whose.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": f"holdfast/{__version__}"},
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def ask(self, node: str, request: Request) -> Answer:
        """The answer, tried again as the policy says. Raises the last failure's error, and
        FalseAnswer for an answer longer than it can be.
        """
        began = self.pace.clock()
        made = 0
        while True:
            try:
                return await self.once(node, request)
            except Failed as failed:
                failure = failed.failure
            made += 1
            elapsed_s = self.pace.clock() - began
            delay_s = self.policy.delay_s(
                failure, made=made, elapsed_s=elapsed_s, draw=self.pace.draw()
            )
            if delay_s is None:
                raise failure.error
            await self.pace.sleep(delay_s)

    async def once(self, node: str, request: Request) -> Answer:
        """The answer to one attempt. Raises Failed, which says whether to try again."""
        try:
            async with (
                asyncio.timeout(self._limits.total_s(request)),
                self._send(node, request) as response,
            ):
                return await self._read(node, request, response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _lost(node, error) from None

    async def stream(self, node: str, request: Request) -> AsyncGenerator[bytes, None]:
        """An endless answer, chunk by chunk, until the node ends it. Raises Failed, also when
        the node has been silent for `idle_s`.
        """
        try:
            async with self._send(node, request) as response:
                if not _is_success(response):
                    raise await self._refused(node, response)
                async for chunk in response.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _lost(node, error) from None

    def _send(self, node: str, request: Request) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            raise RuntimeError("the client is used outside its `async with`")
        headers = dict(request.headers or {})
        if request.body is not None:
            headers |= {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(request.body.byte_length),
            }
        return self._session.request(
            request.method,
            node + request.path,
            params=request.params,
            headers=headers,
            data=None if request.body is None else _slices(request.body, request.progress),
            # An id names what is asked for, not where: a node that points elsewhere has failed.
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._limits.connect_s,
                sock_read=self._limits.silence_s(request),
            ),
        )

    async def _read(self, node: str, request: Request, response: aiohttp.ClientResponse) -> Answer:
        if not _is_success(response) and response.status not in request.answers:
            raise await self._refused(node, response)
        progress = request.progress if request.body is None else None
        body = await _bounded(response, request.answer_bytes, progress)
        if body is None:
            reason = f"longer than the {request.answer_bytes} bytes it can have"
            raise FalseAnswer(url=node, what="answer", reason=reason)
        return Answer(status=response.status, headers=response.headers, body=body)

    async def _refused(self, node: str, response: aiohttp.ClientResponse) -> Failed:
        body = await _bounded(response, PROBLEM_BYTES)
        failure = Failure(
            error=error_from(node, response.status, body or b""),
            retry_after_s=parse_retry_after(response.headers.get("Retry-After")),
        )
        return Failed(failure)


def reason_of(error: Exception) -> str:
    """What became of a connection, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ssl.SSLError):  # its number is none of the system's
            return f"no TLS connection: {error.os_error}"[:200]
        number = error.os_error.errno
        reason = os.strerror(number) if number and number > 0 else str(error.os_error)
        return f"no connection: {reason}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed before the answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer was cut short"
    return f"{type(error).__name__}: {error}"[:200]


def _lost(node: str, error: Exception) -> Failed:
    return Failed(Failure(error=PeerUnreachable(url=node, reason=reason_of(error))))


def _is_success(response: aiohttp.ClientResponse) -> bool:
    return 200 <= response.status < 300


async def _bounded(
    response: aiohttp.ClientResponse, limit_bytes: int, progress: Progress | None = None
) -> bytes | None:
    """The body, or None once it is longer than the limit; never holds more than a chunk beyond."""
    if (response.content_length or 0) > limit_bytes:
        response.close()
        return None
    chunks: list[bytes] = []
    length = 0
    async for chunk in response.content.iter_any():
        length += len(chunk)
        if length > limit_bytes:
            response.close()
            return None
        chunks.append(chunk)
        if progress is not None:
            progress(length, limit_bytes)
    return b"".join(chunks)


async def _slices(body: Body, progress: Progress | None) -> AsyncIterator[memoryview | bytearray]:
    """The body in what the connection takes at once: small pieces together, large ones in parts."""
    length = body.byte_length
    sent = 0
    for part in _parts(body):
        if progress is not None:
            progress(sent, length)
        yield part
        sent += len(part)
    if progress is not None:
        progress(length, length)


def _parts(body: Body) -> Iterator[memoryview | bytearray]:
    gathered = bytearray()
    for piece in body.pieces:
        if len(gathered) + len(piece) <= GATHERED_BYTES:
            gathered += piece
            continue
        if gathered:
            yield gathered
        gathered = bytearray()
        for start in range(0, len(piece), SLICE_BYTES):
            yield piece[start : start + SLICE_BYTES]
    if gathered:
        yield gathered
