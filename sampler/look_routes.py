"""The route by which looks are asked for."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web

from da_node.service.http import parameters
from da_node.service.http.answers import json_answer
from da_node.service.http.routes import JSON, Guard, Parameter, Route
from da_node.service.http.uploads import announced_bytes, read_body
from sampler.look import LONGEST_LOOK_BYTES, SIGNATURE_FIELD
from sampler.sampler import Sampler

PATH: Final = "/v1/looks"


async def post_look(sampler: Sampler, request: web.Request) -> web.Response:
    """Have a blob looked at for a proposal; 202 as long as that has not begun."""
    announced_bytes(request, LONGEST_LOOK_BYTES)
    body, _ = await read_body(
        request,
        limit_bytes=LONGEST_LOOK_BYTES,
        pace=sampler.transfer_pace(),
        timers=sampler.timers,
    )
    signature = parameters.single(request.headers.getall(SIGNATURE_FIELD, []), SIGNATURE_FIELD)
    blob_id, asked = await sampler.looking.ask(bytes(body), signature)
    after = asked.begun_after
    document = {"blob_id": blob_id.hex0x, "verdicts_after": after}
    return json_answer(document, status=202 if after is None else 200)


def look_routes(sampler: Sampler) -> list[Route]:
    """The route, which guards itself by whose signature it takes."""
    return [
        Route(
            method="POST",
            path=PATH,
            handler=partial(post_look, sampler),
            summary="Draw a new sample of a blob that was proposed on L1; for the watchers listed.",
            takes=JSON,
            parameters=(
                Parameter(
                    name=SIGNATURE_FIELD,
                    place="header",
                    meaning="The watcher's signature over the body, 0x and 130 hex digits.",
                    schema={"type": "string"},
                    required=True,
                ),
            ),
            answers={200: JSON, 202: JSON},
            problems=(400, 401, 403, 408, 409, 410, 413, 422, 429, 503),
            guard=Guard.READ,
        )
    ]
