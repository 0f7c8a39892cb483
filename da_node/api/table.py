"""The routes of a node (PROTOCOL.md, HTTP), as one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aiohttp import web

from da_node.api import blobs, feed, operating, pieces
from da_node.node.node import Node
from da_node.service.http.operating import operating_routes
from da_node.service.http.parameters import CURSOR_BOUND, FEED_DEFAULT, FEED_LIMIT, LABEL_BYTES
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

_LABEL: Final = Parameter(
    name="label",
    place="query",
    meaning=f"Only blobs posted under this label, at most {LABEL_BYTES} bytes of UTF-8.",
    schema={"type": "string"},
)
_CURSOR_SCHEMA: Final = {"type": "integer", "minimum": 0, "maximum": CURSOR_BOUND}


def node_routes(node: Node) -> list[Route]:
    """Every route that a node serves by itself."""

    def bound(
        handler: Callable[[Node, web.Request], Awaitable[web.StreamResponse]],
    ) -> Handler:
        return partial(handler, node)

    return [
        # The router tries what begins alike in this order: what is asked for most comes first.
        Route(
            method="GET",
            path="/v1/blobs/{id}/points",
            handler=bound(pieces.get_points),
            summary="Points, concatenated in the order asked; Holdfast-Missing names the others.",
            parameters=(
                BLOB_ID,
                Parameter(
                    name="point",
                    place="query",
                    meaning=f"Up to {pieces.MOST_POINTS} indices 0..8191, separated by commas.",
                    schema={"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"},
                    required=True,
                ),
            ),
            answers={200: OCTETS},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/columns",
            handler=bound(pieces.get_columns),
            summary="Columns, concatenated in the order asked; Holdfast-Missing names the others.",
            parameters=(
                BLOB_ID,
                Parameter(
                    name="index",
                    place="query",
                    meaning=f"Up to {pieces.MOST_COLUMNS} indices 0..127, separated by commas.",
                    schema={"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"},
                    required=True,
                ),
            ),
            answers={200: OCTETS},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="POST",
            path="/v1/blobs",
            handler=bound(blobs.post_blob),
            summary="Store a payload; answered once it is durable, the same for every repeat.",
            takes=OCTETS,
            parameters=(
                Parameter(
                    name=blobs.LABEL_FIELD,
                    place="header",
                    meaning=f"Label for the feed, at most {LABEL_BYTES} bytes of UTF-8.",
                    schema={"type": "string"},
                ),
            ),
            answers={201: JSON, 200: JSON},
            problems=(400, 408, 413, 429, 503, 507),
        ),
        Route(
            method="GET",
            path="/v1/blobs",
            handler=bound(feed.get_page),
            summary="The feed: blobs stored after a cursor, in order.",
            parameters=(
                Parameter(
                    name="after",
                    place="query",
                    meaning="Cursor of the last blob already seen; from the beginning without it.",
                    schema=_CURSOR_SCHEMA,
                ),
                Parameter(
                    name="limit",
                    place="query",
                    meaning=f"Most blobs in the answer; {FEED_DEFAULT} without it.",
                    schema={"type": "integer", "minimum": 1, "maximum": FEED_LIMIT},
                ),
                _LABEL,
            ),
            answers={200: JSON},
            problems=(400, 429, 503),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/events",
            handler=bound(feed.get_events),
            summary="The feed as it grows, as server-sent events.",
            parameters=(
                _LABEL,
                Parameter(
                    name=feed.LAST_EVENT_ID,
                    place="header",
                    meaning="Cursor of the last event seen; only what comes from now without it.",
                    schema=_CURSOR_SCHEMA,
                ),
            ),
            answers={200: EVENTS},
            problems=(400, 429, 503),
            guard=Guard.READ,
            timed=False,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}",
            handler=bound(blobs.get_blob),
            summary="The payload, or a range of it.",
            parameters=(
                BLOB_ID,
                Parameter(
                    name="Range",
                    place="header",
                    meaning="One range of bytes; several at once are answered with the whole.",
                    schema={"type": "string"},
                ),
                Parameter(
                    name="If-None-Match",
                    place="header",
                    meaning="Entity tags that the client has; the tag of a blob is its id.",
                    schema={"type": "string"},
                ),
                Parameter(
                    name="If-Range",
                    place="header",
                    meaning="Entity tag under which the range is wanted.",
                    schema={"type": "string"},
                ),
            ),
            answers={200: OCTETS, 206: OCTETS, 304: ""},
            problems=(*READ_PROBLEMS, 416),
            guard=Guard.READ,
        ),
        Route(
            method="HEAD",
            path="/v1/blobs/{id}",
            handler=bound(blobs.get_blob),
            summary="Length, entity tag and lifetime of the payload.",
            parameters=(BLOB_ID,),
            answers={200: "", 304: ""},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/header",
            handler=bound(blobs.get_header),
            summary="The header, 90 bytes.",
            parameters=(BLOB_ID,),
            answers={200: OCTETS},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/status",
            handler=bound(blobs.get_status),
            summary="Which columns are held here, until when, and whether they are enough.",
            parameters=(BLOB_ID,),
            answers={200: JSON},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/blobs/{id}/certificate",
            handler=bound(blobs.get_certificate),
            summary="The committee's certificate; 404 from a node without a committee.",
            parameters=(BLOB_ID,),
            answers={},
            problems=READ_PROBLEMS,
            guard=Guard.READ,
        ),
        Route(
            method="PUT",
            path="/v1/blobs/{id}/certificate",
            handler=bound(blobs.put_certificate),
            summary="Hand in a certificate; 422 from a node without a committee.",
            parameters=(BLOB_ID,),
            takes=OCTETS,
            answers={},
            problems=(*READ_PROBLEMS, 422),
            guard=Guard.READ,
        ),
        Route(
            method="GET",
            path="/v1/keysets",
            handler=bound(operating.get_keysets),
            summary="The keysets that this node follows.",
            answers={200: JSON},
        ),
        Route(
            method="GET",
            path="/v1/keysets/{hash}",
            handler=bound(operating.get_keyset),
            summary="One keyset; 404 from a node without a committee.",
            parameters=(
                Parameter(
                    name="hash",
                    place="path",
                    meaning="The keyset's hash.",
                    schema={"type": "string"},
                    required=True,
                ),
            ),
            answers={},
            problems=(404,),
        ),
        Route(
            method="GET",
            path="/v1/node",
            handler=bound(operating.get_node),
            summary="Identity, keyset, arc, limits, retention and clock of this node.",
            answers={200: JSON},
        ),
        *operating_routes(
            node.health,
            node.metrics.render,
            refresh=partial(operating.refresh_metrics, node),
        ),
    ]
