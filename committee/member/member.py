"""What a member does with an order: verify, keep, sign. The node's threads and store do the work.

order ─▶ parse ─▶ verify ─▶ columns, then pledge; one sync ─▶ sign ─▶ answer
                                                           │
                    a crash before: a signature was never made, and what lies on disk is
                    either nothing, or columns and pledge of which nobody was told;
                    a crash after: the same order comes again and gets the same signature
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from committee.bls import Signature
from committee.dispersal import Dispersal, Ticket, longest_body
from committee.documents import Committee
from committee.member.admission import Admission, Signed, require_few
from committee.member.catching_up import CatchingUp
from committee.member.certificates import Certificates
from committee.member.metrics import MemberMetrics
from committee.member.order import Order
from committee.member.seat import Seats
from committee.secp256k1 import Address
from committee.signing.signer import Signer
from da_node.coding import BlobId, Kzg, row_count_of, verify_columns
from da_node.node.node import Node
from da_node.service import DeadlineExceeded, HoldfastError, logger
from da_node.store import Kept, Stored

_log = logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that attests. Used from the node's event loop."""

    node: Node
    kzg: Kzg
    """The node's own."""
    seats: Seats
    admission: Admission
    signer: Signer
    certificates: Certificates
    catching_up: CatchingUp
    """Told of each certificate that was handed in, once it is durable."""
    metrics: MemberMetrics
    attest_timeout_s: float
    """From the end of a body to its signature; a disk that takes longer is too slow to promise
    anything."""

    def follow(self, committees: Sequence[Committee], dispersers: Collection[Address]) -> None:
        """From now on these keysets and dispersers, and no others: both, or neither.

        Raises as `Seats.follow` and `Admission.follow` do.
        """
        require_few(set(dispersers))
        self.seats.follow(committees)
        self.admission.follow(dispersers)

    @property
    def longest_body_bytes(self) -> int:
        """No dispersal of a payload that the node would take is longer."""
        rows = row_count_of(self.node.settings.body_limit_bytes)
        return longest_body(self.seats.longest_arc, rows)

    async def identify(self, ticket: Ticket, blob_id: BlobId) -> Signed:
        """Who asks. Raises StaleRequest, BadSigner, UnknownDisperser, NotInForce, Superseded."""
        now = self.node.clock()
        signed = await self.node.workers.probe.run(self.admission.identify, ticket, blob_id, now)
        self.metrics.disperser_offset.labels(signed.disperser.hex0x).set(ticket.time - now)
        return signed

    def admit(self, signed: Signed) -> Order:
        """Let an order in, before its body is read. Raises ReplayedRequest, TooManyRequests."""
        self.admission.admit(signed, self.node.clock())
        return Order(signed)

    async def attest(self, order: Order, body: bytearray, digest: bytes) -> Signature:
        """The signature over an order whose body has come, its columns being durable.

        Raises whatever is wrong with the body or its columns, StoreFull, StoreFault,
        DeadlineExceeded, SignerUnreachable; then nothing was signed, but for the last.
        """
        try:
            async with asyncio.timeout(self.attest_timeout_s):
                return await self._attest(order, body, digest)
        except TimeoutError:
            # What the threads are at goes on, and a repeat finds it done.
            error: HoldfastError = DeadlineExceeded(bound_s=self.attest_timeout_s)
        except HoldfastError as raised:
            error = raised
        # Of requests that no disperser of ours made only the metrics tell: anybody can make many.
        _log.warning(
            "not attested",
            blob_id=order.signed.blob_id.hex0x,
            disperser=order.signed.disperser.hex0x,
            code=error.code,
            reason=str(error),
        )
        raise error

    async def _attest(self, order: Order, body: bytearray, digest: bytes) -> Signature:
        workers = self.node.workers
        order.receive(digest)
        dispersal = await workers.compute.run(Dispersal.parse, body, self.kzg)
        order.accept(dispersal, self.node.clock())
        threads = self.node.settings.threads
        with self.metrics.verify_seconds.time():
            order.verify(
                await workers.compute.run(
                    verify_columns, dispersal.header, dispersal.columns, self.kzg, threads=threads
                )
            )
        with self.metrics.store_seconds.time():
            stored = await workers.store.run(self._put, order)
        order.keep()
        # Of a repeat too: it is a new place in the feed where the blob moved.
        self.node.events.publish(stored.cursor)
        signature = await self.signer.sign(order.attestation)
        self.metrics.attested.labels("new" if stored.created else "again").inc()
        self.metrics.last_attested.set(self.node.clock())
        _log.info(
            "attested",
            blob_id=order.signed.blob_id.hex0x,
            expires_at=dispersal.expires_at,
            disperser=order.signed.disperser.hex0x,
        )
        return signature

    def _put(self, order: Order) -> Stored:
        dispersal = order.dispersal
        return self.node.store.put_blob(
            dispersal.header,
            order.columns,
            expires_at=dispersal.expires_at,
            label=dispersal.label,
            pledge=dispersal.keyset_hash,
        )

    async def take_certificate(self, blob_id: BlobId, data: bytes) -> Kept:
        """Keep a certificate. Of a blob that is not all here the rest is wanted from now on.

        Raises what parsing and verifying it does, Pruned once it has expired, NotReady where too
        much is wanted already, StoreFull, StoreFault.
        """
        offer = await self.node.workers.compute.run(
            self.certificates.offer, data, self.node.clock(), blob_id=blob_id
        )
        (kept,) = await self.node.workers.store.run(self.node.store.put_certificates, [offer])
        # Durable from here on, wish and all.
        self.catching_up.noted(offer, kept, is_new=True)
        return kept
