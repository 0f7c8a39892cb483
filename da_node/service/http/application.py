"""The aiohttp application of a service: its routes, and what stands around every handler."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler as NextHandler
from aiohttp.typedefs import Middleware

from da_node.errors import (
    DeadlineExceeded,
    HoldfastError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
)
from da_node.service.http.answers import json_answer, problem_answer
from da_node.service.http.clients import client_of
from da_node.service.http.connection import Connection
from da_node.service.http.deadlines import Timers
from da_node.service.http.openapi import openapi_document
from da_node.service.http.rate_limit import TokenBuckets
from da_node.service.http.routes import JSON, Guard, Handler, Route
from da_node.service.logging import logger
from da_node.service.metrics import RequestMetrics

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What a service has in front of all its handlers."""

    title: str
    """What it is called in its OpenAPI document."""
    description: str
    """What it is for, in one sentence."""
    metrics: RequestMetrics
    rates: TokenBuckets
    """Reads that each client may make."""
    timers: Timers
    request_timeout_s: float
    """Time a whole request may take."""
    trust_forwarded: bool
    """Whether X-Forwarded-For names the client."""


def application_of(routes: Sequence[Route], front: Front) -> web.Application:
    """The application that answers these routes, and describes them at /openapi.json.

    It must be served by `Site`: its handlers rely on that site's connections.
    """
    routes = [*routes, _openapi_route(routes, front)]
    application = web.Application(middlewares=[_answering(front.metrics)])
    application.on_response_prepare.append(_sign)
    for route in routes:
        application.router.add_route(
            route.method, route.path, _guarded(front, route), expect_handler=_expect_nothing
        )
    return application


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """Name ourselves, and not the libraries with their versions."""
    response.headers[hdrs.SERVER] = "holdfast"


def _openapi_route(others: Sequence[Route], front: Front) -> Route:
    """The route that describes all routes, itself included."""

    async def get_openapi(request: web.Request) -> web.Response:
        return json_answer(document)

    route = Route(
        method="GET",
        path="/openapi.json",
        handler=get_openapi,
        summary="This document.",
        answers={200: JSON},
    )
    document = openapi_document([*others, route], title=front.title, description=front.description)
    return route


async def _expect_nothing(request: web.Request) -> None:
    """100 Continue is sent where a body is read, after everything that may refuse it."""


def _guarded(front: Front, route: Route) -> Handler:
    """The route's handler within its guard and its time."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if route.guard is Guard.READ:
            client = client_of(
                request.remote,
                request.headers.get(hdrs.X_FORWARDED_FOR),
                trust_forwarded=front.trust_forwarded,
            )
            front.rates.take(client, front.timers.time())
        if not route.timed:
            return await route.handler(request)
        return await _in_time(request, route.handler, front.request_timeout_s)

    return handle


async def _in_time(request: web.Request, handler: Handler, bound_s: float) -> web.StreamResponse:
    try:
        async with asyncio.timeout(bound_s):
            return await handler(request)
    except TimeoutError:
        if not request.content.is_eof():
            raise RequestTimeout(stage="the body", bound_s=bound_s) from None
        raise DeadlineExceeded(bound_s=bound_s) from None


def _answering(metrics: RequestMetrics) -> Middleware:
    """Turns every error into its problem document, counts, and tells the connection."""

    @web.middleware
    async def answer(request: web.Request, handler: NextHandler) -> web.StreamResponse:
        connection = request.protocol
        if isinstance(connection, Connection):
            connection.begin(request)
        began_s = time.perf_counter()
        response = None
        try:
            response = await _answer(request, handler)
        finally:
            if isinstance(connection, Connection):
                connection.end(request, overdue=response is None or response.status == 408)
        resource = request.match_info.route.resource
        method, route = (request.method, resource.canonical) if resource else ("other", "none")
        metrics.answered(method, route, response.status, time.perf_counter() - began_s)
        return response

    return answer


async def _answer(request: web.Request, handler: NextHandler) -> web.StreamResponse:
    try:
        return await handler(request)
    except HoldfastError as error:
        response = problem_answer(error)
    except web.HTTPException as error:
        response = _routing_answer(request, error)
    except ConnectionError:
        raise  # the client is gone; there is nobody to answer
    except Exception as error:  # the service layer: a bug is answered and logged, and we go on
        _log.exception("request failed", method=request.method, path=request.path)
        response = problem_answer(error)
    if _has_begun(request):
        # An answer that has begun cannot turn into another; the client must not take it for whole.
        raise ConnectionAbortedError("the answer broke off")
    if not request.content.is_eof():
        response.force_close()
    return response


def _has_begun(request: web.Request) -> bool:
    """Whether an answer to this request is on its way already."""
    return request.writer is not None and request.writer.output_size > 0


def _routing_answer(request: web.Request, error: web.HTTPException) -> web.Response:
    """What the router refuses, in our words."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods | {hdrs.METH_OPTIONS}))
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={hdrs.ALLOW: allowed})
        return problem_answer(
            MethodNotAllowed(method=request.method, path=request.path, allowed=allowed)
        )
    if isinstance(error, web.HTTPNotFound):
        return problem_answer(NotFound(what="route", value=request.path[:200]))
    return problem_answer(
        MalformedRequest(field="request", value=request.path[:100], expected=error.reason)
    )
