"""A blob's payload as the answer to GET and HEAD: whole or a range, conditional, paced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import hdrs, web

from da_node.coding import Header
from da_node.service.http import ranges
from da_node.service.http.admission import Admission
from da_node.service.http.answers import OCTETS, send
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace

ReadPayload = Callable[[int, int], Awaitable[bytes | bytearray]]
"""Payload bytes start … stop-1, verified."""


async def answer_payload(
    request: web.Request,
    header: Header,
    read: ReadPayload,
    *,
    lasting: Mapping[str, str],
    reads: Admission,
    pace: Callable[[], Pace],
    timers: Timers,
) -> web.StreamResponse:
    """Answer with the payload of `header`'s blob as the request wants it.

    `lasting` says how long the answer may be kept; `reads` bounds the memory of all answers, and
    `pace`, asked once the payload is there, the time of this one. Raises what `read` does,
    MalformedRequest, RangeNotSatisfiable, TooManyRequests.
    """
    tag = ranges.entity_tag(header.blob_id.hex0x)
    headers = {**lasting, hdrs.ETAG: tag, hdrs.ACCEPT_RANGES: "bytes"}
    if ranges.is_known(request.headers.get(hdrs.IF_NONE_MATCH), tag):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = OCTETS
    length = header.payload_length
    if request.method == hdrs.METH_HEAD:
        return await _head(request, headers, length)
    wanted = None
    if ranges.range_applies(request.headers.get(hdrs.IF_RANGE), tag):
        wanted = ranges.parse_range(request.headers.get(hdrs.RANGE), length)
    start, stop = (0, length) if wanted is None else (wanted.start, wanted.stop)
    if wanted is not None:
        headers[hdrs.CONTENT_RANGE] = wanted.content_range
    with reads.hold(stop - start):
        payload = await read(start, stop)
        response = web.StreamResponse(status=200 if wanted is None else 206, headers=headers)
        return await send(request, response, [payload], pace=pace(), timers=timers)


async def _head(request: web.Request, headers: dict[str, str], length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_length = length
    await response.prepare(request)
    await response.write_eof()
    return response
