"""One question to one node, its answer verified. What does not verify is a `FalseAnswer` that
names the node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from da_node.client.documents import BlobStatus, NodeInfo, node_info_of, status_of
from da_node.client.transport import Failed
from da_node.client.wire import (
    DOCUMENT_BYTES,
    Answer,
    Progress,
    Request,
    columns_request,
    path_of,
    points_request,
    split_columns,
    split_points,
)
from da_node.coding import (
    HEADER_BYTES,
    BlobId,
    Header,
    Kzg,
    VerifiedColumn,
    VerifiedPoint,
    verify_columns,
    verify_points,
)
from da_node.errors import FalseAnswer, NotEnough, Rejected

CERTIFICATE_BYTES: Final = 2 + 32 + HEADER_BYTES + 8 + 16 + 96
"""Longest certificate: version, keyset hash, header, expiry, bitmap of 128, signature."""

Ask = Callable[[str, Request], Awaitable[Answer]]
"""How a request is made: once, or tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Questions to nodes. Verifying runs in threads, never on the event loop."""

    ask: Ask
    """Raises what comes instead of an answer."""
    kzg: Kzg
    """Where curve work is done."""
    threads: int
    """Threads that one batch is verified with."""

    async def info(self, node: str) -> NodeInfo:
        """What the node says about itself."""
        answer = await self.ask(node, Request(path="/v1/node", answer_bytes=DOCUMENT_BYTES))
        return node_info_of(node, answer.body)

    async def status(self, node: str, blob_id: BlobId) -> BlobStatus:
        """What the node says about a blob."""
        request = Request(path=path_of(blob_id, "status"), answer_bytes=DOCUMENT_BYTES)
        return status_of(node, blob_id, (await self.ask(node, request)).body)

    async def header(self, node: str, blob_id: BlobId) -> Header:
        """The blob's header: it hashes to the id, and its commitment is a point of the group."""
        request = Request(path=path_of(blob_id, "header"), answer_bytes=HEADER_BYTES)
        answer = await self.ask(node, request)
        try:
            Header.parse_trusted(answer.body, blob_id)
            return await asyncio.to_thread(Header.parse, answer.body, self.kzg)
        except Rejected as error:
            raise FalseAnswer(url=node, what="header", reason=str(error)) from None

    async def certificate(self, node: str, blob_id: BlobId) -> bytes:
        """The certificate as it is; verifying it needs the keyset."""
        request = Request(path=path_of(blob_id, "certificate"), answer_bytes=CERTIFICATE_BYTES)
        return (await self.ask(node, request)).body

    async def columns(
        self, node: str, header: Header, indices: Sequence[int]
    ) -> list[VerifiedColumn]:
        """Those of the columns that the node holds, in the order asked."""
        body = await self.column_bytes(node, header, indices, None)
        return await self.verified_columns(node, header, indices, body)

    async def column_bytes(
        self, node: str, header: Header, indices: Sequence[int], progress: Progress | None
    ) -> bytes:
        """Those of the columns that the node holds, as they come; not verified."""
        return await self._items(node, columns_request(header, indices, progress))

    async def verified_columns(
        self, node: str, header: Header, indices: Sequence[int], body: bytes
    ) -> list[VerifiedColumn]:
        """The columns of an answer."""
        try:
            columns = split_columns(header, indices, body)
            if not columns:
                return []
            return await asyncio.to_thread(
                verify_columns, header, columns, self.kzg, threads=self.threads
            )
        except Rejected as error:
            raise FalseAnswer(url=node, what="column", reason=str(error)) from None

    async def points(
        self, node: str, header: Header, indices: Sequence[int]
    ) -> list[VerifiedPoint]:
        """Those of the points that the node holds, in the order asked."""
        body = await self._items(node, points_request(header, indices))
        try:
            points = split_points(header, indices, body)
            if not points:
                return []
            return await asyncio.to_thread(verify_points, header, points, self.kzg)
        except Rejected as error:
            raise FalseAnswer(url=node, what="point", reason=str(error)) from None

    async def _items(self, node: str, request: Request) -> bytes:
        """The body; empty where the node says that it holds none of what was asked."""
        try:
            return (await self.ask(node, request)).body
        except NotEnough:
            return b""
        except Failed as failed:
            if isinstance(failed.failure.error, NotEnough):
                return b""
            raise
