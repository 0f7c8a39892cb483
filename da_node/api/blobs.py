"""Payloads in and out: POST, GET and HEAD of blobs, and what is known about one."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from da_node.coding import DATA_COLUMNS, BlobId
from da_node.errors import NoKeyset, NotFound
from da_node.node.node import Node
from da_node.retention import expires_at_for
from da_node.service.http import parameters
from da_node.service.http.answers import OCTETS, json_answer
from da_node.service.http.payloads import answer_payload
from da_node.service.http.uploads import announced_bytes, read_body
from da_node.store import Record

LABEL_FIELD: Final = "Holdfast-Label"


async def post_blob(node: Node, request: web.Request) -> web.Response:
    """Take a payload in; answers once it is durable."""
    limit = node.settings.body_limit_bytes
    label = parameters.label(
        parameters.single(request.headers.getall(LABEL_FIELD, []), LABEL_FIELD), LABEL_FIELD
    )
    announced = announced_bytes(request, limit)
    with node.uploads.hold(limit if announced is None else announced):
        payload, digest = await read_body(
            request, limit_bytes=limit, pace=node.pace(), timers=node.timers
        )
        node.metrics.received_bytes.inc(len(payload))
        taking = node.intake.take(
            payload, digest, expires_at=expires_at_for(node.clock()), label=label
        )
        del payload  # so that a repeat that waits for the first does not hold a copy
        taken = await taking
    blob_id = taken.header.blob_id.hex0x
    return json_answer(
        {
            "blob_id": blob_id,
            "header": "0x" + taken.header.serialize().hex(),
            "expires_at": taken.expires_at,
            "certificate": None,
            "signers": None,
        },
        status=201 if taken.created else 200,
        headers={hdrs.LOCATION: f"/v1/blobs/{blob_id}"},
    )


async def get_blob(node: Node, request: web.Request) -> web.StreamResponse:
    """The payload or a range of it, verified before its first byte leaves; HEAD without it."""
    record = await record_of(node, request)

    async def read(start: int, stop: int) -> bytes | bytearray:
        payload = await node.reading.payload(record, start, stop)
        node.metrics.sent_bytes.labels("payload").inc(len(payload))
        return payload

    return await answer_payload(
        request,
        record.header,
        read,
        lasting=lasting(node, record),
        reads=node.reads,
        pace=node.pace,
        timers=node.timers,
    )


async def get_header(node: Node, request: web.Request) -> web.Response:
    """The 90 bytes of the header."""
    record = await record_of(node, request)
    return web.Response(
        body=record.header.serialize(), content_type=OCTETS, headers=lasting(node, record)
    )


async def get_status(node: Node, request: web.Request) -> web.Response:
    """Which columns are held here, until when, and whether they are enough."""
    record = await record_of(node, request)
    return json_answer(
        {
            "blob_id": record.blob_id.hex0x,
            "state": "available" if len(record.columns) >= DATA_COLUMNS else "partial",
            "expires_at": record.expires_at,
            "stored_at": record.stored_at,
            "payload_length": record.header.payload_length,
            "label": record.label,
            "columns": list(record.columns),
            "void": list(record.void_columns),
        }
    )


async def get_certificate(node: Node, request: web.Request) -> web.Response:
    """A node without a committee has no certificates."""
    record = await record_of(node, request)
    raise NotFound(what="certificate of blob", value=record.blob_id.hex0x)


async def put_certificate(node: Node, request: web.Request) -> web.Response:
    """A node without a committee cannot verify a certificate."""
    await record_of(node, request)
    raise NoKeyset


async def record_of(node: Node, request: web.Request) -> Record:
    """The record of the blob in the path. Raises MalformedId, UnknownBlob, Pruned, StoreFault."""
    return await node.reading.record(BlobId.from_hex(request.match_info["id"]))


def lasting(node: Node, record: Record) -> dict[str, str]:
    """Cache-Control of what never changes as long as it is served."""
    left_s = max(0, record.expires_at - node.clock())
    return {hdrs.CACHE_CONTROL: f"public, max-age={left_s}, immutable"}
