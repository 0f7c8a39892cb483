"""Columns and points: what peers, samplers and readers that trust nobody ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from da_node.api.blobs import lasting, record_of
from da_node.coding import COLUMNS, MAX_ROWS, POINTS, BlobId, column_bytes, point_bytes
from da_node.errors import NotEnough
from da_node.node.node import Node
from da_node.node.reading import Found
from da_node.service.http import parameters
from da_node.service.http.answers import OCTETS, send
from da_node.store import Record

MOST_COLUMNS: Final = COLUMNS
"""Columns of one answer: all there are."""
MOST_POINTS: Final = 256
"""Points of one answer."""
LONGEST_POINT_BYTES: Final = point_bytes(MAX_ROWS)
"""Of the tallest blob, 35 KB."""
FEW_POINTS: Final = 4
"""So many are let in as if their blob were the tallest, 141 KB, before anything is known of it."""
WHOLE_BYTES: Final = 64 << 10
"""An answer of so much is handed over in one piece, its header included. A connection takes that
without waiting for its client: it is asyncio's bound on what is not yet sent."""
MISSING_FIELD: Final = "Holdfast-Missing"


async def get_columns(node: Node, request: web.Request) -> web.StreamResponse:
    """Columns in the order asked, concatenated; those not held are left out and named."""
    wanted = _wanted(request, "index", "column", count=COLUMNS, most=MOST_COLUMNS)
    record = await record_of(node, request)
    with node.reads.hold(len(wanted) * column_bytes(record.header.row_count)):
        found = await node.reading.columns(record, wanted)
        return await _answer(node, request, record, "columns", found)


async def get_points(node: Node, request: web.Request) -> web.StreamResponse:
    """Points in the order asked, concatenated; those not held are left out and named."""
    wanted = _wanted(request, "point", "point", count=POINTS, most=MOST_POINTS)
    if len(wanted) <= FEW_POINTS:
        blob_id = BlobId.from_hex(request.match_info["id"])
        with node.reads.hold(len(wanted) * LONGEST_POINT_BYTES):
            record, found = await node.reading.points_at_once(blob_id, wanted)
            return await _answer(node, request, record, "points", found)
    record = await record_of(node, request)
    with node.reads.hold(len(wanted) * point_bytes(record.header.row_count)):
        found = await node.reading.points(record, wanted)
        return await _answer(node, request, record, "points", found)


def _wanted(
    request: web.Request, parameter: str, unit: str, *, count: int, most: int
) -> Sequence[int]:
    text = parameters.single(request.query.getall(parameter, []), parameter)
    return parameters.indices(text, unit, count=count, most=most)


async def _answer(
    node: Node, request: web.Request, record: Record, unit: str, found: Found
) -> web.StreamResponse:
    """Never 200 with nothing in it: raises NotEnough."""
    if not found.items:
        raise NotEnough(unit=unit, held=0, needed=len(found.missing))
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: OCTETS}
    if found.missing:
        # What is missing may come back: nothing to be cached.
        headers[MISSING_FIELD] = ",".join(map(str, found.missing))
        headers[hdrs.CACHE_CONTROL] = "no-store"
    else:
        headers |= lasting(node, record)
    sent_bytes = sum(map(len, found.items))
    node.metrics.sent_bytes.labels(unit).inc(sent_bytes)
    if sent_bytes <= WHOLE_BYTES:
        return web.Response(body=b"".join(found.items), headers=headers)
    response = web.StreamResponse(headers=headers)
    return await send(request, response, found.items, pace=node.pace(), timers=node.timers)
