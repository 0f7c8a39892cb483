"""One client's connection: deadlines and answers from before a request exists.

aiohttp has no deadline for a request's header and answers what its parser refuses in plain text.
`Connection` adds both, bounds how many there are, and keeps answering a client that has closed
its sending side. `Site` listens with such connections.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, cast

from aiohttp import StreamReader, web

from da_node.errors import (
    BadConfiguration,
    IncompleteBody,
    MalformedRequest,
    RequestTimeout,
    TooManyRequests,
)
from da_node.service.http.answers import problem_answer, raw_problem
from da_node.service.http.deadlines import Timer, Timers
from da_node.service.logging import logger

LINE_BYTES: Final = 8190
"""Longest request line; 256 point indices of four digits with their commas take 1280."""
FIELD_BYTES: Final = 8190
"""Longest header field."""
FIELDS: Final = 64
"""Most header fields, so a header holds at most 64 · 8190 bytes."""
IDLE_S: Final = 75.0
"""How long a connection may stay open between requests."""
LINGER_S: Final = 5.0
"""How long the rest of a refused body is read, so that the refusal reaches its sender."""
SHORTEST_WAIT_S: Final = 0.01
"""Wait for a cancelled handler once the time to shut down is over."""
READ_BYTES: Final = 64 << 10
"""Read buffer; the transport is paused at twice that."""

_log = logger(__name__)


class _Phase(Enum):
    IDLE = auto()
    """No byte of a request has come."""
    HEADER = auto()
    """A request has begun, and has until the deadline to be complete."""
    REQUEST = auto()
    """A request is being answered."""
    LINGER = auto()
    """It is answered, and the rest of its body is read to be thrown away; then comes the end."""


@dataclass(slots=True, kw_only=True)
class Connections:
    """What all connections of one site share."""

    max_count: int
    """Most connections open at once."""
    header_timeout_s: float
    """Time a request's header may take from its first byte."""
    timers: Timers
    """Where deadlines are kept."""
    count: int = 0
    """Connections open now."""


class Connection(web.RequestHandler):
    """The protocol of one client."""

    def __init__(
        self, server: web.Server, shared: Connections, *, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=IDLE_S,
            max_line_size=LINE_BYTES,
            max_field_size=FIELD_BYTES,
            max_headers=FIELDS,
            lingering_time=LINGER_S,
            read_bufsize=READ_BYTES,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # None switches it off
        )
        self._shared = shared
        self._phase = _Phase.IDLE
        self._request: web.BaseRequest | None = None
        self._refused: StreamReader | None = None  # the body of which the rest is read
        self._half_closed = False
        self._closes = False
        self._ended: asyncio.Future[None] | None = None
        self._header_timer: Timer | None = None

    def begin(self, request: web.BaseRequest) -> None:
        """A request's header is complete and its handler starts."""
        self._phase = _Phase.REQUEST
        self._request = request
        self._disarm()
        if self._half_closed:
            self._end_of_stream(request)

    def end(self, request: web.BaseRequest, *, overdue: bool) -> None:
        """The handler is done; `overdue` if that is because the client was too slow."""
        self._request = None
        if self._closes:
            super().close()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        content = request.content
        if content.is_eof():
            self._phase = _Phase.IDLE
            return
        self._phase = _Phase.LINGER
        self._refused = content
        if overdue or content.exception() is not None:
            self._lingering_time = 0.0  # nothing more is to be expected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and refuse it where there are too many."""
        super().connection_made(transport)
        self._shared.count += 1
        if self._shared.count > self._shared.max_count:
            self._refuse(TooManyRequests(what="connections", bound=self._shared.max_count))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        self._shared.count -= 1
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Start the header's deadline at its first byte."""
        if self._phase is _Phase.IDLE and data:
            self._phase = _Phase.HEADER
            due = self._shared.timers.time() + self._shared.header_timeout_s
            self._header_timer = self._shared.timers.call_at(due, self._header_overdue)
        super().data_received(data)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more. It is still answered, unless it asked nothing.

        True keeps our side open. A header cut short leaves the connection to its deadline.
        """
        super().eof_received()
        if self._phase in (_Phase.IDLE, _Phase.LINGER) or self.ssl_context is not None:
            return None
        self._half_closed = True
        if self._request is not None:
            self._end_of_stream(self._request)
        return True

    def close(self) -> None:
        """Take no further request. What is left of the present one's body still comes in.

        aiohttp drops every byte from here on, and an upload under way would wait in vain.
        """
        if self._request is not None and not _has_ended(self._request.content):
            self._closes = True
        else:
            super().close()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 # aiohttp's
        """Let the request under way finish within so many seconds, its body included."""
        loop = asyncio.get_running_loop()
        due = None if timeout is None else loop.time() + timeout
        if self._refused is not None and not _has_ended(self._refused):
            # The refusal is on its way; the rest of the body is not what to stay up for.
            self._refused.set_exception(TimeoutError())
        if self._request is not None:
            self._ended = loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._ended
        # aiohttp waits for ever where it is given no time at all.
        await super().shutdown(None if due is None else max(due - loop.time(), SHORTEST_WAIT_S))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what the parser refused: a problem document like any other.

        Handlers' errors never come this far: the application turns them into problems itself.
        """
        self._phase = _Phase.REQUEST
        self._disarm()
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            # An answer that has begun cannot turn into another, and nobody waits for a second.
            raise ConnectionAbortedError("the connection ends here")
        if status >= 500:
            _log.error("request failed outside the application", exc_info=exc)
            response = problem_answer(exc or RuntimeError(message))
        else:
            reason = (message or "").partition("\n")[0][:100]
            _log.debug("request not parsed", reason=reason)
            response = problem_answer(
                MalformedRequest(field="HTTP message", value=reason, expected="valid HTTP/1.1")
            )
        response.force_close()
        return response

    def _end_of_stream(self, request: web.BaseRequest) -> None:
        if not request.content.is_eof():
            request.content.set_exception(
                IncompleteBody(
                    received_bytes=request.content.total_bytes,
                    expected_bytes=request.content_length,
                )
            )
        self.close()

    def _header_overdue(self) -> None:
        self._header_timer = None
        self._refuse(
            RequestTimeout(stage="the request's header", bound_s=self._shared.header_timeout_s)
        )

    def _refuse(self, error: RequestTimeout | TooManyRequests) -> None:
        if self.transport is not None:
            self.transport.write(raw_problem(error))
        self.force_close()

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def _has_ended(content: StreamReader) -> bool:
    """Whether nothing more of a body will come."""
    return content.is_eof() or content.exception() is not None


class Site(web.BaseSite):
    """Listens on one address with `Connection`s."""

    def __init__(
        self,
        runner: web.AppRunner,
        *,
        host: str,
        port: int,
        connections: Connections,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Port 0 takes any free one; `url` says which."""
        super().__init__(runner, ssl_context=ssl_context)
        self._host = host
        self._port = port
        self._connections = connections

    @property
    def name(self) -> str:
        """The address in words, for aiohttp's messages."""
        return self.url

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        scheme = "https" if self._ssl_context else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self._port}"

    async def start(self) -> None:
        """Listen. Raises BadConfiguration for a host that is none, OSError."""
        await super().start()
        loop = asyncio.get_running_loop()
        server = cast(web.Server, self._runner.server)
        try:
            listening = await loop.create_server(
                lambda: Connection(server, self._connections, loop=loop),
                self._host,
                self._port,
                ssl=self._ssl_context,
                ssl_handshake_timeout=(
                    self._connections.header_timeout_s if self._ssl_context else None
                ),
            )
        except (socket.gaierror, UnicodeError) as error:
            raise BadConfiguration(
                source="settings", name="host", reason=f"{self._host!r}: {error}"
            ) from error
        self._server = listening
        self._port = listening.sockets[0].getsockname()[1]
