"""One disperser: everything it consists of, made from settings, keysets and a key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.disperser.bounds import (
    CONNECTIONS_PER_READ,
    CONNECTIONS_PER_UPLOAD,
    FEED_RETRY,
    RATE_BURST_S,
    RATE_CLIENTS,
    READ_MEMORY_BYTES,
    READ_RETRY,
    SUBSCRIBERS,
    THREADS,
    UPLOADS_IN_MEMORY,
)
from committee.disperser.certificates import BETTER_S, best_certificate
from committee.disperser.feeds import Feeds, sources
from committee.disperser.intake import Intake
from committee.disperser.members import Keeping, Members
from committee.disperser.metrics import DisperserMetrics
from committee.disperser.sending import Sender, Spread
from committee.disperser.settings import DisperserSettings
from committee.disperser.spreading import Patience
from committee.disperser.tenant_file import TenantFile
from committee.disperser.tenants import Quotas, Token
from committee.disperser.terms import Terms
from committee.documents import Committee
from committee.secp256k1 import EthereumKey
from committee.succession import Succession
from da_node.client import Client, Limits, Pace
from da_node.client.transport import Transport
from da_node.coding import BlobId, EncodedBlob, encode
from da_node.service import VERSION, Health, HoldfastError, NotReady, logger
from da_node.service.background import in_background
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
        committees: Sequence[Committee],
        key: EthereumKey,
        kzg: KzgPool,
        tenants: TenantFile | None,
        clock: Callable[[], int],
        timers: Timers,
        pace: Pace,
    ) -> None:
        """`clock` gives unix seconds; `timers` keeps clients' deadlines, `pace` the members'.

        It owns `kzg` from here on: `stop` closes it. Without `tenants` whoever asks may post.
        Raises BadConfiguration where the keysets do not follow each other.
        """
        self.settings: Final = settings
        self.succession = Succession(committees)
        """The keysets that are followed now."""
        self.address: Final = key.address
        self.clock: Final = clock
        self.timers: Final = timers
        self.metrics: Final = DisperserMetrics()
        self._kzg = kzg
        self._tenants = tenants
        self._quotas = Quotas()
        self._pace = pace
        self._threads = settings.threads
        patience = Patience(
            hedge_s=settings.hedge_s,
            blob_s=settings.dispersal_timeout_s,
            member_s=settings.member_timeout_s,
        )
        self._transport = Transport(
            limits=Limits(
                connections=CONNECTIONS_PER_UPLOAD * settings.max_uploads,
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
            key=key,
            transport=self._transport,
            executor=self._executor,
            patience=patience,
            clock=clock,
            pace=pace,
            metrics=self.metrics,
        )
        self.intake = Intake(encode=self._encode, spread=self._spread, metrics=self.metrics)
        self.members = Members(
            self.succession,
            partial(
                Client,
                kzg=kzg,
                threads=self._threads,
                limits=Limits(connections=CONNECTIONS_PER_READ * settings.max_reads),
                policy=READ_RETRY,
                pace=pace,
                operation_s=settings.request_timeout_s,
            ),
            lasting_s=settings.request_timeout_s,
        )
        self.feeds = Feeds(
            client=lambda: self.client,
            make_follower=partial(
                Client, kzg=kzg, limits=Limits(connections=1), policy=FEED_RETRY, pace=pace
            ),
            sources=lambda: sources(self.succession, self.clock()),
        )
        self.streams = Admission("event streams", max_count=SUBSCRIBERS, max_bytes=0)
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
        await self.members.open()
        self._warming = in_background(asyncio.to_thread(self._kzg.warm))

    def stopping(self) -> None:
        """Tell balancers, and end the event streams, which would not end by themselves."""
        self.health.stop("stopping")
        self.feeds.end()

    async def stop(self) -> None:
        """Finish what was taken in, and close everything.

        Call when no request is under way any more.
        """
        await self.intake.drain()
        await self.sender.drain(self.settings.shutdown_grace_s)
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self.feeds.close()
        await self.members.close()
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
            came, charged_at = 0, self.clock()
            if token is not None:
                self._quotas.charge(token, held, now=charged_at)

            def complete(size_bytes: int) -> str:
                nonlocal came
                came = size_bytes
                return "" if token is None else token.tenant

            try:
                yield complete
            finally:
                if token is not None:
                    self._quotas.settle(token, held - came, charged_at=charged_at)

    async def follow(self, committees: Sequence[Committee]) -> None:
        """From now on these keysets, and no others; what is under way ends under its own.

        Raises BadConfiguration where they do not follow each other, and then changes nothing.
        """
        self.succession = Succession(committees)
        await self.members.follow(self.succession)

    @property
    def committee(self) -> Committee:
        """That of the newest keyset in force."""
        return self.succession.current(self.clock())

    @property
    def client(self) -> Client:
        """Reads from all members of all keysets that are followed."""
        return self.members.client

    def terms(self) -> Terms:
        """Of a payload that is complete now."""
        return Terms.at(self.succession, self.clock())

    async def certificate(
        self, blob_id: BlobId, *, better_s: float = BETTER_S, enough_lack: int | None = None
    ) -> VerifiedCertificate:
        """The best one that the members have; see `best_certificate`, which says what it raises."""
        certificate = await best_certificate(
            blob_id,
            self.client.nodes,
            transport=self._transport,
            verify=self._verified,
            rank=self._rank,
            pace=self._pace,
            better_s=better_s,
            enough_lack=enough_lack,
        )
        self.members.note(certificate)
        return certificate

    async def keeping(self, blob_id: BlobId) -> Keeping:
        """Who keeps a blob. After a rotation its certificate says so, which is looked for once.

        Where most members have none, a silent one is not waited for: what it might have is stored
        with every signer, and without it the blob is only looked for in more places.
        """
        known = self.members.keeping(blob_id)
        if known is None:
            most = len(self.client.nodes) // 2 + 1
            with suppress(HoldfastError):
                await self.certificate(blob_id, better_s=0.0, enough_lack=most)
            known = self.members.keeping(blob_id)
        return known or Keeping(custody=None, certified=False)

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
        settings, keyset = self.settings, self.committee.keyset
        return {
            "node_id": self.address.hex0x,
            "version": VERSION,
            "keyset_hash": keyset.hash.hex0x,
            "arc": {"start": 0, "count": 0},
            "limits": {
                "body_bytes": settings.body_limit_bytes,
                "uploads": settings.max_uploads,
                "reads": settings.max_reads,
                "reads_per_second_per_client": settings.reads_per_second_per_client,
                "request_timeout_s": settings.request_timeout_s,
                "body_min_bytes_per_s": settings.body_min_bytes_per_s,
            },
            "retention_s": keyset.retention_s,
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

    async def _spread(self, blob: EncodedBlob, terms: Terms, label: str) -> Spread:
        spread = await self.sender.spread(blob, terms=terms, label=label)
        self.members.note(spread.certificate)
        return spread

    def _verified(self, data: bytes) -> VerifiedCertificate:
        """Valid under whichever keyset it names."""
        parsed = Certificate.parse(data, self._kzg)
        committee = self.succession.under("certificate", parsed.keyset_hash)
        return verify_certificate(parsed, committee.keyset)

    def _rank(self, certificate: VerifiedCertificate) -> tuple[int, ...]:
        """Which of several certificates of one blob is best."""
        keyset = self.succession.rank(certificate.keyset_hash)
        return certificate.expires_at, keyset, len(certificate.signers)

    async def _probe_kzg(self) -> None:
        if not self._kzg.ready:
            raise NotReady(reason="the trusted setup is being loaded")

    async def _probe_keyset(self) -> None:
        not_before = self.committee.keyset.not_before
        if self.clock() < not_before:
            raise NotReady(reason=f"the first keyset is in force from {not_before} on")

    def _close(self) -> None:
        self._encoders.shutdown(wait=True)
        self._executor.shutdown(wait=True)
        self._kzg.close()
