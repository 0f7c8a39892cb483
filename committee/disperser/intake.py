"""Payloads in: encoded and spread once, however many post the same one at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from committee.certificate import VerifiedCertificate
from committee.disperser.bounds import RECENT_PAYLOADS
from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Spread
from committee.disperser.terms import Terms
from committee.values import KeysetHash
from da_node.coding import EncodedBlob
from da_node.service import logger

Encode = Callable[[bytearray], Awaitable[EncodedBlob]]
SpreadBlob = Callable[[EncodedBlob, Terms, str], Awaitable[Spread]]
"""Blob, terms, label."""

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A payload that the committee keeps."""

    certificate: VerifiedCertificate
    faults: dict[str, str]
    """What members did that no honest one does, by name."""
    created: bool
    """False for a repeat that this process knows of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What makes two posts one."""

    digest: bytes
    """SHA-256 of the payload."""
    keyset_hash: KeysetHash
    expires_at: int


class Intake:
    """Takes payloads in. Used from one event loop."""

    def __init__(self, *, encode: Encode, spread: SpreadBlob, metrics: DisperserMetrics) -> None:
        self._encode = encode
        self._spread = spread
        self._metrics = metrics
        self._flights: dict[_Key, asyncio.Task[Spread]] = {}
        self._recent: OrderedDict[_Key, Spread] = OrderedDict()

    async def take(self, payload: bytearray, digest: bytes, *, terms: Terms, label: str) -> Taken:
        """Encode and spread a payload, or join those who are at it already.

        Returns once the threshold has signed. If the caller is cancelled the work goes on, for
        others may wait for it. Raises what encoding does, and DispersalFailed.
        """
        key = _Key(
            digest=digest,
            keyset_hash=terms.committee.keyset.hash,
            expires_at=terms.expires_at,
        )
        spread = self._recent.get(key)
        if spread is not None:
            return self._taken(spread, created=False)
        flight = self._flights.get(key)
        first = flight is None
        if flight is None:
            flight = asyncio.create_task(self._work(payload, terms, label))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        # One who joins waits without a copy of the payload.
        del payload
        return self._taken(await asyncio.shield(flight), created=first)

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    async def _work(self, payload: bytearray, terms: Terms, label: str) -> Spread:
        started_s, payload_bytes = time.perf_counter(), len(payload)
        with self._metrics.encode_seconds.time():
            blob = await self._encode(payload)
        del payload
        spread = await self._spread(blob, terms, label)
        _log.info(
            "certified",
            blob_id=blob.blob_id.hex0x,
            payload_bytes=payload_bytes,
            signers=list(spread.certificate.signers),
            elapsed_s=round(time.perf_counter() - started_s, 4),
        )
        return spread

    def _taken(self, spread: Spread, *, created: bool) -> Taken:
        self._metrics.payloads.labels("certified" if created else "repeat").inc()
        return Taken(certificate=spread.certificate, faults=spread.faults, created=created)

    def _landed(self, key: _Key, flight: asyncio.Task[Spread]) -> None:
        del self._flights[key]
        if flight.cancelled():
            return
        error = flight.exception()
        if error is not None:
            self._metrics.payloads.labels("failed").inc()
            _log.warning("payload not certified", reason=str(error) or type(error).__name__)
            return
        self._recent[key] = flight.result()
        if len(self._recent) > RECENT_PAYLOADS:
            self._recent.popitem(last=False)
