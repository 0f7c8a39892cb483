"""Every verdict posted to one address, in order, until it is taken.

    POST  {the verdict's JSON, with its cursor}
    Holdfast-Time: unix seconds
    Holdfast-Signature: EIP-191 over SHA256("HOLDFAST-V1-WEBHOOK" ‖ SHA256(body) ‖ time u64)

Any answer of 2xx takes it. What was taken and not noted, since we were killed, is posted once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

import msgspec

from committee.secp256k1 import EthereumKey
from da_node.client import Limits, Pace, RetryPolicy
from da_node.client.transport import Failed, Transport
from da_node.client.wire import Body, Request
from da_node.service import HoldfastError, logger
from sampler.bounds import (
    IDLE_S,
    WEBHOOK_ANSWER_BYTES,
    WEBHOOK_BATCH,
    WEBHOOK_FIRST_S,
    WEBHOOK_LONGEST_S,
    WEBHOOK_S,
)
from sampler.metrics import SamplerMetrics
from sampler.state import Delivery, StateThread

DOMAIN: Final = b"HOLDFAST-V1-WEBHOOK"
TIME_FIELD: Final = "Holdfast-Time"
SIGNATURE_FIELD: Final = "Holdfast-Signature"

_log = logger(__name__)


def signed_digest(body: bytes, time: int) -> bytes:
    """What is signed of a call, 32 bytes."""
    return sha256(DOMAIN + sha256(body).digest() + time.to_bytes(8, "big")).digest()


def with_cursor(document: bytes, cursor: int) -> bytes:
    """A verdict's JSON with its place among this sampler's verdicts."""
    return msgspec.json.encode({"cursor": cursor, **msgspec.json.decode(document)})


class Webhook:
    """Delivers what the state says is due. Used from one event loop."""

    def __init__(
        self,
        url: str,
        key: EthereumKey | None,
        *,
        state: StateThread,
        clock: Callable[[], float],
        pace: Pace,
        metrics: SamplerMetrics,
        most: int,
    ) -> None:
        """At most `most` deliveries wait."""
        parts = urlsplit(url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._key = key
        self._state = state
        self._clock = clock
        self._pace = pace
        self._metrics = metrics
        self._most = most
        self._wake = asyncio.Event()
        self._transport = Transport(
            limits=Limits(connect_s=WEBHOOK_S, answer_s=WEBHOOK_S, connections=1),
            policy=RetryPolicy(attempts=1),
            pace=pace,
        )

    def wake(self) -> None:
        """There is something to deliver."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver for ever. Nothing that the other side does ends it."""
        await self._transport.open()
        while True:
            self._wake.clear()
            try:
                wait_s = await self._deliver_due()
            except HoldfastError as error:  # the state: tried again
                _log.error("webhook queue failed", reason=str(error))
                wait_s = IDLE_S
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.close()

    async def _deliver_due(self) -> float:
        """Deliver what is due, in order, until one is not taken; how long to wait then."""
        steps = self._state.steps
        dropped = await self._state.run(steps.forget_oldest_deliveries, self._most)
        if dropped:
            self._metrics.webhook_calls.labels("dropped").inc(dropped)
            _log.error("webhook queue is full, the oldest are dropped", dropped=dropped)
        while True:
            found = await self._state.run(steps.deliveries, now=self._clock(), limit=WEBHOOK_BATCH)
            if not found:
                due = await self._state.run(steps.next_delivery)
                return IDLE_S if due is None else max(0.0, due - self._clock())
            for delivery in found:
                if not await self._deliver(delivery):
                    pause_s = self._pause_s(delivery.tries)
                    # Those after it wait for it: verdicts come in order.
                    await self._state.run(
                        steps.deliver_later, delivery.cursor, self._clock() + pause_s
                    )
                    return pause_s

    async def _deliver(self, delivery: Delivery) -> bool:
        body = with_cursor(delivery.document, delivery.cursor)
        request = Request(
            method="POST",
            path=self._path,
            answer_bytes=WEBHOOK_ANSWER_BYTES,
            headers=self._fields(body),
            body=Body.of([body]),
        )
        try:
            async with asyncio.timeout(WEBHOOK_S):
                await self._transport.once(self._origin, request)
        except (Failed, HoldfastError, TimeoutError) as error:
            self._metrics.webhook_calls.labels("failed").inc()
            _log.warning("webhook failed", cursor=delivery.cursor, reason=str(error))
            return False
        # A crash here delivers it once more.
        await self._state.run(self._state.steps.delivered, delivery.cursor)
        self._metrics.webhook_calls.labels("taken").inc()
        return True

    def _fields(self, body: bytes) -> dict[str, str]:
        time = int(self._clock())
        fields = {TIME_FIELD: str(time)}
        if self._key is not None:
            fields[SIGNATURE_FIELD] = "0x" + self._key.sign(signed_digest(body, time)).hex()
        return fields

    def _pause_s(self, tries: int) -> float:
        longest = min(WEBHOOK_LONGEST_S, WEBHOOK_FIRST_S * 2.0 ** min(tries, 20))
        return longest * (0.5 + self._pace.draw() / 2)
