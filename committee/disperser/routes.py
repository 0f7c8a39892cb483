"""The routes of a disperser (PROTOCOL.md, HTTP), as one table, and what takes payloads in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from committee.disperser import feed, reading
from committee.disperser.disperser import Disperser
from committee.documents import Committee
from committee.values import KeysetHash
from da_node.service import HoldfastError, NotFound
from da_node.service.http import parameters
from da_node.service.http.answers import json_answer
from da_node.service.http.operating import operating_routes
from da_node.service.http.routes import (
    BLOB_ID,
    EVENTS,
    JSON,
    OCTETS,
    READ_PROBLEMS,
    Guard,
    Handler,
    Parameter,
    Route,
)
from da_node.service.http.uploads import announced_bytes, read_body

LABEL_FIELD: Final = "Holdfast-Label"

_TEXT: Final = {"type": "string"}
_LIST: Final = {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"}
_NUMBER: Final = {"type": "integer", "minimum": 0}


async def post_blob(disperser: Disperser, request: web.Request) -> web.Response:
    """Take a payload in; answers once enough members have signed for it."""
    try:
        return await _take_payload(disperser, request)
    except HoldfastError as error:
        disperser.metrics.refused.labels(error.code).inc()
        raise


async def _take_payload(disperser: Disperser, request: web.Request) -> web.Response:
    limit = disperser.settings.body_limit_bytes
    label = parameters.label(
        parameters.single(request.headers.getall(LABEL_FIELD, []), LABEL_FIELD), LABEL_FIELD
    )
    announced = announced_bytes(request, limit)
    authorization = parameters.single(
        request.headers.getall(hdrs.AUTHORIZATION, []), hdrs.AUTHORIZATION
    )
    with disperser.admitted(authorization, label, announced) as complete:
        payload, digest = await read_body(
            request, limit_bytes=limit, pace=disperser.pace(), timers=disperser.timers
        )
        tenant = complete(len(payload))
        disperser.metrics.received_bytes.labels(tenant).inc(len(payload))
        taking = disperser.intake.take(payload, digest, terms=disperser.terms(), label=label)
        del payload  # so that a repeat that waits for the first does not hold a copy
        taken = await taking
    certificate = taken.certificate
    blob_id = certificate.header.blob_id.hex0x
    return json_answer(
        {
            "blob_id": blob_id,
            "header": "0x" + certificate.header.serialize().hex(),
            "expires_at": certificate.expires_at,
            "certificate": "0x" + certificate.serialize().hex(),
            "signers": list(certificate.signers),
            "faults": taken.faults,
        },
        status=201 if taken.created else 200,
        headers={hdrs.LOCATION: f"/v1/blobs/{blob_id}"},
    )


async def get_keysets(disperser: Disperser, request: web.Request) -> web.Response:
    """All keysets that this disperser follows, in the order in which they come into force."""
    committees = disperser.succession.committees
    return json_answer({"keysets": [_document(committee) for committee in committees]})


async def get_keyset(disperser: Disperser, request: web.Request) -> web.Response:
    """One keyset, with proofs of possession, names and URLs."""
    wanted = KeysetHash.from_hex(request.match_info["hash"])
    committee = disperser.succession.find(wanted)
    if committee is None:
        raise NotFound(what="keyset", value=wanted.hex0x)
    return json_answer(_document(committee))


async def get_node(disperser: Disperser, request: web.Request) -> web.Response:
    """Who this disperser is, and its limits."""
    return json_answer(disperser.document())


def disperser_routes(disperser: Disperser) -> list[Route]:
    """Every route of a disperser."""

    def bound(
        handler: Callable[[Disperser, web.Request], Awaitable[web.StreamResponse]],
    ) -> Handler:
        return partial(handler, disperser)

    def read(path: str, handler: Handler, summary: str, media: str, *more: Parameter) -> Route:
        return Route(
            method="GET",
            path=path,
            handler=handler,
            summary=summary,
            parameters=(BLOB_ID, *more),
            answers={200: media},
            problems=(*READ_PROBLEMS, 502, 504),
            guard=Guard.READ,
        )

    def plain(path: str, handler: Handler, summary: str, media: str = JSON) -> Route:
        return Route(
            method="GET", path=path, handler=handler, summary=summary, answers={200: media}
        )

    payload_problems = (*READ_PROBLEMS, 416, 502, 504)
    return [
        Route(
            method="POST",
            path="/v1/blobs",
            handler=bound(post_blob),
            summary="Have a payload kept; answered with the committee's certificate.",
            takes=OCTETS,
            parameters=(
                _field(LABEL_FIELD, "Label for the feed, at most 64 bytes of UTF-8."),
                _field(hdrs.AUTHORIZATION, "Bearer TOKEN, where the disperser has tenants."),
            ),
            answers={201: JSON, 200: JSON},
            problems=(400, 401, 403, 408, 413, 429, 503),
        ),
        Route(
            method="GET",
            path="/v1/blobs",
            handler=bound(feed.get_page),
            summary="The feed: blobs stored and certified after a cursor, in a member's order.",
            parameters=(
                _query("after", "Cursor of the last event already seen.", _NUMBER),
                _query("limit", "Most events in the answer.", _NUMBER),
                _LABEL,
            ),
            answers={200: JSON},
            problems=(400, 429, 502, 503, 504),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/events",
            handler=bound(feed.get_events),
            summary="The feed as it grows, as server-sent events.",
            parameters=(
                _LABEL,
                _field(
                    feed.LAST_EVENT_ID,
                    "Cursor of the last event seen; only what comes from now on without it.",
                ),
            ),
            answers={200: EVENTS},
            problems=(400, 429, 502, 503, 504),
            guard=Guard.READ,
            timed=False,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}",
            handler=bound(reading.get_blob),
            summary="The payload, or a range of it.",
            parameters=(
                BLOB_ID,
                _field(hdrs.RANGE, "One range of bytes."),
                _field(hdrs.IF_NONE_MATCH, "Entity tags that the client has."),
                _field(hdrs.IF_RANGE, "Entity tag under which the range is wanted."),
            ),
            answers={200: OCTETS, 206: OCTETS, 304: ""},
            problems=payload_problems,
            guard=Guard.READ,
        ),
        Route(
            method="HEAD",
            path="/v1/blobs/{id}",
            handler=bound(reading.get_blob),
            summary="Length and entity tag of the payload.",
            parameters=(BLOB_ID,),
            answers={200: "", 304: ""},
            problems=payload_problems,
            guard=Guard.READ,
        ),
        read("/v1/blobs/{id}/header", bound(reading.get_header), "The header, 90 bytes.", OCTETS),
        read(
            "/v1/blobs/{id}/certificate",
            bound(reading.get_certificate),
            "The committee's certificate.",
            OCTETS,
        ),
        read(
            "/v1/blobs/{id}/status",
            bound(reading.get_status),
            "Which columns the members hold, and until when.",
            JSON,
        ),
        read(
            "/v1/blobs/{id}/columns",
            bound(reading.get_columns),
            "Columns, concatenated in the order asked.",
            OCTETS,
            _query("index", "Up to 128 indices 0..127, separated by commas.", _LIST, required=True),
        ),
        read(
            "/v1/blobs/{id}/points",
            bound(reading.get_points),
            "Points, concatenated in the order asked.",
            OCTETS,
            _query("point", "Up to 256 indices 0..8191, by commas.", _LIST, required=True),
        ),
        plain("/v1/keysets", bound(get_keysets), "The keysets that this disperser follows."),
        Route(
            method="GET",
            path="/v1/keysets/{hash}",
            handler=bound(get_keyset),
            summary="One keyset with proofs of possession, names and URLs.",
            parameters=(
                Parameter(
                    name="hash",
                    place="path",
                    meaning="The keyset's hash.",
                    schema=_TEXT,
                    required=True,
                ),
            ),
            answers={200: JSON},
            problems=(404,),
        ),
        plain("/v1/node", bound(get_node), "Address, keyset, limits and clock."),
        *operating_routes(disperser.health, disperser.metrics.render),
    ]


def _document(committee: Committee) -> Any:
    return msgspec.json.decode(committee.serialize())


def _field(name: str, meaning: str) -> Parameter:
    # aiohttp's names of fields are a subclass of str, which JSON does not take
    return Parameter(name=str(name), place="header", meaning=meaning, schema=_TEXT)


def _query(name: str, meaning: str, schema: dict[str, Any], *, required: bool = False) -> Parameter:
    return Parameter(name=name, place="query", meaning=meaning, schema=schema, required=required)


_LABEL: Final = _query("label", "Only blobs posted under this label.", _TEXT)
