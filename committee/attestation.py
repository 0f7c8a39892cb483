"""What a member signs once it has verified its columns and they lie on disk. Pure.

    attestation = keyset_hash 32 ‖ blob_id 32 ‖ expires_at u64                   72 bytes
    message     = SHA256("HOLDFAST-V1-ATTEST" ‖ attestation)

An attestation is also what a certificate is the proof of: two certificates of one attestation may
differ in their signers and are the same for everybody who relies on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from committee.bls import SecretKey, Signature, is_signature
from committee.errors import BadAttestation, BadPoint, OtherKeyset, UnknownSigner
from committee.keyset import VerifiedKeyset
from committee.parameters import ATTESTATION_BYTES, TIME_BYTES
from committee.reader import Reader
from committee.values import KeysetHash
from da_node.coding import HASH_BYTES, BlobId
from da_node.service import WrongLength

_DOMAIN: Final = b"HOLDFAST-V1-ATTEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """That a blob's columns are kept, by the rules of a keyset, until a time."""

    keyset_hash: KeysetHash
    """Whose rules: the arcs, and who may sign."""
    blob_id: BlobId
    """What is kept."""
    expires_at: int
    """Until when, in unix seconds, 0 … 2^64 − 1."""

    @classmethod
    def parse(cls, data: bytes) -> Attestation:
        """From exactly 72 bytes. Raises WrongLength."""
        if len(data) != ATTESTATION_BYTES:
            raise WrongLength(what="attestation", value=len(data), expected=ATTESTATION_BYTES)
        read = Reader(data)
        return cls(
            keyset_hash=KeysetHash(read.bytes(HASH_BYTES)),
            blob_id=BlobId(read.bytes(HASH_BYTES)),
            expires_at=read.number(TIME_BYTES),
        )

    def serialize(self) -> bytes:
        """The 72 bytes."""
        return self.keyset_hash + self.blob_id + self.expires_at.to_bytes(TIME_BYTES, "big")

    @property
    def message(self) -> bytes:
        """The 32 bytes that are signed."""
        return sha256(_DOMAIN + self.serialize()).digest()

    def sign(self, key: SecretKey) -> Signature:
        """The member's word: only for columns that are verified and durable.

        The same attestation gives the same signature, byte for byte.
        """
        return key.sign(self.message)


@dataclass(frozen=True, kw_only=True)
class VerifiedAttestation:
    """An attestation with one member's signature that holds.

    Made by `verify_attestation`; there is no way around the check.
    Raises OtherKeyset, UnknownSigner, BadAttestation.
    """

    attestation: Attestation
    keyset: VerifiedKeyset
    member: int
    """Who signed: the place in the keyset."""
    signature: Signature

    def __post_init__(self) -> None:
        require_keyset("attestation", self.attestation.keyset_hash, self.keyset)
        if not 0 <= self.member < self.keyset.size:
            raise UnknownSigner(value=self.member, bound=self.keyset.size - 1)
        key = self.keyset.public_keys[self.member]
        if not is_signature(key, self.attestation.message, self.signature):
            raise _blame(self.member, self.attestation, "the signature is not its own over this")


def verify_attestation(
    keyset: VerifiedKeyset, attestation: Attestation, member: int, signature: bytes
) -> VerifiedAttestation:
    """What a member answered, checked.

    Raises BadAttestation whatever is wrong with the signature: that is this member's fault.
    OtherKeyset and UnknownSigner are the caller's.
    """
    try:
        parsed = Signature(signature)
    except (WrongLength, BadPoint) as error:
        raise _blame(member, attestation, str(error)) from error
    return VerifiedAttestation(
        attestation=attestation, keyset=keyset, member=member, signature=parsed
    )


def require_keyset(what: str, value: KeysetHash, keyset: VerifiedKeyset) -> None:
    """Refuse what was made under another keyset. Raises OtherKeyset."""
    if value != keyset.hash:
        raise OtherKeyset(what=what, value=value.hex0x, expected=keyset.hash.hex0x)


def _blame(member: int, attestation: Attestation, reason: str) -> BadAttestation:
    return BadAttestation(member=member, blob_id=attestation.blob_id.hex0x, reason=reason)
