"""Keys, keysets, blobs and certificates to test with; none is secret."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from hypothesis import strategies as st

from committee.arcs import shortest_arc
from committee.attestation import Attestation, VerifiedAttestation, verify_attestation
from committee.bls import SecretKey
from committee.certificate import VerifiedCertificate, certify
from committee.keyset import Keyset, VerifiedKeyset, verify_keyset
from committee.values import NetworkId
from da_node.coding import Commitment, Header, MerkleRoot

NETWORK = NetworkId(b"\x11" * 32)
G1_INFINITY = b"\xc0" + bytes(47)
G2_INFINITY = b"\xc0" + bytes(95)
FIELD_MODULUS = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB  # noqa: E501
GROUP_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
NOT_BEFORE = 1_700_000_000
EXPIRES_AT = 1_701_572_400


@functools.cache
def secret(seed: int) -> SecretKey:
    """The key of a number."""
    return SecretKey.generate(seed.to_bytes(32, "big"))


def keyset_fields(n: int = 4, faults: int = 1, threshold: int | None = None) -> dict[str, Any]:
    """What a keyset of the first n keys is made from."""
    threshold = n - faults if threshold is None else threshold
    return {
        "network_id": NETWORK,
        "not_before": NOT_BEFORE,
        "retention_s": 1_572_864,
        "challenge_period_s": 604_800,
        "threshold": threshold,
        "faults": faults,
        "columns_per_member": shortest_arc(n, threshold - faults),
        "public_keys": tuple(secret(i).public_key for i in range(n)),
    }


@functools.cache
def keyset(n: int = 4, faults: int = 1, threshold: int | None = None) -> VerifiedKeyset:
    """A verified keyset of the first n keys."""
    return verified(Keyset(**keyset_fields(n, faults, threshold)))


def verified(plain: Keyset) -> VerifiedKeyset:
    """A keyset of the first keys with their proofs."""
    return verify_keyset(plain, tuple(secret(i).prove_possession() for i in range(plain.size)))


def changed(original: Keyset, **fields: Any) -> Keyset:
    """Another keyset like it, unverified."""
    kept = {field.name: getattr(original, field.name) for field in dataclasses.fields(Keyset)}
    return Keyset(**kept | fields)


def header(seed: int = 0) -> Header:
    """A header; infinity commits to a row of zeros, and is a commitment like any other."""
    return Header(
        payload_length=1 + seed,
        merkle_root=MerkleRoot(seed.to_bytes(32, "big")),
        commitment=Commitment(G1_INFINITY),
    )


def attested(
    who: VerifiedKeyset, *members: int, of: Header | None = None, expires_at: int = EXPIRES_AT
) -> list[VerifiedAttestation]:
    """Those members' attestations of one blob, in that order."""
    attestation = Attestation(
        keyset_hash=who.hash, blob_id=(of or header()).blob_id, expires_at=expires_at
    )
    return [verify_attestation(who, attestation, i, attestation.sign(secret(i))) for i in members]


def certificate(who: VerifiedKeyset, *members: int) -> VerifiedCertificate:
    """The certificate of the blob of `header()` by those members."""
    return certify(header(), attested(who, *members))


committees = st.integers(1, 16).flatmap(
    lambda n: st.integers(0, (n - 1) // 2).flatmap(
        lambda faults: st.tuples(st.just(n), st.just(faults), st.integers(faults + 1, n - faults))
    )
)
"""n, faults, threshold that fit."""
