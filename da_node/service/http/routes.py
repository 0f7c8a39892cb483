"""What a route is: one row of the table from which router and OpenAPI document are both made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from aiohttp import web

from da_node.service.http.answers import OCTETS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"


class Guard(Enum):
    """What is checked before a handler starts."""

    NONE = auto()
    """Nothing: what operators and probes ask for, or what guards itself."""
    READ = auto()
    """The client's rate of reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a route, as the OpenAPI document describes it."""

    name: str
    place: str
    """path, query or header."""
    meaning: str
    schema: Mapping[str, Any]
    required: bool = False

    def document(self) -> dict[str, Any]:
        """The OpenAPI parameter object."""
        return {
            "name": self.name,
            "in": self.place,
            "description": self.meaning,
            "required": self.required,
            "schema": dict(self.schema),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    """As aiohttp and OpenAPI both write it: /v1/blobs/{id}."""
    handler: Handler
    summary: str
    """One sentence."""
    answers: Mapping[int, str]
    """Media type by status of what is answered when all goes well; empty where no body is."""
    parameters: tuple[Parameter, ...] = ()
    takes: str = ""
    """Media type of the body; empty where there is none."""
    problems: tuple[int, ...] = field(default=())
    """Statuses of the problems that this route may answer beside those that any may."""
    guard: Guard = Guard.NONE
    timed: bool = True
    """Whether the whole answer must be out within the time of a request; streams need not."""


BLOB_ID: Final = Parameter(
    name="id",
    place="path",
    meaning="The blob's id: 64 hex digits, with or without 0x.",
    schema={"type": "string", "pattern": "^(0x)?[0-9a-f]{64}$"},
    required=True,
)
READ_PROBLEMS: Final = (400, 404, 410, 429, 503)
"""What any read of one blob may answer."""

__all__ = [
    "BLOB_ID",
    "EVENTS",
    "JSON",
    "OCTETS",
    "READ_PROBLEMS",
    "Guard",
    "Handler",
    "Parameter",
    "Route",
]
