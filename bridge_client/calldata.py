"""Keysets and certificates as the contracts take them. Pure.

A certificate's bytes are those of PROTOCOL.md, with the signature as 256 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from bridge_client.points import G2_BYTES, compressed_g2, uncompressed_g1, uncompressed_g2
from committee.certificate import Certificate
from committee.keyset import Keyset, VerifiedKeyset
from committee.parameters import SIGNATURE_BYTES

KEYS_A_CALL: Final = 64
"""Keys that one `proveKeys` checks: 64 · 208,000 gas stay below a transaction's 2^24."""


class Rules(NamedTuple):
    """`CertificateVerifier.Rules`, in its order."""

    not_before: int
    retention_s: int
    challenge_period_s: int
    threshold: int
    faults: int
    columns_per_member: int


def rules_of(keyset: Keyset) -> Rules:
    """What `prepareKeyset` takes beside the keys."""
    return Rules(
        not_before=keyset.not_before,
        retention_s=keyset.retention_s,
        challenge_period_s=keyset.challenge_period_s,
        threshold=keyset.threshold,
        faults=keyset.faults,
        columns_per_member=keyset.columns_per_member,
    )


def keys_of(keyset: Keyset) -> bytes:
    """All keys in order, 128 bytes each."""
    return b"".join(map(uncompressed_g1, keyset.public_keys))


def proofs_in_calls(keyset: VerifiedKeyset) -> Iterator[tuple[bytes, bytes]]:
    """Keys and proofs of possession for one `proveKeys` after the other."""
    for start in range(0, keyset.size, KEYS_A_CALL):
        members = slice(start, start + KEYS_A_CALL)
        yield (
            b"".join(map(uncompressed_g1, keyset.public_keys[members])),
            b"".join(map(uncompressed_g2, keyset.proofs_of_possession[members])),
        )


def certificate_for_chain(certificate: Certificate) -> bytes:
    """The certificate with its signature uncompressed."""
    return certificate.serialize()[:-SIGNATURE_BYTES] + uncompressed_g2(certificate.signature)


def certificate_from_chain(data: bytes) -> bytes:
    """The certificate as it travels elsewhere, of one as contracts take it; not verified.

    ValueError for bytes that end in no point of G2.
    """
    return data[:-G2_BYTES] + compressed_g2(data[-G2_BYTES:])
