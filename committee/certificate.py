"""A certificate: enough members of a keyset attested one blob. Pure.

    version u16 (=1) ‖ keyset_hash 32 ‖ header 90 ‖ expires_at u64
    ‖ signers bitmap ceil(n/8) ‖ aggregate signature 96

Member i is bit i % 8, least significant first, of byte i // 8 of the bitmap; bits from n on are
zero. Verifying needs nothing but the keyset. A valid certificate is not yet one to rely on: see
`VerifiedCertificate.require_reliable`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from committee.attestation import Attestation, VerifiedAttestation, require_keyset
from committee.bls import Signature, aggregate, is_aggregate
from committee.errors import (
    BadAggregate,
    ExpiresTooSoon,
    NotInForce,
    TooFewSigners,
    UnknownSigner,
)
from committee.keyset import VerifiedKeyset
from committee.parameters import (
    CERTIFICATE_FIXED_BYTES,
    MAX_BITMAP_BYTES,
    RELIANCE_MARGIN_S,
    SIGNATURE_BYTES,
    TIME_BYTES,
    VERSION,
    VERSION_BYTES,
)
from committee.reader import Reader
from committee.values import KeysetHash
from da_node.coding import HASH_BYTES, HEADER_BYTES, Header, Kzg
from da_node.service import Bug, UnsupportedVersion, WrongLength


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate as received: its header and its signature are points, no more is known."""

    keyset_hash: KeysetHash
    """The keyset that it claims to be signed under."""
    header: Header
    """Of the blob that is kept."""
    expires_at: int
    """Until when it is kept, in unix seconds, 0 … 2^64 − 1."""
    bitmap: bytes
    """Who claims to have signed, ceil(n/8) bytes."""
    signature: Signature
    """The sum of the signers' signatures."""

    @classmethod
    def parse(cls, data: bytes, kzg: Kzg | None = None) -> Certificate:
        """From its bytes, all of them; that the bitmap has the keyset's length is verified with
        the keyset. Raises WrongLength, UnsupportedVersion, BadPoint, and what `Header.parse` does.
        """
        bitmap_bytes = min(max(len(data) - CERTIFICATE_FIXED_BYTES, 1), MAX_BITMAP_BYTES)
        expected = CERTIFICATE_FIXED_BYTES + bitmap_bytes
        if len(data) != expected:
            raise WrongLength(what="certificate", value=len(data), expected=expected)
        read = Reader(data)
        version = read.number(VERSION_BYTES)
        if version != VERSION:
            raise UnsupportedVersion(what="certificate", value=version, bound=VERSION)
        return cls(
            keyset_hash=KeysetHash(read.bytes(HASH_BYTES)),
            header=Header.parse(read.bytes(HEADER_BYTES), kzg),
            expires_at=read.number(TIME_BYTES),
            bitmap=read.bytes(bitmap_bytes),
            signature=Signature(read.bytes(SIGNATURE_BYTES)),
        )

    def serialize(self) -> bytes:
        """The bytes that travel."""
        return b"".join(
            (
                VERSION.to_bytes(VERSION_BYTES, "big"),
                self.keyset_hash,
                self.header.serialize(),
                self.expires_at.to_bytes(TIME_BYTES, "big"),
                self.bitmap,
                self.signature,
            )
        )

    @functools.cached_property
    def attestation(self) -> Attestation:
        """What was signed. This, never its bytes, is a certificate's identity."""
        return Attestation(
            keyset_hash=self.keyset_hash,
            blob_id=self.header.blob_id,
            expires_at=self.expires_at,
        )

    @functools.cached_property
    def signers(self) -> tuple[int, ...]:
        """The members that the bitmap names, in order."""
        bits = int.from_bytes(self.bitmap, "little")
        return tuple(i for i in range(8 * len(self.bitmap)) if bits >> i & 1)


@dataclass(frozen=True, kw_only=True)
class VerifiedCertificate(Certificate):
    """A valid certificate.

    Made by `verify_certificate` and `certify`; there is no way around the check. Raises
    OtherKeyset, WrongLength, UnknownSigner, TooFewSigners, BadAggregate.
    """

    keyset: VerifiedKeyset
    """The keyset that it is valid under."""

    def __post_init__(self) -> None:
        require_keyset("certificate", self.keyset_hash, self.keyset)
        n = self.keyset.size
        expected = bitmap_bytes_of(n)
        if len(self.bitmap) != expected:
            raise WrongLength(what="bitmap of signers", value=len(self.bitmap), expected=expected)
        if self.signers and self.signers[-1] >= n:
            raise UnknownSigner(value=self.signers[-1], bound=n - 1)
        if len(self.signers) < self.keyset.threshold:
            raise TooFewSigners(value=len(self.signers), bound=self.keyset.threshold)
        keys = [self.keyset.public_keys[i] for i in self.signers]
        if not is_aggregate(keys, self.attestation.message, self.signature):
            signers = ", ".join(map(str, self.signers))
            raise BadAggregate(blob_id=self.header.blob_id.hex0x, signers=signers)

    def latest_inclusion(self, margin_s: int) -> int:
        """The last moment, in unix seconds, at which a batch may be settled on this certificate:
        a dispute over it is over an hour and `margin_s` before the blob goes.
        """
        return self.expires_at - self._outlasting_s(margin_s)

    def require_reliable(self, included_at: int, margin_s: int) -> None:
        """Refuse a certificate that a batch settled at `included_at` (unix seconds) must not rely
        on. Which keysets its network follows, and no longer follows, the caller knows.

        Raises ExpiresTooSoon, NotInForce.
        """
        if included_at < self.keyset.not_before:
            raise NotInForce(
                keyset_hash=self.keyset_hash.hex0x,
                not_before=self.keyset.not_before,
                included_at=included_at,
            )
        if included_at > self.latest_inclusion(margin_s):
            raise ExpiresTooSoon(
                expires_at=self.expires_at,
                included_at=included_at,
                needed_until=included_at + self._outlasting_s(margin_s),
            )

    def _outlasting_s(self, margin_s: int) -> int:
        return self.keyset.challenge_period_s + RELIANCE_MARGIN_S + margin_s


def verify_certificate(certificate: Certificate, keyset: VerifiedKeyset) -> VerifiedCertificate:
    """The certificate, found valid under this keyset.

    Raises OtherKeyset, WrongLength, UnknownSigner, TooFewSigners, BadAggregate.
    """
    return VerifiedCertificate(
        keyset_hash=certificate.keyset_hash,
        header=certificate.header,
        expires_at=certificate.expires_at,
        bitmap=certificate.bitmap,
        signature=certificate.signature,
        keyset=keyset,
    )


def certify(header: Header, attestations: Iterable[VerifiedAttestation]) -> VerifiedCertificate:
    """The certificate of a blob that enough members attested, in whatever order they did.

    All are of one attestation, that of `header`'s blob; several by one member count once. Which
    of an untrusted set is wrong, and whose fault that is, `verify_attestation` says beforehand.
    Raises TooFewSigners; Bug where they are of different attestations.
    """
    by_member = {one.member: one for one in attestations}
    if not by_member:
        raise TooFewSigners(value=0, bound=1)
    first = next(iter(by_member.values()))
    keyset, attestation = first.keyset, first.attestation
    if attestation.blob_id != header.blob_id or any(
        one.attestation != attestation for one in by_member.values()
    ):
        raise Bug(reason="attestations of different blobs or expiries do not add up")
    if len(by_member) < keyset.threshold:
        raise TooFewSigners(value=len(by_member), bound=keyset.threshold)
    bits = sum(1 << member for member in by_member)
    return VerifiedCertificate(
        keyset_hash=attestation.keyset_hash,
        header=header,
        expires_at=attestation.expires_at,
        bitmap=bits.to_bytes(bitmap_bytes_of(keyset.size), "little"),
        signature=aggregate(one.signature for one in by_member.values()),
        keyset=keyset,
    )


def bitmap_bytes_of(members: int) -> int:
    """Length of a bitmap with one bit for each member."""
    return -(-members // 8)
