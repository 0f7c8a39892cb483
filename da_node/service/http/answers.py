"""Answers: JSON documents, problem documents, and bytes sent at a bounded pace."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from da_node.errors import HoldfastError, MethodNotAllowed, RangeNotSatisfiable
from da_node.service.http.deadlines import Timers, Watch
from da_node.service.http.pacing import Pace
from da_node.service.problems import problem_of

OCTETS: Final = "application/octet-stream"
SLICE_BYTES: Final = 256 << 10
"""Bytes handed to a connection at once; it holds no more than that and its socket's buffer."""
NOT_CACHED: Final = "no-store"
"""Cache-Control of what may be different a moment later."""


def json_answer(
    document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON document, not to be cached unless `headers` say so."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(document),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: NOT_CACHED, **(headers or {})},
    )


def problem_answer(error: BaseException) -> web.Response:
    """The problem document of an error (RFC 9457)."""
    problem = problem_of(error)
    headers = {**problem.headers(), hdrs.CACHE_CONTROL: NOT_CACHED}
    if isinstance(error, RangeNotSatisfiable):
        headers[hdrs.CONTENT_RANGE] = f"bytes */{error.bound}"
    if isinstance(error, MethodNotAllowed):
        headers[hdrs.ALLOW] = error.allowed
    return web.Response(status=problem.status, body=problem.body(), headers=headers)


def raw_problem(error: HoldfastError) -> bytes:
    """A whole HTTP/1.1 answer, for a connection on which no request has been parsed."""
    problem = problem_of(error)
    body = problem.body()
    fields = {
        **problem.headers(),
        hdrs.CONTENT_LENGTH: str(len(body)),
        hdrs.CONNECTION: "close",
    }
    lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}"]
    lines.extend(f"{name}: {value}" for name, value in fields.items())
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def send(
    request: web.Request,
    response: web.StreamResponse,
    pieces: Sequence[bytes | bytearray | memoryview],
    *,
    pace: Pace,
    timers: Timers,
) -> web.StreamResponse:
    """Send the pieces as the response's body, cutting off a client that reads too slowly.

    Sets Content-Length. The connection is aborted at the deadline, since an answer that has begun
    cannot turn into another.
    """
    response.content_length = sum(len(piece) for piece in pieces)
    await response.prepare(request)
    sent = 0

    def cut_off() -> None:
        if request.transport is not None:
            request.transport.abort()

    with Watch(timers, pace, progress=lambda: sent, expire=cut_off):
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), SLICE_BYTES):
                part = view[start : start + SLICE_BYTES]
                await response.write(part)
                sent += len(part)
                # A reader that keeps up never makes us wait: others get their turn all the same.
                await asyncio.sleep(0)
        await response.write_eof()
    return response
