"""The routes of a sampler, as one table, and what answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from aiohttp import hdrs, web

from da_node.coding import (
    POINTS,
    POINTS_PER_COLUMN,
    BlobId,
    Column,
    Header,
    Point,
    VerifiedColumn,
    VerifiedPoint,
    point_bytes,
)
from da_node.service import (
    Lagged,
    NotEnough,
    NotFound,
    Pruned,
    Subscription,
    UnknownBlob,
    encode_comment,
    encode_event,
)
from da_node.service.http import parameters
from da_node.service.http.answers import NOT_CACHED, OCTETS, json_answer, send
from da_node.service.http.deadlines import Watch
from da_node.service.http.operating import operating_routes
from da_node.service.http.routes import (
    BLOB_ID,
    EVENTS,
    JSON,
    READ_PROBLEMS,
    Guard,
    Handler,
    Parameter,
    Route,
)
from sampler.bounds import HEARTBEAT_S, LONGEST_WAIT_S, PAGE
from sampler.confidence import Unit
from sampler.errors import SampleInUse, VerdictPending
from sampler.sampler import Sampler
from sampler.state import Stored
from sampler.webhook import with_cursor

MOST_POINTS: Final = 256
"""Points of one answer."""
LAST_EVENT_ID: Final = "Last-Event-ID"
MISSING_FIELD: Final = "Holdfast-Missing"

_NUMBER: Final = {"type": "integer", "minimum": 0}
_LIST: Final = {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"}


# ---------------------------------------------------------------- verdicts


async def get_verdict(sampler: Sampler, request: web.Request) -> web.Response:
    """The latest verdict on a blob, waited for if that is wanted."""
    blob_id = _blob_id(request)
    after = _number(request, "after", 0, most=parameters.CURSOR_BOUND)
    wait_s = _number(request, "wait", 0, most=int(LONGEST_WAIT_S))
    # Subscribed before the first look, so that nothing falls between the two.
    with sampler.news.subscribe() as news, suppress(TimeoutError, Lagged, StopAsyncIteration):
        async with asyncio.timeout(wait_s):
            while True:
                stored = await sampler.state.run(sampler.state.steps.verdict, blob_id)
                if stored is not None and stored.cursor > after:
                    return _json(with_cursor(stored.document, stored.cursor))
                if not wait_s:
                    break
                await news.get()
    stored = await sampler.state.run(sampler.state.steps.verdict, blob_id)
    if stored is not None and stored.cursor > after:
        return _json(with_cursor(stored.document, stored.cursor))
    if await sampler.state.run(sampler.state.steps.blob, blob_id) is not None:
        raise VerdictPending(blob_id=blob_id.hex0x)
    raise UnknownBlob(blob_id=blob_id.hex0x)


async def get_evidence(sampler: Sampler, request: web.Request) -> web.Response:
    """What the latest verdict on a blob rests on; as long as the same is asked for again, for
    readers at this machine.
    """
    blob_id = _blob_id(request)
    evidence = await sampler.state.run(sampler.state.steps.evidence, blob_id)
    if evidence is None:
        raise NotFound(what="evidence of blob", value=blob_id.hex0x)
    await _require_open(sampler, request, blob_id)
    return _json(evidence)


async def _require_open(sampler: Sampler, request: web.Request, blob_id: BlobId) -> None:
    """Raises SampleInUse where a blob's sample must not be told to whoever asks here."""
    if sampler.showing.live.shows_whole(request):
        return
    if await sampler.state.run(sampler.state.steps.is_due, blob_id):
        raise SampleInUse(blob_id=blob_id.hex0x)


async def get_verdicts(sampler: Sampler, request: web.Request) -> web.Response:
    """Verdicts after a cursor, in order."""
    after = _number(request, "after", 0, most=parameters.CURSOR_BOUND)
    limit = _number(request, "limit", parameters.FEED_DEFAULT, least=1, most=parameters.FEED_LIMIT)
    found = await sampler.state.run(sampler.state.steps.verdicts, after, limit)
    return _json(b'{"verdicts":[' + b",".join(map(_document, found)) + b"]}")


async def get_events(sampler: Sampler, request: web.Request) -> web.StreamResponse:
    """Verdicts as they are given, from where Last-Event-ID left off, or from now on."""
    text = parameters.single(request.headers.getall(LAST_EVENT_ID, []), LAST_EVENT_ID)
    with sampler.news.subscribe() as news:
        if text is None:
            cursor = await sampler.state.run(sampler.state.steps.last_cursor)
        else:
            cursor = parameters.number(text, LAST_EVENT_ID, least=0, most=parameters.CURSOR_BOUND)
        stream = _Stream(sampler, request, cursor)
        await stream.open()
        # The reader resumes by its cursor.
        with suppress(Lagged, StopAsyncIteration):
            await stream.follow(news)
        return stream.response


class _Stream:
    """One subscriber's stream."""

    def __init__(self, sampler: Sampler, request: web.Request, cursor: int) -> None:
        self._sampler = sampler
        self._request = request
        self._cursor = cursor
        """All up to here has been sent, or was not asked for."""
        self.response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: EVENTS,
                hdrs.CACHE_CONTROL: NOT_CACHED,
                "X-Accel-Buffering": "no",
            }
        )

    async def open(self) -> None:
        """Send the header, and a first byte, so that proxies let it through."""
        await self.response.prepare(self._request)
        await self._write(encode_comment("holdfast"))

    async def follow(self, news: Subscription[int]) -> None:
        """Send what there is and what comes. Raises Lagged, StopAsyncIteration."""
        await self._catch_up()
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    newest = await news.get()
            except TimeoutError:
                await self._write(encode_comment())
                continue
            if newest > self._cursor:
                await self._catch_up()

    async def _catch_up(self) -> None:
        steps = self._sampler.state.steps
        while True:
            found = await self._sampler.state.run(steps.verdicts, self._cursor, PAGE)
            if found:
                await self._write(b"".join(map(_event, found)))
                self._cursor = found[-1].cursor
            if len(found) < PAGE:
                return

    async def _write(self, data: bytes) -> None:
        """Send; a reader that does not take it in its time is cut off."""

        def cut_off() -> None:
            if self._request.transport is not None:
                self._request.transport.abort()

        sampler = self._sampler
        with Watch(sampler.timers, sampler.transfer_pace(), progress=lambda: 0, expire=cut_off):
            await self.response.write(data)


# ---------------------------------------------------------------- samples


async def get_points(sampler: Sampler, request: web.Request) -> web.StreamResponse:
    """Points that were sampled here, as a member serves them; as long as they are asked for still,
    for readers at this machine.
    """
    text = parameters.single(request.query.getall("point", []), "point")
    wanted = parameters.indices(text, "point", count=POINTS, most=MOST_POINTS)
    blob_id = _blob_id(request)
    known = await sampler.state.run(sampler.state.steps.blob, blob_id)
    if known is None:
        raise UnknownBlob(blob_id=blob_id.hex0x)
    if known.expires_at <= sampler.clock():
        raise Pruned(blob_id=blob_id.hex0x, expired_at=known.expires_at)
    await _require_open(sampler, request, blob_id)
    header = Header.parse_trusted(known.header, blob_id)
    with sampler.reads.hold(len(wanted) * point_bytes(header.row_count)):
        points = await _kept(sampler, header, wanted)
        found = [points[index].serialize() for index in wanted if index in points]
        if not found:
            raise NotEnough(unit="points", held=0, needed=len(wanted))
        missing = [str(index) for index in wanted if index not in points]
        headers: dict[str, str] = {hdrs.CONTENT_TYPE: OCTETS, hdrs.CACHE_CONTROL: NOT_CACHED}
        if missing:
            headers[MISSING_FIELD] = ",".join(missing)
        return await send(
            request,
            web.StreamResponse(headers=headers),
            found,
            pace=sampler.transfer_pace(),
            timers=sampler.timers,
        )


async def _kept(
    sampler: Sampler, header: Header, wanted: Sequence[int]
) -> dict[int, VerifiedPoint]:
    """Those of the points that are kept and still verify: disks forget."""
    samples = await sampler.state.run(sampler.state.steps.samples, header.blob_id)
    columns = {index // POINTS_PER_COLUMN for index in wanted}
    items: list[Column | Point] = [
        Column.parse(one.body, header)
        if one.unit == Unit.COLUMNS
        else Point.parse(one.body, header)
        for one in samples
        if (one.index in columns if one.unit == Unit.COLUMNS else one.index in wanted)
    ]
    points: dict[int, VerifiedPoint] = {}
    for item in await sampler.verifier.verify(header, items):
        if isinstance(item, VerifiedPoint):
            points[item.index] = item
        elif isinstance(item, VerifiedColumn):
            for index in wanted:
                if index // POINTS_PER_COLUMN == item.index:
                    points[index] = item.point(index % POINTS_PER_COLUMN)
    return points


# ---------------------------------------------------------------- operating


async def get_node(sampler: Sampler, request: web.Request) -> web.Response:
    """Who this sampler is, and what it follows."""
    return json_answer(sampler.document())


# ---------------------------------------------------------------- the table


def sampler_routes(sampler: Sampler) -> list[Route]:
    """Every route of a sampler."""

    def bound(
        handler: Callable[[Sampler, web.Request], Awaitable[web.StreamResponse]],
    ) -> Handler:
        return partial(handler, sampler)

    return [
        Route(
            method="GET",
            path="/v1/verdicts",
            handler=bound(get_verdicts),
            summary="Verdicts after a cursor, in order.",
            parameters=(
                _query("after", "Cursor of the last verdict already seen.", _NUMBER),
                _query("limit", "Most verdicts in the answer.", _NUMBER),
            ),
            answers={200: JSON},
            problems=(400, 429),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/events",
            handler=bound(get_events),
            summary="Verdicts as they are given, as server-sent events.",
            parameters=(
                Parameter(
                    name=LAST_EVENT_ID,
                    place="header",
                    meaning="Cursor of the last verdict already seen.",
                    schema={"type": "string"},
                ),
            ),
            answers={200: EVENTS},
            problems=(400, 429),
            timed=False,
        ),
        Route(
            method="GET",
            path="/v1/verdicts/{id}",
            handler=bound(get_verdict),
            summary="The latest verdict on a blob.",
            parameters=(
                BLOB_ID,
                _query("wait", "Seconds to wait for one, at most 60.", _NUMBER),
                _query("after", "Only a verdict after this cursor.", _NUMBER),
            ),
            answers={200: JSON},
            problems=(400, 404, 429, 503),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/verdicts/{id}/evidence",
            handler=bound(get_evidence),
            summary="What the latest verdict rests on; 403 elsewhere while its blob is due.",
            parameters=(BLOB_ID,),
            answers={200: JSON},
            problems=(400, 403, 404, 429),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/points",
            handler=bound(get_points),
            summary="Points sampled here, in the order asked; 403 elsewhere while it is due.",
            parameters=(
                BLOB_ID,
                _query("point", "Up to 256 indices 0..8191, by commas.", _LIST, required=True),
            ),
            answers={200: OCTETS},
            problems=(403, *READ_PROBLEMS),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/node",
            handler=bound(get_node),
            summary="Signer, feeds, wanted error and clock.",
            answers={200: JSON},
        ),
        *operating_routes(sampler.health, sampler.metrics.render),
    ]


def _document(stored: Stored) -> bytes:
    return with_cursor(stored.document, stored.cursor)


def _event(stored: Stored) -> bytes:
    return encode_event(_document(stored).decode(), id=str(stored.cursor))


def _json(body: bytes) -> web.Response:
    return web.Response(
        body=body, content_type="application/json", headers={hdrs.CACHE_CONTROL: NOT_CACHED}
    )


def _number(request: web.Request, name: str, otherwise: int, *, least: int = 0, most: int) -> int:
    text = parameters.single(request.query.getall(name, []), name)
    return otherwise if text is None else parameters.number(text, name, least=least, most=most)


def _query(name: str, meaning: str, schema: dict[str, Any], *, required: bool = False) -> Parameter:
    return Parameter(name=name, place="query", meaning=meaning, schema=schema, required=required)


def _blob_id(request: web.Request) -> BlobId:
    return BlobId.from_hex(request.match_info["id"])
