"""One disperser: everything it consists of, made from settings, a committee and a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from committee.disperser.bounds import (
    CONNECTIONS_PER_READ,
    CONNECTIONS_PER_UPLOAD,
    RATE_BURST_S,
    RATE_CLIENTS,
    READ_MEMORY_BYTES,
    READ_RETRY,
    THREADS,
    UPLOADS_IN_MEMORY,
)
from committee.disperser.intake import Intake
from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender, Spread
from committee.disperser.settings import DisperserSettings
from committee.disperser.spreading import Patience
from committee.disperser.tenant_file import TenantFile
from committee.disperser.tenants import Quotas, Token
from committee.documents import Committee
from committee.parameters import HOUR_S
from committee.secp256k1 import EthereumKey
from da_node.client import Client, Limits, Pace
from da_node.client.transport import Transport
from da_node.coding import EncodedBlob, encode
from da_node.service import VERSION, Health, NotReady, logger
from da_node.service.http.admission import Admission
from da_node.service.http.deadlines import Timers
from da_node.service.http.pacing import Pace as TransferPace
from da_node.service.http.rate_limit import TokenBuckets
from da_node.service.kzg_pool import KzgPool

_log = logger(__name__)


class Disperser:
    """One disperser's state and its parts. Made, used and stopped on one event loop."""

    def __init__(
        self,
        *,
        settings: DisperserSettings,
        committee: Committee,
        key: EthereumKey,
        kzg: KzgPool,
        tenants: TenantFile | None,
        clock: Callable[[], int],
        timers: Timers,
        pace: Pace,
    ) -> None:
        """`clock` gives unix seconds; `timers` keeps clients' deadlines, `pace` the members'.

        It owns `kzg` from here on: `stop` closes it. Without `tenants` whoever asks may post.
        """
        self.settings: Final = settings
        self.committee: Final = committee
        self.keyset: Final = committee.keyset
        self.address: Final = key.address
        self.clock: Final = clock
        self.timers: Final = timers
        self.metrics: Final = DisperserMetrics()
        self._kzg = kzg
        self._tenants = tenants
        self._quotas = Quotas()
        self._threads = settings.threads
        patience = Patience(
            hedge_s=settings.hedge_s,
            blob_s=settings.dispersal_timeout_s,
            member_s=settings.member_timeout_s,
        )
        per_upload = CONNECTIONS_PER_UPLOAD * self.keyset.size
        self._transport = Transport(
            limits=Limits(
                connections=per_upload * settings.max_uploads,
                answer_s=settings.member_timeout_s,
            ),
            policy=patience.retry,
            pace=pace,
        )
        # While the curve work of some payloads is done elsewhere, one more keeps the cores busy.
        self._encoders = ThreadPoolExecutor(
            settings.kzg_workers + 1, thread_name_prefix="holdfast-encode"
        )
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="holdfast-send")
        self.sender = Sender(
            committee=committee,
            key=key,
            transport=self._transport,
            executor=self._executor,
            patience=patience,
            clock=clock,
            pace=pace,
            metrics=self.metrics,
        )
        self.intake = Intake(encode=self._encode, spread=self._spread, metrics=self.metrics)
        self.client = Client(
            [member.url for member in committee.members],
            kzg=kzg,
            threads=self._threads,
            limits=Limits(connections=CONNECTIONS_PER_READ * settings.max_reads),
            policy=READ_RETRY,
            pace=pace,
            operation_s=settings.request_timeout_s,
        )
        self.uploads = Admission(
            "uploads",
            max_count=settings.max_uploads,
            max_bytes=settings.body_limit_bytes * UPLOADS_IN_MEMORY,
        )
        self.reads = Admission("reads", max_count=settings.max_reads, max_bytes=READ_MEMORY_BYTES)
        self.rates = TokenBuckets(
            per_second=settings.reads_per_second_per_client,
            burst=settings.reads_per_second_per_client * RATE_BURST_S,
            max_clients=RATE_CLIENTS,
        )
        self.health = Health(clock=time.monotonic)
        self.health.add("kzg", self._probe_kzg)
        self.health.add("keyset", self._probe_keyset)
        self._warming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open what needs the event loop, and warm up in the background."""
        await self._transport.open()
        await self.client.__aenter__()
        self._warming = asyncio.create_task(asyncio.to_thread(self._kzg.warm))
        self._warming.add_done_callback(_report_end)

    async def stop(self) -> None:
        """Finish what was taken in, and close everything.

        Call when no request is under way any more.
        """
        await self.intake.drain()
        await self.sender.drain(self.settings.shutdown_grace_s)
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self.client.__aexit__(None, None, None)
        await self._transport.close()
        await asyncio.to_thread(self._close)

    @contextmanager
    def admitted(
        self, authorization: str | None, label: str, announced_bytes: int | None
    ) -> Iterator[Callable[[int], str]]:
        """A place for one upload, charged to its tenant.

        Gives what is to be called with the body's true length; it returns the tenant's name.
        Raises BadToken, ForeignLabel, QuotaExhausted, TooManyRequests.
        """
        held = self.settings.body_limit_bytes if announced_bytes is None else announced_bytes
        token = self._token_of(authorization, label)
        with self.uploads.hold(held):
            if token is not None:
                self._quotas.charge(token, held, now=self.clock())
            came = 0

            def complete(size_bytes: int) -> str:
                nonlocal came
                came = size_bytes
                return "" if token is None else token.tenant

            try:
                yield complete
            finally:
                if token is not None:
                    self._quotas.settle(token, held - came)

    def expiry(self) -> int:
        """Of a payload that is complete now: the keyset's retention, up to a whole hour."""
        return -(-(self.clock() + self.keyset.retention_s) // HOUR_S) * HOUR_S

    def pace(self) -> TransferPace:
        """The slowest transfer that is put up with, from now on."""
        return TransferPace(
            started_s=self.timers.time(),
            allowance_s=self.settings.header_timeout_s,
            min_bytes_per_s=self.settings.body_min_bytes_per_s,
            longest_s=self.settings.request_timeout_s,
        )

    def document(self) -> dict[str, Any]:
        """What /v1/node answers."""
        settings = self.settings
        return {
            "node_id": self.address.hex0x,
            "version": VERSION,
            "keyset_hash": self.keyset.hash.hex0x,
            "arc": {"start": 0, "count": 0},
            "limits": {
                "body_bytes": settings.body_limit_bytes,
                "uploads": settings.max_uploads,
                "reads": settings.max_reads,
                "reads_per_second_per_client": settings.reads_per_second_per_client,
                "request_timeout_s": settings.request_timeout_s,
                "body_min_bytes_per_s": settings.body_min_bytes_per_s,
            },
            "retention_s": self.keyset.retention_s,
            "time": self.clock(),
        }

    # ------------------------------------------------------------ inside

    def _token_of(self, authorization: str | None, label: str) -> Token | None:
        if self._tenants is None:
            return None
        tenants = self._tenants.current()
        token = tenants.token_of(authorization)
        token.require_label(label)
        self._quotas.forget_all_but(tenants)
        return token

    async def _encode(self, payload: bytearray) -> EncodedBlob:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._encoders, lambda: encode(payload, self._kzg, threads=self._threads)
        )

    async def _spread(self, blob: EncodedBlob, expires_at: int, label: str) -> Spread:
        return await self.sender.spread(blob, expires_at=expires_at, label=label)

    async def _probe_kzg(self) -> None:
        if not self._kzg.ready:
            raise NotReady(reason="the trusted setup is being loaded")

    async def _probe_keyset(self) -> None:
        if self.clock() < self.keyset.not_before:
            raise NotReady(reason=f"the keyset is in force from {self.keyset.not_before} on")

    def _close(self) -> None:
        self._encoders.shutdown(wait=True)
        self._executor.shutdown(wait=True)
        self._kzg.close()


def _report_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background work ended", exc_info=error)
