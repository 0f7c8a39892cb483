"""What is asked of a node, and its answers cut into columns and points. Pure.

Items travel one after the other in the order asked, those not held left out; each has exactly its
length, so a body is either a whole number of the items asked for or false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from da_node.coding import BlobId, Column, Header, Point, column_bytes, point_bytes
from da_node.errors import Rejected, WrongLength

MAX_POINTS: Final = 256
"""Most points that one request may ask for."""
DOCUMENT_BYTES: Final = 64 << 10
"""Longest JSON document about a node or a blob."""

T = TypeVar("T", Column, Point)

Progress = Callable[[int, int], None]
"""Called with the bytes done so far and the bytes there are to do, as far as that is known."""


@dataclass(frozen=True, slots=True)
class Body:
    """What to send, in pieces as they lie in memory; large ones are never copied."""

    pieces: tuple[memoryview, ...]
    """Bytes, in the order in which they travel."""

    @classmethod
    def of(cls, pieces: Iterable[bytes | bytearray | memoryview]) -> Body:
        """From contiguous bytes-likes, none of which may change until they are sent."""
        return cls(tuple(memoryview(piece).cast("B") for piece in pieces))

    @property
    def byte_length(self) -> int:
        """All pieces together."""
        return sum(len(piece) for piece in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask."""

    path: str
    """Path on the node, from the root."""
    answer_bytes: int
    """Longest answer that is accepted."""
    method: str = "GET"
    """HTTP method."""
    params: Mapping[str, str] | None = None
    """Query."""
    headers: Mapping[str, str] | None = None
    """Header fields beside our own."""
    body: Body | None = None
    """What to send."""
    progress: Progress | None = None
    """Told how much of the body has been sent or, where there is none, of the answer has come."""
    answers: frozenset[int] = frozenset()
    """Statuses that are answers too, beside 200 to 299."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success."""

    status: int
    """200 to 299, or one of the request's `answers`."""
    headers: Mapping[str, str]
    """Header fields; names in any case."""
    body: bytes
    """At most the request's `answer_bytes`."""


class NotAsked(Rejected):
    """An item that was not asked for, or not in that place."""

    status = 422
    code = "not_asked"
    template = "items other than those asked for, or in another order"


def path_of(blob_id: BlobId, what: str) -> str:
    """Path of one of a blob's resources."""
    return f"/v1/blobs/{blob_id.hex0x}/{what}"


def columns_request(
    header: Header, indices: Sequence[int], progress: Progress | None = None
) -> Request:
    """For these columns, at most 128."""
    return Request(
        path=path_of(header.blob_id, "columns"),
        params={"index": ",".join(map(str, indices))},
        answer_bytes=len(indices) * column_bytes(header.row_count),
        progress=progress,
    )


def points_request(header: Header, indices: Sequence[int]) -> Request:
    """For these points, at most MAX_POINTS."""
    return Request(
        path=path_of(header.blob_id, "points"),
        params={"point": ",".join(map(str, indices))},
        answer_bytes=len(indices) * point_bytes(header.row_count),
    )


def split_columns(header: Header, indices: Sequence[int], body: bytes) -> list[Column]:
    """The columns in an answer; nothing about them is known yet. Raises Rejected."""
    size = column_bytes(header.row_count)
    return _split(indices, body, size, "columns", lambda part: Column.parse(part, header))


def split_points(header: Header, indices: Sequence[int], body: bytes) -> list[Point]:
    """The points in an answer; nothing about them is known yet. Raises Rejected."""
    size = point_bytes(header.row_count)
    return _split(indices, body, size, "points", lambda part: Point.parse(part, header))


def batches(items: Sequence[int], *, each: int, most: int) -> list[list[int]]:
    """Items cut into requests: `each` is what one item counts, `most` what a request may."""
    size = max(1, most // each)
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def even_batches(items: Sequence[int], *, each: int, most: int) -> list[list[int]]:
    """As `batches`, and no more of them, but none much longer than another."""
    count = -(-len(items) // max(1, most // each))
    return [
        list(items[part * len(items) // count : (part + 1) * len(items) // count])
        for part in range(count)
    ]


def _split(
    indices: Sequence[int],
    body: bytes,
    size: int,
    what: str,
    parse: Callable[[memoryview], T],
) -> list[T]:
    count, rest = divmod(len(body), size)
    if rest:
        raise WrongLength(what=what, value=len(body), expected=(count + 1) * size)
    view = memoryview(body)
    items = [parse(view[start * size : (start + 1) * size]) for start in range(count)]
    # In the order asked with some left out: each is found further on in what was asked.
    asked = iter(indices)
    if not all(item.index in asked for item in items):
        raise NotAsked()
    return items
