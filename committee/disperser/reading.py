"""What a disperser answers to readers: all of it read from the members, and verified on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web

from committee.disperser.disperser import Disperser
from da_node.client import BlobStatus
from da_node.coding import COLUMNS, DATA_COLUMNS, POINTS, BlobId, column_bytes, point_bytes
from da_node.service import HoldfastError
from da_node.service.http import parameters
from da_node.service.http.answers import NOT_CACHED, OCTETS, json_answer, send
from da_node.service.http.payloads import answer_payload

MOST_POINTS: Final = 256
"""Points of one answer."""
STATUS_S: Final = 5.0
"""Time that each member has to say what it holds."""
LASTING_S: Final = 3600
"""Blobs never change; how long one is still kept, their certificate says, which is not looked up
for every read. A cache may answer for so long by itself."""

_LASTING: Final[Mapping[str, str]] = {hdrs.CACHE_CONTROL: f"public, max-age={LASTING_S}, immutable"}


async def get_blob(disperser: Disperser, request: web.Request) -> web.StreamResponse:
    """The payload or a range of it; HEAD without it."""
    header = await disperser.client.header(_blob_id(request))

    async def read(start: int, stop: int) -> bytearray:
        known = await disperser.keeping(header.blob_id)
        return await disperser.client.get_range(
            header, start, stop, certified=known.certified, custody=known.custody
        )

    return await answer_payload(
        request,
        header,
        read,
        lasting=_LASTING,
        reads=disperser.reads,
        pace=disperser.pace,
        timers=disperser.timers,
    )


async def get_header(disperser: Disperser, request: web.Request) -> web.Response:
    """The 90 bytes of the header."""
    header = await disperser.client.header(_blob_id(request))
    return web.Response(body=header.serialize(), content_type=OCTETS, headers=_LASTING)


async def get_certificate(disperser: Disperser, request: web.Request) -> web.Response:
    """Of the certificates that the members have, the one with the latest expiry; of those the one
    of the latest keyset, and then the one with the most signers.
    """
    certificate = await disperser.certificate(_blob_id(request))
    # A later expiry brings another certificate.
    headers = {hdrs.CACHE_CONTROL: NOT_CACHED}
    return web.Response(body=certificate.serialize(), content_type=OCTETS, headers=headers)


async def get_status(disperser: Disperser, request: web.Request) -> web.Response:
    """Which columns the members say they hold, all together."""
    blob_id = _blob_id(request)
    said = await _statuses(disperser, blob_id)
    if not said:
        # Nobody knows it, or nobody answers: the client tells the one from the other.
        said = [await disperser.client.status(blob_id)]
    columns = frozenset[int]().union(*(status.columns for status in said))
    return json_answer(
        {
            "blob_id": blob_id.hex0x,
            "state": "available" if len(columns) >= DATA_COLUMNS else "partial",
            "expires_at": max(status.expires_at for status in said),
            "label": said[0].label,
            "columns": sorted(columns),
        }
    )


async def get_columns(disperser: Disperser, request: web.Request) -> web.StreamResponse:
    """Columns in the order asked, all of them or an error."""
    wanted = _wanted(request, "index", "column", count=COLUMNS, most=COLUMNS)
    header = await disperser.client.header(_blob_id(request))
    with disperser.reads.hold(len(wanted) * column_bytes(header.row_count)):
        known = await disperser.keeping(header.blob_id)
        columns = await disperser.client.columns(header, wanted, custody=known.custody)
        return await _send(disperser, request, [column.serialize() for column in columns])


async def get_points(disperser: Disperser, request: web.Request) -> web.StreamResponse:
    """Points in the order asked, all of them or an error."""
    wanted = _wanted(request, "point", "point", count=POINTS, most=MOST_POINTS)
    header = await disperser.client.header(_blob_id(request))
    with disperser.reads.hold(len(wanted) * point_bytes(header.row_count)):
        known = await disperser.keeping(header.blob_id)
        points = await disperser.client.points(header, wanted, custody=known.custody)
        return await _send(disperser, request, [point.serialize() for point in points])


async def _statuses(disperser: Disperser, blob_id: BlobId) -> list[BlobStatus]:
    async def ask(url: str) -> BlobStatus | None:
        try:
            async with asyncio.timeout(STATUS_S):
                return await disperser.client.status(blob_id, node=url)
        except (HoldfastError, TimeoutError):
            return None

    answers = await asyncio.gather(*(ask(url) for url in disperser.client.nodes))
    return [status for status in answers if status is not None]


async def _send(
    disperser: Disperser, request: web.Request, items: Sequence[bytes]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: OCTETS, **_LASTING})
    return await send(request, response, items, pace=disperser.pace(), timers=disperser.timers)


def _wanted(
    request: web.Request, parameter: str, unit: str, *, count: int, most: int
) -> Sequence[int]:
    text = parameters.single(request.query.getall(parameter, []), parameter)
    return parameters.indices(text, unit, count=count, most=most)


def _blob_id(request: web.Request) -> BlobId:
    return BlobId.from_hex(request.match_info["id"])
