"""A request's body into one buffer, refused before it is read where it is known to be too long."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from aiohttp import hdrs, web
from aiohttp.web import RequestPayloadError

from da_node.errors import (
    EmptyPayload,
    IncompleteBody,
    MalformedRequest,
    PayloadTooLarge,
    RequestTimeout,
)
from da_node.service.http.deadlines import Timers, Watch
from da_node.service.http.pacing import Pace

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def announced_bytes(request: web.Request, limit_bytes: int) -> int | None:
    """The length that the request announces; None for a chunked body.

    Raises PayloadTooLarge, EmptyPayload, and MalformedRequest for a body in another coding.
    """
    coding = request.headers.get(hdrs.CONTENT_ENCODING, "identity")
    if coding.lower() != "identity":
        raise MalformedRequest(
            field="Content-Encoding", value=coding[:100], expected="identity: payloads are bytes"
        )
    transfer = request.headers.get(hdrs.TRANSFER_ENCODING, "chunked")
    if transfer.lower() != "chunked":  # the parser undoes only that one
        raise MalformedRequest(
            field="Transfer-Encoding", value=transfer[:100], expected="chunked and nothing else"
        )
    length = request.content_length
    if length is None:
        if not request.body_exists:
            raise EmptyPayload(bound=limit_bytes)
        return None
    if length > limit_bytes:
        raise PayloadTooLarge(value=length, bound=limit_bytes)
    if length == 0:
        raise EmptyPayload(bound=limit_bytes)
    return length


async def read_body(
    request: web.Request, *, limit_bytes: int, pace: Pace, timers: Timers
) -> tuple[bytearray, bytes]:
    """The body and its SHA-256, hashed as it comes in.

    Call `announced_bytes` first. Raises EmptyPayload, PayloadTooLarge, RequestTimeout,
    IncompleteBody, MalformedRequest.
    """
    _continue(request)
    content = request.content
    expected = request.content_length
    body = bytearray()
    digest = hashlib.sha256()

    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as patience:
            with Watch(
                timers,
                pace,
                progress=lambda: content.total_bytes,
                expire=lambda: patience.reschedule(loop.time()),
            ):
                while chunk := await content.readany():
                    if len(body) + len(chunk) > limit_bytes:
                        raise PayloadTooLarge(value=len(body) + len(chunk), bound=limit_bytes)
                    body += chunk
                    digest.update(chunk)
    except TimeoutError:
        elapsed_s = round(timers.time() - pace.started_s, 3)
        raise RequestTimeout(stage="the body", bound_s=elapsed_s) from None
    except RequestPayloadError as error:
        raise MalformedRequest(
            field="body", value=str(error)[:100], expected="framed as its header says"
        ) from error
    except OSError as error:  # the connection broke
        raise IncompleteBody(received_bytes=len(body), expected_bytes=expected) from error
    if not body:
        raise EmptyPayload(bound=limit_bytes)
    return body, digest.digest()


def _continue(request: web.Request) -> None:
    """Ask for the body of a client that waits to be asked (RFC 9110 §10.1.1)."""
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None:
        return
    if expectation.lower() != "100-continue":
        raise MalformedRequest(field="Expect", value=expectation[:100], expected="100-continue")
    if request.transport is not None:
        request.transport.write(CONTINUE)
