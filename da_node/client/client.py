"""`Client`: what a program does with nodes."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from da_node.client import feed
from da_node.client.acquaintance import Acquaintances
from da_node.client.addresses import node_urls
from da_node.client.choosing import Race, first_answer, verdict_of
from da_node.client.documents import BlobStatus, FeedEvent, NodeInfo, Receipt
from da_node.client.enough import enough_points, is_enough
from da_node.client.fetching import Ask, Fetcher
from da_node.client.gathering import Custody
from da_node.client.posting import post_request, receipt_of, require_own
from da_node.client.reader import Reader
from da_node.client.retry import RetryPolicy
from da_node.client.roll import Roll
from da_node.client.together import both
from da_node.client.transport import Limits, Pace, Transport
from da_node.client.wire import MAX_POINTS, Progress
from da_node.coding import (
    DATA_COLUMNS,
    BlobId,
    Header,
    Kzg,
    VerifiedColumn,
    VerifiedPoint,
    columns_of_range,
    decode_range,
    local_verifier,
    merkle_root_of,
    recover_from_points,
)
from da_node.errors import (
    FalseAnswer,
    NotEnoughReached,
    OperationTimeout,
    Rejected,
)

OPERATION_S: Final = 900.0
"""Time that one call may take: the longest payload, 130 MB, at 150 kB/s."""

HEDGE_S: Final = 0.5
"""A node that has been silent for so long is waited for, but no longer alone."""

T = TypeVar("T")
Item = TypeVar("Item", VerifiedColumn, VerifiedPoint)
FeedPage = list[FeedEvent]
Points = list[VerifiedPoint]
# `list` inside the class is its method.


def local_pace() -> Pace:
    """This process's clock and chance."""
    return Pace(clock=time.monotonic, sleep=asyncio.sleep, draw=random.random)


class Client:
    """Talks to one node or several; an async context manager.

    A blob is named by its id, or by its header where that is known, which saves fetching it.
    Reads use all nodes and need none of them to be honest. What belongs to one node, such as its
    feed, is asked of `node`, the first one if that is not named.

    `custody` says, by URL, which columns of this blob each node keeps, as the keyset that its
    certificate names has it; nodes say only what they keep of blobs of today. It is believed
    instead of them, and a node that is not in it is asked only where the others are not enough.

    Errors are those of `da_node.errors`: a node's refusal as the class it answered with,
    `PeerUnreachable`, `FalseAnswer`, `NoNode` and `NotEnoughReached` for what could not be had,
    `OperationTimeout` for what took too long.
    """

    def __init__(
        self,
        nodes: str | Sequence[str],
        *,
        kzg: Kzg | None = None,
        threads: int | None = None,
        limits: Limits | None = None,
        policy: RetryPolicy | None = None,
        pace: Pace | None = None,
        hedge_s: float | None = HEDGE_S,
        operation_s: float = OPERATION_S,
    ) -> None:
        """`kzg` does the curve work, in this process if None; `threads` is how many the kernel
        may use, one per core if None. What a read asks of a node that is silent for `hedge_s`,
        or slow by that, is asked of others too; None: never.

        Raises BadConfiguration for an address that is none.
        """
        self.nodes: Final = node_urls(nodes)
        self._kzg: Final = kzg or local_verifier()
        self._threads: Final = threads or os.cpu_count() or 1
        self._pace: Final = pace or local_pace()
        self._policy: Final = policy or RetryPolicy()
        self._hedge_s: Final = hedge_s
        self._operation_s: Final = operation_s
        self._known: Final = Acquaintances(self.nodes)
        self._transport: Final = Transport(
            limits=limits or Limits(), policy=self._policy, pace=self._pace
        )
        # The one tries again by itself; the other leaves that to whoever chooses between nodes.
        self._patient: Final = self._fetcher(self._transport.ask)
        self._single: Final = self._fetcher(self._transport.once)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.close()

    # ------------------------------------------------------------ whole payloads

    async def post(
        self,
        payload: bytes | bytearray | memoryview,
        label: str | None = None,
        *,
        check: bool = True,
        progress: Progress | None = None,
    ) -> Receipt:
        """Post a payload to the first node that takes it; durable there when this returns.

        Unless told otherwise, checks that the header in the answer commits to this very payload.
        Raises PayloadMismatch, FalseAnswer, and what the node refused it with.
        """
        request = post_request(payload, label, progress)

        async def attempt(node: str) -> Receipt:
            return await receipt_of(node, await self._transport.once(node, request), self._kzg)

        async with self._within("posting"):
            if not check:
                return await self._first("receipt", attempt, hedged=False)
            root = asyncio.to_thread(merkle_root_of, payload, threads=self._threads)
            receipt, merkle_root = await both(self._first("receipt", attempt, hedged=False), root)
            require_own(receipt.header, len(payload), merkle_root)
            return receipt

    async def get(
        self,
        blob: BlobId | Header,
        *,
        certified: bool = False,
        custody: Custody | None = None,
        progress: Progress | None = None,
    ) -> bytearray:
        """The payload.

        Reads data columns, else any 64 columns, else points. `certified` says that the caller has
        verified a certificate of the blob, so that fewer points are enough. Raises
        NotEnoughReached, and what `header` raises.
        """
        async with self._within("reading"):
            header = await self._header_of(blob)
            reader = self._reader(header, custody, progress)
            return await self._read(reader, 0, header.payload_length, certified)

    async def get_range(
        self,
        blob: BlobId | Header,
        start: int,
        stop: int,
        *,
        certified: bool = False,
        custody: Custody | None = None,
        progress: Progress | None = None,
    ) -> bytearray:
        """Payload bytes start … stop-1, from just the data columns that hold them if these can be
        had. Raises RangeNotSatisfiable, and what `get` raises.
        """
        async with self._within("reading"):
            header = await self._header_of(blob)
            reader = self._reader(header, custody, progress)
            return await self._read(reader, start, stop, certified)

    # ------------------------------------------------------------ pieces

    async def header(self, blob_id: BlobId) -> Header:
        """The header, which hashes to the id. Raises UnknownBlob, Pruned, NoNode, FalseAnswer."""
        async with self._within("reading a header"):
            return await self._header_of(blob_id)

    @overload
    async def certificate(self, blob_id: BlobId) -> bytes: ...
    @overload
    async def certificate(self, blob_id: BlobId, *, accept: Callable[[bytes], T]) -> T: ...
    async def certificate(
        self, blob_id: BlobId, *, accept: Callable[[bytes], Any] | None = None
    ) -> Any:
        """The blob's certificate: as it came, not verified, since that needs its keyset, or what
        `accept` makes of it.

        `accept` runs in a thread. Where it raises Rejected the node has served something false,
        and the next one is asked. Raises NotFound.
        """

        async def attempt(node: str) -> Any:
            data = await self._single.certificate(node, blob_id)
            if accept is None:
                return data
            try:
                return await asyncio.to_thread(accept, data)
            except Rejected as error:
                raise FalseAnswer(url=node, what="certificate", reason=str(error)) from None

        async with self._within("reading a certificate"):
            return await self._first("certificate", attempt)

    async def columns(
        self,
        blob: BlobId | Header,
        indices: Sequence[int],
        *,
        node: str | None = None,
        custody: Custody | None = None,
    ) -> list[VerifiedColumn]:
        """Columns, verified, in the order asked.

        With `node` those that it holds, and its failure raised; without, all of them from
        whoever holds them, or NotEnoughReached.
        """
        async with self._within("reading columns"):
            header = await self._header_of(blob)
            if node is not None:
                return await self._patient.columns(node, header, indices)
            reader = self._reader(header, custody, None)
            await reader.exactly(indices)
            return _all_of("columns", indices, reader.columns, reader)

    async def points(
        self,
        blob: BlobId | Header,
        indices: Sequence[int],
        *,
        node: str | None = None,
        custody: Custody | None = None,
    ) -> Points:
        """Points, verified, in the order asked; `node` as with `columns`."""
        async with self._within("reading points"):
            header = await self._header_of(blob)
            if node is not None:
                return await self._points_of(node, header, indices)
            reader = self._reader(header, custody, None)
            await reader.exactly_points(indices)
            return _all_of("points", indices, reader.points, reader)

    # ------------------------------------------------------------ what nodes say

    async def status(self, blob_id: BlobId, *, node: str | None = None) -> BlobStatus:
        """What a node says about a blob; without `node`, the first one that knows it."""
        async with self._within("reading a status"):
            if node is not None:
                return await self._patient.status(node, blob_id)
            return await self._first("status", lambda url: self._single.status(url, blob_id))

    async def node(self, node: str | None = None) -> NodeInfo:
        """What a node says about itself."""
        async with self._within("asking a node about itself"):
            return await self._patient.info(node or self.nodes[0])

    async def list(
        self,
        after: int = 0,
        limit: int = 100,
        label: str | None = None,
        *,
        node: str | None = None,
    ) -> FeedPage:
        """At most `limit` (1 … 1000) blobs of a node's feed after a cursor, oldest first."""
        url = node or self.nodes[0]
        async with self._within("reading the feed"):
            answer = await self._transport.ask(url, feed.page_request(after, limit, label))
            return feed.page_of(url, answer)

    async def newest_cursor(self, *, node: str | None = None) -> int:
        """The cursor of the newest event in a node's feed; `events` after it misses nothing."""
        async with self._within("asking for the newest event"):
            return await feed.newest_cursor(self._transport, node or self.nodes[0])

    def events(
        self, after: int | None = None, label: str | None = None, *, node: str | None = None
    ) -> AsyncGenerator[FeedEvent, None]:
        """A node's feed as it grows, from after a cursor or from now on, without end.

        A stream that breaks off is taken up where it was. Close what this gives
        (`contextlib.aclosing`) before the client. Raises what the last attempt met once
        the retry policy gives up.
        """
        return feed.follow(self._transport, node or self.nodes[0], after, label)

    # ------------------------------------------------------------ inside

    def _fetcher(self, ask: Ask) -> Fetcher:
        return Fetcher(ask=ask, kzg=self._kzg, threads=self._threads)

    def _reader(self, header: Header, custody: Custody | None, progress: Progress | None) -> Reader:
        return Reader(
            header,
            fetcher=self._single,
            roll=self._roll(),
            known=self._known,
            pace=self._pace,
            hedge_s=self._hedge_s,
            custody=custody,
            progress=progress,
        )

    def _roll(self) -> Roll:
        return Roll(self.nodes, self._policy)

    async def _first(
        self, what: str, attempt: Callable[[str], Awaitable[T]], *, hedged: bool = True
    ) -> T:
        """What the first node gives; a payload that is posted is not hedged: taking it is work."""
        roll = self._roll()
        order = self._known.by_trust(self.nodes, self._pace.clock()) if hedged else self.nodes
        race = Race(roll, order, self._hedge_s if hedged else None)
        answer = await first_answer(race, attempt, roll=roll, known=self._known, pace=self._pace)
        if answer is None:
            raise verdict_of(what, roll.errors)
        return answer

    @asynccontextmanager
    async def _within(self, what: str) -> AsyncIterator[None]:
        """Bound one call in time."""
        try:
            async with asyncio.timeout(self._operation_s):
                yield
        except TimeoutError:
            raise OperationTimeout(what=what, bound_s=self._operation_s) from None

    async def _header_of(self, blob: BlobId | Header) -> Header:
        if isinstance(blob, Header):
            return blob
        return await self._first("header", lambda node: self._single.header(node, blob))

    async def _points_of(self, node: str, header: Header, indices: Sequence[int]) -> Points:
        points: Points = []
        for start in range(0, len(indices), MAX_POINTS):
            batch = indices[start : start + MAX_POINTS]
            points += await self._patient.points(node, header, batch)
        return points

    async def _read(self, reader: Reader, start: int, stop: int, certified: bool) -> bytearray:
        header = reader.header
        wanted = columns_of_range(header, start, stop)
        await reader.enough(wanted, certified=certified)
        if is_enough(reader.columns, wanted):
            columns = list(reader.columns.values())
            return await asyncio.to_thread(
                decode_range, header, columns, start, stop, self._kzg, threads=self._threads
            )
        points = list(reader.points.values())
        if not enough_points(reader.points, certified=certified):
            raise NotEnoughReached(
                unit="columns",
                held=len(reader.columns),
                needed=DATA_COLUMNS,
                failures=reader.failures,
            )
        recovered = await asyncio.to_thread(
            recover_from_points, header, points, certified, self._kzg
        )
        payload = await asyncio.to_thread(recovered.payload)
        return payload[start:stop]


def _all_of(
    unit: str, indices: Sequence[int], found: Mapping[int, Item], reader: Reader
) -> list[Item]:
    """The items in the order asked. Raises NotEnoughReached."""
    held = [found[index] for index in indices if index in found]
    if len(held) < len(indices):
        raise NotEnoughReached(
            unit=unit, held=len(held), needed=len(indices), failures=reader.failures
        )
    return held
