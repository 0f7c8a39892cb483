"""What a disperser asks of one member: to keep its arc, and to keep the certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from committee.certificate import VerifiedCertificate
from committee.dispersal import Dispersal, Ticket, digest_of
from committee.disperser.bounds import CERTIFICATE_ANSWER_BYTES
from committee.keyset import VerifiedKeyset
from committee.parameters import SIGNATURE_BYTES
from committee.secp256k1 import EthereumKey
from da_node.client.wire import Body, Request, path_of
from da_node.coding import BlobId, EncodedBlob


@dataclass(slots=True)
class ArcRequests:
    """The requests by which one member is handed its arc of one blob, as often as it takes."""

    key: EthereumKey
    dispersal: Dispersal
    body: Body
    digest: bytes
    """SHA-256 of the body."""
    _signed_at: int = field(default=-1, init=False)

    @classmethod
    def prepare(
        cls,
        key: EthereumKey,
        keyset: VerifiedKeyset,
        member: int,
        blob: EncodedBlob,
        *,
        expires_at: int,
        label: str,
    ) -> ArcRequests:
        """Hashes the whole arc: for a thread."""
        dispersal = Dispersal(
            keyset_hash=keyset.hash,
            header=blob.header,
            expires_at=expires_at,
            label=label,
            columns=tuple(blob.column(index) for index in keyset.arcs[member]),
        )
        body = Body.of(dispersal.pieces())
        return cls(key, dispersal, body, digest_of(body.pieces))

    def request(self, clock: Callable[[], int]) -> Request:
        """The next request. A member takes each but once, so no two are signed for one second."""
        self._signed_at = max(clock(), self._signed_at + 1)
        blob_id = self.dispersal.header.blob_id
        ticket = Ticket.sign(
            self.key,
            keyset_hash=self.dispersal.keyset_hash,
            blob_id=blob_id,
            body_digest=self.digest,
            time=self._signed_at,
        )
        return Request(
            method="PUT",
            path=path_of(blob_id, "columns"),
            answer_bytes=SIGNATURE_BYTES,
            headers=ticket.fields(),
            body=self.body,
        )


def certificate_request(blob_id: BlobId, certificate: VerifiedCertificate) -> Request:
    """By which a member gets the certificate."""
    return Request(
        method="PUT",
        path=path_of(blob_id, "certificate"),
        answer_bytes=CERTIFICATE_ANSWER_BYTES,
        body=Body.of([certificate.serialize()]),
    )
