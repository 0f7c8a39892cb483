"""The OpenAPI 3.1 document, derived from the table of routes and the error table. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import da_node
from da_node.service.http.routes import JSON, Route
from da_node.service.problems import PROBLEM_CONTENT_TYPE, error_table

ANY_PROBLEMS: Final = (400, 408, 500, 503)
"""What every route may answer: the connection's own refusals, deadlines and our faults."""


def openapi_document(routes: Iterable[Route], *, title: str, description: str) -> dict[str, Any]:
    """The document that describes exactly these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": da_node.__version__,
            "description": description,
        },
        "paths": paths,
        "components": {"schemas": {"Problem": _problem_schema()}},
    }


def _operation(route: Route) -> dict[str, Any]:
    responses = {
        str(status): _response(status, media) for status, media in sorted(route.answers.items())
    }
    for status in sorted({*route.problems, *ANY_PROBLEMS}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": [parameter.document() for parameter in route.parameters],
        "responses": responses,
    }
    if route.takes:
        content = {route.takes: _schema(route.takes)}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _response(status: int, media: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if media:
        response["content"] = {media: _schema(media)}
    return response


def _schema(media: str) -> dict[str, Any]:
    return {"schema": {"type": "object"}} if media == JSON else {}


def _operation_id(route: Route) -> str:
    words = route.path.replace("{", "").replace("}", "").replace(".", "/").split("/")
    return "_".join([route.method.lower(), *(word for word in words if word and word != "v1")])


def _problem_schema() -> dict[str, Any]:
    """RFC 9457, with every code there is and what it means."""
    table = error_table()
    codes = sorted({code for _, code, _ in table})
    meanings = "\n".join(f"- `{code}` ({status}): {meaning}" for status, code, meaning in table)
    return {
        "type": "object",
        "description": f"An error. Its operands are further members.\n\n{meanings}",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "enum": codes},
        },
    }
