"""Payloads in: encoded and stored once, however many post the same one at the same time."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from da_node.coding import COLUMNS, EncodedBlob, Header
from da_node.node.bounds import RECENT_PAYLOADS
from da_node.node.metrics import NodeMetrics
from da_node.node.workers import Workers
from da_node.service import logger
from da_node.store import Store, Stored

Encode = Callable[[bytearray], EncodedBlob]
"""Payload to blob; heavy, runs in a thread."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A payload that is stored durably."""

    header: Header
    expires_at: int
    """Unix seconds; when the blob as stored expires."""
    created: bool
    """False for a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What makes two posts one."""

    digest: bytes
    """SHA-256 of the payload."""
    expires_at: int


class Intake:
    """Takes payloads in. Used from one event loop."""

    def __init__(
        self,
        *,
        encode: Encode,
        store: Store,
        workers: Workers,
        metrics: NodeMetrics,
        announce: Callable[[int], None],
    ) -> None:
        """`announce` gets the feed cursor of each blob that is stored, known already or not."""
        self._encode = encode
        self._store = store
        self._workers = workers
        self._metrics = metrics
        self._announce = announce
        self._flights: dict[_Key, asyncio.Task[Taken]] = {}
        self._recent: OrderedDict[_Key, Taken] = OrderedDict()

    async def take(
        self, payload: bytearray, digest: bytes, *, expires_at: int, label: str
    ) -> Taken:
        """Encode and store a payload, or join those who are at it already.

        Returns once the blob is durable. If the caller is cancelled the work goes on, for others
        may wait for it. Raises what encoding and the store raise.
        """
        key = _Key(digest=digest, expires_at=expires_at)
        if key in self._recent:
            self._metrics.payloads.labels("repeat").inc()
            return self._recent[key]
        flight = self._flights.get(key)
        first = flight is None
        if flight is None:
            flight = asyncio.create_task(self._work(key, payload, label))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        # One who joins waits without a copy of the payload.
        del payload
        taken = await asyncio.shield(flight)
        self._metrics.payloads.labels("stored" if first and taken.created else "repeat").inc()
        return taken if first else replace(taken, created=False)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    async def _work(self, key: _Key, payload: bytearray, label: str) -> Taken:
        with self._metrics.encode_seconds.time():
            blob = await self._workers.compute.run(self._encode, payload)
        del payload
        stored = await self._workers.store.run(self._put, blob, key.expires_at, label)
        # Durable from here on: a crash after this line loses nothing but the answer.
        self._announce(stored.cursor)  # of a repeat too: it is a new place where the blob moved
        if not stored.created:
            await self._workers.store.run(self._mend, blob)
        return Taken(header=blob.header, expires_at=stored.expires_at, created=stored.created)

    def _put(self, blob: EncodedBlob, expires_at: int, label: str) -> Stored:
        columns = [blob.column(index) for index in range(COLUMNS)]
        return self._store.put_blob(blob.header, columns, expires_at=expires_at, label=label)

    def _mend(self, blob: EncodedBlob) -> None:
        """Write again what was stored of a blob and cannot be read any more.

        Without it a repeat would be acknowledged whose payload is lost, while it lies here.
        """
        record = self._store.record(blob.blob_id)
        damaged = [i for i in record.columns if self._store.read_column(record, i) is None]
        if damaged:
            self._metrics.damaged_columns.inc(len(damaged))
            self._store.restore_columns(record, [blob.column(index) for index in damaged])
            self._metrics.healed_columns.inc(len(damaged))
            _log.info("columns healed", blob_id=blob.blob_id.hex0x, columns=damaged)

    def _landed(self, key: _Key, flight: asyncio.Task[Taken]) -> None:
        del self._flights[key]
        if flight.cancelled():
            return
        error = flight.exception()
        if error is not None:
            _log.info("payload not stored", reason=str(error) or type(error).__name__)
            return
        self._recent[key] = replace(flight.result(), created=False)
        if len(self._recent) > RECENT_PAYLOADS:
            self._recent.popitem(last=False)
