"""A small node with real blobs behind it, which can be told to fail and to lie."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from da_node.client import Pace
from da_node.coding import COLUMNS, EncodedBlob
from da_node.errors import HoldfastError, NotEnough, UnknownBlob
from da_node.service import problem_of

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeNode:
    """Serves what it is given. `tamper_*` change bytes on their way out; `script` holds, by the
    last part of a path, answers that are given instead of the true one, each once, in order.
    """

    blobs: list[EncodedBlob] = field(default_factory=list)
    columns: set[int] = field(default_factory=lambda: set(range(COLUMNS)))
    points: set[int] | None = None
    """Points served beside those of the columns held."""
    arc: tuple[int, int] = (0, COLUMNS)
    keyset_hash: str | None = None
    expires_at: int = 1_800_000_000
    tamper_header: Callable[[bytes], bytes] = bytes
    tamper_column: Callable[[int, bytes], bytes] = lambda index, data: data
    tamper_point: Callable[[int, bytes], bytes] = lambda index, data: data
    posted: EncodedBlob | None = None
    """What it answers to a POST."""
    script: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    def asked(self, last: str) -> list[web.Request]:
        """The requests for paths that end so."""
        return [request for request in self.requests if request.path.endswith(last)]

    def asked_indices(self) -> list[int]:
        """Columns asked for, over all requests."""
        return [
            int(index)
            for request in self.asked("/columns")
            for index in request.query["index"].split(",")
        ]

    async def serve(self) -> web.AppRunner:
        """Start on a free port; the caller cleans the runner up."""
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.method == "POST":
            self.bodies.append(await request.read())
        last = request.path.rpartition("/")[2]
        if self.script[last]:
            return await self.script[last].pop(0)(request)
        return await self.true_answer(request)

    async def true_answer(self, request: web.Request) -> web.StreamResponse:
        """What an honest node answers."""
        try:
            return self._true_answer(request, request.path.rpartition("/")[2])
        except HoldfastError as error:
            problem = problem_of(error)
            return web.Response(
                status=problem.status, headers=problem.headers(), body=problem.body()
            )

    def _true_answer(self, request: web.Request, last: str) -> web.Response:
        if request.method == "POST":
            return self._receipt()
        if last == "node":
            return document(
                node_id="0x01",
                version="1",
                keyset_hash=self.keyset_hash,
                arc={"start": self.arc[0], "count": self.arc[1]},
                retention_s=1_572_864,
                time=1,
            )
        if last == "blobs":
            return document(blobs=[self.event(blob) for blob in self.blobs])
        blob = self._blob(request.path.split("/")[3])
        if last == "header":
            return web.Response(body=self.tamper_header(blob.header.serialize()))
        if last == "certificate":
            return web.Response(body=b"certificate")
        if last == "status":
            return document(
                blob_id=blob.blob_id.hex0x,
                state="available",
                expires_at=self.expires_at,
                columns=sorted(self.columns),
                label="a label",
            )
        if last == "columns":
            wanted = [int(index) for index in request.query["index"].split(",")]
            return items(
                self.tamper_column(index, blob.column(index).serialize())
                for index in wanted
                if index in self.columns
            )
        wanted = [int(index) for index in request.query["point"].split(",")]
        return items(
            self.tamper_point(index, blob.point(index).serialize())
            for index in wanted
            if index // 64 in self.columns or index in (self.points or ())
        )

    def _blob(self, text: str) -> EncodedBlob:
        for blob in self.blobs:
            if blob.blob_id.hex0x == text:
                return blob
        raise UnknownBlob(blob_id=text)

    def _receipt(self) -> web.Response:
        assert self.posted is not None
        return document(
            status=201,
            blob_id=self.posted.blob_id.hex0x,
            header="0x" + self.posted.header.serialize().hex(),
            expires_at=self.expires_at,
            certificate=None,
            signers=None,
        )

    def event(self, blob: EncodedBlob) -> dict[str, object]:
        """A blob as an event; its cursor is its place, from 1."""
        return {
            "cursor": 1 + self.blobs.index(blob),
            "blob_id": blob.blob_id.hex0x,
            "header": "0x" + blob.header.serialize().hex(),
            "expires_at": self.expires_at,
            "label": "a label",
            "certificate": None,
        }


class FakePace:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @property
    def pace(self) -> Pace:
        return Pace(clock=lambda: self.now, sleep=self.sleep, draw=lambda: 0.0)


class ManualPace:
    """Time that goes only where the test puts it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.pace = Pace(clock=lambda: self.now, sleep=self._sleep, draw=lambda: 0.5)

    def _sleep(self, seconds: float) -> asyncio.Future[None]:
        # Counted from the call, not from when the event loop comes to it.
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        self.advance(0)
        return woken

    @property
    def awaited(self) -> list[float]:
        """The times that somebody waits for."""
        return sorted(when for when, woken in self._sleepers if not woken.done())

    def advance(self, seconds: float) -> None:
        """Let time pass and wake who has slept enough."""
        self.now += seconds
        for when, woken in self._sleepers:
            if when <= self.now and not woken.done():
                woken.set_result(None)


async def eventually(condition: Callable[[], bool]) -> None:
    """Let the event loop run until something holds; a test that waits in vain fails."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # nothing tells when it does
            await asyncio.sleep(0)


# ---------------------------------------------------------------- answers


def document(status: int = 200, **members: object) -> web.Response:
    """A JSON document."""
    return web.Response(
        status=status, body=msgspec.json.encode(members), content_type="application/json"
    )


def items(parts: Iterable[bytes]) -> web.Response:
    """Columns or points; never 200 with nothing in it."""
    body = b"".join(parts)
    if not body:
        raise NotEnough(unit="items", held=0, needed=1)
    return web.Response(body=body)


def refuse(error: HoldfastError, **headers: str) -> Answer:
    """A problem document, once."""
    problem = problem_of(error)
    fields = problem.headers() | {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=problem.status, headers=fields, body=problem.body())

    return answer


def reply(body: bytes, status: int = 200, **headers: str) -> Answer:
    """These bytes, once."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def stream(*chunks: bytes) -> Answer:
    """Chunks, then the end of the body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        return response

    return answer


async def hang(request: web.Request) -> web.StreamResponse:
    """Never an answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def endless(request: web.Request) -> web.StreamResponse:
    """Bytes until nobody reads them."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


async def cut_short(request: web.Request) -> web.StreamResponse:
    """Half of what is announced."""
    response = web.StreamResponse(headers={"Content-Length": "90"})
    await response.prepare(request)
    await response.write(b"x" * 50)
    assert request.transport is not None
    request.transport.close()
    return response


async def hang_up(request: web.Request) -> web.StreamResponse:
    """The connection closed instead of an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()
