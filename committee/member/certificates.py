"""What a member makes of a certificate: whether it holds, and what is to be kept here by it. Pure.

A certificate under a keyset that the member follows says that enough members hold the blob, so
this one is to hold its arc of it too, whether or not a disperser ever brought it.
"""

from __future__ import annotations

from typing import Final

from committee.certificate import Certificate, VerifiedCertificate, verify_certificate
from committee.member.seat import Seats
from committee.parameters import CERTIFICATE_FIXED_BYTES, HOUR_S, MAX_BITMAP_BYTES, SIGNATURE_BYTES
from committee.values import KeysetHash
from da_node.coding import HASH_BYTES, BlobId, Kzg
from da_node.service import MalformedRequest, Pruned
from da_node.store import Offer

LONGEST_CERTIFICATE_BYTES: Final = CERTIFICATE_FIXED_BYTES + MAX_BITMAP_BYTES

AHEAD_S: Final = 86_400
"""How much later than one retention from now a certificate may expire. Honest members sign no
later than an hour and five minutes; more than a day would be for buckets that nobody prunes."""


class Certificates:
    """Judges certificates by the keysets that the member follows. From any thread."""

    def __init__(self, seats: Seats, kzg: Kzg) -> None:
        self._seats = seats
        self._kzg = kzg

    def offer(self, data: bytes, now: int, *, blob_id: BlobId, label: str = "") -> Offer:
        """A valid certificate of that blob, with the columns that are to be kept here by it.

        Raises what parsing and verifying it does, MalformedRequest for another blob's or for an
        expiry that no honest member signs, Pruned once it has expired.
        """
        parsed = Certificate.parse(data, self._kzg)
        keyset = self._seats.succession.under("certificate", parsed.keyset_hash).keyset
        if parsed.header.blob_id != blob_id:
            raise MalformedRequest(
                field="certificate",
                value=parsed.header.blob_id.hex0x,
                expected=f"of the blob that is spoken of, {blob_id.hex0x}",
            )
        latest = now + keyset.retention_s + AHEAD_S
        if parsed.expires_at % HOUR_S or parsed.expires_at > latest:
            # No honest member signs it, so its signers are liars; it is not worth a bucket.
            raise MalformedRequest(
                field="certificate",
                value=str(parsed.expires_at),
                expected=f"until a whole hour up to {latest}",
            )
        if parsed.expires_at <= now:
            raise Pruned(blob_id=blob_id.hex0x, expired_at=parsed.expires_at)
        return self._offer_of(verify_certificate(parsed, keyset), label)

    @property
    def kept_under(self) -> frozenset[KeysetHash]:
        """The keysets by whose certificates something is to be kept here."""
        return frozenset(seat.keyset.hash for seat in self._seats.all)

    def _offer_of(self, certificate: VerifiedCertificate, label: str) -> Offer:
        data = certificate.serialize()
        rank = self._rank(data)
        return Offer(
            header=certificate.header,
            expires_at=certificate.expires_at,
            certificate=data,
            stays=lambda existing: self._rank(existing) >= rank,
            columns=self._kept_under(certificate.keyset_hash),
            label=label,
        )

    def _rank(self, data: bytes) -> tuple[int, int]:
        """Which of two valid certificates of one blob and expiry stays: that of the later keyset,
        and within one the one with more signers.
        """
        bitmap = data[CERTIFICATE_FIXED_BYTES - SIGNATURE_BYTES : -SIGNATURE_BYTES]
        signers = int.from_bytes(bitmap, "big").bit_count()
        return self._seats.succession.rank(keyset_hash_of(data)), signers

    def _kept_under(self, keyset_hash: KeysetHash) -> tuple[int, ...]:
        """The columns that this member keeps under a keyset: none where it has no place."""
        seats = (seat for seat in self._seats.all if seat.keyset.hash == keyset_hash)
        return tuple(column for seat in seats for column in seat.arc)


def keyset_hash_of(data: bytes) -> KeysetHash:
    """The keyset that a certificate, which has been verified before, was made under."""
    return KeysetHash(data[2 : 2 + HASH_BYTES])
