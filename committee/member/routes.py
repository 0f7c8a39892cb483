"""The routes that a member has beside, or instead of, those of a node."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from committee.dispersal import DIGEST_FIELD, SIGNATURE_FIELD, TIME_FIELD, Ticket
from committee.documents import Committee
from committee.member.certificates import LONGEST_CERTIFICATE_BYTES
from committee.member.member import Member
from committee.values import KeysetHash
from da_node.api.blobs import record_of
from da_node.coding import BlobId
from da_node.service import HoldfastError, MethodNotAllowed, NotFound
from da_node.service.http import parameters
from da_node.service.http.answers import OCTETS, json_answer
from da_node.service.http.routes import (
    BLOB_ID,
    JSON,
    READ_PROBLEMS,
    Guard,
    Handler,
    Parameter,
    Route,
)
from da_node.service.http.uploads import announced_bytes, read_body

PUT_PROBLEMS: Final = (400, 401, 403, 408, 413, 422, 429, 503, 507)


async def put_columns(member: Member, request: web.Request) -> web.Response:
    """Take the member's arc in; answers with the signature once the columns are durable."""
    try:
        return await _take_columns(member, request)
    except HoldfastError as error:
        member.metrics.refused.labels(error.code).inc()
        raise


async def _take_columns(member: Member, request: web.Request) -> web.Response:
    node, limit = member.node, member.longest_body_bytes
    blob_id = BlobId.from_hex(request.match_info["id"])
    ticket = Ticket.parse(*(_field(request, name) for name in _TICKET_FIELDS))
    announced = announced_bytes(request, limit)
    signed = await member.identify(ticket, blob_id)
    with node.uploads.hold(limit if announced is None else announced):
        order = member.admit(signed)
        body, digest = await read_body(
            request, limit_bytes=limit, pace=node.pace(), timers=node.timers
        )
        node.metrics.received_bytes.inc(len(body))
        signature = await member.attest(order, body, digest)
    return web.Response(body=bytes(signature), content_type=OCTETS)


async def put_certificate(member: Member, request: web.Request) -> web.Response:
    """Keep a certificate, which proves itself."""
    node = member.node
    blob_id = BlobId.from_hex(request.match_info["id"])
    announced_bytes(request, LONGEST_CERTIFICATE_BYTES)
    body, _ = await read_body(
        request, limit_bytes=LONGEST_CERTIFICATE_BYTES, pace=node.pace(), timers=node.timers
    )
    kept = await member.take_certificate(blob_id, bytes(body))
    member.metrics.certificates.labels("kept" if kept.taken else "not needed").inc()
    return web.Response(status=204)


async def get_certificate(member: Member, request: web.Request) -> web.Response:
    """The certificate with the latest expiry."""
    node = member.node
    blob_id = BlobId.from_hex(request.match_info["id"])
    data = await node.workers.store.run(node.store.certificate, blob_id)
    if data is None:
        await record_of(node, request)  # which says why, if it is not here at all
        raise NotFound(what="certificate of blob", value=blob_id.hex0x)
    # One with more signers, or a later expiry, may take its place.
    return web.Response(body=data, content_type=OCTETS, headers={hdrs.CACHE_CONTROL: "no-store"})


async def get_keysets(member: Member, request: web.Request) -> web.Response:
    """All keysets that the member follows, in the order in which they come into force."""
    committees = member.seats.succession.committees
    return json_answer({"keysets": [_document(committee) for committee in committees]})


async def get_keyset(member: Member, request: web.Request) -> web.Response:
    """One keyset with its proofs of possession, names and addresses."""
    wanted = KeysetHash.from_hex(request.match_info["hash"])
    committee = member.seats.succession.find(wanted)
    if committee is None:
        raise NotFound(what="keyset", value=wanted.hex0x)
    return json_answer(_document(committee))


async def get_node(member: Member, request: web.Request) -> web.Response:
    """The node's document, with the member's place in the newest keyset in force that has one."""
    node = member.node
    seat = member.seats.current(node.clock())
    return json_answer(
        {
            **node.document(),
            "keyset_hash": seat.keyset.hash.hex0x,
            "member": seat.index,
            "public_key": member.signer.public_key.hex0x,
            "arc": {"start": seat.arc.start, "count": seat.arc.length},
            "retention_s": seat.keyset.retention_s,
        }
    )


async def post_blob(member: Member, request: web.Request) -> web.Response:
    """A member takes columns from its dispersers, and payloads from nobody."""
    raise MethodNotAllowed(method=request.method, path=request.path, allowed="GET, HEAD")


def member_routes(member: Member) -> list[Route]:
    """What a member answers itself; all else its node does."""

    def bound(handler: Callable[[Member, web.Request], Awaitable[web.Response]]) -> Handler:
        return functools.partial(handler, member)

    return [
        Route(
            method="PUT",
            path="/v1/blobs/{id}/columns",
            handler=bound(put_columns),
            summary="Hand in the member's arc; answered with its signature, 96 bytes.",
            takes=OCTETS,
            parameters=(BLOB_ID, *map(_header, _TICKET_FIELDS)),
            answers={200: OCTETS},
            problems=PUT_PROBLEMS,
        ),
        Route(
            method="POST",
            path="/v1/blobs",
            handler=bound(post_blob),
            summary="Refused: payloads are posted to a disperser.",
            answers={},
            problems=(405,),
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/certificate",
            handler=bound(get_certificate),
            summary="The committee's certificate with the latest expiry.",
            parameters=(BLOB_ID,),
            answers={200: OCTETS},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="PUT",
            path="/v1/blobs/{id}/certificate",
            handler=bound(put_certificate),
            summary="Hand in a certificate; a blob that is not here is fetched by it.",
            parameters=(BLOB_ID,),
            takes=OCTETS,
            answers={204: ""},
            problems=(*READ_PROBLEMS, 408, 413, 422, 507),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/keysets",
            handler=bound(get_keysets),
            summary="The keysets that this member follows.",
            answers={200: JSON},
        ),
        Route(
            method="GET",
            path="/v1/keysets/{hash}",
            handler=bound(get_keyset),
            summary="One keyset with its members.",
            parameters=(
                Parameter(
                    name="hash",
                    place="path",
                    meaning="The keyset's hash: 64 hex digits, with or without 0x.",
                    schema={"type": "string", "pattern": "^(0x)?[0-9a-f]{64}$"},
                    required=True,
                ),
            ),
            answers={200: JSON},
            problems=(400, 404),
        ),
        Route(
            method="GET",
            path="/v1/node",
            handler=bound(get_node),
            summary="Identity, keyset, arc, limits, retention and clock of this member.",
            answers={200: JSON},
        ),
    ]


_TICKET_FIELDS: Final = (TIME_FIELD, SIGNATURE_FIELD, DIGEST_FIELD)
"""In the order of `Ticket.parse`."""

_MEANING: Final = {
    TIME_FIELD: "When the request was signed, in unix seconds; within 300 s of the member's clock.",
    SIGNATURE_FIELD: "The disperser's signature (secp256k1, EIP-191), 0x and 130 hex digits.",
    DIGEST_FIELD: "The body's SHA-256 (RFC 9530).",
}


def _header(name: str) -> Parameter:
    return Parameter(
        name=name, place="header", meaning=_MEANING[name], schema={"type": "string"}, required=True
    )


def _field(request: web.Request, name: str) -> str | None:
    return parameters.single(request.headers.getall(name, []), name)


def _document(committee: Committee) -> Any:
    return msgspec.json.decode(committee.serialize())
